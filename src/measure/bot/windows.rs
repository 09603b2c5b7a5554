//! Which stretches of days a digest of the bot needs figures of.

use chrono::{Datelike, Days, NaiveDate};

use super::news::HISTORY_DAYS;
use crate::measure::{Period, Span};

/// Days after the first start at which retention is looked at.
pub const RETENTION_DAYS: [u32; 3] = [1, 7, 30];
/// Days of «a month» in DAU/MAU.
const MONTH_DAYS: u64 = 30;
/// Weeks of the cohort table: with the fewest of them, D30 of two cohorts is known.
const COHORT_WEEKS: u64 = 6;

/// Local days `[from_on, until_on)`, as known at the start of `known_until_on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub from_on: NaiveDate,
    pub until_on: NaiveDate,
    pub known_until_on: NaiveDate,
}

/// The windows of one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodWindows {
    pub whole: Window,
    /// Cohorts whose first, seventh and thirtieth day fell into the period.
    pub returning: [Window; 3],
    /// The 30 days up to the end of the period.
    pub month: Window,
}

/// All windows of a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    pub current: PeriodWindows,
    pub previous: PeriodWindows,
    /// The days before the period that anomalies are judged by.
    pub history: Window,
    /// Whole weeks, the oldest first; none for a day.
    pub cohorts: Vec<Window>,
}

impl Windows {
    /// Of the digest of `period`.
    pub fn of(span: Span, period: &Period) -> Self {
        let known = period.to_on;
        let window = |from_on, until_on| Window { from_on, until_on, known_until_on: known };
        let monday = period.to_on - Days::new(u64::from(period.to_on.weekday().num_days_from_monday()));
        let weeks = if span == Span::Day { 0 } else { COHORT_WEEKS };
        Self {
            current: PeriodWindows::of(period),
            previous: PeriodWindows::of(&span.previous(period)),
            history: window(period.from_on - Days::new(HISTORY_DAYS), period.from_on),
            cohorts: (1..=weeks)
                .rev()
                .map(|back| monday - Days::new(7 * back))
                .map(|from_on| window(from_on, from_on + Days::new(7)))
                .collect(),
        }
    }
}

impl PeriodWindows {
    fn of(period: &Period) -> Self {
        let window = |from_on, until_on| Window { from_on, until_on, known_until_on: period.to_on };
        Self {
            whole: window(period.from_on, period.to_on),
            returning: RETENTION_DAYS.map(|day_n| {
                let back = Days::new(u64::from(day_n));
                window(period.from_on - back, period.to_on - back)
            }),
            month: window(period.to_on - Days::new(MONTH_DAYS), period.to_on),
        }
    }
}
