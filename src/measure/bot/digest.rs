//! The bot's digest as data: what `render` puts into words and `store` keeps for replay.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::news::News;
use crate::clock::Instant;
use crate::facts::Money;
use crate::facts::bot::{LabelCount, ModelTokens};
use crate::measure::digest::{Coverage, Ratio};
use crate::measure::{Period, Span};

/// Measures of one period; ids as in `docs/metrics.md`. Where the period is known only in part, counts are lower bounds
/// and everything that is an `Option` is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BotSummary {
    /// Local days of the period.
    pub days: u64,
    pub dau_mean: Option<f64>,
    /// Distinct users of the whole period.
    pub active_users: u64,
    pub new_users: u64,
    /// Mean DAU of the 30 days up to the end of the period ÷ distinct users of those days, 0..1.
    pub stickiness: Option<f64>,
    pub retention_d1: Option<Ratio>,
    pub retention_d7: Option<Ratio>,
    pub retention_d30: Option<Ratio>,
    pub starts: u64,
    pub sessions: u64,
    pub searches: u64,
    pub searches_empty: u64,
    pub searches_empty_ratio: Option<Ratio>,
    pub carts_created: u64,
    pub cart_users: u64,
    pub carts_per_user: Option<f64>,
    pub trial_carts: u64,
    pub gmv: Money,
    /// Over carts whose sum is known, rounded to the minor unit.
    pub average_cart: Option<Money>,
    /// Sum of the orders to expect; only where the configuration gives an estimate.
    pub expected_orders: Option<Money>,
    pub cart_limits_hit: u64,
    pub surveys_completed: u64,
    /// «very» among those who answered.
    pub pmf_score: Option<Ratio>,
    pub referral_links: u64,
    pub referral_bonuses: u64,
    pub feedback_bonuses: u64,
    pub errors: u64,
    pub error_ratio: Option<Ratio>,
    /// Distinct users per step of [`crate::facts::bot::BotStep::ALL`], each step alone.
    pub funnel_open: [u64; 6],
    /// Of those who entered: who went on, step by step.
    pub funnel_ordered: [u64; 6],
    pub unknown_events: u64,
    pub malformed_fields: u64,
}

/// What one model cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCost {
    pub model: String,
    /// Millionths of the currency unit: one answer costs a fraction of a kopeck.
    pub micros: i64,
}

/// What the models cost by the price table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostFigures {
    /// ISO code of the prices.
    pub currency: String,
    pub models: Vec<ModelCost>,
    /// Models that were used and have no price.
    pub unpriced: Vec<String>,
}

impl CostFigures {
    /// Σ of what has a price; a lower bound where something has none.
    pub fn micros(&self) -> i64 {
        self.models.iter().fold(0, |sum, model| sum.saturating_add(model.micros))
    }
}

/// Tokens and their price in one period.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Spending {
    /// What the providers charge for.
    pub tokens_used: u64,
    /// Most tokens first.
    pub models: Vec<ModelTokens>,
    /// `None` without a price table.
    pub cost: Option<CostFigures>,
    /// `tokens_cost` ÷ `active_users`, in millionths; only where every model has a price and both sources are complete.
    pub cost_per_user_micros: Option<i64>,
}

/// One `source` of starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceRow {
    /// `None` when the link said nothing.
    pub source: Option<String>,
    pub starts: u64,
    pub new_users: u64,
    /// Users who came this way and made a cart within 14 days, by the end of the period.
    pub cart_conversion: Option<Ratio>,
    pub retention_d1: Option<Ratio>,
}

/// Users whose first start fell into one week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CohortRow {
    /// Its Monday.
    pub from_on: NaiveDate,
    /// `None` while no day of the cohort is mature.
    pub retention_d1: Option<Ratio>,
    pub retention_d7: Option<Ratio>,
    pub retention_d30: Option<Ratio>,
}

/// The first line: what matters most, decided by the measures and worded by the templates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BotHeadline {
    /// The period is not known.
    NoData,
    /// It is known only up to a moment.
    Unfinished,
    /// Nobody came and nothing happened.
    Quiet,
    /// A day that differs from its weekday.
    Unusual {
        news: News,
    },
    /// Too many actions ended in an error.
    ErrorsHigh {
        error_ratio: Ratio,
    },
    /// A value of a week or month against the one before.
    Moved {
        measure: Moving,
        from: u64,
        to: u64,
    },
    /// Many searches find nothing.
    EmptySearchesHigh {
        searches_empty_ratio: Ratio,
    },
    /// There is nothing to compare with yet.
    First,
    Steady,
}

/// What a week or month is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moving {
    CartsCreated,
    NewUsers,
    ActiveUsers,
}

/// The digest of the bot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BotDigest {
    pub public_id: String,
    pub span: Span,
    pub period: Period,
    pub slot_at: Instant,
    pub computed_at: Instant,
    pub late_secs: Option<i64>,
    pub events_coverage: Coverage,
    /// `None` also when no source of token usage is configured.
    pub tokens_coverage: Option<Coverage>,
    /// End of what is known of the events.
    pub events_known_until: Option<Instant>,
    /// Of the carts.
    pub currency: String,
    /// What a cart is worth as an order, as the configuration estimates it.
    pub conversion_estimate: Option<f64>,
    pub headline: BotHeadline,
    /// `None` = not known.
    pub current: Option<BotSummary>,
    /// `None` = not known from end to end.
    pub previous: Option<BotSummary>,
    pub spending: Option<Spending>,
    pub previous_spending: Option<Spending>,
    /// Days that differ from their weekday, the most unusual first.
    pub news: Vec<News>,
    pub sources: Vec<SourceRow>,
    /// By week, the oldest first; of weeks and months only.
    pub cohorts: Vec<CohortRow>,
    pub scenarios: Vec<LabelCount>,
    pub error_types: Vec<LabelCount>,
    pub unknown_types: Vec<LabelCount>,
    /// Masked.
    pub top_queries: Vec<LabelCount>,
    /// Masked.
    pub empty_queries: Vec<LabelCount>,
}
