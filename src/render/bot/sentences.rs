//! The first sentence of the bot's digest, its news and what to do about them.

use chrono::Datelike;

use super::words;
use crate::facts::Money;
use crate::measure::Span;
use crate::measure::bot::news::{News, Watched};
use crate::measure::bot::{BotDigest, BotHeadline, Moving};
use crate::render::format;

/// The news and the advice that goes with it.
pub(super) fn headline(digest: &BotDigest) -> (String, Option<String>) {
    let (text, action) = match &digest.headline {
        BotHeadline::NoData => (
            format!("О боте за {} данных нет.", words::this(digest)),
            "Числа не показываем, чтобы не обмануть. Проверьте, что бот отвечает и его база доступна.",
        ),
        BotHeadline::Unfinished => {
            let text = match digest.events_known_until {
                Some(until) => format!("Данные бота есть только до {}.", moment(digest, until)),
                None => "Данные бота есть не полностью.".to_owned(),
            };
            (text, "Настоящие числа не меньше показанных; доли и сравнения не считаем.")
        }
        BotHeadline::Quiet => {
            ("Ботом никто не пользовался.".to_owned(), "Проверьте, что бот отвечает: напишите ему /start.")
        }
        BotHeadline::Unusual { news } => (format!("{}.", unusual(digest, news)), action(news)),
        BotHeadline::ErrorsHigh { error_ratio } => (
            format!("Много ошибок бота: {} действий.", format::share(*error_ratio)),
            "Покажите блок «Ошибки» разработчику.",
        ),
        BotHeadline::Moved { measure, from, to } => {
            let (name, fallen, risen) = match measure {
                Moving::CartsCreated => (
                    "Корзин",
                    "Посмотрите в воронке, на каком шаге люди уходят.",
                    "Посмотрите в источниках, откуда они пришли, и добавьте там рекламы.",
                ),
                Moving::NewUsers => (
                    "Новых пользователей",
                    "Посмотрите в источниках, какой из них иссяк.",
                    "Посмотрите в источниках, какой сработал, и повторите.",
                ),
                Moving::ActiveUsers => {
                    ("Активных пользователей", "Напомните о боте тем, кто давно не заходил.", "Так держать!")
                }
            };
            let is_fallen = to < from;
            let verb = if is_fallen { "меньше" } else { "больше" };
            let (to, from) = (format::count(*to), format::count(*from));
            let text = format!("{name} {verb}: {to}, {} — {from}.", words::earlier(digest));
            (text, if is_fallen { fallen } else { risen })
        }
        BotHeadline::EmptySearchesHigh { searches_empty_ratio } => (
            format!("Бот часто ничего не находит: {} поисков.", format::share(*searches_empty_ratio)),
            "Посмотрите в блоке «Поиск», чего не нашли, и добавьте эти товары.",
        ),
        BotHeadline::First => {
            return ("Первая сводка о боте: сравнивать пока не с чем.".to_owned(), None);
        }
        BotHeadline::Steady => {
            let alone = words::alone(digest);
            return (format!("Бот работает как обычно: {alone} без заметных изменений."), None);
        }
    };
    (text, Some(action.to_owned()))
}

/// The news that the headline has not told.
pub(super) fn other_news(digest: &BotDigest) -> Vec<String> {
    let told = match &digest.headline {
        BotHeadline::Unusual { news } => Some(*news),
        _ => None,
    };
    digest
        .news
        .iter()
        .filter(|one| Some(**one) != told)
        .map(|news| format!("{} {}", if news.is_bad() { "🔴" } else { "🟢" }, unusual(digest, news)))
        .collect()
}

/// `Корзин меньше обычного: 20, а в четверг обычно 100`; of a week or month with the date.
fn unusual(digest: &BotDigest, news: &News) -> String {
    let name = match news.measure {
        Watched::Dau => "Пользователей за день",
        Watched::NewUsers => "Новых пользователей",
        Watched::Searches => "Поисков",
        Watched::Carts => "Корзин",
        Watched::Gmv => "Сумма корзин",
        Watched::Errors => "Ошибок",
    };
    let verb = if news.z > 0.0 { "больше" } else { "меньше" };
    let value = |value: f64| match news.measure {
        Watched::Gmv => format::money(Money(value.round() as i64), &digest.currency),
        _ => format::count(format::round_u64(value)),
    };
    let (current, usual) = (value(news.value), value(news.usual));
    let weekday = format::on_weekday(news.day_on.weekday());
    match digest.span {
        Span::Day => format!("{name} {verb} обычного: {current}, а {weekday} обычно {usual}"),
        Span::Week | Span::Month => {
            let on = format::date(news.day_on);
            format!("{on}: {} {verb} обычного, {current}, а {weekday} обычно {usual}", lower(name))
        }
    }
}

fn lower(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn action(news: &News) -> &'static str {
    match (news.measure, news.is_bad()) {
        (Watched::Errors, true) => "Покажите блок «Ошибки» разработчику.",
        (Watched::Errors, false) => "Похоже, починили: проверьте, что бот отвечает.",
        (Watched::Carts | Watched::Gmv, true) => "Соберите корзину сами: так видно, что мешает.",
        (Watched::Dau | Watched::Searches, true) => "Напишите боту и проверьте, что он отвечает и ищет.",
        (Watched::NewUsers, true) => "Проверьте ссылки и рекламу, по которым приходят люди.",
        (Watched::NewUsers, false) => "Посмотрите в источниках, откуда они пришли, и повторите.",
        (_, false) => "Узнайте, что сработало, и повторите.",
    }
}

/// `21:40`, with its date on another day than that of the period.
pub(super) fn moment(digest: &BotDigest, at: crate::clock::Instant) -> String {
    format::moment(at, digest.period.zone, words::last_day(digest))
}
