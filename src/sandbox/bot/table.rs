//! The bot's table, in SQLite and in PostgreSQL.

use sqlx::{Connection, PgConnection, Postgres, QueryBuilder, Sqlite, SqliteConnection};

use super::EventRow;

/// Rows per statement; five columns each.
const ROWS_PER_STATEMENT: usize = 1_000;

const SQLITE_TABLE: &str = "CREATE TABLE IF NOT EXISTS user_events (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, \
    event_type TEXT NOT NULL, metadata TEXT, created_at TEXT NOT NULL); \
    CREATE INDEX IF NOT EXISTS user_events_created_at ON user_events (created_at)";
const POSTGRES_TABLE: &str = "CREATE TABLE IF NOT EXISTS user_events (id BIGSERIAL PRIMARY KEY, user_id BIGINT NOT NULL, \
    event_type TEXT NOT NULL, metadata JSONB, created_at TIMESTAMPTZ NOT NULL); \
    CREATE INDEX IF NOT EXISTS user_events_created_at ON user_events (created_at)";
const INSERT: &str = "INSERT INTO user_events (id, user_id, event_type, metadata, created_at) ";

/// Makes the table where it is missing and adds the rows.
pub async fn fill_sqlite(connection: &mut SqliteConnection, events: &[EventRow]) -> sqlx::Result<()> {
    sqlx::raw_sql(SQLITE_TABLE).execute(&mut *connection).await?;
    let mut tx = connection.begin().await?;
    for rows in events.chunks(ROWS_PER_STATEMENT) {
        let mut insert = QueryBuilder::<Sqlite>::new(INSERT);
        insert.push_values(rows, |mut tuple, row| {
            tuple.push_bind(row.id).push_bind(row.user_id).push_bind(row.event_type);
            tuple.push_bind(&row.metadata).push_bind(row.created_at);
        });
        insert.build().persistent(false).execute(&mut *tx).await?;
    }
    tx.commit().await
}

/// The same in the first schema of the connection's search path. Metadata that is no JSON becomes a JSON text: the column
/// takes nothing else.
pub async fn fill_postgres(connection: &mut PgConnection, events: &[EventRow]) -> sqlx::Result<()> {
    sqlx::raw_sql(POSTGRES_TABLE).execute(&mut *connection).await?;
    let mut tx = connection.begin().await?;
    for rows in events.chunks(ROWS_PER_STATEMENT) {
        let mut insert = QueryBuilder::<Postgres>::new(INSERT);
        insert.push_values(rows, |mut tuple, row| {
            let metadata = row.metadata.as_ref().map(|text| {
                serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::String(text.clone()))
            });
            tuple.push_bind(row.id).push_bind(row.user_id).push_bind(row.event_type);
            tuple.push_bind(metadata).push_bind(row.created_at);
        });
        insert.build().persistent(false).execute(&mut *tx).await?;
    }
    sqlx::raw_sql("SELECT setval('user_events_id_seq', (SELECT COALESCE(max(id), 1) FROM user_events))")
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}
