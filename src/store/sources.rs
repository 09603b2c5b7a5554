//! Sources: how far each has been read, how far that is complete, and what had to be dropped.

use sqlx::types::Json;

use super::facts_save;
use super::pool::Tx;
use super::sql::{execute, fetch_all, fetch_optional, queries, same};
use super::{Result, Store, StoreError};
use crate::clock::{Instant, to_micros};
use crate::facts::{CoverageSpan, FactBatch, SourceStep};

macro_rules! columns {
    () => {
        "name, cursor, coverage_from, coverage_until, last_success_at, last_failure_at, failure_reason, failing_since"
    };
}

queries! {
    // A step that is not the end of its round ($5 NULL) says nothing about success or failure.
    ADVANCE = same!(
        "INSERT INTO sources (name, cursor, coverage_from, coverage_until, last_success_at) ",
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO UPDATE SET ",
        "cursor = COALESCE(excluded.cursor, sources.cursor), ",
        "coverage_from = COALESCE(excluded.coverage_from, sources.coverage_from), ",
        "coverage_until = COALESCE(excluded.coverage_until, sources.coverage_until), ",
        "last_success_at = COALESCE(excluded.last_success_at, sources.last_success_at), ",
        "failure_reason = CASE WHEN excluded.last_success_at IS NULL THEN sources.failure_reason END, ",
        "failing_since = CASE WHEN excluded.last_success_at IS NULL THEN sources.failing_since END",
    );
    SAVE_DROPPED = same!(
        "INSERT INTO dropped_records (source, reason, dropped_at, dropped_count) VALUES ($1, $2, $3, $4)",
    );
    SAVE_FAILURE = same!(
        "INSERT INTO sources (name, last_failure_at, failure_reason, failing_since) VALUES ($1, $2, $3, $2) ",
        "ON CONFLICT (name) DO UPDATE SET last_failure_at = excluded.last_failure_at, ",
        "failure_reason = excluded.failure_reason, ",
        "failing_since = COALESCE(sources.failing_since, excluded.failing_since)",
    );
    FIND = same!("SELECT ", columns!(), " FROM sources WHERE name = $1");
    LIST = same!("SELECT ", columns!(), " FROM sources");
    DROPPED_SINCE = same!(
        "SELECT source, reason, CAST(sum(dropped_count) AS BIGINT) FROM dropped_records ",
        "WHERE dropped_at >= $1 GROUP BY source, reason",
    );
}

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

#[derive(sqlx::FromRow)]
struct SourceRecord {
    name: String,
    cursor: Option<Json<serde_json::Value>>,
    coverage_from: Option<Instant>,
    coverage_until: Option<Instant>,
    last_success_at: Option<Instant>,
    last_failure_at: Option<Instant>,
    failure_reason: Option<String>,
    failing_since: Option<Instant>,
}

impl TryFrom<SourceRecord> for SourceRow {
    type Error = StoreError;
    fn try_from(row: SourceRecord) -> Result<Self> {
        let coverage = match (row.coverage_from, row.coverage_until) {
            (Some(from), Some(until)) => Some(CoverageSpan { from, until }),
            (None, None) => None,
            _ => {
                return Err(StoreError::Inconsistent {
                    table: "sources",
                    column: "coverage_until",
                    row: row.name,
                    why: "only one end of the coverage is known".to_owned(),
                });
            }
        };
        Ok(Self {
            name: row.name,
            cursor: row.cursor.map(|Json(cursor)| cursor),
            coverage,
            last_success_at: row.last_success_at,
            last_failure_at: row.last_failure_at,
            failure_reason: row.failure_reason,
            failing_since: row.failing_since,
        })
    }
}

impl Store {
    /// One transaction: upserts all facts of the batch and advances the source. An older version of a fact (by
    /// `updated_at`, where it has one) never overwrites a newer one.
    pub async fn save_facts(&self, batch: &FactBatch, step: &SourceStep, now: Instant) -> Result<()> {
        let mut tx = self.begin().await?;
        facts_save::upsert_facts(&mut tx, batch, now).await?;
        advance(&mut tx, step, now).await?;
        tx.commit().await
    }

    /// Notes a failed round; keeps cursor and coverage.
    pub async fn save_source_failure(&self, source: &str, reason: &str, now: Instant) -> Result<()> {
        let mut db = self.conn().await?;
        execute!(db, SAVE_FAILURE, source, now, reason)?;
        Ok(())
    }

    /// Notes that what failed works again, for a source without facts.
    pub async fn save_source_success(&self, source: &str, now: Instant) -> Result<()> {
        let mut db = self.conn().await?;
        let nothing: (Option<Json<&serde_json::Value>>, Option<Instant>) = (None, None);
        execute!(db, ADVANCE, source, nothing.0, nothing.1, nothing.1, now)?;
        Ok(())
    }

    /// The source; `None` when it was never read.
    pub async fn find_source(&self, name: &str) -> Result<Option<SourceRow>> {
        let mut db = self.conn().await?;
        fetch_optional!(SourceRecord, db, FIND, name)?.map(SourceRow::try_from).transpose()
    }

    /// All sources by name.
    pub async fn list_sources(&self) -> Result<Vec<SourceRow>> {
        let mut db = self.conn().await?;
        let mut rows = fetch_all!(SourceRecord, db, LIST)?;
        // Sorted here: databases sort words each in its own way.
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        rows.into_iter().map(SourceRow::try_from).collect()
    }

    /// Records dropped since `since`, summed by `(source, reason)`.
    pub async fn dropped_since(&self, since: Instant) -> Result<Vec<(String, String, i64)>> {
        let mut db = self.conn().await?;
        let mut sums = fetch_all!((String, String, i64), db, DROPPED_SINCE, since)?;
        sums.sort();
        Ok(sums)
    }
}

/// Notes what a step says of its source, in the transaction that stores what the step brought.
pub(super) async fn advance(tx: &mut Tx, step: &SourceStep, now: Instant) -> Result<()> {
    execute!(
        *tx,
        ADVANCE,
        &step.source,
        step.cursor.as_ref().map(Json),
        step.coverage.map(|span| to_micros(span.from)),
        step.coverage.map(|span| to_micros(span.until)),
        step.is_complete.then_some(now)
    )?;
    for (reason, &count) in step.dropped.iter().filter(|(_, count)| **count > 0) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        execute!(*tx, SAVE_DROPPED, &step.source, reason, now, count)?;
    }
    Ok(())
}
