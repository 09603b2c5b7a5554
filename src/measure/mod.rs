//! Numbers from facts. Pure: nothing here waits, reads a clock, touches a store or fails on IO.
//!
//! `docs/metrics.md` says what each number means; an empty denominator gives `None`, never 0.

mod baseline;
pub mod behaviour;
pub mod bot;
pub mod bot_day;
pub mod chat_lists;
mod conversations;
mod coverage;
pub mod daily;
pub mod digest;
mod figures;
mod headline;
pub mod history;
pub mod ledger;
mod links;
pub mod llm_cost;
pub mod load;
mod names;
mod percentile;
pub mod period;
pub mod quality;
pub mod receipt;
mod summary;
mod waiting;
pub mod weekly;
pub mod worktime;

pub use history::history_rows;
pub(crate) use names::first_name;
pub use period::{Period, Span};
pub use worktime::WorkCalendar;
