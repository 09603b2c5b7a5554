//! SQLite: a second connection to the same file; with the write-ahead log a reader hinders nobody.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use futures::TryStreamExt;
use serde_json::{Map, Value};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Row, SqliteConnection, TypeInfo, ValueRef};

use super::format::Writer;
use super::{BackupError, Result};
use crate::store::pool::{SQLITE_MIGRATIONS, apply_sqlite, last_migration};

/// A connection.
pub struct Sqlite {
    connection: SqliteConnection,
}

impl Sqlite {
    /// Opens the file; `create` allows it to be missing.
    pub async fn open(url: &str, create: bool) -> Result<Self> {
        let options: SqliteConnectOptions = url.parse()?;
        let options =
            options.create_if_missing(create).journal_mode(SqliteJournalMode::Wal).foreign_keys(true);
        Ok(Self { connection: options.connect().await? })
    }

    async fn execute(&mut self, sql: &str) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Tables by age, which is an order that foreign keys allow, each with its columns and its key.
    async fn tables(&mut self) -> Result<Vec<(String, Vec<String>, Vec<String>)>> {
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             AND name <> '_sqlx_migrations' ORDER BY rowid",
        )
        .fetch_all(&mut self.connection)
        .await?;
        let mut tables = Vec::new();
        for name in names {
            let columns: Vec<(String, i64)> =
                sqlx::query_as("SELECT name, pk FROM pragma_table_info($1) ORDER BY cid")
                    .bind(&name)
                    .fetch_all(&mut self.connection)
                    .await?;
            let mut key: Vec<_> = columns.iter().filter(|(_, place)| *place > 0).collect();
            key.sort_by_key(|(_, place)| *place);
            let key = key.into_iter().map(|(name, _)| name.clone()).collect();
            tables.push((name, columns.into_iter().map(|(name, _)| name).collect(), key));
        }
        Ok(tables)
    }
}

#[async_trait]
impl super::Database for Sqlite {
    fn kind(&self) -> (&'static str, i64) {
        ("sqlite", last_migration(&SQLITE_MIGRATIONS))
    }

    async fn begin(&mut self) -> Result<i64> {
        self.execute("BEGIN").await?;
        let version: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
            .fetch_one(&mut self.connection)
            .await?;
        Ok(version.unwrap_or(0))
    }

    async fn copy_to(&mut self, writer: &mut Writer<'_>) -> Result<()> {
        for (table, columns, key) in self.tables().await? {
            writer.begin_table(&table)?;
            let order = if key.is_empty() { &columns } else { &key };
            let sql = format!("SELECT * FROM {} ORDER BY {}", quoted(&table), list(order));
            let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(&mut self.connection);
            while let Some(row) = rows.try_next().await? {
                writer.row(&json(&row)?)?;
            }
            drop(rows);
            let last_id: Option<i64> = sqlx::query_scalar(
                "SELECT seq FROM sqlite_sequence WHERE name = $1 UNION ALL SELECT NULL LIMIT 1",
            )
            .bind(&table)
            .fetch_one(&mut self.connection)
            .await?;
            writer.end_table(&table, last_id)?;
        }
        self.execute("COMMIT").await
    }

    async fn prepare(&mut self, migration: i64) -> Result<()> {
        apply_sqlite(&mut self.connection, Some(migration)).await?;
        self.execute("BEGIN IMMEDIATE").await
    }

    async fn clear(&mut self, table: &str) -> Result<()> {
        self.execute(&format!("DELETE FROM {}", quoted(table))).await
    }

    async fn insert(&mut self, table: &str, rows: &[String]) -> Result<()> {
        for row in rows {
            let row: Map<String, Value> = serde_json::from_str(row)
                .map_err(|error| BackupError::Unfit(format!("a row of `{table}` is not JSON: {error}")))?;
            let columns: Vec<String> = row.keys().cloned().collect();
            let places: Vec<String> = (1..=columns.len()).map(|place| format!("${place}")).collect();
            let sql =
                format!("INSERT INTO {} ({}) VALUES ({})", quoted(table), list(&columns), places.join(", "));
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for value in row.into_iter().map(|(_, value)| value) {
                query = match value {
                    Value::Null => query.bind(None::<String>),
                    Value::Number(number) => match number.as_i64() {
                        Some(whole) => query.bind(whole),
                        None => query.bind(number.as_f64()),
                    },
                    Value::String(text) => query.bind(text),
                    other => {
                        return Err(BackupError::Unfit(format!("a row of `{table}` holds {other}")));
                    }
                };
            }
            query.execute(&mut self.connection).await?;
        }
        Ok(())
    }

    async fn set_last_id(&mut self, table: &str, last_id: Option<i64>) -> Result<()> {
        let Some(last_id) = last_id else { return Ok(()) };
        for sql in [
            "DELETE FROM sqlite_sequence WHERE name = $1",
            "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)",
        ] {
            sqlx::query(sql).bind(table).bind(last_id).execute(&mut self.connection).await?;
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<()> {
        self.execute("COMMIT").await
    }

    async fn migrate(&mut self) -> Result<()> {
        Ok(apply_sqlite(&mut self.connection, None).await?)
    }
}

/// A row as JSON on one line.
fn json(row: &SqliteRow) -> Result<String> {
    let mut object = Map::new();
    for column in row.columns() {
        let (index, name) = (column.ordinal(), column.name());
        let raw = row.try_get_raw(index)?;
        let value = if raw.is_null() {
            Value::Null
        } else {
            match raw.type_info().name() {
                "INTEGER" | "BOOLEAN" => row.try_get_unchecked::<i64, _>(index)?.into(),
                "REAL" => row.try_get_unchecked::<f64, _>(index)?.into(),
                "TEXT" => row.try_get_unchecked::<String, _>(index)?.into(),
                other => {
                    return Err(BackupError::Unfit(format!(
                        "the column `{name}` holds {other}, which has no text"
                    )));
                }
            }
        };
        object.insert(name.to_owned(), value);
    }
    Ok(Value::Object(object).to_string())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

/// A file beside the database, which has the room and the rights; gone when dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(url: &str) -> Result<Self> {
        let scratch = Self(beside(&file_of(url)?, "check"));
        scratch.remove();
        Ok(scratch)
    }

    pub fn url(&self) -> String {
        format!("sqlite://{}", self.0.display())
    }

    fn remove(&self) {
        for suffix in ["", "-wal", "-shm"] {
            // What is not there need not go.
            let _ = std::fs::remove_file(with_suffix(&self.0, suffix));
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Sets a database that is there aside, if `overwrite` allows it.
pub async fn make_room(url: &str, overwrite: bool, stamp: &str) -> Result<Option<String>> {
    let file = file_of(url)?;
    if !file.exists() {
        return Ok(None);
    }
    if !overwrite {
        return Err(BackupError::NotEmpty);
    }
    // What still stands in the log goes into the file, and the log away.
    let mut present = Sqlite::open(url, false).await?;
    present.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
    drop(present);
    let aside = beside(&file, &format!("before-{stamp}"));
    for suffix in ["", "-wal", "-shm"] {
        let from = with_suffix(&file, suffix);
        if from.exists() {
            std::fs::rename(from, with_suffix(&aside, suffix))?;
        }
    }
    Ok(Some(aside.display().to_string()))
}

fn file_of(url: &str) -> Result<PathBuf> {
    let options: SqliteConnectOptions = url.parse()?;
    let file = options.get_filename().to_owned();
    if url.contains(":memory:") || file.as_os_str().is_empty() {
        return Err(BackupError::Unfit("a database in memory has no backup".to_owned()));
    }
    Ok(file)
}

fn beside(file: &Path, what: &str) -> PathBuf {
    with_suffix(file, &format!(".{what}"))
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
