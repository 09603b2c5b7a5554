//! The bot's events in PostgreSQL: two connections at most, which cannot write.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, PgConnection};

use super::decode::RawEvent;
use super::{CONNECTIONS, Place, Span, Table};
use crate::clock::Instant;

// Column names are qualified: a bare name in ORDER BY would mean the cast of the select list, which no index serves.
// Metadata is written out only where a figure needs it (`decode::wanted`).
macro_rules! page {
    ($from:literal) => {
        concat!(
            "SELECT event.id::bigint, event.user_id::bigint, event.event_type::text, CASE WHEN event.event_type::text IN ",
            "('bot_start', 'product_search', 'cart_created', 'survey_completed', 'bot_error') ",
            "THEN event.metadata::text END, event.created_at::timestamptz FROM user_events AS event WHERE ",
            $from,
            " AND event.created_at < $2 ORDER BY event.created_at, event.id LIMIT $3"
        )
    };
}

const FIRST_PAGE: &str = page!("event.created_at >= $1");
const NEXT_PAGE: &str = page!("(event.created_at, event.id) > ($1, $4)");
const OLDEST: &str = "SELECT event.created_at::timestamptz FROM user_events AS event WHERE event.created_at >= $1 \
    ORDER BY event.created_at LIMIT 1";
const NEWEST_ID: &str = "SELECT event.id::bigint FROM user_events AS event ORDER BY event.id DESC LIMIT 1";
const ARRIVALS: &str = "SELECT event.id::bigint, event.created_at::timestamptz FROM user_events AS event \
    WHERE event.id > $1 AND isfinite(event.created_at) ORDER BY event.id LIMIT $2";
const COLUMNS: &str = "SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute \
    WHERE attrelid = to_regclass('user_events') AND attnum > 0 AND NOT attisdropped";
const HAS_INDEX: &str = "SELECT EXISTS (SELECT 1 FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] \
    WHERE indrelid = to_regclass('user_events') AND attname = 'created_at' AND indpred IS NULL)";

pub(super) fn pool(options: PgConnectOptions, timeout: Duration) -> PgPool {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(timeout)
        .idle_timeout(Duration::from_secs(60))
        .after_connect(move |connection, _| Box::pin(set_session(connection, timeout)))
        .connect_lazy_with(options.application_name("svodka"))
}

/// Not sent as start-up options: connection poolers refuse those.
async fn set_session(connection: &mut PgConnection, timeout: Duration) -> sqlx::Result<()> {
    let millis = timeout.as_millis();
    let session = format!(
        "SET default_transaction_read_only = on; SET TIME ZONE 'UTC'; SET statement_timeout = {millis}; \
         SET idle_in_transaction_session_timeout = {millis}"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(session)).execute(connection).await?;
    Ok(())
}

/// One connection of its own says «refused» or «no such database», where a pool says «timed out» whatever the cause.
pub(super) async fn knock(pool: &PgPool) -> sqlx::Result<()> {
    PgConnection::connect_with(&pool.connect_options()).await?.close().await
}

pub(super) async fn table(pool: &PgPool) -> sqlx::Result<Table> {
    let columns: Vec<(String, String)> = sqlx::query_as(COLUMNS).fetch_all(pool).await?;
    let (has_index,): (bool,) = sqlx::query_as(HAS_INDEX).fetch_one(pool).await?;
    Ok(Table { columns, has_index })
}

pub(super) async fn oldest_at(pool: &PgPool, not_before: Instant) -> sqlx::Result<Option<Instant>> {
    let row: Option<(Instant,)> = sqlx::query_as(OLDEST).bind(not_before).fetch_optional(pool).await?;
    Ok(row.map(|(at,)| at))
}

pub(super) async fn newest_id(pool: &PgPool) -> sqlx::Result<Option<i64>> {
    let row: Option<(i64,)> = sqlx::query_as(NEWEST_ID).fetch_optional(pool).await?;
    Ok(row.map(|(id,)| id))
}

pub(super) async fn arrivals(
    pool: &PgPool,
    after_id: i64,
    limit: i64,
) -> sqlx::Result<Vec<(i64, Option<Instant>)>> {
    let rows: Vec<(i64, Instant)> =
        sqlx::query_as(ARRIVALS).bind(after_id).bind(limit).fetch_all(pool).await?;
    Ok(rows.into_iter().map(|(id, at)| (id, Some(at))).collect())
}

type Row = (i64, Option<i64>, Option<String>, Option<String>, Instant);

pub(super) async fn page(
    pool: &PgPool,
    span: Span,
    after: Option<&Place>,
    limit: i64,
) -> sqlx::Result<Vec<(Place, Option<RawEvent>)>> {
    let rows: Vec<Row> = match after {
        None => sqlx::query_as(FIRST_PAGE).bind(span.from).bind(span.until).bind(limit),
        Some(place) => sqlx::query_as(NEXT_PAGE).bind(place.at).bind(span.until).bind(limit).bind(place.id),
    }
    .fetch_all(pool)
    .await?;
    let event = |(id, user_id, event_type, metadata, created_at)| {
        let place = Place { at: created_at, text: None, id };
        (place, Some(RawEvent { id, user_id, event_type, metadata, created_at }))
    };
    Ok(rows.into_iter().map(event).collect())
}
