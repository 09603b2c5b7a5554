//! Runs: one row per occurrence (or manual request), and one row per attempt at it.
//!
//! | state | entered by | leaves to |
//! |---|---|---|
//! | `planned` | `plan`, `insert_manual_run`, `retry_run`, `release_run` | `running` |
//! | `running` | `claim_run` | `succeeded`, `failed`, `planned`; an expired lease makes it claimable again |
//! | `succeeded`, `failed`, `skipped` | `finish_run`, `fail_run`, `plan` | final |

use serde_json::Value;

use super::history::HistoryRow;
use super::outbox::NewDelivery;
use super::{Lease, Result, Store};
use crate::clock::Instant;

/// What started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// An occurrence of the cron line. Unique per `(job, slot_at)`.
    Cron,
    /// Somebody asked. Never takes the place of a cron occurrence.
    Manual,
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
    /// Bounded reason of the last failure or of the skip.
    pub reason: Option<String>,
    /// One sentence for humans about the last failure; never customer texts or secrets.
    pub note: Option<String>,
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
    /// One sentence for `svodka runs`, such as «412 facts stored».
    pub note: Option<String>,
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

impl Store {
    /// Adds a manual run, due at `now`. Returns its id.
    pub async fn insert_manual_run(
        &self,
        _job: &str,
        _slot_at: Instant,
        _deadline_at: Option<Instant>,
        _now: Instant,
    ) -> Result<i64> {
        todo!()
    }

    /// Claims the oldest due run for `lease_secs`: `planned` with `not_before_at <= now`, or `running` with an expired
    /// lease. A job with another run under a live lease is passed over (a job never overlaps itself). Begins
    /// attempt `attempt_count + 1`. `None` when nothing is due.
    pub async fn claim_run(
        &self,
        _owner: &str,
        _lease_secs: i64,
        _now: Instant,
    ) -> Result<Option<ClaimedRun>> {
        todo!()
    }

    /// Claims exactly this run, if it is due as above; used by `svodka run`.
    pub async fn claim_run_by_id(
        &self,
        _run_id: i64,
        _owner: &str,
        _lease_secs: i64,
        _now: Instant,
    ) -> Result<Option<ClaimedRun>> {
        todo!()
    }

    /// Extends the lease; `Fenced` when it is no longer ours.
    pub async fn renew_run(&self, _lease: &Lease, _lease_secs: i64) -> Result<()> {
        todo!()
    }

    /// One fenced transaction: digest, history and outbox rows, state `succeeded`. All or nothing.
    pub async fn finish_run(&self, _lease: &Lease, _result: &RunResult, _now: Instant) -> Result<()> {
        todo!()
    }

    /// Ends the attempt as failed and puts the run back to `planned`, due at `not_before_at`. Fenced.
    pub async fn retry_run(
        &self,
        _lease: &Lease,
        _reason: &str,
        _note: &str,
        _not_before_at: Instant,
        _now: Instant,
    ) -> Result<()> {
        todo!()
    }

    /// Ends the run as failed for good. Fenced.
    pub async fn fail_run(&self, _lease: &Lease, _reason: &str, _note: &str, _now: Instant) -> Result<()> {
        todo!()
    }

    /// Hands the run back untouched while draining: `planned`, due at once; the attempt does not count. Fenced.
    pub async fn release_run(&self, _lease: &Lease, _now: Instant) -> Result<()> {
        todo!()
    }

    /// The run, if it exists.
    pub async fn find_run(&self, _run_id: i64) -> Result<Option<RunRow>> {
        todo!()
    }

    /// Latest runs first (by `slot_at`, then id), of one job or of all.
    pub async fn list_runs(&self, _job: Option<&str>, _limit: i64) -> Result<Vec<RunRow>> {
        todo!()
    }

    /// Runs whose `deadline_at <= now` passed while they were not succeeded-and-delivered (a delivery of theirs
    /// still pending, sending or unknown; or the run planned, running or failed) and whose miss is not yet marked.
    pub async fn list_missed_deadlines(&self, _now: Instant) -> Result<Vec<RunRow>> {
        todo!()
    }

    /// Marks the miss and enqueues the notes about it, in one transaction; `false` (and nothing written) when
    /// another worker did so first.
    pub async fn mark_deadline_missed(
        &self,
        _run_id: i64,
        _deliveries: &[NewDelivery],
        _now: Instant,
    ) -> Result<bool> {
        todo!()
    }

    /// The digest a run left behind.
    pub async fn find_digest(&self, _run_id: i64) -> Result<Option<StoredDigest>> {
        todo!()
    }

    /// The latest succeeded run of each job, for checks and status.
    pub async fn last_successes(&self) -> Result<Vec<RunRow>> {
        todo!()
    }
}
