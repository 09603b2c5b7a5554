//! Which slots run, which are skipped: a pure decision.

use std::time::Duration;

use chrono::TimeDelta;

use super::{CatchUp, Schedule};
use crate::clock::Instant;
use crate::store::jobs::PlannedRun;

/// A slot found this late is still on time: ticks are a second apart and a sweep may be 15 s late.
const ON_TIME: TimeDelta = TimeDelta::seconds(60);

/// Skipped slots recorded one by one; older ones of a long downtime are left out of the table.
const MOST_SKIPS: usize = 200;

/// What is known about a job when its slots fall due.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    pub catch_up: CatchUp,
    pub catch_up_window: Duration,
    pub deadline: Option<Duration>,
    pub is_paused: bool,
    /// An earlier run of the job is still planned or running.
    pub is_busy: bool,
}

/// Slots that fell due, and the one to wait for next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Ascending by slot; skipped ones carry their reason (`missed`, `paused`, `overlap`).
    pub runs: Vec<PlannedRun>,
    /// The first slot after `now`; `None` when the schedule ends.
    pub next: Option<Instant>,
}

/// Decides about every slot from `first` (the stored next slot) up to `now`.
///
/// A slot on time runs, unless the job is paused or busy. Older slots are made up for by the policy: none of them, the
/// latest, or all, inside the window. `all` may make several runs, which queue up one behind the other. A clock that
/// stepped back finds nothing due: slots before `first` were decided already.
pub fn due(schedule: &Schedule, first: Instant, now: Instant, policy: &Policy) -> Due {
    let mut slots = Vec::new();
    let mut next = Some(first);
    while let Some(slot) = next.filter(|slot| *slot <= now) {
        slots.push(slot);
        next = schedule.next_after(slot);
    }
    let window = TimeDelta::from_std(policy.catch_up_window).unwrap_or(TimeDelta::MAX);
    let latest = slots.last().copied();
    let mut is_busy = policy.is_busy;
    let mut runs: Vec<_> = slots
        .iter()
        .rev()
        .take(MOST_SKIPS)
        .rev()
        .map(|&slot_at| {
            let late = now - slot_at;
            let is_wanted = late <= ON_TIME
                || late <= window
                    && match policy.catch_up {
                        CatchUp::None => false,
                        CatchUp::Latest => Some(slot_at) == latest,
                        CatchUp::All => true,
                    };
            let skipped = match () {
                () if policy.is_paused => Some("paused"),
                () if !is_wanted => Some("missed"),
                () if is_busy => Some("overlap"),
                () => None,
            };
            // Within one decision `all` queues its runs; otherwise the first wanted slot makes the job busy.
            if skipped.is_none() && policy.catch_up != CatchUp::All {
                is_busy = true;
            }
            let deadline_at =
                policy.deadline.and_then(|deadline| TimeDelta::from_std(deadline).ok()).map(|d| slot_at + d);
            PlannedRun { slot_at, deadline_at, skipped: skipped.map(str::to_owned) }
        })
        .collect();
    runs.sort_by_key(|run| run.slot_at);
    Due { runs, next }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};

    fn at(text: &str) -> Instant {
        text.parse::<DateTime<Utc>>().unwrap()
    }

    fn decide(
        first: &str,
        now: &str,
        catch_up: CatchUp,
        change: impl Fn(&mut Policy),
    ) -> Vec<(String, Option<String>)> {
        let schedule = Schedule::parse("0 9 * * *", chrono_tz::UTC).unwrap();
        let mut policy = Policy {
            catch_up,
            catch_up_window: Duration::from_secs(30 * 3600),
            deadline: None,
            is_paused: false,
            is_busy: false,
        };
        change(&mut policy);
        due(&schedule, at(first), at(now), &policy)
            .runs
            .into_iter()
            .map(|run| (run.slot_at.format("%d").to_string(), run.skipped))
            .collect()
    }

    fn says(day: &str, skipped: Option<&str>) -> (String, Option<String>) {
        (day.to_owned(), skipped.map(str::to_owned))
    }

    #[test]
    fn a_slot_on_time_runs_whatever_the_catch_up_policy() {
        for policy in [CatchUp::None, CatchUp::Latest, CatchUp::All] {
            let decided = decide("2026-03-10T09:00:00Z", "2026-03-10T09:00:14Z", policy, |_| {});
            assert_eq!(decided, [says("10", None)]);
        }
    }

    #[test]
    fn slots_missed_while_down_follow_the_policy_inside_its_window() {
        let decide = |policy| decide("2026-03-08T09:00:00Z", "2026-03-10T12:00:00Z", policy, |_| {});
        let missed = |day| says(day, Some("missed"));
        assert_eq!(decide(CatchUp::None), [missed("08"), missed("09"), missed("10")]);
        assert_eq!(decide(CatchUp::Latest), [missed("08"), missed("09"), says("10", None)]);
        assert_eq!(decide(CatchUp::All), [missed("08"), says("09", None), says("10", None)]);
    }

    #[test]
    fn a_paused_job_records_its_slots_and_a_busy_one_skips_them() {
        let (first, now) = ("2026-03-10T09:00:00Z", "2026-03-10T09:00:01Z");
        let paused = decide(first, now, CatchUp::Latest, |policy| policy.is_paused = true);
        assert_eq!(paused, [says("10", Some("paused"))]);
        let busy = decide(first, now, CatchUp::Latest, |policy| policy.is_busy = true);
        assert_eq!(busy, [says("10", Some("overlap"))]);
    }

    #[test]
    fn a_clock_that_stepped_back_finds_nothing_due() {
        let schedule = Schedule::parse("0 9 * * *", chrono_tz::UTC).unwrap();
        let policy = Policy {
            catch_up: CatchUp::All,
            catch_up_window: Duration::from_secs(3600),
            deadline: None,
            is_paused: false,
            is_busy: false,
        };
        let first = at("2026-03-11T09:00:00Z");
        let decided = due(&schedule, first, at("2026-03-10T08:00:00Z"), &policy);
        assert_eq!(decided, Due { runs: vec![], next: Some(first) });
    }
}
