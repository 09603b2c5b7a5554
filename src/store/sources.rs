//! Sources: how far each has been read, how far that is complete, and what had to be dropped.

use super::{Result, Store};
use crate::clock::Instant;
use crate::facts::{CoverageSpan, FactBatch, SourceStep};

/// A source as last seen.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceRow {
    /// `retailcrm_orders`, `retailcrm_chats`, …
    pub name: String,
    /// Where to go on reading; opaque to the store.
    pub cursor: Option<serde_json::Value>,
    /// The stretch known completely; `None` before the first load is through.
    pub coverage: Option<CoverageSpan>,
    pub last_success_at: Option<Instant>,
    pub last_failure_at: Option<Instant>,
    /// Bounded reason of the last failure; cleared by a success.
    pub failure_reason: Option<String>,
    /// Since when it has failed without a success in between.
    pub failing_since: Option<Instant>,
}

impl Store {
    /// One transaction: upserts all facts of the batch and advances the source. An older version of a fact (by
    /// `updated_at`, where it has one) never overwrites a newer one.
    pub async fn save_facts(&self, _batch: &FactBatch, _step: &SourceStep, _now: Instant) -> Result<()> {
        todo!()
    }

    /// Notes a failed round; keeps cursor and coverage.
    pub async fn save_source_failure(&self, _source: &str, _reason: &str, _now: Instant) -> Result<()> {
        todo!()
    }

    /// The source; `None` when it was never read.
    pub async fn find_source(&self, _name: &str) -> Result<Option<SourceRow>> {
        todo!()
    }

    /// All sources by name.
    pub async fn list_sources(&self) -> Result<Vec<SourceRow>> {
        todo!()
    }

    /// Records dropped since `since`, summed by `(source, reason)`.
    pub async fn dropped_since(&self, _since: Instant) -> Result<Vec<(String, String, i64)>> {
        todo!()
    }
}
