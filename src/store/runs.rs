//! Runs: one row per occurrence (or manual request), and one row per attempt at it.
//!
//! | state | entered by | leaves to |
//! |---|---|---|
//! | `planned` | `plan`, `insert_manual_run`, `insert_run_for_record`, `insert_correction`, `retry_run`, `release_run` | `running` |
//! | `running` | `claim_run` | `succeeded`, `failed`, `planned`; an expired lease makes it claimable again |
//! | `succeeded`, `failed`, `skipped` | `finish_run`, `fail_run`, `plan` | final |

use serde_json::Value;
use sqlx::types::Json;

use super::files::NewFile;
use super::history::HistoryRow;
use super::outbox::{self, NewDelivery};
use super::sql::{execute, fetch_all, fetch_one, fetch_optional, queries, same};
use super::{Lease, Result, Store, StoreError, words};
use crate::clock::Instant;

/// Columns of a [`RunRecord`].
macro_rules! run_columns {
    () => {
        "id, job, origin, slot_at, state, not_before_at, deadline_at, deadline_missed_at, attempt_count, \
         lease_token, lease_owner, lease_until_ms, created_at, started_at, finished_at, reason, note, \
         is_for_record, corrects_run_id"
    };
}
pub(super) use run_columns;

queries! {
    INSERT_MANUAL = same!(
        "INSERT INTO runs (job, origin, slot_at, state, not_before_at, deadline_at, attempt_count, lease_token, ",
        "created_at) VALUES ($1, 'manual', $2, 'planned', $4, $3, 0, 0, $4) RETURNING id",
    );
    INSERT_FOR_RECORD = same!(
        "INSERT INTO runs (job, origin, slot_at, state, not_before_at, attempt_count, lease_token, created_at, ",
        "is_for_record) VALUES ($1, 'manual', $2, 'planned', $3, 0, 0, $3, TRUE) RETURNING id",
    );
    // The index `runs_one_correction` lets one at a time through.
    INSERT_CORRECTION = same!(
        "INSERT INTO runs (job, origin, slot_at, state, not_before_at, attempt_count, lease_token, created_at, ",
        "corrects_run_id) SELECT job, 'manual', slot_at, 'planned', $2, 0, 0, $2, id FROM runs WHERE id = $1 ",
        "ON CONFLICT (corrects_run_id) WHERE corrects_run_id IS NOT NULL AND state IN ('planned', 'running') ",
        "DO NOTHING RETURNING id",
    );
    LIST_CORRECTIONS = same!("SELECT ", run_columns!(), " FROM runs WHERE corrects_run_id = $1 ORDER BY id");
    FIND = same!("SELECT ", run_columns!(), " FROM runs WHERE id = $1");
    LIST = same!("SELECT ", run_columns!(), " FROM runs ORDER BY slot_at DESC, id DESC LIMIT $1");
    LIST_OF_JOB = same!(
        "SELECT ", run_columns!(), " FROM runs WHERE job = $1 ORDER BY slot_at DESC, id DESC LIMIT $2",
    );
    LIST_MISSED = same!(
        "SELECT ", run_columns!(), " FROM runs WHERE deadline_at <= $1 AND deadline_missed_at IS NULL AND (",
        "state IN ('planned', 'running', 'failed') OR EXISTS (SELECT 1 FROM deliveries ",
        "WHERE deliveries.run_id = runs.id AND deliveries.file_key IS NULL ",
        "AND deliveries.state IN ('pending', 'sending', 'unknown'))) ",
        "ORDER BY deadline_at, id",
    );
    MARK_MISSED = same!(
        "UPDATE runs SET deadline_missed_at = $2 WHERE id = $1 AND deadline_missed_at IS NULL",
    );
    FIND_DIGEST = same!("SELECT report, public_id, period_from, period_to, body FROM digests WHERE run_id = $1");
    // From job to job by the index `runs_succeeded`: neither the length of the table nor that of the history matters.
    LAST_SUCCESSES = same!(
        "WITH RECURSIVE known (job) AS (",
        "SELECT min(job) FROM runs WHERE state = 'succeeded' AND corrects_run_id IS NULL UNION ALL ",
        "SELECT (SELECT min(runs.job) FROM runs WHERE state = 'succeeded' AND corrects_run_id IS NULL ",
        "AND runs.job > known.job) FROM known WHERE known.job IS NOT NULL) ",
        "SELECT ", run_columns!(), " FROM runs WHERE id IN (SELECT (",
        "SELECT latest.id FROM runs AS latest WHERE latest.job = known.job AND latest.state = 'succeeded' ",
        "AND latest.corrects_run_id IS NULL ",
        "ORDER BY latest.slot_at DESC, latest.id DESC LIMIT 1) FROM known WHERE known.job IS NOT NULL)",
    );
}

/// What started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// An occurrence of the cron line. Unique per `(job, slot_at)`.
    Cron,
    /// Somebody asked. Never takes the place of a cron occurrence.
    Manual,
    /// Late data may have changed what an earlier run told. Takes the place of no occurrence either.
    Correction,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    Planned,
    Running,
    Succeeded,
    Failed,
    Skipped,
}

/// A run as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    pub id: i64,
    pub job: String,
    pub origin: Origin,
    /// The occurrence; for a manual run the moment that decides its period.
    pub slot_at: Instant,
    pub state: RunState,
    /// Not to be claimed before this moment.
    pub not_before_at: Instant,
    pub deadline_at: Option<Instant>,
    /// Set once when the deadline passed without all deliveries done.
    pub deadline_missed_at: Option<Instant>,
    /// Attempts begun so far.
    pub attempt_count: i64,
    pub created_at: Instant,
    /// Start of the first attempt.
    pub started_at: Option<Instant>,
    pub finished_at: Option<Instant>,
    /// Bounded reason of the last failure, of the skip, or of what a success lacks.
    pub reason: Option<String>,
    /// One sentence for humans about the last failure; never customer texts or secrets.
    pub note: Option<String>,
    /// Its digest and history are kept, its messages are not enqueued.
    pub is_for_record: bool,
    /// For a correction: the run whose messages it may edit.
    pub corrects_run_id: Option<i64>,
}

impl RunRow {
    /// A run that exists only for one computation: a manual one under way, recorded nowhere.
    pub fn unrecorded(job: &str, slot_at: Instant, now: Instant) -> Self {
        Self {
            id: 0,
            job: job.to_owned(),
            origin: Origin::Manual,
            slot_at,
            state: RunState::Running,
            not_before_at: now,
            deadline_at: None,
            deadline_missed_at: None,
            attempt_count: 1,
            created_at: now,
            started_at: Some(now),
            finished_at: None,
            reason: None,
            note: None,
            is_for_record: false,
            corrects_run_id: None,
        }
    }
}

/// A run just claimed, with the right to it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedRun {
    pub run: RunRow,
    pub lease: Lease,
    /// Set when a dead worker held it before: the claim is a take-over.
    pub taken_over_from: Option<String>,
}

/// Everything a successful run leaves behind; stored in one transaction.
#[derive(Debug, Clone, Default)]
pub struct RunResult {
    /// The digest as computed, for replay; `None` for jobs without one.
    pub digest: Option<StoredDigest>,
    /// Values per period and subject, for trends.
    pub history: Vec<HistoryRow>,
    /// Messages to send.
    pub deliveries: Vec<NewDelivery>,
    /// Files that some of them send.
    pub files: Vec<NewFile>,
    /// One sentence for `svodka runs`, such as «412 facts stored».
    pub note: Option<String>,
    /// Why the digest lacks data: the reason of the source that could not be read. `None` = it lacks nothing.
    pub lacks: Option<&'static str>,
}

/// A digest kept with its run.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredDigest {
    /// Kind of report: `daily`, `weekly`, …
    pub report: String,
    /// Short id shown to people.
    pub public_id: String,
    pub period_from: Instant,
    pub period_to: Instant,
    pub body: Value,
}

/// A row of `runs`.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct RunRecord {
    pub id: i64,
    job: String,
    origin: String,
    slot_at: Instant,
    state: String,
    not_before_at: Instant,
    deadline_at: Option<Instant>,
    deadline_missed_at: Option<Instant>,
    attempt_count: i64,
    pub lease_token: i64,
    pub lease_owner: Option<String>,
    pub lease_until_ms: Option<i64>,
    created_at: Instant,
    started_at: Option<Instant>,
    finished_at: Option<Instant>,
    reason: Option<String>,
    note: Option<String>,
    is_for_record: bool,
    corrects_run_id: Option<i64>,
}

impl TryFrom<RunRecord> for RunRow {
    type Error = StoreError;
    fn try_from(row: RunRecord) -> Result<Self> {
        Ok(Self {
            id: row.id,
            job: row.job,
            origin: match row.corrects_run_id {
                Some(_) => Origin::Correction,
                None => words::parse(&row.origin, "runs", "origin", row.id)?,
            },
            slot_at: row.slot_at,
            state: words::parse(&row.state, "runs", "state", row.id)?,
            not_before_at: row.not_before_at,
            deadline_at: row.deadline_at,
            deadline_missed_at: row.deadline_missed_at,
            attempt_count: row.attempt_count,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            reason: row.reason,
            note: row.note,
            is_for_record: row.is_for_record,
            corrects_run_id: row.corrects_run_id,
        })
    }
}

#[derive(sqlx::FromRow)]
struct DigestRecord {
    report: String,
    public_id: String,
    period_from: Instant,
    period_to: Instant,
    body: Json<Value>,
}

impl Store {
    /// Adds a manual run, due at `now`. Returns its id.
    pub async fn insert_manual_run(
        &self,
        job: &str,
        slot_at: Instant,
        deadline_at: Option<Instant>,
        now: Instant,
    ) -> Result<i64> {
        let mut db = self.conn().await?;
        let (id,) = fetch_one!((i64,), db, INSERT_MANUAL, job, slot_at, deadline_at, now)?;
        Ok(id)
    }

    /// Adds a manual run for the record, due at `now`: digest and history are kept, nothing is enqueued. Returns its id.
    pub async fn insert_run_for_record(&self, job: &str, slot_at: Instant, now: Instant) -> Result<i64> {
        let mut db = self.conn().await?;
        let (id,) = fetch_one!((i64,), db, INSERT_FOR_RECORD, job, slot_at, now)?;
        Ok(id)
    }

    /// Adds a correction of a run, for the same job and slot, due at `now`. Returns its id; `None` when one is open.
    pub async fn insert_correction(&self, of_run_id: i64, now: Instant) -> Result<Option<i64>> {
        let mut db = self.conn().await?;
        Ok(fetch_optional!((i64,), db, INSERT_CORRECTION, of_run_id, now)?.map(|(id,)| id))
    }

    /// The corrections of a run, oldest first.
    pub async fn list_corrections(&self, of_run_id: i64) -> Result<Vec<RunRow>> {
        let mut db = self.conn().await?;
        let rows = fetch_all!(RunRecord, db, LIST_CORRECTIONS, of_run_id)?;
        rows.into_iter().map(RunRow::try_from).collect()
    }

    /// The run, if it exists.
    pub async fn find_run(&self, run_id: i64) -> Result<Option<RunRow>> {
        let mut db = self.conn().await?;
        fetch_optional!(RunRecord, db, FIND, run_id)?.map(RunRow::try_from).transpose()
    }

    /// Latest runs first (by `slot_at`, then id), of one job or of all.
    pub async fn list_runs(&self, job: Option<&str>, limit: i64) -> Result<Vec<RunRow>> {
        let mut db = self.conn().await?;
        let rows = match job {
            Some(job) => fetch_all!(RunRecord, db, LIST_OF_JOB, job, limit)?,
            None => fetch_all!(RunRecord, db, LIST, limit)?,
        };
        rows.into_iter().map(RunRow::try_from).collect()
    }

    /// Runs whose `deadline_at <= now` passed while they were not succeeded-and-delivered (a delivery of theirs, files aside,
    /// still pending, sending or unknown; or the run planned, running or failed) and whose miss is not yet marked.
    pub async fn list_missed_deadlines(&self, now: Instant) -> Result<Vec<RunRow>> {
        let mut db = self.conn().await?;
        fetch_all!(RunRecord, db, LIST_MISSED, now)?.into_iter().map(RunRow::try_from).collect()
    }

    /// Marks the miss and enqueues the notes about it, in one transaction; `false` (and nothing written) when
    /// another worker did so first.
    pub async fn mark_deadline_missed(
        &self,
        run_id: i64,
        deliveries: &[NewDelivery],
        now: Instant,
    ) -> Result<bool> {
        let mut tx = self.begin().await?;
        if execute!(tx, MARK_MISSED, run_id, now)? == 0 {
            return Ok(false);
        }
        outbox::insert_deliveries(&mut tx, deliveries, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The digest a run left behind.
    pub async fn find_digest(&self, run_id: i64) -> Result<Option<StoredDigest>> {
        let mut db = self.conn().await?;
        Ok(fetch_optional!(DigestRecord, db, FIND_DIGEST, run_id)?.map(|row| StoredDigest {
            report: row.report,
            public_id: row.public_id,
            period_from: row.period_from,
            period_to: row.period_to,
            body: row.body.0,
        }))
    }

    /// The latest succeeded run of each job, corrections aside, for checks and status.
    pub async fn last_successes(&self) -> Result<Vec<RunRow>> {
        let mut db = self.conn().await?;
        let mut rows = fetch_all!(RunRecord, db, LAST_SUCCESSES)?;
        rows.sort_by(|a, b| a.job.cmp(&b.job));
        rows.into_iter().map(RunRow::try_from).collect()
    }
}
