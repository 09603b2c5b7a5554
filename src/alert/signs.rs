//! Signs of trouble that no failure shows: slots skipped one after another, a report that will be late, sources that
//! nobody reads, records that nobody understands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use chrono::TimeDelta;

use super::checks::{Snapshot, Thresholds, is_cause};
use super::trouble::Trouble;
use super::{AlertError, Alerter};
use crate::clock::Instant;
use crate::store::runs::{Origin, RunRow, RunState};

/// So many slots skipped in a row are told.
const SKIPPED_IN_A_ROW: usize = 3;
/// Runs that say how long a job takes.
const LEAST_DURATIONS: usize = 5;
/// Records not understood in a day before it is told: a few are a customer's oddity.
const LEAST_DROPPED: i64 = 10;
/// Notes on data quality with a finding in a row.
const DOUBTFUL_IN_A_ROW: usize = 3;
/// How long the signs that need more than a glance hold.
const LOOK_EVERY: TimeDelta = TimeDelta::seconds(60);

/// Signs that are looked for once a minute.
#[derive(Debug, Clone, Default)]
pub struct SlowSigns {
    /// By source, records of the last day that were not understood.
    pub dropped: Vec<(String, u64)>,
    /// Language models in use without a price.
    pub unpriced: Vec<String>,
    /// By quality job: notes with findings in a row, and findings in the last.
    pub doubtful: Vec<(String, u64, u64)>,
}

impl Snapshot {
    /// Signs of trouble in what is stored.
    pub(super) fn signs(&self, thresholds: &Thresholds, now: Instant) -> Vec<Trouble> {
        let mut found = self.skipped_slots();
        found.extend(self.deadlines_at_risk(now));
        found.extend(self.stale_sources(thresholds, now));
        let dropped = self.slow.dropped.iter();
        found.extend(
            dropped.map(|(source, count)| Trouble::SchemaSurprise { source: source.clone(), count: *count }),
        );
        if !self.slow.unpriced.is_empty() {
            found.push(Trouble::PriceUnknown { models: self.slow.unpriced.clone() });
        }
        found.extend(self.slow.doubtful.iter().map(|(job, days, count)| Trouble::QualityDoubtful {
            job: job.clone(),
            days: *days,
            count: *count,
        }));
        found
    }

    fn by_job(&self) -> BTreeMap<&str, Vec<&RunRow>> {
        let mut jobs: BTreeMap<&str, Vec<&RunRow>> = BTreeMap::new();
        for run in self.runs.iter().filter(|run| run.origin == Origin::Cron) {
            jobs.entry(&run.job).or_default().push(run);
        }
        for runs in jobs.values_mut() {
            runs.sort_by_key(|run| std::cmp::Reverse((run.slot_at, run.id)));
        }
        jobs
    }

    /// Slots passed over because an earlier run does not end; a pause is meant, and a stop of the program is told otherwise.
    fn skipped_slots(&self) -> Vec<Trouble> {
        let is_skipped =
            |run: &&&RunRow| run.state == RunState::Skipped && run.reason.as_deref() == Some("overlap");
        let jobs = self.by_job().into_iter().filter_map(|(job, runs)| {
            let skipped: Vec<_> = runs.iter().take_while(is_skipped).collect();
            let first = skipped.last().filter(|_| skipped.len() >= SKIPPED_IN_A_ROW)?;
            Some(Trouble::SlotsSkipped {
                job: job.to_owned(),
                reason: "overlap".to_owned(),
                count: skipped.len() as u64,
                since: first.slot_at,
            })
        });
        jobs.collect()
    }

    /// Reports that by the time such runs take will not be there in time. Told before the deadline only.
    fn deadlines_at_risk(&self, now: Instant) -> Vec<Trouble> {
        let mut found = Vec::new();
        for runs in self.by_job().into_values() {
            let Some(usual) = usual_duration(&runs) else { continue };
            for run in runs {
                let Some(deadline_at) = run.deadline_at.filter(|at| now < *at) else { continue };
                let starts_at = match run.state {
                    RunState::Running => run.started_at.unwrap_or(now),
                    RunState::Planned => run.not_before_at.max(now),
                    _ => continue,
                };
                let is_effect = run
                    .reason
                    .as_deref()
                    .is_some_and(|reason| self.sources.iter().any(|source| is_cause(source, reason, now)));
                if starts_at + usual > deadline_at && !is_effect {
                    found.push(Trouble::DeadlineAtRisk {
                        job: run.job.clone(),
                        run_id: run.id,
                        slot_at: run.slot_at,
                        deadline_at,
                        usual_secs: usual.num_seconds(),
                    });
                }
            }
        }
        found
    }

    fn stale_sources(&self, thresholds: &Thresholds, now: Instant) -> Vec<Trouble> {
        let stale = self.sources.iter().filter(|row| {
            let mut readers = self.readers.get(&row.name).into_iter().flatten();
            let is_read = readers.any(|job| !self.paused.contains(job));
            let is_old = row.last_success_at.is_some_and(|at| now - at >= thresholds.stale_after);
            is_read && is_old && row.failing_since.is_none()
        });
        stale
            .map(|row| Trouble::SourceStale { source: row.name.clone(), since: row.last_success_at })
            .collect()
    }

    /// Whether a sign that is not seen any more is over; `None` for other troubles.
    pub(super) fn is_sign_over(&self, trouble: &Trouble) -> Option<bool> {
        match trouble {
            Trouble::DeadlineAtRisk { run_id, deadline_at, .. } => {
                let run = self.runs.iter().find(|run| run.id == *run_id);
                Some(run.is_none_or(|run| {
                    run.finished_at.is_some() || run.deadline_missed_at.is_some_and(|at| at >= *deadline_at)
                }))
            }
            Trouble::SlotsSkipped { .. }
            | Trouble::SourceStale { .. }
            | Trouble::SchemaSurprise { .. }
            | Trouble::PriceUnknown { .. }
            | Trouble::QualityDoubtful { .. } => Some(true),
            _ => None,
        }
    }
}

/// What nine of ten of the latest runs took at most; `None` when too few are known.
fn usual_duration(runs: &[&RunRow]) -> Option<TimeDelta> {
    let ended = runs.iter().filter(|run| run.state == RunState::Succeeded);
    let mut took: Vec<TimeDelta> = ended
        .filter_map(|run| Some(run.finished_at? - run.started_at?))
        .filter(|took| *took >= TimeDelta::zero())
        .collect();
    took.sort_unstable();
    let last = took.len().checked_sub(1).filter(|_| took.len() >= LEAST_DURATIONS)?;
    Some(took[(last * 9).div_ceil(10)])
}

impl Alerter {
    /// The signs that need more than a glance, not older than a minute.
    pub(super) async fn slow_signs(&self, now: Instant) -> Result<SlowSigns, AlertError> {
        let known = self.slow.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, signs)) =
            known.filter(|(at, _)| (TimeDelta::zero()..LOOK_EVERY).contains(&(now - *at)))
        {
            return Ok(signs);
        }
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for (source, _, count) in self.store.dropped_since(now - TimeDelta::hours(24)).await? {
            *sums.entry(source).or_default() += count;
        }
        sums.retain(|_, count| *count >= LEAST_DROPPED);
        let signs = SlowSigns {
            dropped: sums.into_iter().map(|(source, count)| (source, count.unsigned_abs())).collect(),
            unpriced: self.unpriced_models(now).await?,
            doubtful: self.doubtful_data().await?,
        };
        *self.slow.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, signs.clone()));
        Ok(signs)
    }

    /// Models called yesterday or today, by the local day.
    async fn unpriced_models(&self, now: Instant) -> Result<Vec<String>, AlertError> {
        let Some(is_priced) = &self.settings.looks.is_priced.0 else { return Ok(Vec::new()) };
        let today = now.with_timezone(&self.settings.speech.zone).date_naive();
        let (from, until) = (today - TimeDelta::days(1), today + TimeDelta::days(1));
        let days = self.store.llm_days(from, until).await?;
        let unpriced = days.into_iter().filter(|day| !is_priced(&day.tokens.model, day.day_on));
        let models: BTreeSet<String> = unpriced.map(|day| day.tokens.model).collect();
        // More names would not be read.
        Ok(models.into_iter().take(5).collect())
    }

    async fn doubtful_data(&self) -> Result<Vec<(String, u64, u64)>, AlertError> {
        let mut doubtful = Vec::new();
        for job in &self.settings.looks.quality_jobs {
            let mut counts = Vec::new();
            let runs = self.store.list_runs(Some(job), 20).await?;
            let told = runs
                .iter()
                .filter(|run| run.origin == Origin::Cron && run.state == RunState::Succeeded)
                .take(DOUBTFUL_IN_A_ROW + 4);
            for run in told {
                let digest = self.store.find_digest(run.id).await?;
                let findings = digest.as_ref().and_then(|digest| digest.body.get("findings")?.as_array());
                match findings.map_or(0, Vec::len) {
                    0 => break,
                    count => counts.push(count as u64),
                }
            }
            if counts.len() >= DOUBTFUL_IN_A_ROW {
                doubtful.push((job.clone(), counts.len() as u64, counts[0]));
            }
        }
        Ok(doubtful)
    }
}
