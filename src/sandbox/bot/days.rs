//! When people come to the bot.

use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use rand_chacha::ChaCha8Rng;

use super::BotWorld;
use crate::clock::Instant;
use crate::sandbox::shop::calendar::at_local;
use crate::sandbox::shop::chance::{between, unit, weighted};

/// How busy each weekday is, Monday first; people play with a bot at weekends.
const WEEKDAYS: [f64; 7] = [0.90, 0.90, 0.95, 0.95, 1.05, 1.15, 1.10];

/// How busy each hour is.
const HOURS: [f64; 24] = [
    2.0, 1.0, 0.5, 0.3, 0.2, 0.3, 0.8, 2.0, 3.4, 4.2, 4.8, 5.0, 5.6, 5.4, 4.8, 4.6, 4.8, 5.4, 6.4, 7.6, 8.6,
    8.8, 7.0, 4.2,
];

/// How busy the weekday is; the mean is 1.
pub(super) fn load(day: NaiveDate) -> f64 {
    WEEKDAYS[day.weekday().num_days_from_monday() as usize]
}

/// New users on the day: more by the week, never none.
pub(super) fn arrivals(rng: &mut ChaCha8Rng, world: &BotWorld, day: NaiveDate) -> u32 {
    let age = (day - world.first_day()).num_days() as f64 / f64::from(world.days.max(1));
    let mean = world.users_per_day * load(day) * (0.5 + 0.5 * age.min(1.0));
    (mean * (0.7 + 0.6 * unit(rng))).round().max(1.0) as u32
}

/// A moment of the day by the load profile.
pub(super) fn moment(rng: &mut ChaCha8Rng, day: NaiveDate, zone: Tz) -> Instant {
    let hour = weighted(rng, &HOURS) as i64;
    let micros = between(rng, 0, 3_600_000_000);
    at_local(day, NaiveTime::MIN, zone) + TimeDelta::hours(hour) + TimeDelta::microseconds(micros)
}
