//! The running bot: its table and its log in a folder, which grow as the clock goes on.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use chrono::TimeDelta;
use flate2::Compression;
use flate2::write::GzEncoder;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use super::{BotRecords, BotWorld, fill_sqlite, log, tea_bot};
use crate::clock::{Instant, SharedClock};

/// How often what has come due is written.
const WRITE_EVERY: TimeDelta = TimeDelta::seconds(5);
/// Days in the log that is being written; older ones lie beside it, compressed.
const LOG_DAYS: i64 = 7;

/// Where the bot lives.
#[derive(Debug, Clone)]
pub struct BotOptions {
    pub world: BotWorld,
    /// Made when missing; the bot's files in it are replaced.
    pub folder: PathBuf,
}

/// The bot; it stops with this handle.
#[derive(Debug)]
pub struct BotStandIn {
    folder: PathBuf,
    writer: JoinHandle<()>,
}

/// What was written so far.
#[derive(Debug)]
struct Written {
    records: Arc<BotRecords>,
    folder: PathBuf,
    event_count: usize,
    call_count: usize,
}

impl BotStandIn {
    /// Writes everything up to the clock's present, and goes on in the background.
    pub async fn start(options: BotOptions, clock: SharedClock) -> anyhow::Result<Self> {
        let BotOptions { world, folder } = options;
        let records = tea_bot(&world);
        let logs = log_folder(&folder);
        let make = async || {
            tokio::fs::create_dir_all(&logs).await?;
            for file in [events_file(&folder), log_file(&folder), old_log_file(&folder)] {
                match tokio::fs::remove_file(file).await {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        };
        make().await.with_context(|| format!("cannot write the bot's files to {}", folder.display()))?;
        let mut written =
            Written { records: Arc::new(records), folder: folder.clone(), event_count: 0, call_count: 0 };
        let now = clock.now();
        written.rotate(now - TimeDelta::days(LOG_DAYS)).await?;
        written.write_until(now).await?;
        let writer = tokio::spawn(async move {
            loop {
                clock.sleep(WRITE_EVERY).await;
                if let Err(error) = written.write_until(clock.now()).await {
                    tracing::warn!(reason = "sandbox", "the bot's stand-in cannot write: {error:#}");
                }
            }
        });
        Ok(Self { folder, writer })
    }

    /// Address of the table `user_events`.
    pub fn events_url(&self) -> String {
        format!("sqlite://{}", events_file(&self.folder).display())
    }

    /// Folder of the logs.
    pub fn log_path(&self) -> PathBuf {
        log_folder(&self.folder)
    }

    /// The variables that point Svodka at the bot.
    pub fn variables(&self) -> Vec<(String, String)> {
        let mut variables = vec![
            ("BOT_EVENTS_URL".to_owned(), self.events_url()),
            ("LLM_LOG_PATH".to_owned(), self.log_path().display().to_string()),
        ];
        for (model, price) in log::PRICES {
            let name = format!("SVODKA__LLM__PRICES__{}__BILLABLE", model.to_uppercase().replace('-', "_"));
            variables.push((name, (*price).to_owned()));
        }
        variables
    }
}

impl Drop for BotStandIn {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

impl Written {
    /// Puts the calls before `before` into the compressed log.
    async fn rotate(&mut self, before: Instant) -> anyhow::Result<()> {
        let end = self.records.calls.partition_point(|call| call.at < before);
        let mut file = GzEncoder::new(Vec::new(), Compression::fast());
        file.write_all(log::lines(&self.records.calls[..end]).as_bytes())?;
        tokio::fs::write(old_log_file(&self.folder), file.finish()?).await?;
        self.call_count = end;
        Ok(())
    }

    async fn write_until(&mut self, now: Instant) -> anyhow::Result<()> {
        let records = self.records.clone();
        let end = records.events.partition_point(|event| event.created_at <= now);
        let due = &records.events[self.event_count.min(end)..end];
        if !due.is_empty() {
            let options =
                SqliteConnectOptions::new().filename(events_file(&self.folder)).create_if_missing(true);
            let mut connection = options.connect().await?;
            fill_sqlite(&mut connection, due).await?;
            connection.close().await?;
            self.event_count = end;
        }
        let end = records.calls.partition_point(|call| call.at <= now);
        let due = &records.calls[self.call_count.min(end)..end];
        if !due.is_empty() {
            let mut file =
                tokio::fs::OpenOptions::new().create(true).append(true).open(log_file(&self.folder)).await?;
            file.write_all(log::lines(due).as_bytes()).await?;
            file.flush().await?;
            self.call_count = end;
        }
        Ok(())
    }
}

fn events_file(folder: &Path) -> PathBuf {
    folder.join("bot-events.db")
}

fn log_folder(folder: &Path) -> PathBuf {
    folder.join("logs")
}

fn log_file(folder: &Path) -> PathBuf {
    log_folder(folder).join("bot.log")
}

fn old_log_file(folder: &Path) -> PathBuf {
    log_folder(folder).join("bot.log.1.gz")
}
