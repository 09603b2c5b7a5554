//! Connections to either database, and what is set on them.

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, PgConnection, Postgres, Sqlite, SqliteConnection, Transaction};

use super::sql::{execute, fetch_one, per_backend, queries, same};
use super::watch::{Point, Watched};
use super::{Result, Store, StoreError};

/// One of two things, by database.
#[derive(Debug, Clone)]
pub(super) enum Dual<S, P> {
    Sqlite(S),
    Postgres(P),
}

pub(super) type Pool = Dual<SqlitePool, PgPool>;
/// A connection for statements that stand alone.
pub(super) struct Conn {
    pub(super) db: Dual<PoolConnection<Sqlite>, PoolConnection<Postgres>>,
    watched: Watched,
}
/// An open transaction; rolled back when dropped.
pub(super) struct Tx {
    pub(super) db: Dual<Transaction<'static, Sqlite>, Transaction<'static, Postgres>>,
    watched: Watched,
}

/// Our schema on PostgreSQL: the bot's own tables often live in the same database.
pub(super) const SCHEMA: &str = "svodka";
/// How long a caller waits for a connection: to PostgreSQL that is the time for the server to answer.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// On SQLite the one connection is ours and merely busy, at most with a large read.
const SQLITE_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long SQLite waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How soon a database is opened again that another process was making at that moment.
const OPEN_AGAIN: Duration = Duration::from_millis(20);
/// Connections to PostgreSQL per process, the one that listens included.
const POSTGRES_CONNECTIONS: u32 = 6;

pub(super) static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
pub(super) static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

macro_rules! now {
    ($now_ms:literal, $skip_locked:literal) => {
        concat!("SELECT ", $now_ms)
    };
}

queries! {
    NOW = per_backend!(now);
    PING = same!("UPDATE pings SET ping_count = ping_count + 1 WHERE id = 1");
}

/// Opens the pool; one connection is made to prove the address.
pub(super) async fn connect(url: &str) -> Result<Pool> {
    // The URL may hold a password, so nothing of it is repeated.
    let bad = |error: sqlx::Error| match error {
        sqlx::Error::Configuration(why) => {
            StoreError::BadUrl(format!("DATABASE_URL is not a valid address: {why}"))
        }
        other => other.into(),
    };
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("sqlite") => connect_sqlite(url.parse().map_err(bad)?).await.map(Dual::Sqlite),
        Some("postgres" | "postgresql") => {
            connect_postgres(url.parse().map_err(bad)?).await.map(Dual::Postgres)
        }
        _ => Err(StoreError::BadUrl(
            "DATABASE_URL must begin with sqlite: or postgres:, such as sqlite://data/svodka.db".to_owned(),
        )),
    }
}

async fn connect_sqlite(options: SqliteConnectOptions) -> Result<SqlitePool> {
    let folder = options.get_filename().parent().unwrap_or(Path::new("")).to_owned();
    if !folder.as_os_str().is_empty() {
        tokio::fs::create_dir_all(&folder).await.map_err(sqlx::Error::Io)?;
    }
    let options = options
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL would survive a crash of the process, but a power cut could take back the last commits: a claim
        // taken back sends its message twice. FULL costs one fsync per commit, and we commit a few times a minute.
        .synchronous(SqliteSynchronous::Full);
    // One connection: SQLite has one writer anyway, and with one there is nobody to be locked out by.
    // It is never closed for age: an in-memory database would go with it.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(SQLITE_ACQUIRE_TIMEOUT)
        .before_acquire(|connection, _| Box::pin(is_outside_transactions(connection)))
        .connect_lazy_with(options);
    let mut waited = Duration::ZERO;
    loop {
        match pool.acquire().await {
            Ok(_) => return Ok(pool),
            Err(error) if waited < BUSY_TIMEOUT && is_busy(&error) => {
                wait_for_the_other().await;
                waited += OPEN_AGAIN;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether another process holds the database. Two that turn a new file to WAL at once would wait for each other for ever,
/// so SQLite refuses one of them at once, whatever the busy timeout (<https://sqlite.org/c3ref/busy_handler.html>).
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    // The low byte is the code, the rest says where it came from.
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}

#[expect(clippy::disallowed_methods, reason = "stands in for SQLite's own wait, which is real time too")]
async fn wait_for_the_other() {
    tokio::time::sleep(OPEN_AGAIN).await;
}

/// Whether the connection can begin anew; one that cannot is closed and replaced.
///
/// SQLite ends a transaction by itself when the disk is full or a trigger says so. sqlx does not learn of it: its rollback
/// fails, it counts the transaction as open for ever, and every later one on the connection is refused.
async fn is_outside_transactions(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    // Goes through the same queue as a rollback that is still under way.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

async fn connect_postgres(options: PgConnectOptions) -> Result<PgPool> {
    // A pool answers «timed out» whatever the cause; one connection of its own says «refused» or «no such host».
    let first = tokio::time::timeout(ACQUIRE_TIMEOUT, PgConnection::connect_with(&options)).await;
    match first {
        Ok(connection) => connection?.close().await?,
        Err(_) => return Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut)),
    }
    PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(|connection, _| Box::pin(set_session(connection)))
        .connect_with(options.application_name("svodka"))
        .await
        .map_err(StoreError::from)
}

/// Not sent as start-up options: connection poolers refuse those.
async fn set_session(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql(
        "SET search_path = svodka; SET TIME ZONE 'UTC'; SET statement_timeout = '30s'; \
         SET idle_in_transaction_session_timeout = '60s'",
    )
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// A connection for statements that stand alone.
    pub(super) async fn conn(&self) -> Result<Conn> {
        self.watched.before().await?;
        let db = match &self.pool {
            Dual::Sqlite(pool) => Dual::Sqlite(pool.acquire().await?),
            Dual::Postgres(pool) => Dual::Postgres(pool.acquire().await?),
        };
        Ok(Conn { db, watched: self.watched.clone() })
    }

    /// A transaction that writes. On SQLite it takes the write lock at once: one that reads first and writes later
    /// fails without waiting when another process writes in between.
    pub(super) async fn begin(&self) -> Result<Tx> {
        self.watched.before().await?;
        let db = match &self.pool {
            Dual::Sqlite(pool) => Dual::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Dual::Postgres(pool) => Dual::Postgres(pool.begin().await?),
        };
        Ok(Tx { db, watched: self.watched.clone() })
    }

    /// A transaction that reads one state of the database throughout.
    pub(super) async fn begin_snapshot(&self) -> Result<Tx> {
        self.watched.before().await?;
        let db = match &self.pool {
            Dual::Sqlite(pool) => Dual::Sqlite(pool.begin().await?),
            Dual::Postgres(pool) => {
                Dual::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        };
        Ok(Tx { db, watched: self.watched.clone() })
    }

    pub(super) async fn write_ping(&self) -> Result<()> {
        let mut db = self.conn().await?;
        execute!(db, PING)?;
        Ok(())
    }

    pub(super) async fn now_by_database(&self) -> Result<i64> {
        let mut db = self.conn().await?;
        let (now_ms,) = fetch_one!((i64,), db, NOW)?;
        Ok(now_ms)
    }

    pub(super) async fn close_pool(&self) {
        match &self.pool {
            Dual::Sqlite(pool) => pool.close().await,
            Dual::Postgres(pool) => pool.close().await,
        }
    }

    pub(super) async fn apply_migrations(&self) -> Result<()> {
        match &self.pool {
            Dual::Sqlite(pool) => {
                let mut connection = pool.acquire().await?;
                apply_sqlite(&mut connection, None).await
            }
            Dual::Postgres(pool) => {
                // A connection of its own: waiting for another migrating worker may outlast the statement timeout,
                // and closing it frees the migrator's lock even when a migration failed.
                let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
                let outcome = migrate_postgres(&mut connection).await;
                let _ = connection.close().await;
                outcome
            }
        }
    }
}

impl Conn {
    pub(super) fn told(&self, name: &'static str) -> Result<()> {
        self.watched.at(Point::Stands { name })
    }
}

impl Tx {
    pub(super) async fn commit(self) -> Result<()> {
        self.watched.at(Point::Commit)?;
        match self.db {
            Dual::Sqlite(tx) => tx.commit().await?,
            Dual::Postgres(tx) => tx.commit().await?,
        }
        self.watched.at(Point::Committed)
    }

    pub(super) fn told(&self, name: &'static str) -> Result<()> {
        self.watched.at(Point::Ran { name })
    }
}

/// All missing migrations in one transaction that holds the write lock: the migrator itself does not lock SQLite.
///
/// `run_direct` is what `Migrator::run` calls; `run` itself makes a future that cannot be spawned.
/// `until`: the last one applied, that one included; `None` = all.
pub(super) async fn apply_sqlite(connection: &mut SqliteConnection, until: Option<i64>) -> Result<()> {
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    SQLITE_MIGRATIONS.run_direct(until, &mut *tx, false).await.map_err(migrate_error)?;
    tx.commit().await?;
    Ok(())
}

/// Migrations up to one, that one included, in the schema that the connection's names mean; `None` = all.
pub(super) async fn apply_postgres(connection: &mut PgConnection, until: Option<i64>) -> Result<()> {
    POSTGRES_MIGRATIONS.run_direct(until, connection, false).await.map_err(migrate_error)
}

/// Number of the last migration compiled in.
pub(super) fn last_migration(migrations: &Migrator) -> i64 {
    migrations.iter().map(|migration| migration.version).max().unwrap_or(0)
}

async fn migrate_postgres(connection: &mut PgConnection) -> Result<()> {
    set_session(connection).await?;
    sqlx::raw_sql("SET statement_timeout = 0").execute(&mut *connection).await?;
    // Asked first: a user without the right to create schemas may still own this one.
    if !schema_exists(connection).await? {
        let created = sqlx::raw_sql("CREATE SCHEMA IF NOT EXISTS svodka").execute(&mut *connection).await;
        // Two workers creating it at once: the loser gets an error and finds it there.
        if created.is_err() && !schema_exists(connection).await? {
            created?;
        }
    }
    apply_postgres(connection, None).await
}

async fn schema_exists(connection: &mut PgConnection) -> Result<bool> {
    let exists = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)");
    Ok(exists.bind(SCHEMA).fetch_one(connection).await?)
}

/// A database that cannot be reached or is full stays that, and is not called a broken migration.
fn migrate_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) => match StoreError::from(error) {
            StoreError::Refused(error) => StoreError::Migrate(MigrateError::Execute(error)),
            transient => transient,
        },
        MigrateError::ExecuteMigration(error, version) => match StoreError::from(error) {
            StoreError::Refused(error) => StoreError::Migrate(MigrateError::ExecuteMigration(error, version)),
            transient => transient,
        },
        other => StoreError::Migrate(other),
    }
}
