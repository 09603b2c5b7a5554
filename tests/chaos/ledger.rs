//! The tables, read and pushed by the test itself: what a dead program held is let go at once, because nobody can wait for
//! every lease a hundred times. Only rows of the dead are touched, and only moments in them.

use chrono::{TimeDelta, Utc};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use svodka::clock::{Clock, Instant, SystemClock};

/// A connection of the test to the program's database.
pub enum Ledger {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

macro_rules! on {
    ($ledger:expr, |$c:ident| $body:expr) => {
        match $ledger {
            Ledger::Sqlite($c) => $body,
            Ledger::Postgres($c) => $body,
        }
    };
}

/// What is still under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    pub runs: i64,
    pub deliveries: i64,
    /// Repeats whose first copy is still looked for.
    pub sweeps: i64,
}

impl Ledger {
    pub async fn open(url: &str) -> Self {
        if url.starts_with("sqlite") {
            return Self::Sqlite(SqliteConnection::connect(url).await.unwrap());
        }
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query("SET search_path = svodka").execute(&mut connection).await.unwrap();
        Self::Postgres(connection)
    }

    async fn execute(&mut self, sql: &str) {
        on!(self, |c| sqlx::query(AssertSqlSafe(sql)).execute(c).await.map(drop)).unwrap();
    }

    async fn count(&mut self, sql: &str) -> i64 {
        on!(self, |c| sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(c).await).unwrap()
    }

    /// Lets go of what this dead program held. Runs on PostgreSQL are left to their lease: waiting for it is the test.
    pub async fn bury(&mut self, pid: u32) {
        if matches!(self, Self::Sqlite(_)) {
            let end = "UPDATE runs SET lease_until_ms = 1 WHERE state = 'running' AND lease_owner LIKE";
            self.execute(&format!("{end} '{pid}-%'")).await;
        }
        let end = "UPDATE deliveries SET lease_until_ms = 1 WHERE lease_owner LIKE";
        self.execute(&format!("{end} '{pid}-%'")).await;
        self.let_time_pass().await;
    }

    /// Every send began 80 s earlier: what the dead left has settled. For all of them, because what began before and what after
    /// decides where a lost message can lie.
    async fn let_time_pass(&mut self) {
        const ON_SQLITE: &str = "UPDATE deliveries SET \
            started_at = strftime('%Y-%m-%dT%H:%M:%S', started_at, '-80 seconds') || substr(started_at, 20), \
            lost_at = strftime('%Y-%m-%dT%H:%M:%S', lost_at, '-80 seconds') || substr(lost_at, 20) \
            WHERE started_at IS NOT NULL";
        const ON_POSTGRES: &str = "UPDATE deliveries SET started_at = started_at - INTERVAL '80 seconds', \
            lost_at = lost_at - INTERVAL '80 seconds' WHERE started_at IS NOT NULL";
        let mut tries = 0;
        loop {
            let done = match self {
                Self::Sqlite(c) => sqlx::query(ON_SQLITE).execute(c).await.map(drop),
                Self::Postgres(c) => sqlx::query(ON_POSTGRES).execute(c).await.map(drop),
            };
            tries += 1;
            match done {
                Ok(()) => return,
                // The living write as well, in another order: a deadlock is resolved at the cost of one.
                Err(error) => assert!(tries < 20, "{error}"),
            }
        }
    }

    async fn set(&mut self, sql: &'static str, at: Instant, id: i64) {
        on!(self, |c| sqlx::query(sql).bind(at).bind(id).execute(c).await.map(drop)).unwrap();
    }

    /// Makes the late looks for first copies due now.
    pub async fn hasten_sweeps(&mut self) {
        let sql = "UPDATE deliveries SET sweep_at = $1 WHERE sweep_at > $1 AND id > $2";
        self.set(sql, SystemClock.now(), 0).await;
    }

    /// Makes what waits for a later moment due now: doubtful sends that settle, looks for first copies, retries.
    pub async fn hasten(&mut self) {
        self.hasten_sweeps().await;
        const DUE: [&str; 2] = [
            "UPDATE deliveries SET not_before_at = $1 WHERE state IN ('unknown', 'pending') AND not_before_at > $1 AND id > $2",
            "UPDATE runs SET not_before_at = $1 WHERE state = 'planned' AND not_before_at > $1 AND id > $2",
        ];
        let now = SystemClock.now();
        for sql in DUE {
            self.set(sql, now, 0).await;
        }
    }

    /// The CRM was last read an hour ago: the next digest reads it again.
    pub async fn forget_readings(&mut self) {
        let sql =
            "UPDATE sources SET last_success_at = $1 WHERE last_success_at > $1 AND CAST($2 AS BIGINT) = 0";
        self.set(sql, SystemClock.now() - TimeDelta::hours(1), 0).await;
    }

    pub async fn open_work(&mut self) -> Open {
        let count = |table: &str, filter: &str| format!("SELECT COUNT(*) FROM {table} WHERE {filter}");
        Open {
            runs: self.count(&count("runs", "state IN ('planned', 'running')")).await,
            deliveries: self.count(&count("deliveries", "state IN ('pending', 'sending', 'unknown')")).await,
            sweeps: self.count(&count("deliveries", "sweep_at IS NOT NULL")).await,
        }
    }

    /// What is still to be done with which message, for a failing test to tell.
    pub async fn open_rows(&mut self) -> String {
        let sql = "SELECT d.key, d.state, d.reason, d.lease_owner, d.lease_until_ms, d.sweep_at, d.sweep_count, s.not_before_at \
                   FROM deliveries AS d LEFT JOIN chat_states AS s ON s.chat = d.chat \
                   WHERE d.state IN ('pending', 'sending', 'unknown') OR d.sweep_at IS NOT NULL ORDER BY d.id";
        type Row = (
            String,
            String,
            Option<String>,
            Option<String>,
            Option<i64>,
            Option<Instant>,
            i64,
            Option<Instant>,
        );
        let rows: Vec<Row> = on!(&mut *self, |c| sqlx::query_as(sql).fetch_all(c).await).unwrap();
        let mut text = format!(" at {}", SystemClock.now());
        for row in rows {
            text += &format!("\n    {row:?}{}", self.attempts(&row.0).await);
        }
        text
    }

    /// Runs asked for by hand that are not done.
    pub async fn open_manual(&mut self) -> i64 {
        self.count("SELECT COUNT(*) FROM runs WHERE origin = 'manual' AND state IN ('planned', 'running')")
            .await
    }

    /// The program that holds a row of the table in this state, by its process id.
    pub async fn holder(&mut self, table: &str, filter: &str) -> Option<u32> {
        let sql = format!("SELECT lease_owner FROM {table} WHERE {filter} ORDER BY id DESC LIMIT 1");
        let owner: Option<(Option<String>,)> =
            on!(self, |c| sqlx::query_as(AssertSqlSafe(sql)).fetch_optional(c).await).unwrap();
        pid_of(owner?.0?)
    }

    /// The program that listens to Telegram.
    pub async fn poller(&mut self) -> Option<u32> {
        let sql = "SELECT lease_owner FROM pollers WHERE lease_until_ms IS NOT NULL";
        let owner: Option<(Option<String>,)> =
            on!(self, |c| sqlx::query_as(sql).fetch_optional(c).await).unwrap();
        pid_of(owner?.0?)
    }

    /// Attempts begun at a run, its state, and who holds it.
    pub async fn run(&mut self, id: i64) -> (i64, String, Option<u32>) {
        let sql = "SELECT attempt_count, state, lease_owner FROM runs WHERE id = $1";
        let row: (i64, String, Option<String>) =
            on!(self, |c| sqlx::query_as(sql).bind(id).fetch_one(c).await).unwrap();
        (row.0, row.1, row.2.and_then(pid_of))
    }

    /// What became of each attempt at a message, for a failing test to tell.
    pub async fn attempts(&mut self, key: &str) -> String {
        let sql = "SELECT a.owner, a.started_at, a.outcome, a.reason FROM delivery_attempts AS a \
                   JOIN deliveries AS d ON d.id = a.delivery_id WHERE d.key = $1 ORDER BY a.lease_token";
        type Attempt = (String, Instant, Option<String>, Option<String>);
        let rows: Vec<Attempt> = on!(self, |c| sqlx::query_as(sql).bind(key).fetch_all(c).await).unwrap();
        rows.iter().map(|row| format!("\n      {row:?}")).collect()
    }

    /// What the rows of a message in a chat say, for a failing test to tell.
    pub async fn rows_of(&mut self, chat: &str, public_id: &str) -> String {
        let sql = "SELECT key, state, message_id, floor_message_id, lost_floor_id, probed_id, sweep_count, is_repeat, attempt_count \
                   FROM deliveries WHERE chat = $1 AND public_id = $2 ORDER BY id";
        type Row = (String, String, Option<i64>, Option<i64>, Option<i64>, Option<i64>, i64, bool, i64);
        let rows: Vec<Row> =
            on!(&mut *self, |c| sqlx::query_as(sql).bind(chat).bind(public_id).fetch_all(c).await).unwrap();
        let mut text = String::new();
        for row in rows.iter().filter(|row| row.7 || row.8 > 1) {
            text += &format!("\n    {row:?}{}", self.attempts(&row.0).await);
        }
        text
    }

    /// Ends sessions of the program on the server, as an administrator or a fail-over would.
    pub async fn terminate_sessions(&mut self, most: u32) -> i64 {
        // Ours has another name.
        self.count(&format!(
            "SELECT COUNT(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name = 'svodka' ORDER BY random() LIMIT {most}) AS picked"
        ))
        .await
    }
}

fn pid_of(owner: String) -> Option<u32> {
    owner.split_once('-')?.0.parse().ok()
}

/// The minute before, whole: where a cron line of every minute stood last.
pub fn minutes_ago(minutes: i64) -> Instant {
    let now = SystemClock.now();
    let whole = now.timestamp() / 60 * 60;
    chrono::DateTime::<Utc>::from_timestamp(whole, 0).unwrap() - TimeDelta::minutes(minutes)
}
