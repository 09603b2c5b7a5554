//! Deleting old events, by another user than the one who reads, in short statements.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use super::{Span, failure, sqlite};
use crate::collect::CollectError;

/// Deletes events that were proven to be counted.
#[derive(Debug, Clone)]
pub struct Deleter {
    database: Database,
    timeout: Duration,
}

#[derive(Debug, Clone)]
enum Database {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

macro_rules! delete {
    () => {
        "DELETE FROM user_events WHERE id IN (SELECT event.id FROM user_events AS event WHERE event.created_at >= $1 \
         AND event.created_at < $2 AND event.id <= $3 ORDER BY event.created_at, event.id LIMIT $4)"
    };
}

impl Deleter {
    /// Connects when first asked.
    ///
    /// # Errors
    /// `not_found` when this is no address.
    pub fn new(url: &SecretString, timeout: Duration) -> Result<Self, CollectError> {
        let url = url.expose_secret();
        let bad = || failure::error("not_found", "bot.delete_url is not a valid address", true);
        let database = match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => {
                let options: SqliteConnectOptions = url.parse().map_err(|_| bad())?;
                let options = options.create_if_missing(false).busy_timeout(timeout);
                let pool = SqlitePoolOptions::new().max_connections(1).acquire_timeout(timeout);
                Database::Sqlite(pool.connect_lazy_with(options))
            }
            _ => {
                let options: PgConnectOptions = url.parse().map_err(|_| bad())?;
                let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(timeout);
                Database::Postgres(pool.connect_lazy_with(options.application_name("svodka")))
            }
        };
        Ok(Self { database, timeout })
    }

    /// Deletes at most `limit` events of the span with ids up to `most_id`; 0 when none is left.
    pub async fn delete(&self, span: Span, most_id: i64, limit: u32) -> Result<u64, CollectError> {
        let limit = i64::from(limit);
        let work = async {
            match &self.database {
                Database::Sqlite(pool) => {
                    let (from, until) = sqlite::bounds(pool, span).await?;
                    let delete = sqlx::query(delete!()).bind(from).bind(until).bind(most_id).bind(limit);
                    Ok(delete.execute(pool).await?.rows_affected())
                }
                Database::Postgres(pool) => {
                    let delete = sqlx::query(delete!()).bind(span.from).bind(span.until);
                    Ok(delete.bind(most_id).bind(limit).execute(pool).await?.rows_affected())
                }
            }
        };
        match tokio::time::timeout(self.timeout, work).await {
            Ok(result) => result.map_err(|error| failure::of_deletion(&error, self.timeout)),
            Err(_) => Err(failure::of_slowness(self.timeout)),
        }
    }
}
