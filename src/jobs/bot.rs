//! The bot's digests of a day, a week and a month: from a slot to messages in the outbox.

use chrono::NaiveDate;

use super::report::{self, Made, body, public_id};
use crate::clock::Instant;
use crate::facts::bot::BotFigures;
use crate::measure::Span;
use crate::measure::bot::{
    BotDigest, BotInputs, BotWindow, PeriodWindows, Window, Windows, bot_digest, bot_rows,
};
use crate::render::Part;
use crate::render::bot::render;
use crate::render::tree::parts;
use crate::schedule::ReportKind;
use crate::schedule::runner::JobError;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::runs::RunRow;

/// The digest of the day, week or month before the run's slot, from what is stored. Reads the store, sends nothing.
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
        parts: messages(&digest)?,
        history: report::history(report, &digest.period, bot_rows(&digest)),
    })
}

/// The digest in Telegram messages.
pub fn messages(digest: &BotDigest) -> Result<Vec<Part>, JobError> {
    render(digest).and_then(|report| parts(&report)).map_err(report::render_failed)
}

async fn compute(
    settings: &Settings,
    store: &Store,
    report: ReportKind,
    run: &RunRow,
    now: Instant,
) -> Result<BotDigest, JobError> {
    let span = report::span(report);
    let period = span.before(run.slot_at, settings.zone);
    let windows = Windows::of(span, &period);
    let current = window(store, &windows.current).await?;
    let previous = window(store, &windows.previous).await?;
    let history = of(store, windows.history).await?;
    let mut cohorts = Vec::with_capacity(windows.cohorts.len());
    for week in windows.cohorts {
        cohorts.push(of(store, week).await?);
    }
    let kind = match span {
        Span::Day => "b",
        Span::Week => "bw",
        Span::Month => "bm",
    };
    let public_id = public_id(kind, &run.job, &period);
    let (slot_at, late_secs) = (run.slot_at, report::late_secs(run, now));
    let (currency, conversion_estimate) =
        (settings.bot_digest.currency.clone(), settings.bot_digest.conversion_estimate);
    report::measured(move || {
        bot_digest(&BotInputs {
            span,
            period,
            slot_at,
            now,
            public_id,
            late_secs,
            current: &current,
            previous: &previous,
            history: &history,
            cohorts: &cohorts,
            currency,
            conversion_estimate,
        })
    })
    .await
}

async fn window(store: &Store, windows: &PeriodWindows) -> Result<BotWindow, JobError> {
    let [first, seventh, thirtieth] = windows.returning;
    Ok(BotWindow {
        figures: of(store, windows.whole).await?,
        returning: [of(store, first).await?, of(store, seventh).await?, of(store, thirtieth).await?],
        month: of(store, windows.month).await?,
        cost: None,
    })
}

async fn of(store: &Store, window: Window) -> Result<BotFigures, JobError> {
    figures(store, window.from_on, window.until_on, window.known_until_on).await
}

/// Figures of the local days `[from_on, until_on)` as known at the start of `known_until_on`.
async fn figures(
    _store: &Store,
    from_on: NaiveDate,
    until_on: NaiveDate,
    known_until_on: NaiveDate,
) -> Result<BotFigures, JobError> {
    let note =
        format!("figures of the bot ({from_on} to {until_on}, by {known_until_on}) cannot be read yet");
    Err(JobError { reason: "not_built", note, is_permanent: true })
}
