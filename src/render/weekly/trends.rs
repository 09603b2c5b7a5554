//! Where the measures are heading, in words.

use super::words::Words;
use crate::facts::Money;
use crate::measure::weekly::{Trend, TrendMeasure, WeeklyDigest};
use crate::render::compare::relative;
use crate::render::format;
use crate::render::view::Block;

/// Steps in one direction from which they are worth a word; two happen by chance.
const LEAST_STEPS: u64 = 3;
/// Differences between the halves of a window that are worth a word, 0..1: of a share, and of anything else.
const LEAST_POINTS: f64 = 0.02;
const LEAST_RELATIVE: f64 = 0.05;

/// Conversations of a period below which one customer makes a trend.
const LEAST_CHATS: u64 = 10;

/// A line per measure that moved, one on those that did not, and one on how short the history is.
pub(super) fn block(digest: &WeeklyDigest, words: &Words) -> Block {
    if is_tiny(&digest.trends) {
        let line = format!(
            "Меньше {LEAST_CHATS}{}диалогов за {}: о трендах говорить рано",
            format::NBSP,
            words.count.0
        );
        return Block { remark: None, lines: vec![line] };
    }
    let mut lines = Vec::new();
    let mut steady = Vec::new();
    for trend in &digest.trends {
        match line(trend, digest, words) {
            Some(line) => lines.push(line),
            None if !trend.windows.is_empty() => steady.push(names(trend.measure).0.to_lowercase()),
            None => {}
        }
    }
    if !steady.is_empty() {
        lines.push(format!("Без заметных изменений: {}", steady.join(", ")));
    }
    let longest = digest.trends.iter().flat_map(|trend| &trend.windows).map(|window| window.periods).max();
    let count = |n| format::counted(n, words.count);
    match longest {
        Some(12..) => {}
        Some(8..) => lines.push(format!("За {} истории пока мало", count(12))),
        Some(_) => lines.push(format!("За 8 и {} истории пока мало", count(12))),
        None if !(digest.chat_coverage.is_complete() && digest.order_coverage.is_complete()) => {
            lines.push(format!("Не считаем: нет полных данных за {}", words.this));
        }
        None => lines.push(format!("Тренды появятся, когда накопится история за {}", count(4))),
    }
    let remark = longest.map(|_| "вторая половина срока к первой".to_owned());
    Block { remark, lines }
}

/// Whether the periods of the shortest window had too few conversations for anything but chance.
fn is_tiny(trends: &[Trend]) -> bool {
    let chats = trends.iter().find(|trend| trend.measure == TrendMeasure::Chats);
    let window = chats.and_then(|trend| trend.windows.first());
    window.is_some_and(|window| window.earlier.max(window.later) < LEAST_CHATS as f64)
}

/// Name, and what it is called to go up and down.
fn names(measure: TrendMeasure) -> (&'static str, &'static str, &'static str) {
    match measure {
        TrendMeasure::FirstResponseMedianSecs => ("Первый ответ", "медленнее", "быстрее"),
        TrendMeasure::ResponseRatio => ("Доля диалогов с ответом", "выше", "ниже"),
        TrendMeasure::Chats => ("Диалоги", "больше", "меньше"),
        TrendMeasure::Orders => ("Заказы", "больше", "меньше"),
        TrendMeasure::Revenue => ("Сумма заказов", "больше", "меньше"),
        TrendMeasure::Conversion => ("Доля диалогов с заказом", "выше", "ниже"),
    }
}

/// `None` when nothing moved, or nothing is known.
fn line(trend: &Trend, digest: &WeeklyDigest, words: &Words) -> Option<String> {
    let (name, up, down) = names(trend.measure);
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

/// `None` for what is too small to act on.
fn change(measure: TrendMeasure, later: f64, earlier: f64) -> Option<String> {
    let difference = (later - earlier).abs();
    let is_small = match measure {
        TrendMeasure::ResponseRatio | TrendMeasure::Conversion => difference < LEAST_POINTS,
        _ => difference < LEAST_RELATIVE * earlier.abs(),
    };
    if is_small {
        return None;
    }
    match measure {
        TrendMeasure::FirstResponseMedianSecs => format::faster_or_slower(later, earlier),
        TrendMeasure::ResponseRatio | TrendMeasure::Conversion => Some(format::points(later, earlier)),
        TrendMeasure::Chats | TrendMeasure::Orders | TrendMeasure::Revenue => relative(later, earlier),
    }
}
