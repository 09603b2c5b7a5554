//! A bot's database that is away, slow or shaped otherwise: one incident with the reason, and never a zero that nobody counted.

use chrono::TimeDelta;
use svodka::clock::{Clock, ManualClock};
use svodka::collect::bot_events::SOURCE_BOT_EVENTS;
use svodka::facts::bot::BotFigures;
use svodka::jobs::rollup::roll_new;
use svodka::store::incidents::IncidentRow;

use super::database::{BotDatabase, Row, app};
use crate::support::postgres;
use crate::support::stores::{Given, for_each_store};

const NOON: &str = "2026-08-10T12:00:00Z";

fn session(id: i64, at: &str) -> Row {
    Row {
        id,
        user_id: Some(id),
        event_type: "session_start".to_owned(),
        metadata: Some("{}".to_owned()),
        created_at: at.parse().unwrap(),
    }
}

/// Reason and words of a round that must fail.
async fn refused(given: &Given, url: &str) -> (String, String) {
    let clock = ManualClock::new(NOON.parse().unwrap());
    let app = app(given, url, &clock, &[]).await;
    let error = roll_new(&app.work, None).await.expect_err("this round must fail");
    let row = app.store.find_source(SOURCE_BOT_EVENTS).await.unwrap().unwrap();
    assert_eq!(row.failure_reason.as_deref(), Some(error.reason), "noted at the source");
    assert_eq!(row.coverage, None);
    app.store.close().await;
    (error.reason.to_owned(), error.note)
}

#[tokio::test]
async fn a_table_that_lacks_something_is_named_with_what_it_needs() {
    for_each_store(async |given| {
        let database = BotDatabase::beside(&given, "JSONB").await;
        database.execute("ALTER TABLE user_events RENAME COLUMN metadata TO payload").await;
        let (reason, note) = refused(&given, &database.url()).await;
        assert_eq!(reason, "unexpected_shape");
        assert!(note.contains("lacks the column `metadata`") && note.contains("created_at"), "{note}");

        database.execute("DROP TABLE user_events").await;
        let (reason, note) = refused(&given, &database.url()).await;
        assert_eq!(reason, "not_found");
        assert!(note.contains("no table user_events"), "{note}");
        database.remove().await;
    })
    .await;
}

#[tokio::test]
async fn an_index_is_asked_for_where_there_is_none_and_nothing_can_be_written() {
    for_each_store(async |given| {
        let database = BotDatabase::beside(&given, "JSONB").await;
        let clock = ManualClock::new(NOON.parse().unwrap());
        let app = app(&given, &database.url(), &clock, &[]).await;
        let events = app.work.bot_events.as_ref().unwrap();
        assert_eq!(events.check().await.unwrap(), None);
        database.execute("DROP INDEX user_events_by_time").await;
        assert!(events.check().await.unwrap().unwrap().contains("CREATE INDEX"));
        app.store.close().await;
        database.remove().await;
    })
    .await;
}

#[tokio::test]
async fn a_wrong_type_a_missing_right_and_a_wrong_address_have_reasons_of_their_own() {
    let Some(cluster) = postgres::cluster() else { return };
    for_each_store(async |given| {
        let database = cluster.empty_database().await;
        let database = BotDatabase::Postgres(database);
        database
            .execute(
                "CREATE TABLE user_events (id UUID, user_id BIGINT, event_type TEXT, metadata TEXT, created_at TIMESTAMPTZ)",
            )
            .await;
        let (reason, note) = refused(&given, &database.url()).await;
        assert_eq!(reason, "unexpected_shape");
        assert!(note.contains("`id` of type uuid"), "{note}");

        database.execute("ALTER TABLE user_events ALTER COLUMN id TYPE INTEGER USING 1").await;
        database.execute("DROP ROLE IF EXISTS reader").await;
        database.execute("CREATE ROLE reader LOGIN").await;
        let (reason, note) =
            refused(&given, &database.url().replace("postgres://svodka@", "postgres://reader@")).await;
        assert_eq!(reason, "forbidden");
        assert!(note.contains("GRANT SELECT"), "{note}");
        database.execute("DROP ROLE reader").await;

        let (reason, _) = refused(&given, &database.url().replace("/empty_", "/nothing_")).await;
        assert_eq!(reason, "not_found");
        let (reason, _) = refused(&given, "postgres://svodka:secret@127.0.0.1:1/bot").await;
        assert_eq!(reason, "unreachable");
        database.remove().await;
    })
    .await;
}

#[tokio::test]
async fn a_slow_database_is_not_waited_for() {
    let Some(cluster) = postgres::cluster() else { return };
    for_each_store(async |given| {
        let database = BotDatabase::Postgres(cluster.empty_database().await);
        // A view that takes longer than a statement may.
        database
            .execute(
                "CREATE VIEW user_events AS SELECT 1::bigint AS id, 1::bigint AS user_id, 'x'::text AS event_type, \
                 '{}'::text AS metadata, now() AS created_at FROM pg_sleep(30)",
            )
            .await;
        let clock = ManualClock::new(NOON.parse().unwrap());
        let app = app(&given, &database.url(), &clock, &[("SVODKA__BOT__TIMEOUT", "200ms")]).await;
        let error = roll_new(&app.work, None).await.expect_err("a slow database");
        assert_eq!(error.reason, "timeout");
        assert!(!error.is_permanent);
        app.store.close().await;
        database.remove().await;
    })
    .await;
}

#[tokio::test]
async fn a_bot_database_that_dies_leaves_coverage_behind_and_opens_one_incident_that_ends() {
    for_each_store(async |given| {
        let database = BotDatabase::beside(&given, "JSONB").await;
        let clock = ManualClock::new(NOON.parse().unwrap());
        let app = app(&given, &database.url(), &clock, &[("SVODKA__TIMEZONE", "UTC")]).await;
        database.insert(&[session(1, "2026-08-09T10:00:00Z"), session(2, "2026-08-10T10:00:00Z")]).await;
        roll_new(&app.work, None).await.unwrap();
        let figures = async || -> BotFigures {
            let day = |text: &str| text.parse().unwrap();
            app.store.bot_figures(day("2026-08-09"), day("2026-08-12"), day("2026-08-12")).await.unwrap()
        };
        let known = figures().await;
        assert_eq!(known.days.iter().map(|day| day.dau).collect::<Vec<_>>(), [1, 1, 0]);
        assert_eq!(known.events_coverage.unwrap().until, clock.now() - TimeDelta::minutes(10));

        database.execute("ALTER TABLE user_events RENAME TO gone").await;
        for _ in 0..4 {
            clock.advance(TimeDelta::hours(1));
            roll_new(&app.work, None).await.expect_err("the table is gone");
            app.alerts.check_step().await.unwrap();
        }
        assert_eq!(figures().await, known, "nothing was counted, so nothing became zero");
        let keys = |rows: Vec<IncidentRow>| rows.into_iter().map(|row| row.key).collect::<Vec<_>>();
        assert_eq!(keys(app.store.list_open_incidents().await.unwrap()), ["source/bot_events"]);

        database.execute("ALTER TABLE gone RENAME TO user_events").await;
        clock.advance(TimeDelta::hours(1));
        roll_new(&app.work, None).await.unwrap();
        app.alerts.check_step().await.unwrap();
        assert!(app.store.list_open_incidents().await.unwrap().is_empty());
        assert_eq!(figures().await.events_coverage.unwrap().until, clock.now() - TimeDelta::minutes(10));
        app.store.close().await;
        database.remove().await;
    })
    .await;
}
