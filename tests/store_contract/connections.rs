//! Opening, closing, and what is said when it does not work.

use std::time::Duration;

use svodka::store::{Store, StoreError};

use crate::support::postgres;
use crate::support::stores::{for_each_store, temp_store};

#[tokio::test]
async fn a_store_answers_until_it_is_closed() {
    for_each_store(async |given| {
        let another = given.another().await;
        another.migrate().await.unwrap();
        another.ping().await.unwrap();
        another.close().await;
        let error = another.ping().await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)) && error.is_transient(), "{error}");
        given.ping().await.unwrap();
        let backend = if given.url().starts_with("sqlite:") { "sqlite" } else { "postgres" };
        assert_eq!(given.backend(), backend);
        let (first, second) = (given.database_now().await.unwrap(), given.database_now().await.unwrap());
        assert!(first <= second && first.timestamp() > 1_700_000_000, "{first} {second}");
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_not_migrated_refuses_and_says_what_is_missing() {
    let store = Store::connect("sqlite::memory:").await.unwrap();
    let error = store.ping().await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)) && !error.is_transient());
    assert!(error.to_string().contains("pings"), "{error}");
}

#[tokio::test]
async fn an_in_memory_store_keeps_its_rows() {
    let store = Store::connect("sqlite::memory:").await.unwrap();
    store.migrate().await.unwrap();
    let now = super::at(0);
    let id = store.insert_manual_run("daily", now, None, now).await.unwrap();
    assert!(store.find_run(id).await.unwrap().is_some());
}

#[tokio::test]
async fn the_folder_of_a_new_sqlite_file_is_made_and_a_file_in_its_place_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b c/svodka.db");
    let url = format!("sqlite://{}", path.display());
    let store = Store::connect(&url).await.unwrap();
    store.migrate().await.unwrap();
    assert!(path.is_file());
    let beneath = format!("sqlite://{}/svodka.db", path.display());
    let error = Store::connect(&beneath).await.unwrap_err();
    assert_eq!(error.reason(), "db_unavailable", "{error}");
}

#[tokio::test]
async fn a_sqlite_file_lets_another_process_read_while_we_write() {
    let store = temp_store().await;
    let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect(store.url()).await.unwrap();
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await.unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn an_address_of_another_kind_is_refused_without_repeating_it() {
    for url in [
        "mysql://svodka:s3cret-word@db/svodka",
        "svodka:s3cret-word@db",
        "postgres://svodka:s3cret-word@db:notaport/svodka",
        "postgres://svodka:s3cret-word@db/svodka?sslmode=s3cret-word-mode",
        "sqlite://file.db?mode=nonsense",
        "s3cret-word",
        "",
    ] {
        let error = Store::connect(url).await.unwrap_err();
        assert!(matches!(error, StoreError::BadUrl(_)), "{url}: {error:?}");
        assert_eq!((error.reason(), error.is_transient()), ("db_url", false));
        let said = format!("{error} {error:?}");
        assert!(!said.contains("s3cret-word@") && !said.contains(":s3cret"), "{said}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_unavailable_within_seconds() {
    // Bound and never accepting at once: the port is taken, so nobody else can answer on it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("postgres://svodka:s3cret-word@127.0.0.1:{port}/svodka?sslmode=disable");
    let answer = tokio::time::timeout(Duration::from_secs(20), Store::connect(&url)).await;
    let error = answer.expect("no answer within 20 s").unwrap_err();
    assert_eq!(error.reason(), "db_unavailable", "{error}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_refused_and_a_lost_one_is_unavailable() {
    let Some(cluster) = postgres::cluster() else { return };
    let database = cluster.database().await;
    let missing = database.url().replace("/test_", "/missing_");
    assert_ne!(missing, database.url());
    let error = Store::connect(&missing).await.unwrap_err();
    assert_eq!(error.reason(), "db_refused", "{error}");

    let store = Store::connect(&database.url()).await.unwrap();
    store.ping().await.unwrap();
    assert_eq!(format!("{store:?}"), "Store(postgres)");
    database.cut().await;
    let error = store.ping().await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    database.uncut().await;
    store.ping().await.unwrap();
    store.close().await;
    database.remove().await;
}

#[tokio::test]
async fn the_futures_of_the_store_can_be_spawned() {
    fn is_send(_: impl Send) {}
    let store = temp_store().await;
    let (batch, step, now) = (Default::default(), Default::default(), super::at(0));
    is_send(store.migrate());
    is_send(store.save_facts(&batch, &step, now));
    is_send(store.facts_between(now, now));
    is_send(store.list_deliveries(&[], 1));
    is_send(store.close());
    is_send(Store::connect("sqlite::memory:"));
}

/// Runs a statement past the store.
async fn run(url: &str, sql: &'static str) {
    use sqlx::Connection;
    let mut database = sqlx::SqliteConnection::connect(url).await.unwrap();
    sqlx::query(sql).execute(&mut database).await.unwrap();
}

/// As on a full disk: the database ends the transaction by itself, behind the back of the client.
#[tokio::test]
async fn a_transaction_that_sqlite_ended_by_itself_does_not_cost_the_ones_after_it() {
    let store = temp_store().await;
    let now: svodka::clock::Instant = "2026-08-20T06:00:00Z".parse().unwrap();
    store.register_job("daily", "x", Some(now), now).await.unwrap();
    run(
        store.url(),
        "CREATE TRIGGER disk_full BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ROLLBACK, 'the disk is full'); END",
    )
    .await;
    for _ in 0..3 {
        let error = store.plan("daily", now, None, &[], now).await.unwrap_err().to_string();
        assert!(error.contains("the disk is full"), "the cause, not what follows from it: {error}");
    }
    run(store.url(), "DROP TRIGGER disk_full").await;
    assert!(store.plan("daily", now, None, &[], now).await.unwrap());
}
