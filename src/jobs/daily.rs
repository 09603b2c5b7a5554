//! The daily digest: from a slot to messages in the outbox.

use std::collections::BTreeMap;

use super::report::{self, Made, body, public_id};
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
use crate::schedule::ReportKind;
use crate::schedule::runner::JobError;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::runs::RunRow;

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
        own_parts: BTreeMap::new(),
        history: report::history(ReportKind::Daily, &digest.period, history_rows(&digest)),
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
    let late_secs = report::late_secs(run, now);
    let calendar = settings.calendar();
    let (period, slot_at, thresholds) = (*period, run.slot_at, settings.thresholds);
    let public_id = public_id("d", &run.job, &period);
    report::measured(move || {
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
    })
    .await
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
