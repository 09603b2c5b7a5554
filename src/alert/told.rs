//! Which failures an incident tells. What ended well again before anybody looked is told all the same, once: the store
//! keeps a mark on every failed run and every dead delivery.

use std::collections::{BTreeMap, BTreeSet};

use super::checks::{Snapshot, is_cause};
use super::trouble::Trouble;
use crate::store::outbox::DeliveryRow;
use crate::store::runs::{Origin, RunRow, RunState};
use crate::store::told::Failures;

/// Why a delivery is dead, for those that a former version left without a word.
pub(super) fn reason_of(row: &DeliveryRow) -> &str {
    row.reason.as_deref().unwrap_or("refused")
}

impl Snapshot {
    /// The untold failures that the text of this trouble speaks of.
    pub fn told_by(&self, trouble: &Trouble) -> Failures {
        let runs = |is_told: &dyn Fn(&RunRow) -> bool| Failures {
            runs: self.untold_runs.iter().filter(|run| is_told(run)).map(|run| run.id).collect(),
            ..Failures::default()
        };
        let dead = |chat: &str, reason: &str| Failures {
            deliveries: self
                .untold_dead
                .iter()
                .filter(|row| row.chat == chat && reason_of(row) == reason)
                .map(|row| row.id)
                .collect(),
            ..Failures::default()
        };
        match trouble {
            Trouble::RunFailed { job, .. } => runs(&|run| run.job == *job && !is_correction(run)),
            Trouble::CorrectionFailed { job, .. } => runs(&|run| run.job == *job && is_correction(run)),
            Trouble::SourceDown { sources, .. } | Trouble::SourceRefused { sources, .. } => runs(&|run| {
                let (reason, at) = (run.reason.as_deref().unwrap_or_default(), run.finished_at);
                let mut rows = self.sources.iter().filter(|row| sources.contains(&row.name));
                rows.any(|row| is_cause(row, reason, at.unwrap_or(run.created_at)))
            }),
            Trouble::DeliveryDead { chat, reason, .. } => dead(chat, reason),
            Trouble::DeliveryMaybeLost { chat, .. } => dead(chat, "maybe_lost"),
            _ => Failures::default(),
        }
    }

    /// The untold failures that these troubles of one kind speak of, looked up once for all of them.
    pub fn told_by_many(&self, troubles: &[&Trouble]) -> Failures {
        let mut pairs: BTreeSet<(&str, &str)> = BTreeSet::new();
        let mut others = Vec::new();
        for trouble in troubles {
            match trouble {
                Trouble::DeliveryDead { chat, reason, .. } => {
                    pairs.insert((chat, reason));
                }
                Trouble::DeliveryMaybeLost { chat, .. } => {
                    pairs.insert((chat, "maybe_lost"));
                }
                other => others.push(self.told_by(other)),
            }
        }
        let dead = self.untold_dead.iter().filter(|row| pairs.contains(&(row.chat.as_str(), reason_of(row))));
        let deliveries = Failures { deliveries: dead.map(|row| row.id).collect(), ..Failures::default() };
        others.into_iter().fold(deliveries, Failures::and)
    }

    /// By job, the latest run if it failed, or else the last failure nobody was told of.
    pub(super) fn failed_runs(&self) -> Vec<Trouble> {
        let mut latest: BTreeMap<&str, &RunRow> = BTreeMap::new();
        let ended = |run: &&RunRow| matches!(run.state, RunState::Succeeded | RunState::Failed);
        for run in self.runs.iter().filter(ended).filter(|run| !is_correction(run)) {
            let known = latest.entry(&run.job).or_insert(run);
            if run.finished_at > known.finished_at {
                *known = run;
            }
        }
        latest.retain(|_, run| run.state == RunState::Failed);
        for run in self.untold_runs.iter().filter(|run| !is_correction(run)) {
            let known = latest.entry(&run.job).or_insert(run);
            if run.finished_at > known.finished_at {
                *known = run;
            }
        }
        latest
            .into_values()
            .map(|run| Trouble::RunFailed {
                job: run.job.clone(),
                run_id: run.id,
                slot_at: run.slot_at,
                failed_at: run.finished_at.unwrap_or(run.created_at),
                reason: run.reason.clone().unwrap_or_default(),
                note: self.note_with_others(run),
            })
            .collect()
    }

    /// By job, the last failed correction nobody was told of.
    pub(super) fn failed_corrections(&self) -> Vec<Trouble> {
        let failed = self.untold_runs.iter().filter(|run| is_correction(run));
        let latest: BTreeMap<&str, &RunRow> = failed.map(|run| (run.job.as_str(), run)).collect();
        latest
            .into_values()
            .map(|run| Trouble::CorrectionFailed {
                job: run.job.clone(),
                run_id: run.id,
                slot_at: run.slot_at,
                failed_at: run.finished_at.unwrap_or(run.created_at),
                reason: run.reason.clone().unwrap_or_default(),
                note: run.note.clone(),
            })
            .collect()
    }

    /// The run's note, and the numbers of other failed runs of the job that would not be told otherwise.
    fn note_with_others(&self, run: &RunRow) -> Option<String> {
        /// More would not be read.
        const MOST: usize = 20;
        let others = self.untold_runs.iter().filter(|other| other.job == run.job && other.id != run.id);
        let numbers: Vec<String> =
            others.filter(|other| !is_correction(other)).map(|other| other.id.to_string()).collect();
        if numbers.is_empty() {
            return run.note.clone();
        }
        let mut words =
            format!("Не удались также запуски № {}", numbers[..numbers.len().min(MOST)].join(", "));
        if numbers.len() > MOST {
            words.push_str(&format!(" и ещё {}", numbers.len() - MOST));
        }
        Some(format!("{words}. {}", run.note.as_deref().unwrap_or_default()).trim().to_owned())
    }
}

fn is_correction(run: &RunRow) -> bool {
    run.origin == Origin::Correction
}
