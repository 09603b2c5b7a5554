//! The cron table as rows: each job's next slot, and the pause button.

use super::runs::RunState;
use super::sql::{execute, fetch_all, fetch_one, queries, same};
use super::{Result, Store};
use crate::clock::Instant;

macro_rules! columns {
    () => {
        "name, fingerprint, next_slot_at, paused_at, paused_by, pause_reason, is_retired"
    };
}

queries! {
    REGISTER = same!(
        "INSERT INTO jobs (name, fingerprint, next_slot_at, is_retired, created_at, updated_at) ",
        "VALUES ($1, $2, $3, FALSE, $4, $4) ",
        "ON CONFLICT (name) DO UPDATE SET fingerprint = excluded.fingerprint, is_retired = FALSE, ",
        "next_slot_at = CASE WHEN jobs.fingerprint = excluded.fingerprint THEN jobs.next_slot_at ",
        "ELSE excluded.next_slot_at END, updated_at = excluded.updated_at RETURNING ", columns!(),
    );
    RETIRE = same!("UPDATE jobs SET is_retired = TRUE, updated_at = $2 WHERE name = $1 AND NOT is_retired");
    LIST = same!("SELECT ", columns!(), " FROM jobs");
    ADVANCE = same!(
        "UPDATE jobs SET next_slot_at = $3, updated_at = $4 WHERE name = $1 AND next_slot_at = $2",
    );
    INSERT_OCCURRENCE = same!(
        "INSERT INTO runs (job, origin, slot_at, state, not_before_at, deadline_at, attempt_count, ",
        "lease_token, created_at, finished_at, reason) VALUES ($1, 'cron', $2, $3, $2, $4, 0, 0, $5, $6, $7) ",
        "ON CONFLICT (job, slot_at) WHERE origin = 'cron' DO NOTHING",
    );
    PAUSE = same!(
        "UPDATE jobs SET paused_by = CASE WHEN paused_at IS NULL THEN $2 ELSE paused_by END, ",
        "pause_reason = CASE WHEN paused_at IS NULL THEN $3 ELSE pause_reason END, ",
        "paused_at = COALESCE(paused_at, $4), updated_at = $4 WHERE name = $1",
    );
    RESUME = same!(
        "UPDATE jobs SET paused_at = NULL, paused_by = NULL, pause_reason = NULL, updated_at = $2 ",
        "WHERE name = $1",
    );
}

/// A job as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct JobRow {
    pub name: String,
    /// Cron line and zone it was planned with; a change re-plans from now.
    pub fingerprint: String,
    /// The next occurrence not yet planned; `None` when the cron line has no further one.
    pub next_slot_at: Option<Instant>,
    pub paused_at: Option<Instant>,
    pub paused_by: Option<String>,
    pub pause_reason: Option<String>,
    /// No longer in the configuration: nothing new is planned, its open runs drain.
    pub is_retired: bool,
}

/// A run to be planned for an occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRun {
    /// The occurrence.
    pub slot_at: Instant,
    /// Moment by which the report must be delivered.
    pub deadline_at: Option<Instant>,
    /// Set when the occurrence is recorded as skipped instead of run: the bounded reason (`missed`, `paused`, `overlap`).
    pub skipped: Option<String>,
}

impl Store {
    /// Makes the job known with its next slot. A known job with the same fingerprint keeps its slot; another
    /// fingerprint takes `next_slot_at`. Un-retires. Returns the row as it now stands.
    pub async fn register_job(
        &self,
        name: &str,
        fingerprint: &str,
        next_slot_at: Option<Instant>,
        now: Instant,
    ) -> Result<JobRow> {
        let mut db = self.conn().await?;
        fetch_one!(JobRow, db, REGISTER, name, fingerprint, next_slot_at, now)
    }

    /// Marks every job not in `names` as retired; returns the names newly retired.
    pub async fn retire_jobs_except(&self, names: &[String], now: Instant) -> Result<Vec<String>> {
        let mut tx = self.begin().await?;
        let mut jobs = fetch_all!(JobRow, tx, LIST)?;
        // In one order, or two workers doing this at once would wait for each other's rows.
        jobs.sort_by(|a, b| a.name.cmp(&b.name));
        let mut retired = Vec::new();
        for job in jobs {
            if !names.contains(&job.name) && execute!(tx, RETIRE, &job.name, now)? == 1 {
                retired.push(job.name);
            }
        }
        tx.commit().await?;
        Ok(retired)
    }

    /// All jobs, by name; retired ones included.
    pub async fn list_jobs(&self) -> Result<Vec<JobRow>> {
        let mut db = self.conn().await?;
        let mut jobs = fetch_all!(JobRow, db, LIST)?;
        // Sorted here: databases sort words each in its own way.
        jobs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(jobs)
    }

    /// One transaction: moves `next_slot_at` from `expected` to `next` by compare-and-set and inserts `runs`.
    /// Returns `false`, and writes nothing, when somebody else planned first. A run that exists already for
    /// `(job, slot_at)` is left as it is.
    pub async fn plan(
        &self,
        job: &str,
        expected: Instant,
        next: Option<Instant>,
        runs: &[PlannedRun],
        now: Instant,
    ) -> Result<bool> {
        let mut tx = self.begin().await?;
        if execute!(tx, ADVANCE, job, expected, next, now)? == 0 {
            return Ok(false);
        }
        for run in runs {
            let (state, finished_at) = match run.skipped {
                Some(_) => (RunState::Skipped, Some(now)),
                None => (RunState::Planned, None),
            };
            let reason = run.skipped.as_deref();
            execute!(
                tx,
                INSERT_OCCURRENCE,
                job,
                run.slot_at,
                state.as_str(),
                run.deadline_at,
                now,
                finished_at,
                reason
            )?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Pauses the job; `false` when there is no such job. Pausing twice keeps the first author.
    pub async fn pause_job(&self, job: &str, by: &str, reason: &str, now: Instant) -> Result<bool> {
        let mut db = self.conn().await?;
        Ok(execute!(db, PAUSE, job, by, reason, now)? == 1)
    }

    /// Ends the pause; `false` when there is no such job.
    pub async fn resume_job(&self, job: &str, now: Instant) -> Result<bool> {
        let mut db = self.conn().await?;
        Ok(execute!(db, RESUME, job, now)? == 1)
    }
}
