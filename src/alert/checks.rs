//! From what stands in the store to troubles. Pure: a [`Snapshot`] in, findings out.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::signs::SlowSigns;
use super::told::reason_of;
use super::trouble::Trouble;
use crate::clock::Instant;
use crate::store::outbox::DeliveryRow;
use crate::store::runs::{Origin, RunRow, RunState};
use crate::store::sources::SourceRow;

/// When something is worth telling.
#[derive(Debug, Clone)]
pub struct Thresholds {
    /// A source may fail for this long before anybody is told; one that refuses us is told at once.
    pub source_down_after: TimeDelta,
    /// A message may wait for this long beyond its own time.
    pub stuck_after: TimeDelta,
    /// A report may start this late before its lateness is news.
    pub late_after: TimeDelta,
    /// A source nobody reads through for this long is told, although it does not fail.
    pub stale_after: TimeDelta,
    /// How long news (see [`Trouble::is_news`]) stays a finding.
    pub news_for: TimeDelta,
    /// More findings of one kind than this become one.
    pub most_of_kind: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            source_down_after: TimeDelta::minutes(20),
            stuck_after: TimeDelta::minutes(10),
            late_after: TimeDelta::minutes(10),
            stale_after: TimeDelta::hours(3),
            news_for: TimeDelta::hours(24),
            most_of_kind: 10,
        }
    }
}

/// What the checks look at.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Latest runs of each job that is still in the config, newest first.
    pub runs: Vec<RunRow>,
    /// The latest successful run of each job.
    pub last_successes: Vec<RunRow>,
    pub sources: Vec<SourceRow>,
    /// Latest deliveries that are dead, newest first.
    pub dead: Vec<DeliveryRow>,
    /// Failed runs that no incident tells yet, oldest first.
    pub untold_runs: Vec<RunRow>,
    /// Dead deliveries that no incident tells yet, oldest first.
    pub untold_dead: Vec<DeliveryRow>,
    /// Deliveries pending or unknown.
    pub waiting: Vec<DeliveryRow>,
    /// Latest deliveries that were sent, newest first.
    pub sent: Vec<DeliveryRow>,
    /// Runs of open deadline incidents, by id.
    pub late_runs: BTreeMap<i64, LateRun>,
    /// By source, the jobs that read it.
    pub readers: BTreeMap<String, Vec<String>>,
    /// Names of paused jobs.
    pub paused: BTreeSet<String>,
    /// What this worker's machine says.
    pub strains: Vec<Trouble>,
    pub slow: SlowSigns,
}

/// A run that missed its deadline.
#[derive(Debug, Clone, Copy, Default)]
pub struct LateRun {
    /// Everything of it was sent by now.
    pub has_arrived: bool,
    /// Its incident says that it failed for good.
    pub is_given_up: bool,
}

impl Snapshot {
    /// Everything that is wrong now. Effects of a cause that is found are named in it and not found themselves.
    pub fn find(&self, thresholds: &Thresholds, now: Instant) -> Vec<Trouble> {
        let mut found = self.failed_runs();
        found.extend(self.late_starts(thresholds, now));
        self.hide_effects(&mut found);
        found.extend(self.failed_corrections());
        found.extend(self.sources(thresholds, now));
        found.extend(self.dead_deliveries(thresholds, now));
        found.extend(self.refused_markup(thresholds, now));
        found.extend(self.waiting_deliveries(thresholds, now));
        found.extend(self.signs(thresholds, now));
        found.extend(self.strains.iter().cloned());
        found
    }

    /// Whether an open incident is over, by evidence. Not being found is none: lists end somewhere.
    pub fn is_over(&self, trouble: &Trouble) -> bool {
        if let Some(is_over) = self.is_sign_over(trouble) {
            return is_over;
        }
        match trouble {
            Trouble::RunFailed { job, failed_at, .. } => {
                !self.runs.iter().any(|run| run.job == *job)
                    || self.success_of(job).is_some_and(|run| run.finished_at >= Some(*failed_at))
            }
            Trouble::SourceDown { sources, .. } | Trouble::SourceRefused { sources, .. } => {
                !self.sources.iter().any(|row| sources.contains(&row.name) && row.failing_since.is_some())
            }
            Trouble::DeliveryDead { chat, last_at, .. } if !trouble.is_news() => {
                self.sent.iter().any(|row| row.chat == *chat && row.finished_at > Some(*last_at))
            }
            Trouble::DeliveryStuck { chat, .. } => !self.waiting.iter().any(|row| row.chat == *chat),
            Trouble::TelegramDown { .. } => !self.waiting.iter().any(is_way_blocked),
            Trouble::DeadlineMissed { job, run_id, slot_at, .. } => {
                self.late_runs.get(run_id).is_some_and(|late| late.has_arrived)
                    || self.success_of(job).is_some_and(|run| run.slot_at > *slot_at)
                    || !self.runs.iter().any(|run| run.job == *job)
            }
            // News, and a storm that is not found any more.
            _ => true,
        }
    }

    fn success_of(&self, job: &str) -> Option<&RunRow> {
        self.last_successes.iter().find(|run| run.job == job)
    }

    /// Reports that were planned long after their slot, because nobody was there to plan them.
    fn late_starts(&self, thresholds: &Thresholds, now: Instant) -> Vec<Trouble> {
        let late = self.runs.iter().filter(|run| {
            run.origin == Origin::Cron
                && run.state == RunState::Succeeded
                && run.deadline_at.is_some()
                && run.created_at - run.slot_at > thresholds.late_after
                && run.finished_at.is_some_and(|at| now - at < thresholds.news_for)
        });
        late.map(|run| Trouble::CaughtUp {
            job: run.job.clone(),
            run_id: run.id,
            slot_at: run.slot_at,
            lateness_secs: (run.created_at - run.slot_at).num_seconds(),
        })
        .collect()
    }

    /// A run that failed because a source did is the source's trouble; one that is told as late and given up is told.
    fn hide_effects(&self, found: &mut Vec<Trouble>) {
        found.retain(|trouble| match trouble {
            Trouble::RunFailed { run_id, reason, failed_at, .. } => {
                !self.sources.iter().any(|source| is_cause(source, reason, *failed_at))
                    && !self.late_runs.get(run_id).is_some_and(|late| late.is_given_up)
            }
            _ => true,
        });
    }

    fn sources(&self, thresholds: &Thresholds, now: Instant) -> Vec<Trouble> {
        let mut groups: BTreeMap<&str, Vec<&SourceRow>> = BTreeMap::new();
        for row in self.sources.iter().filter(|row| row.failing_since.is_some()) {
            groups.entry(self.access(&row.name)).or_default().push(row);
        }
        let mut found = Vec::new();
        for (access, rows) in groups {
            let refused = rows.iter().find(|row| is_refusal(row));
            let Some(since) = rows.iter().filter_map(|row| row.failing_since).min() else { continue };
            let reason =
                refused.or(rows.first()).and_then(|row| row.failure_reason.clone()).unwrap_or_default();
            let (access, sources) = (access.to_owned(), rows.iter().map(|row| row.name.clone()).collect());
            let jobs = self.failed_by(&rows);
            if refused.is_some() {
                found.push(Trouble::SourceRefused { access, sources, reason, since, jobs });
            } else if now - since >= thresholds.source_down_after || self.is_felt(&rows) {
                found.push(Trouble::SourceDown { access, sources, reason, since, jobs });
            }
        }
        found
    }

    /// A digest went out without the data of one of the sources, or is late because of it.
    fn is_felt(&self, sources: &[&SourceRow]) -> bool {
        let is_late = |run: &&RunRow| run.deadline_missed_at.is_some() && run.state != RunState::Succeeded;
        let (mut without, mut late) = (
            self.runs.iter().filter(|run| run.state == RunState::Succeeded),
            self.runs.iter().filter(is_late),
        );
        let is_effect = |run: &RunRow, at| sources.iter().any(|source| is_effect(run, source, at));
        without.any(|run| run.finished_at.is_some_and(|at| is_effect(run, at)))
            || late.any(|run| run.deadline_missed_at.is_some_and(|at| is_effect(run, at)))
    }

    /// Sources that one key opens at one address fail together. People are read with both keys, so they go with
    /// whoever else fails.
    fn access<'a>(&self, source: &'a str) -> &'a str {
        let fails = |name| self.sources.iter().any(|row| row.name == name && row.failing_since.is_some());
        match source {
            "retailcrm_chats" => "retailcrm_bot",
            "retailcrm_people" if fails("retailcrm_chats") && !fails("retailcrm_orders") => "retailcrm_bot",
            "retailcrm_orders" | "retailcrm_people" => "retailcrm_api",
            other => other,
        }
    }

    /// Jobs that failed because of one of the sources.
    fn failed_by(&self, sources: &[&SourceRow]) -> Vec<String> {
        let is_effect = |reason: &str, at| sources.iter().any(|source| is_cause(source, reason, at));
        let mut jobs: Vec<String> = self
            .failed_runs()
            .into_iter()
            .filter_map(|trouble| match trouble {
                Trouble::RunFailed { job, reason, failed_at, .. } if is_effect(&reason, failed_at) => {
                    Some(job)
                }
                _ => None,
            })
            .collect();
        jobs.sort_unstable();
        jobs
    }

    fn dead_deliveries(&self, thresholds: &Thresholds, now: Instant) -> Vec<Trouble> {
        let mut groups: BTreeMap<(&str, &str), Vec<&DeliveryRow>> = BTreeMap::new();
        let untold: BTreeSet<i64> = self.untold_dead.iter().map(|row| row.id).collect();
        let is_untold = |row: &DeliveryRow| untold.contains(&row.id);
        let told = self.dead.iter().filter(|row| !is_untold(row));
        for row in told.filter(|row| now - finished_at(row) < thresholds.news_for).chain(&self.untold_dead) {
            // Whoever dropped it knows, and whoever misses an answer asks again.
            if reason_of(row) != "dropped" && !row.is_answer() {
                groups.entry((&row.chat, reason_of(row))).or_default().push(row);
            }
        }
        let mut found = Vec::new();
        for ((chat, reason), rows) in groups {
            let last_at = rows.iter().map(|row| finished_at(row)).max().unwrap_or(now);
            let (chat, reason, count) = (chat.to_owned(), reason.to_owned(), rows.len() as u64);
            let public_ids = public_ids(&rows);
            let trouble = match reason.as_str() {
                "maybe_lost" => Trouble::DeliveryMaybeLost { chat, count, public_ids, last_at },
                _ => Trouble::DeliveryDead { chat, reason, count, public_ids, last_at },
            };
            let is_untold = rows.iter().any(|row| untold.contains(&row.id));
            if trouble.is_news() || !self.is_over(&trouble) || is_untold {
                found.push(trouble);
            }
        }
        found
    }

    fn refused_markup(&self, thresholds: &Thresholds, now: Instant) -> Vec<Trouble> {
        let mut latest: BTreeMap<&str, &DeliveryRow> = BTreeMap::new();
        for row in self.sent.iter().chain(&self.waiting) {
            if row.is_plain && now - row.created_at < thresholds.news_for {
                let known = latest.entry(&row.chat).or_insert(row);
                if row.id > known.id {
                    *known = row;
                }
            }
        }
        latest
            .into_values()
            .map(|row| Trouble::MarkupRefused {
                chat: row.chat.clone(),
                public_id: row.public_id.clone(),
                at: row.started_at.unwrap_or(row.created_at),
            })
            .collect()
    }

    fn waiting_deliveries(&self, thresholds: &Thresholds, now: Instant) -> Vec<Trouble> {
        let blocked = self.waiting.iter().filter(|row| is_way_blocked(row)).min_by_key(|row| row.id);
        if let Some(row) = blocked {
            let reason = row.reason.clone().unwrap_or_default();
            let since = row.created_at;
            // A token does not heal by itself; a connection may. Whatever else waits, waits for the same.
            let is_told = is_access_trouble(&reason) || now - since >= thresholds.stuck_after;
            return is_told.then_some(Trouble::TelegramDown { reason, since }).into_iter().collect();
        }
        let mut groups: BTreeMap<&str, Vec<&DeliveryRow>> = BTreeMap::new();
        for row in &self.waiting {
            groups.entry(&row.chat).or_default().push(row);
        }
        let mut found = Vec::new();
        for (chat, rows) in groups {
            let Some(oldest) = rows.iter().min_by_key(|row| row.created_at) else { continue };
            let Some(reason) = rows.iter().find_map(|row| row.reason.clone()) else { continue };
            if now - oldest.created_at >= thresholds.stuck_after {
                let (chat, count, since) = (chat.to_owned(), rows.len() as u64, oldest.created_at);
                found.push(Trouble::DeliveryStuck { chat, reason, count, since });
            }
        }
        found
    }
}

/// Whether a run stood at `at` as it did because of the source.
pub(super) fn is_effect(run: &RunRow, source: &SourceRow, at: Instant) -> bool {
    run.reason.as_deref().is_some_and(|reason| is_cause(source, reason, at))
}

pub(super) fn is_cause(source: &SourceRow, reason: &str, failed_at: Instant) -> bool {
    source.failing_since.is_some_and(|since| since <= failed_at)
        && source.failure_reason.as_deref() == Some(reason)
}

fn is_refusal(source: &SourceRow) -> bool {
    matches!(source.failure_reason.as_deref(), Some("unauthorized" | "forbidden"))
}

/// The way to Telegram is what is wrong, not the chat.
pub fn is_way_blocked(row: &DeliveryRow) -> bool {
    let is_route = |reason: &str| {
        matches!(
            reason,
            "cannot_connect"
                | "proxy_refused"
                | "timeout"
                | "connection_broken"
                | "server_error"
                | "not_telegram"
        )
    };
    row.reason.as_deref().is_some_and(|reason| is_access_trouble(reason) || is_route(reason))
}

fn is_access_trouble(reason: &str) -> bool {
    matches!(reason, "unauthorized" | "wrong_address")
}

fn finished_at(row: &DeliveryRow) -> Instant {
    row.finished_at.unwrap_or(row.created_at)
}

/// At most five, oldest first.
fn public_ids(rows: &[&DeliveryRow]) -> Vec<String> {
    let mut rows = rows.to_vec();
    rows.sort_unstable_by_key(|row| row.id);
    let mut ids: Vec<String> = rows.iter().map(|row| row.public_id.clone()).collect();
    ids.dedup();
    ids.truncate(5);
    ids
}

/// Folds more than `most` new findings of one kind into one. A kind already folded (`is_folded`) stays so until it is gone.
pub fn fold(
    found: Vec<Trouble>,
    most: usize,
    is_new: impl Fn(&Trouble) -> bool,
    is_folded: impl Fn(&str) -> bool,
) -> Vec<Trouble> {
    let mut fresh: BTreeMap<&'static str, Vec<Trouble>> = BTreeMap::new();
    let mut kept = Vec::new();
    for trouble in found {
        if is_new(&trouble) {
            fresh.entry(trouble.kind()).or_default().push(trouble)
        } else {
            kept.push(trouble)
        }
    }
    for (kind, troubles) in fresh {
        if troubles.len() > most || is_folded(kind) {
            let keys = troubles.iter().take(5).map(Trouble::key).collect();
            kept.push(Trouble::Many { of: kind.to_owned(), count: troubles.len() as u64, keys });
        } else {
            kept.extend(troubles);
        }
    }
    kept
}
