//! The configuration as written: strings and numbers, unknown keys refused.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use chrono::NaiveDate;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use super::DeliveryMode;
use super::access::RawAccess;
use super::bot::RawBot;
use super::exports::{Attach, ExportSettings};
use super::llm::RawLlm;
use super::refine::RawRefine;
use crate::schedule::{CatchUp, ReportKind};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSettings {
    pub timezone: String,
    pub work_hours: String,
    #[serde(deserialize_with = "csv_or_list")]
    pub holidays: Vec<NaiveDate>,
    pub delivery: DeliveryMode,
    #[serde(default)]
    pub weekdays: BTreeMap<String, String>,
    pub database: RawDatabase,
    pub http: RawHttp,
    pub retailcrm: RawRetailCrm,
    pub bot: RawBot,
    pub telegram: RawTelegram,
    pub llm: RawLlm,
    pub refine: RawRefine,
    #[serde(default)]
    pub chats: BTreeMap<String, RawChat>,
    pub access: RawAccess,
    pub jobs: BTreeMap<String, RawJob>,
    pub thresholds: RawThresholds,
    pub bot_digest: RawBotDigest,
    pub alerts: RawAlerts,
    pub heartbeat: RawHeartbeat,
    pub retention: RawRetention,
    pub backup: RawBackup,
    pub exports: ExportSettings,
    pub log: RawLog,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDatabase {
    pub url: SecretString,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHttp {
    pub host: IpAddr,
    pub port: Option<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetailCrm {
    pub url: Option<String>,
    pub api_key: Option<SecretString>,
    pub bot_url: Option<String>,
    pub bot_token: Option<SecretString>,
    pub requests_per_second: u32,
    pub first_load_days: u32,
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    pub chat_link: String,
    pub proxy: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTelegram {
    pub token: Option<SecretString>,
    pub api_url: String,
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    pub proxy: Option<String>,
    pub listen: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChat {
    #[serde(deserialize_with = "number_or_text")]
    pub id: String,
    pub topic: Option<i64>,
    pub manager: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawJob {
    pub report: ReportKind,
    pub cron: String,
    #[serde(default, deserialize_with = "csv_or_list")]
    pub chats: Vec<String>,
    #[serde(default, with = "humantime_serde")]
    pub deadline: Option<Duration>,
    pub catch_up: Option<CatchUp>,
    #[serde(default, with = "humantime_serde")]
    pub catch_up_window: Option<Duration>,
    #[serde(default, with = "humantime_serde")]
    pub timeout: Option<Duration>,
    pub policy: Option<RawPolicy>,
    pub corrections: Option<RawCorrections>,
    #[serde(default, with = "humantime_serde")]
    pub corrections_window: Option<Duration>,
    #[serde(default, deserialize_with = "csv_or_list")]
    pub attach: Vec<Attach>,
    pub enabled: Option<bool>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawPolicy {
    AtLeastOnce,
    AtMostOnce,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawCorrections {
    None,
    Edit,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawThresholds {
    #[serde(with = "humantime_serde")]
    pub slow_first_reply: Duration,
    #[serde(with = "humantime_serde")]
    pub follow_up_gap: Duration,
    pub response_ratio_drop: f64,
    pub no_reply_ratio: f64,
    #[serde(with = "humantime_serde")]
    pub first_response_median: Duration,
    #[serde(with = "humantime_serde")]
    pub order_link_window: Duration,
    pub spin_completeness_drop: f64,
    pub spin_stage_drop: f64,
    pub questions_drop: f64,
    pub spin_completeness_low: f64,
    pub questions_low: f64,
    #[serde(with = "humantime_serde")]
    pub waiting_max_age: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBotDigest {
    pub currency: String,
    pub conversion_estimate: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAlerts {
    pub chat: String,
    #[serde(with = "humantime_serde")]
    pub source_down_after: Duration,
    #[serde(with = "humantime_serde")]
    pub group_wait: Duration,
    pub quiet_hours: String,
    pub summary_at: String,
    #[serde(default)]
    pub escalation: BTreeMap<String, RawEscalation>,
    pub fallback: RawFallback,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEscalation {
    #[serde(with = "humantime_serde")]
    pub after: Duration,
    pub chat: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFallback {
    pub webhook: Option<SecretString>,
    pub smtp_url: Option<SecretString>,
    pub mail_from: String,
    #[serde(deserialize_with = "csv_or_list")]
    pub mail_to: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHeartbeat {
    pub url: Option<SecretString>,
    #[serde(with = "humantime_serde")]
    pub every: Duration,
    #[serde(default)]
    pub jobs: BTreeMap<String, SecretString>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetention {
    #[serde(with = "humantime_serde")]
    pub texts: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBackup {
    pub folder: String,
    pub keep_count: usize,
    #[serde(with = "humantime_serde")]
    pub keep_for: Duration,
    pub s3: RawS3,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawS3 {
    pub endpoint: Option<String>,
    pub bucket: Option<String>,
    pub region: String,
    pub access_key: Option<SecretString>,
    pub secret_key: Option<SecretString>,
    pub prefix: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub format: RawLogFormat,
    pub level: String,
    pub folder: String,
    pub keep_files: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawLogFormat {
    Auto,
    Json,
    Text,
}

/// A TOML list, or one string with commas: an environment variable cannot hold a list.
fn csv_or_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct CsvOrList<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for CsvOrList<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list, or one string with commas")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| T::deserialize(de::value::StrDeserializer::<E>::new(item)))
                .collect()
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                list.push(item);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_any(CsvOrList(std::marker::PhantomData))
}

/// A chat id: a TOML integer, or a string.
fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct NumberOrText;

    impl Visitor<'_> for NumberOrText {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a chat number such as -1001234567890, or \"@name\"")
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }
    }

    deserializer.deserialize_any(NumberOrText)
}
