//! The daily digest: from a slot to messages in the outbox.

use std::collections::BTreeMap;

pub use super::basis::coverage;
use super::basis::{Basis, Known};
use super::report::{self, Made, body};
use crate::clock::Instant;
use crate::facts::CoverageSpan;
use crate::measure::Period;
use crate::measure::daily::{daily, window};
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
    let Known { chats, orders } = Known::of(store).await?;
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
    let window = window(period, &settings.thresholds, now);
    let known = Known { chats, orders };
    let mut basis = Basis::read(settings, store, run, now, ("d", *period), window, known).await?;
    basis.drop_mixed_marks(store).await?;
    report::measured(move || daily(&basis.inputs())).await
}

/// The digest in Telegram messages.
pub fn messages(digest: &DailyDigest, settings: &Settings) -> Result<Vec<Part>, JobError> {
    render(digest, &links(settings)).and_then(|report| parts(&report)).map_err(report::render_failed)
}

/// How the text links back to the CRM.
pub(super) fn links(settings: &Settings) -> Links {
    Links { chat_link: settings.retailcrm.chat_link.clone() }
}
