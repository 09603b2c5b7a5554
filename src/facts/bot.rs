//! What the shop's bot reported: its events as read, and what a stretch of local days adds up to.
//!
//! The bot owns its table `user_events`; we read it and never correct it. An event type we do not know is kept and
//! counted, a field that makes no sense is `None` and counted as malformed, the event itself stands.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{CoverageSpan, Instant, Money};

/// Source of the bot's events: the name of its row among the sources.
pub const SOURCE_BOT_EVENTS: &str = "bot_events";

/// One row of `user_events`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotEvent {
    pub id: i64,
    /// The user's id at Telegram, as the bot writes it; 0 when the event names nobody: it counts among no users.
    pub user_id: i64,
    pub created_at: Instant,
    pub kind: BotEventKind,
    /// Fields of the metadata that were there and could not be understood.
    pub malformed: u32,
}

/// What happened, with the fields that some figure needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BotEventKind {
    /// `bot_start`.
    Start {
        /// Where the user came from; `None` when the link said nothing.
        source: Option<String>,
        is_new_user: Option<bool>,
    },
    /// `session_start`.
    Session,
    /// `product_search`.
    Search { query: Option<String>, had_results: Option<bool> },
    /// `cart_created`.
    Cart { total: Option<Money>, scenario: Option<String>, is_trial: Option<bool> },
    /// `cart_limit_reached`.
    CartLimit,
    /// `survey_completed`; `pmf` is the answer to «how would you feel without it», `very` being the best.
    Survey { pmf: Option<String> },
    /// `bot_error`.
    Error { error_type: Option<String> },
    /// `referral_linked`.
    ReferralLinked,
    /// `referral_bonus_granted`.
    ReferralBonus,
    /// `feedback_bonus_granted`.
    FeedbackBonus,
    /// Any other type, by its name.
    Unknown(String),
}

/// The steps of the funnel, in order. The index of a step is its place in [`BotFigures::funnel_open`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BotStep {
    Start,
    Session,
    Search,
    Cart,
    CartLimit,
    Survey,
}

impl BotStep {
    pub const ALL: [Self; 6] =
        [Self::Start, Self::Session, Self::Search, Self::Cart, Self::CartLimit, Self::Survey];

    /// The step an event is; `None` for events outside the funnel.
    pub fn of(kind: &BotEventKind) -> Option<Self> {
        match kind {
            BotEventKind::Start { .. } => Some(Self::Start),
            BotEventKind::Session => Some(Self::Session),
            BotEventKind::Search { .. } => Some(Self::Search),
            BotEventKind::Cart { .. } => Some(Self::Cart),
            BotEventKind::CartLimit => Some(Self::CartLimit),
            BotEventKind::Survey { .. } => Some(Self::Survey),
            _ => None,
        }
    }
}

/// Counts of one local day: a row of `daily_stats`. Counts are of events unless they say users.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotDay {
    pub day_on: NaiveDate,
    /// Distinct users with a `session_start`.
    pub dau: u64,
    pub starts: u64,
    /// `bot_start` with `is_new_user` true.
    pub new_users: u64,
    pub sessions: u64,
    pub searches: u64,
    /// Searches with `had_results` false.
    pub searches_empty: u64,
    pub carts_created: u64,
    /// Carts whose `total_sum` was understood: the denominator of `average_cart`.
    pub carts_with_sum: u64,
    /// Σ `total_sum`.
    pub gmv: Money,
    /// Distinct users with a cart.
    pub cart_users: u64,
    pub trial_carts: u64,
    pub cart_limits_hit: u64,
    pub surveys_completed: u64,
    pub referral_links: u64,
    pub referral_bonuses: u64,
    pub feedback_bonuses: u64,
    pub errors: u64,
    pub unknown_events: u64,
    pub malformed_fields: u64,
}

/// A value of a field with the number of events that had it; ordered by count, most first, then by label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelCount {
    pub label: String,
    pub count: u64,
}

/// Classic retention of the cohorts whose first `bot_start` fell into the window and whose day `day_n` has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// 1, 7 or 30.
    pub day_n: u32,
    /// Users of the mature cohorts; 0 when none is mature.
    pub cohort_users: u64,
    /// Those of them with a `session_start` on the `day_n`-th local day after.
    pub retained_users: u64,
}

/// One `source` of starts in the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFigures {
    /// As the bot wrote it; `None` when it wrote nothing.
    pub source: Option<String>,
    pub starts: u64,
    pub new_users: u64,
    /// Distinct users with a start of this source in the window.
    pub users: u64,
    /// Those of them who made a cart within 14 days of their entry.
    pub cart_users: u64,
    /// Day-one retention of the users whose first start ever was by this source, in the window.
    pub d1: Retention,
}

/// Tokens of one model in the window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelTokens {
    pub model: String,
    pub calls: u64,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    /// Of the prompt: read from the provider's cache.
    pub precached_tokens: u64,
    /// What the provider charges for.
    pub billable_tokens: u64,
}

/// Everything a bot digest is made from, for the local days `[from_on, until_on)`.
///
/// All of it comes from roll-ups: reading it costs by the length of the window, never by that of the history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotFigures {
    pub from_on: NaiveDate,
    pub until_on: NaiveDate,
    /// One per day of the window, ascending; days without any event are there with zeros.
    pub days: Vec<BotDay>,
    /// Distinct users with a `session_start` in the window.
    pub active_users: u64,
    /// Distinct users with a cart in the window.
    pub cart_users: u64,
    /// Distinct users per step, each step counted alone.
    pub funnel_open: [u64; 6],
    /// Of the users who entered (`bot_start`) in the window: those who went on step by step in time order within 14 days
    /// of their entry. The entry is the user's first start in the window, its local day the first of the 14.
    pub funnel_ordered: [u64; 6],
    /// D1, D7, D30.
    pub retention: Vec<Retention>,
    /// By number of starts, most first.
    pub sources: Vec<SourceFigures>,
    pub scenarios: Vec<LabelCount>,
    pub error_types: Vec<LabelCount>,
    pub unknown_types: Vec<LabelCount>,
    /// The 20 most frequent queries, folded by case and word stem, shown in the form most often typed.
    pub top_queries: Vec<LabelCount>,
    /// As `top_queries`, of searches that found nothing.
    pub empty_queries: Vec<LabelCount>,
    /// Users who answered the survey in the window, by their last answer.
    pub pmf_answers: Vec<LabelCount>,
    pub tokens: Vec<ModelTokens>,
    /// The stretch of days known completely; `None` = never read.
    pub events_coverage: Option<CoverageSpan>,
    /// The same for token usage; `None` also when no source of it is configured.
    pub tokens_coverage: Option<CoverageSpan>,
}
