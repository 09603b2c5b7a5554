//! When: cron lines become slots, slots become runs.
//!
//! `croner` computes occurrences in the job's zone; the next slot of each job is a row in the store, so that neither a
//! restart nor a lost tick can lose or double it. `tokio-cron-scheduler` only wakes [`planner`].
//!
//! Clock changes: a job at fixed times fires at the first valid moment after a gap, and once, the first time, in an
//! overlap; a job at intervals (`*/15`) follows real time. croner gives up in gaps of over two hours
//! and loses a slot whose day ends in a gap; [`Schedule::next_after`] finds their end. Day of month and day of week are joined by "or", as in classic cron.

pub mod due;
mod job;
pub mod planner;
pub mod runner;
pub mod ticker;

use std::fmt;

use chrono::{DateTime, LocalResult, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;
use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds};

use crate::clock::Instant;
pub use job::{CatchUp, Job, ReportKind};

/// A cron line in a zone.
#[derive(Clone)]
pub struct Schedule {
    line: String,
    zone: Tz,
    cron: Cron,
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({} in {})", self.line, self.zone)
    }
}

impl Schedule {
    /// Reads five fields: minute, hour, day of month, month, day of week.
    ///
    /// # Errors
    /// A sentence with the fix for a line that is not cron, or that never fires (31 February).
    pub fn parse(line: &str, zone: Tz) -> Result<Self, String> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).dom_and_dow(false).build();
        let cron = parser.parse(line).map_err(|error| {
            format!("`{line}` is not a cron line ({error}); write five fields, such as `0 9 * * *` for 09:00 every day")
        })?;
        let schedule = Self { line: line.to_owned(), zone, cron };
        // In UTC there are no gaps: not found means never.
        if schedule.cron.find_next_occurrence(&DateTime::UNIX_EPOCH, false).is_err() {
            return Err(format!("`{line}` never fires; correct the day or the month"));
        }
        Ok(schedule)
    }

    /// The first occurrence strictly after `at`; `None` when there is none any more.
    pub fn next_after(&self, at: Instant) -> Option<Instant> {
        let next = match self.cron.find_next_occurrence(&at.with_timezone(&self.zone), false) {
            Ok(next) => next.to_utc(),
            // croner looks only so far for the end of a gap; without this the job would never fire again.
            Err(CronError::TimeSearchLimitExceeded) => self.end_of_long_gap(at)?,
            Err(_) => return None,
        };
        let next = self.lost_with_its_day(at).map_or(next, |lost| lost.min(next));
        // A library that stood still would make the planner loop for ever.
        (next > at).then_some(next)
    }

    /// The end of a gap that took the next slot and the rest of its day: when the clocks go from 23:00 to 00:00, croner
    /// loses what was due at 23:30 on Saturdays, because the end of the gap is no Saturday.
    fn lost_with_its_day(&self, at: Instant) -> Option<Instant> {
        // A local time lies within so many hours of the same digits read as UTC.
        const REACH: TimeDelta = TimeDelta::hours(16);
        let times: Vec<&str> = self.line.split_whitespace().take(2).collect();
        let is_fixed = times.iter().all(|field| field.chars().all(|c| c.is_ascii_digit() || c == ','));
        if !is_fixed {
            return None;
        }
        let wall = at.with_timezone(&self.zone).naive_local().and_utc();
        let skipped = self.cron.find_next_occurrence(&wall, false).ok()?;
        if self.zone.from_local_datetime(&skipped.naive_utc()) != LocalResult::None {
            return None;
        }
        self.change_between(skipped - REACH, skipped + REACH)
    }

    fn offset(&self, at: Instant) -> i32 {
        self.zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
    }

    /// The first second of the new offset, where there is one change between the two moments.
    fn change_between(&self, from: Instant, to: Instant) -> Option<Instant> {
        let (before, mut low, mut high) = (self.offset(from), from.timestamp(), to.timestamp());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let is_before = self.offset(DateTime::from_timestamp(middle, 0)?) == before;
            if is_before { low = middle } else { high = middle }
        }
        DateTime::from_timestamp(high, 0)
    }

    /// The first moment after the next gap of two hours or more (Samoa skipped a whole day in 2011).
    fn end_of_long_gap(&self, at: Instant) -> Option<Instant> {
        const STEP: TimeDelta = TimeDelta::hours(6);
        /// The rarest line fires once in eight years.
        const STEPS: usize = 8 * 366 * 4;
        let mut from = at;
        for _ in 0..STEPS {
            let to = from + STEP;
            if self.offset(to) - self.offset(from) >= 7200 {
                return self.change_between(from, to);
            }
            from = to;
        }
        None
    }

    /// Occurrences strictly after `at`, ascending.
    pub fn after(&self, at: Instant) -> impl Iterator<Item = Instant> {
        std::iter::successors(self.next_after(at), |slot| self.next_after(*slot))
    }

    /// The cron line as written.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The zone it is read in.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// Identity of the schedule: another one re-plans the job from now.
    pub fn fingerprint(&self) -> String {
        format!("{} {}", self.line, self.zone)
    }
}
