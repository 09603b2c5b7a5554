//! The daily digest: from a slot to messages in the outbox.

use chrono::TimeDelta;

use super::report::{self, Made, body, public_id};
use super::{Work, sync};
use crate::clock::Instant;
use crate::collect::{SOURCE_CHATS, SOURCE_ORDERS};
use crate::facts::CoverageSpan;
use crate::measure::Period;
use crate::measure::daily::{DailyInputs, daily, window};
use crate::measure::digest::DailyDigest;
use crate::measure::history::history_rows;
use crate::render::Part;
use crate::render::daily::{Links, render};
use crate::render::tree::parts;
use crate::schedule::runner::{JobContext, JobError};
use crate::schedule::{Job, ReportKind};
use crate::settings::Settings;
use crate::store::Store;
use crate::store::history::HistoryRow;
use crate::store::runs::{Origin, RunResult, RunRow};

/// A digest this late says so to its readers.
const LATE_WORTH_TELLING: TimeDelta = TimeDelta::minutes(10);

/// One attempt at the digest.
///
/// Facts are refreshed first. When the CRM cannot be read and what is stored does not cover the period, the attempt fails
/// and is repeated; the last one concludes with what there is, and the text says what is missing.
pub async fn run(work: &Work, job: &Job, context: &JobContext) -> Result<RunResult, JobError> {
    let period = Period::day_before(context.run.slot_at, work.settings.zone);
    let refreshed = sync::refresh(work, context).await;
    let chats = coverage(&work.store, SOURCE_CHATS).await?;
    let orders = coverage(&work.store, SOURCE_ORDERS).await?;
    let is_covered = [chats, orders].iter().all(|span| span.is_some_and(|span| covers(span, &period)));
    if let (Err(error), false, false) = (&refreshed, is_covered, context.is_last_attempt) {
        return Err(JobError { is_permanent: false, ..error.clone() });
    }
    make(&work.settings, &work.store, &context.run, context.now).await?.into_result(job, context)
}

/// The digest of the day before the run's slot, from what is stored.
pub async fn make(settings: &Settings, store: &Store, run: &RunRow, now: Instant) -> Result<Made, JobError> {
    let period = Period::day_before(run.slot_at, settings.zone);
    let chats = coverage(store, SOURCE_CHATS).await?;
    let orders = coverage(store, SOURCE_ORDERS).await?;
    let digest = compute(settings, store, run, now, &period, chats, orders).await?;
    Ok(Made {
        report: ReportKind::Daily,
        public_id: digest.public_id.clone(),
        period: digest.period,
        body: body(&digest)?,
        parts: messages(&digest, settings)?,
        history: history(&digest),
    })
}

/// The digest of `period` from stored facts. Reads the store, sends nothing.
pub async fn compute(
    settings: &Settings,
    store: &Store,
    run: &RunRow,
    now: Instant,
    period: &Period,
    chats: Option<CoverageSpan>,
    orders: Option<CoverageSpan>,
) -> Result<DailyDigest, JobError> {
    let (from, until) = window(period, &settings.thresholds, now);
    let facts = store.facts_between(from, until).await?;
    let late = now - run.slot_at;
    let late_secs = (run.origin == Origin::Cron && late >= LATE_WORTH_TELLING).then(|| late.num_seconds());
    let calendar = settings.calendar();
    let (period, slot_at, thresholds) = (*period, run.slot_at, settings.thresholds);
    let public_id = public_id("d", &run.job, &period);
    // Tens of thousands of messages take tens of milliseconds: too long for a thread that serves others.
    let computed = tokio::task::spawn_blocking(move || {
        let (facts, calendar) = (&facts, &calendar);
        daily(&DailyInputs {
            facts,
            period,
            slot_at,
            now,
            public_id,
            calendar,
            thresholds,
            chats,
            orders,
            late_secs,
        })
    });
    computed.await.map_err(|error| JobError {
        reason: "measure_failed",
        note: format!("the digest could not be computed: {error}"),
        is_permanent: true,
    })
}

/// The digest in Telegram messages.
pub fn messages(digest: &DailyDigest, settings: &Settings) -> Result<Vec<Part>, JobError> {
    render(digest, &links(settings)).and_then(|report| parts(&report)).map_err(report::render_failed)
}

/// How the text links back to the CRM.
pub(super) fn links(settings: &Settings) -> Links {
    Links { chat_link: settings.retailcrm.chat_link.clone() }
}

/// How far a source is known.
pub async fn coverage(store: &Store, source: &str) -> Result<Option<CoverageSpan>, JobError> {
    Ok(store.find_source(source).await?.and_then(|source| source.coverage))
}

fn covers(span: CoverageSpan, period: &Period) -> bool {
    span.from <= period.from && span.until >= period.to
}

/// The values of the digest, for trends.
pub(super) fn history(digest: &DailyDigest) -> Vec<HistoryRow> {
    history_rows(digest)
        .into_iter()
        .map(|(subject, measure, value, is_complete)| HistoryRow {
            report: "daily".to_owned(),
            period_on: digest.day_on,
            subject,
            measure: measure.to_owned(),
            value,
            is_complete,
        })
        .collect()
}
