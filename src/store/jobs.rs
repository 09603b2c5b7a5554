//! The cron table as rows: each job's next slot, and the pause button.

use super::{Result, Store};
use crate::clock::Instant;

/// A job as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        _name: &str,
        _fingerprint: &str,
        _next_slot_at: Option<Instant>,
        _now: Instant,
    ) -> Result<JobRow> {
        todo!()
    }

    /// Marks every job not in `names` as retired; returns the names newly retired.
    pub async fn retire_jobs_except(&self, _names: &[String], _now: Instant) -> Result<Vec<String>> {
        todo!()
    }

    /// All jobs, by name; retired ones included.
    pub async fn list_jobs(&self) -> Result<Vec<JobRow>> {
        todo!()
    }

    /// One transaction: moves `next_slot_at` from `expected` to `next` by compare-and-set and inserts `runs`.
    /// Returns `false`, and writes nothing, when somebody else planned first. A run that exists already for
    /// `(job, slot_at)` is left as it is.
    pub async fn plan(
        &self,
        _job: &str,
        _expected: Instant,
        _next: Option<Instant>,
        _runs: &[PlannedRun],
        _now: Instant,
    ) -> Result<bool> {
        todo!()
    }

    /// Pauses the job; `false` when there is no such job. Pausing twice keeps the first author.
    pub async fn pause_job(&self, _job: &str, _by: &str, _reason: &str, _now: Instant) -> Result<bool> {
        todo!()
    }

    /// Ends the pause; `false` when there is no such job.
    pub async fn resume_job(&self, _job: &str, _now: Instant) -> Result<bool> {
        todo!()
    }
}
