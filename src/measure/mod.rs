//! Numbers from facts. Pure: nothing here waits, reads a clock, touches a store or fails on IO.
//!
//! `docs/metrics.md` says what each number means; an empty denominator gives `None`, never 0.

pub mod daily;
pub mod digest;
pub mod period;
pub mod worktime;

pub use period::Period;
pub use worktime::WorkCalendar;
