//! From runs to results: claims a run, keeps its lease, limits its time, records how it ended.
//!
//! A run that fails is repeated with growing delays until its window closes; the last attempt is told that it is the
//! last, so that it can conclude with what there is. Nothing of a failed attempt is kept: results are written once, in
//! one transaction, under the lease.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::Job;
use crate::clock::{Instant, SharedClock};
use crate::outbound::{Backoff, Jitter};
/// Lease of a run where one worker has the database; see [`Store::lease_secs`].
pub use crate::store::LEASE_SECS;
use crate::store::runs::{ClaimedRun, Origin, RunResult, RunRow};
use crate::store::{Lease, Store, StoreError};

/// Delays between the attempts at a run, before jitter: 5 s, 10 s, 20 s … 5 min.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(10), cap: Duration::from_secs(300) };

/// What the last attempt before a deadline has for itself, or half of a shorter deadline: one look at a source that does not
/// answer, and the way out.
const CONCLUSION: TimeDelta = TimeDelta::seconds(60);

/// What an attempt is told.
#[derive(Debug, Clone)]
pub struct JobContext {
    pub run: RunRow,
    /// The moment the attempt began.
    pub now: Instant,
    /// No further attempt will follow: conclude with what there is.
    pub is_last_attempt: bool,
    /// No further attempt will follow that could make the deadline, or the deadline has passed.
    pub is_last_in_time: bool,
    /// When to conclude at the latest so that the result is there by the deadline; `None` = there is no deadline ahead.
    pub conclude_by: Option<Instant>,
    /// Cancelled when the worker drains: stop at the next safe point.
    pub stop: CancellationToken,
}

/// An attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{note}")]
pub struct JobError {
    /// Bounded word for logs, metrics and incidents.
    pub reason: &'static str,
    /// One sentence for humans; never secrets or customers' texts.
    pub note: String,
    /// Trying again cannot help without a human.
    pub is_permanent: bool,
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        Self { reason: error.reason(), note: error.to_string(), is_permanent: !error.is_transient() }
    }
}

/// Does the work of a job; the runner does not know what it is.
#[async_trait]
pub trait Execute: Send + Sync {
    /// One attempt. Its results are stored by the caller, in one transaction.
    async fn execute(&self, job: &Job, context: &JobContext) -> Result<RunResult, JobError>;
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOutcome {
    /// Nothing was due.
    Idle,
    /// The run succeeded; its messages stand in the outbox.
    Succeeded { run_id: i64 },
    /// The attempt failed; the run is due again at the given moment.
    Retrying { run_id: i64, reason: String, at: Instant },
    /// The run failed for good.
    Failed { run_id: i64, reason: String },
    /// The run was handed back because the worker drains.
    Released { run_id: i64 },
    /// Another worker took the run over; nothing was written.
    Fenced { run_id: i64 },
}

/// Executes runs.
pub struct Runner {
    pub store: Store,
    pub clock: SharedClock,
    pub jitter: Jitter,
    /// Name of this worker in leases.
    pub owner: String,
    pub jobs: BTreeMap<String, Job>,
}

impl Runner {
    /// Claims the oldest due run.
    pub async fn claim(&self) -> Result<Option<ClaimedRun>, StoreError> {
        self.store.claim_run(&self.owner, self.store.lease_secs(), self.clock.now()).await
    }

    /// Claims the oldest due run and executes it to its end.
    pub async fn run_step(
        &self,
        work: &dyn Execute,
        stop: &CancellationToken,
    ) -> Result<RunOutcome, StoreError> {
        match self.claim().await? {
            Some(claimed) => self.execute(claimed, work, stop).await,
            None => Ok(RunOutcome::Idle),
        }
    }

    /// Executes a claimed run.
    pub async fn execute(
        &self,
        claimed: ClaimedRun,
        work: &dyn Execute,
        stop: &CancellationToken,
    ) -> Result<RunOutcome, StoreError> {
        let ClaimedRun { run, lease, taken_over_from } = claimed;
        if let Some(owner) = taken_over_from {
            tracing::warn!(run.id = run.id, job.name = run.job, "run {} is taken over from {owner}", run.id);
        }
        let Some(job) = self.jobs.get(&run.job) else {
            // Never success: work nobody knows how to do is told, not swallowed.
            let note = format!("the job `{}` is not in the configuration of this worker", run.job);
            return self
                .record(&run, &lease, Err(JobError { reason: "unknown_job", note, is_permanent: true }), None)
                .await;
        };
        let now = self.clock.now();
        let give_up_at = self.give_up_at(&run, job);
        let mut next_at = now + BACKOFF.delay(u32::try_from(run.attempt_count).unwrap_or(1), &self.jitter);
        let is_final = next_at >= give_up_at;
        let conclusion = run.deadline_at.map(|deadline_at| {
            let length = deadline_at - run.slot_at;
            // One that was planned too late for its deadline gets the same time from then on.
            let at = if deadline_at <= run.created_at { run.created_at + length } else { deadline_at };
            (at, CONCLUSION.min(length / 2))
        });
        if let Some(conclude_at) = conclusion.map(|(at, lead)| at - lead).filter(|at| now < *at) {
            next_at = next_at.min(conclude_at);
        }
        let context = JobContext {
            run: run.clone(),
            now,
            is_last_attempt: is_final,
            is_last_in_time: is_final || conclusion.is_some_and(|(at, lead)| now >= at - lead),
            conclude_by: conclusion.map(|(at, lead)| at - lead / 6).filter(|at| now < *at),
            stop: stop.child_token(),
        };
        let timeout = TimeDelta::from_std(job.timeout).unwrap_or(TimeDelta::MAX);
        if run.attempt_count == 1 && run.origin == Origin::Cron {
            metrics::histogram!("svodka_run_lateness_seconds", "job" => run.job.clone())
                .record((now - run.slot_at).as_seconds_f64());
        }
        let started = std::time::Instant::now();
        let result = tokio::select! {
            // Work that is done counts, also when its time ran out or the worker was told to stop at the same moment.
            biased;
            result = work.execute(job, &context) => result,
            () = self.clock.sleep_until(now + timeout) => Err(JobError {
                reason: "timeout",
                note: format!("the attempt took longer than {}", humantime::format_duration(job.timeout)),
                is_permanent: false,
            }),
            error = self.keep_lease(&lease) => {
                tracing::error!(run.id = run.id, reason = error.reason(), "run {} stops: {error}", run.id);
                return Ok(RunOutcome::Fenced { run_id: run.id });
            }
            () = drained(stop, &self.clock) => {
                self.store.release_run(&lease, self.clock.now()).await?;
                // A hint only: without it the next worker comes at its tick.
                let _ = self.store.wake_workers().await;
                return Ok(RunOutcome::Released { run_id: run.id });
            }
        };
        let outcome = if result.is_ok() { "succeeded" } else { "failed" };
        metrics::counter!("svodka_run_attempts_total", "job" => run.job.clone(), "outcome" => outcome)
            .increment(1);
        metrics::histogram!("svodka_run_duration_seconds", "job" => run.job.clone())
            .record(started.elapsed().as_secs_f64());
        self.record(&run, &lease, result, (!is_final).then_some(next_at)).await
    }

    /// Writes how the attempt ended. `retry_at` is `None` after the last attempt.
    async fn record(
        &self,
        run: &RunRow,
        lease: &Lease,
        result: Result<RunResult, JobError>,
        retry_at: Option<Instant>,
    ) -> Result<RunOutcome, StoreError> {
        let (run_id, now) = (run.id, self.clock.now());
        let lateness_ms = (now - run.slot_at).num_milliseconds();
        let written = match result {
            Ok(mut result) => {
                if run.is_for_record {
                    result.deliveries.clear();
                    result.files.clear();
                    result.note = Some("kept for the record, nothing enqueued".to_owned());
                }
                let message_count = result.deliveries.len();
                self.store.finish_run(lease, &result, now).await.map(|()| {
                    tracing::info!(
                        job.name = run.job, run.id, run.slot = %run.slot_at, lateness_ms,
                        "run {run_id} of `{}` succeeded with {message_count} messages", run.job
                    );
                    RunOutcome::Succeeded { run_id }
                })
            }
            Err(JobError { reason, note, is_permanent }) => match retry_at.filter(|_| !is_permanent) {
                Some(at) => self.store.retry_run(lease, reason, &note, at, now).await.map(|()| {
                    tracing::warn!(
                        job.name = run.job,
                        run.id,
                        reason,
                        "attempt {} of run {run_id} of `{}` failed, again at {at}: {note}",
                        run.attempt_count,
                        run.job
                    );
                    RunOutcome::Retrying { run_id, reason: reason.to_owned(), at }
                }),
                None => self.store.fail_run(lease, reason, &note, now).await.map(|()| {
                    tracing::error!(
                        job.name = run.job,
                        run.id,
                        reason,
                        "run {run_id} of `{}` failed: {note}",
                        run.job
                    );
                    RunOutcome::Failed { run_id, reason: reason.to_owned() }
                }),
            },
        };
        match written {
            Err(StoreError::Fenced(_)) => Ok(RunOutcome::Fenced { run_id }),
            other => other,
        }
    }

    /// When a run is repeated no more: the end of its window, counted from the slot, or from the request for a manual run.
    fn give_up_at(&self, run: &RunRow, job: &Job) -> Instant {
        let window = TimeDelta::from_std(job.catch_up_window).unwrap_or(TimeDelta::MAX);
        match run.origin {
            Origin::Cron => run.slot_at + window,
            Origin::Manual | Origin::Correction => run.created_at + window.min(TimeDelta::minutes(1)),
        }
    }

    /// Renews the lease until it is lost; returns the error that says so.
    async fn keep_lease(&self, lease: &Lease) -> StoreError {
        let lease_secs = self.store.lease_secs();
        let length = TimeDelta::seconds(lease_secs);
        let mut failing_since: Option<Instant> = None;
        loop {
            self.clock.sleep(length / 3).await;
            match self.store.renew_run(lease, lease_secs).await {
                Ok(()) => failing_since = None,
                Err(error @ StoreError::Fenced(_)) => return error,
                Err(error) => {
                    // A short absence of the database is survivable; past the lease somebody else may have the run.
                    let since = *failing_since.get_or_insert(self.clock.now());
                    if self.clock.now() - since >= length {
                        return error;
                    }
                }
            }
        }
    }
}

/// Returns when the worker was told to stop and the running attempt has had its time to finish.
async fn drained(stop: &CancellationToken, clock: &SharedClock) {
    /// What a drain grants a running attempt, out of the ten seconds of the whole.
    const GRACE: TimeDelta = TimeDelta::seconds(7);
    stop.cancelled().await;
    clock.sleep(GRACE).await;
}
