//! The database of a life, and what stands in it as the checks see it: read past the store, in one statement.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use chrono::DateTime;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgPool, SqlitePool};
use svodka::clock::Instant;
use svodka::store::Store;

/// What is leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Runs,
    Deliveries,
}

/// Rows that were written since somebody looked, rolled back or not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Touched {
    runs: BTreeSet<i64>,
    deliveries: BTreeSet<i64>,
    /// By rowid.
    history: BTreeSet<i64>,
    has_jobs: bool,
}

/// The way to the database that nobody disturbs.
#[derive(Debug, Clone)]
pub enum Raw {
    /// SQLite tells of every row it writes.
    Sqlite(SqlitePool, Arc<Mutex<Touched>>),
    Postgres(PgPool),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub id: i64,
    pub job: String,
    pub slot_at: Instant,
    pub state: String,
    pub not_before_secs: i64,
    pub token: i64,
    pub owner: String,
    pub reason: String,
    pub created_secs: i64,
    pub history_count: i64,
    pub digest_count: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub id: i64,
    pub run_id: Option<i64>,
    pub chat: String,
    pub state: String,
    pub not_before_secs: i64,
    pub token: i64,
    pub owner: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    pub job: String,
    pub next_slot_at: Option<Instant>,
    pub fingerprint: String,
}

/// Everything that stands in the database, by id and by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub runs: BTreeMap<i64, Run>,
    pub deliveries: BTreeMap<i64, Delivery>,
    pub jobs: BTreeMap<String, Next>,
}

impl Snapshot {
    /// Every lease: the row, its token, its owner.
    pub fn leases(&self) -> impl Iterator<Item = (Table, i64, i64, &str)> {
        let runs = self.runs.values().filter(|row| row.state == "running");
        let runs = runs.map(|row| (Table::Runs, row.id, row.token, row.owner.as_str()));
        let deliveries = self.deliveries.values().filter(|row| !row.owner.is_empty());
        runs.chain(deliveries.map(|row| (Table::Deliveries, row.id, row.token, row.owner.as_str())))
    }

    /// Whether a lease is still the last one of its row.
    pub fn is_held(&self, (table, id, token): (Table, i64, i64)) -> bool {
        self.leases().any(|(at, row, last, _)| (at, row, last) == (table, id, token))
    }

    /// Takes in rows as `rows_sql!` writes them.
    fn take_in(&mut self, text: &str) {
        let mut tables = text.split('#').map(str::lines);
        for line in tables.next().unwrap() {
            let row: Vec<&str> = line.split('|').collect();
            let run = Run {
                id: secs(row[0]),
                job: row[1].to_owned(),
                slot_at: moment(row[2]),
                state: row[3].to_owned(),
                not_before_secs: secs(row[4]),
                token: secs(row[5]),
                owner: row[6].to_owned(),
                reason: row[7].to_owned(),
                created_secs: secs(row[8]),
                history_count: secs(row[9]),
                digest_count: secs(row[10]),
            };
            self.runs.insert(run.id, run);
        }
        for line in tables.next().unwrap() {
            let row: Vec<&str> = line.split('|').collect();
            let delivery = Delivery {
                id: secs(row[0]),
                run_id: row[1].parse().ok(),
                chat: row[2].to_owned(),
                state: row[3].to_owned(),
                not_before_secs: secs(row[4]),
                token: secs(row[5]),
                owner: row[6].to_owned(),
            };
            self.deliveries.insert(delivery.id, delivery);
        }
        for line in tables.next().unwrap() {
            let row: Vec<&str> = line.split('|').collect();
            let next = Next {
                job: row[0].to_owned(),
                next_slot_at: (!row[1].is_empty()).then(|| moment(row[1])),
                fingerprint: row[2].to_owned(),
            };
            self.jobs.insert(next.job.clone(), next);
        }
    }
}

fn secs(text: &str) -> i64 {
    text.parse().unwrap_or_else(|_| panic!("«{text}» is no number"))
}

fn moment(text: &str) -> Instant {
    DateTime::from_timestamp(secs(text), 0).unwrap()
}

/// All rows in one text: a row is a line, a table ends with `#`. `$from` and `$to` make seconds of a column.
macro_rules! rows_sql {
    ($from:literal, $to:literal, $join:literal, $newline:literal, $runs:literal, $deliveries:literal, $jobs:literal) => {
        concat!(
            "SELECT COALESCE((SELECT ",
            $join,
            "(id || '|' || job || '|' || ",
            $from,
            "slot_at",
            $to,
            " || '|' || state || '|' || ",
            $from,
            "not_before_at",
            $to,
            " || '|' || lease_token || '|' || COALESCE(lease_owner, '')",
            " || '|' || COALESCE(reason, '') || '|' || ",
            $from,
            "created_at",
            $to,
            " || '|' || (SELECT count(*) FROM history WHERE run_id = runs.id)",
            " || '|' || (SELECT count(*) FROM digests WHERE run_id = runs.id), ",
            $newline,
            ") FROM runs",
            $runs,
            "), '') || '#' || COALESCE((SELECT ",
            $join,
            "(id || '|' || COALESCE(CAST(run_id AS TEXT), '') || '|' || chat || '|' || state || '|' || ",
            $from,
            "not_before_at",
            $to,
            " || '|' || lease_token || '|' || COALESCE(lease_owner, ''), ",
            $newline,
            ") FROM deliveries",
            $deliveries,
            "), '') || '#' || COALESCE((SELECT ",
            $join,
            "(name || '|' || COALESCE(",
            $from,
            "next_slot_at",
            $to,
            ", '') || '|' || fingerprint, ",
            $newline,
            ") FROM jobs",
            $jobs,
            "), '')",
        )
    };
}

const ALL_ON_SQLITE: &str =
    rows_sql!("CAST(unixepoch(", ") AS TEXT)", "group_concat", "char(10)", "", "", "");
// $1, $2, $3: lists of ids of runs, rowids of history, ids of deliveries; $4 whether the jobs are wanted.
const SOME_ON_SQLITE: &str = rows_sql!(
    "CAST(unixepoch(",
    ") AS TEXT)",
    "group_concat",
    "char(10)",
    " WHERE id IN (SELECT value FROM json_each($1) UNION SELECT run_id FROM history WHERE rowid IN (SELECT value FROM json_each($2)))",
    " WHERE id IN (SELECT value FROM json_each($3))",
    " WHERE $4"
);
const ALL_ON_POSTGRES: &str = rows_sql!(
    "CAST(CAST(floor(extract(epoch FROM ",
    ")) AS BIGINT) AS TEXT)",
    "string_agg",
    "chr(10)",
    "",
    "",
    ""
);

impl Raw {
    /// Everything there is.
    pub async fn snapshot(&self) -> Snapshot {
        let text: String = match self {
            Self::Sqlite(pool, _) => sqlx::query_scalar(ALL_ON_SQLITE).fetch_one(pool).await.unwrap(),
            Self::Postgres(pool) => sqlx::query_scalar(ALL_ON_POSTGRES).fetch_one(pool).await.unwrap(),
        };
        let mut snapshot = Snapshot::default();
        snapshot.take_in(&text);
        snapshot
    }

    /// Brings a snapshot up to date. `false` when nobody wrote since the last time.
    pub async fn refresh(&self, snapshot: &mut Snapshot, is_dirty: bool) -> bool {
        let Self::Sqlite(pool, touched) = self else {
            if is_dirty {
                *snapshot = self.snapshot().await;
            }
            return is_dirty;
        };
        let touched = std::mem::take(&mut *touched.lock().unwrap());
        if touched == Touched::default() {
            return false;
        }
        let text: String = sqlx::query_scalar(SOME_ON_SQLITE)
            .bind(Json(&touched.runs))
            .bind(Json(&touched.history))
            .bind(Json(&touched.deliveries))
            .bind(touched.has_jobs)
            .fetch_one(pool)
            .await
            .unwrap();
        // What is gone does not come back.
        snapshot.runs.retain(|id, _| !touched.runs.contains(id));
        snapshot.deliveries.retain(|id, _| !touched.deliveries.contains(id));
        if touched.has_jobs {
            snapshot.jobs.clear();
        }
        snapshot.take_in(&text);
        true
    }

    /// Ends a lease, as the database's clock would.
    pub async fn end_lease(&self, table: Table, id: i64, token: i64) {
        let sql = match table {
            Table::Runs => "UPDATE runs SET lease_until_ms = 1 WHERE id = $1 AND lease_token = $2",
            Table::Deliveries => {
                "UPDATE deliveries SET lease_until_ms = 1 WHERE id = $1 AND lease_token = $2"
            }
        };
        match self {
            Self::Sqlite(pool, _) => drop(sqlx::query(sql).bind(id).bind(token).execute(pool).await.unwrap()),
            Self::Postgres(pool) => drop(sqlx::query(sql).bind(id).bind(token).execute(pool).await.unwrap()),
        }
    }
}

/// Tables in an order in which they can be emptied, given who refers to whom.
fn children_first(mut tables: Vec<String>, links: &[(String, String)]) -> Vec<String> {
    let mut order = Vec::new();
    while !tables.is_empty() {
        let is_free = |table: &String| {
            !links.iter().any(|(child, parent)| parent == table && child != table && tables.contains(child))
        };
        let (free, rest): (Vec<String>, Vec<String>) = tables.iter().cloned().partition(is_free);
        assert!(!free.is_empty(), "tables refer to one another in a circle: {rest:?}");
        order.extend(free);
        tables = rest;
    }
    order
}

/// A database for one life after the other: to migrate takes longer than to live.
pub struct Lab {
    pub raw: Raw,
    pub store: Store,
    clear: String,
}

impl Lab {
    /// SQLite in memory.
    pub async fn new() -> Self {
        let options = SqliteConnectOptions::from_str("sqlite::memory:")
            .unwrap()
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Memory)
            .synchronous(SqliteSynchronous::Off)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .acquire_timeout(std::time::Duration::from_secs(30))
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .unwrap();
        let store = Store::over(pool.clone());
        store.migrate().await.unwrap();
        let touched = Arc::new(Mutex::new(Touched::default()));
        let hook = touched.clone();
        let mut connection = pool.acquire().await.unwrap();
        connection.lock_handle().await.unwrap().set_update_hook(move |row| {
            let mut touched = hook.lock().unwrap();
            match row.table {
                // A digest has the id of its run.
                "runs" | "digests" => drop(touched.runs.insert(row.rowid)),
                "history" => drop(touched.history.insert(row.rowid)),
                "deliveries" => drop(touched.deliveries.insert(row.rowid)),
                "jobs" => touched.has_jobs = true,
                _ => {}
            }
        });
        drop(connection);
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('_sqlx_migrations', 'pings')",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        let links: Vec<(String, String)> = sqlx::query_as(
            "SELECT m.name, k.\"table\" FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS k WHERE m.type = 'table'",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        let deletes: String =
            children_first(tables, &links).iter().map(|table| format!("DELETE FROM {table}; ")).collect();
        // Foreign keys stay on: to switch them makes SQLite prepare every statement anew.
        let clear = format!("BEGIN; {deletes} COMMIT");
        Self { raw: Raw::Sqlite(pool, touched), store, clear }
    }

    /// A migrated database of PostgreSQL. Its leases are as long as those on SQLite, so that a seed is the same life.
    pub async fn on_postgres(url: &str) -> Self {
        let store = Store::connect(url).await.unwrap().leasing(svodka::store::LEASE_SECS);
        let options: PgConnectOptions = url.parse().unwrap();
        let options = options.options([("search_path", "svodka")]).disable_statement_logging();
        let pool = PgPool::connect_with(options).await.unwrap();
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'svodka' \
             AND tablename NOT IN ('_sqlx_migrations', 'pings')",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        let clear = format!("TRUNCATE {} RESTART IDENTITY CASCADE", tables.join(", "));
        Self { raw: Raw::Postgres(pool), store, clear }
    }

    /// As after the migrations, ids included.
    pub async fn clear(&self) {
        let sql = AssertSqlSafe(self.clear.clone());
        match &self.raw {
            Raw::Sqlite(pool, touched) => {
                sqlx::raw_sql(sql).execute(pool).await.unwrap();
                *touched.lock().unwrap() = Touched::default();
            }
            Raw::Postgres(pool) => drop(sqlx::raw_sql(sql).execute(pool).await.unwrap()),
        }
    }

    pub async fn close(&self) {
        if let Raw::Postgres(pool) = &self.raw {
            pool.close().await;
        }
        self.store.close().await;
    }
}
