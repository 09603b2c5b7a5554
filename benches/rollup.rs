//! What counting the bot costs: 3.6 million events (a year at about 1,000 users a day) on a throw-away PostgreSQL.
//!
//! `cargo bench --bench rollup` prints the first backfill, one day's roll-up, the figures of a month from roll-ups and the same
//! by raw SQL on `user_events`, and the peak memory of this process (the server is another one).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use chrono::{Days, NaiveDate};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use svodka::app::App;
use svodka::clock::{Clock, SystemClock};
use svodka::jobs::rollup::{roll_new, roll_range};
use svodka::outbound::Jitter;
use svodka::settings::Settings;

#[path = "../tests/support/postgres.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "the fixture of the tests, which use more of it")]
mod postgres;

const EVENTS: u64 = 3_600_000;

/// A user comes about ten times a day; starts are rarer than searches, as in life.
const FILL: &str = "INSERT INTO user_events (user_id, event_type, metadata, created_at) \
    SELECT 1 + (n / 10 * 7919::bigint + n / 9863 * 13) % 1000 + 40 * (n / 9863), \
    (ARRAY['session_start', 'product_search', 'product_search', 'cart_created', 'product_search', 'session_start', \
    'product_search', 'bot_error', 'cart_created', 'bot_start'])[1 + n % 10], \
    jsonb_build_object('source', (ARRAY['ads', 'friends', 'shop'])[1 + n % 3], 'is_new_user', n % 20 = 9, \
    'query', 'чай ' || (n * 7919::bigint % 700), 'had_results', n % 7 <> 0, 'total_sum', 500 + n % 4000, \
    'scenario', (ARRAY['gift', 'daily'])[1 + n % 2], 'error_type', 'timeout'), \
    now() - (3600000 - n) * interval '8.76 seconds' FROM generate_series(1, 3600000) AS n";

const RAW: &str = "SELECT count(DISTINCT user_id) FILTER (WHERE event_type = 'session_start'), \
    count(DISTINCT user_id) FILTER (WHERE event_type = 'cart_created'), \
    count(DISTINCT user_id) FILTER (WHERE event_type = 'product_search'), \
    count(*) FILTER (WHERE event_type = 'bot_error'), \
    count(*) FILTER (WHERE event_type = 'cart_created'), \
    sum((metadata ->> 'total_sum')::numeric) FILTER (WHERE event_type = 'cart_created')::bigint \
    FROM user_events WHERE created_at >= $1 AND created_at < $2";

#[tokio::main]
async fn main() {
    let Some(cluster) = postgres::cluster() else { return };
    let (ours, bots) = (cluster.database().await, cluster.empty_database().await);
    let mut bot = PgConnection::connect(&bots.url()).await.expect("the bot's database");
    for sql in [
        "CREATE TABLE user_events (id BIGSERIAL PRIMARY KEY, user_id BIGINT NOT NULL, event_type TEXT NOT NULL, \
         metadata JSONB, created_at TIMESTAMPTZ NOT NULL)",
        FILL,
        "CREATE INDEX user_events_by_time ON user_events (created_at, id)",
        "VACUUM ANALYZE user_events",
    ] {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut bot).await.expect("a filled table");
    }
    let variables: BTreeMap<String, String> = [
        ("DATABASE_URL", ours.url()),
        ("BOT_EVENTS_URL", bots.url()),
        ("SVODKA__DELIVERY", "stdout".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let settings = Settings::from_environment(&variables).expect("the bench's own configuration");
    let zone = settings.zone;
    let app = App::start(Arc::new(settings), Arc::new(SystemClock), Jitter::seeded(1))
        .await
        .expect("a fresh database");
    println!("memory before: {} MB", peak_memory_mb());

    let started = Instant::now();
    let rolled = roll_new(&app.work, None).await.expect("the first backfill");
    println!("first backfill: {} days, {} events in {:.1} s", rolled.days, rolled.events, ms(started) / 1e3);
    assert_eq!(rolled.events, EVENTS);
    println!("memory at its peak: {} MB", peak_memory_mb());

    // What autovacuum does within minutes of a first backfill.
    let mut own = PgConnection::connect(&ours.url()).await.expect("our database");
    sqlx::query("VACUUM ANALYZE").execute(&mut own).await.expect("fresh statistics");
    own.close().await.expect("a connection to close");

    let today = SystemClock.now().with_timezone(&zone).date_naive();
    let day = |back| today - Days::new(back);
    for (name, day_on) in [("one day again", day(40)), ("one day again", day(41)), ("one day again", day(42))]
    {
        let started = Instant::now();
        let rolled = roll_range(&app.work, day_on, day_on, None).await.expect("a day");
        println!("{name}: {} events in {:.1} ms", rolled.events, ms(started));
    }
    figures(&app, &mut bot, "the last month", day(30), today).await;
    figures(&app, &mut bot, "a month half a year ago", day(210), day(180)).await;
    app.store.close().await;
    bot.close().await.expect("a connection to close");
    ours.remove().await;
    bots.remove().await;
}

/// All figures from roll-ups against six of them by raw SQL.
async fn figures(app: &App, bot: &mut PgConnection, name: &str, from_on: NaiveDate, until_on: NaiveDate) {
    let mut best = f64::MAX;
    for _ in 0..5 {
        let started = Instant::now();
        app.store.bot_figures(from_on, until_on, until_on).await.expect("figures");
        best = best.min(ms(started));
    }
    let (from, until) = (from_on.and_time(Default::default()), until_on.and_time(Default::default()));
    let started = Instant::now();
    sqlx::query(RAW).bind(from.and_utc()).bind(until.and_utc()).fetch_one(bot).await.expect("raw figures");
    let raw = ms(started);
    println!(
        "{name}: all figures from roll-ups {best:.1} ms, six of them by raw SQL {raw:.0} ms, ratio {:.0}",
        raw / best
    );
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// The highest resident size of this process so far.
fn peak_memory_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}
