//! The daily digest: one snapshot per kind of day.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use svodka::facts::ManagerId;
use svodka::measure::Period;
use svodka::measure::digest::{
    Compared, Coverage, DailyDigest, Headline, ManagerBlock, Ratio, Summary, Warning, WeekdayMean,
};
use svodka::render::daily::{Links, render};
use svodka::render::tree::parts;

use super::assert_sendable;
use crate::support::digests::{at, channel, chats, covered, empty, manager, orders, ordinary, waiting};

fn links() -> Links {
    Links { chat_link: Some("https://tea.retailcrm.ru/chats/{chat_id}?from=svodka&to=1".to_owned()) }
}

/// Both renderings of every message, no-break spaces made visible as plain ones.
fn messages(digest: &DailyDigest, links: &Links) -> String {
    let report = render(digest, links).unwrap();
    let parts = parts(&report).unwrap();
    assert_sendable(&parts, &digest.public_id);
    let mut all = String::new();
    for (index, part) in parts.iter().enumerate() {
        all.push_str(&format!("━━━ {} html ━━━\n{}\n", index + 1, part.html));
    }
    for (index, part) in parts.iter().enumerate() {
        all.push_str(&format!("━━━ {} plain ━━━\n{}\n", index + 1, part.plain));
    }
    all.replace('\u{a0}', " ")
}

macro_rules! snapshot {
    ($name:literal, $digest:expr) => {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots" }, {
            insta::assert_snapshot!(concat!("daily_", $name), messages($digest, &links()));
        })
    };
}

#[test]
fn an_ordinary_day() {
    snapshot!("ordinary", &ordinary());
}

#[test]
fn an_empty_day_is_told_as_empty() {
    snapshot!("empty", &empty());
}

#[test]
fn a_day_without_chats_shows_no_number_of_them() {
    let mut digest = covered(Coverage::Missing, Coverage::Complete);
    digest.headline = Headline::NoData;
    digest.channels.clear();
    digest.waiting = None;
    digest.chats_known_until = None;
    snapshot!("chats_missing", &digest);
}

#[test]
fn a_day_without_orders_shows_no_number_of_them() {
    let mut digest = covered(Coverage::Complete, Coverage::Missing);
    digest.orders_known_until = Some(at(8, 19, 18, 30));
    snapshot!("orders_missing", &digest);
}

#[test]
fn a_day_read_until_the_evening_gives_lower_bounds_only() {
    let mut digest = covered(Coverage::Partial { until: at(8, 20, 21, 40) }, Coverage::Complete);
    digest.headline = Headline::NoData;
    digest.waiting = None;
    digest.chats_known_until = Some(at(8, 20, 21, 40));
    snapshot!("chats_partial", &digest);
}

#[test]
fn a_partial_day_never_shows_shares_times_or_differences_even_if_they_were_computed() {
    let until = at(8, 20, 21, 40);
    let mut digest = covered(Coverage::Partial { until }, Coverage::Partial { until });
    digest.team.current = ordinary().team.current;
    digest.managers = ordinary().managers;
    digest.waiting = None;
    digest.headline = Headline::NoData;
    let text = messages(&digest, &Links::default());
    for forbidden in ["%", "п. п.", "мин", "(к среде", "Средний заказ:"] {
        assert!(!text.contains(forbidden), "{forbidden} in\n{text}");
    }
}

#[test]
fn one_manager() {
    let mut digest = ordinary();
    digest.managers.truncate(1);
    digest.channels.truncate(1);
    digest.waiting = Some(Vec::new());
    digest.headline = Headline::Steady;
    snapshot!("one_manager", &digest);
}

#[test]
fn sixty_managers_are_all_there() {
    let mut digest = ordinary();
    digest.managers = (1..=60)
        .map(|n| manager(n, &format!("Менеджер {n:02}"), 61 - n as u64, n as u64 % 3 / 2, n as u64 % 7))
        .collect();
    digest.waiting =
        Some((0..24).map(|n| waiting(700 + n, "Покупатель", 600 - n * 20, Some("Менеджер 07"))).collect());
    let text = messages(&digest, &links());
    for n in 1..=60 {
        let in_full = text.contains(&format!("\n<b>Менеджер {n:02}</b>: "));
        let in_short = text.contains(&format!("\nМенеджер {n:02}: {} диал", 61 - n));
        assert!(if n <= 12 { in_full } else { in_short }, "{n}");
    }
    snapshot!("sixty_managers", &digest);
}

#[test]
fn hostile_names_stay_text() {
    let mut digest = ordinary();
    digest.managers[0].name = "<b>Анна</b> & \"Ко\"\n\nКоманда".to_owned();
    digest.managers[1].name = "👩‍👩‍👧 Борис 😀".to_owned();
    digest.channels[2].name = Some("Чай «Юг» <i>".to_owned());
    digest.waiting = Some(vec![
        waiting(501, "</a><script>alert('x')</script>", 185, Some("<b>Анна</b> & \"Ко\"")),
        waiting(502, "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀", 95, Some("\u{202e}анаВ")),
        waiting(503, "\u{3164}\u{200b}", 70, None),
        waiting(504, "Александра-Мария Константинопольская", 60, None),
    ]);
    snapshot!("hostile_names", &digest);
}

#[test]
fn a_late_digest_says_so() {
    let mut digest = ordinary();
    digest.late_secs = Some(4_820);
    digest.computed_at = at(8, 21, 10, 20);
    digest.chats_known_until = Some(at(8, 21, 10, 15));
    digest.orders_known_until = Some(at(8, 21, 10, 12));
    digest.headline = Headline::RevenueUp {
        revenue: svodka::facts::Money(4_956_000),
        usual: svodka::facts::Money(3_800_000),
    };
    snapshot!("late", &digest);
}

#[test]
fn the_first_day_ever_compares_with_nothing() {
    let mut digest = ordinary();
    digest.team = Compared { current: digest.team.current, ..Compared::default() };
    digest.channels.iter_mut().for_each(|channel| channel.previous = None);
    digest.headline = Headline::Steady;
    snapshot!("first_day", &digest);
}

#[test]
fn one_day_of_the_same_weekday_is_no_custom() {
    let mut digest = ordinary();
    digest.team.weekday.days = 1;
    assert!(!messages(&digest, &links()).contains("обычному четвергу"));
}

#[test]
fn a_day_of_25_hours_is_one_day() {
    let zone = chrono_tz::Europe::Berlin;
    let day_on = chrono::NaiveDate::from_ymd_opt(2026, 10, 25).unwrap();
    let mut digest = covered(Coverage::Complete, Coverage::Partial { until: day_end(day_on, zone) });
    digest.day_on = day_on;
    digest.period = Period::day(day_on, zone);
    digest.computed_at = at(10, 26, 11, 0);
    digest.chats_known_until = Some(at(10, 26, 11, 0));
    digest.orders_known_until = Some(day_end(day_on, zone));
    digest.currency = "EUR".to_owned();
    assert_eq!((digest.period.to - digest.period.from).num_hours(), 25);
    snapshot!("dst", &digest);
}

/// Half an hour before the day ends: 23:30 by clocks that have gone back.
fn day_end(day_on: chrono::NaiveDate, zone: chrono_tz::Tz) -> svodka::clock::Instant {
    Period::day(day_on, zone).to - chrono::TimeDelta::minutes(30)
}

#[test]
fn warnings_are_told_unless_the_headline_has_told_them() {
    let (from, to) = (Ratio { part: 35, whole: 37 }, Ratio { part: 34, whole: 42 });
    let mut digest = ordinary();
    digest.warnings = vec![
        Warning::ResponseRatioDown { from, to },
        Warning::NoReplyHigh { no_reply: Ratio { part: 8, whole: 42 } },
        Warning::FirstResponseSlow { median_secs: 840.0, limit_secs: 600 },
    ];
    digest.headline = Headline::RatioDown { from, to };
    snapshot!("warnings", &digest);
}

/// Every headline the type knows, so that each sentence is read by somebody before it is sent.
#[test]
fn every_headline_is_a_sentence() {
    let money = svodka::facts::Money;
    let headlines = [
        Headline::NoData,
        Headline::Quiet,
        Headline::Unanswered { no_reply_chats: 1, inbound_chats: 42 },
        Headline::Unanswered { no_reply_chats: 5, inbound_chats: 7 },
        Headline::Slower { median_secs: 720.0, usual_secs: 380.0 },
        Headline::RatioDown { from: Ratio { part: 8, whole: 9 }, to: Ratio { part: 5, whole: 9 } },
        Headline::RatioDown { from: Ratio { part: 35, whole: 37 }, to: Ratio { part: 34, whole: 42 } },
        Headline::RevenueDown { revenue: money(1_800_000), usual: money(3_000_000) },
        Headline::Faster { median_secs: 45.0, usual_secs: 380.0 },
        Headline::RevenueUp { revenue: money(4_800_000), usual: money(3_000_000) },
        Headline::Steady,
    ];
    let mut all = String::new();
    for headline in headlines {
        for waiting in [ordinary().waiting, Some(Vec::new()), None] {
            let digest = DailyDigest { headline: headline.clone(), waiting, ..ordinary() };
            let text = messages(&digest, &Links::default());
            let line = text.lines().nth(3).unwrap();
            assert!(line.starts_with("<b>") && line.contains("</b>"), "{line}");
            all.push_str(line);
            all.push('\n');
        }
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots" }, {
        insta::assert_snapshot!("daily_headlines", all);
    });
}

#[test]
fn without_a_usable_pattern_names_carry_no_link() {
    for pattern in [None, Some("/chats/{chat_id}"), Some("chats {chat_id}"), Some("javascript:{chat_id}")] {
        let links = Links { chat_link: pattern.map(str::to_owned) };
        assert_eq!(links.chat(5), None);
        assert!(!messages(&ordinary(), &links).contains("<a"), "{pattern:?}");
    }
    assert_eq!(links().chat(5).as_deref(), Some("https://tea.retailcrm.ru/chats/5?from=svodka&to=1"));
}

#[test]
fn what_is_said_of_a_manager_without_conversations_is_said_in_words() {
    let mut digest = ordinary();
    let numbers = Compared {
        current: Summary { chats: Some(chats(0, 0, 0.0)), orders: Some(orders(2, 8_000)) },
        previous: Summary::default(),
        weekday: WeekdayMean::default(),
    };
    let id = Some(ManagerId::Mg(305));
    digest.managers = vec![ManagerBlock { id, name: String::new(), numbers, waiting_now: 0 }];
    digest.channels = vec![channel("", None, 3, 0)];
    let text = messages(&digest, &links());
    assert!(text.contains("<b>Без имени</b>: диалогов не было\n2 заказа на 8 000 ₽\n"), "{text}");
    assert!(text.contains("Канал не указан: 3 диалога (к среде: было 0)"), "{text}");
}

#[test]
fn a_customer_who_has_not_waited_for_working_time_wrote_just_now_or_after_hours() {
    let mut digest = ordinary();
    let mut just_now = waiting(1, "Ира", 0, None);
    just_now.since_at = digest.computed_at - chrono::TimeDelta::seconds(40);
    just_now.age_secs = 40;
    digest.waiting = Some(vec![waiting(2, "Олег", 0, None), just_now]);
    let text = messages(&digest, &Links::default());
    assert!(text.contains("• Олег — написали в нерабочее время, 3 сообщения, WhatsApp"), "{text}");
    assert!(text.contains("• Ира — только что, 2 сообщения, Instagram"), "{text}");
}

#[test]
fn a_digest_of_another_year_names_it() {
    let title = |computed_at| {
        let digest = DailyDigest { computed_at, ..ordinary() };
        messages(&digest, &Links::default()).lines().nth(1).unwrap().to_owned()
    };
    let later = |days| ordinary().computed_at + chrono::TimeDelta::days(days);
    assert_eq!(title(later(0)), "📊 <b>Сводка за четверг, 20 августа</b>");
    assert_eq!(title(later(200)), "📊 <b>Сводка за четверг, 20 августа 2026 года</b>");
}

#[test]
fn nothing_notable_is_said_only_of_what_is_known() {
    let line = |digest: DailyDigest| {
        let digest = DailyDigest { headline: Headline::Steady, waiting: None, ..digest };
        messages(&digest, &Links::default()).lines().nth(3).unwrap().to_owned()
    };
    let until = at(8, 20, 21, 40);
    assert_eq!(line(ordinary()), "<b>День без заметных изменений.</b>");
    assert_eq!(
        line(covered(Coverage::Complete, Coverage::Missing)),
        "<b>В чатах день без заметных изменений.</b>"
    );
    assert!(
        line(covered(Coverage::Partial { until }, Coverage::Complete))
            .starts_with("<b>Чаты за этот день прочитаны не до конца.</b>")
    );
}

/// Names as strangers may write them: markup, quotes, emoji, hidden and turning characters, newlines, length.
fn hostile_name() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[<>&\"'/=;#a-zA-Zа-яА-Я ]{0,30}",
        1 => prop::sample::select(vec![
            "</b>", "<a href=\"", "&lt;", "&#xD83D;", "😀", "👩\u{200d}👧", "\n\n", "\u{202e}", "\u{200b}", "\u{3164}", "№ x", "\0",
        ])
        .prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(Config { cases: 64, rng_seed: RngSeed::Fixed(821), failure_persistence: None, ..Config::default() })]

    #[test]
    fn no_name_can_break_a_message(
        names in prop::collection::vec(hostile_name(), 1..80),
        link in prop::option::of(hostile_name()),
        late in prop::option::of(any::<i64>()),
        median in any::<f64>(),
        revenue in any::<i64>(),
        chats in any::<u64>(),
    ) {
        let mut digest = ordinary();
        digest.late_secs = late;
        digest.currency = names[0].clone();
        let team = digest.team.current.chats.as_mut().unwrap();
        team.first_response_median_secs = Some(median);
        team.chats = chats;
        digest.team.current.orders.as_mut().unwrap().revenue = svodka::facts::Money(revenue);
        digest.managers = names.iter().map(|name| manager(1, name, 5, 1, 1)).collect();
        digest.channels = names.iter().map(|name| channel(name, Some(name), 5, 1)).collect();
        digest.waiting = Some(names.iter().map(|name| waiting(1, name, 5, Some(name))).collect());
        let links = Links { chat_link: link.map(|link| format!("https://shop.example/{link}/{{chat_id}}")) };
        let report = render(&digest, &links).unwrap();
        let parts = parts(&report).unwrap();
        assert_sendable(&parts, &digest.public_id);
        // A name stands on one line and opens no block of its own.
        prop_assert!(!report.html.contains("\n\n\n"));
    }
}

#[test]
fn those_forgotten_for_weeks_are_counted_and_do_not_hide_whom_an_answer_still_helps() {
    let days = |days: i64| days * 24 * 60;
    let mut digest = ordinary();
    digest.waiting = Some(vec![
        waiting(501, "Давняя", days(30), None),
        waiting(502, "Прошлая", days(8), None),
        waiting(503, "Вчерашний", days(2), None),
        waiting(504, "Недавняя", 40, Some("Борис Ким")),
    ]);
    let text = messages(&digest, &links());
    assert!(text.contains("Ждут ответа сейчас: 4"), "all are counted: {text}");
    assert!(!text.contains("Давняя") && !text.contains("Прошлая"), "{text}");
    let yesterday = text.find("Вчерашний").unwrap();
    assert!(yesterday < text.find("Недавняя").unwrap(), "oldest first");
    assert!(text.contains("больше недели без ответа: 2, первый с 21 июля"), "{text}");
    digest.waiting = Some(vec![waiting(501, "Давняя", days(30), None)]);
    let text = messages(&digest, &links());
    assert!(text.contains("Давняя") && text.contains("с 21 июля"), "alone they are named: {text}");
}

#[test]
fn orders_in_another_currency_are_told_and_never_summed() {
    let mut digest = ordinary();
    if let Some(orders) = &mut digest.team.current.orders {
        orders.foreign_currency_orders = 2;
    }
    let text = messages(&digest, &links());
    assert!(text.contains("В другой валюте: 2 заказа, в суммы не входят"), "{text}");
}
