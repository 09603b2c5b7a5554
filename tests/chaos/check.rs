//! What must be true in the end, whatever happened: read from the table of runs, the outbox, and the chats themselves.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use svodka::clock::Instant;
use svodka::sandbox::telegram::TelegramApi;
use svodka::store::Store;
use svodka::store::outbox::{Action, DeliveryRow, DeliveryState};
use svodka::store::runs::{Origin, RunState};

use super::ledger::Ledger;

/// What a reader or an auditor would count.
#[derive(Debug, Default)]
pub struct Verdict {
    pub slots: usize,
    /// Skipped because an earlier slot was still on its way; recorded, and allowed.
    pub overlaps: usize,
    pub manual: usize,
    /// Manual runs that failed with a reason in the table.
    pub failed: Vec<String>,
    pub messages: usize,
    /// Visible messages that say they are a repeat.
    pub marked: usize,
    /// Copies deleted again.
    pub swept: usize,
    /// Answers 429.
    pub slowed: usize,
    pub lost: Vec<String>,
    pub doubled: Vec<String>,
}

impl Verdict {
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty()
    }
}

/// Judges the jobs, each of them due every minute from `first` to `last`, and their chats by name and id.
pub async fn judge(
    store: &Store,
    ledger: &mut Ledger,
    telegram: &TelegramApi,
    jobs: &[String],
    chats: &BTreeMap<String, i64>,
    (first, last): (Instant, Instant),
) -> Verdict {
    let mut verdict = Verdict::default();
    let rows = store.list_deliveries(&[], 1_000_000).await.unwrap();
    let mut of_run: BTreeMap<i64, Vec<&DeliveryRow>> = BTreeMap::new();
    for row in &rows {
        of_run.entry(row.run_id.unwrap_or(0)).or_default().push(row);
    }
    for job in jobs {
        let runs = store.list_runs(Some(job), 1_000_000).await.unwrap();
        let mut slots = BTreeSet::new();
        for run in &runs {
            if run.origin == Origin::Cron && !slots.insert(run.slot_at) {
                verdict.doubled.push(format!("slot {} of {job} has two runs", run.slot_at));
            }
            let told = of_run.get(&run.id).map_or(0, |rows| rows.iter().filter(|row| row.part == 1).count());
            match (run.state, run.origin, run.reason.as_deref()) {
                (RunState::Succeeded, ..) if told == 2 => {}
                (RunState::Succeeded, ..) => {
                    verdict.lost.push(format!("run {} of {job} succeeded with {told} chats told", run.id));
                }
                (RunState::Skipped, Origin::Cron, Some("overlap")) => verdict.overlaps += 1,
                (RunState::Failed, Origin::Manual, Some(reason)) => verdict.failed.push(reason.to_owned()),
                (state, origin, reason) => {
                    verdict
                        .lost
                        .push(format!("run {} of {job} ({origin:?}) is {state:?}: {reason:?}", run.id));
                }
            }
            verdict.manual += usize::from(run.origin == Origin::Manual);
        }
        let mut slot = first;
        while slot <= last {
            if !slots.contains(&slot) {
                verdict.lost.push(format!("slot {slot} of {job} has no run"));
            }
            slot += TimeDelta::minutes(1);
        }
        verdict.slots += slots.len();
    }
    for (name, id) in chats {
        let mut expected: BTreeMap<i64, &DeliveryRow> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.chat == *name && row.action == Action::Send) {
            let what = || format!("{} ({}) in {name}", row.key, row.public_id);
            match (row.state, row.message_id) {
                (DeliveryState::Sent, Some(message_id)) => {
                    if let Some(other) = expected.insert(message_id, row) {
                        verdict.lost.push(format!("{} and {} are one message", what(), other.key));
                    }
                }
                (state, message_id) => {
                    let attempts = ledger.attempts(&row.key).await;
                    let why = row.reason.as_deref().unwrap_or_default();
                    verdict.lost.push(format!("{} is {state:?} as {message_id:?}: {why}{attempts}", what()));
                }
            }
        }
        let mut seen = BTreeSet::new();
        for message in telegram.own_messages(*id) {
            verdict.messages += 1;
            verdict.marked += usize::from(message.text.contains("повтор"));
            seen.insert(message.id);
            match expected.get(&message.id) {
                Some(row) if message.text.contains(&row.public_id) => {}
                Some(row) => verdict.lost.push(format!("message {} is not {}", message.id, row.key)),
                None => {
                    let id = message.text.lines().last().unwrap_or_default().trim_start_matches("№ ");
                    let id = id.split(' ').next().unwrap_or_default();
                    let rows = ledger.rows_of(name, id).await;
                    let asked = telegram.requests().into_iter();
                    let asked: Vec<_> =
                        asked.filter(|request| request.message_id == Some(message.id)).collect();
                    verdict.doubled.push(format!(
                        "message {} in {name}, {id}, is nobody's: {asked:?}{rows}",
                        message.id
                    ));
                }
            }
        }
        for (message_id, row) in &expected {
            if !seen.contains(message_id) {
                verdict.lost.push(format!("{} is not in {name} as {message_id}", row.key));
            }
        }
    }
    let deleted = telegram.requests_to("deleteMessage");
    verdict.swept = deleted.iter().filter(|request| request.status == Some(200)).count();
    verdict.slowed = telegram.requests().iter().filter(|request| request.status == Some(429)).count();
    verdict
}
