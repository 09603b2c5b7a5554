//! Users, carts, funnel: the first blocks of the bot's digest, in the order the team knows.

use super::lines::{Better, change, list, points};
use super::words;
use crate::facts::Money;
use crate::facts::bot::LabelCount;
use crate::measure::Span;
use crate::measure::bot::{BotDigest, BotSummary};
use crate::measure::digest::Ratio;
use crate::render::format::{self, NBSP, NONE};
use crate::render::view::Block;

/// The steps of the funnel as the team calls them; `BotStep::ALL` in words.
/// Steps of the funnel in words.
pub const STEPS: [&str; 6] = ["/start", "сообщение", "поиск", "корзина", "лимит", "опрос"];
/// Scenarios by name.
const MOST_SCENARIOS: usize = 4;
/// Code points of a label.
pub(super) const LABEL: usize = 32;

/// What a block may say of the period.
#[derive(Clone, Copy)]
pub(super) enum Shown<'a> {
    Whole(&'a BotSummary, Option<&'a BotSummary>),
    AtLeast(&'a BotSummary),
    Nothing,
}

impl<'a> Shown<'a> {
    pub fn of(digest: &'a BotDigest) -> Self {
        match &digest.current {
            Some(current) if digest.events_coverage.is_complete() => {
                Self::Whole(current, digest.previous.as_ref())
            }
            Some(current) => Self::AtLeast(current),
            None => Self::Nothing,
        }
    }
}

pub(super) fn no_data() -> Block {
    Block { remark: None, lines: vec!["Нет данных".to_owned()] }
}

/// `не меньше 1 380`.
pub(super) fn at_least(count: u64) -> String {
    format!("не{NBSP}меньше{NBSP}{}", format::count(count))
}

pub(super) fn users(digest: &BotDigest) -> Block {
    let (now, before) = match Shown::of(digest) {
        Shown::Whole(now, before) => (now, before),
        Shown::AtLeast(now) => {
            let lines = [("Новых", now.new_users), ("Активных", now.active_users)];
            return bounds(&lines);
        }
        Shown::Nothing => return no_data(),
    };
    let mut lines = vec![line("Новых", now.new_users, before.map(|b| b.new_users), Better::More)];
    let dau = now.dau_mean.map(|dau| {
        let change = change(dau, before.and_then(|b| b.dau_mean), Better::More);
        format!("DAU (средний): {}{change} — столько людей заходит за день", whole_or_tenths(dau))
    });
    match digest.span {
        Span::Day => lines.extend(now.dau_mean.map(|dau| {
            let change = change(dau, before.and_then(|b| b.dau_mean), Better::More);
            format!("DAU: {}{change} — столько людей зашло за день", whole_or_tenths(dau))
        })),
        Span::Week | Span::Month => {
            lines.extend(dau);
            let active = before.map(|b| b.active_users);
            lines.push(line(words::different_people(digest), now.active_users, active, Better::More));
        }
    }
    for (name, meaning, now, before) in [
        ("D1", "вернулись на следующий день", now.retention_d1, before.and_then(|b| b.retention_d1)),
        ("D7", "вернулись на седьмой день", now.retention_d7, before.and_then(|b| b.retention_d7)),
        ("D30", "вернулись на тридцатый день", now.retention_d30, before.and_then(|b| b.retention_d30)),
    ] {
        match now {
            Some(ratio) => {
                let change = points(ratio, before, Better::More);
                lines.push(format!("Retention {name}: {}{change} — {meaning}", format::share(ratio)));
            }
            // The team looks for these two; the third is an addition.
            None if name != "D30" => {
                lines.push(format!("Retention {name}: {NONE} (считать пока не по кому)"));
            }
            None => {}
        }
    }
    lines.extend(now.stickiness.map(|value| {
        format!(
            "DAU/MAU: {} — столько из тех, кто был за 30{NBSP}дней, заходит за день",
            format::percent(value)
        )
    }));
    let remark = before.is_some().then(|| format!("в скобках — {}", words::against(digest)));
    Block { remark, lines }
}

pub(super) fn carts(digest: &BotDigest) -> Block {
    let money = |amount: Money| format::money(amount, &digest.currency);
    let (now, before) = match Shown::of(digest) {
        Shown::Whole(now, before) => (now, before),
        Shown::AtLeast(now) => {
            let mut block = bounds(&[("Создано", now.carts_created)]);
            if now.gmv.0 > 0 {
                block.lines.push(format!("GMV (оценка): не{NBSP}меньше{NBSP}{}", money(now.gmv)));
            }
            return block;
        }
        Shown::Nothing => return no_data(),
    };
    let created = line("Создано", now.carts_created, before.map(|b| b.carts_created), Better::More);
    if now.carts_created == 0 {
        return Block { remark: None, lines: vec![created] };
    }
    let average = now.average_cart.map_or_else(
        || format!("Средний чек: {NONE} (суммы корзин неизвестны)"),
        |sum| {
            let before = before.and_then(|b| b.average_cart).map(|sum| sum.0 as f64);
            format!("Средний чек: {}{}", money(sum), change(sum.0 as f64, before, Better::More))
        },
    );
    let gmv_change = change(now.gmv.0 as f64, before.map(|b| b.gmv.0 as f64), Better::More);
    let gmv =
        format!("GMV (оценка): {}{gmv_change} — сумма корзин, собранных ботом, а не продажи", money(now.gmv));
    let mut lines = vec![created, average, gmv];
    if let (Some(sum), Some(estimate)) = (now.expected_orders, digest.conversion_estimate) {
        let share = format::percent(estimate);
        lines.push(format!("Ожидаем заказов: на {} — {share} от GMV, по настройке", money(sum)));
    }
    if let Some(per_user) = now.carts_per_user {
        let before = before.and_then(|b| b.carts_per_user);
        let change = change(per_user, before, Better::Neither);
        lines.push(format!("Корзин на пользователя: {}{change}", format::decimal(per_user)));
    }
    if now.trial_carts > 0 {
        lines.push(format!("Пробных корзин: {}", format::count(now.trial_carts)));
    }
    if !digest.scenarios.is_empty() {
        let shares = shares(&digest.scenarios, now.carts_created);
        lines.push(format!("Сценарии: {}", list(shares, MOST_SCENARIOS)));
    }
    Block { remark: None, lines }
}

fn shares(labels: &[LabelCount], whole: u64) -> impl Iterator<Item = (String, String)> + '_ {
    labels.iter().filter_map(move |one| {
        let share = format::share(Ratio::of(one.count, whole).filter(|ratio| ratio.part <= ratio.whole)?);
        Some((format::name(&one.label, LABEL)?, share))
    })
}

pub(super) fn funnel(digest: &BotDigest) -> Block {
    let (now, before) = match Shown::of(digest) {
        Shown::Whole(now, before) => (now, before),
        Shown::AtLeast(_) => {
            let line = "Не считаем: данные неполные".to_owned();
            return Block { remark: None, lines: vec![line] };
        }
        Shown::Nothing => return no_data(),
    };
    let open = now.funnel_open;
    let mut lines: Vec<String> = (1..open.len())
        .map(|step| {
            let before = before.map(|b| (b.funnel_open[step - 1], b.funnel_open[step]));
            step_line(step, (open[step - 1], open[step]), before)
        })
        .collect();
    let ordered = now.funnel_ordered;
    if ordered[0] > 0 {
        // Steps nobody reached say nothing.
        let last = ordered.iter().rposition(|&users| users > 0).unwrap_or(0).min(ordered.len() - 2) + 1;
        let steps: Vec<String> =
            (0..=last).map(|step| format!("{} {}", STEPS[step], format::count(ordered[step]))).collect();
        lines.push(format!("Шаг за шагом: {}", steps.join(" → ")));
    }
    Block { remark: Some("сколько людей было на каждом шаге".to_owned()), lines }
}

/// `/start → сообщение: 80 % (120 → 96)`. Each step is counted alone, so a later one may have more people.
fn step_line(step: usize, (from, to): (u64, u64), before: Option<(u64, u64)>) -> String {
    let name = format!("{} → {}", STEPS[step - 1], STEPS[step]);
    let share = |(from, to): (u64, u64)| Ratio::of(to, from).filter(|ratio| ratio.part <= ratio.whole);
    match share((from, to)) {
        Some(ratio) if ratio.whole >= 20 => {
            let change = points(ratio, before.and_then(share), Better::More);
            format!(
                "{name}: {}, {} из {}{change}",
                format::share(ratio),
                format::count(to),
                format::count(from)
            )
        }
        Some(ratio) => format!("{name}: {}", format::share(ratio)),
        None if from == 0 && to == 0 => format!("{name}: {NONE}"),
        None => format!(
            "{name}: {} и {} (на второй шаг приходят и без первого)",
            format::count(from),
            format::count(to)
        ),
    }
}

/// `Новых: 120 (+12 %)`.
pub(super) fn line(name: &str, now: u64, before: Option<u64>, better: Better) -> String {
    let change = change(now as f64, before.map(|before| before as f64), better);
    format!("{name}: {}{change}", format::count(now))
}

/// Lower bounds.
fn bounds(lines: &[(&str, u64)]) -> Block {
    let lines = lines.iter().map(|(name, count)| format!("{name}: {}", at_least(*count))).collect();
    Block { remark: None, lines }
}

/// A mean of people: a whole number from ten on.
fn whole_or_tenths(mean: f64) -> String {
    if mean >= 10.0 { format::count(format::round_u64(mean)) } else { format::decimal(mean) }
}
