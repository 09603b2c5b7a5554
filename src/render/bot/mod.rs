//! The bot's digest in words, in the layout the team knows from the bot's own report. The layout is the template's.

mod blocks;
mod lines;
mod more;
mod sentences;
mod words;

pub use blocks::STEPS;

use askama::Template;

use super::format;
use super::view::Block;
use super::{RenderError, Report};
use crate::measure::bot::BotDigest;
use crate::measure::digest::Coverage;

/// The digest, block by block in the order of the text.
#[derive(Debug, Template)]
#[template(path = "telegram/bot_digest.html")]
struct BotView {
    /// `7 дней (06.02 – 12.02)`, after «за».
    title: String,
    news: String,
    action: Option<String>,
    late: Option<String>,
    /// What else is unusual.
    other_news: Vec<String>,
    users: Block,
    carts: Block,
    funnel: Block,
    costs: Block,
    errors: Block,
    /// What is left out when there is nothing to say: name and lines.
    more: Vec<(&'static str, Block)>,
    /// How much of the period is known, and how to read the numbers.
    coverage: Vec<String>,
}

/// Renders the digest in Telegram HTML.
///
/// # Errors
/// Only for a fault in the templates; data cannot make it fail.
pub fn render(digest: &BotDigest) -> Result<Report, RenderError> {
    let html = view(digest).render()?;
    Ok(Report { public_id: digest.public_id.clone(), html })
}

fn view(digest: &BotDigest) -> BotView {
    let (news, action) = sentences::headline(digest);
    let more = [
        ("📍 Источники", more::sources(digest)),
        ("🔎 Поиск", more::searches(digest)),
        ("🧱 Лимиты и опросы", more::surveys(digest)),
        ("🔁 Возвращаются по неделям", more::cohorts(digest)),
    ];
    let mut view = BotView {
        title: words::title(digest),
        news,
        action,
        late: digest.late_secs.map(|secs| {
            let late = format::duration(secs as f64);
            format!("Сводка вышла на {late} позже срока. Числа от этого не изменились.")
        }),
        other_news: sentences::other_news(digest),
        users: blocks::users(digest),
        carts: blocks::carts(digest),
        funnel: blocks::funnel(digest),
        costs: more::costs(digest),
        errors: more::errors(digest),
        more: more.into_iter().filter_map(|(name, block)| Some((name, block?))).collect(),
        coverage: coverage(digest),
    };
    if view.has_marks() {
        view.coverage.push("🟢 — стало лучше, 🔴 — стало хуже.".to_owned());
    }
    view
}

impl BotView {
    /// Whether some line says better or worse, so that the reader needs to know the marks.
    fn has_marks(&self) -> bool {
        let blocks = [&self.users, &self.carts, &self.funnel, &self.costs, &self.errors];
        let blocks = blocks.into_iter().chain(self.more.iter().map(|(_, block)| block));
        let mut lines = blocks.flat_map(|block| &block.lines).chain(&self.other_news);
        lines.any(|line| line.contains(['🟢', '🔴']))
    }
}

/// `7 дней (06.02 – 12.02)`: after «за».
pub(super) fn title(digest: &BotDigest) -> String {
    words::title(digest)
}

/// How many people were on each step.
pub(super) fn funnel(digest: &BotDigest) -> Block {
    blocks::funnel(digest)
}

/// Where they came from; `None` when nobody did, or that is not wholly known.
pub(super) fn sources(digest: &BotDigest) -> Option<Block> {
    more::sources(digest)
}

/// How much of the period is known.
pub(super) fn coverage(digest: &BotDigest) -> Vec<String> {
    let mut lines = Vec::new();
    let this = words::this(digest);
    match digest.events_coverage {
        Coverage::Complete => {
            let zone = digest.period.zone;
            let today_on = digest.computed_at.with_timezone(&zone).date_naive();
            lines.extend(digest.events_known_until.map(|until| {
                format!("События бота прочитаны до {}.", format::moment(until, zone, today_on))
            }));
        }
        Coverage::Partial { until } => {
            let until = sentences::moment(digest, until);
            lines.push(format!("Неполные данные (до {until}): доли, средние и сравнения не считаем."));
        }
        Coverage::Missing => lines.push(format!("За {this} нет данных: события бота не прочитаны.")),
    }
    if let Some(current) = digest.current.as_ref().filter(|_| digest.events_coverage.is_complete()) {
        if current.unknown_events > 0 {
            let count = format::count(current.unknown_events);
            lines.push(format!("Событий незнакомых видов: {count}, в числах их нет."));
        }
        if current.malformed_fields > 0 {
            let count = format::count(current.malformed_fields);
            lines.push(format!("Полей, которые не удалось понять: {count}; сами события посчитаны."));
        }
    }
    lines
}
