//! The sandbox's bot is plausible, the same for the same seed, and goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use serde_json::Value;
use sqlx::{Connection, PgConnection, SqliteConnection};
use svodka::clock::{Instant, ManualClock};
use svodka::sandbox::bot::{
    BotOptions, BotRecords, BotStandIn, BotWorld, EventRow, fill_postgres, fill_sqlite, tea_bot,
};

use crate::support::postgres;

const STEPS: [&str; 6] = [
    "bot_start",
    "session_start",
    "product_search",
    "cart_created",
    "cart_limit_reached",
    "survey_completed",
];

fn until() -> Instant {
    "2026-08-20T06:00:00Z".parse().unwrap()
}

fn bot() -> BotRecords {
    tea_bot(&BotWorld::demo(until()))
}

fn field(event: &EventRow, name: &str) -> Value {
    let metadata = event.metadata.as_deref().unwrap_or("null");
    serde_json::from_str::<Value>(metadata).unwrap_or_default()[name].clone()
}

#[test]
fn a_small_shops_bot_looks_like_one() {
    let records = bot();
    let zone = chrono_tz::Europe::Moscow;
    let on = |event: &EventRow| event.created_at.with_timezone(&zone).date_naive();
    let past: Vec<_> = records.events.iter().filter(|event| event.created_at <= until()).collect();
    let users = |kind: &str| -> BTreeSet<i64> {
        past.iter().filter(|event| event.event_type == kind).map(|event| event.user_id).collect()
    };
    let funnel = STEPS.map(|step| users(step).len());
    assert!(funnel.windows(2).all(|pair| pair[0] >= pair[1]), "{funnel:?}");
    assert!((500..2_500).contains(&funnel[0]) && funnel[5] >= 10, "{funnel:?}");

    let mut daily: BTreeMap<NaiveDate, BTreeSet<i64>> = BTreeMap::new();
    let mut born: BTreeMap<i64, NaiveDate> = BTreeMap::new();
    for event in &past {
        match event.event_type {
            "session_start" => _ = daily.entry(on(event)).or_default().insert(event.user_id),
            "bot_start" => _ = born.entry(event.user_id).or_insert(on(event)),
            _ => {}
        }
    }
    assert!(daily.len() >= 100 && daily.values().all(|users| !users.is_empty()));
    let retention = |days: i64| {
        let mature = born.iter().filter(|(_, day)| **day + TimeDelta::days(days) < until().date_naive());
        let back = mature.clone().filter(|(user, day)| {
            daily.get(&(**day + TimeDelta::days(days))).is_some_and(|users| users.contains(user))
        });
        back.count() as f64 / mature.count() as f64
    };
    let (d1, d7, d30) = (retention(1), retention(7), retention(30));
    assert!((0.15..0.50).contains(&d1), "D1 {d1}");
    assert!(d7 < d1 && d30 < d7 && (0.01..0.2).contains(&d30), "D7 {d7}, D30 {d30}");

    let sums: Vec<f64> = past.iter().filter_map(|event| field(event, "total_sum").as_f64()).collect();
    assert!(sums.iter().all(|sum| (100.0..10_000.0).contains(sum)));
    let found = |event: &&&EventRow| field(event, "had_results") == Value::Bool(false);
    let searches: Vec<_> = past.iter().filter(|event| event.event_type == "product_search").collect();
    let empty = searches.iter().filter(|event| found(event)).count() as f64 / searches.len() as f64;
    assert!((0.05..0.4).contains(&empty), "empty searches {empty}");
    for kind in ["bot_error", "referral_linked", "referral_bonus_granted", "feedback_bonus_granted"] {
        assert!(!users(kind).is_empty(), "no {kind}");
    }
}

#[test]
fn the_odd_records_of_real_tables_are_there_and_no_message_is() {
    let events = bot().events;
    let is_object = |event: &&EventRow| {
        let text = event.metadata.as_deref();
        text.and_then(|text| serde_json::from_str::<Value>(text).ok()).is_some_and(|value| value.is_object())
    };
    let known: BTreeSet<_> = STEPS
        .into_iter()
        .chain(["bot_error", "referral_linked", "referral_bonus_granted", "feedback_bonus_granted"])
        .collect();
    assert!(events.iter().any(|event| !known.contains(event.event_type)), "unknown type");
    assert!(events.iter().any(|event| event.metadata.is_none()), "NULL metadata");
    assert!(
        events.iter().filter(|event| event.metadata.is_some()).any(|event| !is_object(&event)),
        "no object"
    );
    assert!(events.iter().any(|event| field(event, "total_sum").is_string()), "sum as text");
    let mut starts = BTreeMap::<i64, u32>::new();
    for event in events.iter().filter(|event| event.event_type == "bot_start") {
        *starts.entry(event.user_id).or_default() += 1;
    }
    assert!(starts.values().any(|count| *count > 1), "a user who starts twice");
    assert!(events.iter().all(|event| field(event, "feedback").is_null()));
    assert!(
        events.windows(2).all(|pair| pair[0].id < pair[1].id && pair[0].created_at <= pair[1].created_at)
    );
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes_and_the_stand_in_goes_on() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut contents = Vec::new();
    let clock = ManualClock::new(until());
    let mut standins = Vec::new();
    for folder in &folders {
        let world = BotWorld { days: 20, ..BotWorld::demo(until()) };
        let options = BotOptions { world, folder: folder.path().to_owned() };
        standins.push(BotStandIn::start(options, Arc::new(clock.clone())).await.unwrap());
        let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        contents.push((read("bot-events.db"), read("logs/bot.log"), read("logs/bot.log.1.gz")));
    }
    assert!(contents[0] == contents[1], "the files differ");
    assert!(!contents[0].1.is_empty());
    let other = tea_bot(&BotWorld { seed: 8, ..BotWorld::demo(until()) });
    assert_ne!(other.events, bot().events);

    let count = async || {
        let mut db = SqliteConnection::connect(&standins[0].events_url()).await.unwrap();
        let count = "SELECT count(*), max(created_at) FROM user_events";
        let found: (i64, Instant) = sqlx::query_as(count).fetch_one(&mut db).await.unwrap();
        db.close().await.unwrap();
        found
    };
    let (before, latest_at) = count().await;
    assert!(latest_at <= until());
    while !clock.has_sleepers() {
        tokio::task::yield_now().await;
    }
    clock.advance(TimeDelta::hours(20));
    let mut after = before;
    for _ in 0..10_000 {
        after = count().await.0;
        if after > before {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(after > before, "nothing came due in twenty hours");
}

#[tokio::test]
async fn both_databases_hold_the_same_events() {
    let records = tea_bot(&BotWorld { days: 10, ..BotWorld::demo(until()) });
    const ROWS: &str = "SELECT id, user_id, event_type, created_at FROM user_events ORDER BY id";
    type Row = (i64, i64, String, Instant);
    let expected: Vec<Row> = records
        .events
        .iter()
        .map(|event| (event.id, event.user_id, event.event_type.to_owned(), event.created_at))
        .collect();
    let mut sqlite = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    fill_sqlite(&mut sqlite, &records.events).await.unwrap();
    let rows: Vec<Row> = sqlx::query_as(ROWS).fetch_all(&mut sqlite).await.unwrap();
    assert_eq!(rows, expected);

    let Some(cluster) = postgres::cluster() else { return };
    let database = cluster.empty_database().await;
    let mut pg = PgConnection::connect(&database.url()).await.unwrap();
    fill_postgres(&mut pg, &records.events).await.unwrap();
    let rows: Vec<Row> = sqlx::query_as(ROWS).fetch_all(&mut pg).await.unwrap();
    assert_eq!(rows, expected);
    pg.close().await.unwrap();
    database.remove().await;
}
