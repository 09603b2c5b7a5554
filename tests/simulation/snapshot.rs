//! The database of a life, and what stands in it as the checks see it: read past the store, in one statement.

use std::str::FromStr;

use chrono::DateTime;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use svodka::clock::Instant;
use svodka::store::Store;

/// What is leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Runs,
    Deliveries,
}

impl Table {
    fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Deliveries => "deliveries",
        }
    }
}

/// The way to the database that nobody disturbs.
#[derive(Debug, Clone)]
pub enum Raw {
    Sqlite(SqlitePool),
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

/// Everything that stands in the database, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub runs: Vec<Run>,
    pub deliveries: Vec<Delivery>,
    pub jobs: Vec<Next>,
    /// As read, for the trace.
    pub text: String,
}

impl Snapshot {
    pub fn run(&self, id: i64) -> Option<&Run> {
        self.runs.iter().find(|row| row.id == id)
    }

    /// Every lease: the row, its token, its owner.
    pub fn leases(&self) -> impl Iterator<Item = (Table, i64, i64, &str)> {
        let runs = self.runs.iter().filter(|row| row.state == "running");
        let runs = runs.map(|row| (Table::Runs, row.id, row.token, row.owner.as_str()));
        let deliveries = self.deliveries.iter().filter(|row| !row.owner.is_empty());
        runs.chain(deliveries.map(|row| (Table::Deliveries, row.id, row.token, row.owner.as_str())))
    }

    /// Whether a lease is still the last one of its row.
    pub fn is_held(&self, (table, id, token): (Table, i64, i64)) -> bool {
        self.leases().any(|(at, row, last, _)| (at, row, last) == (table, id, token))
    }
}

fn secs(text: &str) -> i64 {
    text.parse().unwrap_or_else(|_| panic!("«{text}» is no number"))
}

fn moment(text: &str) -> Instant {
    DateTime::from_timestamp(secs(text), 0).unwrap()
}

impl Raw {
    pub async fn snapshot(&self) -> Snapshot {
        macro_rules! query {
            ($epoch:literal, $cast:literal, $join:literal, $end:literal) => {{
                let at = |column: &str| format!("{}{column}{}", $epoch, $cast);
                let all = |row: String, table: &str| format!("COALESCE((SELECT {}({row}, {}(10)) FROM {table}), '')", $join, $end);
                let runs = format!(
                    "id || '|' || job || '|' || {} || '|' || state || '|' || {} || '|' || lease_token || '|' || COALESCE(lease_owner, '')",
                    at("slot_at"), at("not_before_at"),
                );
                let deliveries = format!(
                    "id || '|' || COALESCE(CAST(run_id AS TEXT), '') || '|' || chat || '|' || state || '|' || {} || '|' || lease_token || '|' || COALESCE(lease_owner, '')",
                    at("not_before_at"),
                );
                let jobs = format!("name || '|' || COALESCE({}, '') || '|' || fingerprint", at("next_slot_at"));
                AssertSqlSafe(format!("SELECT {} || '#' || {} || '#' || {}", all(runs, "runs"), all(deliveries, "deliveries"), all(jobs, "jobs")))
            }};
        }
        let text: String = match self {
            Self::Sqlite(pool) => {
                let sql = query!("CAST(unixepoch(", ") AS TEXT)", "group_concat", "char");
                sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
            }
            Self::Postgres(pool) => {
                let sql = query!(
                    "CAST(CAST(floor(extract(epoch FROM ",
                    ")) AS BIGINT) AS TEXT)",
                    "string_agg",
                    "chr"
                );
                sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
            }
        };
        let mut tables = text.split('#').map(|table| {
            let mut rows: Vec<Vec<&str>> = table.lines().map(|row| row.split('|').collect()).collect();
            rows.sort_by_key(|row| row[0].parse::<i64>().unwrap_or_default());
            rows
        });
        // In which order the database joins rows is its own affair.
        let mut lines: Vec<&str> = text.split(['#', '\n']).collect();
        lines.sort_unstable();
        let mut snapshot = Snapshot { text: lines.join("\n"), ..Snapshot::default() };
        for row in tables.next().unwrap() {
            snapshot.runs.push(Run {
                id: secs(row[0]),
                job: row[1].to_owned(),
                slot_at: moment(row[2]),
                state: row[3].to_owned(),
                not_before_secs: secs(row[4]),
                token: secs(row[5]),
                owner: row[6].to_owned(),
            });
        }
        for row in tables.next().unwrap() {
            snapshot.deliveries.push(Delivery {
                id: secs(row[0]),
                run_id: row[1].parse().ok(),
                chat: row[2].to_owned(),
                state: row[3].to_owned(),
                not_before_secs: secs(row[4]),
                token: secs(row[5]),
                owner: row[6].to_owned(),
            });
        }
        for row in tables.next().unwrap() {
            snapshot.jobs.push(Next {
                job: row[0].to_owned(),
                next_slot_at: (!row[1].is_empty()).then(|| moment(row[1])),
                fingerprint: row[2].to_owned(),
            });
        }
        snapshot.jobs.sort_by(|a, b| a.job.cmp(&b.job));
        snapshot
    }

    /// Ends a lease, as the database's clock would.
    pub async fn end_lease(&self, table: Table, id: i64, token: i64) {
        let sql = AssertSqlSafe(format!(
            "UPDATE {} SET lease_until_ms = 1 WHERE id = {id} AND lease_token = {token}",
            table.name()
        ));
        match self {
            Self::Sqlite(pool) => drop(sqlx::query(sql).execute(pool).await.unwrap()),
            Self::Postgres(pool) => drop(sqlx::query(sql).execute(pool).await.unwrap()),
        }
    }
}

/// A database in memory for one life after the other: to migrate takes longer than to live.
pub struct Lab {
    pub raw: Raw,
    pub store: Store,
    clear: String,
}

impl Lab {
    pub async fn new() -> Self {
        let options = SqliteConnectOptions::from_str("sqlite::memory:")
            .unwrap()
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Memory)
            .synchronous(SqliteSynchronous::Off);
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .acquire_timeout(std::time::Duration::from_secs(5))
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .unwrap();
        let store = Store::over(pool.clone());
        store.migrate().await.unwrap();
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('_sqlx_migrations', 'pings')",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        let deletes: String = tables.iter().map(|table| format!("DELETE FROM {table}; ")).collect();
        let clear = format!("PRAGMA foreign_keys = OFF; BEGIN; {deletes} COMMIT; PRAGMA foreign_keys = ON");
        Self { raw: Raw::Sqlite(pool), store, clear }
    }

    /// As after the migrations, ids included.
    pub async fn clear(&self) {
        let Raw::Sqlite(pool) = &self.raw else { return };
        sqlx::raw_sql(AssertSqlSafe(self.clear.clone())).execute(pool).await.unwrap();
    }
}
