//! The daily digest from facts.

use std::time::Duration;

use super::digest::DailyDigest;
use super::{Period, WorkCalendar};
use crate::clock::Instant;
use crate::facts::{CoverageSpan, Facts};

/// Limits that turn a number into a warning; all configurable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// `first_response_secs` above this is slow.
    pub slow_first_reply: Duration,
    /// A customer's last word older than this without a reply is a follow-up gap (wall clock).
    pub follow_up_gap: Duration,
    /// Fall of `response_ratio` worth a warning, 0..1.
    pub response_ratio_drop: f64,
    /// `no_reply_chats ÷ inbound_chats` above this is worth a warning, 0..1.
    pub no_reply_ratio: f64,
    /// Team median of the first response above this is worth a warning.
    pub first_response_median: Duration,
    /// An order later than this after the conversation started is not linked to it.
    pub order_link_window: Duration,
    /// «Ждут ответа сейчас» is shown only when chats are known up to this long before now.
    pub waiting_max_age: Duration,
}

/// Everything the digest is made from.
#[derive(Debug, Clone)]
pub struct DailyInputs<'a> {
    /// Facts from [`DailyInputs::window`] on.
    pub facts: &'a Facts,
    pub period: Period,
    pub slot_at: Instant,
    /// The moment of the run.
    pub now: Instant,
    pub public_id: String,
    pub calendar: &'a WorkCalendar,
    pub thresholds: Thresholds,
    /// What is known of chats and of orders; `None` = never read through.
    pub chats: Option<CoverageSpan>,
    pub orders: Option<CoverageSpan>,
    /// Lateness worth telling, in seconds.
    pub late_secs: Option<i64>,
}

/// The window of facts that the digest of `period` needs: baselines of four weeks and the order link before them.
/// Its end is `now`, because of the list of those who wait now.
pub fn window(_period: &Period, _thresholds: &Thresholds, _now: Instant) -> (Instant, Instant) {
    todo!()
}

/// Computes the digest.
pub fn daily(_inputs: &DailyInputs<'_>) -> DailyDigest {
    todo!()
}
