//! What must hold after every step, and what must hold at the end.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use svodka::clock::Instant;
use svodka::schedule::{CatchUp, Job};
use svodka::store::Store;
use svodka::store::outbox::{Action, DeliveryRow, DeliveryState};
use svodka::store::runs::{RunRow, RunState};

use super::scenario::Slots;
use super::snapshot::Snapshot;
use super::worker::part_count;
use super::world::World;

/// What was seen before, to notice what changes and must not.
#[derive(Debug, Default)]
pub struct Seen {
    finals: BTreeMap<i64, String>,
    settled_runs: BTreeMap<i64, String>,
    next: BTreeMap<String, (String, Option<Instant>)>,
    run_ids: BTreeSet<i64>,
}

/// Looks at every row and every chat.
pub fn after_step(world: &World, snapshot: &Snapshot, jobs: &[Job], seen: &mut Seen) {
    let mut wrong = Vec::new();
    let mut slots = BTreeSet::new();
    let mut running = BTreeSet::new();
    for run in &snapshot.runs {
        if !slots.insert((&run.job, run.slot_at)) {
            wrong.push(format!("{} {} is planned twice", run.job, run.slot_at));
        }
        if run.state == "running" && !running.insert(&run.job) {
            wrong.push(format!("two runs of {} at once", run.job));
        }
        let count = snapshot.deliveries.iter().filter(|row| row.run_id == Some(run.id)).count() as i64;
        let Some(job) = jobs.iter().find(|job| job.name == run.job) else { continue };
        let whole = if run.state == "succeeded" { part_count(&job.name) * job.chats.len() as i64 } else { 0 };
        if count != whole {
            wrong.push(format!("run {} ({}) has {count} deliveries instead of {whole}", run.id, run.state));
        }
        if let Some(before) = seen.settled_runs.get(&run.id).filter(|before| **before != run.state) {
            wrong.push(format!("run {} went from {before} to {}", run.id, run.state));
        }
        if matches!(run.state.as_str(), "succeeded" | "failed" | "skipped") {
            seen.settled_runs.insert(run.id, run.state.clone());
        }
    }
    let ids: BTreeSet<i64> = snapshot.runs.iter().map(|run| run.id).collect();
    if !seen.run_ids.is_subset(&ids) {
        wrong.push("a run is gone".to_owned());
    }
    seen.run_ids = ids;
    for job in &snapshot.jobs {
        let before = seen.next.insert(job.job.clone(), (job.fingerprint.clone(), job.next_slot_at));
        // A slot once decided on is not decided on again.
        if let Some((fingerprint, next)) = before
            && fingerprint == job.fingerprint
            && next > job.next_slot_at
        {
            wrong.push(format!("{} goes back from slot {next:?} to {:?}", job.job, job.next_slot_at));
        }
    }
    for row in &snapshot.deliveries {
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
                    let is_troubled = world.lock().troubled.contains(&key);
                    let is_cause = matches!(run.reason.as_deref(), Some("timeout"));
                    if run.reason.is_none() || !(is_troubled || is_cause) {
                        wrong.push(format!("failed without a cause: {run:?}"));
                    }
                    if !is_told(&["run_failed", "deadline_missed"], &job.name) {
                        // The checks look at the latest end of each job: a success that comes before they look hides
                        // a failure. Counted, because it is how they are meant; anything else is wrong.
                        match runs.iter().any(|later| {
                            later.job == run.job
                                && later.state == RunState::Succeeded
                                && later.finished_at >= run.finished_at
                        }) {
                            true => outcome.untold_count += 1,
                            false => wrong.push(format!("nobody was told of {run:?}")),
                        }
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
                    outcome.untold_count += 1;
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
#[derive(Debug, Default)]
pub struct End {
    pub slot_count: usize,
    pub succeeded_count: usize,
    pub repeat_count: usize,
    pub dead_count: usize,
    /// Failed runs and dead messages that a success before the next look hid from ops.
    pub untold_count: usize,
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
        // Another run was on its way when this slot was decided on; the end it notes may lie before a long wait for the
        // database.
        Some("overlap") => others().any(|other| {
            other.slot_at < run.slot_at
                && other.finished_at.is_none_or(|at| at >= run.created_at - TimeDelta::hours(3))
                || other.slot_at > run.slot_at && other.created_at == run.created_at
        }),
        _ => false,
    }
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
