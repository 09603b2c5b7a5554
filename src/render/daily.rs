//! The daily digest in words: what each block says. The layout is the template's.

use askama::Template;
use chrono::Datelike;

use super::compare::{Baselines, Change, relative};
use super::format::{self, MESSAGES};
use super::known::{Known, NO_DATA, Told, coverage_lines};
use super::subjects::{Changes, OWN_NAME, channel_name, dialogs, made, manager_name, reached_order};
use super::view::{DailyView, ManagerView, PersonView, WaitingView};
use super::{RenderError, Report, parse, sentences, team};
use crate::measure::digest::{ChannelBlock, ChatSummary, DailyDigest, ManagerBlock, Waiting};
use crate::measure::first_name;

/// Managers told in two lines; the others get one each.
const MANAGERS_IN_FULL: usize = 12;
/// People who wait, by name; the others are a number.
const WAITING_BY_NAME: usize = 10;
/// Code points of a customer's name.
const CUSTOMER_NAME: usize = 24;

/// How texts link back to the CRM.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// Address of a chat with `{chat_id}` in it, such as `https://shop.retailcrm.ru/chats/{chat_id}`; `None` = names
    /// without links.
    pub chat_link: Option<String>,
}

impl Links {
    /// Address of a chat. `None` as well when the pattern gives none that Telegram would take for a link.
    pub fn chat(&self, chat_id: i64) -> Option<String> {
        let address = self.chat_link.as_ref()?.trim().replace("{chat_id}", &chat_id.to_string());
        parse::is_usable_address(&address).then_some(address)
    }
}

/// Renders the digest in Telegram HTML.
///
/// # Errors
/// Only for a fault in the templates; data cannot make it fail.
pub fn render(digest: &DailyDigest, links: &Links) -> Result<Report, RenderError> {
    let html = view(digest, links).render()?;
    Ok(Report { public_id: digest.public_id.clone(), html })
}

/// A digest made again from later data: who waits is said as it was `before`, because that was true then.
///
/// # Errors
/// As [`render`].
pub fn render_again(
    digest: &DailyDigest,
    before: &DailyDigest,
    links: &Links,
) -> Result<Report, RenderError> {
    let html = DailyView { waiting: waiting(before, links), ..view(digest, links) }.render()?;
    Ok(Report { public_id: digest.public_id.clone(), html })
}

fn view(digest: &DailyDigest, links: &Links) -> DailyView {
    let baselines = Baselines::of(digest);
    let (news, action) = sentences::headline(digest, &baselines);
    let (team, orders) = team::blocks(digest, &baselines);
    let (full, short) = digest.managers.split_at(digest.managers.len().min(MANAGERS_IN_FULL));
    let warnings = digest.warnings.iter();
    DailyView {
        day: title_day(digest),
        news,
        action,
        late: digest.late_secs.map(|secs| {
            let late = format::duration(secs as f64);
            format!("Сводка вышла на {late} позже срока. Числа за день от этого не изменились.")
        }),
        team,
        waiting: waiting(digest, links),
        orders,
        managers: full.iter().map(|block| manager(block, digest, true)).collect(),
        more_managers: short.iter().map(|block| manager(block, digest, false)).collect(),
        channels: digest.channels.iter().filter_map(|block| channel(block, digest, &baselines)).collect(),
        warnings: warnings.filter_map(|warning| sentences::warning(warning, &digest.headline)).collect(),
        coverage: coverage_lines(&Told::of_day(digest)),
    }
}

/// The day after «за»; a report that looks back into another year names it.
pub(super) fn title_day(digest: &DailyDigest) -> String {
    let today_on = digest.computed_at.with_timezone(&digest.period.zone).date_naive();
    let day = format::day_accusative(digest.day_on);
    let (year, today) = (digest.day_on.year(), today_on.year());
    // Early in January nobody needs to be told which December is meant.
    if year == today || (today_on - digest.day_on).num_days() <= 31 {
        day
    } else {
        format!("{day} {year}{}года", format::NBSP)
    }
}

/// Who waits longer than this is counted, not named, as long as somebody waits for less.
const FORGOTTEN_DAYS: i64 = 7;

fn waiting(digest: &DailyDigest, links: &Links) -> WaitingView {
    let alone = |title: String| WaitingView { title, people: Vec::new(), rest: None };
    let Some(waiting) = &digest.waiting else {
        return alone(waiting_unknown(digest));
    };
    if waiting.is_empty() {
        return alone("Сейчас никто не ждёт ответа.".to_owned());
    }
    // Those forgotten for weeks would fill the list every morning and hide whom an answer still helps.
    let (forgotten, fresh): (Vec<_>, Vec<_>) =
        waiting.iter().partition(|one| (digest.computed_at - one.since_at).num_days() >= FORGOTTEN_DAYS);
    let by_name = if fresh.is_empty() { &forgotten } else { &fresh };
    let rest = by_name.len().saturating_sub(WAITING_BY_NAME) as u64;
    let mut lines = Vec::new();
    if rest > 0 {
        lines.push(format!("и ещё {}", format::count(rest)));
    }
    if let (Some(oldest), false) = (forgotten.first(), fresh.is_empty()) {
        let since_on = oldest.since_at.with_timezone(&digest.period.zone).date_naive();
        let count = format::count(forgotten.len() as u64);
        lines.push(format!(
            "больше недели без ответа: {count}, первый с{}{}",
            format::NBSP,
            format::date(since_on)
        ));
    }
    WaitingView {
        title: format!("Ждут ответа сейчас: {}", format::count(waiting.len() as u64)),
        people: by_name.iter().take(WAITING_BY_NAME).map(|one| person(one, digest, links)).collect(),
        rest: (!lines.is_empty()).then(|| lines.join("\n")),
    }
}

/// Why nobody can say who waits.
pub(super) fn waiting_unknown(digest: &DailyDigest) -> String {
    let zone = digest.period.zone;
    let today_on = digest.computed_at.with_timezone(&zone).date_naive();
    match digest.chats_known_until {
        Some(until) => {
            let until = format::moment(until, zone, today_on);
            format!("Кто ждёт ответа сейчас, неизвестно: чаты прочитаны только до {until}.")
        }
        None => "Кто ждёт ответа сейчас, неизвестно: чаты ещё не прочитаны.".to_owned(),
    }
}

/// As in the digest, with the first name alone.
pub(super) fn masked_person(waiting: &Waiting, digest: &DailyDigest, links: &Links) -> PersonView {
    PersonView { name: customer_name(&first_name(&waiting.customer_name)), ..person(waiting, digest, links) }
}

/// `3 заказа на 12 400 ₽`; `None` when nothing is known, or there were none.
pub(super) fn made_by(block: &ManagerBlock, digest: &DailyDigest) -> Option<String> {
    let orders = block.numbers.current.orders.as_ref().filter(|orders| orders.orders > 0);
    made(&Known::of(digest.order_coverage, orders), &digest.currency, &Changes::default())
}

fn person(waiting: &Waiting, digest: &DailyDigest, links: &Links) -> PersonView {
    let mut details = vec![age(waiting, digest)];
    if waiting.unanswered > 1 {
        details.push(format::counted(waiting.unanswered, MESSAGES));
    }
    details.push(format::channel(&waiting.channel_kind));
    let manager = waiting.manager.as_deref().and_then(|name| format::name(name, OWN_NAME));
    details.push(manager.unwrap_or_else(|| "никто не назначен".to_owned()));
    PersonView {
        name: customer_name(&waiting.customer_name),
        link: links.chat(waiting.chat_id),
        details: details.join(", "),
    }
}

/// Working time, or the day it began when that is long ago; a customer who has waited for none of it wrote after hours
/// or a moment ago.
fn age(waiting: &Waiting, digest: &DailyDigest) -> String {
    const JUST_NOW_SECS: i64 = 600;
    /// From here on a date says more than «323 ч».
    const LONG_AGO_SECS: i64 = 2 * 24 * 3600;
    match (waiting.age_secs, (digest.computed_at - waiting.since_at).num_seconds()) {
        (60.., LONG_AGO_SECS..) => {
            let since_on = waiting.since_at.with_timezone(&digest.period.zone).date_naive();
            format!("с{}{}", format::NBSP, format::date(since_on))
        }
        (60.., _) => format::working_time(waiting.age_secs as f64),
        (_, ..JUST_NOW_SECS) => "только что".to_owned(),
        _ => "написали в нерабочее время".to_owned(),
    }
}

fn customer_name(name: &str) -> String {
    format::name(name, CUSTOMER_NAME).unwrap_or_else(|| "Без имени".to_owned())
}

/// What is known of a manager, told in lines: conversations, orders, who waits. A source that gave nothing has said so
/// in its own block and is left out.
pub(super) fn manager(block: &ManagerBlock, digest: &DailyDigest, is_full: bool) -> ManagerView {
    let name = manager_name(block.id, &block.name);
    let current = &block.numbers.current;
    let chats = Known::of(digest.chat_coverage, current.chats.as_ref());
    let orders = Known::of(digest.order_coverage, current.orders.as_ref());
    let dialogs = dialogs(&chats, &Changes::default());
    let mut rest: Vec<String> = made(&orders, &digest.currency, &Changes::default()).into_iter().collect();
    if let (Known::Whole(ChatSummary { conversion: Some(ratio), .. }), Known::Whole(_)) = (&chats, &orders)
        && is_full
        && ratio.part > 0
    {
        rest.push(reached_order(*ratio));
    }
    if digest.waiting.is_some() && block.waiting_now > 0 {
        rest.push(format!("ждут ответа — {}", format::count(block.waiting_now)));
    }
    let mut lines: Vec<String> = dialogs.into_iter().collect();
    if !rest.is_empty() {
        lines.push(rest.join(", "));
    }
    if lines.is_empty() {
        lines.push(NO_DATA.to_owned());
    }
    ManagerView { name, lines }
}

/// `WhatsApp «Опт»: 20 диалогов (к среде: +10 %), с ответом 95 %, первый ответ за 5 мин`; `None` where nothing is
/// known.
pub(super) fn channel(block: &ChannelBlock, digest: &DailyDigest, baselines: &Baselines) -> Option<String> {
    let chats = Known::of(digest.chat_coverage, block.current.as_ref());
    let name = channel_name(block);
    let before = block.previous.as_ref().map(|before| before.chats as f64);
    let change = match chats {
        Known::Whole(chats) => Change::of(chats.chats as f64, before, None, relative),
        Known::AtLeast(_) | Known::Nothing => Change::default(),
    };
    let changes = Changes { chats: baselines.suffix(&change), ..Changes::default() };
    Some(format!("{name}: {}", dialogs(&chats, &changes)?))
}
