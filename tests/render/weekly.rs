//! The digests of a week and of a month: one snapshot per kind of period.

use chrono::{NaiveDate, TimeDelta, TimeZone};
use svodka::facts::ManagerId;
use svodka::measure::chat_lists::ChatLists;
use svodka::measure::digest::{
    ChatSummary, Compared, Coverage, Headline, OrderSummary, Ratio, Summary, WeekdayMean,
};
use svodka::measure::weekly::{
    Example, Examples, Mover, MoverSide, Movers, Streak, Trend, TrendMeasure, TrendWindow, WeeklyDigest,
    WeeklyManager,
};
use svodka::measure::{Period, Span};
use svodka::render::daily::Links;
use svodka::render::tree::parts;
use svodka::render::weekly::render;

use super::assert_sendable;
use crate::support::digests::{ZONE, at, channel, chats, orders};

fn links() -> Links {
    Links { chat_link: Some("https://tea.retailcrm.ru/chats/{chat_id}?from=svodka&to=1".to_owned()) }
}

/// Both renderings of every message, no-break spaces made visible as plain ones.
fn messages(digest: &WeeklyDigest) -> String {
    let report = render(digest, &links()).unwrap();
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
            insta::assert_snapshot!($name, messages($digest));
        })
    };
}

fn on(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

fn summary(conversations: u64, no_reply: u64, median_secs: f64, made: u64, revenue: i64) -> Summary {
    let chats = ChatSummary {
        slow_first_reply_chats: conversations / 6,
        follow_up_gap_chats: conversations / 9,
        paid_conversion: Ratio::of(conversations / 7, conversations),
        time_to_order_median_secs: Some(9_000.0),
        ..chats(conversations, no_reply, median_secs)
    };
    Summary { chats: Some(chats), orders: Some(orders(made, revenue)) }
}

pub fn manager(id: i64, name: &str, now: (u64, u64, u64), before: u64) -> WeeklyManager {
    let (conversations, no_reply, made) = now;
    let side = |conversations, made: u64| {
        summary(
            conversations,
            no_reply.min(conversations),
            150.0 + id as f64 * 45.0,
            made,
            made as i64 * 4_130,
        )
    };
    let numbers = Compared {
        current: side(conversations, made),
        previous: side(before, made),
        weekday: WeekdayMean::default(),
    };
    WeeklyManager { id: Some(ManagerId::Crm(id)), name: name.to_owned(), numbers, focus: None }
}

fn side(inbound_chats: u64, no_reply_chats: u64, follow_up_gap_chats: u64, p90_mins: f64) -> MoverSide {
    MoverSide {
        inbound_chats,
        no_reply_chats,
        follow_up_gap_chats,
        first_response_p90_secs: Some(p90_mins * 60.0),
    }
}

fn mover(id: i64, name: &str, score: f64, previous: MoverSide, current: MoverSide) -> Mover {
    Mover { id: ManagerId::Crm(id), name: name.to_owned(), score, current, previous }
}

fn example(chat_id: i64, customer: &str, secs: Option<f64>) -> Example {
    Example {
        chat_id,
        dialog_id: Some(chat_id * 10),
        customer_name: customer.to_owned(),
        channel_kind: if chat_id % 2 == 0 { "whatsapp" } else { "instagram" }.to_owned(),
        manager: (chat_id % 3 > 0).then(|| "Борис Ким".to_owned()),
        asked_at: at(8, 19, 12, 0),
        first_response_secs: secs,
    }
}

/// A measure over twelve periods, with its windows as they come out of the values.
fn trend(measure: TrendMeasure, values: [f64; 12], streak: Option<Streak>) -> Trend {
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let windows = [4, 8, 12].map(|length: usize| {
        let (earlier, later) = values[12 - length..].split_at(length / 2);
        TrendWindow { periods: length as u64, earlier: mean(earlier), later: mean(later) }
    });
    Trend { measure, values: values.map(Some).to_vec(), streak, windows: windows.to_vec() }
}

fn growing(first: f64, step: f64) -> [f64; 12] {
    std::array::from_fn(|place| first + step * place as f64)
}

fn trends() -> Vec<Trend> {
    let falling = [900.0, 880.0, 870.0, 890.0, 860.0, 870.0, 850.0, 840.0, 760.0, 700.0, 620.0, 540.0];
    let streak = Streak { steps: 6, is_up: false, from: 870.0 };
    vec![
        trend(TrendMeasure::FirstResponseMedianSecs, falling, Some(streak)),
        trend(TrendMeasure::ResponseRatio, growing(0.90, 0.004), None),
        trend(TrendMeasure::Chats, growing(290.0, 0.5), None),
        trend(TrendMeasure::Orders, growing(60.0, 2.0), None),
        trend(TrendMeasure::Revenue, growing(40_000_000.0, -900_000.0), None),
        trend(TrendMeasure::Conversion, growing(0.21, 0.0), None),
    ]
}

/// The week of 17–23 August 2026.
pub fn ordinary() -> WeeklyDigest {
    let period = Span::Week.containing(on(2026, 8, 20), ZONE);
    WeeklyDigest {
        public_id: "w-0817-k3f9".to_owned(),
        span: Span::Week,
        period,
        slot_at: at(8, 24, 9, 0),
        computed_at: at(8, 24, 9, 0) + TimeDelta::seconds(12),
        late_secs: None,
        currency: "RUB".to_owned(),
        slow_first_reply_secs: 600,
        follow_up_gap_secs: 86_400,
        chat_coverage: Coverage::Complete,
        order_coverage: Coverage::Complete,
        chats_known_until: Some(at(8, 24, 9, 0)),
        orders_known_until: Some(at(8, 24, 9, 0)),
        headline: Headline::Faster { median_secs: 540.0, usual_secs: 840.0 },
        team: Compared {
            current: summary(294, 14, 540.0, 84, 346_920),
            previous: summary(271, 20, 620.0, 75, 330_000),
            weekday: WeekdayMean { days: 4, ..WeekdayMean::default() },
        },
        managers: vec![
            manager(1, "Анна Петрова", (126, 2, 42), 110),
            manager(2, "Борис Ким", (98, 8, 28), 104),
            manager(3, "Вера Соколова", (56, 0, 14), 57),
            WeeklyManager { id: None, ..manager(9, "Не назначен", (14, 4, 0), 0) },
        ],
        channels: vec![
            channel("whatsapp", None, 168, 150),
            channel("instagram", Some("tea.shop"), 84, 85),
            channel("telegram", Some("Опт"), 42, 36),
        ],
        movers: Movers {
            ranked_count: 3,
            best: vec![mover(1, "Анна Петрова", -9.4, side(110, 13, 8, 40.0), side(126, 2, 6, 22.0))],
            worst: vec![mover(2, "Борис Ким", 7.1, side(18, 1, 2, 31.0), side(98, 8, 12, 55.0))],
        },
        trends: trends(),
        examples: Examples {
            no_reply: vec![example(501, "Мария", None), example(504, "", None)],
            slow: vec![example(505, "Олег", Some(10_800.0))],
            lost_intent: vec![example(508, "Ирина", None)],
            good: vec![example(510, "Нина", Some(95.0)), example(511, "Пётр", Some(140.0))],
        },
        lists: ChatLists::default(),
    }
}

/// Nobody wrote and nothing was ordered, before neither.
pub fn empty() -> WeeklyDigest {
    let nothing = Summary { chats: Some(ChatSummary::default()), orders: Some(OrderSummary::default()) };
    let measures = TrendMeasure::ALL.into_iter();
    WeeklyDigest {
        headline: Headline::Quiet,
        team: Compared { current: nothing.clone(), previous: nothing, weekday: WeekdayMean::default() },
        managers: Vec::new(),
        channels: Vec::new(),
        movers: Movers::default(),
        trends: measures
            .map(|measure| Trend { measure, values: vec![None; 12], streak: None, windows: Vec::new() })
            .collect(),
        examples: Examples::default(),
        ..ordinary()
    }
}

fn moved(digest: WeeklyDigest, period: Period, public_id: &str) -> WeeklyDigest {
    let slot_at = period.to + TimeDelta::hours(9);
    WeeklyDigest {
        public_id: public_id.to_owned(),
        slot_at,
        computed_at: slot_at,
        chats_known_until: Some(slot_at),
        orders_known_until: Some(slot_at),
        period,
        ..digest
    }
}

#[test]
fn an_ordinary_week() {
    snapshot!("weekly_ordinary", &ordinary());
}

#[test]
fn an_empty_week_is_told_as_empty() {
    snapshot!("weekly_empty", &empty());
}

#[test]
fn a_tiny_shop_with_one_manager_and_its_first_week() {
    let mut digest = empty();
    digest.headline = Headline::Steady;
    digest.team.current = summary(7, 1, 300.0, 2, 5_400);
    digest.team.previous = Summary::default();
    digest.managers = vec![manager(1, "Анна", (7, 1, 2), 0)];
    digest.managers[0].numbers.previous = Summary::default();
    digest.channels = vec![channel("telegram", None, 7, 0)];
    digest.channels[0].previous = None;
    digest.examples.no_reply = vec![example(501, "Мария", None)];
    snapshot!("weekly_tiny", &digest);
}

#[test]
fn a_week_in_which_clocks_change_is_still_a_week() {
    let zone = chrono_tz::Europe::Berlin;
    let period = Span::Week.containing(on(2026, 10, 25), zone);
    assert_eq!((period.to - period.from).num_hours(), 7 * 24 + 1);
    let slot_at = zone.with_ymd_and_hms(2026, 10, 26, 9, 0, 0).unwrap().to_utc();
    let mut digest = moved(ordinary(), period, "w-1019-k3f9");
    (digest.slot_at, digest.computed_at) = (slot_at, slot_at);
    (digest.chats_known_until, digest.orders_known_until) = (Some(slot_at), Some(slot_at));
    snapshot!("weekly_dst", &digest);
}

#[test]
fn the_53rd_week_lies_in_two_years() {
    let period = Span::Week.containing(on(2026, 12, 31), ZONE);
    assert_eq!((period.from_on, period.to_on), (on(2026, 12, 28), on(2027, 1, 4)));
    assert_eq!(Span::Week.containing(on(2027, 1, 1), ZONE), period);
    let text = messages(&moved(ordinary(), period, "w-1228-k3f9"));
    assert!(text.contains("Сводка за неделю 28 декабря 2026 – 3 января 2027"), "{text}");
    snapshot!("weekly_year_end", &moved(empty(), period, "w-1228-k3f9"));
}

#[test]
fn a_month() {
    let mut digest = moved(ordinary(), Span::Month.containing(on(2026, 8, 20), ZONE), "m-0801-k3f9");
    digest.span = Span::Month;
    digest.headline = Headline::Unanswered { no_reply_chats: 91, inbound_chats: 1_204 };
    for trend in &mut digest.trends {
        trend.windows.truncate(1);
        trend.streak = None;
    }
    snapshot!("monthly_ordinary", &digest);
}

#[test]
fn a_week_read_until_thursday_shows_lower_bounds_and_compares_nothing() {
    let until = at(8, 20, 18, 30);
    let mut digest = ordinary();
    (digest.chat_coverage, digest.order_coverage) =
        (Coverage::Partial { until }, Coverage::Partial { until });
    (digest.chats_known_until, digest.orders_known_until) = (Some(until), Some(until));
    digest.headline = Headline::NoData;
    (digest.movers, digest.examples) = (Movers::default(), Examples::default());
    digest.trends = empty().trends;
    let text = messages(&digest);
    for forbidden in ["%", "п. п.", "мин", "в скобках", "Средний заказ:", "Тренды появятся"]
    {
        assert!(!text.contains(forbidden), "{forbidden} in\n{text}");
    }
    snapshot!("weekly_partial", &digest);
}

#[test]
fn a_week_without_any_data_shows_no_number() {
    let mut digest = empty();
    (digest.chat_coverage, digest.order_coverage) = (Coverage::Missing, Coverage::Missing);
    digest.team = Compared::default();
    digest.headline = Headline::NoData;
    (digest.chats_known_until, digest.orders_known_until) = (None, None);
    snapshot!("weekly_missing", &digest);
}

#[test]
fn each_headline_of_a_week_says_what_to_do() {
    let money = |roubles: i64| svodka::facts::Money(roubles * 100);
    let ratio = |part| Ratio { part, whole: 200 };
    let headlines = [
        Headline::Unanswered { no_reply_chats: 21, inbound_chats: 294 },
        Headline::Slower { median_secs: 840.0, usual_secs: 420.0 },
        Headline::RatioDown { from: ratio(190), to: ratio(160) },
        Headline::RevenueDown { revenue: money(210_000), usual: money(340_000) },
        Headline::Faster { median_secs: 300.0, usual_secs: 600.0 },
        Headline::RevenueUp { revenue: money(500_000), usual: money(340_000) },
        Headline::Steady,
    ];
    let mut all = String::new();
    for headline in headlines {
        for has_movers in [true, false] {
            let mut digest = WeeklyDigest { headline: headline.clone(), ..ordinary() };
            if !has_movers {
                digest.movers = Movers { ranked_count: 3, ..Movers::default() };
            }
            let report = render(&digest, &links()).unwrap();
            all.push_str(report.html.lines().nth(2).expect("the news"));
            all.push('\n');
        }
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots" }, {
        insta::assert_snapshot!("weekly_headlines", all.replace('\u{a0}', " "));
    });
}

#[test]
fn forty_managers_and_hostile_names_still_fit() {
    let mut digest = ordinary();
    digest.managers = (1..=40)
        .map(|n| manager(n, &format!("<b>Менеджер</b> & \"{n:02}\""), (90 - n as u64, n as u64 % 3, 5), 80))
        .collect();
    digest.movers.worst[0].name = "</a><script>".to_owned();
    digest.examples.slow[0].customer_name = "<i>".to_owned();
    let text = messages(&digest);
    for n in 1..=40 {
        assert!(
            text.contains(&format!("&lt;b&gt;Менеджер&lt;/b&gt; &amp; &quot;{n:02}&quot;")),
            "{n} in\n{text}"
        );
    }
}
