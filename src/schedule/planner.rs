//! From slots to runs: registers the cron table and plans what fell due.
//!
//! One public step; the loop only repeats it. Planning is a compare-and-set on the job's next slot together with the
//! insert of its runs, so any number of workers may plan at once.

use chrono::TimeDelta;

use super::Job;
use super::due::{Policy, due};
use crate::clock::{Instant, SharedClock};
use crate::store::runs::{Origin, RunState};
use crate::store::{Result, Store};

/// Plans the jobs of one configuration.
#[derive(Debug)]
pub struct Planner {
    store: Store,
    clock: SharedClock,
    jobs: Vec<Job>,
}

/// What a step planned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Planned {
    pub run_count: usize,
    pub skipped_count: usize,
}

impl Planner {
    /// A planner for the enabled jobs.
    pub fn new(store: Store, clock: SharedClock, jobs: Vec<Job>) -> Self {
        Self { store, clock, jobs }
    }

    /// Makes the jobs known to the store. A new job, or one whose schedule changed, begins with its next slot from now
    /// on: it never fills the past by itself. Jobs gone from the configuration are retired; their open runs drain.
    pub async fn register(&self) -> Result<()> {
        let now = self.clock.now();
        for job in &self.jobs {
            let next = job.schedule.next_after(now);
            self.store.register_job(&job.name, &job.schedule.fingerprint(), next, now).await?;
        }
        let names: Vec<_> = self.jobs.iter().map(|job| job.name.clone()).collect();
        for name in self.store.retire_jobs_except(&names, now).await? {
            tracing::info!(
                job.name = name,
                "job `{name}` is gone from the configuration: nothing new is planned"
            );
        }
        Ok(())
    }

    /// Plans every slot that fell due.
    pub async fn plan_step(&self) -> Result<Planned> {
        let now = self.clock.now();
        let mut planned = Planned::default();
        for row in self.store.list_jobs().await? {
            let Some(job) = self.jobs.iter().find(|job| job.name == row.name && !row.is_retired) else {
                continue;
            };
            let Some(first) = row.next_slot_at.filter(|slot| *slot <= now) else { continue };
            let policy = Policy {
                catch_up: job.catch_up,
                catch_up_window: job.catch_up_window,
                deadline: job.deadline,
                is_paused: row.paused_at.is_some(),
                is_busy: self.is_busy(job).await?,
            };
            let due = due(&job.schedule, first, now, &policy);
            if !self.store.plan(&job.name, first, due.next, &due.runs, now).await? {
                continue;
            }
            for run in &due.runs {
                match &run.skipped {
                    None => planned.run_count += 1,
                    Some(reason) => {
                        planned.skipped_count += 1;
                        tracing::warn!(
                            job.name = job.name,
                            run.slot = %run.slot_at,
                            reason,
                            "slot {} of `{}` is skipped: {reason}", run.slot_at, job.name
                        );
                        metrics::counter!("svodka_slots_skipped_total", "job" => job.name.clone(), "reason" => reason.clone())
                            .increment(1);
                    }
                }
            }
        }
        Ok(planned)
    }

    /// When the next slot of any job falls due, for the loop and for `svodka jobs`.
    pub async fn next_slot_at(&self) -> Result<Option<Instant>> {
        Ok(self
            .store
            .list_jobs()
            .await?
            .into_iter()
            .filter(|job| !job.is_retired)
            .filter_map(|job| job.next_slot_at)
            .min())
    }

    /// An occurrence of the job is still on its way. A manual run does not count: the slot waits behind it instead of being
    /// skipped. One older than the job's whole window does not count: it is being given up,
    /// and must not cost the next slot.
    async fn is_busy(&self, job: &Job) -> Result<bool> {
        let oldest = self.clock.now() - TimeDelta::from_std(job.catch_up_window).unwrap_or(TimeDelta::MAX);
        let runs = self.store.list_runs(Some(&job.name), 50).await?;
        Ok(runs.iter().any(|run| {
            run.origin == Origin::Cron
                && matches!(run.state, RunState::Planned | RunState::Running)
                && run.slot_at >= oldest
        }))
    }
}
