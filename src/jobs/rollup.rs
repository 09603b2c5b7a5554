//! Counting the bot's events by day.
//!
//! A round rolls up yesterday and today, whatever lies between them and the last round, and the earlier days that got an
//! event since: a late event is found by its id, which is newer than its moment. Not found is one whose transaction stayed
//! open longer than `bot.lag` and whose moment lies before yesterday; `svodka rollup --from --to` counts it.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{Days, NaiveDate, TimeDelta};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::sync::OnProgress;
use super::{Work, llm};
use crate::clock::Instant;
use crate::collect::CollectError;
use crate::collect::bot_events::{BotEvents, SOURCE_BOT_EVENTS, Span};
use crate::facts::bot_days::BotRollup;
use crate::facts::{CoverageSpan, SourceStep};
use crate::measure::Period;
use crate::measure::bot_day::DayFold;
use crate::schedule::runner::{JobContext, JobError};
use crate::store::StoreError;
use crate::store::runs::RunResult;

/// Events counted this recently are fresh enough for a digest.
const FRESH: TimeDelta = TimeDelta::minutes(2);

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rolled {
    pub days: u64,
    pub events: u64,
    /// Days asked for whose events are no longer there: they stay as they are.
    pub kept_days: u64,
}

/// Where the rounds stand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Cursor {
    /// Zone of the days; another one makes all of them other days.
    zone: String,
    /// Days before it were rolled up, by the last round as far as it came.
    rolled_until_on: Option<NaiveDate>,
    /// The newest id at the start of past rounds, ascending.
    marks: Vec<Mark>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Mark {
    at: Instant,
    id: i64,
}

/// What stopped a round: the bot's database, or ours.
enum Stopped {
    Source(CollectError),
    Store(StoreError),
}

impl From<CollectError> for Stopped {
    fn from(error: CollectError) -> Self {
        Self::Source(error)
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The job: one round.
pub async fn run(work: &Work, context: &JobContext) -> Result<RunResult, JobError> {
    if work.bot_events.is_none() {
        let note = Some("there is no bot to count: bot.url is not set".to_owned());
        return Ok(RunResult { note, ..RunResult::default() });
    }
    let rolled = roll_new(work, None).await?;
    let mut note = format!("{} days rolled up from {} events", rolled.days, rolled.events);
    // A log that cannot be read is told as a source of its own; the bot's days are counted all the same.
    match llm::refresh(work, context.now, &context.stop).await {
        Ok(0) => {}
        Ok(calls) => note.push_str(&format!(", {calls} calls of language models")),
        Err(error) => note.push_str(&format!(", token usage not read: {}", error.reason)),
    }
    Ok(RunResult { note: Some(note), ..RunResult::default() })
}

/// Makes the roll-ups fresh for a digest, unless they are: waits for a round that is under way.
pub async fn refresh(work: &Work, context: &JobContext) -> Result<(), JobError> {
    let Some(events) = &work.bot_events else { return Ok(()) };
    let _rolling = work.rolling.lock().await;
    let row = work.store.find_source(SOURCE_BOT_EVENTS).await?;
    if row.and_then(|row| row.last_success_at).is_some_and(|at| at + FRESH >= context.now) {
        return Ok(());
    }
    noted(work, round(work, events, None).await).await.map(drop)
}

/// One round; a failure is noted at the source.
///
/// # Errors
/// `not_configured` without a bot; else what stopped the round. Days rolled up before that stay, and the next round goes on.
pub async fn roll_new(work: &Work, on_progress: Option<Arc<OnProgress>>) -> Result<Rolled, JobError> {
    let events = work.bot_events.as_ref().ok_or_else(no_bot)?;
    let _rolling = work.rolling.lock().await;
    noted(work, round(work, events, on_progress).await).await
}

/// Rolls up the days `[from_on, to_on]` again, whatever is known of them; days after today are passed over.
///
/// # Errors
/// As [`roll_new`].
pub async fn roll_range(
    work: &Work,
    from_on: NaiveDate,
    to_on: NaiveDate,
    on_progress: Option<Arc<OnProgress>>,
) -> Result<Rolled, JobError> {
    let events = work.bot_events.as_ref().ok_or_else(no_bot)?;
    let _rolling = work.rolling.lock().await;
    let again = async {
        events.check().await?;
        let zone = work.settings.zone;
        let today = local_day(work.clock.now(), zone);
        let oldest_on = events.oldest_at().await?.map_or(today, |at| local_day(at, zone));
        let asked = from_on.iter_days().take_while(|day_on| *day_on <= to_on.min(today));
        let (days, gone): (BTreeSet<_>, BTreeSet<_>) = asked.partition(|day_on| *day_on >= oldest_on);
        let mut rolled = Rolled { kept_days: gone.len() as u64, ..Rolled::default() };
        for day_on in &days {
            let (rollup, read) = fold_day(work, events, *day_on).await?;
            let step = SourceStep { dropped: read.dropped(), ..step() };
            work.store.save_bot_day(&rollup, &step, work.clock.now()).await?;
            rolled.add(&read, days.len(), on_progress.as_deref());
        }
        Ok(rolled)
    };
    noted(work, again.await).await
}

/// What reading a day brought beside its counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Read {
    pub events: u64,
    pub undated: u64,
    /// Highest id of the day.
    pub most_id: i64,
}

impl Read {
    fn dropped(&self) -> std::collections::BTreeMap<String, u64> {
        [("bad_created_at".to_owned(), self.undated)].into()
    }
}

/// The day's events, page by page, as a roll-up.
pub(super) async fn fold_day(
    work: &Work,
    events: &BotEvents,
    day_on: NaiveDate,
) -> Result<(BotRollup, Read), CollectError> {
    let day = Period::day(day_on, work.settings.zone);
    let span = Span { from: day.from, until: day.to };
    let (mut fold, mut read, mut place) = (DayFold::new(day_on), Read::default(), None);
    loop {
        let page = events.page(span, place.as_ref(), work.settings.bot.batch).await?;
        read.events += page.events.len() as u64;
        read.undated += page.undated;
        read.most_id = read.most_id.max(page.most_id);
        page.events.into_iter().for_each(|event| fold.add(event));
        place = page.next;
        if place.is_none() {
            return Ok((fold.finish(), read));
        }
    }
}

async fn round(
    work: &Work,
    events: &BotEvents,
    on_progress: Option<Arc<OnProgress>>,
) -> Result<Rolled, Stopped> {
    let (zone, now) = (work.settings.zone, work.clock.now());
    let lag = TimeDelta::from_std(work.settings.bot.lag).unwrap_or(TimeDelta::MAX);
    if let Some(advice) = events.check().await? {
        tracing::warn!(source.name = SOURCE_BOT_EVENTS, "the bot's table user_events: {advice}");
    }
    let known = work.store.find_source(SOURCE_BOT_EVENTS).await?;
    let known_span = known.as_ref().and_then(|row| row.coverage);
    let cursor = known.and_then(|row| row.cursor).and_then(|cursor| serde_json::from_value(cursor).ok());
    let mut cursor: Cursor = cursor.unwrap_or_default();
    let mark = Mark { at: now, id: events.newest_id().await?.unwrap_or_default() };
    let today = local_day(now, zone);
    let oldest_on = events.oldest_at().await?.map_or(today, |at| local_day(at, zone)).min(today);

    let is_first = cursor.zone.is_empty();
    let is_same_zone = cursor.zone == zone.name();
    let from_on = match cursor.rolled_until_on {
        Some(rolled_until_on) if is_same_zone => {
            let covered_on = known_span.map_or(rolled_until_on, |span| local_day(span.until, zone));
            // A day whose events are gone keeps what is known of it.
            (today - Days::new(1)).min(rolled_until_on).min(covered_on).max(oldest_on)
        }
        // In another zone the first day may have lost all its events to its neighbour.
        _ if !is_first && !is_same_zone => oldest_on - Days::new(1),
        _ => oldest_on,
    };
    let mut days: BTreeSet<NaiveDate> = from_on.iter_days().take_while(|day_on| *day_on <= today).collect();
    if is_same_zone {
        let late = late_days(work, events, &cursor, lag).await?;
        days.extend(late.into_iter().filter(|day_on| (oldest_on..from_on).contains(day_on)));
    } else {
        cursor = Cursor { zone: zone.name().to_owned(), ..Cursor::default() };
    }
    let first_at = days.first().map_or(now, |day_on| Period::day(*day_on, zone).from);
    let coverage = CoverageSpan {
        from: known_span.filter(|_| is_same_zone).map_or(first_at, |span| span.from.min(first_at)),
        until: (now - lag).max(first_at).max(known_span.map_or(first_at, |span| span.until)),
    };

    let mut rolled = Rolled::default();
    let mut folded = Box::pin(fold_next(work, events, days.first())).await?;
    let mut rest = days.iter().skip(1);
    for day_on in &days {
        let Some((rollup, read)) = folded else { break };
        let is_last = *day_on == today;
        if *day_on >= from_on {
            cursor.rolled_until_on = Some(if is_last { today } else { *day_on + Days::new(1) });
        }
        if is_last {
            cursor.pass(mark, lag);
        }
        let step = SourceStep {
            cursor: serde_json::to_value(&cursor).ok(),
            coverage: is_last.then_some(coverage),
            is_complete: is_last,
            dropped: read.dropped(),
            ..step()
        };
        // Two databases work at the same time: ours on this day, the bot's on the next one.
        let now = work.clock.now();
        // Boxed: both are large, and stand inside whatever waits for them.
        let saving = Box::pin(work.store.save_bot_day(&rollup, &step, now));
        let (saved, next) = tokio::join!(saving, Box::pin(fold_next(work, events, rest.next())));
        saved?;
        rolled.add(&read, days.len(), on_progress.as_deref());
        folded = next?;
    }
    Ok(rolled)
}

/// The next day, if there is one, as a roll-up.
async fn fold_next(
    work: &Work,
    events: &BotEvents,
    day_on: Option<&NaiveDate>,
) -> Result<Option<(BotRollup, Read)>, CollectError> {
    match day_on {
        Some(day_on) => fold_day(work, events, *day_on).await.map(Some),
        None => Ok(None),
    }
}

/// Local days of the events whose ids are new since the round before the last mark's lag.
async fn late_days(
    work: &Work,
    events: &BotEvents,
    cursor: &Cursor,
    lag: TimeDelta,
) -> Result<BTreeSet<NaiveDate>, CollectError> {
    let mut days = BTreeSet::new();
    let Some(mut after_id) = cursor.base(lag).map(|mark| mark.id) else { return Ok(days) };
    let limit = work.settings.bot.batch;
    loop {
        let arrivals = events.arrivals(after_id, limit).await?;
        let dated = arrivals.iter().filter_map(|(_, at)| *at);
        days.extend(dated.map(|at| local_day(at, work.settings.zone)));
        match arrivals.last() {
            Some((id, _)) if arrivals.len() == limit as usize => after_id = *id,
            _ => return Ok(days),
        }
    }
}

impl Cursor {
    /// The newest mark that was old enough at the last round: what was committed since that round within the lag got its id
    /// after this mark.
    fn base(&self, lag: TimeDelta) -> Option<Mark> {
        let last = self.marks.last()?;
        let old_enough = self.marks.iter().rev().find(|mark| mark.at <= last.at - lag);
        old_enough.or(self.marks.first()).copied()
    }

    /// Notes a finished round and forgets the marks that no later round asks for.
    fn pass(&mut self, mark: Mark, lag: TimeDelta) {
        self.marks.push(mark);
        if let Some(base) = self.base(lag) {
            self.marks.retain(|mark| mark.at >= base.at);
        }
    }
}

impl Rolled {
    fn add(&mut self, read: &Read, total: usize, on_progress: Option<&OnProgress>) {
        self.days += 1;
        self.events += read.events;
        if let Some(on_progress) = on_progress {
            on_progress(SOURCE_BOT_EVENTS, self.days, Some(total as u64));
        }
    }
}

/// Notes a failure of the bot's database at its source.
async fn noted<T>(work: &Work, result: Result<T, Stopped>) -> Result<T, JobError> {
    match result {
        Ok(value) => Ok(value),
        Err(Stopped::Store(error)) => Err(error.into()),
        Err(Stopped::Source(error)) => {
            let CollectError { source_name, reason, message, is_permanent } = error;
            tracing::warn!(source.name = source_name, reason, "a round of {source_name} failed: {message}");
            work.store.save_source_failure(source_name, reason, work.clock.now()).await?;
            Err(JobError { reason, note: message, is_permanent })
        }
    }
}

fn step() -> SourceStep {
    SourceStep { source: SOURCE_BOT_EVENTS.to_owned(), ..SourceStep::default() }
}

pub(super) fn local_day(at: Instant, zone: Tz) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

pub(super) fn no_bot() -> JobError {
    let note = "there is no bot to count; set BOT_EVENTS_URL (bot.url)".to_owned();
    JobError { reason: "not_configured", note, is_permanent: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_committed_late_lies_above_the_mark_that_the_next_round_starts_from() {
        let lag = TimeDelta::minutes(10);
        let at = |minutes| Instant::UNIX_EPOCH + TimeDelta::minutes(minutes);
        let mut cursor = Cursor::default();
        assert_eq!(cursor.base(lag), None);
        for (minutes, id) in [(0, 100), (60, 200), (62, 210), (120, 300)] {
            cursor.pass(Mark { at: at(minutes), id }, lag);
        }
        // At 120 an id given at 115 may have been uncommitted; the mark of 62 is the newest that was not given after 110.
        assert_eq!(cursor.base(lag), Some(Mark { at: at(62), id: 210 }));
        assert_eq!(cursor.marks.len(), 2, "{:?}", cursor.marks);
    }
}
