//! The memory of the worker: one API over SQLite (embedded, the default) and PostgreSQL (several workers).
//!
//! Every query is one `const` SQL text with `$N` parameters that both databases run; the few fragments that
//! differ stand in [`sql`]. `now` is always an argument, except for leases, whose time is the database's, so
//! that workers with different clocks agree on who holds what. Nothing in here talks HTTP or renders text.

pub mod audit;
pub mod backup;
mod bot_days;
mod bot_entries;
mod bot_figures;
mod bulk;
pub mod deliveries;
mod errors;
pub mod facts;
mod facts_rows;
mod facts_save;
pub mod files;
pub mod history;
pub mod incidents;
pub mod jobs;
pub mod llm;
pub mod marks;
pub mod operator;
pub mod outbox;
mod outbox_records;
mod outbox_rows;
pub mod pollers;
mod pool;
pub mod quality;
pub mod receipts;
pub mod reconcile;
pub mod refinements;
mod run_claims;
mod run_records;
pub mod runs;
pub mod silences;
pub mod sources;
pub mod sql;
pub mod subscriptions;
pub mod texts;
pub mod told;
pub mod wakes;
pub mod watch;
mod words;

use std::fmt;
use std::sync::Arc;

use sqlx::SqlitePool;

use crate::clock::Instant;
use pool::{Dual, Pool};
use watch::{Watch, Watched};

/// Renewed leases on SQLite: nobody waits for a dead holder's but its own successor, and a large write of the one
/// connection must not outlast it.
pub const LEASE_SECS: i64 = 15;
/// Renewed leases on PostgreSQL: how long the other workers wait for a dead one's.
pub const SHARED_LEASE_SECS: i64 = 4;

/// A failure of the store, classified by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or answered with a transient fault; trying again later is right.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The disk under the database is full.
    #[error("the disk of the database is full: {0}")]
    Full(#[source] sqlx::Error),
    /// A stored value does not fit its type: somebody else wrote it, or a migration is missing.
    #[error("{table}.{column} of row {row} is inconsistent: {why}")]
    Inconsistent { table: &'static str, column: &'static str, row: String, why: String },
    /// The lease was lost to another worker (or expired): the caller must stop and write nothing more.
    #[error("the lease on {0} is lost")]
    Fenced(String),
    /// Migrations could not be applied.
    #[error("cannot migrate the database: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The address is not one of `sqlite:…`, `postgres:…`, or its parts are wrong.
    #[error("{0}")]
    BadUrl(String),
    /// A statement failed for a reason that trying again will not change: a bug or a damaged schema.
    #[error("the database refused a statement: {0}")]
    Refused(#[source] sqlx::Error),
}

impl StoreError {
    /// Bounded reason for logs, metrics and incidents:
    /// `db_unavailable`, `disk_full`, `db_inconsistent`, `fenced`, `db_migrate`, `db_url`, `db_refused`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "db_unavailable",
            Self::Full(_) => "disk_full",
            Self::Inconsistent { .. } => "db_inconsistent",
            Self::Fenced(_) => "fenced",
            Self::Migrate(_) => "db_migrate",
            Self::BadUrl(_) => "db_url",
            Self::Refused(_) => "db_refused",
        }
    }

    /// Whether the same call may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full(_))
    }
}

/// Short for results of the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Handle to the database; cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    watched: Watched,
    lease_secs: i64,
}

/// Without the address: it may hold a password.
impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.backend())
    }
}

/// A time-limited exclusive right to a row. Every write under it names it, so that a holder who lost it is refused
/// with [`StoreError::Fenced`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Id of the leased row.
    pub id: i64,
    /// Grows with every claim of the row; an old number is a lost lease (fencing token).
    pub token: i64,
    /// Name of the holder, for humans.
    pub owner: String,
    /// When it ends by the database's clock, unless renewed.
    pub until: Instant,
}

impl Lease {
    /// A fenced write must have changed exactly one row.
    fn require_one(&self, changed: u64, what: &str) -> Result<()> {
        match changed {
            1 => Ok(()),
            _ => Err(StoreError::Fenced(format!("{what} {}", self.id))),
        }
    }
}

/// The end of a lease just taken, from the column `lease_until_ms`.
fn lease_end(until_ms: Option<i64>, table: &'static str, id: i64) -> Result<Instant> {
    until_ms.and_then(Instant::from_timestamp_millis).ok_or_else(|| StoreError::Inconsistent {
        table,
        column: "lease_until_ms",
        row: id.to_string(),
        why: "a leased row has no valid end of its lease".to_owned(),
    })
}

impl Store {
    /// Opens the database at `url` (`sqlite://path/to/file.db`, `sqlite::memory:`, `postgres://…`), creating a
    /// missing SQLite file and its folder. Does not migrate.
    ///
    /// # Errors
    /// [`StoreError::BadUrl`] for another scheme; [`StoreError::Unavailable`] when nobody answers within 5 s. No
    /// error text contains the password.
    pub async fn connect(url: &str) -> Result<Self> {
        Ok(Self::of(pool::connect(url).await?))
    }

    /// A store over connections the caller made: how they are kept, and what a power cut may take back, is the caller's
    /// affair. For tests; [`Store::connect`] sets what production needs.
    pub fn over(pool: SqlitePool) -> Self {
        Self::of(Dual::Sqlite(pool))
    }

    fn of(pool: Pool) -> Self {
        let lease_secs = match pool {
            Dual::Sqlite(_) => LEASE_SECS,
            Dual::Postgres(_) => SHARED_LEASE_SECS,
        };
        Self { pool, watched: Watched::default(), lease_secs }
    }

    /// The same database, with somebody at the boundaries of every call.
    #[must_use]
    pub fn watched(&self, watch: Arc<dyn Watch>) -> Self {
        Self { watched: Watched(Some(watch)), ..self.clone() }
    }

    /// The same database with leases of another length. For tests that live the same life on both databases.
    #[must_use]
    pub fn leasing(&self, lease_secs: i64) -> Self {
        Self { lease_secs, ..self.clone() }
    }

    /// Applies the missing migrations. Safe to call from several workers at once.
    pub async fn migrate(&self) -> Result<()> {
        self.apply_migrations().await
    }

    /// Round trip to the database: proves that it answers and accepts a write (for readiness).
    pub async fn ping(&self) -> Result<()> {
        self.write_ping().await
    }

    /// The database's own clock, to the millisecond. On SQLite it is this machine's.
    pub async fn database_now(&self) -> Result<Instant> {
        let now_ms = self.now_by_database().await?;
        Instant::from_timestamp_millis(now_ms).ok_or_else(|| StoreError::Inconsistent {
            table: "clock",
            column: "now",
            row: now_ms.to_string(),
            why: "the database's clock stands beyond the calendar".to_owned(),
        })
    }

    /// `"sqlite"` or `"postgres"`.
    pub fn backend(&self) -> &'static str {
        match self.pool {
            Dual::Sqlite(_) => "sqlite",
            Dual::Postgres(_) => "postgres",
        }
    }

    /// How long a lease lasts that is renewed while it is held: [`LEASE_SECS`] or [`SHARED_LEASE_SECS`].
    pub fn lease_secs(&self) -> i64 {
        self.lease_secs
    }

    /// Closes all connections; used by tests that cut the database away and by shutdown.
    pub async fn close(&self) {
        self.close_pool().await;
    }
}
