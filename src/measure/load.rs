//! When customers write: `inbound` by local weekday and hour.

use chrono::{Datelike, Timelike};

use super::Period;
use crate::facts::Facts;

/// Customer messages of a period.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// By weekday from Monday, and local hour. The hour a clock change repeats counts once more; one it skips stays 0.
    pub counts: [[u64; 24]; 7],
}

impl Load {
    /// Weekday and hour with the most messages, the first of equals, and how many; `None` without any.
    pub fn busiest(&self) -> Option<((usize, usize), u64)> {
        let all = self.counts.iter().enumerate();
        let mut fields =
            all.flat_map(|(day, hours)| hours.iter().enumerate().map(move |(hour, n)| ((day, hour), *n)));
        let first = fields.next()?;
        let most = fields.fold(first, |most, field| if field.1 > most.1 { field } else { most });
        Some(most).filter(|(_, count)| *count > 0)
    }
}

/// Counts the period; the caller says whether it is wholly known.
pub fn load(facts: &Facts, period: &Period) -> Load {
    let mut load = Load::default();
    for message in
        facts.messages.iter().filter(|message| message.is_inbound() && period.contains(message.sent_at))
    {
        let at = message.sent_at.with_timezone(&period.zone);
        load.counts[at.weekday().num_days_from_monday() as usize][at.hour() as usize] += 1;
    }
    load
}
