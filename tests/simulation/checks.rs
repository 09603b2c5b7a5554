//! What must hold after every step, and what must hold at the end.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use svodka::clock::Instant;
use svodka::schedule::{CatchUp, Job};
use svodka::store::Store;
use svodka::store::outbox::{Action, DeliveryRow, DeliveryState};
use svodka::store::runs::{RunRow, RunState};

use super::scenario::Slots;
use super::snapshot::{Run, Snapshot};
use super::worker::{KEPT, part_count};
use super::world::{Cause, World};

/// What was seen before, to notice what changes and must not.
#[derive(Debug, Default)]
pub struct Seen {
    finals: BTreeMap<i64, String>,
    settled_runs: BTreeMap<i64, String>,
    next: BTreeMap<String, (String, Option<Instant>)>,
    run_ids: BTreeSet<i64>,
    delivery_ids: BTreeSet<i64>,
    /// Runs planned or running, and the last look at which each was so.
    open: BTreeSet<i64>,
    last_open: BTreeMap<i64, u64>,
    /// The look at which the step began that is looked at, and this look.
    pub step: (u64, u64),
}

/// Looks at every row.
pub fn rows(world: &World, snapshot: &Snapshot, jobs: &[Job], seen: &mut Seen) {
    let mut wrong = Vec::new();
    let mut slots = BTreeSet::new();
    let mut running = BTreeSet::new();
    let (_, look) = seen.step;
    for id in std::mem::take(&mut seen.open) {
        seen.last_open.insert(id, look - 1);
    }
    for run in snapshot.runs.values().filter(|run| matches!(run.state.as_str(), "planned" | "running")) {
        seen.open.insert(run.id);
        seen.last_open.insert(run.id, look);
    }
    let mut delivery_counts: BTreeMap<i64, i64> = BTreeMap::new();
    for run_id in snapshot.deliveries.values().filter_map(|row| row.run_id) {
        *delivery_counts.entry(run_id).or_default() += 1;
    }
    for run in snapshot.runs.values() {
        if !slots.insert((&run.job, run.slot_at)) {
            wrong.push(format!("{} {} is planned twice", run.job, run.slot_at));
        }
        if run.state == "running" && !running.insert(&run.job) {
            wrong.push(format!("two runs of {} at once", run.job));
        }
        let count = delivery_counts.remove(&run.id).unwrap_or(0);
        let Some(job) = jobs.iter().find(|job| job.name == run.job) else { continue };
        let whole = if run.state == "succeeded" { part_count(&job.name) * job.chats.len() as i64 } else { 0 };
        if count != whole {
            wrong.push(format!("run {} ({}) has {count} deliveries instead of {whole}", run.id, run.state));
        }
        let kept = [run.history_count, run.digest_count];
        let whole = if run.state == "succeeded" { KEPT } else { [0, 0] };
        if kept != whole {
            wrong.push(format!("run {} ({}) keeps {kept:?} instead of {whole:?}", run.id, run.state));
        }
        let is_new_overlap = run.reason == "overlap" && !seen.run_ids.contains(&run.id);
        if is_new_overlap && wrong_overlap(run, job, snapshot, seen) {
            wrong.push(format!("run {} of {} {} overlaps with nothing", run.id, run.job, run.slot_at));
        }
        if let Some(before) = seen.settled_runs.get(&run.id).filter(|before| **before != run.state) {
            wrong.push(format!("run {} went from {before} to {}", run.id, run.state));
        }
        if matches!(run.state.as_str(), "succeeded" | "failed" | "skipped") {
            seen.settled_runs.insert(run.id, run.state.clone());
        }
    }
    for (run_id, count) in delivery_counts {
        wrong.push(format!("{count} deliveries of run {run_id}, which is not there"));
    }
    if seen.run_ids.iter().any(|id| !snapshot.runs.contains_key(id)) {
        wrong.push("a run is gone".to_owned());
    }
    seen.run_ids = snapshot.runs.keys().copied().collect();
    if seen.delivery_ids.iter().any(|id| !snapshot.deliveries.contains_key(id)) {
        wrong.push("a delivery is gone".to_owned());
    }
    seen.delivery_ids = snapshot.deliveries.keys().copied().collect();
    for job in snapshot.jobs.values() {
        let before = seen.next.insert(job.job.clone(), (job.fingerprint.clone(), job.next_slot_at));
        // A slot once decided on is not decided on again.
        if let Some((fingerprint, next)) = before
            && fingerprint == job.fingerprint
            && next > job.next_slot_at
        {
            wrong.push(format!("{} goes back from slot {next:?} to {:?}", job.job, job.next_slot_at));
        }
    }
    for row in snapshot.deliveries.values() {
        match seen.finals.get(&row.id) {
            Some(before) if *before != row.state => {
                wrong.push(format!("delivery {} went from {before} to {}", row.id, row.state));
            }
            None if row.state == "sent" || row.state == "dead" => {
                seen.finals.insert(row.id, row.state.clone());
            }
            _ => {}
        }
    }
    for line in wrong {
        world.violation(line);
    }
}

/// Looks at every message in every chat.
pub fn chats(world: &World) {
    let mut wrong = Vec::new();
    let state = world.lock();
    for (name, chat) in &state.chats {
        let mut copies: BTreeMap<i64, Vec<bool>> = BTreeMap::new();
        let mut last = 0;
        for message in &chat.messages {
            let known = copies.entry(message.delivery_id).or_default();
            if known.is_empty() {
                if message.delivery_id < last {
                    wrong.push(format!("{name}: {} stands after {last}", message.delivery_id));
                }
                last = message.delivery_id;
            }
            known.push(message.is_marked);
        }
        for (id, copies) in copies {
            let is_doubtful = state.ambiguous.contains(&id);
            if copies != [false] && !(is_doubtful && (copies == [true] || copies == [false, true])) {
                wrong
                    .push(format!("{name}: copies of delivery {id}, marked {copies:?}, doubt {is_doubtful}"));
            }
        }
    }
    drop(state);
    for line in wrong {
        world.violation(line);
    }
}

/// Everything came to an end, and the end is explained. Returns what readers may miss, by reason.
pub async fn at_end(world: &World, store: &Store, jobs: &[Job], slots: &Slots, begin: Instant) -> End {
    let runs = store.list_runs(None, 5000).await.unwrap();
    let deliveries = store.list_deliveries(&[], 5000).await.unwrap();
    let incidents = store.list_incidents(begin - TimeDelta::days(1), 5000).await.unwrap();
    let is_told = |kinds: &[&str], of: &str| {
        incidents.iter().any(|row| {
            kinds
                .iter()
                .any(|kind| row.key == format!("many/{kind}") || row.key.starts_with(&format!("{kind}/{of}")))
        })
    };
    let mut wrong = Vec::new();
    let mut outcome = End::default();
    // By key alone one incident would stand for a failure that came after it.
    wrong.extend(store.list_untold_runs(10).await.unwrap().iter().map(|run| format!("untold: {run:?}")));
    wrong.extend(store.list_untold_dead(10).await.unwrap().iter().map(|row| format!("untold: {row:?}")));
    for job in jobs {
        for &slot in &slots[&job.name] {
            let Some(run) = runs.iter().find(|run| run.job == job.name && run.slot_at == slot) else {
                wrong.push(format!("{} {slot} was never planned", job.name));
                continue;
            };
            outcome.slot_count += 1;
            let key = (job.name.clone(), slot);
            match run.state {
                RunState::Succeeded => outcome.succeeded_count += 1,
                RunState::Skipped => {
                    if !may_skip(run, job, &runs) {
                        wrong.push(format!("skipped without need: {run:?}"));
                    }
                    outcome.without.insert(key);
                }
                RunState::Failed => {
                    if let Some(why) = wrong_failure(world, run, job, &key) {
                        wrong.push(format!("{why}: {run:?}"));
                    }
                    if !is_told(&["run_failed", "deadline_missed"], &job.name) {
                        wrong.push(format!("nobody was told of {run:?}"));
                    }
                    outcome.without.insert(key);
                }
                _ => wrong.push(format!("left over: {run:?}")),
            }
        }
    }
    for row in &deliveries {
        let copies =
            world.lock().chats[&row.chat].messages.iter().filter(|m| m.delivery_id == row.id).count();
        let is_edit = row.action != Action::Send;
        match row.state {
            DeliveryState::Sent if copies == 0 && !is_edit => wrong.push(format!("lost: {row:?}")),
            DeliveryState::Sent => outcome.repeat_count += copies.saturating_sub(1),
            DeliveryState::Dead => {
                if let Some(why) = wrong_death(world, row, copies) {
                    wrong.push(format!("{why}: {row:?}"));
                }
                outcome.dead_count += 1;
                outcome.dead.insert(row.plain.lines().next().unwrap_or_default().to_owned());
                if row.run_id.is_some() && !is_told(&["delivery_dead", "delivery_maybe_lost"], &row.chat) {
                    wrong.push(format!("nobody was told of {row:?}"));
                }
            }
            _ => wrong.push(format!("left over: {row:?}")),
        }
    }
    for line in wrong {
        world.violation(line);
    }
    outcome
}

/// What a seed came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct End {
    pub slot_count: usize,
    pub succeeded_count: usize,
    pub repeat_count: usize,
    pub dead_count: usize,
    /// Slots without a report.
    pub without: BTreeSet<(String, Instant)>,
    /// Texts of dead deliveries, as readers would know them.
    pub dead: BTreeSet<String>,
}

fn may_skip(run: &RunRow, job: &Job, runs: &[RunRow]) -> bool {
    let late = run.created_at - run.slot_at;
    let window = TimeDelta::from_std(job.catch_up_window).unwrap();
    let others = || runs.iter().filter(|other| other.job == run.job && other.id != run.id);
    match run.reason.as_deref() {
        Some("missed") if late <= TimeDelta::seconds(60) => false,
        Some("missed") if late > window => true,
        Some("missed") => match job.catch_up {
            CatchUp::None => true,
            CatchUp::All => false,
            CatchUp::Latest => {
                others().any(|other| other.slot_at > run.slot_at && other.slot_at <= run.created_at)
            }
        },
        // Looked at when it appeared, by `wrong_overlap`.
        Some("overlap") => true,
        _ => false,
    }
}

/// A run fails when its attempts did, for good or to the end of its window.
fn wrong_failure(world: &World, run: &RunRow, job: &Job, key: &(String, Instant)) -> Option<&'static str> {
    let state = world.lock();
    let has = |cause| state.causes.contains(&(key.clone(), cause));
    let is_caused = match run.reason.as_deref() {
        Some("simulated") => has(Cause::Failed) || has(Cause::FailedForGood),
        Some("timeout") => has(Cause::TimedOut),
        _ => false,
    };
    if !is_caused {
        return Some("failed without a cause");
    }
    // The last attempt is the one after which the longest delay leads beyond the window; it begins before it ends. Clocks
    // differ and are set back by seconds.
    let last_delay = TimeDelta::seconds(300 + 20);
    let window = TimeDelta::from_std(job.catch_up_window).unwrap();
    let is_early = run.finished_at.is_none_or(|at| at < run.slot_at + window - last_delay);
    (is_early && !has(Cause::FailedForGood)).then_some("given up before its time")
}

/// A slot is skipped as an overlap when another run of the job was open, and inside its window, at any moment from the look
/// before the planner began to now.
fn wrong_overlap(run: &Run, job: &Job, snapshot: &Snapshot, seen: &Seen) -> bool {
    let (began, _) = seen.step;
    let oldest = run.created_secs - i64::try_from(job.catch_up_window.as_secs()).unwrap();
    // The planner reads its clock twice, and it may be set back between.
    let oldest = oldest - 20;
    !snapshot.runs.values().any(|other| {
        other.job == run.job
            && other.id != run.id
            && other.slot_at.timestamp() >= oldest
            && seen.last_open.get(&other.id).is_some_and(|look| *look >= began)
    })
}

fn wrong_death(world: &World, row: &DeliveryRow, copies: usize) -> Option<&'static str> {
    let state = world.lock();
    let is_doubtful = state.ambiguous.contains(&row.id);
    match row.reason.as_deref() {
        // An edit whose answer got lost is in doubt without being a copy.
        Some("maybe_lost") => {
            (!is_doubtful && row.action == Action::Send).then_some("given up without a doubt")
        }
        Some("expired") if copies > 0 => Some("expired although it is there"),
        Some("expired") => is_early(row, &state.slowed).then_some("expired before its time"),
        Some("kicked" | "too_long") => (!state.refused.contains(&row.id)).then_some("dead without a refusal"),
        _ => Some("dead for no known reason"),
    }
}

/// Telegram may want a message to wait beyond its expiry, and within the last seconds there is no further try.
fn is_early(row: &DeliveryRow, slowed: &BTreeMap<i64, Instant>) -> bool {
    let (Some(expires_at), Some(finished_at)) = (row.expires_at, row.finished_at) else { return true };
    let no_further_try = TimeDelta::seconds(5 + 3 + 8);
    // Up to a fifth is added to what Telegram asks for, which is at most ninety seconds.
    let waits_beyond = |until: &Instant| *until + TimeDelta::seconds(18 + 3) >= expires_at;
    expires_at - finished_at > no_further_try && !slowed.get(&row.id).is_some_and(waits_beyond)
}
