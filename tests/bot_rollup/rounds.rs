//! Rounds over a growing table: whatever comes late, twice or broken, the figures equal the oracle's.

use chrono::{Days, NaiveDate, TimeDelta};
use svodka::app::App;
use svodka::clock::ManualClock;
use svodka::facts::bot::{BotFigures, BotStep};
use svodka::jobs::rollup::{roll_new, roll_range};
use svodka::measure::Period;

use super::database::{BotDatabase, Row, app};
use super::oracle::{Oracle, Truth};
use super::random::{DAYS, World, Written, world};
use crate::support::stores::{Given, for_each_store};

#[tokio::test]
async fn figures_equal_a_slow_count_over_the_raw_events_after_every_round() {
    for_each_store(async |given| {
        for seed in 0..4 {
            let world = world(seed);
            let seen = live(&given, &world, seed).await;
            assert!(seen.late > 3 && seen.malformed > 20 && seen.twice > 3, "seed {seed}: {seen:?}");
            assert!(seen.deepest >= 4 && seen.returned > 0, "seed {seed}: {seen:?}");
            clear(&given).await;
        }
    })
    .await;
}

/// What a world put to the test.
#[derive(Debug, Default)]
struct Seen {
    late: usize,
    malformed: u64,
    twice: usize,
    /// Deepest step of the ordered funnel.
    deepest: usize,
    returned: u64,
}

/// Lets the world pass in rounds; compares after each.
async fn live(given: &Given, world: &World, seed: u64) -> Seen {
    let database = BotDatabase::beside(given, world.metadata_type).await;
    let clock = ManualClock::new(Period::day(world.first_on, world.zone).from);
    let app = app(given, &database.url(), &clock, &[("SVODKA__TIMEZONE", world.zone.name())]).await;
    let mut oracle = Oracle { zone: world.zone, events: Vec::new() };
    let (mut seen, mut written) = (Seen::default(), &world.written[..]);
    // The first round reads back a while, then rounds follow after days, hours and minutes.
    let begins_at = clock.now_at();
    for hours in [
        20 * 24,
        21 * 24 + 1,
        21 * 24 + 2,
        24 * 24 + 5,
        30 * 24,
        DAYS * 24 + 12,
        DAYS * 24 + 13,
        DAYS * 24 + 300,
    ] {
        clock.set(begins_at + TimeDelta::hours(hours));
        let now = clock.now_at();
        let visible = written.partition_point(|event| event.committed_at <= now);
        let (fresh, rest) = written.split_at(visible);
        written = rest;
        let day = |event: &Written| event.truth.at.with_timezone(&world.zone).date_naive();
        let yesterday = now.with_timezone(&world.zone).date_naive() - Days::new(1);
        if hours > 20 * 24 {
            seen.late += fresh.iter().filter(|event| day(event) < yesterday).count();
        }
        seen.twice += fresh.iter().filter(|event| event.is_twice).count();
        let rows: Vec<Row> = fresh
            .iter()
            .flat_map(|event| std::iter::repeat_n(event.row.clone(), if event.is_twice { 2 } else { 1 }))
            .collect();
        database.insert(&rows).await;
        oracle.events.extend(fresh.iter().map(|event| event.truth.clone()));
        roll_new(&app.work, None).await.unwrap();
        compare(given, &oracle, world, &clock, seed, &mut seen).await;
    }
    assert!(written.is_empty());
    // Rolled up again in ranges nothing changes.
    let before = windows(given, world, &clock).await;
    let (first, last) = (world.first_on - Days::new(3), world.first_on + Days::new(20));
    let rolled = roll_range(&app.work, first, last, None).await.unwrap();
    assert!(rolled.days > 15 && rolled.kept_days >= 3, "{rolled:?}");
    assert_eq!(windows(given, world, &clock).await, before);
    app.store.close().await;
    database.remove().await;
    seen
}

trait Now {
    fn now_at(&self) -> svodka::clock::Instant;
}

impl Now for ManualClock {
    fn now_at(&self) -> svodka::clock::Instant {
        svodka::clock::Clock::now(self)
    }
}

/// Windows of a day, a week, a month and more, as known at their ends and later.
fn asked(world: &World, clock: &ManualClock) -> Vec<(NaiveDate, NaiveDate, NaiveDate)> {
    let today = clock.now_at().with_timezone(&world.zone).date_naive();
    let tomorrow = today + Days::new(1);
    let mut asked = vec![(world.first_on - Days::new(2), tomorrow, tomorrow)];
    for days in [1, 7, 14, 30] {
        for back in [0, 1, 9] {
            let until_on = tomorrow - Days::new(back);
            asked.push((until_on - Days::new(days), until_on, until_on));
            asked.push((until_on - Days::new(days), until_on, tomorrow));
        }
    }
    asked
}

async fn windows(given: &Given, world: &World, clock: &ManualClock) -> Vec<BotFigures> {
    let mut figures = Vec::new();
    for (from_on, until_on, known_until_on) in asked(world, clock) {
        figures.push(given.bot_figures(from_on, until_on, known_until_on).await.unwrap());
    }
    figures
}

async fn compare(
    given: &Given,
    oracle: &Oracle,
    world: &World,
    clock: &ManualClock,
    seed: u64,
    seen: &mut Seen,
) {
    let found = windows(given, world, clock).await;
    for (found, (from_on, until_on, known_until_on)) in found.into_iter().zip(asked(world, clock)) {
        let mut expected = oracle.figures(from_on, until_on, known_until_on);
        let coverage = found.events_coverage.unwrap();
        assert_eq!(coverage.until, clock.now_at() - TimeDelta::minutes(10), "the default lag");
        assert!(coverage.from <= Period::day(world.first_on + Days::new(1), world.zone).from);
        expected.events_coverage = found.events_coverage;
        assert_eq!(
            found,
            expected,
            "seed {seed}, {from_on} to {until_on} as known at {known_until_on}, {}",
            given.backend()
        );
        let is_reached = |step: &BotStep| found.funnel_ordered[*step as usize] > 0;
        seen.deepest = seen.deepest.max(BotStep::ALL.iter().filter(|step| is_reached(step)).count());
        seen.malformed = seen.malformed.max(found.days.iter().map(|day| day.malformed_fields).sum());
        seen.returned += found.retention.iter().map(|retention| retention.retained_users).sum::<u64>();
    }
}

/// A fresh store for the next world, by the way an owner would do it.
async fn clear(given: &Given) {
    let tables = [
        "daily_stats",
        "user_days",
        "bot_entries",
        "bot_users",
        "bot_surveys",
        "bot_labels",
        "bot_queries",
        "bot_starts",
        "sources",
    ];
    for table in tables {
        given.execute(&format!("DELETE FROM {table}")).await;
    }
}

fn start(id: i64, user_id: i64, at: &str) -> (Row, Truth) {
    let kind = svodka::facts::bot::BotEventKind::Start { source: None, is_new_user: None };
    let at = at.parse().unwrap();
    let row = Row {
        id,
        user_id: Some(user_id),
        event_type: "bot_start".to_owned(),
        metadata: None,
        created_at: at,
    };
    (row, Truth { id, user_id, at, kind, malformed: 0, query_group: 0 })
}

/// The days of a world of a few starts.
async fn days(app: &App, from_on: &str, until_on: &str) -> Vec<u64> {
    let (from_on, until_on) = (from_on.parse().unwrap(), until_on.parse().unwrap());
    let figures = app.store.bot_figures(from_on, until_on, until_on).await.unwrap();
    figures.days.iter().map(|day| day.starts).collect()
}

#[tokio::test]
async fn a_transaction_open_longer_than_the_lag_is_missed_before_yesterday_and_counted_by_hand() {
    for_each_store(async |given| {
        let database = BotDatabase::beside(&given, "JSONB").await;
        let clock = ManualClock::new("2026-08-10T09:00:00Z".parse().unwrap());
        let app = app(&given, &database.url(), &clock, &[("SVODKA__TIMEZONE", "UTC")]).await;
        let row = |id, at| start(id, id, at).0;
        database.insert(&[row(1, "2026-08-05T10:00:00Z"), row(9, "2026-08-10T08:00:00Z")]).await;
        roll_new(&app.work, None).await.unwrap();
        clock.advance(TimeDelta::hours(1));
        roll_new(&app.work, None).await.unwrap();

        // Its id was given five hours before it became visible.
        database.insert(&[row(5, "2026-08-06T10:00:00Z")]).await;
        clock.advance(TimeDelta::hours(1));
        roll_new(&app.work, None).await.unwrap();
        assert_eq!(days(&app, "2026-08-05", "2026-08-11").await, [1, 0, 0, 0, 0, 1]);
        let day = "2026-08-06".parse().unwrap();
        roll_range(&app.work, day, day, None).await.unwrap();
        assert_eq!(days(&app, "2026-08-05", "2026-08-11").await, [1, 1, 0, 0, 0, 1]);

        // Within the lag it is found by itself, as old as its moment may be.
        database.insert(&[row(10, "2026-08-07T10:00:00Z")]).await;
        clock.advance(TimeDelta::hours(1));
        roll_new(&app.work, None).await.unwrap();
        assert_eq!(days(&app, "2026-08-05", "2026-08-11").await, [1, 1, 1, 0, 0, 1]);
        app.store.close().await;
        database.remove().await;
    })
    .await;
}

#[tokio::test]
async fn another_zone_makes_all_days_anew_and_days_without_their_events_stay() {
    for_each_store(async |given| {
        let database = BotDatabase::beside(&given, "TEXT").await;
        let clock = ManualClock::new("2026-08-10T09:00:00Z".parse().unwrap());
        let utc = app(&given, &database.url(), &clock, &[("SVODKA__TIMEZONE", "UTC")]).await;
        let row = |id, at| start(id, id, at).0;
        database.insert(&[row(1, "2026-08-05T23:00:00Z"), row(2, "2026-08-07T23:00:00Z")]).await;
        roll_new(&utc.work, None).await.unwrap();
        assert_eq!(days(&utc, "2026-08-05", "2026-08-09").await, [1, 0, 1, 0]);

        let omsk = app(&given, &database.url(), &clock, &[("SVODKA__TIMEZONE", "Asia/Omsk")]).await;
        roll_new(&omsk.work, None).await.unwrap();
        assert_eq!(days(&omsk, "2026-08-05", "2026-08-09").await, [0, 1, 0, 1]);

        // The bot's owner cleans up: what was counted is not taken back.
        database.execute("DELETE FROM user_events WHERE id = 1").await;
        let rolled =
            roll_range(&omsk.work, "2026-08-01".parse().unwrap(), "2026-08-10".parse().unwrap(), None)
                .await
                .unwrap();
        assert_eq!((rolled.days, rolled.kept_days), (3, 7));
        roll_new(&omsk.work, None).await.unwrap();
        assert_eq!(days(&omsk, "2026-08-05", "2026-08-09").await, [0, 1, 0, 1]);
        utc.store.close().await;
        omsk.store.close().await;
        database.remove().await;
    })
    .await;
}
