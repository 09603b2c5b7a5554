//! The weekly receipt: what was due, what arrived, how late, and what broke meanwhile.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Period;
use crate::clock::Instant;

/// A slot as far as the receipt needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// What people call the job.
    pub title: String,
    pub slot_at: Instant,
    pub deadline_at: Option<Instant>,
    pub end: SlotEnd,
}

/// What became of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotEnd {
    /// All of its messages were confirmed, the last at this moment.
    Arrived(Instant),
    /// Some or all of its messages were not, or its run failed.
    Lost,
    /// Not run: paused, or overlapped by the run before.
    Skipped,
    /// Still under way.
    Open,
}

/// A trouble of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    pub opened_at: Instant,
    /// `None` while it lasts.
    pub resolved_at: Option<Instant>,
}

/// One job's week.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobReceipt {
    pub title: String,
    pub due: u64,
    pub arrived: u64,
    /// Of those that arrived: after the deadline.
    pub late: u64,
    pub lost: u64,
    pub skipped: u64,
    pub open: u64,
    /// From the slot to the last confirmation; `None` when nothing arrived.
    pub worst_lateness_secs: Option<i64>,
    /// The slot of that one.
    pub worst_slot_at: Option<Instant>,
}

/// The receipt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    pub public_id: String,
    pub period: Period,
    pub computed_at: Instant,
    /// By title.
    pub jobs: Vec<JobReceipt>,
    pub total: JobReceipt,
    /// Opened in the week.
    pub troubles: u64,
    /// Of those: not over yet.
    pub open_troubles: u64,
    /// The longest of them so far.
    pub longest_trouble_secs: Option<i64>,
}

/// Adds up a week.
pub fn receipt(
    public_id: String,
    period: Period,
    now: Instant,
    slots: &[Slot],
    troubles: &[Trouble],
) -> Receipt {
    let mut jobs: BTreeMap<&str, JobReceipt> = BTreeMap::new();
    let mut total = JobReceipt::default();
    for slot in slots {
        let job = jobs.entry(&slot.title).or_default();
        slot.title.clone_into(&mut job.title);
        for receipt in [job, &mut total] {
            receipt.add(slot);
        }
    }
    let lasted = |trouble: &Trouble| (trouble.resolved_at.unwrap_or(now) - trouble.opened_at).num_seconds();
    Receipt {
        public_id,
        period,
        computed_at: now,
        jobs: jobs.into_values().collect(),
        total,
        troubles: troubles.len() as u64,
        open_troubles: troubles.iter().filter(|trouble| trouble.resolved_at.is_none()).count() as u64,
        longest_trouble_secs: troubles.iter().map(lasted).max(),
    }
}

impl JobReceipt {
    fn add(&mut self, slot: &Slot) {
        self.due += 1;
        match slot.end {
            SlotEnd::Arrived(at) => {
                self.arrived += 1;
                self.late += u64::from(slot.deadline_at.is_some_and(|deadline_at| at > deadline_at));
                let lateness_secs = (at - slot.slot_at).num_seconds();
                if self.worst_lateness_secs.is_none_or(|worst| lateness_secs > worst) {
                    (self.worst_lateness_secs, self.worst_slot_at) =
                        (Some(lateness_secs), Some(slot.slot_at));
                }
            }
            SlotEnd::Lost => self.lost += 1,
            SlotEnd::Skipped => self.skipped += 1,
            SlotEnd::Open => self.open += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_is_counted_once_and_the_worst_one_is_named() {
        let at = |text: &str| text.parse::<Instant>().unwrap();
        let slot = |day: u32, end| Slot {
            title: "Сводка".to_owned(),
            slot_at: at(&format!("2026-08-{day}T06:00:00Z")),
            deadline_at: Some(at(&format!("2026-08-{day}T06:05:00Z"))),
            end,
        };
        let slots = [
            slot(17, SlotEnd::Arrived(at("2026-08-17T06:00:20Z"))),
            slot(18, SlotEnd::Arrived(at("2026-08-18T06:07:00Z"))),
            slot(19, SlotEnd::Lost),
            slot(20, SlotEnd::Skipped),
            slot(21, SlotEnd::Open),
        ];
        let period = Period::week_of("2026-08-17".parse().unwrap(), chrono_tz::UTC);
        let trouble = |resolved_at| Trouble { opened_at: at("2026-08-19T06:00:00Z"), resolved_at };
        let troubles = [trouble(None), trouble(Some(at("2026-08-19T06:30:00Z")))];
        let receipt = receipt("r".to_owned(), period, at("2026-08-19T06:10:00Z"), &slots, &troubles);
        let total = &receipt.total;
        assert_eq!((total.due, total.arrived, total.late), (5, 2, 1));
        assert_eq!((total.lost, total.skipped, total.open), (1, 1, 1));
        assert_eq!((total.worst_lateness_secs, total.worst_slot_at), (Some(420), Some(slots[1].slot_at)));
        assert_eq!(receipt.jobs.len(), 1);
        assert_eq!((receipt.troubles, receipt.open_troubles), (2, 1));
        assert_eq!(receipt.longest_trouble_secs, Some(1800));
    }
}
