//! The bot's own database, as a bot would fill it, and a worker that reads it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::SecondsFormat;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use svodka::app::App;
use svodka::clock::{Instant, ManualClock};
use svodka::outbound::Jitter;
use svodka::settings::Settings;
use tempfile::TempDir;

use crate::support::postgres::{self, PgDatabase};
use crate::support::stores::Given;

/// A row as the bot writes it.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: i64,
    pub user_id: Option<i64>,
    pub event_type: String,
    pub metadata: Option<String>,
    pub created_at: Instant,
}

/// A database with `user_events`.
pub enum BotDatabase {
    Sqlite(TempDir),
    Postgres(PgDatabase),
}

impl BotDatabase {
    /// Of the same kind as the store. `metadata` is the column's type on PostgreSQL. No primary key: some bots lost theirs.
    pub async fn beside(given: &Given, metadata: &str) -> Self {
        let database = match given.backend() {
            "sqlite" => Self::Sqlite(tempfile::tempdir().unwrap()),
            _ => Self::Postgres(postgres::cluster().unwrap().empty_database().await),
        };
        let (metadata, instant) = match database {
            Self::Sqlite(_) => ("TEXT", "TEXT"),
            Self::Postgres(_) => (metadata, "TIMESTAMPTZ"),
        };
        database
            .execute(&format!(
                "CREATE TABLE user_events (id BIGINT NOT NULL, user_id BIGINT, event_type TEXT, metadata {metadata}, \
                 created_at {instant} NOT NULL)"
            ))
            .await;
        database.execute("CREATE INDEX user_events_by_time ON user_events (created_at, id)").await;
        database
    }

    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite://{}/bot.db?mode=rwc", folder.path().display()),
            Self::Postgres(database) => database.url(),
        }
    }

    /// Runs statements as the bot's owner.
    pub async fn execute(&self, sql: &str) -> u64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(_) => {
                let mut connection = SqliteConnection::connect(&self.url()).await.unwrap();
                let done = sqlx::query(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                done.rows_affected()
            }
            Self::Postgres(_) => {
                let mut connection = PgConnection::connect(&self.url()).await.unwrap();
                let done = sqlx::query(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                done.rows_affected()
            }
        }
    }

    pub async fn count(&self) -> i64 {
        let sql = "SELECT count(*) FROM user_events";
        match self {
            Self::Sqlite(_) => {
                let mut connection = SqliteConnection::connect(&self.url()).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
            Self::Postgres(_) => {
                let mut connection = PgConnection::connect(&self.url()).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
        }
    }

    pub async fn insert(&self, rows: &[Row]) {
        for rows in rows.chunks(200) {
            let values: Vec<String> = rows.iter().map(literal).collect();
            self.execute(&format!(
                "INSERT INTO user_events (id, user_id, event_type, metadata, created_at) VALUES {}",
                values.join(", ")
            ))
            .await;
        }
    }

    pub async fn remove(self) {
        if let Self::Postgres(database) = self {
            database.remove().await;
        }
    }
}

fn literal(row: &Row) -> String {
    let user_id = row.user_id.map_or("NULL".to_owned(), |id| id.to_string());
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let metadata = row.metadata.as_deref().map_or("NULL".to_owned(), text);
    let created_at = row.created_at.to_rfc3339_opts(SecondsFormat::AutoSi, false);
    format!("({}, {user_id}, {}, {metadata}, {})", row.id, text(&row.event_type), text(&created_at))
}

/// A worker on the store that counts the bot.
pub async fn app(given: &Given, bot_url: &str, clock: &ManualClock, more: &[(&str, &str)]) -> App {
    let mut variables: BTreeMap<String, String> = [
        ("DATABASE_URL", given.url()),
        ("BOT_EVENTS_URL", bot_url),
        ("SVODKA__BOT__BATCH", "100"),
        ("SVODKA__BOT__TIMEOUT", "5s"),
        ("SVODKA__DELIVERY", "stdout"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let settings = Settings::from_environment(&variables).unwrap();
    App::start(Arc::new(settings), Arc::new(clock.clone()), Jitter::seeded(1)).await.unwrap()
}
