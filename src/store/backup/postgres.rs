//! PostgreSQL: rows as JSON by the database itself, in and out, so that no type is lost on the way.

use async_trait::async_trait;
use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::format::Writer;
use super::{BackupError, Result};
use crate::store::pool::{POSTGRES_MIGRATIONS, apply_postgres, last_migration};

/// Where a copy is tried out.
pub const SCRATCH: &str = "svodka_backup_check";

/// A connection whose names mean the tables of one schema.
pub struct Postgres {
    connection: PgConnection,
    schema: String,
}

impl Postgres {
    /// Connects; the schema need not exist.
    pub async fn open(url: &str, schema: &str) -> Result<Self> {
        let mut db = Self { connection: PgConnection::connect(url).await?, schema: schema.to_owned() };
        // A copy of years takes longer than any statement of the worker may.
        db.execute(&format!(
            "SET search_path = {schema}; SET TIME ZONE 'UTC'; SET statement_timeout = 0; SET extra_float_digits = 1"
        ))
        .await?;
        Ok(db)
    }

    async fn execute(&mut self, sql: &str) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Removes the schema with everything in it; ends an open transaction first.
    pub async fn drop_schema(&mut self) -> Result<()> {
        let sql = format!("ROLLBACK; DROP SCHEMA IF EXISTS {} CASCADE", self.schema);
        self.execute(&sql).await
    }

    /// Sets a schema that has tables aside, if `overwrite` allows it.
    pub async fn make_room(&mut self, overwrite: bool, stamp: &str) -> Result<Option<String>> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = $1")
            .bind(&self.schema)
            .fetch_one(&mut self.connection)
            .await?;
        if count == 0 {
            return Ok(None);
        }
        if !overwrite {
            return Err(BackupError::NotEmpty);
        }
        let aside = format!("{}_before_{stamp}", self.schema);
        let sql = format!("ALTER SCHEMA {} RENAME TO {aside}", self.schema);
        self.execute(&sql).await?;
        Ok(Some(format!("schema {aside}")))
    }

    /// Tables by age, which is an order that foreign keys allow, each with what orders its rows.
    async fn tables(&mut self) -> Result<Vec<(String, String)>> {
        Ok(sqlx::query_as(
            "SELECT c.relname::text, coalesce( \
               (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY array_position(i.indkey::int2[], a.attnum)) \
                FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey) \
                WHERE i.indrelid = c.oid AND i.indisprimary), \
               (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a \
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)) \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1 AND c.relkind = 'r' AND c.relname <> '_sqlx_migrations' ORDER BY c.oid",
        )
        .bind(&self.schema)
        .fetch_all(&mut self.connection)
        .await?)
    }

    /// The sequence behind the column `id`, if ids are counted.
    async fn sequence(&mut self, table: &str) -> Result<Option<String>> {
        let has_id: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = $1::regclass AND attname = 'id')",
        )
        .bind(quoted(table))
        .fetch_one(&mut self.connection)
        .await?;
        if !has_id {
            return Ok(None);
        }
        let sequence = sqlx::query_scalar("SELECT pg_get_serial_sequence($1, 'id')").bind(format!(
            "{}.{}",
            self.schema,
            quoted(table)
        ));
        Ok(sequence.fetch_one(&mut self.connection).await?)
    }
}

#[async_trait]
impl super::Database for Postgres {
    fn kind(&self) -> (&'static str, i64) {
        ("postgres", last_migration(&POSTGRES_MIGRATIONS))
    }

    async fn begin(&mut self) -> Result<i64> {
        self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let version: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
            .fetch_one(&mut self.connection)
            .await?;
        Ok(version.unwrap_or(0))
    }

    async fn copy_to(&mut self, writer: &mut Writer<'_>) -> Result<()> {
        for (table, order) in self.tables().await? {
            writer.begin_table(&table)?;
            // json_build would print line breaks of a pretty-printed json column; jsonb never does.
            let sql = format!(
                "SELECT to_jsonb(t)::text FROM (SELECT * FROM {} ORDER BY {order}) AS t",
                quoted(&table)
            );
            let mut rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).fetch(&mut self.connection);
            while let Some(row) = rows.try_next().await? {
                writer.row(&row)?;
            }
            drop(rows);
            let last_id = match self.sequence(&table).await? {
                Some(sequence) => {
                    let sql = format!("SELECT CASE WHEN is_called THEN last_value END FROM {sequence}");
                    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut self.connection).await?
                }
                None => None,
            };
            writer.end_table(&table, last_id)?;
        }
        self.execute("COMMIT").await
    }

    async fn prepare(&mut self, migration: i64) -> Result<()> {
        let sql = format!("CREATE SCHEMA IF NOT EXISTS {}", self.schema);
        self.execute(&sql).await?;
        apply_postgres(&mut self.connection, Some(migration)).await?;
        self.execute("BEGIN").await
    }

    async fn clear(&mut self, table: &str) -> Result<()> {
        self.execute(&format!("DELETE FROM {}", quoted(table))).await
    }

    async fn insert(&mut self, table: &str, rows: &[String]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "INSERT INTO {0} OVERRIDING SYSTEM VALUE SELECT r.* FROM jsonb_populate_recordset(NULL::{0}, $1::jsonb) AS r",
            quoted(table)
        );
        let array = format!("[{}]", rows.join(","));
        sqlx::query(AssertSqlSafe(sql)).bind(array).execute(&mut self.connection).await?;
        Ok(())
    }

    async fn set_last_id(&mut self, table: &str, last_id: Option<i64>) -> Result<()> {
        let (Some(last_id), Some(sequence)) = (last_id, self.sequence(table).await?) else { return Ok(()) };
        sqlx::query("SELECT setval($1::regclass, $2)")
            .bind(sequence)
            .bind(last_id)
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn finish(&mut self) -> Result<()> {
        self.execute("COMMIT").await
    }

    async fn migrate(&mut self) -> Result<()> {
        Ok(apply_postgres(&mut self.connection, None).await?)
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
