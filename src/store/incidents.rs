//! Incidents: from the first finding with a key until the trouble is over.

use sqlx::types::Json;

use super::errors::is_unique_violation;
use super::outbox::{NewDelivery, insert_deliveries};
use super::pool::Tx;
use super::sql::{execute, fetch_all, fetch_optional, queries, same};
use super::told::{Failures, mark};
use super::{Result, Store};
use crate::clock::Instant;

macro_rules! columns {
    () => {
        "id, key, kind, detail, opened_at, last_seen_at, resolved_at, finding_count, notice_count, remind_at, \
         acknowledged_at, acknowledged_by, snoozed_until_at, snoozed_by, escalation_count, reopened_at, reopened_count"
    };
}

queries! {
    OPEN = same!(
        "INSERT INTO incidents (key, kind, detail, opened_at, last_seen_at, finding_count, notice_count, remind_at) ",
        "VALUES ($1, $2, $3, $4, $4, 1, 0, $5) ON CONFLICT (key) WHERE resolved_at IS NULL DO NOTHING RETURNING ",
        columns!(),
    );
    FIND_OPEN = same!("SELECT ", columns!(), " FROM incidents WHERE key = $1 AND resolved_at IS NULL");
    COUNT_NOTICE = same!("UPDATE incidents SET notice_count = notice_count + 1 WHERE id = $1");
    TOUCH = same!(
        "UPDATE incidents SET detail = $4, last_seen_at = $3, finding_count = finding_count + 1, ",
        "notice_count = notice_count + $2 WHERE id = $1 AND resolved_at IS NULL",
    );
    REMIND = same!(
        "UPDATE incidents SET remind_at = $3, notice_count = notice_count + $2 ",
        "WHERE id = $1 AND resolved_at IS NULL",
    );
    RESOLVE = same!(
        "UPDATE incidents SET resolved_at = $3, remind_at = NULL, notice_count = notice_count + $2 ",
        "WHERE id = $1 AND resolved_at IS NULL",
    );
    ESCALATE = same!(
        "UPDATE incidents SET escalation_count = $2 + 1 ",
        "WHERE id = $1 AND escalation_count = $2 AND resolved_at IS NULL",
    );
    ACKNOWLEDGE = same!(
        "UPDATE incidents SET acknowledged_at = $3, acknowledged_by = $2, remind_at = NULL ",
        "WHERE id = $1 AND resolved_at IS NULL",
    );
    SNOOZE = same!(
        "UPDATE incidents SET snoozed_until_at = $3, snoozed_by = $2, remind_at = $3 ",
        "WHERE id = $1 AND resolved_at IS NULL",
    );
    // Whoever took up what is over has not taken up what begins now.
    REOPEN = same!(
        "UPDATE incidents SET resolved_at = NULL, last_seen_at = $4, detail = $2, remind_at = $3, reopened_at = $4, ",
        "reopened_count = reopened_count + 1, finding_count = finding_count + 1, notice_count = notice_count + 1, ",
        "acknowledged_at = NULL, acknowledged_by = NULL, snoozed_until_at = NULL, snoozed_by = NULL, escalation_count = 0 ",
        "WHERE id = $1 AND resolved_at IS NOT NULL",
    );
    FIND = same!("SELECT ", columns!(), " FROM incidents WHERE id = $1");
    FIND_RESOLVED = same!(
        "SELECT ", columns!(), " FROM incidents WHERE key = $1 AND resolved_at >= $2 ",
        "ORDER BY resolved_at DESC, id DESC LIMIT 1",
    );
    LIST_OPEN = same!("SELECT ", columns!(), " FROM incidents WHERE resolved_at IS NULL ORDER BY opened_at, id");
    LIST = same!(
        "SELECT ", columns!(), " FROM incidents WHERE opened_at >= $1 OR resolved_at >= $1 ",
        "ORDER BY opened_at DESC, id DESC LIMIT $2",
    );
}

/// An incident as stored. At most one with a given key is open.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct IncidentRow {
    pub id: i64,
    /// Stable identity of the trouble: `run_failed/daily`, `source/retailcrm_orders`.
    pub key: String,
    /// Bounded kind: `run_failed`, `source_down`, `delivery_dead`, …
    pub kind: String,
    /// What the text is rendered from: a JSON object, without secrets and customers' texts.
    #[sqlx(json)]
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
    /// Somebody has taken it up; nothing of it is said again.
    pub acknowledged_at: Option<Instant>,
    pub acknowledged_by: Option<String>,
    /// Until then nobody wants to hear of it again.
    pub snoozed_until_at: Option<Instant>,
    pub snoozed_by: Option<String>,
    /// Steps of the escalation taken.
    pub escalation_count: i64,
    /// It was over and was found again, the last time then.
    pub reopened_at: Option<Instant>,
    pub reopened_count: i64,
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
    /// Somebody else is called, as step `step` (from 0) of the escalation; refused when that step was taken already.
    Escalate { id: i64, step: i64 },
}

impl Store {
    /// Opens an incident unless one with the key is open. Returns it and whether it is new. In the same transaction
    /// `notice(&row)` is enqueued when new; the row says `notice_count` 1, and keeps 0 when there is no notice.
    pub async fn open_incident(
        &self,
        key: &str,
        kind: &str,
        detail: &serde_json::Value,
        remind_at: Option<Instant>,
        now: Instant,
        notice: &(dyn Fn(&IncidentRow) -> Vec<NewDelivery> + Sync),
    ) -> Result<(IncidentRow, bool)> {
        let mut tx = self.begin().await?;
        let (mut row, is_new) = open(&mut tx, key, kind, &Json(detail), remind_at, now).await?;
        if is_new {
            let notices = notice(&IncidentRow { notice_count: 1, ..row.clone() });
            if !notices.is_empty() {
                insert_deliveries(&mut tx, &notices, now).await?;
                execute!(tx, COUNT_NOTICE, row.id)?;
                row.notice_count = 1;
            }
            tx.commit().await?;
        }
        Ok((row, is_new))
    }

    /// Applies the change to an open incident and enqueues the notices, in one transaction; `notice_count` grows by one when
    /// there are any, except that an escalation speaks to others. `false` when it is not open any more.
    pub async fn change_incident(
        &self,
        change: &IncidentChange,
        notices: &[NewDelivery],
        now: Instant,
    ) -> Result<bool> {
        let noticed = i64::from(!notices.is_empty());
        let mut tx = self.begin().await?;
        let changed = match change {
            IncidentChange::Touch { id, detail } => execute!(tx, TOUCH, id, noticed, now, Json(detail))?,
            IncidentChange::Remind { id, next_at } => execute!(tx, REMIND, id, noticed, next_at)?,
            IncidentChange::Resolve { id } => execute!(tx, RESOLVE, id, noticed, now)?,
            IncidentChange::Escalate { id, step } => execute!(tx, ESCALATE, id, step)?,
        };
        if changed == 0 {
            return Ok(false);
        }
        insert_deliveries(&mut tx, notices, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Notes that somebody has taken the incident up: nothing of it is said again until it is over. Its message follows at
    /// the next round of checks. `false` when it is not open (any more).
    pub async fn acknowledge_incident(&self, id: i64, by: &str, at: Instant) -> Result<bool> {
        let mut db = self.conn().await?;
        Ok(execute!(db, ACKNOWLEDGE, id, by, at)? == 1)
    }

    /// Notes that nobody wants to hear of the incident again before `until`. `false` when it is not open (any more).
    pub async fn snooze_incident(&self, id: i64, by: &str, until: Instant) -> Result<bool> {
        let mut db = self.conn().await?;
        Ok(execute!(db, SNOOZE, id, by, until)? == 1)
    }

    /// The incident with the key that was resolved last, at `since` or later.
    pub async fn find_resolved_incident(&self, key: &str, since: Instant) -> Result<Option<IncidentRow>> {
        let mut db = self.conn().await?;
        fetch_optional!(IncidentRow, db, FIND_RESOLVED, key, since)
    }

    /// Opens a resolved incident again, marks the failures it tells and enqueues the notices, in one transaction. `false`, and
    /// nothing written, when another worker was faster: it is open, another one with its key is, or all failures are told.
    pub async fn reopen_incident(
        &self,
        id: i64,
        detail: &serde_json::Value,
        remind_at: Option<Instant>,
        (failures, notices): (&Failures, &[NewDelivery]),
        now: Instant,
    ) -> Result<bool> {
        let mut tx = self.begin().await?;
        if !failures.is_empty() && mark(&mut tx, failures, now).await? == 0 {
            return Ok(false);
        }
        match execute!(tx, REOPEN, id, Json(detail), remind_at, now) {
            Ok(1) => {}
            Ok(_) => return Ok(false),
            Err(error) if is_unique_violation(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
        insert_deliveries(&mut tx, notices, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The incident with this number.
    pub async fn find_incident(&self, id: i64) -> Result<Option<IncidentRow>> {
        let mut db = self.conn().await?;
        fetch_optional!(IncidentRow, db, FIND, id)
    }

    /// Open incidents, oldest first.
    pub async fn list_open_incidents(&self) -> Result<Vec<IncidentRow>> {
        let mut db = self.conn().await?;
        fetch_all!(IncidentRow, db, LIST_OPEN)
    }

    /// Incidents opened or resolved since, newest first.
    pub async fn list_incidents(&self, since: Instant, limit: i64) -> Result<Vec<IncidentRow>> {
        let mut db = self.conn().await?;
        fetch_all!(IncidentRow, db, LIST, since, limit)
    }
}

/// Opens an incident without a notice unless one with the key is open; returns it and whether it is new.
pub(super) async fn open(
    tx: &mut Tx,
    key: &str,
    kind: &str,
    detail: &Json<&serde_json::Value>,
    remind_at: Option<Instant>,
    now: Instant,
) -> Result<(IncidentRow, bool)> {
    // Twice at most in practice: the incident we lost to may be resolved before we look at it.
    loop {
        if let Some(row) = fetch_optional!(IncidentRow, *tx, OPEN, key, kind, detail, now, remind_at)? {
            return Ok((row, true));
        }
        if let Some(row) = fetch_optional!(IncidentRow, *tx, FIND_OPEN, key)? {
            return Ok((row, false));
        }
    }
}
