//! The bot's digest from figures of its events.
//!
//! Figures come from roll-ups ([`crate::facts::bot::BotFigures`]), one window of days each; [`Windows`] says which. Sums
//! over users cannot be made from days, so nothing here adds distinct users up. Customers' words are masked here, before
//! anybody can keep or show them.

pub mod digest;
mod headline;
mod masked;
pub mod news;
mod rows;
mod summary;
mod windows;

use crate::clock::Instant;
use crate::facts::CoverageSpan;
use crate::facts::bot::{BotDay, BotFigures};
use crate::measure::digest::Coverage;
use crate::measure::period::start_of_day;
use crate::measure::{Period, Span};

pub use digest::{
    BotDigest, BotHeadline, BotSummary, CohortRow, CostFigures, ModelCost, Moving, SourceRow, Spending,
};
pub use rows::bot_rows;
pub use summary::MICROS_PER_MINOR;
pub use windows::{PeriodWindows, RETENTION_DAYS, Window, Windows};

/// News told at most.
const MOST_NEWS: usize = 5;

/// The figures of [`PeriodWindows`].
#[derive(Debug, Clone, Default)]
pub struct BotWindow {
    pub figures: BotFigures,
    pub returning: [BotFigures; 3],
    pub month: BotFigures,
    /// `None` without a price table.
    pub cost: Option<CostFigures>,
}

/// Everything the digest is made from: the figures of [`Windows`].
#[derive(Debug, Clone)]
pub struct BotInputs<'a> {
    pub span: Span,
    pub period: Period,
    pub slot_at: Instant,
    /// The moment of the run.
    pub now: Instant,
    pub public_id: String,
    pub late_secs: Option<i64>,
    pub current: &'a BotWindow,
    pub previous: &'a BotWindow,
    pub history: &'a BotFigures,
    pub cohorts: &'a [BotFigures],
    /// ISO code of the carts.
    pub currency: String,
    /// Share of the carts' sum that is expected to become orders, 0..1.
    pub conversion_estimate: Option<f64>,
}

/// Computes the digest.
pub fn bot_digest(inputs: &BotInputs<'_>) -> BotDigest {
    let (period, figures) = (&inputs.period, &inputs.current.figures);
    let span = figures.events_coverage;
    let events_coverage = Coverage::of(span, period);
    let is_whole = events_coverage.is_complete();
    let summary = |window: &BotWindow, period: &Period| {
        let has_cohorts = RETENTION_DAYS.map(|day_n| covers(span, &period.earlier(u64::from(day_n)), period));
        let month = Period::of_days(window.month.from_on, window.month.until_on, period.zone);
        summary::whole(window, has_cohorts, covers(span, &month, period))
    };
    let mut current = match events_coverage {
        Coverage::Complete => Some(summary(inputs.current, period)),
        Coverage::Partial { .. } => Some(summary::counts(figures)),
        Coverage::Missing => None,
    };
    if let (Some(current), Some(estimate), true) = (&mut current, inputs.conversion_estimate, is_whole) {
        let expected = (current.gmv.0 as f64 * estimate).round();
        current.expected_orders = Some(crate::facts::Money(expected as i64));
    }
    let before = inputs.span.previous(period);
    let previous = Coverage::of(span, &before).is_complete().then(|| summary(inputs.previous, &before));
    let tokens_coverage = figures.tokens_coverage.map(|span| Coverage::of(Some(span), period));
    let news = news_of(inputs, span);
    BotDigest {
        public_id: inputs.public_id.clone(),
        span: inputs.span,
        period: *period,
        slot_at: inputs.slot_at,
        computed_at: inputs.now,
        late_secs: inputs.late_secs,
        events_coverage,
        tokens_coverage,
        events_known_until: span.map(|span| span.until),
        currency: inputs.currency.clone(),
        conversion_estimate: inputs.conversion_estimate,
        headline: headline::headline(
            events_coverage,
            inputs.span,
            current.as_ref(),
            previous.as_ref(),
            &news,
        ),
        spending: tokens_coverage.filter(|coverage| *coverage != Coverage::Missing).map(|coverage| {
            let users = (is_whole && coverage.is_complete()).then_some(figures.active_users);
            summary::spending(figures, inputs.current.cost.as_ref(), users)
        }),
        previous_spending: Coverage::of(figures.tokens_coverage, &before).is_complete().then(|| {
            let users = previous.as_ref().map(|previous| previous.active_users);
            summary::spending(&inputs.previous.figures, inputs.previous.cost.as_ref(), users)
        }),
        sources: known(events_coverage, || summary::sources(figures, is_whole))
            .into_iter()
            .map(|row| SourceRow { source: row.source.as_deref().map(masked::tag), ..row })
            .collect(),
        cohorts: inputs
            .cohorts
            .iter()
            .filter(|week| covers(span, &Period::of_days(week.from_on, week.until_on, period.zone), period))
            .map(summary::cohort)
            .collect(),
        scenarios: known(events_coverage, || masked::tags(&figures.scenarios)),
        error_types: known(events_coverage, || masked::tags(&figures.error_types)),
        unknown_types: known(events_coverage, || masked::tags(&figures.unknown_types)),
        top_queries: known(events_coverage, || masked::words(&figures.top_queries)),
        empty_queries: known(events_coverage, || masked::words(&figures.empty_queries)),
        current,
        previous,
        news,
    }
}

fn known<T>(coverage: Coverage, list: impl FnOnce() -> Vec<T>) -> Vec<T> {
    if coverage == Coverage::Missing { Vec::new() } else { list() }
}

/// Whether everything from the start of `from` to the end of `period` is known.
fn covers(span: Option<CoverageSpan>, from: &Period, period: &Period) -> bool {
    span.is_some_and(|span| span.from <= from.from && span.until >= period.to)
}

/// The news of the period's days; of what a week saw, its most unusual days.
fn news_of(inputs: &BotInputs<'_>, span: Option<CoverageSpan>) -> Vec<news::News> {
    let Some(span) = span else { return Vec::new() };
    let zone = inputs.period.zone;
    let is_known = |day: &&BotDay| {
        let ends_at = start_of_day(day.day_on + chrono::Days::new(1), zone);
        span.from <= start_of_day(day.day_on, zone) && ends_at <= span.until
    };
    let days: Vec<BotDay> =
        inputs.history.days.iter().chain(&inputs.current.figures.days).filter(is_known).cloned().collect();
    let mut found: Vec<_> =
        inputs.current.figures.days.iter().flat_map(|day| news::news(&days, day.day_on)).collect();
    found.sort_by(|a, b| b.z.abs().total_cmp(&a.z.abs()).then(a.day_on.cmp(&b.day_on)));
    found.truncate(MOST_NEWS);
    found
}
