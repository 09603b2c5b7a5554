//! Digests of past days, weeks or months, one manual run each.
//!
//! Without delivery the run is marked in the store as one for the record, so that whichever worker executes it
//! enqueues nothing. A period that stored data do not cover whole is refused: its numbers could not be true.

use chrono::{NaiveDate, TimeDelta};
use tokio_util::sync::CancellationToken;

use super::App;
use crate::clock::Instant;
use crate::collect::{SOURCE_CHATS, SOURCE_ORDERS};
use crate::facts::CoverageSpan;
use crate::jobs::{daily, report};
use crate::measure::{Period, Span};
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
    /// The first days of what to fill, oldest first: of every day, week or month that has a day in `from..=to`.
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
        Ok(days(report::span(job.report), from, to, known, self.settings.zone))
    }

    /// Makes the digest of the period that `slot_at` speaks about and waits for its run to end, here or at another worker; for
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
    span: Span,
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
    let (first, last) = (span.containing(from, zone), span.containing(to, zone));
    if first.from < known.from {
        return Err(format!(
            "data are known from {} on, so {} cannot be told; begin later, or read more: svodka sync --days N",
            local(known.from),
            name(&first)
        ));
    }
    if last.to > known.until {
        return Err(format!(
            "data are known until {}, so {} is not complete; end earlier, or read what is new: svodka sync",
            local(known.until),
            name(&last)
        ));
    }
    let periods =
        std::iter::successors(Some(first), |period| Some(span.containing(period.to_on, period.zone)));
    Ok(periods.map(|period| period.from_on).take_while(|day| *day <= to).collect())
}

/// `2026-08-19`, `2026-08-17..2026-08-23`.
fn name(period: &Period) -> String {
    match period.to_on.pred_opt().filter(|last| *last > period.from_on) {
        Some(last) => format!("{}..{last}", period.from_on),
        None => period.from_on.to_string(),
    }
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
        days(Span::Day, day(from), day(to), Some(known), Moscow)
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
        let text = days(Span::Day, day("2026-02-01"), day("2026-02-01"), None, Moscow).unwrap_err();
        assert!(text.contains("svodka sync"), "{text}");
    }

    #[test]
    fn weeks_and_months_are_filled_whole_when_any_of_their_days_is_asked_for() {
        let known = CoverageSpan {
            from: "2026-01-01T00:00:00Z".parse().unwrap(),
            until: "2026-04-06T05:00:00Z".parse().unwrap(),
        };
        let filled = |span, from, to| days(span, day(from), day(to), Some(known), Moscow);
        let weeks = filled(Span::Week, "2026-03-11", "2026-03-23").unwrap();
        assert_eq!(weeks, [day("2026-03-09"), day("2026-03-16"), day("2026-03-23")]);
        let months = filled(Span::Month, "2026-02-28", "2026-03-01").unwrap();
        assert_eq!(months, [day("2026-02-01"), day("2026-03-01")]);
        let text = filled(Span::Week, "2026-04-05", "2026-04-06").unwrap_err();
        assert!(text.contains("so 2026-04-06..2026-04-12 is not complete"), "{text}");
        let text = filled(Span::Month, "2026-01-15", "2026-01-15").unwrap_err();
        assert!(text.contains("so 2026-01-01..2026-01-31 cannot be told"), "{text}");
    }
}
