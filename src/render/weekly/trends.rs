//! Where the measures are heading, in words.

use super::words::Words;
use crate::facts::Money;
use crate::measure::weekly::{Trend, TrendMeasure, WeeklyDigest};
use crate::render::format;
use crate::render::view::Block;

/// Steps in one direction from which they are worth a word; two happen by chance.
const LEAST_STEPS: u64 = 3;

/// One line per measure; none where nothing is known, and one on how short the history is.
pub(super) fn block(digest: &WeeklyDigest, words: &Words) -> Block {
    let mut lines: Vec<String> =
        digest.trends.iter().filter_map(|trend| line(trend, digest, words)).collect();
    let longest = digest.trends.iter().flat_map(|trend| &trend.windows).map(|window| window.periods).max();
    let count = |n| format::counted(n, words.count);
    match longest {
        Some(12..) => {}
        Some(8..) => lines.push(format!("За {} истории пока мало", count(12))),
        Some(_) => lines.push(format!("За 8 и {} истории пока мало", count(12))),
        None => lines.push(format!("Тренды появятся, когда накопится история за {}", count(4))),
    }
    let remark = longest.map(|_| "вторая половина срока к первой".to_owned());
    Block { remark, lines }
}

fn line(trend: &Trend, digest: &WeeklyDigest, words: &Words) -> Option<String> {
    let (name, up, down) = match trend.measure {
        TrendMeasure::FirstResponseMedianSecs => ("Первый ответ", "медленнее", "быстрее"),
        TrendMeasure::ResponseRatio => ("Доля диалогов с ответом", "выше", "ниже"),
        TrendMeasure::Chats => ("Диалоги", "больше", "меньше"),
        TrendMeasure::Orders => ("Заказы", "больше", "меньше"),
        TrendMeasure::Revenue => ("Сумма заказов", "больше", "меньше"),
        TrendMeasure::Conversion => ("Доля диалогов с заказом", "выше", "ниже"),
    };
    let mut told = Vec::new();
    let last = trend.values.last().copied().flatten();
    if let (Some(streak), Some(last)) = (trend.streak.filter(|streak| streak.steps >= LEAST_STEPS), last) {
        let (before, now) = (value(trend.measure, streak.from, digest), value(trend.measure, last, digest));
        if let Some(in_a_row) = words.in_a_row(streak.steps).filter(|_| before != now) {
            let direction = if streak.is_up { up } else { down };
            told.push(format!("{direction} {in_a_row}, {before}{}→ {now}", format::NBSP));
        }
    }
    let windows: Vec<String> = trend
        .windows
        .iter()
        .filter_map(|window| {
            let change = change(trend.measure, window.later, window.earlier)?;
            Some(format!("за {} {change}", format::counted(window.periods, words.count)))
        })
        .collect();
    if !windows.is_empty() {
        told.push(windows.join(", "));
    }
    (!told.is_empty()).then(|| format!("{name}: {}", told.join("; ")))
}

fn value(measure: TrendMeasure, value: f64, digest: &WeeklyDigest) -> String {
    match measure {
        TrendMeasure::FirstResponseMedianSecs => format::working_time(value),
        TrendMeasure::ResponseRatio | TrendMeasure::Conversion => format::percent(value),
        TrendMeasure::Chats | TrendMeasure::Orders => format::count(value.round().max(0.0) as u64),
        TrendMeasure::Revenue => format::money(Money(value.round() as i64), &digest.currency),
    }
}

fn change(measure: TrendMeasure, later: f64, earlier: f64) -> Option<String> {
    match measure {
        TrendMeasure::FirstResponseMedianSecs => format::faster_or_slower(later, earlier),
        TrendMeasure::ResponseRatio | TrendMeasure::Conversion => Some(format::points(later, earlier)),
        TrendMeasure::Chats | TrendMeasure::Orders | TrendMeasure::Revenue => {
            crate::render::compare::relative(later, earlier)
        }
    }
}
