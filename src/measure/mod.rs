//! Numbers from facts. Pure: nothing here waits, reads a clock, touches a store or fails on IO.
//!
//! `docs/metrics.md` says what each number means; an empty denominator gives `None`, never 0.

mod baseline;
mod conversations;
mod coverage;
pub mod daily;
pub mod digest;
mod figures;
mod headline;
pub mod history;
mod links;
mod percentile;
pub mod period;
pub mod quality;
pub mod receipt;
mod summary;
mod waiting;
pub mod weekly;
pub mod worktime;

pub use history::history_rows;
pub use period::{Period, Span};
pub use worktime::WorkCalendar;
