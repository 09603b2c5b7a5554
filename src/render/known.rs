//! What may be said of a summary, given how much of its source is known, and the lines that say how much that is.

use chrono::NaiveDate;
use chrono_tz::Tz;

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

/// Remark to the name of a block whose numbers are lower bounds; `today_on` is the day that needs no name.
pub(super) fn partial(coverage: Coverage, zone: Tz, today_on: NaiveDate) -> Option<String> {
    match coverage {
        Coverage::Partial { until } => {
            let until = format::moment(until, zone, today_on);
            Some(format!("неполные данные, до {until}"))
        }
        Coverage::Complete | Coverage::Missing => None,
    }
}

/// What the coverage lines are made from.
#[derive(Debug)]
pub(super) struct Told {
    /// `этот день`, after «за».
    pub period: &'static str,
    /// A moment of this day needs no date; a moment inside the period.
    pub day_on: NaiveDate,
    pub zone: Tz,
    pub computed_at: Instant,
    pub chat_coverage: Coverage,
    pub order_coverage: Coverage,
    pub chats_known_until: Option<Instant>,
    pub orders_known_until: Option<Instant>,
    /// The text says «обычно».
    pub has_usual: bool,
    /// The text says how long somebody waits.
    pub has_waiting: bool,
}

impl Told {
    pub fn of_day(digest: &DailyDigest) -> Self {
        let chats = Known::of(digest.chat_coverage, digest.team.current.chats.as_ref());
        Self {
            period: "этот день",
            day_on: digest.day_on,
            zone: digest.period.zone,
            computed_at: digest.computed_at,
            chat_coverage: digest.chat_coverage,
            order_coverage: digest.order_coverage,
            chats_known_until: digest.chats_known_until,
            orders_known_until: digest.orders_known_until,
            has_usual: matches!(chats, Known::Whole(ChatSummary { first_response_median_secs: Some(_), .. })),
            has_waiting: digest.waiting.as_ref().is_some_and(|waiting| !waiting.is_empty()),
        }
    }
}

/// How much of the period is known, and how to read what is.
pub(super) fn coverage_lines(told: &Told) -> Vec<String> {
    let zone = told.zone;
    let today_on = told.computed_at.with_timezone(&zone).date_naive();
    let mut lines = Vec::new();
    if told.chat_coverage == Coverage::Missing && told.order_coverage == Coverage::Missing {
        return vec![format!("За {} нет данных: ни чаты, ни заказы не прочитаны.", told.period)];
    }
    for (name, coverage) in [("чаты", told.chat_coverage), ("заказы", told.order_coverage)] {
        match coverage {
            Coverage::Complete => {}
            Coverage::Partial { until } => {
                let until = format::moment(until, zone, told.day_on);
                lines.push(format!("Неполные данные: {name} до {until}, доли не считаем."));
            }
            Coverage::Missing => lines.push(format!("За {} нет данных: {name}.", told.period)),
        }
    }
    let known = |name: &str, coverage, until: Option<Instant>| {
        let until = until.filter(|_| coverage == Coverage::Complete)?;
        Some((name.to_owned(), format::moment(until, zone, today_on)))
    };
    let chats = known("чаты", told.chat_coverage, told.chats_known_until);
    let orders = known("заказы", told.order_coverage, told.orders_known_until);
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
    let clock = "Время ответа и ожидания считаем по рабочим часам.";
    let usual = "«Обычно» — медиана: половина ответов быстрее, половина дольше.";
    match (told.has_usual, told.has_waiting) {
        (true, _) => lines.push(format!("{clock} {usual}")),
        (false, true) => lines.push(clock.to_owned()),
        (false, false) => {}
    }
    lines
}
