//! What may be said of a summary, given how much of its source is known, and the lines that say how much that is.

use super::format;
use crate::clock::Instant;
use crate::measure::digest::{ChatSummary, Coverage, DailyDigest};

/// What stands where a source gave nothing.
pub(super) const NO_DATA: &str = "нет данных";

/// A summary with the right to speak of it.
#[derive(Debug)]
pub(super) enum Known<'a, T> {
    Whole(&'a T),
    /// Counts are lower bounds; times and shares are unknown.
    AtLeast(&'a T),
    Nothing,
}

impl<'a, T> Known<'a, T> {
    pub fn of(coverage: Coverage, summary: Option<&'a T>) -> Self {
        match (coverage, summary) {
            (Coverage::Complete, Some(summary)) => Self::Whole(summary),
            (Coverage::Partial { .. }, Some(summary)) => Self::AtLeast(summary),
            (Coverage::Missing, _) | (_, None) => Self::Nothing,
        }
    }
}

/// Remark to the name of a block whose numbers are lower bounds.
pub(super) fn partial(coverage: Coverage, digest: &DailyDigest) -> Option<String> {
    match coverage {
        Coverage::Partial { until } => {
            let until = format::moment(until, digest.period.zone, digest.day_on);
            Some(format!("неполные данные, до {until}"))
        }
        Coverage::Complete | Coverage::Missing => None,
    }
}

/// How much of the day is known, and how to read what is.
pub(super) fn coverage_lines(digest: &DailyDigest) -> Vec<String> {
    let zone = digest.period.zone;
    let today_on = digest.computed_at.with_timezone(&zone).date_naive();
    let mut lines = Vec::new();
    if digest.chat_coverage == Coverage::Missing && digest.order_coverage == Coverage::Missing {
        return vec!["За этот день нет данных: ни чаты, ни заказы не прочитаны.".to_owned()];
    }
    for (name, coverage) in [("чаты", digest.chat_coverage), ("заказы", digest.order_coverage)] {
        match coverage {
            Coverage::Complete => {}
            Coverage::Partial { until } => {
                let until = format::moment(until, zone, digest.day_on);
                lines.push(format!("Неполные данные: {name} до {until}, доли не считаем."));
            }
            Coverage::Missing => lines.push(format!("За этот день нет данных: {name}.")),
        }
    }
    let known = |name: &str, coverage, until: Option<Instant>| {
        let until = until.filter(|_| coverage == Coverage::Complete)?;
        Some((name.to_owned(), format::moment(until, zone, today_on)))
    };
    let chats = known("чаты", digest.chat_coverage, digest.chats_known_until);
    let orders = known("заказы", digest.order_coverage, digest.orders_known_until);
    match (chats, orders) {
        (Some((_, chats)), Some((_, orders))) if chats == orders => lines.push(format!("Данные на {chats}.")),
        (chats, orders) => {
            let known: Vec<String> =
                chats.into_iter().chain(orders).map(|(name, until)| format!("{name} на {until}")).collect();
            if !known.is_empty() {
                lines.push(format!("Данные: {}.", known.join(", ")));
            }
        }
    }
    let chats = Known::of(digest.chat_coverage, digest.team.current.chats.as_ref());
    let has_usual = matches!(chats, Known::Whole(ChatSummary { first_response_median_secs: Some(_), .. }));
    let has_waiting = digest.waiting.as_ref().is_some_and(|waiting| !waiting.is_empty());
    let clock = "Время ответа и ожидания считаем по рабочим часам.";
    let usual = "«Обычно» — медиана: половина ответов быстрее, половина дольше.";
    match (has_usual, has_waiting) {
        (true, _) => lines.push(format!("{clock} {usual}")),
        (false, true) => lines.push(clock.to_owned()),
        (false, false) => {}
    }
    lines
}
