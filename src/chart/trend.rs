//! How fast the team answers, and how many conversations become orders, over the last periods.

use super::axis::Unit;
use super::font::Fonts;
use super::panel::{Kind, Panel};
use super::scene::{BLUE, GREEN, Scene, Sheet};
use crate::measure::Span;
use crate::measure::weekly::{TrendMeasure, WeeklyDigest, periods};
use crate::render::format;

/// Periods shown at least, known or not.
const LEAST: usize = 4;

/// `None` while there are not two values of either measure.
pub fn trend(digest: &WeeklyDigest, fonts: &Fonts) -> Option<Scene> {
    let values = |measure| {
        let trend = digest.trends.iter().find(|trend| trend.measure == measure);
        trend.map(|trend| trend.values.as_slice()).unwrap_or_default()
    };
    let (times, shares) = (values(TrendMeasure::FirstResponseMedianSecs), values(TrendMeasure::Conversion));
    // What was before the first known period is no gap.
    let known =
        |values: &[Option<f64>]| values.len() - values.iter().take_while(|value| value.is_none()).count();
    let shown = known(times).max(known(shares)).max(LEAST);
    let latest = |values: &[Option<f64>]| values.len().saturating_sub(shown);
    let (times, shares) = (&times[latest(times)..], &shares[latest(shares)..]);
    let labels = |count: usize| -> Vec<String> {
        let mut labels: Vec<String> = periods(digest.span, &digest.period)
            .into_iter()
            .take(count)
            .map(|period| match digest.span {
                Span::Month => format::month(period.from_on).to_owned(),
                Span::Day | Span::Week => format::short_date(period.from_on),
            })
            .collect();
        labels.reverse();
        labels
    };
    let (time_labels, share_labels) = (labels(times.len()), labels(shares.len()));
    let panels = [
        Panel {
            name: "Первый ответ, медиана",
            unit: Unit::Seconds,
            kind: Kind::Line,
            color: BLUE,
            values: times,
            labels: &time_labels,
        },
        Panel {
            name: "Доля диалогов с заказом",
            unit: Unit::Ratio,
            kind: Kind::Line,
            color: GREEN,
            values: shares,
            labels: &share_labels,
        },
    ];
    let shown: Vec<&Panel<'_>> = panels.iter().filter(|panel| panel.is_worth_showing()).collect();
    if shown.is_empty() {
        return None;
    }
    let (title, subtitle) = match digest.span {
        Span::Month => ("Динамика по месяцам", "Справа месяц сводки"),
        Span::Day | Span::Week => ("Динамика по неделям", "Даты — понедельники; справа неделя сводки"),
    };
    let mut sheet = Sheet::new(fonts, title, subtitle);
    for panel in shown {
        panel.draw(&mut sheet);
    }
    Some(sheet.finish())
}
