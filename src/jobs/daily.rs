//! The daily digest: from a slot to messages in the outbox.

use chrono::{Datelike, TimeDelta};

use super::{Work, sync};
use crate::clock::Instant;
use crate::collect::{SOURCE_CHATS, SOURCE_ORDERS};
use crate::facts::CoverageSpan;
use crate::measure::Period;
use crate::measure::daily::{DailyInputs, daily, window};
use crate::measure::digest::DailyDigest;
use crate::measure::history::history_rows;
use crate::render::daily::{Links, render};
use crate::render::tree::parts;
use crate::render::{Part, RenderError};
use crate::schedule::Job;
use crate::schedule::runner::{JobContext, JobError};
use crate::settings::Settings;
use crate::store::Store;
use crate::store::history::HistoryRow;
use crate::store::outbox::{Action, NewDelivery};
use crate::store::runs::{Origin, RunResult, RunRow, StoredDigest};

/// A digest this late says so to its readers.
const LATE_WORTH_TELLING: TimeDelta = TimeDelta::minutes(10);

/// After its window a message may still be on its way for this long before it counts as stale.
const SENDING_GRACE: TimeDelta = TimeDelta::minutes(30);

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
    let digest =
        compute(&work.settings, &work.store, &context.run, context.now, &period, chats, orders).await?;
    let messages = messages(&digest, &work.settings)?;
    Ok(RunResult {
        deliveries: deliveries(job, context, &digest, &messages),
        history: history(&digest),
        digest: Some(stored(&digest)?),
        note: Some(format!("{} messages for {} chats", messages.len(), job.chats.len())),
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
    let public_id = public_id(&run.job, &period);
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
    let links = Links { chat_link: settings.retailcrm.chat_link.clone() };
    render(digest, &links).and_then(|report| parts(&report)).map_err(render_failed)
}

/// How far a source is known.
pub async fn coverage(store: &Store, source: &str) -> Result<Option<CoverageSpan>, JobError> {
    Ok(store.find_source(source).await?.and_then(|source| source.coverage))
}

fn covers(span: CoverageSpan, period: &Period) -> bool {
    span.from <= period.from && span.until >= period.to
}

fn deliveries(job: &Job, context: &JobContext, digest: &DailyDigest, messages: &[Part]) -> Vec<NewDelivery> {
    let run = &context.run;
    let window = TimeDelta::from_std(job.catch_up_window).unwrap_or(TimeDelta::MAX);
    let begins_at = if run.origin == Origin::Cron { run.slot_at } else { context.now };
    let part_count = messages.len() as i64;
    job.chats
        .iter()
        .flat_map(|chat| (1..).zip(messages).map(move |(part, message)| (chat, part, message)))
        .map(|(chat, part, message)| NewDelivery {
            key: format!("run:{}/{chat}/{part}", run.id),
            run_id: Some(run.id),
            chat: chat.clone(),
            part,
            part_count,
            action: Action::Send,
            html: message.html.clone(),
            plain: message.plain.clone(),
            public_id: digest.public_id.clone(),
            policy: job.policy,
            expires_at: Some(begins_at + window + SENDING_GRACE),
            is_silent: part > 1,
        })
        .collect()
}

fn history(digest: &DailyDigest) -> Vec<HistoryRow> {
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

fn stored(digest: &DailyDigest) -> Result<StoredDigest, JobError> {
    let body = serde_json::to_value(digest).map_err(|error| JobError {
        reason: "digest_not_storable",
        note: format!("the digest cannot be kept: {error}"),
        is_permanent: true,
    })?;
    Ok(StoredDigest {
        report: "daily".to_owned(),
        public_id: digest.public_id.clone(),
        period_from: digest.period.from,
        period_to: digest.period.to,
        body,
    })
}

fn render_failed(error: RenderError) -> JobError {
    JobError { reason: "render_failed", note: error.to_string(), is_permanent: true }
}

/// The short visible id of a digest: kind, month and day, and four characters that tell jobs and years apart. The same for
/// every run of the same slot, so that a repeat is recognised as one.
fn public_id(job: &str, period: &Period) -> String {
    let tag = fnv1a(&format!("{job} {}", period.from_on));
    let alphabet = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let tag: String =
        (0..4).map(|place| char::from(alphabet[(tag / 36_u64.pow(place) % 36) as usize])).collect();
    format!("d-{:02}{:02}-{tag}", period.from_on.month(), period.from_on.day())
}

/// FNV-1a, 64 bits: stable for ever, unlike the standard library's hasher.
fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    #[test]
    fn a_public_id_is_stable_and_tells_years_and_jobs_apart() {
        let day = |year| Period::day(NaiveDate::from_ymd_opt(year, 8, 20).unwrap(), chrono_tz::UTC);
        let id = public_id("daily", &day(2026));
        assert_eq!(id, public_id("daily", &day(2026)));
        assert!(id.starts_with("d-0820-") && id.len() == 11, "{id}");
        assert_ne!(id, public_id("daily", &day(2027)));
        assert_ne!(id, public_id("evening", &day(2026)));
    }
}
