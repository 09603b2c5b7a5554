//! The daily digest as data: what `render` puts into words and `store` keeps for replay.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::chat_lists::ChatLists;
use super::period::Period;
use crate::clock::Instant;
use crate::facts::{ManagerId, Money};

/// A share with its counts, so that a text can say «3 из 7» when the whole is small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ratio {
    pub part: u64,
    /// Never 0: a ratio over nothing is `None` one level up.
    pub whole: u64,
}

impl Ratio {
    /// `None` over an empty whole.
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        (whole > 0).then_some(Self { part, whole })
    }

    /// 0..=1.
    pub fn value(self) -> f64 {
        self.part as f64 / self.whole as f64
    }
}

/// How much of a period a source gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Coverage {
    /// Read from end to end.
    Complete,
    /// Read from the start up to `until`; counts are lower bounds and ratios are not computed.
    Partial { until: Instant },
    /// Not read at all, or only a later piece: no number is shown.
    Missing,
}

/// Conversation measures of one subject in one period; ids as in `docs/metrics.md`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChatSummary {
    pub chats: u64,
    pub inbound: u64,
    /// Human replies: of a manager, those they wrote, be the conversation whose it may.
    pub outbound: u64,
    /// Conversations with an inbound message: the denominator of `response_ratio` and `conversion`.
    pub inbound_chats: u64,
    pub responded_chats: u64,
    pub no_reply_chats: u64,
    /// First responses given in the period that took too long.
    pub slow_first_reply_chats: u64,
    pub unanswered_inbound: u64,
    /// Came due in the period; the conversation itself may be silent in it.
    pub follow_up_gap_chats: u64,
    /// Working seconds of the first responses given in the period; `None` when there were none, or the period is
    /// not covered.
    pub first_response_median_secs: Option<f64>,
    pub first_response_p90_secs: Option<f64>,
    pub wait_median_secs: Option<f64>,
    pub wait_p90_secs: Option<f64>,
    pub response_ratio: Option<Ratio>,
    /// `None` as well when orders are not covered.
    pub conversion: Option<Ratio>,
    pub paid_conversion: Option<Ratio>,
    /// Seconds from the first inbound message to the linked order's creation.
    pub time_to_order_median_secs: Option<f64>,
}

/// Order measures of one subject in one period.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSummary {
    pub orders: u64,
    /// Σ total of the period's orders in the digest's currency.
    pub revenue: Money,
    /// Σ total of the period's orders that are fully paid by `as_of`.
    pub paid_revenue: Money,
    /// Revenue ÷ the orders it is made of, rounded to the minor unit.
    pub average_order: Option<Money>,
    /// Orders in another currency: counted, in no sum.
    #[serde(default)]
    pub foreign_currency_orders: u64,
    pub paid_orders: u64,
    pub partial_orders: u64,
    pub unpaid_orders: u64,
    pub unknown_orders: u64,
}

/// Both summaries of one subject. `None` = the source does not cover the period («нет данных»).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub chats: Option<ChatSummary>,
    pub orders: Option<OrderSummary>,
}

/// Baseline of the mean of the same weekday over 4 weeks: means of counts, sums and times; ratios are means of the
/// days' ratios weighted by their whole. A day not covered takes no part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WeekdayMean {
    /// Days that took part, 0..=4. With 0 every value is `None`.
    pub days: u64,
    pub chats: Option<f64>,
    pub inbound: Option<f64>,
    pub first_response_median_secs: Option<f64>,
    pub response_ratio: Option<f64>,
    pub orders: Option<f64>,
    /// Minor units.
    pub revenue: Option<f64>,
    pub conversion: Option<f64>,
}

/// A subject with its value and its two baselines.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    pub current: Summary,
    pub previous: Summary,
    pub weekday: WeekdayMean,
}

/// One manager's share of the day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManagerBlock {
    /// `None` for conversations and orders that nobody holds: «Не назначен».
    pub id: Option<ManagerId>,
    pub name: String,
    pub numbers: Compared,
    /// Conversations of theirs that wait for an answer now.
    pub waiting_now: u64,
}

/// One channel's share of the day. Orders belong to a channel only through their conversation, so there are none here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelBlock {
    /// `None` when the chat or its channel is not known.
    pub id: Option<i64>,
    /// The CRM's word: `whatsapp`, `telegram`, …; empty when the channel is not known.
    pub kind: String,
    pub name: Option<String>,
    pub current: Option<ChatSummary>,
    pub previous: Option<ChatSummary>,
}

/// A conversation whose last counted message is the customer's, as of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    pub chat_id: i64,
    pub dialog_id: Option<i64>,
    /// First name alone; may be empty.
    pub customer_name: String,
    /// As [`ChannelBlock::kind`].
    pub channel_kind: String,
    /// `None`: nobody is assigned.
    pub manager: Option<String>,
    /// Snapshots of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager_id: Option<ManagerId>,
    /// First message not answered yet.
    pub since_at: Instant,
    /// Working seconds since then.
    pub age_secs: i64,
    /// Messages without an answer.
    pub unanswered: u64,
}

/// A threshold crossed; each has a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Warning {
    /// `response_ratio` fell by more than the threshold against the previous day.
    ResponseRatioDown { from: Ratio, to: Ratio },
    /// Share of conversations without any reply above the threshold.
    NoReplyHigh { no_reply: Ratio },
    /// Team median of the first response above the threshold.
    FirstResponseSlow { median_secs: f64, limit_secs: i64 },
    /// `spin_completeness` fell by more than the threshold against the same weekday of the last weeks.
    CompletenessDown { from: f64, to: f64 },
    /// The same of a kind of question, by its place: 1 about difficulties, 3 about the value of a solution.
    QuestionKindDown { stage: usize, from: Ratio, to: Ratio },
    /// The same of `questions_per_chat`.
    QuestionsDown { from: f64, to: f64 },
    /// `spin_completeness` below the threshold.
    CompletenessLow { value: f64 },
    /// `questions_per_chat` below the threshold.
    QuestionsLow { value: f64, limit: f64 },
}

/// What the first line says; chosen by rank, worst news first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Headline {
    /// The chat source gave nothing for the period.
    NoData,
    /// Nobody wrote and nothing was ordered.
    Quiet,
    /// Customers who wrote and got no answer at all by the end of the day.
    Unanswered { no_reply_chats: u64, inbound_chats: u64 },
    /// The first answer takes clearly longer than on the same weekday (≥ 1.5 × and ≥ 2 min more).
    Slower { median_secs: f64, usual_secs: f64 },
    /// The response ratio fell.
    RatioDown { from: Ratio, to: Ratio },
    /// Revenue is clearly below the same weekday (≤ 0.7 ×), with at least 2 days to compare.
    RevenueDown { revenue: Money, usual: Money },
    /// The first answer is clearly faster than usual (≤ 0.7 ×).
    Faster { median_secs: f64, usual_secs: f64 },
    /// Revenue clearly above usual (≥ 1.3 ×).
    RevenueUp { revenue: Money, usual: Money },
    /// Nothing stands out, or too little is known to say so.
    Steady,
}

/// The daily digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DailyDigest {
    /// Short visible id, such as `d-0820-k3f9`.
    pub public_id: String,
    pub period: Period,
    pub day_on: NaiveDate,
    /// The occurrence the report was made for.
    pub slot_at: Instant,
    /// When it was computed; «ждут ответа сейчас» is as of this moment.
    pub computed_at: Instant,
    /// Seconds after the slot, when that is worth telling (a late or caught-up run).
    pub late_secs: Option<i64>,
    /// ISO currency of the amounts; `RUB` unless the orders say otherwise.
    pub currency: String,
    pub chat_coverage: Coverage,
    pub order_coverage: Coverage,
    /// End of what is known completely: «данные на …». `None` when nothing was ever read.
    pub chats_known_until: Option<Instant>,
    pub orders_known_until: Option<Instant>,
    pub headline: Headline,
    pub team: Compared,
    /// Managers with a conversation, a reply or an order in the period; most conversations first, «Не назначен» last.
    pub managers: Vec<ManagerBlock>,
    pub channels: Vec<ChannelBlock>,
    /// Oldest first; all of them, the text shows the first ones and the number of the rest.
    /// `None` when chats are not known up to now (older than `waiting_max_age`): the list would be a lie.
    pub waiting: Option<Vec<Waiting>>,
    pub warnings: Vec<Warning>,
    /// The conversations behind some of the counts; empty as well in snapshots of earlier versions.
    #[serde(default, skip_serializing_if = "ChatLists::is_empty")]
    pub lists: ChatLists,
}
