//! The bot's digest: one snapshot per kind of period.

use chrono::TimeDelta;
use svodka::facts::Money;
use svodka::facts::bot::BotFigures;
use svodka::measure::Span;
use svodka::measure::bot::{BotDigest, CostFigures, ModelCost};
use svodka::render::bot::render;
use svodka::render::tree::parts;

use super::assert_sendable;
use crate::support::bot::{Shop, labels, on, until_hours};

/// The plain rendering of every message, no-break spaces made visible as plain ones.
fn messages(digest: &BotDigest) -> String {
    let report = render(digest).unwrap();
    let parts = parts(&report).unwrap();
    assert_sendable(&parts, &digest.public_id);
    let all: Vec<_> = parts.iter().map(|part| part.plain.as_str()).collect();
    all.join("\n━━━━━━\n").replace('\u{a0}', " ")
}

macro_rules! snapshot {
    ($name:literal, $digest:expr) => {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots" }, {
            insta::assert_snapshot!(concat!("bot_", $name), messages(&$digest));
        })
    };
}

/// Thursday.
fn day() -> Shop {
    Shop::new(Span::Day, on(2026, 8, 20))
}

fn week() -> Shop {
    Shop::new(Span::Week, on(2026, 8, 20))
}

#[test]
fn an_ordinary_day() {
    snapshot!("day_ordinary", day().digest());
}

#[test]
fn an_ordinary_week_and_month() {
    let mut shop = week();
    shop.conversion_estimate = Some(0.1);
    snapshot!("week_ordinary", shop.digest());
    snapshot!("month_ordinary", Shop::new(Span::Month, on(2026, 8, 1)).digest());
}

#[test]
fn an_empty_day_and_a_tiny_one() {
    snapshot!("day_empty", Shop { size: 0, ..day() }.digest());
    let tiny = Shop { size: 1, ..day() };
    let text = messages(&tiny.digest());
    assert!(text.contains("3 из 4"), "few are told with their counts: {text}");
    snapshot!("day_tiny", tiny.digest());
}

#[test]
fn a_week_with_a_change_of_clocks_and_one_over_the_end_of_the_year() {
    let berlin = Shop { zone: chrono_tz::Europe::Berlin, ..Shop::new(Span::Week, on(2026, 3, 29)) };
    let digest = berlin.digest();
    assert_eq!(digest.period.to - digest.period.from, TimeDelta::hours(7 * 24 - 1));
    assert!(messages(&digest).starts_with("📊 Аналитика за 7 дней (23.03 – 29.03)"));
    let year = Shop::new(Span::Week, on(2026, 1, 1)).digest();
    assert!(messages(&year).starts_with("📊 Аналитика за 7 дней (29.12.2025 – 04.01.2026)"));
    snapshot!("week_year_end", year);
}

#[test]
fn what_is_known_in_part_is_a_lower_bound_and_what_is_unknown_is_never_a_zero() {
    let mut shop = day();
    shop.events = until_hours(&shop, 21);
    shop.tokens = None;
    let partial = messages(&shop.digest());
    assert!(partial.contains("Неполные данные (до 21:00)") && !partial.contains(" %"), "{partial}");
    snapshot!("day_partial", shop.digest());
    shop.events = None;
    let missing = messages(&shop.digest());
    let body: String = missing.lines().skip(1).filter(|line| !line.starts_with('№')).collect();
    assert!(missing.contains("Нет данных") && !body.contains(|c: char| c.is_ascii_digit()), "{missing}");
    snapshot!("day_missing", shop.digest());
}

#[test]
fn a_model_without_a_price_and_no_prices_at_all() {
    let mut shop = week();
    let known = ModelCost { model: "small".to_owned(), micros: 4_000 };
    let unpriced = vec!["new-model".to_owned()];
    shop.costs = Some(CostFigures { currency: "RUB".to_owned(), models: vec![known.clone()], unpriced });
    let text = messages(&shop.digest());
    assert!(text.contains("нет цены для new-model") && text.contains("На пользователя: —"), "{text}");
    shop.costs = None;
    assert!(messages(&shop.digest()).contains("цены моделей не заданы"));
}

#[test]
fn a_fallen_day_opens_with_its_news_and_what_to_do() {
    let mut shop = day();
    shop.change = |figures: &mut BotFigures| {
        figures.days[0].carts_created = 4;
        figures.days[0].gmv = Money(936_000);
        figures.days[0].carts_with_sum = 4;
        figures.cart_users = 4;
        figures.scenarios = labels(&[("подарок", 3), ("для себя", 1)]);
    };
    let text = messages(&shop.digest());
    assert!(text.contains("Корзин меньше обычного: 4, а в четверг обычно 30."), "{text}");
    snapshot!("day_fallen", shop.digest());
}

#[test]
fn no_phone_or_mail_of_a_customer_reaches_a_message_or_the_stored_digest() {
    let mut shop = week();
    shop.change = |figures: &mut BotFigures| {
        let words = labels(&[
            ("чай, мой номер +7 (900) 000-45-67", 9),
            ("89000001234", 4),
            ("8-900-000-12-16", 3),
            ("пишите anna@example.com", 2),
            ("карта 2200 0000 0000 0017", 1),
        ]);
        figures.top_queries = words.clone();
        figures.empty_queries = words.clone();
        figures.scenarios = words.clone();
        figures.error_types = words.clone();
        figures.unknown_types = words;
        figures.sources[0].source = Some("ref_anna@example.com".to_owned());
    };
    let digest = shop.digest();
    let stored = serde_json::to_string(&digest).unwrap();
    let text = messages(&digest);
    for secret in ["000-45-67", "89000001234", "000-12-16", "anna@", "2200 0000"] {
        assert!(!stored.contains(secret) && !text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains("«[телефон]» — 7"), "masked queries are counted together: {text}");
    assert!(text.contains("vk.com"), "an address people come from is no secret: {text}");
}

#[test]
fn a_stored_digest_gives_the_same_text_again() {
    let digest = week().digest();
    let again: BotDigest = serde_json::from_value(serde_json::to_value(&digest).unwrap()).unwrap();
    assert_eq!(again, digest);
    assert_eq!(messages(&again), messages(&digest));
}
