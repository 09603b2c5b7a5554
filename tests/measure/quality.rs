//! What is doubtful about a day: by hand, and against a second computation that walks minute by minute.

use std::collections::BTreeSet;

use chrono::{NaiveDate, TimeDelta, Timelike};
use chrono_tz::Tz;
use proptest::prelude::*;
use proptest::sample::select;
use svodka::facts::{Author, CoverageSpan, Facts, Instant, Order};
use svodka::measure::digest::{Coverage, Ratio};
use svodka::measure::quality::{
    Dropped, Duplicates, Finding, QualityInputs, QualityNote, Silence, Source, SourceRead, quality, window,
};
use svodka::measure::{Period, WorkCalendar};

use super::quick;
use super::random::{World, any_world};
use super::worktime::{any_calendar, any_zone_and_day};
use crate::support::facts::*;

fn note(facts: &Facts, shop: &Shop) -> QualityNote {
    let mut facts = facts.clone();
    facts.messages.sort_by_key(|message| (message.sent_at, message.id));
    let inputs = inputs(&facts, shop.period, shop.now, &shop.calendar, shop.chats, shop.orders);
    quality(&inputs)
}

fn inputs<'a>(
    facts: &'a Facts,
    period: Period,
    now: Instant,
    calendar: &'a WorkCalendar,
    chats: Option<CoverageSpan>,
    orders: Option<CoverageSpan>,
) -> QualityInputs<'a> {
    QualityInputs {
        facts,
        period,
        now,
        public_id: "q-0310-test".to_owned(),
        calendar,
        chats,
        orders,
        sources: vec![SourceRead { source: Source::Chats, read_at: Some(now) }],
        dropped: Vec::new(),
        duplicates: Duplicates::default(),
        crm_orders: None,
    }
}

#[test]
fn a_day_without_anything_doubtful_has_no_finding() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 12:00", None);
    shop.asks(10, "2026-03-10 12:00").replies(10, ANNA, "2026-03-10 12:05");
    let order = shop.order(1, "2026-03-10 13:00", 138_000);
    order.manager_id = Some(1);
    let base = inputs(&shop.facts, shop.period, shop.now, &shop.calendar, shop.chats, shop.orders);
    assert_eq!(quality(&QualityInputs { crm_orders: Some(1), ..base }).findings, []);
}

#[test]
fn an_hour_is_silent_when_the_same_hour_of_the_weekday_never_was() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-02-01 12:00", None);
    for week in 1..=4 {
        let day = date("2026-03-10") - TimeDelta::days(7 * week);
        for (hour, count) in [(9, 9), (12, 6), (13, 8), (14, 6), (16, 4)] {
            // At three o'clock in the afternoon nobody ever wrote; before ten the shop is closed.
            for minute in 0..count {
                shop.asks(10, &format!("{day} {hour:02}:{minute:02}"));
            }
        }
    }
    let findings = |shop: &Shop| note(&shop.facts, shop).findings;
    let silent = |from: &str, to: &str, usual| Silence {
        from: msk(&format!("2026-03-10 {from}")),
        to: msk(&format!("2026-03-10 {to}")),
        usual,
    };
    let told = |stretches| vec![Finding::SilentHours { stretches }];
    assert_eq!(findings(&shop), told(vec![silent("12:00", "15:00", 20.0)]));
    shop.asks(10, "2026-03-10 13:59:59");
    assert_eq!(findings(&shop), told(vec![silent("12:00", "13:00", 6.0), silent("14:00", "15:00", 6.0)]));
    // One earlier day without a message in that hour, and it is no sign any more.
    shop.facts.messages.retain(|message| {
        !(msk("2026-02-17 12:00") <= message.sent_at && message.sent_at < msk("2026-02-17 13:00"))
    });
    assert_eq!(findings(&shop), told(vec![silent("14:00", "15:00", 6.0)]));
    // Two known days are too few.
    let span = shop.chats.expect("known");
    shop.chats = Some(CoverageSpan { from: msk("2026-02-24 00:00"), ..span });
    assert_eq!(findings(&shop), []);
}

#[test]
fn orders_that_nobody_holds_or_that_look_made_twice_are_named() {
    let mut shop = Shop::on("2026-03-10");
    for id in 1..=8 {
        let order = shop.order(id, &format!("2026-03-10 {:02}:00", 10 + id), 1_000 * id);
        (order.manager_id, order.customer_id) = (Some(1), Some(700));
    }
    assert_eq!(note(&shop.facts, &shop).findings, []);
    // 9 repeats 8 ten minutes later, 10 repeats 9 eleven minutes later, 11 is another customer's.
    for (id, at, customer) in [(9, "18:10", 700), (10, "18:21", 700), (11, "18:20", 701)] {
        let order = shop.order(id, &format!("2026-03-10 {at}"), 8_000);
        (order.manager_id, order.customer_id) = (Some(1), Some(customer));
    }
    let double = Finding::DoubleOrders { count: 1, numbers: vec!["9A".to_owned()] };
    assert_eq!(note(&shop.facts, &shop).findings, std::slice::from_ref(&double));
    shop.facts.orders[0].manager_id = None;
    shop.facts.orders[1].manager_id = None;
    let ratio = Ratio::of(2, 11).expect("orders");
    let orphans = Finding::OrdersWithoutManager { ratio, numbers: vec!["1A".to_owned(), "2A".to_owned()] };
    assert_eq!(note(&shop.facts, &shop).findings, [orphans, double.clone()]);
    // One in eleven may be on purpose.
    shop.facts.orders[1].manager_id = Some(1);
    assert_eq!(note(&shop.facts, &shop).findings, [double]);
}

#[test]
fn clocks_that_run_ahead_are_told_by_what_cannot_be() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 12:00", None);
    shop.asks(10, "2026-03-10 12:00");
    let late = shop.says(10, Author::Customer(1), "2026-03-10 12:30");
    late.updated_at = msk("2026-03-10 12:28");
    assert_eq!(note(&shop.facts, &shop).findings, [], "two minutes are tolerated");
    shop.facts.messages[1].updated_at = msk("2026-03-10 12:25");
    let channel = Finding::ChannelAhead { messages: 1, worst_secs: 300 };
    assert_eq!(note(&shop.facts, &shop).findings, std::slice::from_ref(&channel));
    shop.facts.messages[0].updated_at = shop.now + TimeDelta::seconds(180);
    assert_eq!(note(&shop.facts, &shop).findings, [channel, Finding::CrmAhead { secs: 180 }]);
}

#[test]
fn what_was_not_read_is_told_and_nothing_is_derived_from_it() {
    let mut shop = Shop::on("2026-03-10");
    shop.order(1, "2026-03-10 12:00", 1_000);
    let until = msk("2026-03-10 21:40");
    shop.orders = shop.orders.map(|span| CoverageSpan { until, ..span });
    shop.chats = None;
    let base = inputs(&shop.facts, shop.period, shop.now, &shop.calendar, shop.chats, shop.orders);
    let read = |source, ago: i64| SourceRead { source, read_at: Some(shop.now - TimeDelta::minutes(ago)) };
    let sources = vec![
        read(Source::People, 120),
        read(Source::Orders, 121),
        SourceRead { source: Source::Chats, read_at: None },
    ];
    let dropped =
        vec![Dropped { source: Source::Orders, count: 3 }, Dropped { source: Source::People, count: 0 }];
    let duplicates = Duplicates { messages: 4, chats: 2 };
    let found = quality(&QualityInputs { sources, dropped, duplicates, crm_orders: Some(7), ..base });
    assert_eq!(
        found.findings,
        [
            Finding::NotRead { source: Source::Chats, coverage: Coverage::Missing },
            Finding::NotRead { source: Source::Orders, coverage: Coverage::Partial { until } },
            Finding::StaleSource {
                source: Source::Orders,
                read_at: Some(shop.now - TimeDelta::minutes(121))
            },
            Finding::StaleSource { source: Source::Chats, read_at: None },
            Finding::DroppedRecords { source: Source::Orders, count: 3, ratio: None },
            Finding::DuplicateMessages { messages: 4, chats: 2 },
        ]
    );
}

/// Messages on five days of the same weekday: so many in each hour that the clock shows.
#[derive(Debug, Clone)]
struct Weeks {
    calendar: WorkCalendar,
    period: Period,
    chats: Option<CoverageSpan>,
    facts: Facts,
}

fn any_weeks() -> impl Strategy<Value = Weeks> {
    let place = any_zone_and_day()
        .prop_flat_map(|(zone, day)| (any_calendar(zone, day, 15), Just(day), 0i64..5).boxed());
    place.prop_flat_map(|(calendar, changed_on, weeks)| {
        let day_on = changed_on + TimeDelta::days(7 * weeks);
        // Per day and quarter of an hour from the day's start: a day may have 25 hours.
        let quiet = select(vec![0usize, 2, 2, 3]);
        let today = select(vec![0usize, 0, 0, 1]);
        let earlier = proptest::collection::vec(proptest::collection::vec(quiet, 100), 4);
        let today = proptest::collection::vec(today, 100);
        let known = prop_oneof![3 => Just(-40i64 * 24), 1 => -30i64 * 24..1];
        let until = prop_oneof![3 => Just(30i64), 1 => 0i64..25];
        (Just(calendar), Just(day_on), earlier, today, known, until).prop_map(weeks_of)
    })
}

type Drawn = (WorkCalendar, NaiveDate, Vec<Vec<usize>>, Vec<usize>, i64, i64);

fn weeks_of((calendar, day_on, earlier, today, known, until): Drawn) -> Weeks {
    let period = Period::day(day_on, calendar.zone);
    let mut facts = Facts::default();
    for (ago, counts) in std::iter::once(&today).chain(&earlier).enumerate() {
        let day = period.earlier(7 * ago as u64);
        for (quarter, count) in counts.iter().enumerate() {
            for second in 0..*count {
                let at = day.from + TimeDelta::seconds(900 * quarter as i64 + second as i64);
                let id = facts.messages.len() as i64;
                if day.contains(at) {
                    facts.messages.push(message(id, 1, None, at, Author::Customer(1)));
                }
            }
        }
    }
    let hours = |hours: i64| period.from + TimeDelta::hours(hours);
    let chats = Some(CoverageSpan { from: hours(known), until: hours(until) });
    Weeks { calendar, period, chats, facts }
}

/// Hours that the clock shows on a day, each with its minutes.
fn hours_of(day_on: NaiveDate, zone: Tz) -> Vec<Vec<Instant>> {
    let day = Period::day(day_on, zone);
    let mut hours = vec![Vec::new(); 24];
    let mut at = day.from;
    while at < day.to {
        hours[at.with_timezone(&zone).hour() as usize].push(at);
        at += TimeDelta::minutes(1);
    }
    hours
}

/// Messages in each hour of a day that counts, `None` for the others.
fn counts(weeks: &Weeks, day_on: NaiveDate) -> Vec<Option<(Instant, Instant, usize)>> {
    let (zone, minute) = (weeks.calendar.zone, TimeDelta::minutes(1));
    let known = weeks.chats.expect("known");
    let starts = Period::day(day_on, zone).from;
    let of_hour = |minutes: &Vec<Instant>| {
        let (first, last) = (*minutes.first()?, *minutes.last()? + minute);
        let is_whole = first.with_timezone(&zone).minute() == 0;
        let is_worked = minutes.iter().all(|at| weeks.calendar.secs_between(*at, *at + minute) == 60);
        let is_known = known.from <= starts && known.until > starts && last <= known.until;
        let sent = weeks.facts.messages.iter().filter(|m| first <= m.sent_at && m.sent_at < last).count();
        (is_whole && is_worked && is_known).then_some((first, last, sent))
    };
    hours_of(day_on, zone).iter().map(of_hour).collect()
}

fn slow_silences(weeks: &Weeks) -> Vec<Silence> {
    let day_on = weeks.period.from_on;
    let earlier: Vec<_> = (1..=4).map(|ago| counts(weeks, day_on - TimeDelta::days(7 * ago))).collect();
    let mut silences: Vec<Silence> = Vec::new();
    for (hour, today) in counts(weeks, day_on).into_iter().enumerate() {
        let Some((from, to, 0)) = today else { continue };
        let usual: Vec<usize> = earlier.iter().filter_map(|day| day[hour]).map(|(_, _, sent)| sent).collect();
        let sum: usize = usual.iter().sum();
        if usual.len() < 3 || usual.contains(&0) || sum < 5 * usual.len() {
            continue;
        }
        let usual = sum as f64 / usual.len() as f64;
        match silences.last_mut().filter(|last| last.to == from) {
            Some(last) => (last.to, last.usual) = (to, last.usual + usual),
            None => silences.push(Silence { from, to, usual }),
        }
    }
    silences
}

/// Every other finding of a random shop, by comparing everything with everything.
fn slow_findings(world: &World) -> BTreeSet<String> {
    let (facts, period) = (&world.facts, &world.period);
    let mut found = BTreeSet::new();
    let until = |coverage: Coverage| match coverage {
        Coverage::Complete => period.to,
        Coverage::Partial { until } => until,
        Coverage::Missing => period.from,
    };
    let chats = super::oracle::coverage(world.chats, period);
    let orders = super::oracle::coverage(world.orders, period);
    let orphans: Vec<i64> = facts
        .messages
        .iter()
        .filter(|m| m.is_public && m.author != Author::System)
        .filter(|m| m.sent_at >= period.from && m.sent_at < until(chats))
        .filter(|m| facts.chats.iter().all(|chat| chat.id != m.chat_id))
        .map(|m| m.chat_id)
        .collect();
    if !orphans.is_empty() {
        let chats = orphans.iter().collect::<BTreeSet<_>>().len();
        found.insert(format!("unknown {} in {chats}", orphans.len()));
    }
    let made: Vec<&Order> = facts
        .orders
        .iter()
        .filter(|order| !order.is_deleted)
        .filter(|order| order.created_at >= period.from && order.created_at < until(orders))
        .collect();
    let nobodys = made.iter().filter(|order| order.manager_id.is_none()).count();
    if orders == Coverage::Complete && nobodys * 10 > made.len() {
        found.insert(format!("nobody's {nobodys} of {}", made.len()));
    }
    let is_double = |order: &&&Order| {
        facts.orders.iter().any(|first| {
            let gap = order.created_at - first.created_at;
            !first.is_deleted
                && (first.created_at, first.id) < (order.created_at, order.id)
                && gap <= TimeDelta::minutes(10)
                && order.customer_id.is_some()
                && first.customer_id == order.customer_id
                && first.total == order.total
                && order.total.0 > 0
        })
    };
    let doubles = made.iter().filter(is_double).count();
    if doubles > 0 {
        found.insert(format!("double {doubles}"));
    }
    found
}

proptest! {
    #![proptest_config(quick(150))]

    #[test]
    fn silent_hours_agree_with_a_walk_minute_by_minute(weeks in any_weeks()) {
        let now = weeks.period.to + TimeDelta::hours(9);
        let note = quality(&inputs(&weeks.facts, weeks.period, now, &weeks.calendar, weeks.chats, weeks.chats));
        let told = note.findings.iter().find_map(|finding| match finding {
            Finding::SilentHours { stretches } => Some(stretches.clone()),
            _ => None,
        });
        let expected = slow_silences(&weeks);
        let told = told.unwrap_or_default();
        prop_assert_eq!(told.len(), expected.len(), "{:?} {:?}", told, expected);
        for (told, expected) in told.iter().zip(&expected) {
            prop_assert_eq!((told.from, told.to), (expected.from, expected.to));
            prop_assert!((told.usual - expected.usual).abs() < 1e-9);
        }
    }

    #[test]
    fn orphans_and_doubles_agree_with_comparing_everything_with_everything(
        mut world in any_world(),
        twins in proptest::collection::vec((0usize..12, 0i64..900), 0..4),
    ) {
        for (index, secs) in twins {
            if let Some(order) = world.facts.orders.get(index).cloned() {
                let id = world.facts.orders.len() as i64;
                let created_at = order.created_at + TimeDelta::seconds(secs);
                world.facts.orders.push(Order { id, created_at, ..order });
            }
        }
        world.sort();
        let note = quality(&inputs(
            &world.facts, world.period, world.now, &world.calendar, world.chats, world.orders,
        ));
        let told: BTreeSet<String> = note.findings.iter().filter_map(|finding| match finding {
            Finding::UnknownChats { messages, chats } => Some(format!("unknown {messages} in {chats}")),
            Finding::OrdersWithoutManager { ratio, .. } => {
                Some(format!("nobody's {} of {}", ratio.part, ratio.whole))
            }
            Finding::DoubleOrders { count, .. } => Some(format!("double {count}")),
            _ => None,
        }).collect();
        prop_assert_eq!(told, slow_findings(&world));
    }
}

#[test]
fn the_random_weeks_do_hold_silence() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut drawn = |_: usize| {
        use proptest::strategy::ValueTree;
        any_weeks().new_tree(&mut runner).expect("a shop").current()
    };
    let silent = (0..60).map(&mut drawn).filter(|weeks| !slow_silences(weeks).is_empty()).count();
    assert!(silent >= 15, "{silent} of 60 have a silent hour");
}

#[test]
fn the_window_reaches_back_to_the_first_day_an_hour_is_compared_with() {
    let shop = Shop::on("2026-03-31");
    let (from, until) = window(&shop.period, shop.now);
    assert_eq!(from, msk("2026-03-03 00:00"));
    assert!(until > shop.now);
}
