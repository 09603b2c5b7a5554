//! The team's numbers: conversations and orders of the day, each against what it was.

use super::compare::{Baselines, Change, points, relative, usual};
use super::format::{self, DIALOGS, NBSP, NONE, ORDERS};
use super::known::{Known, NO_DATA, partial};
use super::view::Block;
use crate::measure::digest::{ChatSummary, Coverage, DailyDigest, OrderSummary};

/// With fewer answers «каждый десятый» is nobody.
pub(super) const LEAST_FOR_TENTH: u64 = 20;

/// A value with its differences and what follows them.
#[derive(Default)]
struct Line {
    value: String,
    change: Change,
    rest: String,
}

impl Line {
    fn plain(value: impl Into<String>) -> Self {
        Self { value: value.into(), ..Self::default() }
    }

    fn compared(value: String, change: Change) -> Self {
        Self { value, change, rest: String::new() }
    }
}

/// The blocks of conversations and of orders. The first line with two differences asks for a legend, once.
pub(super) fn blocks(digest: &DailyDigest, baselines: &Baselines) -> (Block, Block) {
    let chats = Known::of(digest.chat_coverage, digest.team.current.chats.as_ref());
    let orders = Known::of(digest.order_coverage, digest.team.current.orders.as_ref());
    let (chats, orders) = (chat_lines(chats, digest), order_lines(orders, digest));
    let asks = |lines: &[Line]| lines.iter().any(|line| line.change.is_double());
    let legend = |needed: bool| needed.then(|| baselines.legend());
    let chat_remark =
        partial(digest.chat_coverage, digest.period.zone, digest.day_on).or_else(|| legend(asks(&chats)));
    let order_remark = partial(digest.order_coverage, digest.period.zone, digest.day_on)
        .or_else(|| legend(asks(&orders) && !asks(&chats)));
    let block = |lines: Vec<Line>, remark| Block {
        remark,
        lines: lines
            .into_iter()
            .map(|line| format!("{}{}{}", line.value, baselines.suffix(&line.change), line.rest))
            .collect(),
    };
    (block(chats, chat_remark), block(orders, order_remark))
}

fn chat_lines(chats: Known<'_, ChatSummary>, digest: &DailyDigest) -> Vec<Line> {
    let chats = match chats {
        Known::Whole(chats) => chats,
        Known::AtLeast(chats) => {
            return vec![
                Line::plain(format!("Диалоги: {}", at_least(chats.chats))),
                Line::plain(format!("Сообщения клиентов: {}", at_least(chats.inbound))),
                Line::plain("Скорость ответа и доли не считаем: день прочитан не до конца"),
            ];
        }
        Known::Nothing => return vec![Line::plain("Нет данных")],
    };
    let (before, mean) = (digest.team.previous.chats.as_ref(), &digest.team.weekday);
    let dialogs = count_change(chats.chats, before.map(|b| b.chats), usual(mean, mean.chats));
    if chats.chats == 0 {
        return vec![Line::compared("Диалогов не было".to_owned(), dialogs)];
    }
    let messages = count_change(chats.inbound, before.map(|b| b.inbound), usual(mean, mean.inbound));
    vec![
        Line::compared(format!("Диалоги: {}", format::count(chats.chats)), dialogs),
        Line::compared(format!("Сообщения клиентов: {}", format::count(chats.inbound)), messages),
        first_response(chats, digest),
        answered(chats, digest),
    ]
}

fn first_response(chats: &ChatSummary, digest: &DailyDigest) -> Line {
    let Some(median_secs) = chats.first_response_median_secs else {
        return Line::plain(format!("Первый ответ: {NONE}"));
    };
    let (before, mean) = (digest.team.previous.chats.as_ref(), &digest.team.weekday);
    let change = Change::of(
        median_secs,
        before.and_then(|b| b.first_response_median_secs),
        usual(mean, mean.first_response_median_secs),
        format::faster_or_slower,
    );
    let tenth = chats.first_response_p90_secs.filter(|_| chats.responded_chats >= LEAST_FOR_TENTH);
    Line {
        value: format!("Первый ответ: обычно за {}", format::working_time(median_secs)),
        change,
        rest: tenth.map_or_else(String::new, |secs| {
            format!(", каждый десятый ждал дольше {}", format::working_time(secs))
        }),
    }
}

fn answered(chats: &ChatSummary, digest: &DailyDigest) -> Line {
    let Some(ratio) = chats.response_ratio else {
        return Line::plain(format!("Ответили: {NONE}"));
    };
    let (before, mean) = (digest.team.previous.chats.as_ref(), &digest.team.weekday);
    Line {
        value: format!("Ответили: в{NBSP}{}", format::share_of(ratio, DIALOGS)),
        change: points(ratio, before.and_then(|b| b.response_ratio), usual(mean, mean.response_ratio)),
        rest: match chats.no_reply_chats {
            0 => String::new(),
            n => format!(", совсем без ответа — {}", format::count(n)),
        },
    }
}

fn order_lines(orders: Known<'_, OrderSummary>, digest: &DailyDigest) -> Vec<Line> {
    let money = |amount| format::money(amount, &digest.currency);
    let orders = match orders {
        Known::Whole(orders) => orders,
        Known::AtLeast(orders) => {
            return vec![
                Line::plain(format!("Оформлено: {}", at_least(orders.orders))),
                Line::plain(match orders.orders {
                    0 => format!("На сумму: {NO_DATA}"),
                    _ => format!("На сумму: не меньше{NBSP}{}", money(orders.revenue)),
                }),
                Line::plain("Средний заказ и доли не считаем: день прочитан не до конца"),
            ];
        }
        Known::Nothing => return vec![Line::plain("Нет данных")],
    };
    let (before, mean) = (digest.team.previous.orders.as_ref(), &digest.team.weekday);
    let made = count_change(orders.orders, before.map(|b| b.orders), usual(mean, mean.orders));
    let mut lines = Vec::new();
    if orders.orders == 0 {
        lines.push(Line::compared("Заказов не было".to_owned(), made));
    } else {
        let change = |n: i64, before: Option<i64>, mean: Option<f64>| {
            Change::of(n as f64, before.map(|n| n as f64), mean, relative)
        };
        let revenue = change(orders.revenue.0, before.map(|b| b.revenue.0), usual(mean, mean.revenue));
        lines.push(Line::compared(format!("Оформлено: {}", format::count(orders.orders)), made));
        lines.push(Line::compared(format!("На сумму: {}", money(orders.revenue)), revenue));
        lines.push(Line::plain(paid(orders, &digest.currency, "")));
        if orders.foreign_currency_orders > 0 {
            let foreign = format::counted(orders.foreign_currency_orders, ORDERS);
            lines.push(Line::plain(format!("В другой валюте: {foreign}, в суммы не входят")));
        }
        if let Some(average) = orders.average_order {
            let base = before.and_then(|b| b.average_order).map(|average| average.0);
            let value = format!("Средний заказ: {}", money(average));
            lines.push(Line::compared(value, change(average.0, base, None)));
        }
    }
    lines.extend(conversion(digest));
    lines
}

/// `change` follows the sum. `Оплачено полностью: 8 на 31 000 ₽, частично — 2, не оплачено — 2`.
pub(super) fn paid(orders: &OrderSummary, currency: &str, change: &str) -> String {
    let mut text = format!("Оплачено полностью: {}", format::count(orders.paid_orders));
    if orders.paid_orders > 0 {
        text.push_str(&format!(" на {}{change}", format::money(orders.paid_revenue, currency)));
    }
    let others = [
        ("частично", orders.partial_orders),
        ("не оплачено", orders.unpaid_orders),
        ("неизвестно", orders.unknown_orders),
    ];
    for (name, n) in others.into_iter().filter(|&(_, n)| n > 0) {
        text.push_str(&format!(", {name} — {}", format::count(n)));
    }
    text
}

/// Needs both sources; customers go on ordering for weeks, so the share of a fresh day still grows.
fn conversion(digest: &DailyDigest) -> Option<Line> {
    let team = &digest.team;
    let chats = Known::of(digest.chat_coverage, team.current.chats.as_ref());
    let (Known::Whole(chats), Coverage::Complete) = (chats, digest.order_coverage) else {
        return None;
    };
    let ratio = chats.conversion?;
    let previous = team.previous.chats.as_ref().and_then(|before| before.conversion);
    Some(Line {
        value: format!("Дошли до заказа: {}", format::share_of(ratio, DIALOGS)),
        change: points(ratio, previous, usual(&team.weekday, team.weekday.conversion)),
        rest: ", доля ещё растёт".to_owned(),
    })
}

pub(super) fn count_change(n: u64, before: Option<u64>, mean: Option<f64>) -> Change {
    Change::of(n as f64, before.map(|n| n as f64), mean, relative)
}

/// A lower bound of nothing says nothing.
pub(super) fn at_least(n: u64) -> String {
    if n == 0 { NO_DATA.to_owned() } else { format!("не меньше{NBSP}{}", format::count(n)) }
}
