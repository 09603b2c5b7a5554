//! Stores for tests: a quick one on SQLite, and the same scenario on both databases.

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, resume_unwind};

use futures::FutureExt;
use sqlx::{Connection, PgConnection, SqliteConnection};
use svodka::store::Store;
use tempfile::TempDir;

use super::postgres::{self, PgDatabase};

/// A migrated store on a SQLite file that goes with it.
pub struct TempStore {
    store: Store,
    url: String,
    _folder: TempDir,
}

impl TempStore {
    /// Address of the same database, for a second handle.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Deref for TempStore {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

/// A fresh migrated store on SQLite.
pub async fn temp_store() -> TempStore {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/svodka.db", folder.path().display());
    let store = Store::connect(&url).await.unwrap();
    store.migrate().await.unwrap();
    TempStore { store, url, _folder: folder }
}

/// What a scenario gets: a migrated store and its address.
#[derive(Debug, Clone)]
pub struct Given {
    pub store: Store,
    url: String,
}

impl Given {
    /// Another handle to the same database, as another process would have.
    pub async fn another(&self) -> Store {
        Store::connect(&self.url).await.unwrap()
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// A statement on the store's own tables, past the store.
    pub async fn execute(&self, sql: &str) {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        if self.backend() == "sqlite" {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::query(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        } else {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            sqlx::query("SET search_path = svodka").execute(&mut connection).await.unwrap();
            sqlx::query(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

impl Deref for Given {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

/// Runs the scenario on a fresh SQLite file and on a fresh PostgreSQL database, where this machine has PostgreSQL (see
/// [`postgres::cluster`]). A failure names the database it happened on.
///
/// ```ignore
/// for_each_store(async |given| {
///     given.store.ping().await.unwrap();
/// })
/// .await;
/// ```
pub async fn for_each_store(scenario: impl AsyncFn(Given)) {
    let sqlite = temp_store().await;
    let given = Given { store: sqlite.store.clone(), url: sqlite.url.clone() };
    on_backend("SQLite", scenario(given)).await;
    sqlite.close().await;

    let Some(cluster) = postgres::cluster() else { return };
    let database: PgDatabase = cluster.database().await;
    let store = Store::connect(&database.url()).await.unwrap();
    on_backend("PostgreSQL", scenario(Given { store: store.clone(), url: database.url() })).await;
    store.close().await;
    database.remove().await;
}

async fn on_backend(name: &str, scenario: impl Future<Output = ()>) {
    if let Err(panic) = AssertUnwindSafe(scenario).catch_unwind().await {
        eprintln!("\nthe scenario failed on {name}\n");
        resume_unwind(panic);
    }
}
