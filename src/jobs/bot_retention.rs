//! Deleting the bot's old events, where the configuration allows it. A day goes only when its events, counted once more,
//! equal its row in `daily_stats`; the first day that does not ends the run. The digests lose nothing: they are made of
//! roll-ups.

use chrono::{Days, NaiveDate, TimeDelta};
use tokio_util::sync::CancellationToken;

use super::Work;
use super::rollup::{fold_day, local_day, no_bot};
use crate::collect::CollectError;
use crate::collect::bot_events::{Deleter, Span};
use crate::measure::Period;
use crate::schedule::runner::{JobContext, JobError};
use crate::settings::BotDeletion;
use crate::store::runs::RunResult;

/// What was deleted, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deleted {
    pub days: u64,
    pub events: u64,
    /// First and last of the days.
    pub span: Option<(NaiveDate, NaiveDate)>,
    pub is_dry_run: bool,
}

impl Deleted {
    /// For the run's note.
    pub fn told(&self) -> String {
        let what = if self.is_dry_run { "would be deleted (dry run)" } else { "deleted" };
        match self.span {
            Some((first, last)) => {
                format!("{} events of the bot {what}: {} days, {first} to {last}", self.events, self.days)
            }
            None => "no events of the bot are old enough to be deleted".to_owned(),
        }
    }
}

/// The job.
pub async fn run(work: &Work, context: &JobContext) -> Result<RunResult, JobError> {
    let note = match &work.settings.bot.deletion {
        None => "bot.delete_after is not set: nothing is ever deleted".to_owned(),
        Some(deletion) => delete_old(work, deletion, deletion.is_dry_run, &context.stop).await?.told(),
    };
    Ok(RunResult { note: Some(note), ..RunResult::default() })
}

/// Deletes, or with `is_dry_run` counts, the events of proven days older than the configuration says.
///
/// # Errors
/// `unproven_day` names the day whose roll-up does not equal its events, and how many events went before it.
pub async fn delete_old(
    work: &Work,
    deletion: &BotDeletion,
    is_dry_run: bool,
    stop: &CancellationToken,
) -> Result<Deleted, JobError> {
    let events = work.bot_events.as_ref().ok_or_else(no_bot)?;
    let _rolling = work.rolling.lock().await;
    let (zone, settings) = (work.settings.zone, &work.settings.bot);
    let deleter = Deleter::new(&deletion.url, settings.timeout).map_err(failed)?;
    let after = TimeDelta::from_std(deletion.after).unwrap_or(TimeDelta::MAX);
    let mut deleted = Deleted { is_dry_run, ..Deleted::default() };
    let Some(keep_from) = work.clock.now().checked_sub_signed(after) else { return Ok(deleted) };
    let Some(oldest_at) = events.oldest_at().await.map_err(failed)? else { return Ok(deleted) };
    let keep_from_on = local_day(keep_from, zone);
    for day_on in local_day(oldest_at, zone).iter_days().take_while(|day_on| *day_on < keep_from_on) {
        if stop.is_cancelled() {
            break;
        }
        let (rollup, read) = fold_day(work, events, day_on).await.map_err(failed)?;
        if work.store.find_bot_day(day_on).await?.as_ref() != Some(&rollup.day) {
            let next = day_on + Days::new(1);
            let note = format!(
                "the events of {day_on} do not equal its roll-up, so they stay ({}); roll it up again: \
                 svodka rollup --from {day_on} --to {next}",
                deleted.told()
            );
            return Err(JobError { reason: "unproven_day", note, is_permanent: true });
        }
        if read.events == 0 {
            continue;
        }
        let day = Period::day(day_on, zone);
        let span = Span { from: day.from, until: day.to };
        deleted.days += 1;
        deleted.span = Some((deleted.span.map_or(day_on, |(first, _)| first), day_on));
        if is_dry_run {
            deleted.events += read.events;
            continue;
        }
        loop {
            let gone = deleter.delete(span, read.most_id, settings.batch).await.map_err(failed)?;
            deleted.events += gone;
            if gone == 0 || stop.is_cancelled() {
                break;
            }
        }
    }
    Ok(deleted)
}

/// Not noted at the source: reading goes on.
fn failed(error: CollectError) -> JobError {
    JobError { reason: error.reason, note: error.message, is_permanent: error.is_permanent }
}
