//! Failures that nobody was told of yet. An incident and the mark that it tells a failure appear together, so every
//! failed run and every dead delivery is taken into an incident once, whoever looks and however often workers restart.

use sqlx::types::Json;

use super::incidents::{IncidentRow, open};
use super::outbox::DeliveryRow;
use super::outbox_rows::{DeliveryRecord, delivery_columns};
use super::pool::Tx;
use super::runs::{RunRecord, RunRow, run_columns};
use super::sql::{execute, fetch_all, queries, same};
use super::{Result, Store};
use crate::clock::Instant;

queries! {
    LIST_RUNS = same!(
        "SELECT ", run_columns!(), " FROM runs WHERE state = 'failed' AND told_at IS NULL ORDER BY id LIMIT $1",
    );
    // Whoever dropped it knows, and who asked a question in the chat asks again.
    LIST_DEAD = same!(
        "SELECT ", delivery_columns!(), " FROM deliveries WHERE state = 'dead' AND told_at IS NULL ",
        "AND (reason IS NULL OR reason <> 'dropped') AND key NOT LIKE 'reply:%' ORDER BY id LIMIT $1",
    );
    MARK_RUN = same!(
        "UPDATE runs SET told_at = $2 WHERE id = $1 AND state = 'failed' AND told_at IS NULL",
    );
    MARK_DELIVERY = same!(
        "UPDATE deliveries SET told_at = $2 WHERE id = $1 AND state = 'dead' AND told_at IS NULL",
    );
}

/// Failures that one incident tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failures {
    /// Ids of failed runs.
    pub runs: Vec<i64>,
    /// Ids of dead deliveries.
    pub deliveries: Vec<i64>,
}

impl Failures {
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.deliveries.is_empty()
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.runs.extend(other.runs);
        self.deliveries.extend(other.deliveries);
        self
    }
}

impl Store {
    /// Failed runs that no incident tells yet, oldest first.
    pub async fn list_untold_runs(&self, limit: i64) -> Result<Vec<RunRow>> {
        let mut db = self.conn().await?;
        fetch_all!(RunRecord, db, LIST_RUNS, limit)?.into_iter().map(RunRow::try_from).collect()
    }

    /// Dead deliveries that no incident tells yet, oldest first; those dropped by hand and replies to
    /// commands are nobody's news.
    pub async fn list_untold_dead(&self, limit: i64) -> Result<Vec<DeliveryRow>> {
        let mut db = self.conn().await?;
        fetch_all!(DeliveryRecord, db, LIST_DEAD, limit)?.into_iter().map(DeliveryRow::try_from).collect()
    }

    /// Notes that an incident tells these failures. Returns how many nobody had told before.
    pub async fn mark_told(&self, failures: &Failures, now: Instant) -> Result<u64> {
        let mut tx = self.begin().await?;
        let marked = mark(&mut tx, failures, now).await?;
        tx.commit().await?;
        Ok(marked)
    }

    /// Opens an incident about failures and marks them, in one transaction; it has no notice yet. `None`, and nothing
    /// written, when another worker told all of them meanwhile or opened an incident with the key.
    pub async fn open_incident_about(
        &self,
        key: &str,
        kind: &str,
        detail: &serde_json::Value,
        remind_at: Option<Instant>,
        failures: &Failures,
        now: Instant,
    ) -> Result<Option<IncidentRow>> {
        let mut tx = self.begin().await?;
        if mark(&mut tx, failures, now).await? == 0 {
            return Ok(None);
        }
        let (row, is_new) = open(&mut tx, key, kind, &Json(detail), remind_at, now).await?;
        if !is_new {
            return Ok(None);
        }
        tx.commit().await?;
        Ok(Some(row))
    }
}

pub(super) async fn mark(tx: &mut Tx, failures: &Failures, now: Instant) -> Result<u64> {
    let mut marked = 0;
    for id in &failures.runs {
        marked += execute!(*tx, MARK_RUN, id, now)?;
    }
    for id in &failures.deliveries {
        marked += execute!(*tx, MARK_DELIVERY, id, now)?;
    }
    Ok(marked)
}
