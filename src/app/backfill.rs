//! Digests of past days, one manual run each.
//!
//! Without delivery the run is marked in the store as one for the record, so that whichever worker executes it
//! enqueues nothing. A day that stored data do not cover whole is refused: its numbers could not be true.

use chrono::{Days, NaiveDate, TimeDelta};
use tokio_util::sync::CancellationToken;

use super::App;
use crate::clock::Instant;
use crate::collect::{SOURCE_CHATS, SOURCE_ORDERS};
use crate::facts::CoverageSpan;
use crate::jobs::daily;
use crate::measure::Period;
use crate::schedule::Job;
use crate::schedule::runner::{JobError, RunOutcome};
use crate::store::StoreError;
use crate::store::runs::{RunRow, RunState};

/// Days of one backfill at most.
pub const MOST_DAYS: i64 = 366;

/// Beyond one attempt of the job: its repeats, and a worker that holds another run of it.
const PATIENCE: TimeDelta = TimeDelta::minutes(2);

/// How soon to look again at a run that another worker has.
const LOOK_AGAIN: TimeDelta = TimeDelta::milliseconds(500);

impl App {
    /// The days to fill, oldest first, both ends included.
    ///
    /// # Errors
    /// A sentence with the fix for a job without messages, a range that is reversed, too long, or not covered by
    /// what is stored; or the store's failure.
    pub async fn backfill_days(
        &self,
        job: &Job,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Result<Vec<NaiveDate>, String>, JobError> {
        if !job.report.has_messages() {
            return Ok(Err(format!("the job `{}` makes no digest; there is nothing to fill", job.name)));
        }
        let chats = daily::coverage(&self.store, SOURCE_CHATS).await?;
        let orders = daily::coverage(&self.store, SOURCE_ORDERS).await?;
        let known = chats.zip(orders).map(|(chats, orders)| CoverageSpan {
            from: chats.from.max(orders.from),
            until: chats.until.min(orders.until),
        });
        Ok(days(from, to, known, self.settings.zone))
    }

    /// Makes the digest of the day that `slot_at` speaks about and waits for its run to end, here or at another worker; for
    /// an attempt of the job and two minutes at most. The run is returned as it stands then.
    pub async fn backfill_slot(
        &self,
        job: &Job,
        slot_at: Instant,
        is_delivered: bool,
    ) -> Result<RunRow, StoreError> {
        let now = self.clock.now();
        let run_id = match is_delivered {
            true => self.store.insert_manual_run(&job.name, slot_at, None, now).await?,
            false => self.store.insert_run_for_record(&job.name, slot_at, now).await?,
        };
        let stop = CancellationToken::new();
        let give_up_at = now + TimeDelta::from_std(job.timeout).unwrap_or(PATIENCE) + PATIENCE;
        loop {
            match self.run_claimed(run_id, &stop).await? {
                RunOutcome::Retrying { at, .. } => self.clock.sleep_until(at).await,
                _ => {
                    let is_late = self.clock.now() >= give_up_at;
                    let is_open = |run: &RunRow| matches!(run.state, RunState::Planned | RunState::Running);
                    match self.store.find_run(run_id).await? {
                        Some(run) if is_late || !is_open(&run) => return Ok(run),
                        _ => self.clock.sleep(LOOK_AGAIN).await,
                    }
                }
            }
        }
    }
}

fn days(
    from: NaiveDate,
    to: NaiveDate,
    known: Option<CoverageSpan>,
    zone: chrono_tz::Tz,
) -> Result<Vec<NaiveDate>, String> {
    let count = (to - from).num_days() + 1;
    if count < 1 {
        return Err(format!("--from {from} is after --to {to}; exchange them"));
    }
    if count > MOST_DAYS {
        return Err(format!("{from} to {to} are {count} days; fill at most {MOST_DAYS} at a time"));
    }
    let Some(known) = known else {
        return Err("nothing is known yet about chats or orders; read the CRM first: svodka sync".to_owned());
    };
    let local = |at: Instant| at.with_timezone(&zone).format("%Y-%m-%d %H:%M");
    if Period::day(from, zone).from < known.from {
        return Err(format!(
            "data are known from {} on, so {from} cannot be told; begin later, or read more: svodka sync --days N",
            local(known.from)
        ));
    }
    if Period::day(to, zone).to > known.until {
        return Err(format!(
            "data are known until {}, so {to} is not complete; end earlier, or read what is new: svodka sync",
            local(known.until)
        ));
    }
    Ok(from.iter_days().take_while(|day| *day < to + Days::new(1)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Europe::Moscow;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn filled(from: &str, to: &str) -> Result<Vec<NaiveDate>, String> {
        let known = CoverageSpan {
            from: "2026-01-09T21:00:00Z".parse().unwrap(),
            until: "2027-06-20T05:00:00Z".parse().unwrap(),
        };
        days(day(from), day(to), Some(known), Moscow)
    }

    #[test]
    fn both_ends_are_filled_oldest_first() {
        assert_eq!(filled("2026-01-10", "2026-01-11").unwrap(), [day("2026-01-10"), day("2026-01-11")]);
        assert_eq!(filled("2027-06-19", "2027-06-19").unwrap(), [day("2027-06-19")]);
        assert_eq!(filled("2026-02-01", "2027-02-01").unwrap().len(), 366);
    }

    #[test]
    fn ranges_that_cannot_be_meant_or_told_are_refused_with_the_reason() {
        for (from, to, words) in [
            ("2026-02-02", "2026-02-01", "exchange"),
            ("2026-02-01", "2027-02-02", "367 days"),
            ("2026-01-09", "2026-02-01", "known from 2026-01-10 00:00"),
            ("2027-06-01", "2027-06-20", "known until 2027-06-20 08:00"),
        ] {
            let text = filled(from, to).unwrap_err();
            assert!(text.contains(words), "{text}");
        }
        let text = days(day("2026-02-01"), day("2026-02-01"), None, Moscow).unwrap_err();
        assert!(text.contains("svodka sync"), "{text}");
    }
}
