//! Both databases hold the same tables, and every fixed statement fits both.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sqlx::{Connection, Executor, PgConnection, Row, SqlSafeStr, SqliteConnection};
use svodka::store::{Store, StoreError, sql};

use crate::support::postgres;
use crate::support::stores::temp_store;

/// Table → column → (type in the words of PostgreSQL, may be NULL).
type Schema = BTreeMap<String, BTreeMap<String, (String, bool)>>;

async fn postgres_connection(url: &str) -> PgConnection {
    let mut connection = PgConnection::connect(url).await.unwrap();
    connection.execute("SET search_path = svodka").await.unwrap();
    connection
}

#[test]
fn both_folders_hold_the_same_numbers_and_names() {
    let names = |folder: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
    assert!(names("sqlite").len() >= 3);
}

#[tokio::test]
async fn every_statement_is_prepared_by_sqlite() {
    let store = temp_store().await;
    let mut connection = SqliteConnection::connect(store.url()).await.unwrap();
    for query in all_queries() {
        if let Err(error) = connection.prepare(query.sqlite.into_sql_str()).await {
            panic!("{}: {error}\n{}", query.name, query.sqlite);
        }
    }
}

#[tokio::test]
async fn every_statement_is_prepared_by_postgres() {
    let Some(cluster) = postgres::cluster() else { return };
    let database = cluster.database().await;
    let mut connection = postgres_connection(&database.url()).await;
    for query in all_queries() {
        if let Err(error) = connection.prepare(query.postgres.into_sql_str()).await {
            panic!("{}: {error}\n{}", query.name, query.postgres);
        }
    }
    connection.close().await.unwrap();
    database.remove().await;
}

/// The worker asks many of these every few seconds; what is done and gone must not slow them down.
#[tokio::test]
async fn no_statement_reads_a_growing_table_from_end_to_end() {
    // Asked by a person or once a report, and limited or counting by nature.
    const ALLOWED: [&str; 2] = ["LIST", "COUNT"];
    let store = temp_store().await;
    let mut connection = SqliteConnection::connect(store.url()).await.unwrap();
    let mut seen = 0;
    for query in all_queries().filter(|query| !ALLOWED.contains(&query.name)) {
        let plan = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", query.sqlite)));
        for step in plan.fetch_all(&mut connection).await.unwrap() {
            let step: String = step.get("detail");
            let is_scan = ["deliveries", "runs", "messages", "orders", "dialogs", "chats", "history"]
                .iter()
                .any(|table| step == format!("SCAN {table}"));
            assert!(!is_scan, "{}: {step}\n{}", query.name, query.sqlite);
            seen += 1;
        }
    }
    assert!(seen > 50, "no plans were seen");
}

fn all_queries() -> impl Iterator<Item = &'static sql::Sql> {
    let all: Vec<_> = sql::ALL.iter().copied().flatten().collect();
    assert!(all.len() > 50, "the list of statements is empty");
    all.into_iter()
}

#[tokio::test]
async fn both_databases_hold_the_same_tables_columns_types_and_nulls() {
    let Some(cluster) = postgres::cluster() else { return };
    let database = cluster.database().await;
    let mut connection = postgres_connection(&database.url()).await;
    let in_postgres = postgres_schema(&mut connection).await;
    connection.close().await.unwrap();
    database.remove().await;

    let store = temp_store().await;
    let mut connection = SqliteConnection::connect(store.url()).await.unwrap();
    let in_sqlite = sqlite_schema(&mut connection).await;

    let tables = |schema: &Schema| schema.keys().cloned().collect::<Vec<_>>();
    assert_eq!(tables(&in_postgres), tables(&in_sqlite));
    assert!(in_postgres.len() > 15);
    for (table, columns) in &in_postgres {
        let names = |columns: &BTreeMap<String, _>| columns.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(columns), names(&in_sqlite[table]), "columns of {table}");
        for (column, (kind, is_nullable)) in columns {
            let (sqlite_kind, sqlite_is_nullable) = &in_sqlite[table][column];
            assert_eq!(is_nullable, sqlite_is_nullable, "NULL in {table}.{column}");
            let counterpart = match kind.as_str() {
                "bigint" | "boolean" => "INTEGER",
                "double precision" => "REAL",
                "text" | "jsonb" | "date" | "timestamp with time zone" => "TEXT",
                other => panic!("{table}.{column} is {other}: a type that SQLite does not have"),
            };
            assert_eq!(counterpart, sqlite_kind, "type of {table}.{column}, which is {kind} in PostgreSQL");
            // The name says the type: instants end in _at, days in _on, flags begin with is_.
            let by_name = match column {
                _ if column.starts_with("is_") => "boolean",
                _ if column.ends_with("_at") => "timestamp with time zone",
                _ if column.ends_with("_on") => "date",
                _ => continue,
            };
            assert_eq!(by_name, kind, "type of {table}.{column}");
        }
    }
}

/// Types of a view's columns are not compared: SQLite has none for what is computed.
#[tokio::test]
async fn both_databases_hold_the_same_views_and_columns() {
    let Some(cluster) = postgres::cluster() else { return };
    let database = cluster.database().await;
    let mut connection = postgres_connection(&database.url()).await;
    let in_postgres: Vec<String> = sqlx::query_scalar(
        "SELECT table_name || '.' || ordinal_position || '.' || column_name FROM information_schema.columns \
         WHERE table_schema = 'svodka' AND table_name IN (SELECT viewname FROM pg_views WHERE schemaname = 'svodka')",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    database.remove().await;

    let store = temp_store().await;
    let mut connection = SqliteConnection::connect(store.url()).await.unwrap();
    let in_sqlite: Vec<String> = sqlx::query_scalar(
        "SELECT views.name || '.' || (columns.cid + 1) || '.' || columns.name \
         FROM sqlite_master AS views, pragma_table_info(views.name) AS columns WHERE views.type = 'view'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert!(in_sqlite.len() > 30);
    assert_eq!(sorted(in_postgres), sorted(in_sqlite));
}

#[tokio::test]
async fn both_databases_hold_the_same_indexes() {
    let Some(cluster) = postgres::cluster() else { return };
    let database = cluster.database().await;
    let mut connection = postgres_connection(&database.url()).await;
    let in_postgres: Vec<String> = sqlx::query_scalar(
        "SELECT tablename || '.' || indexname FROM pg_indexes \
         WHERE schemaname = 'svodka' AND indexname NOT LIKE '%\\_pkey' AND indexname NOT LIKE '%\\_key\\_key'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    database.remove().await;

    let store = temp_store().await;
    let mut connection = SqliteConnection::connect(store.url()).await.unwrap();
    let in_sqlite: Vec<String> = sqlx::query_scalar(
        "SELECT tbl_name || '.' || name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert!(in_sqlite.len() > 10);
    assert_eq!(sorted(in_postgres), sorted(in_sqlite));
}

async fn postgres_schema(connection: &mut PgConnection) -> Schema {
    let rows = sqlx::query(
        "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES' \
         FROM information_schema.columns WHERE table_schema = 'svodka' AND table_name <> '_sqlx_migrations' \
         AND table_name NOT IN (SELECT viewname FROM pg_views WHERE schemaname = 'svodka')",
    );
    let mut schema = Schema::new();
    for row in rows.fetch_all(connection).await.unwrap() {
        schema.entry(row.get(0)).or_default().insert(row.get(1), (row.get(2), row.get(3)));
    }
    schema
}

async fn sqlite_schema(connection: &mut SqliteConnection) -> Schema {
    let rows = sqlx::query(
        "SELECT tables.name, columns.name, columns.type, columns.\"notnull\" = 0 \
         FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns \
         WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         AND tables.name <> '_sqlx_migrations'",
    );
    let mut schema = Schema::new();
    for row in rows.fetch_all(connection).await.unwrap() {
        schema.entry(row.get(0)).or_default().insert(row.get(1), (row.get(2), row.get(3)));
    }
    schema
}

#[tokio::test]
async fn sqlite_tables_are_strict() {
    let store = temp_store().await;
    let mut connection = SqliteConnection::connect(store.url()).await.unwrap();
    let loose: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite\\_%' \
         ESCAPE '\\' AND name <> '_sqlx_migrations'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(loose.is_empty(), "{loose:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_start_together_migrate_an_empty_sqlite_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/deep/er/svodka.db", folder.path().display());
    migrate_at_once(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_start_together_migrate_an_empty_postgres_database_once() {
    let Some(cluster) = postgres::cluster() else { return };
    let database = cluster.empty_database().await;
    migrate_at_once(&database.url()).await;
    // Nothing of ours lies among the tables of others, the migrator's own table included.
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    let strangers: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    assert!(strangers.is_empty(), "{strangers:?}");
    connection.close().await.unwrap();
    database.remove().await;
}

async fn migrate_at_once(url: &str) {
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let url = url.to_owned();
            tokio::spawn(async move {
                let store = Store::connect(&url).await?;
                store.migrate().await?;
                store.ping().await?;
                Ok::<_, StoreError>(store)
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap().unwrap().close().await;
    }
}

#[tokio::test]
async fn a_migrated_database_is_migrated_again_without_harm() {
    let store = temp_store().await;
    store.migrate().await.unwrap();
    store.ping().await.unwrap();
}
