//! The bot's events, read from its own database. Read only and short: a statement takes one page of one local day by
//! `(created_at, id)`, or the newest ids, and has a time limit; two connections at most.
//!
//! Nothing is kept and nothing is counted here. The table belongs to the bot: it is checked at the start of every round,
//! and what is wrong with it is said in one sentence with the fix.

mod decode;
mod deletion;
mod failure;
mod metadata;
mod postgres;
mod sqlite;

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;

use super::CollectError;
use crate::clock::Instant;
use crate::facts::bot::BotEvent;
pub use crate::facts::bot::SOURCE_BOT_EVENTS;
pub use deletion::Deleter;

/// Connections to the bot's database per process.
const CONNECTIONS: u32 = 2;
/// Beyond the statement's own limit: a network that swallows answers is not waited for any longer.
const GRACE: Duration = Duration::from_secs(2);
/// An event before Telegram had bots has a wrong clock.
const NOT_BEFORE: Instant = match chrono::DateTime::from_timestamp(1_420_070_400, 0) {
    Some(year_2015) => year_2015,
    None => Instant::UNIX_EPOCH,
};

/// Reader of `user_events`; cheap to clone.
#[derive(Debug, Clone)]
pub struct BotEvents {
    database: Database,
    timeout: Duration,
}

#[derive(Debug, Clone)]
enum Database {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A stretch of time, half-open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: Instant,
    pub until: Instant,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    at: Instant,
    /// As written, where the database has no type for it.
    text: Option<String>,
    id: i64,
}

/// Some events in the order of `(created_at, id)`.
#[derive(Debug, Default)]
pub struct Page {
    pub events: Vec<BotEvent>,
    /// Where to go on; `None` at the end of the span.
    pub next: Option<Place>,
    /// Highest id on the page.
    pub most_id: i64,
    /// Rows without a usable moment.
    pub undated: u64,
}

/// What the table looks like.
#[derive(Debug)]
struct Table {
    /// Name and type.
    columns: Vec<(String, String)>,
    has_index: bool,
}

/// Runs `$module::$function(pool, …)` of the database at hand under the time limit.
macro_rules! ask {
    ($self:expr, $function:ident $(, $value:expr)*) => {{
        let work = async {
            match &$self.database {
                Database::Sqlite(pool) => sqlite::$function(pool $(, $value)*).await,
                Database::Postgres(pool) => postgres::$function(pool $(, $value)*).await,
            }
        };
        match tokio::time::timeout($self.timeout + GRACE, work).await {
            Ok(result) => result.map_err(|error| failure::of_database(&error, $self.timeout)),
            Err(_) => Err(failure::of_slowness($self.timeout)),
        }
    }};
}

impl BotEvents {
    /// A reader of the database at `url`; `timeout` is that of one statement. Connects when first asked.
    ///
    /// # Errors
    /// `not_found` when this is no address.
    pub fn new(url: &SecretString, timeout: Duration) -> Result<Self, CollectError> {
        let url = url.expose_secret();
        let database = match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => {
                let options = url.parse().map_err(|_| failure::of_address())?;
                Database::Sqlite(sqlite::pool(options, timeout))
            }
            Some("postgres" | "postgresql") => {
                let options = url.parse().map_err(|_| failure::of_address())?;
                Database::Postgres(postgres::pool(options, timeout))
            }
            _ => return Err(failure::of_address()),
        };
        Ok(Self { database, timeout })
    }

    /// Looks whether the database answers and the table is as it must be. Gives advice, where there is some.
    pub async fn check(&self) -> Result<Option<&'static str>, CollectError> {
        ask!(self, knock)?;
        let table = ask!(self, table)?;
        if table.columns.is_empty() {
            return Err(failure::no_table());
        }
        let type_of =
            |name: &str| table.columns.iter().find(|(column, _)| column == name).map(|(_, kind)| kind);
        let missing: Vec<_> =
            failure::COLUMNS.into_iter().filter(|name| type_of(name).is_none()).map(quoted).collect();
        if !missing.is_empty() {
            let columns = if missing.len() == 1 { "column" } else { "columns" };
            return Err(failure::of_shape(&format!("lacks the {columns} {}", missing.join(", "))));
        }
        if matches!(self.database, Database::Postgres(_)) {
            for (name, kinds) in [
                ("id", &["smallint", "integer", "bigint"][..]),
                ("user_id", &["smallint", "integer", "bigint", "numeric"]),
                ("created_at", &["timestamp with time zone", "timestamp without time zone"]),
            ] {
                if let Some(kind) = type_of(name).filter(|kind| !kinds.contains(&kind.as_str())) {
                    let wanted = kinds.join(" or ");
                    return Err(failure::of_shape(&format!("has `{name}` of type {kind}, not {wanted}")));
                }
            }
        }
        let advice = "there is no index on created_at, so every reading goes through the whole table; \
             CREATE INDEX CONCURRENTLY ON user_events (created_at, id)";
        Ok((!table.has_index).then_some(advice))
    }

    /// The moment of the oldest event; `None` when there is none.
    pub async fn oldest_at(&self) -> Result<Option<Instant>, CollectError> {
        ask!(self, oldest_at, NOT_BEFORE)
    }

    /// The highest id; `None` when there is no event.
    pub async fn newest_id(&self) -> Result<Option<i64>, CollectError> {
        ask!(self, newest_id)
    }

    /// Events of the span after a place, at most `limit`.
    pub async fn page(&self, span: Span, after: Option<&Place>, limit: u32) -> Result<Page, CollectError> {
        let rows = ask!(self, page, span, after, i64::from(limit))?;
        let is_last = rows.len() < limit as usize;
        let mut page = Page::default();
        for (place, event) in rows {
            page.most_id = page.most_id.max(place.id);
            match event {
                Some(event) => page.events.push(event.decode()),
                None => page.undated += 1,
            }
            page.next = Some(place);
        }
        if is_last {
            page.next = None;
        }
        Ok(page)
    }

    /// Ids above `after_id` with their moments, ascending, at most `limit`; the moment is `None` where it is not usable.
    pub async fn arrivals(
        &self,
        after_id: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Option<Instant>)>, CollectError> {
        ask!(self, arrivals, after_id, i64::from(limit))
    }
}

fn quoted(name: &str) -> String {
    format!("`{name}`")
}
