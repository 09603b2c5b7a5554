//! The configuration, read once and checked whole before anything starts.
//!
//! `config/default.toml` is complete, commented and compiled in: it is the reference. [`load`] lays a file and the
//! environment over it; [`validate`] turns the text into the types below and names every problem by the key's path
//! and the fix. Secrets are [`SecretString`]: no `Debug`, log or error shows them.

pub mod access;
mod alerts;
mod backup;
mod bot;
pub mod exports;
mod fallback;
mod heartbeat;
pub mod llm;
mod load;
mod raw;
pub mod refine;
mod validate;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{NaiveDate, Weekday};
use chrono_tz::Tz;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

pub use access::{AccessSettings, Need, Role};
pub use alerts::{ConductSettings, Escalation};
pub use bot::{BotDeletion, BotSettings};
pub use fallback::{FallbackSettings, MailSettings};
pub use heartbeat::HeartbeatSettings;

use crate::deliver::ChatTarget;
use crate::facts::ManagerId;
use crate::measure::WorkCalendar;
use crate::measure::daily::Thresholds;
use crate::measure::worktime::WorkHours;
use crate::schedule::{Job, ReportKind};

/// The text of `config/default.toml`.
pub const DEFAULT_TOML: &str = include_str!("../../config/default.toml");

/// Everything that is wrong with the configuration, one sentence each with the key's path and the fix.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is not usable:\n  {}", .problems.join("\n  "))]
pub struct ConfigError {
    pub problems: Vec<String>,
}

impl ConfigError {
    /// A single problem.
    pub fn one(problem: impl Into<String>) -> Self {
        Self { problems: vec![problem.into()] }
    }
}

/// The whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    pub zone: Tz,
    pub work_hours: WorkHours,
    /// `None` = day off.
    pub weekdays: BTreeMap<u8, Option<WorkHours>>,
    pub holidays: BTreeSet<NaiveDate>,
    pub delivery: DeliveryMode,
    pub database_url: SecretString,
    pub http_host: IpAddr,
    /// No listener without it.
    pub http_port: Option<u16>,
    pub retailcrm: RetailCrmSettings,
    pub bot: BotSettings,
    pub telegram: TelegramSettings,
    pub llm: llm::LlmSettings,
    /// `None` = off.
    pub refine: Option<refine::RefineSettings>,
    pub chats: BTreeMap<String, ChatTarget>,
    /// Chats that belong to one manager.
    pub chat_managers: BTreeMap<String, ManagerId>,
    pub access: AccessSettings,
    /// Enabled jobs by name.
    pub jobs: BTreeMap<String, Job>,
    /// What goes after the text of a digest, by job; jobs that attach nothing are left out.
    pub attachments: BTreeMap<String, BTreeSet<exports::Attach>>,
    pub exports: exports::ExportSettings,
    pub thresholds: Thresholds,
    pub bot_digest: BotDigestSettings,
    pub ops_chat: String,
    pub source_down_after: Duration,
    pub conduct: ConductSettings,
    pub fallback: FallbackSettings,
    pub heartbeat: HeartbeatSettings,
    pub keep_texts: Duration,
    pub backup: BackupSettings,
    pub log: LogSettings,
}

/// Where messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryMode {
    Telegram,
    /// Printed; for a look around without a bot.
    Stdout,
}

/// How to reach RetailCRM. Addresses and keys are optional here because not every command needs them.
#[derive(Debug, Clone)]
pub struct RetailCrmSettings {
    pub url: Option<Url>,
    pub api_key: Option<SecretString>,
    pub bot_url: Option<Url>,
    pub bot_token: Option<SecretString>,
    pub requests_per_second: u32,
    pub first_load_days: u32,
    pub timeout: Duration,
    /// With `{chat_id}` in it; `None` = no links.
    pub chat_link: Option<String>,
    pub proxy: Option<String>,
}

/// How to reach Telegram.
#[derive(Debug, Clone)]
pub struct TelegramSettings {
    pub token: Option<SecretString>,
    pub api_url: Url,
    pub timeout: Duration,
    pub proxy: Option<String>,
    pub listen: bool,
}

/// Where backups go and how long they stay.
#[derive(Debug, Clone)]
pub struct BackupSettings {
    /// `None` = no backups.
    pub folder: Option<PathBuf>,
    /// The newest ones stay, however old.
    pub keep_count: usize,
    /// The others stay for this long.
    pub keep_for: Duration,
    /// A bucket they are sent to as well.
    pub s3: Option<S3Settings>,
}

/// An S3-compatible bucket.
#[derive(Debug, Clone)]
pub struct S3Settings {
    pub endpoint: Url,
    pub bucket: String,
    pub region: String,
    pub access_key: SecretString,
    pub secret_key: SecretString,
    /// Before each name: `svodka/`.
    pub prefix: String,
}

/// What the digests of the bot cannot know from its events.
#[derive(Debug, Clone, PartialEq)]
pub struct BotDigestSettings {
    /// ISO code of the carts.
    pub currency: String,
    /// Share of the carts' sum expected to become orders, 0..1; `None` = no word about it.
    pub conversion_estimate: Option<f64>,
}

/// How logs look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// `None` = text on a terminal, JSON elsewhere.
    pub json: Option<bool>,
    pub level: String,
    /// Also written there, a file a day; `None` = no files.
    pub folder: Option<PathBuf>,
    pub keep_files: usize,
}

impl Settings {
    /// Reads `config/default.toml`, the file named by `SVODKA_CONFIG` and the environment.
    ///
    /// # Errors
    /// Every problem at once, each naming the key and the fix.
    pub fn load() -> Result<Self, ConfigError> {
        Self::from_environment(&std::env::vars().collect())
    }

    /// As [`Settings::load`] with the given environment; for tests and the demo.
    pub fn from_environment(environment: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        validate::validate(load::read(environment)?)
    }

    /// The working-time calendar.
    pub fn calendar(&self) -> WorkCalendar {
        let weekdays = self
            .weekdays
            .iter()
            .filter_map(|(&number, &hours)| Some((Weekday::try_from(number).ok()?, hours)))
            .collect();
        WorkCalendar { zone: self.zone, default: self.work_hours, weekdays, holidays: self.holidays.clone() }
    }

    /// What `serve` needs beyond a well-formed configuration: somewhere to deliver to, and something to read.
    pub fn check_serve(&self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        if self.delivery == DeliveryMode::Telegram {
            if self.telegram.token.is_none() {
                problems.push(
                    "telegram.token: there is no bot token; set TELEGRAM_BOT_TOKEN (or delivery = \"stdout\" to print)"
                        .to_owned(),
                );
            }
            for (job, chat) in
                self.jobs.values().flat_map(|job| job.chats.iter().map(move |chat| (job, chat)))
            {
                if !self.chats.contains_key(chat) {
                    problems.push(undefined_chat(&format!("jobs.{}.chats", job.name), chat));
                }
            }
            if !self.chats.contains_key(&self.ops_chat) {
                problems.push(undefined_chat("alerts.chat", &self.ops_chat));
            }
        }
        if self.jobs.values().any(|job| job.report == ReportKind::Sync) {
            problems.extend(self.missing_crm_keys());
        }
        problems.sort();
        problems.dedup();
        if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
    }

    /// What is missing to read the CRM; empty when all is there.
    pub fn missing_crm_keys(&self) -> Vec<String> {
        let crm = &self.retailcrm;
        let missing = |is_missing: bool, key: &str, variable: &str, what: &str| {
            is_missing.then(|| format!("retailcrm.{key}: there is no {what}; set {variable}"))
        };
        [
            missing(crm.url.is_none(), "url", "RETAILCRM_URL", "CRM address"),
            missing(crm.api_key.is_none(), "api_key", "RETAILCRM_API_KEY", "CRM key"),
            missing(
                crm.bot_url.is_none(),
                "bot_url",
                "RETAILCRM_BOT_URL",
                "address of the chats (MG Bot API)",
            ),
            missing(
                crm.bot_token.is_none(),
                "bot_token",
                "RETAILCRM_BOT_TOKEN",
                "token for the chats (MG Bot API)",
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The sentence about a chat that nobody defines.
fn undefined_chat(path: &str, chat: &str) -> String {
    let fix = match chat {
        "managers" => "set TELEGRAM_CHAT_ID, or chats.managers.id".to_owned(),
        "ops" => "set TELEGRAM_OPS_CHAT_ID, or chats.ops.id".to_owned(),
        _ => format!("add a section [chats.{chat}] with its id"),
    };
    format!("{path}: the chat `{chat}` is not defined; {fix}")
}
