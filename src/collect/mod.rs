//! Reading the outside into facts. IO without arithmetic: nothing is counted here, nothing is stored here.
//!
//! A source reads in rounds. Each step of a round hands its facts and the cursor that says so to a [`Sink`], which keeps
//! both in one transaction; a round that breaks off goes on from the last kept step. What could not be decoded is
//! counted by reason, never silently lost. Coverage grows only when a round is through.

pub mod bot_events;
pub mod llm_usage;
pub mod refine;
pub mod retailcrm;

use async_trait::async_trait;

use crate::facts::{FactBatch, SourceState, SourceStep};

/// Source of CRM users, chat users, channels, reference books and settings.
pub const SOURCE_PEOPLE: &str = "retailcrm_people";
/// Source of chats, dialogs and messages.
pub const SOURCE_CHATS: &str = "retailcrm_chats";
/// Source of orders and of the customers behind them.
pub const SOURCE_ORDERS: &str = "retailcrm_orders";

/// Where collected facts go.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Where reading of the source stands.
    async fn state(&self, source: &str) -> anyhow::Result<SourceState>;

    /// Keeps the facts and the step in one transaction.
    async fn save(&self, batch: FactBatch, step: SourceStep) -> anyhow::Result<()>;

    /// CRM customers with an order and without a chat identity, ascending by id, after `after_id`.
    async fn customers_without_link(&self, after_id: i64, limit: i64) -> anyhow::Result<Vec<i64>>;

    /// Told after each request that brought facts; for progress bars. `total` is `None` where the API does not say.
    fn progress(&self, _source: &str, _done: u64, _total: Option<u64>) {}
}

/// A round of a source failed.
#[derive(Debug, thiserror::Error)]
#[error("{source_name}: {message}")]
pub struct CollectError {
    pub source_name: &'static str,
    /// Bounded: `unreachable`, `timeout`, `server_error`, `throttled`, `not_json`, `unauthorized`, `forbidden`,
    /// `not_found`, `unreadable`, `bad_request`, `unexpected_shape`, `sink`.
    pub reason: &'static str,
    /// One sentence for ops with the fix where there is one; no secrets, no customers' data.
    pub message: String,
    /// A human has to act (wrong key, missing scope, wrong address): trying again soon is useless.
    pub is_permanent: bool,
}
