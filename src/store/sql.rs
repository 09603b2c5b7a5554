//! How a query is written once and run on two databases.
//!
//! Every statement is a [`Sql`] made by `queries!` beside the method that uses it, so that [`ALL`] is complete by
//! construction and a test can prepare each text on both databases. Most texts are the same for both; a
//! claim differs in two fragments, which `per_backend!` puts into a template:
//!
//! | fragment | SQLite | PostgreSQL |
//! |---|---|---|
//! | now of the database, unix milliseconds | `unixepoch('subsec')` | `clock_timestamp()` |
//! | skip rows that another worker is claiming | nothing: there is one writer | `FOR UPDATE SKIP LOCKED` |
//!
//! Texts hold to what both understand: `$N`, `BIGINT` sums by `CAST`, no case folding, no sorting of words.

use super::{
    audit, bot_days, bot_entries, bot_figures, files, marks, operator, pollers, quality, receipts, reconcile,
    refinements, run_claims, run_records, silences, subscriptions, texts, told, wakes,
};
use super::{
    deliveries, facts, facts_save, history, incidents, jobs, llm, outbox, outbox_records, pool, runs, sources,
};

/// A statement: its name for messages, and its text for each database.
#[derive(Debug, Clone, Copy)]
pub struct Sql {
    pub name: &'static str,
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

impl Sql {
    pub(super) const fn new(name: &'static str, [sqlite, postgres]: [&'static str; 2]) -> Self {
        Self { name, sqlite, postgres }
    }
}

/// Every statement with a fixed text, by module. Bulk inserts of facts are built at run time and not listed.
pub const ALL: &[&[Sql]] = &[
    pool::QUERIES,
    jobs::QUERIES,
    runs::QUERIES,
    run_claims::QUERIES,
    run_records::QUERIES,
    outbox::QUERIES,
    outbox_records::QUERIES,
    files::QUERIES,
    deliveries::QUERIES,
    reconcile::QUERIES,
    operator::QUERIES,
    incidents::QUERIES,
    told::QUERIES,
    silences::QUERIES,
    history::QUERIES,
    receipts::QUERIES,
    sources::QUERIES,
    facts::QUERIES,
    facts_save::QUERIES,
    quality::QUERIES,
    bot_days::QUERIES,
    bot_entries::QUERIES,
    bot_figures::QUERIES,
    llm::QUERIES,
    marks::QUERIES,
    refinements::QUERIES,
    texts::QUERIES,
    pollers::QUERIES,
    wakes::QUERIES,
    audit::QUERIES,
    subscriptions::QUERIES,
];

/// Declares the statements of a module, and their list `QUERIES`.
macro_rules! queries {
    ($($(#[$doc:meta])* $name:ident = $texts:expr;)+) => {
        $($(#[$doc])* const $name: $crate::store::sql::Sql =
            $crate::store::sql::Sql::new(stringify!($name), $texts);)+
        pub(super) const QUERIES: &[$crate::store::sql::Sql] = &[$($name),+];
    };
}

/// The same text for both databases.
macro_rules! same {
    ($($text:expr),+ $(,)?) => { [concat!($($text),+), concat!($($text),+)] };
}

/// A template macro `($now_ms, $skip_locked)` filled in for each database.
macro_rules! per_backend {
    ($template:ident) => {
        [
            $template!("CAST(unixepoch('subsec') * 1000 AS INTEGER)", ""),
            $template!(
                "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)",
                "FOR UPDATE SKIP LOCKED"
            ),
        ]
    };
}

/// Runs a piece of code on whichever database is behind `$db` (a [`Conn`](super::pool::Conn) or
/// [`Tx`](super::pool::Tx)): `$c` is its connection, `$text` the text of `$sql` for it.
macro_rules! on {
    ($db:expr, $sql:expr, |$c:ident, $text:ident| $body:expr) => {
        match &mut $db.db {
            $crate::store::pool::Dual::Sqlite(db) => {
                let ($c, $text) = (&mut **db, $sql.sqlite);
                $body
            }
            $crate::store::pool::Dual::Postgres(db) => {
                let ($c, $text) = (&mut **db, $sql.postgres);
                $body
            }
        }
    };
}

/// Executes a statement; gives the number of rows it changed.
macro_rules! execute {
    ($db:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::store::sql::on!($db, $sql, |c, text| {
            sqlx::query(text)$(.bind($value))*.execute(c).await.map(|done| done.rows_affected())
        })
        .map_err($crate::store::StoreError::from)
        .and_then(|done| $db.told($sql.name).map(|()| done))
    };
}

/// Fetches all rows as `$row`.
macro_rules! fetch_all {
    ($row:ty, $db:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::store::sql::on!($db, $sql, |c, text| {
            sqlx::query_as::<_, $row>(text)$(.bind($value))*.fetch_all(c).await
        })
        .map_err($crate::store::StoreError::from)
        .and_then(|done| $db.told($sql.name).map(|()| done))
    };
}

/// Fetches the first row as `$row`, if there is one.
macro_rules! fetch_optional {
    ($row:ty, $db:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::store::sql::on!($db, $sql, |c, text| {
            sqlx::query_as::<_, $row>(text)$(.bind($value))*.fetch_optional(c).await
        })
        .map_err($crate::store::StoreError::from)
        .and_then(|done| $db.told($sql.name).map(|()| done))
    };
}

/// Fetches the row that must be there.
macro_rules! fetch_one {
    ($row:ty, $db:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::store::sql::on!($db, $sql, |c, text| {
            sqlx::query_as::<_, $row>(text)$(.bind($value))*.fetch_one(c).await
        })
        .map_err($crate::store::StoreError::from)
        .and_then(|done| $db.told($sql.name).map(|()| done))
    };
}

/// Fetches what a statement says of these users. They are its last parameter: an array on PostgreSQL, JSON on SQLite.
macro_rules! fetch_of {
    ($row:ty, $tx:expr, $sql:expr, [$($value:expr),*], $users:expr) => {
        match &mut $tx.db {
            $crate::store::pool::Dual::Sqlite(db) => {
                let users = $crate::store::sql::json($users);
                sqlx::query_as::<_, $row>($sql.sqlite)$(.bind($value))*.bind(users).fetch_all(&mut **db).await
            }
            $crate::store::pool::Dual::Postgres(db) => {
                sqlx::query_as::<_, $row>($sql.postgres)$(.bind($value))*.bind($users).fetch_all(&mut **db).await
            }
        }
        .map_err($crate::store::StoreError::from)
        .and_then(|done| $tx.told($sql.name).map(|()| done))
    };
}

/// Executes a statement about these users, its last parameter.
macro_rules! execute_of {
    ($tx:expr, $sql:expr, [$($value:expr),*], $users:expr) => {
        match &mut $tx.db {
            $crate::store::pool::Dual::Sqlite(db) => {
                let users = $crate::store::sql::json($users);
                sqlx::query($sql.sqlite)$(.bind($value))*.bind(users).execute(&mut **db).await.map(drop)
            }
            $crate::store::pool::Dual::Postgres(db) => {
                sqlx::query($sql.postgres)$(.bind($value))*.bind($users).execute(&mut **db).await.map(drop)
            }
        }
        .map_err($crate::store::StoreError::from)
        .and_then(|()| $tx.told($sql.name))
    };
}

/// The list as SQLite reads it.
pub(super) fn json(users: &[i64]) -> String {
    serde_json::Value::from(users.to_vec()).to_string()
}

pub(super) use {
    execute, execute_of, fetch_all, fetch_of, fetch_one, fetch_optional, on, per_backend, queries, same,
};
