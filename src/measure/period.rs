//! Periods: half-open stretches of local days.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::clock::Instant;

/// `[from_on, to_on)` in local days of a zone, with the instants at which those days begin.
///
/// A day with a clock change has 23 or 25 hours and stays one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// First day.
    pub from_on: NaiveDate,
    /// The day after the last one.
    pub to_on: NaiveDate,
    /// Start of the first day.
    pub from: Instant,
    /// Start of the day after the last one: the `as_of` of every historical figure.
    pub to: Instant,
    /// The zone of the days.
    pub zone: Tz,
}

impl Period {
    /// The days `[from_on, to_on)` in `zone`.
    pub fn of_days(from_on: NaiveDate, to_on: NaiveDate, zone: Tz) -> Self {
        Self { from_on, to_on, from: start_of_day(from_on, zone), to: start_of_day(to_on, zone), zone }
    }

    /// One local day.
    pub fn day(day_on: NaiveDate, zone: Tz) -> Self {
        Self::of_days(day_on, day_on + Days::new(1), zone)
    }

    /// What a daily report at `slot` speaks about: the local day before it.
    pub fn day_before(slot: Instant, zone: Tz) -> Self {
        Self::day(slot.with_timezone(&zone).date_naive() - Days::new(1), zone)
    }

    /// The ISO week (Monday to Sunday) that contains `day_on`.
    pub fn week_of(day_on: NaiveDate, zone: Tz) -> Self {
        let monday = day_on - Days::new(u64::from(day_on.weekday().num_days_from_monday()));
        Self::of_days(monday, monday + Days::new(7), zone)
    }

    /// The same number of days, `days` earlier.
    pub fn earlier(&self, days: u64) -> Self {
        Self::of_days(self.from_on - Days::new(days), self.to_on - Days::new(days), self.zone)
    }

    /// Number of local days.
    pub fn len_days(&self) -> i64 {
        (self.to_on - self.from_on).num_days()
    }

    /// Whether the moment lies in the period.
    pub fn contains(&self, at: Instant) -> bool {
        self.from <= at && at < self.to
    }
}

/// How long a stretch a report speaks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    Day,
    /// Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
}

impl Span {
    /// The day, week or month that contains `day_on`.
    pub fn containing(self, day_on: NaiveDate, zone: Tz) -> Period {
        match self {
            Self::Day => Period::day(day_on, zone),
            Self::Week => Period::week_of(day_on, zone),
            Self::Month => {
                let first = day_on - Days::new(u64::from(day_on.day0()));
                Period::of_days(first, first + Months::new(1), zone)
            }
        }
    }

    /// The last one that ended by the local day of `slot`: what a report at that slot speaks about.
    pub fn before(self, slot: Instant, zone: Tz) -> Period {
        let today = self.containing(slot.with_timezone(&zone).date_naive(), zone);
        self.containing(today.from_on - Days::new(1), zone)
    }

    /// The one before `period`: of a month the calendar month, whatever its length; of days that are no calendar span, as
    /// many days before.
    pub fn previous(self, period: &Period) -> Period {
        let calendar = self.containing(period.from_on, period.zone);
        if (calendar.from_on, calendar.to_on) != (period.from_on, period.to_on) {
            return period.earlier(period.len_days().unsigned_abs());
        }
        self.containing(period.from_on - Days::new(1), period.zone)
    }
}

/// The first instant of a local day. Where midnight does not exist (a few zones change clocks then), the first
/// instant that does; where it comes twice, the first one.
pub fn start_of_day(day_on: NaiveDate, zone: Tz) -> Instant {
    let midnight = day_on.and_time(NaiveTime::MIN);
    (0..=180)
        .find_map(|minutes| {
            zone.from_local_datetime(&(midnight + chrono::TimeDelta::minutes(minutes))).earliest()
        })
        .map_or_else(|| midnight.and_utc(), |at| at.to_utc())
}
