//! What a failure of the bot's database means, with the fix. Neither the address nor any value is repeated.

use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

use crate::collect::CollectError;
use crate::facts::bot::SOURCE_BOT_EVENTS;

/// What the table must have.
pub(super) const COLUMNS: [&str; 5] = ["id", "user_id", "event_type", "metadata", "created_at"];

pub(super) fn error(reason: &'static str, message: impl Into<String>, is_permanent: bool) -> CollectError {
    CollectError { source_name: SOURCE_BOT_EVENTS, reason, message: message.into(), is_permanent }
}

pub(super) fn of_shape(why: &str) -> CollectError {
    let message = format!("the bot's table user_events {why}; it needs the columns {}", COLUMNS.join(", "));
    error("unexpected_shape", message, true)
}

pub(super) fn of_slowness(timeout: Duration) -> CollectError {
    let timeout = humantime::format_duration(timeout);
    error(
        "timeout",
        format!(
            "the bot's database gave no answer within {timeout}; look at its load and at the index on \
             user_events (created_at, id), or raise bot.timeout"
        ),
        false,
    )
}

pub(super) fn of_address() -> CollectError {
    error(
        "not_found",
        "BOT_EVENTS_URL is not a valid address; write postgres://user:password@host/database or sqlite://path/to/file.db",
        true,
    )
}

pub(super) fn of_database(failure: &sqlx::Error, timeout: Duration) -> CollectError {
    use sqlx::Error as E;
    match failure {
        E::Database(database) => match database.try_downcast_ref::<PgDatabaseError>() {
            Some(postgres) => of_postgres(postgres.code(), timeout),
            None => of_sqlite(&**database),
        },
        E::PoolTimedOut => of_slowness(timeout),
        E::Io(_) | E::Tls(_) | E::Protocol(_) | E::PoolClosed | E::WorkerCrashed => error(
            "unreachable",
            "the bot's database cannot be reached; check that it is up, and host, port and TLS in BOT_EVENTS_URL",
            false,
        ),
        E::Configuration(_) => of_address(),
        E::ColumnDecode { index, .. } => {
            of_shape(&format!("holds a value of an unexpected type in column {index}"))
        }
        _ => error("server_error", "the bot's database refused a statement", false),
    }
}

/// A deletion failed; the address is another one than the reading one.
pub(super) fn of_deletion(failure: &sqlx::Error, timeout: Duration) -> CollectError {
    let mut error = of_database(failure, timeout);
    if error.reason == "forbidden" {
        error.message = "the user in bot.delete_url may not delete from user_events; run: \
                         GRANT SELECT, DELETE ON user_events TO that user"
            .to_owned();
    }
    error.message = error.message.replace("BOT_EVENTS_URL", "bot.delete_url");
    error
}

/// By SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn of_postgres(code: &str, timeout: Duration) -> CollectError {
    match code {
        "57014" | "55P03" => of_slowness(timeout),
        "28P01" | "28000" => error(
            "unauthorized",
            "the bot's database refuses the user or the password in BOT_EVENTS_URL",
            true,
        ),
        "42501" => error(
            "forbidden",
            "the user in BOT_EVENTS_URL may not read user_events; run: GRANT SELECT ON user_events TO that user",
            true,
        ),
        "3D000" => error("not_found", "there is no such database as BOT_EVENTS_URL names", true),
        "42P01" => no_table(),
        "42703" => of_shape("lacks a column"),
        _ => {
            error("server_error", format!("the bot's database refused a statement (SQLSTATE {code})"), false)
        }
    }
}

fn of_sqlite(failure: &dyn DatabaseError) -> CollectError {
    const CANNOT_OPEN: &str = "14";
    match failure.code().as_deref() {
        Some(CANNOT_OPEN) => error("not_found", "the file that BOT_EVENTS_URL names cannot be opened", true),
        code => {
            let code = code.unwrap_or("unknown");
            error("server_error", format!("the bot's database refused a statement (SQLite {code})"), false)
        }
    }
}

pub(super) fn no_table() -> CollectError {
    error(
        "not_found",
        "there is no table user_events in the bot's database; check the database in BOT_EVENTS_URL and its search_path",
        true,
    )
}
