//! The team's numbers, each against the period before.

use std::cmp::Reverse;

use super::in_parentheses;
use super::words::Words;
use crate::measure::digest::{ChatSummary, Coverage, OrderSummary, Ratio};
use crate::measure::weekly::WeeklyDigest;
use crate::render::compare::{points, relative};
use crate::render::format::{self, DIALOGS, NBSP, NONE, ORDERS};
use crate::render::known::{Known, NO_DATA, partial};
use crate::render::subjects::manager_name;
use crate::render::team::{LEAST_FOR_TENTH, at_least, paid};
use crate::render::view::Block;

/// Managers named as those who sold most.
const TOP_SELLERS: usize = 3;

/// Conversations and answers.
pub(super) fn chats(digest: &WeeklyDigest, words: &Words) -> Block {
    let before = digest.team.previous.chats.as_ref();
    let lines = match Known::of(digest.chat_coverage, digest.team.current.chats.as_ref()) {
        Known::Nothing => vec!["Нет данных".to_owned()],
        Known::AtLeast(chats) => vec![
            format!("Диалоги: {}", at_least(chats.chats)),
            format!("Сообщения клиентов: {}", at_least(chats.inbound)),
            format!("Скорость ответа и доли не считаем: {}", words.is_cut),
        ],
        Known::Whole(chats) if chats.chats == 0 => {
            let change = changed(chats.chats, before.map(|before| before.chats));
            vec![format!("Диалогов не было{change}")]
        }
        Known::Whole(chats) => whole_chats(chats, before, digest),
    };
    Block { remark: remark(digest, digest.chat_coverage, &lines, words), lines }
}

fn whole_chats(chats: &ChatSummary, before: Option<&ChatSummary>, digest: &WeeklyDigest) -> Vec<String> {
    let count = |name: &str, value: fn(&ChatSummary) -> u64| {
        let change = changed(value(chats), before.map(value));
        format!("{name}: {}{change}", format::count(value(chats)))
    };
    let time = |value: fn(&ChatSummary) -> Option<f64>| {
        let secs = value(chats)?;
        let change =
            before.and_then(value).and_then(|before_secs| format::faster_or_slower(secs, before_secs));
        Some((format::working_time(secs), in_parentheses(change)))
    };
    let slow = format!("Первый ответ дольше {}", format::working_time(digest.slow_first_reply_secs as f64));
    let gap = format::duration(digest.follow_up_gap_secs as f64);
    let gap = format!("Последнее слово за клиентом, без ответа {gap} и больше");
    let mut lines = vec![count("Диалоги", |of| of.chats), count("Сообщения клиентов", |of| of.inbound)];
    lines.push(match chats.response_ratio {
        Some(ratio) => {
            let change = points_to(ratio, before.and_then(|before| before.response_ratio));
            format!("Ответили: в{NBSP}{}{change}", format::share_of(ratio, DIALOGS))
        }
        None => format!("Ответили: {NONE}"),
    });
    lines.push(count("Совсем без ответа", |of| of.no_reply_chats));
    lines.push(match time(|of| of.first_response_median_secs) {
        Some((secs, change)) => format!("Первый ответ: обычно за {secs}{change}"),
        None => format!("Первый ответ: {NONE}"),
    });
    if let Some((secs, change)) =
        time(|of| of.first_response_p90_secs).filter(|_| chats.responded_chats >= LEAST_FOR_TENTH)
    {
        lines.push(format!("Каждый десятый ждал дольше {secs}{change}"));
    }
    lines.push(count(&slow, |of| of.slow_first_reply_chats));
    lines.push(count(&gap, |of| of.follow_up_gap_chats));
    lines
}

/// Orders, payments and what share of the conversations led to them.
pub(super) fn orders(digest: &WeeklyDigest, words: &Words) -> Block {
    let before = digest.team.previous.orders.as_ref();
    let currency = &digest.currency;
    let mut lines = match Known::of(digest.order_coverage, digest.team.current.orders.as_ref()) {
        Known::Nothing => vec!["Нет данных".to_owned()],
        Known::AtLeast(orders) => vec![
            format!("Оформлено: {}", at_least(orders.orders)),
            match orders.orders {
                0 => format!("На сумму: {NO_DATA}"),
                _ => format!("На сумму: не меньше{NBSP}{}", format::money(orders.revenue, currency)),
            },
            format!("Средний заказ и доли не считаем: {}", words.is_cut),
        ],
        Known::Whole(orders) if orders.orders == 0 => {
            vec![format!("Заказов не было{}", changed(0, before.map(|before| before.orders)))]
        }
        Known::Whole(orders) => whole_orders(orders, before, digest),
    };
    lines.extend(conversion(digest));
    Block { remark: remark(digest, digest.order_coverage, &lines, words), lines }
}

fn whole_orders(orders: &OrderSummary, before: Option<&OrderSummary>, digest: &WeeklyDigest) -> Vec<String> {
    let money = |amount| format::money(amount, &digest.currency);
    let change = |current: i64, before: Option<i64>| {
        in_parentheses(before.and_then(|before| relative(current as f64, before as f64)))
    };
    let made = changed(orders.orders, before.map(|before| before.orders));
    let revenue = change(orders.revenue.0, before.map(|before| before.revenue.0));
    let paid_change = change(orders.paid_revenue.0, before.map(|before| before.paid_revenue.0));
    let mut lines = vec![
        format!("Оформлено: {}{made}", format::count(orders.orders)),
        format!("На сумму: {}{revenue}", money(orders.revenue)),
        paid(orders, &digest.currency, &paid_change),
    ];
    if let Some(average) = orders.average_order {
        let before = before.and_then(|before| before.average_order).map(|average| average.0);
        lines.push(format!("Средний заказ: {}{}", money(average), change(average.0, before)));
    }
    if orders.foreign_currency_orders > 0 {
        let foreign = format::counted(orders.foreign_currency_orders, ORDERS);
        lines.push(format!("В другой валюте: {foreign}, в суммы не входят"));
    }
    lines.extend(top_sellers(digest));
    lines
}

/// `Больше всех продали: Анна — 12 400 ₽, Борис — 9 000 ₽`, when there is a choice.
fn top_sellers(digest: &WeeklyDigest) -> Option<String> {
    let mut sellers: Vec<_> = digest
        .managers
        .iter()
        .filter(|one| one.id.is_some())
        .filter_map(|one| Some((one.numbers.current.orders.as_ref()?.revenue, one)))
        .filter(|(revenue, _)| revenue.0 > 0)
        .collect();
    sellers.sort_by_key(|(revenue, _)| Reverse(*revenue));
    let names: Vec<String> = sellers
        .iter()
        .take(TOP_SELLERS)
        .map(|(revenue, one)| {
            let name = manager_name(one.id, &one.name);
            format!("{name} — {}", format::money(*revenue, &digest.currency))
        })
        .collect();
    (names.len() > 1).then(|| format!("Больше всех продали: {}", names.join(", ")))
}

/// Needs both sources. Customers go on ordering for weeks after a conversation, so the shares still grow.
fn conversion(digest: &WeeklyDigest) -> Vec<String> {
    let chats = Known::of(digest.chat_coverage, digest.team.current.chats.as_ref());
    let (Known::Whole(chats), Coverage::Complete) = (chats, digest.order_coverage) else {
        return Vec::new();
    };
    let before = digest.team.previous.chats.as_ref();
    let mut lines = Vec::new();
    if let Some(ratio) = chats.conversion {
        let change = points_to(ratio, before.and_then(|before| before.conversion));
        lines.push(format!("Дошли до заказа: {}{change}", format::share_of(ratio, DIALOGS)));
    }
    if let Some(ratio) = chats.paid_conversion {
        let change = points_to(ratio, before.and_then(|before| before.paid_conversion));
        lines.push(format!("Дошли до оплаты: {}{change}", format::share_of(ratio, DIALOGS)));
    }
    if !lines.is_empty() {
        lines.push("Эти доли ещё вырастут: клиенты заказывают и через месяц после разговора".to_owned());
    }
    if let Some(secs) = chats.time_to_order_median_secs {
        let base = before.and_then(|before| before.time_to_order_median_secs);
        let change = in_parentheses(base.and_then(|base| format::faster_or_slower(secs, base)));
        lines.push(format!("От первого сообщения до заказа: обычно {}{change}", format::duration(secs)));
    }
    lines
}

fn remark(digest: &WeeklyDigest, coverage: Coverage, lines: &[String], words: &Words) -> Option<String> {
    let today_on = digest.computed_at.with_timezone(&digest.period.zone).date_naive();
    let is_compared = lines.iter().any(|line| line.contains(" ("));
    let legend = is_compared.then(|| format!("в скобках — {}", words.against));
    partial(coverage, digest.period.zone, today_on).or(legend)
}

fn changed(current: u64, before: Option<u64>) -> String {
    in_parentheses(before.and_then(|before| relative(current as f64, before as f64)))
}

fn points_to(ratio: Ratio, before: Option<Ratio>) -> String {
    in_parentheses(points(ratio, before, None).previous)
}
