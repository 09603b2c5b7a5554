//! Hours in which nobody wrote although somebody always does: a channel that fell off looks like a quiet day.

use chrono::{NaiveDate, NaiveTime, TimeDelta, TimeZone};
use serde::{Deserialize, Serialize};

use super::QualityInputs;
use crate::clock::Instant;
use crate::measure::Period;
use crate::measure::digest::Coverage;
use crate::measure::percentile::mean;

/// Days of the same weekday that an hour is compared with.
pub const WEEKS: u64 = 4;
/// With fewer of them nothing is said.
pub const LEAST_DAYS: usize = 3;
/// Hours with fewer messages than this on average fall silent by chance.
pub const LEAST_USUAL: f64 = 5.0;

/// Silent hours in a row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    pub from: Instant,
    pub to: Instant,
    /// Messages of the same stretch on the earlier days, on average.
    pub usual: f64,
}

/// The silent hours of the period's first day, neighbours joined.
pub(super) fn silences(inputs: &QualityInputs<'_>) -> Vec<Silence> {
    let mut sent: Vec<Instant> = inputs.facts.messages.iter().map(|message| message.sent_at).collect();
    sent.sort_unstable();
    let day_on = inputs.period.from_on;
    let mut silences: Vec<Silence> = Vec::new();
    for hour in 0..24 {
        let Some((from, to)) = working_hour(inputs, day_on, hour) else { continue };
        if count(&sent, from, to) > 0 {
            continue;
        }
        let earlier: Vec<f64> = (1..=WEEKS)
            .filter_map(|weeks| working_hour(inputs, day_on - TimeDelta::days(7 * weeks as i64), hour))
            .map(|(from, to)| count(&sent, from, to) as f64)
            .collect();
        let Some(usual) = mean(&earlier) else { continue };
        if earlier.len() < LEAST_DAYS || earlier.contains(&0.0) || usual < LEAST_USUAL {
            continue;
        }
        match silences.last_mut() {
            Some(last) if last.to == from => {
                last.to = to;
                last.usual += usual;
            }
            _ => silences.push(Silence { from, to, usual }),
        }
    }
    silences
}

/// The hour `hour:00`–`hour+1:00` by the wall clock, where it exists, was wholly worked and its chats are wholly known.
fn working_hour(inputs: &QualityInputs<'_>, day_on: NaiveDate, hour: u32) -> Option<(Instant, Instant)> {
    let zone = inputs.period.zone;
    let start = NaiveTime::from_hms_opt(hour, 0, 0)?;
    let starts = day_on.and_time(start);
    let moment = |wall| zone.from_local_datetime(&wall).earliest().map(|at| at.to_utc());
    let from = moment(starts)?;
    // Where clocks skip the end of the hour, the hour ends with the jump.
    let to = (60..=240).find_map(|minutes| moment(starts + TimeDelta::minutes(minutes)))?;
    let is_worked = inputs.calendar.secs_between(from, to) == (to - from).num_seconds();
    let known = Coverage::of(inputs.chats, &Period::day(day_on, zone)).as_of(&Period::day(day_on, zone));
    (is_worked && from < to && known.is_some_and(|until| to <= until)).then_some((from, to))
}

fn count(sent: &[Instant], from: Instant, to: Instant) -> usize {
    sent.partition_point(|at| *at < to) - sent.partition_point(|at| *at < from)
}
