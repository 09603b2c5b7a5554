//! Incidents: from the first finding with a key until the trouble is over.

use super::outbox::NewDelivery;
use super::{Result, Store};
use crate::clock::Instant;

/// An incident as stored. At most one with a given key is open.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentRow {
    pub id: i64,
    /// Stable identity of the trouble: `run_failed/daily`, `source/retailcrm_orders`.
    pub key: String,
    /// Bounded kind: `run_failed`, `source_down`, `delivery_dead`, …
    pub kind: String,
    /// What the text is rendered from: a JSON object, without secrets and customers' texts.
    pub detail: serde_json::Value,
    pub opened_at: Instant,
    pub last_seen_at: Instant,
    pub resolved_at: Option<Instant>,
    /// Findings folded into it, the first included.
    pub finding_count: i64,
    /// Number of the last notice sent about it (1 = opened).
    pub notice_count: i64,
    /// When to remind again; `None` = never.
    pub remind_at: Option<Instant>,
}

/// A change of an incident and the notices that tell it; written in one transaction.
#[derive(Debug, Clone)]
pub enum IncidentChange {
    /// Opens an incident; `id` is not known yet, so notices are made by the function given to [`Store::open_incident`].
    Touch { id: i64, detail: serde_json::Value },
    /// Says it again.
    Remind { id: i64, next_at: Option<Instant> },
    /// It is over.
    Resolve { id: i64 },
}

impl Store {
    /// Opens an incident unless one with the key is open. Returns it and whether it is new. In the same transaction
    /// `notice(&row)` is enqueued when new.
    pub async fn open_incident(
        &self,
        _key: &str,
        _kind: &str,
        _detail: &serde_json::Value,
        _remind_at: Option<Instant>,
        _now: Instant,
        _notice: &(dyn Fn(&IncidentRow) -> Vec<NewDelivery> + Sync),
    ) -> Result<(IncidentRow, bool)> {
        todo!()
    }

    /// Applies the change to an open incident and enqueues the notices, in one transaction; `notice_count` grows by one when
    /// there are any. `false` when it is not open any more.
    pub async fn change_incident(
        &self,
        _change: &IncidentChange,
        _notices: &[NewDelivery],
        _now: Instant,
    ) -> Result<bool> {
        todo!()
    }

    /// Open incidents, oldest first.
    pub async fn list_open_incidents(&self) -> Result<Vec<IncidentRow>> {
        todo!()
    }

    /// Incidents opened or resolved since, newest first.
    pub async fn list_incidents(&self, _since: Instant, _limit: i64) -> Result<Vec<IncidentRow>> {
        todo!()
    }
}
