//! The bot's events in a SQLite file: for the demo, the sandbox and bots that keep theirs so.
//!
//! SQLite has no type for instants. Two writings are read, both in UTC unless they name an offset: `2026-08-20T06:00:00.5+00:00`
//! and `2026-08-20 06:00:00`. Bounds are compared as text, so one table has to hold one of them throughout.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use super::decode::RawEvent;
use super::{CONNECTIONS, Place, Span, Table};
use crate::clock::{Instant, to_micros};

macro_rules! page {
    ($from:literal) => {
        concat!(
            "SELECT CAST(event.id AS INTEGER), CAST(event.user_id AS INTEGER), CAST(event.event_type AS TEXT), ",
            "CAST(event.metadata AS TEXT), CAST(event.created_at AS TEXT) FROM user_events AS event WHERE ",
            $from,
            " AND event.created_at < $2 ORDER BY event.created_at, event.id LIMIT $3"
        )
    };
}

const FIRST_PAGE: &str = page!("event.created_at >= $1");
const NEXT_PAGE: &str = page!("(event.created_at, event.id) > ($1, $4)");
const OLDEST: &str = "SELECT CAST(event.created_at AS TEXT) FROM user_events AS event WHERE event.created_at >= $1 \
    ORDER BY event.created_at LIMIT 1";
const NEWEST_ID: &str =
    "SELECT CAST(event.id AS INTEGER) FROM user_events AS event ORDER BY event.id DESC LIMIT 1";
const ARRIVALS: &str = "SELECT CAST(event.id AS INTEGER), CAST(event.created_at AS TEXT) FROM user_events AS event \
    WHERE event.id > $1 ORDER BY event.id LIMIT $2";
const COLUMNS: &str = "SELECT name, type FROM pragma_table_info('user_events')";
const HAS_INDEX: &str = "SELECT count(*) FROM pragma_index_list('user_events') AS list, pragma_index_info(list.name) AS info \
    WHERE info.seqno = 0 AND info.name = 'created_at' AND list.partial = 0";
const SAMPLE: &str = "SELECT CAST(event.created_at AS TEXT) FROM user_events AS event LIMIT 1";

pub(super) fn pool(options: SqliteConnectOptions, timeout: Duration) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(timeout)
        .connect_lazy_with(options.read_only(true).create_if_missing(false).busy_timeout(timeout))
}

pub(super) async fn knock(pool: &SqlitePool) -> sqlx::Result<()> {
    pool.acquire().await.map(drop)
}

pub(super) async fn table(pool: &SqlitePool) -> sqlx::Result<Table> {
    let columns: Vec<(String, String)> = sqlx::query_as(COLUMNS).fetch_all(pool).await?;
    let (indexes,): (i64,) = sqlx::query_as(HAS_INDEX).fetch_one(pool).await?;
    Ok(Table { columns, has_index: indexes > 0 })
}

pub(super) async fn oldest_at(pool: &SqlitePool, not_before: Instant) -> sqlx::Result<Option<Instant>> {
    let bound = bound(not_before, separator(pool).await?);
    let row: Option<(String,)> = sqlx::query_as(OLDEST).bind(bound).fetch_optional(pool).await?;
    Ok(row.and_then(|(text,)| instant(&text)))
}

pub(super) async fn newest_id(pool: &SqlitePool) -> sqlx::Result<Option<i64>> {
    let row: Option<(i64,)> = sqlx::query_as(NEWEST_ID).fetch_optional(pool).await?;
    Ok(row.map(|(id,)| id))
}

pub(super) async fn arrivals(
    pool: &SqlitePool,
    after_id: i64,
    limit: i64,
) -> sqlx::Result<Vec<(i64, Option<Instant>)>> {
    let rows: Vec<(i64, Option<String>)> =
        sqlx::query_as(ARRIVALS).bind(after_id).bind(limit).fetch_all(pool).await?;
    Ok(rows.into_iter().map(|(id, text)| (id, text.and_then(|text| instant(&text)))).collect())
}

type Row = (i64, Option<i64>, Option<String>, Option<String>, String);

pub(super) async fn page(
    pool: &SqlitePool,
    span: Span,
    after: Option<&Place>,
    limit: i64,
) -> sqlx::Result<Vec<(Place, Option<RawEvent>)>> {
    let (from, until) = bounds(pool, span).await?;
    let rows: Vec<Row> = match after {
        None => sqlx::query_as(FIRST_PAGE).bind(from).bind(until).bind(limit),
        Some(place) => {
            sqlx::query_as(NEXT_PAGE).bind(place.text.clone()).bind(until).bind(limit).bind(place.id)
        }
    }
    .fetch_all(pool)
    .await?;
    let event = |(id, user_id, event_type, metadata, text): Row| {
        let created_at = instant(&text);
        let place = Place { at: created_at.unwrap_or(span.from), text: Some(text), id };
        let event = created_at.map(|created_at| RawEvent { id, user_id, event_type, metadata, created_at });
        (place, event)
    };
    Ok(rows.into_iter().map(event).collect())
}

/// The ends of a span as this table writes instants.
pub(super) async fn bounds(pool: &SqlitePool, span: Span) -> sqlx::Result<(String, String)> {
    let separator = separator(pool).await?;
    Ok((bound(span.from, separator), bound(span.until, separator)))
}

/// What stands between day and time in this table.
async fn separator(pool: &SqlitePool) -> sqlx::Result<char> {
    let row: Option<(Option<String>,)> = sqlx::query_as(SAMPLE).fetch_optional(pool).await?;
    Ok(row.and_then(|(text,)| text?.chars().nth(10)).unwrap_or('T'))
}

/// Without fraction and offset, so that it sorts before every writing of the same second.
fn bound(at: Instant, separator: char) -> String {
    format!("{}{separator}{}", at.format("%Y-%m-%d"), at.format("%H:%M:%S"))
}

fn instant(text: &str) -> Option<Instant> {
    let with_offset = || DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
    let in_utc = |format| NaiveDateTime::parse_from_str(text, format).ok().map(|at| at.and_utc());
    let at = with_offset()
        .or_else(|| in_utc("%Y-%m-%d %H:%M:%S%.f"))
        .or_else(|| in_utc("%Y-%m-%dT%H:%M:%S%.f"))?;
    Some(to_micros(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_writings_of_an_instant_are_read_and_a_bound_sorts_before_its_second() {
        let at: Instant = "2026-08-20T06:00:00.5Z".parse().unwrap();
        for text in ["2026-08-20T06:00:00.500+00:00", "2026-08-20T09:00:00.5+03:00", "2026-08-20 06:00:00.5"]
        {
            assert_eq!(instant(text), Some(at), "{text}");
        }
        assert_eq!(instant("yesterday"), None);
        assert!(
            *bound(at, 'T') < *"2026-08-20T06:00:00+00:00" && *bound(at, 'T') > *"2026-08-20T05:59:59.9Z"
        );
    }
}
