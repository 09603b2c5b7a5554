//! What all digests have in common: how one becomes the result of a run.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, TimeDelta};
use serde::Serialize;
use serde_json::Value;

use super::{Work, attach, behaviour, bot, daily, quality, receipt, sync, weekly};
use crate::clock::Instant;
use crate::collect::{SOURCE_CHATS, SOURCE_ORDERS};
use crate::measure::digest::Coverage;
use crate::measure::history::Row;
use crate::measure::{Period, Span};
use crate::render::{Part, RenderError};
use crate::schedule::runner::{JobContext, JobError};
use crate::schedule::{Job, ReportKind};
use crate::settings::Settings;
use crate::store::Store;
use crate::store::history::HistoryRow;
use crate::store::outbox::{Action, NewDelivery};
use crate::store::runs::{Origin, RunResult, RunRow, StoredDigest};

/// After its window a message may still be on its way for this long before it counts as stale.
pub(super) const SENDING_GRACE: TimeDelta = TimeDelta::minutes(30);

/// A digest this late says so to its readers.
const LATE_WORTH_TELLING: TimeDelta = TimeDelta::minutes(10);

/// A digest ready to be kept and sent.
#[derive(Debug, Clone)]
pub struct Made {
    pub report: ReportKind,
    /// Short visible id, see [`public_id`].
    pub public_id: String,
    pub period: Period,
    /// The digest as data, for replay and diff.
    pub body: Value,
    /// Its messages, in order.
    pub parts: Vec<Part>,
    /// For chats that read something of their own instead of `parts`; empty parts = nothing is sent there.
    pub own_parts: BTreeMap<String, Vec<Part>>,
    /// Its values, for trends.
    pub history: Vec<HistoryRow>,
}

impl Made {
    /// Messages for every chat of the job, the snapshot and the history: what the runner stores in one transaction.
    pub fn into_result(self, job: &Job, context: &JobContext) -> Result<RunResult, JobError> {
        let note = format!("{} messages for {} chats", self.parts.len(), job.chats.len());
        Ok(RunResult {
            deliveries: self.deliveries(job, context),
            digest: Some(StoredDigest {
                report: self.report.as_str().to_owned(),
                public_id: self.public_id,
                period_from: self.period.from,
                period_to: self.period.to,
                body: self.body,
            }),
            history: self.history,
            files: Vec::new(),
            note: Some(note),
            lacks: None,
        })
    }

    /// What this chat reads.
    pub(super) fn parts_for(&self, chat: &str) -> &[Part] {
        self.own_parts.get(chat).unwrap_or(&self.parts)
    }

    fn deliveries(&self, job: &Job, context: &JobContext) -> Vec<NewDelivery> {
        let run = &context.run;
        let parts_of = |chat: &String| self.parts_for(chat);
        job.chats
            .iter()
            .flat_map(|chat| {
                let (parts, part_count) = (parts_of(chat), parts_of(chat).len() as i64);
                (1..).zip(parts).map(move |(part, message)| (chat, part, part_count, message))
            })
            .map(|(chat, part, part_count, message)| NewDelivery {
                key: format!("run:{}/{chat}/{part}", run.id),
                run_id: Some(run.id),
                chat: chat.clone(),
                part,
                part_count,
                action: Action::Send,
                html: message.html.clone(),
                plain: message.plain.clone(),
                public_id: self.public_id.clone(),
                policy: job.policy,
                expires_at: Some(expires_at(job, context)),
                is_silent: part > 1,
                keyboard: None,
            })
            .collect()
    }
}

/// From when on the messages of a run are too old to be sent.
pub(super) fn expires_at(job: &Job, context: &JobContext) -> Instant {
    let window = TimeDelta::from_std(job.catch_up_window).unwrap_or(TimeDelta::MAX);
    let run = &context.run;
    let begins_at = if run.origin == Origin::Cron { run.slot_at } else { context.now };
    begins_at + window + SENDING_GRACE
}

/// A digest made from what is stored, for `preview` and `run --dry-run`; `None` for jobs that make no messages.
pub async fn make(
    settings: &Settings,
    store: &Store,
    report: ReportKind,
    run: &RunRow,
    now: Instant,
) -> Result<Option<Made>, JobError> {
    match report {
        ReportKind::Daily => daily::make(settings, store, run, now).await.map(Some),
        ReportKind::Weekly | ReportKind::Monthly => {
            weekly::make(settings, store, report, run, now).await.map(Some)
        }
        ReportKind::Behaviour => behaviour::make(settings, store, run, now).await.map(Some),
        ReportKind::Receipt => receipt::make(settings, store, run, now).await.map(Some),
        ReportKind::Quality => quality::make(settings, store, run, now, None).await.map(Some),
        ReportKind::BotDaily | ReportKind::BotWeekly | ReportKind::BotMonthly => {
            bot::make(settings, store, report, run, now).await.map(Some)
        }
        _ => Ok(None),
    }
}

/// What people call a job.
pub fn title(report: ReportKind) -> &'static str {
    match report {
        ReportKind::Daily => "Ежедневная сводка",
        ReportKind::Sync => "Чтение CRM",
        ReportKind::Reconcile => "Сверка с CRM",
        ReportKind::Retention => "Удаление старых текстов",
        ReportKind::Receipt => "Отправка за неделю",
        ReportKind::Backup => "Резервная копия",
        ReportKind::Weekly => "Сводка за неделю",
        ReportKind::Monthly => "Сводка за месяц",
        ReportKind::Behaviour => "Разбор диалогов",
        ReportKind::Quality => "Качество данных",
        ReportKind::Rollup => "Подсчёт событий бота",
        ReportKind::BotDaily => "Сводка по боту за день",
        ReportKind::BotWeekly => "Сводка по боту за неделю",
        ReportKind::BotMonthly => "Сводка по боту за месяц",
        ReportKind::BotRetention => "Удаление старых событий бота",
    }
}

/// How long a stretch a report speaks about.
pub fn span(report: ReportKind) -> Span {
    match report {
        ReportKind::Weekly | ReportKind::Behaviour | ReportKind::BotWeekly | ReportKind::Receipt => {
            Span::Week
        }
        ReportKind::Monthly | ReportKind::BotMonthly => Span::Month,
        _ => Span::Day,
    }
}

/// One attempt at a report that is made from what is stored, whatever its age.
pub async fn run(work: &Work, job: &Job, context: &JobContext) -> Result<RunResult, JobError> {
    match make(&work.settings, &work.store, job.report, &context.run, context.now).await? {
        Some(made) => {
            let files = attach::files(&work.settings, &work.store, &job.name, &made).await;
            let messages = attach::deliveries(&files, &made, &work.settings, job, context);
            let mut result = made.into_result(job, context)?;
            result.deliveries.extend(messages);
            result.files = attach::kept(files, context.run.id);
            Ok(result)
        }
        None => Ok(RunResult::default()),
    }
}

/// How long a report waits for a source that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Until shortly before its deadline: what it tells is of use without that source too.
    Deadline,
    /// As long as its run is repeated: without that source there is next to nothing to tell.
    Window,
}

/// One attempt at a report that wants fresh facts of the CRM; see [`conclude`].
pub async fn run_fresh(work: &Work, job: &Job, context: &JobContext) -> Result<RunResult, JobError> {
    let refresh = Box::pin(sync::refresh(work, context));
    conclude(work, job, context, &[SOURCE_CHATS, SOURCE_ORDERS], Patience::Window, refresh).await
}

/// One attempt at a report that wants fresh facts of some sources, read by `refresh`.
///
/// When they cannot be read and what is stored does not cover the period, the attempt fails and is repeated. The last one
/// within the report's patience concludes with what there is, the text says what is missing, and the run says why.
pub async fn conclude(
    work: &Work,
    job: &Job,
    context: &JobContext,
    sources: &[&'static str],
    patience: Patience,
    refresh: impl Future<Output = Result<(), JobError>> + Unpin,
) -> Result<RunResult, JobError> {
    let period = span(job.report).before(context.run.slot_at, work.settings.zone);
    let (mut is_last_attempt, conclude_by) = match patience {
        Patience::Deadline => (context.is_last_in_time, context.conclude_by),
        Patience::Window => (context.is_last_attempt, None),
    };
    let begun = std::time::Instant::now();
    let refreshed = tokio::select! {
        biased;
        refreshed = refresh => refreshed,
        () = time_is_up(work, conclude_by) => {
            is_last_attempt = true;
            Err(no_answer())
        }
    };
    step_took("read", begun);
    let mut missing = Vec::new();
    for source in sources {
        let known = daily::coverage(&work.store, source).await?;
        if !Coverage::of(known, &period).is_complete() {
            missing.push(*source);
        }
    }
    let Some(error) = refreshed.err().filter(|_| !missing.is_empty()) else {
        return Box::pin(run(work, job, context)).await;
    };
    if !is_last_attempt {
        return Err(JobError { is_permanent: false, ..error });
    }
    if error == no_answer() {
        // Nobody else notes it: the reading was cut off.
        for source in missing {
            work.store.save_source_failure(source, error.reason, work.clock.now()).await?;
        }
    }
    Ok(RunResult { lacks: Some(error.reason), ..Box::pin(run(work, job, context)).await? })
}

async fn time_is_up(work: &Work, conclude_by: Option<Instant>) {
    match conclude_by {
        Some(at) => work.clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn no_answer() -> JobError {
    let note = "the source gave no answer in time for the digest".to_owned();
    JobError { reason: "timeout", note, is_permanent: false }
}

/// The slot that speaks about the day, week or month that contains `day`: the job's first occurrence in the span after it,
/// or the start of that. Without a day: the span that ended last.
pub fn slot_for(job: &Job, day: Option<NaiveDate>, now: Instant) -> Instant {
    let (zone, span) = (job.schedule.zone(), span(job.report));
    let period = match day {
        Some(day) => span.containing(day, zone),
        None => span.before(now, zone),
    };
    let after = span.containing(period.to_on, zone);
    let first = job.schedule.next_after(after.from - TimeDelta::seconds(1));
    first.filter(|slot| *slot < after.to).unwrap_or(after.from)
}

/// Seconds after its slot, of a run that is late enough to tell its readers.
pub fn late_secs(run: &RunRow, now: Instant) -> Option<i64> {
    let late = now - run.slot_at;
    (run.origin == Origin::Cron && late >= LATE_WORTH_TELLING).then(|| late.num_seconds())
}

/// Runs a computation of measures. Tens of thousands of messages take tens of milliseconds: too long for a thread that
/// serves others.
pub async fn measured<D: Send + 'static>(
    compute: impl FnOnce() -> D + Send + 'static,
) -> Result<D, JobError> {
    let begun = std::time::Instant::now();
    let computed = tokio::task::spawn_blocking(compute).await;
    step_took("compute", begun);
    computed.map_err(|error| JobError {
        reason: "measure_failed",
        note: format!("the digest could not be computed: {error}"),
        is_permanent: true,
    })
}

/// Tells telemetry what a step of a report took.
fn step_took(step: &'static str, begun: std::time::Instant) {
    metrics::histogram!("svodka_step_duration_seconds", "step" => step).record(begun.elapsed().as_secs_f64());
}

/// The values of a digest as rows of the history.
pub fn history(report: ReportKind, period: &Period, rows: Vec<Row>) -> Vec<HistoryRow> {
    let row = |(subject, measure, value, is_complete): Row| HistoryRow {
        report: report.as_str().to_owned(),
        period_on: period.from_on,
        subject,
        measure: measure.to_owned(),
        value,
        is_complete,
    };
    rows.into_iter().map(row).collect()
}

/// The digest as data.
pub fn body(digest: &impl Serialize) -> Result<Value, JobError> {
    serde_json::to_value(digest).map_err(|error| JobError {
        reason: "digest_not_storable",
        note: format!("the digest cannot be kept: {error}"),
        is_permanent: true,
    })
}

/// A fault of the templates.
pub fn render_failed(error: RenderError) -> JobError {
    JobError { reason: "render_failed", note: error.to_string(), is_permanent: true }
}

/// The short visible id of a digest: a letter or two for the kind, month and day, and four characters that tell jobs and
/// years apart. The same for every run of the same slot, so that a repeat is recognised as one.
pub fn public_id(kind: &str, job: &str, period: &Period) -> String {
    let tag = fnv1a(&format!("{job} {}", period.from_on));
    let alphabet = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let tag: String =
        (0..4).map(|place| char::from(alphabet[(tag / 36_u64.pow(place) % 36) as usize])).collect();
    format!("{kind}-{:02}{:02}-{tag}", period.from_on.month(), period.from_on.day())
}

/// FNV-1a, 64 bits: stable for ever, unlike the standard library's hasher.
fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_id_is_stable_and_tells_years_and_jobs_apart() {
        let day = |year| Period::day(NaiveDate::from_ymd_opt(year, 8, 20).unwrap(), chrono_tz::UTC);
        let id = public_id("d", "daily", &day(2026));
        assert_eq!(id, public_id("d", "daily", &day(2026)));
        assert!(id.starts_with("d-0820-") && id.len() == 11, "{id}");
        assert_ne!(id, public_id("d", "daily", &day(2027)));
        assert_ne!(id, public_id("d", "evening", &day(2026)));
    }
}
