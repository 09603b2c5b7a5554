//! Charts as PNG, made in process: data in, bytes out; no store, no clock, no fonts of the machine.
//!
//! | file | shows |
//! |---|---|
//! | `trend`, `managers`, `load` | of a week or month: answers and conversion over time, managers compared, load by hour |
//! | `bot` | the funnel, people and carts by day |
//! | `panel`, `bars`, `axis` | values over time, rows with bars, round scales |
//! | `scene`, `font`, `paint` | shapes with measured texts, letters, pixels |
//!
//! Drawn with `tiny-skia` and `ttf-parser`: 18 small crates, 7 s of compiling. `resvg` with text needs 61 and five megabytes more
//! in the binary, `plotters` an old `image` and shows clipped labels; and neither would let a test ask whether two texts meet.
//!
//! A chart with nothing to show, or of a period that is not wholly known, is not made: the text says what is missing.

mod axis;
mod bars;
mod bot;
mod font;
mod load;
mod managers;
mod paint;
mod panel;
pub mod scene;
mod trend;

pub use bot::DayPoint;
pub use font::{Fonts, Weight};
pub use paint::paint;

use crate::measure::bot::BotDigest;
use crate::measure::load::Load;
use crate::measure::weekly::WeeklyDigest;
use crate::render::format;
use scene::Scene;

/// Why there is no picture; a fault of ours, never of the data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChartError {
    #[error("the compiled-in font cannot be read")]
    Font,
    #[error("the picture has no size")]
    Size,
    #[error("the picture cannot be encoded: {0}")]
    Encode(String),
}

/// A chart as shapes.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Name of the file without its ending.
    pub name: &'static str,
    /// For the caption: what is shown.
    pub title: &'static str,
    pub scene: Scene,
}

/// The charts of a week or month, those that have something to show.
pub fn of_weekly(digest: &WeeklyDigest, load: Option<&Load>, fonts: &Fonts) -> Vec<Chart> {
    let last_on = digest.period.to_on.pred_opt().unwrap_or(digest.period.to_on);
    let dates = format::days(digest.period.from_on, last_on);
    let load = load.filter(|_| digest.chat_coverage.is_complete());
    let charts = [
        ("dinamika", "Первый ответ и доля диалогов с заказом", trend::trend(digest, fonts)),
        ("menedzhery", "Первый ответ по менеджерам", managers::managers(digest, fonts)),
        ("nagruzka", "Когда пишут клиенты", load.and_then(|load| load::load(load, &dates, fonts))),
    ];
    made(charts)
}

/// The charts of the bot's digest; `days` in order, the last one the last of the period.
pub fn of_bot(digest: &BotDigest, days: &[DayPoint], fonts: &Fonts) -> Vec<Chart> {
    made([
        ("voronka", "Воронка бота", bot::funnel(digest, fonts)),
        ("bot-po-dnyam", "Активные и корзины по дням", bot::days(days, fonts)),
    ])
}

fn made<const N: usize>(charts: [(&'static str, &'static str, Option<Scene>); N]) -> Vec<Chart> {
    let chart = |(name, title, scene): (_, _, Option<Scene>)| Some(Chart { name, title, scene: scene? });
    charts.into_iter().filter_map(chart).collect()
}
