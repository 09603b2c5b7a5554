//! When: cron lines become slots, slots become runs.
//!
//! `croner` computes occurrences in the job's zone; the next slot of each job is a row in the store, so that neither a
//! restart nor a lost tick can lose or double it. `tokio-cron-scheduler` only wakes [`planner`].
//!
//! Clock changes: a job at fixed times fires at the first valid moment after a gap, and once, the first time, in an
//! overlap; a job at intervals (`*/15`) follows real time. Day of month and day of week are joined by "or", as in
//! classic cron.

pub mod due;
mod job;
pub mod planner;
pub mod runner;
pub mod ticker;

use std::fmt;

use chrono::DateTime;
use chrono_tz::Tz;
use croner::Cron;
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
        if schedule.next_after(DateTime::UNIX_EPOCH).is_none() {
            return Err(format!("`{line}` never fires; correct the day or the month"));
        }
        Ok(schedule)
    }

    /// The first occurrence strictly after `at`; `None` when there is none any more.
    pub fn next_after(&self, at: Instant) -> Option<Instant> {
        let next = self.cron.find_next_occurrence(&at.with_timezone(&self.zone), false).ok()?.to_utc();
        // A library that stood still would make the planner loop for ever.
        (next > at).then_some(next)
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
