//! The bot: how far people come, and how many there are day by day.

use chrono::NaiveDate;

use super::axis::Unit;
use super::bars::{self, Bar};
use super::font::Fonts;
use super::panel::{Kind, Panel};
use super::scene::{BLUE, GREEN, Scene, Sheet};
use crate::measure::bot::BotDigest;
use crate::measure::digest::Ratio;
use crate::render::bot::STEPS;
use crate::render::format;

/// What is shown of one local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayPoint {
    pub day_on: NaiveDate,
    /// `None` when the day was not counted.
    pub dau: Option<u64>,
    pub carts_created: Option<u64>,
}

/// `None` when the period is not wholly known or nobody came.
pub fn funnel(digest: &BotDigest, fonts: &Fonts) -> Option<Scene> {
    let summary = digest.current.as_ref().filter(|_| digest.events_coverage.is_complete())?;
    let most = summary.funnel_open.into_iter().max().filter(|most| *most > 0)?;
    let entered = summary.funnel_ordered[0];
    let rows: Vec<Bar> = (0..STEPS.len())
        .map(|step| {
            let (open, ordered) = (summary.funnel_open[step], summary.funnel_ordered[step]);
            let share = Ratio::of(ordered, entered).filter(|_| step > 0);
            let remark = match share {
                Some(share) => {
                    format!("по порядку от /start: {} ({})", format::count(ordered), format::share(share))
                }
                None if step == 0 => "отсюда считаем путь по порядку".to_owned(),
                None => format!("по порядку от /start: {}", format::count(ordered)),
            };
            Bar {
                name: STEPS[step].to_owned(),
                value: format::count(open),
                remark,
                length: (open > 0).then(|| open as f32 / most as f32),
                color: BLUE,
            }
        })
        .collect();
    let mut sheet = Sheet::new(fonts, "Воронка бота", &format!("Людей на каждом шаге, {}", dates(digest)));
    bars::draw(&mut sheet, &rows, None);
    Some(sheet.finish())
}

/// `days` in order, without gaps. `None` with fewer than two known days.
pub fn days(days: &[DayPoint], fonts: &Fonts) -> Option<Scene> {
    let labels: Vec<String> = days.iter().map(|day| format::short_date(day.day_on)).collect();
    let values = |of: fn(&DayPoint) -> Option<u64>| -> Vec<Option<f64>> {
        days.iter().map(|day| of(day).map(|value| value as f64)).collect()
    };
    let (people, carts) = (values(|day| day.dau), values(|day| day.carts_created));
    let panels = [
        Panel {
            name: "Активные за день",
            unit: Unit::Count,
            kind: Kind::Line,
            color: BLUE,
            values: &people,
            labels: &labels,
        },
        Panel {
            name: "Корзины",
            unit: Unit::Count,
            kind: Kind::Columns,
            color: GREEN,
            values: &carts,
            labels: &labels,
        },
    ];
    if !panels[0].is_worth_showing() {
        return None;
    }
    let (first, last) = (days.first()?.day_on, days.last()?.day_on);
    let mut sheet = Sheet::new(fonts, "Бот по дням", &format::days(first, last));
    for panel in panels.iter().filter(|panel| panel.is_worth_showing()) {
        panel.draw(&mut sheet);
    }
    Some(sheet.finish())
}

fn dates(digest: &BotDigest) -> String {
    let last = digest.period.to_on.pred_opt().unwrap_or(digest.period.to_on);
    format::days(digest.period.from_on, last)
}
