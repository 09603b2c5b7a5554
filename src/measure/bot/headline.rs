//! The first line of the bot's digest: what matters most.

use super::digest::{BotHeadline, BotSummary, Moving};
use super::news::News;
use crate::measure::Span;
use crate::measure::digest::{Coverage, Ratio};

/// Ratios over fewer items make no headline.
const LEAST_WHOLE: u64 = 20;
/// Share of actions that ended in an error.
const ERRORS_HIGH: f64 = 0.05;
/// Share of searches that found nothing.
const EMPTY_HIGH: f64 = 0.3;
/// A week or month this far below or above the one before is worth the first line.
const FALLEN: f64 = 0.7;
const RISEN: f64 = 1.3;

/// Decides; `news` has the most unusual first.
pub(super) fn headline(
    coverage: Coverage,
    span: Span,
    current: Option<&BotSummary>,
    previous: Option<&BotSummary>,
    news: &[News],
) -> BotHeadline {
    let (Some(current), true) = (current, coverage != Coverage::Missing) else { return BotHeadline::NoData };
    if !coverage.is_complete() {
        return BotHeadline::Unfinished;
    }
    let happened =
        [current.starts, current.sessions, current.searches, current.carts_created, current.errors];
    if happened.iter().all(|&count| count == 0) {
        return BotHeadline::Quiet;
    }
    let of_news = |is_bad| news.iter().find(|one| one.is_bad() == is_bad).copied();
    if let Some(news) = of_news(true) {
        return BotHeadline::Unusual { news };
    }
    if let Some(error_ratio) = high(current.error_ratio, ERRORS_HIGH) {
        return BotHeadline::ErrorsHigh { error_ratio };
    }
    // Days are compared with their weekday, by the news; the day before is another weekday.
    let moved = previous.filter(|_| span != Span::Day).map(|previous| moved(current, previous));
    let moved = moved.unwrap_or_default();
    if let Some(fallen) = moved.iter().find(|(_, from, to)| *to as f64 <= *from as f64 * FALLEN) {
        return BotHeadline::Moved { measure: fallen.0, from: fallen.1, to: fallen.2 };
    }
    if let Some(searches_empty_ratio) = high(current.searches_empty_ratio, EMPTY_HIGH) {
        return BotHeadline::EmptySearchesHigh { searches_empty_ratio };
    }
    if let Some(news) = of_news(false) {
        return BotHeadline::Unusual { news };
    }
    if let Some(risen) = moved.iter().find(|(_, from, to)| *to as f64 >= *from as f64 * RISEN) {
        return BotHeadline::Moved { measure: risen.0, from: risen.1, to: risen.2 };
    }
    if previous.is_none() { BotHeadline::First } else { BotHeadline::Steady }
}

fn high(ratio: Option<Ratio>, limit: f64) -> Option<Ratio> {
    ratio.filter(|ratio| ratio.whole >= LEAST_WHOLE && ratio.value() >= limit)
}

/// What is large enough to be compared, the most important first.
fn moved(current: &BotSummary, previous: &BotSummary) -> Vec<(Moving, u64, u64)> {
    [
        (Moving::CartsCreated, previous.carts_created, current.carts_created),
        (Moving::NewUsers, previous.new_users, current.new_users),
        (Moving::ActiveUsers, previous.active_users, current.active_users),
    ]
    .into_iter()
    .filter(|(_, from, _)| *from >= LEAST_WHOLE)
    .collect()
}
