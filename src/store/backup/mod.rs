//! A copy of everything we know, as text that either database can be filled from again.
//!
//! The copy is logical: per table its rows as JSON lines, then their number and a checksum. It is read in one snapshot
//! beside the running worker and needs no tool of the database. A copy that breaks off has no last line and is refused.
//! What was read back is proven by reading it out again: [`check`] does so in a scratch database that goes away.
//! A copy goes back into the kind of database it came from; moving between kinds is not its business.

mod format;
mod load;
mod postgres;
mod sqlite;

use std::io::{self, BufRead, Write};

use async_trait::async_trait;

use format::{Header, Writer};
pub use format::{Summary, TableSum};

use super::StoreError;
use crate::clock::Instant;

/// A copy could not be made or read back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the backup file: {0}")]
    Io(#[from] io::Error),
    /// The file is not a whole backup.
    #[error("line {line} of the backup: {why}")]
    Damaged { line: u64, why: String },
    /// It is of another kind of database, or of a newer version of the program.
    #[error("{0}")]
    Unfit(String),
    /// The database has tables already.
    #[error(
        "the database is not empty; restore into a new one, or add --overwrite to set the present one aside"
    )]
    NotEmpty,
    /// A place away from this machine does not take it or give it back.
    #[error("the bucket: {0}")]
    Offsite(String),
    /// What was read back is not what was written.
    #[error("{0}")]
    Differs(String),
}

impl BackupError {
    /// Bounded reason for logs and incidents.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Store(error) => error.reason(),
            Self::Io(error) if error.kind() == io::ErrorKind::StorageFull => "disk_full",
            Self::Io(_) => "backup_io",
            Self::Damaged { .. } => "backup_damaged",
            Self::Unfit(_) => "backup_unfit",
            Self::NotEmpty => "not_empty",
            Self::Offsite(_) => "backup_offsite",
            Self::Differs(_) => "backup_differs",
        }
    }
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Short for results of this module.
type Result<T, E = BackupError> = std::result::Result<T, E>;

/// One connection of its own, to a database of either kind.
#[async_trait]
trait Database: Send {
    /// `"sqlite"` or `"postgres"`, and the last migration this program knows.
    fn kind(&self) -> (&'static str, i64);

    /// Opens a transaction that sees one moment; gives the last migration that was applied.
    async fn begin(&mut self) -> Result<i64>;

    /// Writes every table but the migrator's, in an order that foreign keys allow.
    async fn copy_to(&mut self, writer: &mut Writer<'_>) -> Result<()>;

    /// Migrates the empty database up to `migration` and opens the transaction of the rows.
    async fn prepare(&mut self, migration: i64) -> Result<()>;

    /// Removes what migrations put into a table.
    async fn clear(&mut self, table: &str) -> Result<()>;

    /// Inserts rows of JSON.
    async fn insert(&mut self, table: &str, rows: &[String]) -> Result<()>;

    /// Goes on counting ids where the copied database stood.
    async fn set_last_id(&mut self, table: &str, last_id: Option<i64>) -> Result<()>;

    /// Commits the rows.
    async fn finish(&mut self) -> Result<()>;

    /// Applies the migrations that came after the copy.
    async fn migrate(&mut self) -> Result<()>;
}

fn is_sqlite(url: &str) -> bool {
    url.starts_with("sqlite:")
}

async fn open(url: &str) -> Result<Box<dyn Database>> {
    Ok(if is_sqlite(url) {
        Box::new(sqlite::Sqlite::open(url, false).await?)
    } else {
        Box::new(postgres::Postgres::open(url, super::pool::SCHEMA).await?)
    })
}

/// Writes a copy of the database at `url`, seen at one moment, to `out`.
///
/// # Errors
/// As the store's; and the file's.
pub async fn write(url: &str, out: &mut (dyn Write + Send), now: Instant) -> Result<Summary> {
    let mut db = open(url).await?;
    let migration = db.begin().await?;
    let mut writer = Writer::begin(out, Header::new(db.kind().0, migration, now))?;
    db.copy_to(&mut writer).await?;
    writer.end()
}

/// Reads a copy back into a scratch database beside the one at `url`, compares every row, and removes the scratch.
///
/// On SQLite the scratch is a temporary file, on PostgreSQL a schema of its own in the same database.
///
/// # Errors
/// [`BackupError::Damaged`], [`BackupError::Unfit`] and [`BackupError::Differs`] say that the copy is worth nothing.
pub async fn check(url: &str, input: &mut (dyn BufRead + Send)) -> Result<Summary> {
    if is_sqlite(url) {
        let scratch = sqlite::Scratch::new(url)?;
        return compare_with(&mut sqlite::Sqlite::open(&scratch.url(), true).await?, input).await;
    }
    let mut db = postgres::Postgres::open(url, postgres::SCRATCH).await?;
    db.drop_schema().await?;
    let checked = compare_with(&mut db, input).await;
    // The scratch goes, whatever came of it.
    db.drop_schema().await?;
    checked
}

/// Loads a copy and reads it out again.
async fn compare_with(db: &mut dyn Database, input: &mut (dyn BufRead + Send)) -> Result<Summary> {
    let expected = load::load(db, input).await?;
    db.begin().await?;
    let mut writer = Writer::discarding(&expected);
    db.copy_to(&mut writer).await?;
    compare(expected, writer.end()?)
}

fn compare(expected: Summary, found: Summary) -> Result<Summary> {
    for (a, b) in expected.tables.iter().zip(&found.tables) {
        if a != b {
            return Err(BackupError::Differs(format!(
                "the table `{}` reads back otherwise than it was written ({} rows written, {} read back)",
                a.table, a.rows, b.rows
            )));
        }
    }
    if expected.tables.len() != found.tables.len() {
        return Err(BackupError::Differs("the backup has other tables than the database".to_owned()));
    }
    Ok(expected)
}

/// Fills the database at `url` from a copy. One that has tables is refused, or with `overwrite` set aside under another
/// name, never deleted. Returns what was restored and the name of what was set aside.
///
/// # Errors
/// Before anything is touched: [`BackupError::NotEmpty`], [`BackupError::Unfit`]. A failure later leaves the target unfinished
/// and what was set aside untouched.
pub async fn restore(
    url: &str,
    input: &mut (dyn BufRead + Send),
    overwrite: bool,
    now: Instant,
) -> Result<(Summary, Option<String>)> {
    let stamp = now.format("%Y%m%dt%H%M%Sz").to_string();
    if is_sqlite(url) {
        let aside = sqlite::make_room(url, overwrite, &stamp).await?;
        let mut db = sqlite::Sqlite::open(url, true).await?;
        let summary = load::load(&mut db, input).await?;
        db.migrate().await?;
        return Ok((summary, aside));
    }
    let mut db = postgres::Postgres::open(url, super::pool::SCHEMA).await?;
    let aside = db.make_room(overwrite, &stamp).await?;
    let summary = load::load(&mut db, input).await?;
    db.migrate().await?;
    Ok((summary, aside))
}
