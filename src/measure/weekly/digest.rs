//! The digest of a week or a month as data.

use serde::{Deserialize, Serialize};

use crate::clock::Instant;
use crate::facts::ManagerId;
use crate::measure::behaviour::Problem;
use crate::measure::chat_lists::ChatLists;
use crate::measure::digest::{ChannelBlock, Compared, Coverage, Headline};
use crate::measure::{Period, Span};

/// One manager's share of the period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeeklyManager {
    /// `None` for conversations and orders that nobody holds: «Не назначен».
    pub id: Option<ManagerId>,
    pub name: String,
    /// As [`WeeklyDigest::team`].
    pub numbers: Compared,
    /// What to work on next week, as in the behaviour digest; `None` of a month, and when nothing is missed or too little known.
    #[serde(default)]
    pub focus: Option<Problem>,
}

/// What a manager is ranked by, in one period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoverSide {
    /// Never below [`super::movers::MIN_CHATS`].
    pub inbound_chats: u64,
    pub no_reply_chats: u64,
    pub follow_up_gap_chats: u64,
    /// `None` when no first response was given in the period.
    pub first_response_p90_secs: Option<f64>,
}

/// A manager whose service clearly changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mover {
    pub id: ManagerId,
    pub name: String,
    /// Percentage points of conversations, and fifths of a minute; negative is better.
    pub score: f64,
    pub current: MoverSide,
    pub previous: MoverSide,
}

/// Who moved most.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Movers {
    /// Managers with enough conversations in both periods.
    pub ranked_count: u64,
    /// Most improved first, at most three.
    pub best: Vec<Mover>,
    /// Most worsened first, at most three.
    pub worst: Vec<Mover>,
}

/// A measure of the team that is followed over time; the names are those of the history rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrendMeasure {
    FirstResponseMedianSecs,
    ResponseRatio,
    Chats,
    Orders,
    Revenue,
    Conversion,
}

/// The last periods, each of which lies on the same side of the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Streak {
    /// How many steps; at least 1.
    pub steps: u64,
    pub is_up: bool,
    /// The value before the first step.
    pub from: f64,
}

/// The first half of the last periods against the second: means of the periods' values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrendWindow {
    /// 4, 8 or 12 weeks; 4, 8 or 12 months.
    pub periods: u64,
    pub earlier: f64,
    pub later: f64,
}

/// Where a measure is heading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    pub measure: TrendMeasure,
    /// Twelve values, oldest first, the reported period last. `None`: not known, or no value.
    pub values: Vec<Option<f64>>,
    /// `None` when this period or the one before has no value, or they are equal.
    pub streak: Option<Streak>,
    /// Only those in which every period has a value.
    pub windows: Vec<TrendWindow>,
}

/// A conversation worth looking at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    pub chat_id: i64,
    pub dialog_id: Option<i64>,
    /// First name alone; empty when there is none that looks like one.
    pub customer_name: String,
    /// As [`ChannelBlock::kind`].
    pub channel_kind: String,
    /// `None`: nobody is assigned.
    pub manager: Option<String>,
    /// The first message without an answer; of an answered one, the customer's first.
    pub asked_at: Instant,
    /// Working seconds of the first response; `None` where there was none or it is not the point.
    pub first_response_secs: Option<f64>,
}

/// At most two of a kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Examples {
    /// No human reply by the end of the period; most customer messages first.
    pub no_reply: Vec<Example>,
    /// First response above the limit; slowest first.
    pub slow: Vec<Example>,
    /// Interest without a next step; needs the text analysis, latest first.
    pub lost_intent: Vec<Example>,
    /// Answered within five minutes and an order came of it; quickest first.
    pub good: Vec<Example>,
}

/// The digest of a week or a month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeeklyDigest {
    /// Short visible id, such as `w-0817-k3f9`.
    pub public_id: String,
    pub span: Span,
    pub period: Period,
    /// The occurrence the report was made for.
    pub slot_at: Instant,
    pub computed_at: Instant,
    /// Seconds after the slot, when that is worth telling.
    pub late_secs: Option<i64>,
    pub currency: String,
    /// The limits behind `slow_first_reply_chats` and `follow_up_gap_chats`.
    pub slow_first_reply_secs: u64,
    pub follow_up_gap_secs: u64,
    pub chat_coverage: Coverage,
    pub order_coverage: Coverage,
    pub chats_known_until: Option<Instant>,
    pub orders_known_until: Option<Instant>,
    pub headline: Headline,
    /// Against the period before; `weekday` is the mean of the four weeks or three months before. A side of `previous`
    /// is there only when it was wholly known.
    pub team: Compared,
    /// Most conversations first, «Не назначен» last.
    pub managers: Vec<WeeklyManager>,
    pub channels: Vec<ChannelBlock>,
    pub movers: Movers,
    pub trends: Vec<Trend>,
    pub examples: Examples,
    /// The conversations behind some of the counts; empty as well in snapshots of earlier versions.
    #[serde(default, skip_serializing_if = "ChatLists::is_empty")]
    pub lists: ChatLists,
}
