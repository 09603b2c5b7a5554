//! What the bot's calls of language models cost in tokens.

use chrono::NaiveDate;

use super::Instant;
use super::bot::ModelTokens;

/// One call, as the bot logged it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlmUsage {
    /// The same for the same record wherever and however often it is read; see `collect::llm_usage`.
    pub key: String,
    pub used_at: Instant,
    /// The user's id, as the bot writes it; `None` for calls on nobody's behalf.
    pub user: Option<String>,
    /// As the bot wrote it; `unknown` when it wrote nothing.
    pub model: String,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    /// Of the prompt: read from the provider's cache.
    pub precached_tokens: u64,
    /// What the provider charges for; prompt + completion − precached when the record does not say.
    pub billable_tokens: u64,
    pub duration_ms: Option<u64>,
}

/// Tokens of one model on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlmDay {
    pub day_on: NaiveDate,
    pub tokens: ModelTokens,
}
