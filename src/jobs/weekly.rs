//! The digests of a week and of a month: from a slot to messages in the outbox.

use std::collections::BTreeMap;

use super::daily::coverage;
use super::report::{self, Made, body, public_id};
use crate::clock::Instant;
use crate::collect::{SOURCE_CHATS, SOURCE_ORDERS};
use crate::measure::daily::DailyInputs;
use crate::measure::history::weekly_rows;
use crate::measure::weekly::{PastValue, TrendMeasure, WeeklyDigest, WeeklyInputs, periods, weekly, window};
use crate::measure::{Period, Span};
use crate::render::Part;
use crate::render::daily::Links;
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
    let chats = coverage(store, SOURCE_CHATS).await?;
    let orders = coverage(store, SOURCE_ORDERS).await?;
    let history = past_values(store, report, span, &period).await?;
    let (from, until) = window(span, &period, &settings.thresholds);
    let facts = store.facts_between(from, until).await?;
    let kind = if span == Span::Month { "m" } else { "w" };
    let public_id = public_id(kind, &run.job, &period);
    let (calendar, thresholds, slot_at) = (settings.calendar(), settings.thresholds, run.slot_at);
    let late_secs = report::late_secs(run, now);
    report::measured(move || {
        let (facts, calendar) = (&facts, &calendar);
        let base = DailyInputs {
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
        };
        weekly(&WeeklyInputs { base, span, history: &history })
    })
    .await
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
    let links = Links { chat_link: settings.retailcrm.chat_link.clone() };
    render(digest, &links).and_then(|report| parts(&report)).map_err(report::render_failed)
}
