//! The digests of a week and of a month: from a slot to messages in the outbox.

use std::collections::BTreeMap;

use super::basis::{Basis, Known};
use super::daily::links;
use super::report::{self, Made, body};
use crate::clock::Instant;
use crate::measure::history::weekly_rows;
use crate::measure::weekly::{PastValue, TrendMeasure, WeeklyDigest, WeeklyInputs, periods, weekly, window};
use crate::measure::{Period, Span};
use crate::render::Part;
use crate::render::tree::parts;
use crate::render::weekly::render;
use crate::schedule::ReportKind;
use crate::schedule::runner::JobError;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::runs::RunRow;

/// The digest of the week or month before the run's slot, from what is stored. Reads the store, sends nothing.
pub async fn make(
    settings: &Settings,
    store: &Store,
    report: ReportKind,
    run: &RunRow,
    now: Instant,
) -> Result<Made, JobError> {
    let digest = compute(settings, store, report, run, now).await?;
    Ok(Made {
        report,
        public_id: digest.public_id.clone(),
        period: digest.period,
        body: body(&digest)?,
        parts: messages(&digest, settings)?,
        own_parts: BTreeMap::new(),
        history: report::history(report, &digest.period, weekly_rows(&digest)),
    })
}

async fn compute(
    settings: &Settings,
    store: &Store,
    report: ReportKind,
    run: &RunRow,
    now: Instant,
) -> Result<WeeklyDigest, JobError> {
    let span = report::span(report);
    let period = span.before(run.slot_at, settings.zone);
    let history = past_values(store, report, span, &period).await?;
    let window = window(span, &period, &settings.thresholds);
    let kind = if span == Span::Month { "m" } else { "w" };
    let known = Known::of(store).await?;
    let basis = Basis::read(settings, store, run, now, (kind, period), window, known).await?;
    report::measured(move || weekly(&WeeklyInputs { base: basis.inputs(), span, history: &history })).await
}

/// What earlier digests of this report said of the team in the periods of the trends.
async fn past_values(
    store: &Store,
    report: ReportKind,
    span: Span,
    period: &Period,
) -> Result<Vec<PastValue>, JobError> {
    let first_on = periods(span, period).last().map_or(period.from_on, |first| first.from_on);
    let mut values = Vec::new();
    for measure in TrendMeasure::ALL {
        let rows = store.list_history(report.as_str(), "team", measure.id(), first_on).await?;
        let known = rows.into_iter().filter(|row| row.is_complete && row.period_on < period.from_on);
        values.extend(known.filter_map(|row| {
            Some(PastValue { measure: row.measure, period_on: row.period_on, value: row.value? })
        }));
    }
    Ok(values)
}

/// The digest in Telegram messages.
pub fn messages(digest: &WeeklyDigest, settings: &Settings) -> Result<Vec<Part>, JobError> {
    render(digest, &links(settings)).and_then(|report| parts(&report)).map_err(report::render_failed)
}
