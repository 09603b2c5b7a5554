//! The digest of a week or a month in words: what each block says. The layout is the template's.

mod moves;
mod sentences;
mod team;
mod trends;
mod words;

use askama::Template;
use chrono::{Datelike, Days, NaiveDate};

use super::behaviour::plan::problem;
use super::compare::{points, relative};
use super::daily::Links;
use super::format;
use super::known::{Known, NO_DATA, Told, coverage_lines};
use super::subjects::{Changes, channel_name, dialogs, made, manager_name, reached_order};
use super::view::{Block, ManagerView, PersonView};
use super::{RenderError, Report};
use crate::measure::Span;
use crate::measure::digest::{ChannelBlock, ChatSummary, Summary};
use crate::measure::weekly::{WeeklyDigest, WeeklyManager};
use words::Words;

/// Managers told in full; the others get one line each.
const MANAGERS_IN_FULL: usize = 10;
/// Conversations or orders of one manager or channel, below which a change in per cent is left out.
const LEAST_BASE: u64 = 10;

/// The digest, block by block in the order of the text.
#[derive(Debug, Template)]
#[template(path = "telegram/weekly.html")]
struct WeeklyView {
    /// `неделю 17–23 августа`, after «за».
    title: String,
    news: String,
    action: Option<String>,
    late: Option<String>,
    team: Block,
    orders: Block,
    /// Who improved and who needs help.
    moves: Vec<(&'static str, Block)>,
    managers: Vec<ManagerView>,
    more_managers: Vec<ManagerView>,
    channels: Vec<String>,
    examples: Vec<ExamplesView>,
    trends: Block,
    coverage: Vec<String>,
}

/// Conversations of one kind.
#[derive(Debug)]
struct ExamplesView {
    title: &'static str,
    people: Vec<PersonView>,
}

/// Renders the digest in Telegram HTML.
///
/// # Errors
/// Only for a fault in the templates; data cannot make it fail.
pub fn render(digest: &WeeklyDigest, links: &Links) -> Result<Report, RenderError> {
    let html = view(digest, links).render()?;
    Ok(Report { public_id: digest.public_id.clone(), html })
}

fn view(digest: &WeeklyDigest, links: &Links) -> WeeklyView {
    let words = Words::of(digest.span);
    let (news, action) = sentences::headline(digest, words);
    let (full, short) = digest.managers.split_at(digest.managers.len().min(MANAGERS_IN_FULL));
    WeeklyView {
        title: title(digest),
        news,
        action,
        late: digest.late_secs.map(|secs| {
            let late = format::duration(secs as f64);
            format!("Сводка вышла на {late} позже срока. Числа от этого не изменились.")
        }),
        team: team::chats(digest, words),
        orders: team::orders(digest, words),
        moves: moves::moves(digest, words),
        managers: full.iter().map(|one| manager(one, digest, true)).collect(),
        more_managers: short.iter().map(|one| manager(one, digest, false)).collect(),
        channels: digest.channels.iter().filter_map(|block| channel(block, digest)).collect(),
        examples: moves::examples(digest, links, words),
        trends: trends::block(digest, words),
        coverage: coverage(digest),
    }
}

/// `неделю 17–23 августа`, `август 2026 года`.
pub(super) fn title(digest: &WeeklyDigest) -> String {
    let (first_on, last_on) = (digest.period.from_on, last_day(digest));
    match digest.span {
        Span::Month => {
            format!("{} {}{}года", format::month(first_on), first_on.year(), format::NBSP)
        }
        Span::Week => format!("неделю {}", format::days(first_on, last_on)),
        Span::Day => format::day_accusative(first_on),
    }
}

fn last_day(digest: &WeeklyDigest) -> NaiveDate {
    digest.period.to_on.checked_sub_days(Days::new(1)).unwrap_or(digest.period.from_on)
}

/// The block of conversations.
pub(super) fn chats(digest: &WeeklyDigest) -> Block {
    team::chats(digest, Words::of(digest.span))
}

/// The block of orders.
pub(super) fn orders(digest: &WeeklyDigest) -> Block {
    team::orders(digest, Words::of(digest.span))
}

/// `3 заказа на 12 400 ₽`; `None` when nothing is known, or there were none.
pub(super) fn made_by(one: &WeeklyManager, digest: &WeeklyDigest) -> Option<String> {
    let orders = one.numbers.current.orders.as_ref().filter(|orders| orders.orders > 0);
    made(&Known::of(digest.order_coverage, orders), &digest.currency, &Changes::default())
}

/// How much of the period is known, and how to read it.
pub(super) fn coverage(digest: &WeeklyDigest) -> Vec<String> {
    let words = Words::of(digest.span);
    let chats = Known::of(digest.chat_coverage, digest.team.current.chats.as_ref());
    coverage_lines(&Told {
        period: words.this,
        day_on: digest.computed_at.with_timezone(&digest.period.zone).date_naive(),
        zone: digest.period.zone,
        computed_at: digest.computed_at,
        chat_coverage: digest.chat_coverage,
        order_coverage: digest.order_coverage,
        chats_known_until: digest.chats_known_until,
        orders_known_until: digest.orders_known_until,
        has_usual: matches!(chats, Known::Whole(ChatSummary { first_response_median_secs: Some(_), .. })),
        has_waiting: false,
    })
}

/// ` (+12 %)` or nothing.
fn in_parentheses(change: Option<String>) -> String {
    change.map_or_else(String::new, |change| format!(" ({change})"))
}

/// What changed over enough conversations and orders; from two to seven is no «+250 %» but chance.
fn changes(now: &Summary, before: &Summary) -> Changes {
    let worth = |change: Option<String>| {
        in_parentheses(change.filter(|text| !text.starts_with('0') && text != "так же"))
    };
    let mut changes = Changes::default();
    if let (Some(now), Some(before)) = (&now.chats, &before.chats) {
        if before.chats >= LEAST_BASE {
            changes.chats = worth(relative(now.chats as f64, before.chats as f64));
        }
        if let Some(ratio) = now.response_ratio {
            changes.answered = worth(points(ratio, before.response_ratio, None).previous);
        }
        let secs = now.first_response_median_secs.zip(before.first_response_median_secs);
        if now.responded_chats.min(before.responded_chats) >= LEAST_BASE {
            changes.first_response =
                worth(secs.and_then(|(now, before)| format::faster_or_slower(now, before)));
        }
    }
    if let (Some(now), Some(before)) = (&now.orders, &before.orders)
        && before.orders >= LEAST_BASE
    {
        changes.revenue = worth(relative(now.revenue.0 as f64, before.revenue.0 as f64));
    }
    changes
}

/// Conversations and orders with their changes; a source that gave nothing has said so in its own block.
pub(super) fn manager(one: &WeeklyManager, digest: &WeeklyDigest, is_full: bool) -> ManagerView {
    let (current, previous) = (&one.numbers.current, &one.numbers.previous);
    let chats = Known::of(digest.chat_coverage, current.chats.as_ref());
    let orders = Known::of(digest.order_coverage, current.orders.as_ref());
    let changes = if is_full { changes(current, previous) } else { Changes::default() };
    let mut lines: Vec<String> = dialogs(&chats, &changes).into_iter().collect();
    let mut rest: Vec<String> = made(&orders, &digest.currency, &changes).into_iter().collect();
    if let (Known::Whole(ChatSummary { conversion: Some(ratio), .. }), Known::Whole(_)) = (&chats, &orders)
        && is_full
        && ratio.part > 0
    {
        rest.push(reached_order(*ratio));
    }
    if !rest.is_empty() {
        lines.push(rest.join(", "));
    }
    if let Some(focus) = one.focus.filter(|_| is_full) {
        lines.push(format!("С чего начать: {}", problem(&focus)));
    }
    if lines.is_empty() {
        lines.push(NO_DATA.to_owned());
    }
    ManagerView { name: manager_name(one.id, &one.name), lines }
}

/// `None` where nothing is known.
pub(super) fn channel(block: &ChannelBlock, digest: &WeeklyDigest) -> Option<String> {
    let chats = Known::of(digest.chat_coverage, block.current.as_ref());
    let side = |chats: &Option<ChatSummary>| Summary { chats: chats.clone(), orders: None };
    let changes = changes(&side(&block.current), &side(&block.previous));
    let mut line = format!("{}: {}", channel_name(block), dialogs(&chats, &changes)?);
    if let Known::Whole(ChatSummary { conversion: Some(ratio), .. }) = &chats
        && ratio.part > 0
    {
        line.push_str(&format!(", {}", reached_order(*ratio)));
    }
    Some(line)
}
