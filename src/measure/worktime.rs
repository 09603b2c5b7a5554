//! Working time: the clock that ticks only while the shop answers.

use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;

use chrono::{
    DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Weekday,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::clock::Instant;

/// A daily window, such as `10:00-23:00`. May cross midnight (`22:00-06:00`): the part after midnight belongs to
/// the day it began on. `00:00-24:00` is the whole day. Start is included, end is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkHours {
    pub start: NaiveTime,
    /// `None` = 24:00.
    pub end: Option<NaiveTime>,
}

impl FromStr for WorkHours {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("`{text}` is not a working window; write it as 10:00-23:00");
        let (start, end) = text.split_once('-').ok_or_else(bad)?;
        let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").map_err(|_| bad());
        let start = time(start)?;
        let end = if end.trim() == "24:00" { None } else { Some(time(end)?) };
        if end == Some(start) {
            return Err(format!("`{text}` is an empty window; for round the clock write 00:00-24:00"));
        }
        Ok(Self { start, end })
    }
}

impl TryFrom<String> for WorkHours {
    type Error = String;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<WorkHours> for String {
    fn from(hours: WorkHours) -> Self {
        let end = hours.end.map_or("24:00".to_owned(), |end| end.format("%H:%M").to_string());
        format!("{}-{end}", hours.start.format("%H:%M"))
    }
}

/// When the response clock ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkCalendar {
    /// The business zone.
    pub zone: Tz,
    /// Window of a day that has no entry of its own.
    pub default: WorkHours,
    /// Windows per weekday; `None` = day off.
    pub weekdays: HashMap<Weekday, Option<WorkHours>>,
    /// Days off.
    pub holidays: BTreeSet<NaiveDate>,
}

impl WorkCalendar {
    /// Working seconds in `[from, to)`, cut to whole ones; 0 when `to <= from`.
    ///
    /// A moment is working time when the wall clock of the zone shows a time inside a window: the hour that a clock
    /// change repeats counts twice, the hour that it skips not at all. Windows that overlap count once.
    pub fn secs_between(&self, from: Instant, to: Instant) -> i64 {
        let mut worked = TimeDelta::zero();
        let mut at = from;
        while at < to {
            let stretch_end = self.steady_until(at, to);
            let offset = self.offset_at(at);
            worked += self.worked_on_the_wall(at.naive_utc() + offset, stretch_end.naive_utc() + offset);
            at = stretch_end;
        }
        worked.num_seconds()
    }

    /// Distance of the wall clock from UTC.
    fn offset_at(&self, at: Instant) -> TimeDelta {
        TimeDelta::seconds(i64::from(
            self.zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc(),
        ))
    }

    /// End of the stretch from `at` to at most `limit` in which the wall clock does not jump.
    fn steady_until(&self, at: Instant, limit: Instant) -> Instant {
        let offset = self.offset_at(at);
        let mut steady = at;
        while steady < limit {
            // No zone changes its clocks twice within a day, so the two ends of a step tell of every change.
            let changed = limit.min(steady + TimeDelta::days(1));
            if self.offset_at(changed) != offset {
                // Clocks change on whole seconds.
                let (mut same, mut other) = (steady.timestamp(), changed.timestamp());
                while other - same > 1 {
                    let middle = same + (other - same) / 2;
                    let is_same =
                        DateTime::from_timestamp(middle, 0).is_none_or(|at| self.offset_at(at) == offset);
                    if is_same { same = middle } else { other = middle }
                }
                return DateTime::from_timestamp(other, 0).unwrap_or(limit);
            }
            steady = changed;
        }
        limit
    }

    /// Working time between two readings of a wall clock that does not jump in between.
    fn worked_on_the_wall(&self, from: NaiveDateTime, to: NaiveDateTime) -> TimeDelta {
        let mut worked = TimeDelta::zero();
        let mut counted_until = from;
        // A window of the day before may still be open.
        let mut day_on = from.date() - Days::new(1);
        while day_on <= to.date() {
            if let Some((opens, closes)) = self.window_of(day_on) {
                let (opens, closes) = (opens.max(counted_until), closes.min(to));
                if opens < closes {
                    worked += closes - opens;
                    counted_until = closes;
                }
            }
            day_on = day_on + Days::new(1);
        }
        worked
    }

    /// The window that begins on a day, by the wall clock; `None` on a day off.
    fn window_of(&self, day_on: NaiveDate) -> Option<(NaiveDateTime, NaiveDateTime)> {
        if self.holidays.contains(&day_on) {
            return None;
        }
        let hours = self.weekdays.get(&day_on.weekday()).copied().unwrap_or(Some(self.default))?;
        let next_on = day_on + Days::new(1);
        let closes = match hours.end {
            None => next_on.and_time(NaiveTime::MIN),
            Some(end) if end < hours.start => next_on.and_time(end),
            Some(end) => day_on.and_time(end),
        };
        Some((day_on.and_time(hours.start), closes))
    }
}
