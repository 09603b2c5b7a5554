//! Many rows in one statement, as each database takes them fastest.
//!
//! PostgreSQL gets one array per column: the text is the same for any number of rows, so it is parsed and planned once per
//! connection. SQLite gets the rows themselves, as many as its parameters allow.

/// Rows per statement on PostgreSQL; a bound on memory only.
pub(super) const ROWS_PER_ARRAY: usize = 10_000;

/// `[$before] rows AS v (column1, column2, …) [$after]`, for as many statements as the rows need; each value is named with its type
/// on PostgreSQL. Both databases call the columns of rows so.
macro_rules! bulk {
    ($tx:expr, $rows:expr, $before:expr, |$row:ident| [$($kind:literal: $value:expr),+ $(,)?], $after:expr) => {
        match &mut $tx.db {
            $crate::store::pool::Dual::Sqlite(db) => {
                for rows in $rows.chunks($crate::store::facts_save::ROWS_PER_STATEMENT) {
                    let mut statement = sqlx::QueryBuilder::<sqlx::Sqlite>::new(concat!($before, " ("));
                    statement.push_values(rows, |mut tuple, $row| {
                        $(tuple.push_bind($value);)+
                    });
                    statement.push(concat!(") AS v ", $after));
                    statement.build().persistent(false).execute(&mut **db).await?;
                }
            }
            $crate::store::pool::Dual::Postgres(db) => {
                for rows in $rows.chunks($crate::store::bulk::ROWS_PER_ARRAY) {
                    let mut statement =
                        sqlx::QueryBuilder::<sqlx::Postgres>::new(concat!($before, " unnest("));
                    let mut columns = statement.separated(", ");
                    $(
                        columns.push_bind(rows.iter().map(|$row| { let _ = $row; $value }).collect::<Vec<_>>());
                        columns.push_unseparated(concat!("::", $kind, "[]"));
                    )+
                    statement.push(") AS v (").push($crate::store::bulk::columns([$($kind),+].len()));
                    statement.push(concat!(") ", $after)).build().execute(&mut **db).await?;
                }
            }
        }
    };
}

/// `column1, column2`, as SQLite calls them by itself.
pub(super) fn columns(count: usize) -> String {
    (1..=count).map(|n| format!("column{n}")).collect::<Vec<_>>().join(", ")
}

pub(super) use bulk;
