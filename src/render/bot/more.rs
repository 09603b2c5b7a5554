//! Costs, errors, and what the team did not have before: sources, cohorts, searches, surveys.

use super::blocks::{LABEL, Shown, at_least, line, no_data};
use super::lines::{Better, change, list, points};
use crate::facts::Money;
use crate::facts::bot::LabelCount;
use crate::measure::bot::{BotDigest, CohortRow, CostFigures, MICROS_PER_MINOR, SourceRow, Spending};
use crate::measure::digest::{Coverage, Ratio};
use crate::render::format::{self, NBSP, NONE};
use crate::render::view::Block;

/// Sources by name.
const MOST_SOURCES: usize = 8;
/// Queries by name: of a list, and of what was not found.
const MOST_QUERIES: usize = 5;
const MOST_ERRORS: usize = 4;
/// Fewer answers than this say nothing about a product.
const LEAST_ANSWERS: u64 = 40;

pub(super) fn costs(digest: &BotDigest) -> Block {
    let (Some(coverage), Some(spending)) = (digest.tokens_coverage, &digest.spending) else {
        let line = match digest.tokens_coverage {
            None => "Нет данных: учёт токенов не подключён или ещё не прочитан",
            Some(_) => "Нет данных",
        };
        return Block { remark: None, lines: vec![line.to_owned()] };
    };
    let mut block = Block::default();
    if let Coverage::Partial { until } = coverage {
        block.remark = Some(format!("неполные данные, до {}", super::sentences::moment(digest, until)));
        block.lines.push(format!("Токенов: {}", at_least(spending.tokens_used)));
        if let Some(cost) = spending.cost.as_ref().filter(|cost| cost.micros() >= MICROS_PER_MINOR) {
            block.lines.push(format!("Стоимость API: не{NBSP}меньше{NBSP}{}", price(cost.micros(), cost)));
        }
        return block;
    }
    let before = digest.previous_spending.as_ref();
    block.lines.push(line(
        "Токенов",
        spending.tokens_used,
        before.map(|before| before.tokens_used),
        Better::Neither,
    ));
    block.lines.push(cost_line(spending, before));
    if let Some((micros, cost)) = spending.cost_per_user_micros.zip(spending.cost.as_ref()) {
        let before = before.and_then(|before| before.cost_per_user_micros);
        let change = change(micros as f64, before.map(|micros| micros as f64), Better::Less);
        block.lines.push(format!("На пользователя: {}{change} — на каждого активного", price(micros, cost)));
    } else if spending.cost.is_some() {
        block.lines.push(format!("На пользователя: {NONE}"));
    }
    block
}

fn cost_line(spending: &Spending, before: Option<&Spending>) -> String {
    let Some(cost) = &spending.cost else {
        return "Стоимость API: нет данных, цены моделей не заданы в настройках".to_owned();
    };
    if !cost.unpriced.is_empty() {
        let names: Vec<String> = cost.unpriced.iter().filter_map(|name| format::name(name, LABEL)).collect();
        let missing = format!("нет цены для {}, добавьте её в настройках", names.join(", "));
        // Under a kopeck, «не меньше» would say nothing.
        if cost.micros() < MICROS_PER_MINOR {
            return format!("Стоимость API: нет данных — {missing}");
        }
        return format!("Стоимость API: не{NBSP}меньше{NBSP}{} — {missing}", price(cost.micros(), cost));
    }
    // Sums in two currencies, or one of them incomplete, are not compared.
    let before = before.and_then(|before| before.cost.as_ref());
    let before = before.filter(|before| before.currency == cost.currency && before.unpriced.is_empty());
    let change = change(cost.micros() as f64, before.map(|before| before.micros() as f64), Better::Neither);
    format!("Стоимость API: {}{change}", price(cost.micros(), cost))
}

/// A sum in the currency of the prices; what is less than a kopeck says so.
fn price(micros: i64, cost: &CostFigures) -> String {
    let minor = (micros + MICROS_PER_MINOR / 2).div_euclid(MICROS_PER_MINOR);
    if minor == 0 && micros > 0 {
        return format!("меньше {}", format::money(Money(1), &cost.currency));
    }
    format::money(Money(minor), &cost.currency)
}

pub(super) fn errors(digest: &BotDigest) -> Block {
    let (now, before) = match Shown::of(digest) {
        Shown::Whole(now, before) => (now, before),
        Shown::AtLeast(now) => {
            return Block { remark: None, lines: vec![format!("Всего: {}", at_least(now.errors))] };
        }
        Shown::Nothing => return no_data(),
    };
    if now.errors == 0 {
        let change = change(0.0, before.map(|before| before.errors as f64), Better::Less);
        return Block { remark: None, lines: vec![format!("Ошибок не было{change}")] };
    }
    let mut lines = vec![line("Всего", now.errors, before.map(|before| before.errors), Better::Less)];
    if let Some(ratio) = now.error_ratio {
        let change = points(ratio, before.and_then(|before| before.error_ratio), Better::Less);
        lines.push(format!("Доля: {}{change} — от поисков, корзин и самих ошибок", format::share(ratio)));
    }
    if !digest.error_types.is_empty() {
        lines.push(format!("Виды: {}", counts(&digest.error_types, MOST_ERRORS)));
    }
    Block { remark: None, lines }
}

/// `None` when nobody came.
pub(super) fn sources(digest: &BotDigest) -> Option<Block> {
    let is_whole = digest.events_coverage.is_complete();
    if !is_whole || digest.sources.is_empty() {
        return None;
    }
    let mut lines: Vec<String> = digest.sources.iter().take(MOST_SOURCES).map(source).collect();
    let rest = digest.sources.iter().skip(MOST_SOURCES);
    let (count, starts) = rest.fold((0, 0), |(count, starts), one| (count + 1, starts + one.starts));
    if count > 0 {
        lines.push(format!(
            "ещё источников: {}, переходов — {}",
            format::count(count),
            format::count(starts)
        ));
    }
    Some(Block { remark: Some("откуда нажали /start".to_owned()), lines })
}

/// `instagram: 40, новых 30, до корзины 12 %, вернулись на следующий день 20 %`.
fn source(row: &SourceRow) -> String {
    let name = row.source.as_deref().and_then(|name| format::name(name, LABEL));
    let name = name.unwrap_or_else(|| "без метки".to_owned());
    let mut text = format!("{name}: {}, новых {}", format::count(row.starts), format::count(row.new_users));
    if let Some(ratio) = row.cart_conversion {
        text.push_str(&format!(", до корзины {}", format::share(ratio)));
    }
    if let Some(ratio) = row.retention_d1 {
        text.push_str(&format!(", D1 {}", format::share(ratio)));
    }
    text
}

/// `None` where no cohort is old enough.
pub(super) fn cohorts(digest: &BotDigest) -> Option<Block> {
    let lines: Vec<String> = digest.cohorts.iter().filter_map(cohort).collect();
    let remark = Some("когда пришли и какая доля вернулась".to_owned());
    (!lines.is_empty()).then_some(Block { remark, lines })
}

/// `с 3 августа: D1 23 %, D7 12 %`.
fn cohort(row: &CohortRow) -> Option<String> {
    let named = [("D1", row.retention_d1), ("D7", row.retention_d7), ("D30", row.retention_d30)];
    let known: Vec<String> = named
        .into_iter()
        .filter_map(|(name, ratio)| Some(format!("{name} {}", format::share(ratio?))))
        .collect();
    (!known.is_empty()).then(|| format!("Неделя с{NBSP}{}: {}", format::date(row.from_on), known.join(", ")))
}

/// `None` when nobody searched.
pub(super) fn searches(digest: &BotDigest) -> Option<Block> {
    let (now, before) = match Shown::of(digest) {
        Shown::Whole(now, before) if now.searches > 0 => (now, before),
        Shown::AtLeast(now) if now.searches > 0 => {
            let lines = vec![format!("Запросов: {}", at_least(now.searches))];
            return Some(Block { remark: None, lines });
        }
        _ => return None,
    };
    let mut lines = vec![line("Запросов", now.searches, before.map(|b| b.searches), Better::More)];
    if let Some(ratio) = now.searches_empty_ratio {
        let change = points(ratio, before.and_then(|b| b.searches_empty_ratio), Better::Less);
        lines.push(format!("Ничего не нашлось: {}{change}", format::share(ratio)));
    }
    for (name, queries) in [("Чаще ищут", &digest.top_queries), ("Чего не нашли", &digest.empty_queries)]
    {
        let queries = quoted(queries);
        if !queries.is_empty() {
            lines.push(format!("{name}: {queries}"));
        }
    }
    Some(Block { remark: None, lines })
}

/// `None` when no limit was met and nobody was asked.
pub(super) fn surveys(digest: &BotDigest) -> Option<Block> {
    let Shown::Whole(now, before) = Shown::of(digest) else { return None };
    let mut lines = Vec::new();
    if now.cart_limits_hit > 0 {
        let before = before.map(|b| b.cart_limits_hit);
        lines.push(line("Упёрлись в лимит корзин", now.cart_limits_hit, before, Better::Neither));
    }
    if now.surveys_completed > 0 {
        let before = before.map(|b| b.surveys_completed);
        lines.push(line("Прошли опрос", now.surveys_completed, before, Better::More));
    }
    if let Some(ratio) = now.pmf_score {
        let Ratio { part, whole } = ratio;
        let meaning = "«очень расстроюсь, если бота не станет»";
        lines.push(if whole < LEAST_ANSWERS {
            let (part, whole) = (format::count(part), format::count(whole));
            format!("PMF: мало ответов ({part}{NBSP}из{NBSP}{whole}) — {meaning}")
        } else {
            let change = points(
                ratio,
                before.and_then(|b| b.pmf_score).filter(|before| before.whole >= LEAST_ANSWERS),
                Better::More,
            );
            format!("PMF: {}{change} — {meaning}", format::share(ratio))
        });
    }
    if now.referral_links > 0 {
        lines.push(format!("Пришли по приглашению: {}", format::count(now.referral_links)));
    }
    let bonuses = now.referral_bonuses + now.feedback_bonuses;
    if bonuses > 0 {
        lines.push(format!("Начислено бонусов: {}", format::count(bonuses)));
    }
    (!lines.is_empty()).then_some(Block { remark: None, lines })
}

fn counts(labels: &[LabelCount], most: usize) -> String {
    let named =
        labels.iter().filter_map(|one| Some((format::name(&one.label, LABEL)?, format::count(one.count))));
    list(named, most)
}

fn quoted(labels: &[LabelCount]) -> String {
    let named = labels.iter().filter_map(|one| {
        Some((format::quoted(&format::name(&one.label, LABEL)?), format::count(one.count)))
    });
    list(named, MOST_QUERIES)
}
