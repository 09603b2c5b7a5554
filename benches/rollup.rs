//! What counting the bot costs: 3.6 million events (a year at about 1,000 users a day) on a throw-away PostgreSQL.
//!
//! `cargo bench --bench rollup` prints the first backfill, one day's roll-up, the peak memory of this process, and each figure of
//! a month from roll-ups with one month and with twelve months of history, beside the same by raw SQL on `user_events`. Times are
//! wall time; beside them stands the processor time of this process and of the server, which other work on the machine
//! changes less. The machine should be quiet all the same.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Days, NaiveDate, Utc};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use svodka::app::App;
use svodka::clock::{Clock, SystemClock};
use svodka::jobs::rollup::{roll_new, roll_range};
use svodka::measure::Period;
use svodka::outbound::Jitter;
use svodka::settings::Settings;
use svodka::store::sql::ALL;

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

/// A figure: what it is called, its statement in the store, and the same by raw SQL.
const FIGURES: [(&str, &str, &str); 10] = [
    (
        "counts of each day",
        "DAYS_BETWEEN",
        "SELECT (created_at AT TIME ZONE 'Europe/Moscow')::date, count(DISTINCT user_id) FILTER (WHERE event_type = 'session_start'), \
         count(*) FILTER (WHERE event_type = 'product_search'), count(*) FILTER (WHERE event_type = 'bot_error'), \
         sum((metadata ->> 'total_sum')::numeric) FILTER (WHERE event_type = 'cart_created') \
         FROM user_events WHERE created_at >= $1 AND created_at < $2 GROUP BY 1",
    ),
    (
        "users of each step (open funnel)",
        "USERS_BY_STEP",
        "SELECT count(DISTINCT user_id) FILTER (WHERE event_type = 'bot_start'), \
         count(DISTINCT user_id) FILTER (WHERE event_type = 'session_start'), \
         count(DISTINCT user_id) FILTER (WHERE event_type = 'product_search'), \
         count(DISTINCT user_id) FILTER (WHERE event_type = 'cart_created'), \
         count(DISTINCT user_id) FILTER (WHERE event_type = 'cart_limit_reached'), \
         count(DISTINCT user_id) FILTER (WHERE event_type = 'survey_completed') \
         FROM user_events WHERE created_at >= $1 AND created_at < $2",
    ),
    (
        "ordered funnel (raw: four steps)",
        "ENTRIES",
        "WITH e AS MATERIALIZED (SELECT user_id, event_type, created_at AS at FROM user_events WHERE created_at >= $1 \
         AND created_at < $2), s0 AS (SELECT user_id, min(at) AS at FROM e WHERE event_type = 'bot_start' GROUP BY 1), \
         s1 AS (SELECT user_id, min(e.at) AS at FROM e JOIN s0 USING (user_id) WHERE event_type = 'session_start' \
         AND e.at > s0.at GROUP BY 1), s2 AS (SELECT user_id, min(e.at) AS at FROM e JOIN s1 USING (user_id) \
         WHERE event_type = 'product_search' AND e.at > s1.at GROUP BY 1), s3 AS (SELECT user_id, min(e.at) AS at FROM e \
         JOIN s2 USING (user_id) WHERE event_type = 'cart_created' AND e.at > s2.at GROUP BY 1) \
         SELECT (SELECT count(*) FROM s0), (SELECT count(*) FROM s1), (SELECT count(*) FROM s2), (SELECT count(*) FROM s3)",
    ),
    (
        "starts by source",
        "STARTS_BY_SOURCE",
        "SELECT metadata ->> 'source', count(*), count(*) FILTER (WHERE (metadata ->> 'is_new_user')::boolean) FROM user_events \
         WHERE event_type = 'bot_start' AND created_at >= $1 AND created_at < $2 GROUP BY 1",
    ),
    (
        "users and their carts by source",
        "USERS_BY_SOURCE",
        "WITH s AS (SELECT metadata ->> 'source' AS source, user_id, min(created_at) AS at FROM user_events \
         WHERE event_type = 'bot_start' AND created_at >= $1 AND created_at < $2 GROUP BY 1, 2), \
         c AS (SELECT user_id, max(created_at) AS at FROM user_events WHERE event_type = 'cart_created' AND created_at >= $1 \
         AND created_at < $2 GROUP BY 1) SELECT source, count(*), count(c.at) FROM s \
         LEFT JOIN c ON c.user_id = s.user_id AND c.at > s.at GROUP BY 1",
    ),
    (
        "retention by cohort (raw: D1)",
        "COHORTS",
        "WITH f AS (SELECT user_id, min(created_at)::date AS on_ FROM user_events WHERE event_type = 'bot_start' AND created_at < $2 \
         GROUP BY 1), b AS (SELECT DISTINCT user_id, created_at::date AS on_ FROM user_events \
         WHERE event_type = 'session_start' AND created_at >= $1 AND created_at < $2) SELECT f.on_, count(*), count(b.on_) FROM f \
         LEFT JOIN b ON b.user_id = f.user_id AND b.on_ = f.on_ + 1 WHERE f.on_ >= $1::date GROUP BY 1",
    ),
    (
        "scenarios and errors by type",
        "LABELS",
        "SELECT event_type, coalesce(metadata ->> 'scenario', metadata ->> 'error_type'), count(*) FROM user_events \
         WHERE event_type IN ('cart_created', 'bot_error') AND created_at >= $1 AND created_at < $2 GROUP BY 1, 2",
    ),
    (
        "top queries (raw: without stems)",
        "QUERIES_ASKED",
        "SELECT lower(metadata ->> 'query'), count(*) FROM user_events WHERE event_type = 'product_search' AND created_at >= $1 \
         AND created_at < $2 GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
    ),
    (
        "top queries without results (raw: without stems)",
        "QUERIES_EMPTY",
        "SELECT lower(metadata ->> 'query'), count(*) FROM user_events WHERE event_type = 'product_search' AND created_at >= $1 \
         AND created_at < $2 AND NOT (metadata ->> 'had_results')::boolean GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
    ),
    (
        "survey answers",
        "SURVEYS",
        "SELECT DISTINCT ON (user_id) user_id, metadata ->> 'pmf' FROM user_events WHERE event_type = 'survey_completed' \
         AND created_at >= $1 AND created_at < $2 ORDER BY user_id, created_at DESC",
    ),
];

#[tokio::main]
async fn main() {
    let Some(cluster) = postgres::cluster() else { return };
    let (ours, short, bots) =
        (cluster.database().await, cluster.database().await, cluster.empty_database().await);
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
    let mut cpu = Cpu::of_server(&mut bot).await;
    let app = start(&ours.url(), &bots.url()).await;
    println!("load before: {}; memory before: {} MB", load(), peak_memory_mb());

    let (started, _) = (Instant::now(), cpu.spent());
    let rolled = roll_new(&app.work, None).await.expect("the first backfill");
    println!(
        "first backfill: {} days, {} events in {:.1} s; {}",
        rolled.days,
        rolled.events,
        ms(started) / 1e3,
        cpu.spent()
    );
    assert_eq!(rolled.events, EVENTS);
    println!("memory at its peak: {} MB; load after: {}", peak_memory_mb(), load());

    let zone = app.work.settings.zone;
    let today = SystemClock.now().with_timezone(&zone).date_naive();
    let day = |back| today - Days::new(back);
    let recent = start(&short.url(), &bots.url()).await;
    roll_range(&recent.work, day(31), today, None).await.expect("a month");
    let mut long = PgConnection::connect(&ours.url()).await.expect("our database");
    let mut month = PgConnection::connect(&short.url()).await.expect("our database");
    for own in [&mut long, &mut month] {
        // What autovacuum does within minutes of a first backfill.
        sqlx::query("VACUUM ANALYZE").execute(&mut *own).await.expect("fresh statistics");
        sqlx::query("SET search_path = svodka").execute(own).await.expect("our schema");
    }
    for (name, from_back) in [("one day again", 40), ("a week again, per day", 50)] {
        let days = if from_back == 40 { 1 } else { 7 };
        let mut times = Vec::new();
        cpu.spent();
        for _ in 0..15 {
            let started = Instant::now();
            let rolled = roll_range(&app.work, day(from_back), day(from_back) + Days::new(days - 1), None);
            assert_eq!(rolled.await.expect("days").days, days);
            times.push(ms(started) / days as f64);
        }
        let spent = cpu.spent().per(15 * days);
        println!("{name}: {}; {spent}", spread(&mut times));
    }
    let bounds = |from_on, until_on| (Period::day(from_on, zone).from, Period::day(until_on, zone).from);
    for (name, from_on, until_on) in
        [("last month", day(30), today), ("month half a year ago", day(210), day(180))]
    {
        println!("| {name}: figure | ms, 1 month of history | ms, 12 months | raw SQL, ms | ratio |");
        for (figure, statement, raw) in FIGURES {
            let sql = statement_of(statement);
            let short = match from_on == day(30) {
                true => format!("{:.1}", figure_ms(&mut month, sql, from_on, until_on).await),
                false => "–".to_owned(),
            };
            let long = figure_ms(&mut long, sql, from_on, until_on).await;
            let raw = raw_ms(&mut bot, raw, bounds(from_on, until_on)).await;
            println!("| {figure} | {short} | {long:.1} | {raw:.0} | {:.0} |", raw / long);
        }
        let mut times = Vec::new();
        for _ in 0..9 {
            let started = Instant::now();
            app.store.bot_figures(from_on, until_on, until_on).await.expect("figures");
            times.push(ms(started));
        }
        println!("{name}: the whole set in one snapshot: {}", spread(&mut times));
    }
    println!("load at the end: {}", load());
    app.store.close().await;
    recent.store.close().await;
    for connection in [bot, long, month] {
        connection.close().await.expect("a connection to close");
    }
    for database in [ours, short, bots] {
        database.remove().await;
    }
}

async fn start(database_url: &str, bot_url: &str) -> App {
    let variables: BTreeMap<String, String> =
        [("DATABASE_URL", database_url), ("BOT_EVENTS_URL", bot_url), ("SVODKA__DELIVERY", "stdout")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    let settings = Settings::from_environment(&variables).expect("the bench's own configuration");
    let app = App::start(Arc::new(settings), Arc::new(SystemClock), Jitter::seeded(1)).await;
    app.expect("a fresh database")
}

/// The store's own text of a figure about the bot.
fn statement_of(name: &str) -> &'static str {
    let mut found = ALL.iter().copied().flatten().filter(|sql| {
        let tables = ["bot_", "daily_stats", "user_days"];
        sql.name == name && tables.iter().any(|table| sql.postgres.contains(&format!("FROM {table}")))
    });
    let sql = found.next().expect("a statement of the store").postgres;
    assert!(found.next().is_none(), "{name} is ambiguous");
    sql
}

/// The median of several goes, rows fetched.
async fn figure_ms(
    own: &mut PgConnection,
    sql: &'static str,
    from_on: NaiveDate,
    until_on: NaiveDate,
) -> f64 {
    let mut times = Vec::new();
    for _ in 0..15 {
        let started = Instant::now();
        let query = sqlx::query(sql).bind(from_on).bind(until_on);
        let query = if sql.contains("$3") { query.bind(20_i64) } else { query };
        query.fetch_all(&mut *own).await.expect("a figure");
        times.push(ms(started));
    }
    middle(&mut times)
}

async fn raw_ms(
    bot: &mut PgConnection,
    sql: &'static str,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
) -> f64 {
    let mut times = Vec::new();
    for _ in 0..3 {
        let started = Instant::now();
        sqlx::query(sql).bind(from).bind(until).fetch_all(&mut *bot).await.expect("raw figures");
        times.push(ms(started));
    }
    middle(&mut times)
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

fn middle(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn spread(times: &mut [f64]) -> String {
    let middle = middle(times);
    format!("{:.1} ms at best, {middle:.1} in the middle, {:.1} at worst", times[0], times[times.len() - 1])
}

/// Processor time of this process and of the database server with all its connections.
struct Cpu {
    postmaster: u32,
    last: Spent,
}

#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    own_ms: f64,
    server_ms: f64,
}

impl Cpu {
    async fn of_server(connection: &mut PgConnection) -> Self {
        let folder: String =
            sqlx::query_scalar("SHOW data_directory").fetch_one(connection).await.expect("a folder");
        let pid = fs::read_to_string(format!("{folder}/postmaster.pid")).unwrap_or_default();
        let postmaster = pid.lines().next().and_then(|pid| pid.trim().parse().ok()).unwrap_or_default();
        Self { postmaster, last: Spent::default() }
    }

    /// Since the last call.
    fn spent(&mut self) -> Spent {
        let (mut own, mut server) = (0, 0);
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            // After the name in brackets: state, parent, …, then user and system time of it and of its ended children.
            let fields: Vec<u64> = stat
                .rsplit(')')
                .next()
                .unwrap_or_default()
                .split_whitespace()
                .skip(1)
                .map(|field| field.parse().unwrap_or_default())
                .collect();
            let [Some(parent), Some(times)] = [fields.first().map(std::slice::from_ref), fields.get(10..14)]
            else {
                continue;
            };
            match pid {
                _ if pid == std::process::id() => own += times[0] + times[1],
                _ if pid == self.postmaster => server += times.iter().sum::<u64>(),
                _ if parent[0] == u64::from(self.postmaster) => server += times[0] + times[1],
                _ => {}
            }
        }
        // Hundredths of a second, on every Linux.
        let now = Spent { own_ms: own as f64 * 10.0, server_ms: server as f64 * 10.0 };
        let last = std::mem::replace(&mut self.last, now);
        Spent { own_ms: now.own_ms - last.own_ms, server_ms: now.server_ms - last.server_ms }
    }
}

impl Spent {
    fn per(self, count: u64) -> Self {
        Self { own_ms: self.own_ms / count as f64, server_ms: self.server_ms / count as f64 }
    }
}

impl std::fmt::Display for Spent {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "processor: worker {:.0} ms, server {:.0} ms", self.own_ms, self.server_ms)
    }
}

fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// The highest resident size of this process so far.
fn peak_memory_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}
