//! When the shop is busy and when it works.

use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use rand_chacha::ChaCha8Rng;

use super::chance::{between, weighted};
use crate::clock::Instant;

/// Hours of work, every day.
const OPENS: u32 = 10;
const CLOSES: u32 = 23;

/// How busy each weekday is, Monday first; the mean is 1.
const WEEKDAYS: [f64; 7] = [1.15, 1.10, 1.05, 1.00, 1.10, 0.85, 0.75];

/// How busy each hour is; customers write at night too.
const HOURS: [f64; 24] = [
    1.2, 0.6, 0.3, 0.2, 0.2, 0.3, 0.6, 1.2, 2.2, 3.6, 5.0, 5.6, 6.2, 5.8, 5.2, 5.0, 5.2, 5.8, 6.6, 7.6, 8.2,
    7.4, 5.2, 2.8,
];

/// How busy the day is, compared with the mean.
pub(super) fn load(day: NaiveDate) -> f64 {
    WEEKDAYS[day.weekday().num_days_from_monday() as usize]
}

/// A moment of the day by the load profile.
pub(super) fn moment(rng: &mut ChaCha8Rng, day: NaiveDate, zone: Tz) -> Instant {
    let hour = weighted(rng, &HOURS) as i64;
    let micros = between(rng, 0, 3_600_000_000);
    at_local(day, NaiveTime::MIN, zone) + TimeDelta::hours(hour) + TimeDelta::microseconds(micros)
}

/// The instant of a local time; the hour after it where the clock skips it.
pub(in crate::sandbox) fn at_local(day: NaiveDate, time: NaiveTime, zone: Tz) -> Instant {
    let local = day.and_time(time);
    let found = zone.from_local_datetime(&local).earliest();
    let found = found.or_else(|| zone.from_local_datetime(&(local + TimeDelta::hours(1))).earliest());
    found.map_or_else(|| local.and_utc(), |at| at.to_utc())
}

/// The start of work on the day.
pub(super) fn opening(day: NaiveDate, zone: Tz) -> Instant {
    at_local(day, NaiveTime::MIN + TimeDelta::hours(i64::from(OPENS)), zone)
}

/// The same moment when the shop works then, else the next opening.
pub(super) fn next_working(at: Instant, zone: Tz) -> Instant {
    let local = at.with_timezone(&zone);
    let (day, hour) = (local.date_naive(), chrono::Timelike::hour(&local));
    if hour < OPENS {
        opening(day, zone)
    } else if hour >= CLOSES {
        opening(day + TimeDelta::days(1), zone)
    } else {
        at
    }
}

/// Whether it is past six in the evening there.
pub(super) fn is_evening(at: Instant, zone: Tz) -> bool {
    chrono::Timelike::hour(&at.with_timezone(&zone)) >= 18
}
