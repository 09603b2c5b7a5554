//! The sandbox's bot as files that grow when a test says so: its table of events and its log.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::fmt::Write;
use std::path::PathBuf;

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use svodka::clock::{Clock, Instant};
use svodka::sandbox::bot::PRICES;
use svodka::sandbox::bot::{BotRecords, BotWorld, EventRow, LlmCall, fill_sqlite, tea_bot};
use tempfile::TempDir;

use super::worker::World;

const ZONE: Tz = chrono_tz::Europe::Moscow;

/// A bot of forty days before the world's present and a week after it; nothing of it is written yet.
pub struct BotFiles {
    folder: TempDir,
    pub records: BotRecords,
    written: usize,
}

impl BotFiles {
    /// Points the workers of `world` started from now on at the bot.
    pub fn beside(world: &mut World) -> Self {
        let present = world.clock.now();
        let records = tea_bot(&BotWorld { days: 40, ..BotWorld::demo(present) });
        let files = Self { folder: tempfile::tempdir().unwrap(), records, written: 0 };
        world.set("BOT_EVENTS_URL", &files.url());
        world.set("LLM_LOG_PATH", files.log().to_str().unwrap());
        files
    }

    /// Prices for all of the bot's models but `without`.
    pub fn set_prices(world: &mut World, without: Option<&str>) {
        for (model, price) in PRICES.iter().filter(|(model, _)| Some(*model) != without) {
            let name = model.to_uppercase().replace('-', "_");
            world.set(&format!("SVODKA__LLM__PRICES__{name}__BILLABLE"), price);
        }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("bot-events.db")
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.path().display())
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("bot.log")
    }

    pub async fn connect(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.path()).create_if_missing(true).connect().await.unwrap()
    }

    /// Writes what the bot did until `now`, with its log.
    pub async fn grow(&mut self, now: Instant) {
        let end = self.records.events.partition_point(|event| event.created_at <= now);
        let fresh = self.records.events[self.written..end].to_vec();
        self.insert(&fresh).await;
        self.written = end;
        let mut log = String::new();
        for call in self.records.calls.iter().filter(|call| call.at <= now) {
            let line = json!({
                "ts": call.at, "type": "llm_usage", "user_id": call.user_id, "model": call.model,
                "prompt_tokens": call.prompt_tokens, "completion_tokens": call.completion_tokens,
                "precached_tokens": call.precached_tokens, "billable_tokens": call.billable_tokens(),
                "ms": call.duration_ms,
            });
            writeln!(log, "{line}").unwrap();
        }
        std::fs::write(self.log(), log).unwrap();
    }

    pub async fn insert(&self, rows: &[EventRow]) {
        let mut connection = self.connect().await;
        fill_sqlite(&mut connection, rows).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Events of the local days `[from_on, from_on + days)`.
    pub fn events(&self, from_on: NaiveDate, days: i64) -> Vec<&EventRow> {
        self.records.events.iter().filter(|event| is_within(event.created_at, from_on, days)).collect()
    }

    /// Calls of language models on these days.
    pub fn calls(&self, from_on: NaiveDate, days: i64) -> Vec<&LlmCall> {
        self.records.calls.iter().filter(|call| is_within(call.at, from_on, days)).collect()
    }
}

fn is_within(at: Instant, from_on: NaiveDate, days: i64) -> bool {
    let day = at.with_timezone(&ZONE).date_naive();
    (from_on..from_on + TimeDelta::days(days)).contains(&day)
}
