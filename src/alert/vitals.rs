//! What a worker's machine says about itself, and when that is worth telling.

use std::sync::PoisonError;

use chrono::TimeDelta;

use super::trouble::{Trouble, Vital};
use super::{Alerter, Open};
use crate::clock::Instant;

/// Measured by the worker itself; `None` = cannot be known here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vitals {
    /// Free share of the database's disk, 0..1; only where the database is a file of ours.
    pub disk_free_ratio: Option<f64>,
    /// Share of the memory this process may have that is in use, 0..1.
    pub memory_used_ratio: Option<f64>,
    /// How far our clock is ahead of the others'.
    pub clock_ahead: Option<TimeDelta>,
    /// The shortest of the last trial writes.
    pub write_took: Option<TimeDelta>,
    /// Share of the CRM's limit used over the last minutes, 0..1.
    pub crm_limit_ratio: Option<f64>,
}

/// A machine that says nothing for so long is gone.
const GONE_AFTER: TimeDelta = TimeDelta::minutes(20);
/// How often an incident notes that its machine still says so.
const SAID_EVERY: TimeDelta = TimeDelta::minutes(5);

impl Vitals {
    /// What is near its end. Values are coarse, so that a message is not edited for a change nobody cares about.
    pub fn strains(&self, host: &str) -> Vec<Trouble> {
        let percent = |ratio: f64, step: f64| ((ratio * 100.0 / step).round() * step) as i64;
        let disk =
            self.disk_free_ratio.filter(|free| *free < 0.1).map(|free| (Vital::Disk, percent(free, 1.0)));
        let memory = self.memory_used_ratio.filter(|used| *used >= 0.9);
        let memory = memory.map(|used| (Vital::Memory, percent(used, 5.0)));
        let clock = self.clock_ahead.filter(|ahead| ahead.num_milliseconds().abs() >= 2000);
        let clock = clock.map(|ahead| (Vital::Clock, ahead.num_seconds()));
        let write = self.write_took.filter(|took| *took >= TimeDelta::seconds(1));
        let write = write.map(|took| (Vital::Database, took.num_seconds() * 1000));
        let limit = self.crm_limit_ratio.filter(|used| *used >= 0.95);
        let limit = limit.map(|used| (Vital::CrmLimit, percent(used, 5.0)));
        [disk, memory, clock, write, limit]
            .into_iter()
            .flatten()
            .map(|(vital, value)| Trouble::Strained { host: host.to_owned(), vital, value })
            .collect()
    }
}

impl Alerter {
    /// Takes in what this worker's machine says of itself; the next round of checks looks at it.
    pub fn note_vitals(&self, vitals: Vitals) {
        *self.vitals.lock().unwrap_or_else(PoisonError::into_inner) = vitals;
    }

    pub(super) fn strains(&self) -> Vec<Trouble> {
        self.vitals.lock().unwrap_or_else(PoisonError::into_inner).strains(&self.settings.looks.host)
    }

    /// Whether a machine's trouble is over: it says so itself, or it has said nothing for long.
    pub(super) fn is_strain_over(&self, incident: &Open, host: &str, now: Instant) -> bool {
        host == self.settings.looks.host || now - incident.row.last_seen_at >= GONE_AFTER
    }
}

/// Whether it is time to note that a machine still says so.
pub(super) fn is_to_be_noted(trouble: &Trouble, last_seen_at: Instant, now: Instant) -> bool {
    matches!(trouble, Trouble::Strained { .. }) && now - last_seen_at >= SAID_EVERY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_far_from_its_end_is_not_told_and_what_is_near_has_a_coarse_value() {
        let well = Vitals {
            disk_free_ratio: Some(0.1),
            memory_used_ratio: Some(0.89),
            clock_ahead: Some(TimeDelta::milliseconds(-1999)),
            write_took: Some(TimeDelta::milliseconds(999)),
            crm_limit_ratio: Some(0.94),
        };
        assert_eq!(well.strains("m"), []);
        let ill = Vitals {
            disk_free_ratio: Some(0.026),
            memory_used_ratio: Some(0.93),
            clock_ahead: Some(TimeDelta::milliseconds(-2400)),
            write_took: Some(TimeDelta::milliseconds(2700)),
            crm_limit_ratio: Some(0.99),
        };
        let values: Vec<_> = ill
            .strains("m")
            .into_iter()
            .map(|trouble| match trouble {
                Trouble::Strained { value, vital, .. } => (vital, value),
                other => panic!("{other:?}"),
            })
            .collect();
        let expected = [
            (Vital::Disk, 3),
            (Vital::Memory, 95),
            (Vital::Clock, -2),
            (Vital::Database, 2000),
            (Vital::CrmLimit, 100),
        ];
        assert_eq!(values, expected);
    }
}
