//! What a job is: one row of the cron table.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::store::outbox::Policy;

/// What a job makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    /// The digest of the day before the slot.
    Daily,
    /// Reads what is new in the CRM.
    Sync,
    /// Reads the last days of the CRM again.
    Reconcile,
    /// Deletes what is kept no longer.
    Retention,
    /// What was due in the ISO week before the slot and what arrived, for ops.
    Receipt,
    /// Copies the database to a file.
    Backup,
    /// The digest of the ISO week before the slot.
    Weekly,
    /// The digest of the calendar month before the slot.
    Monthly,
    /// What each manager did in the conversations of the week before the slot.
    Behaviour,
    /// What is doubtful about the data of the day before the slot, for ops.
    Quality,
    /// Recomputes the bot's daily aggregates for yesterday and today.
    Rollup,
    /// The bot's digest of the day before the slot.
    BotDaily,
    /// The bot's digest of the ISO week before the slot.
    BotWeekly,
    /// The bot's digest of the calendar month before the slot.
    BotMonthly,
    /// Deletes old bot events, where the configuration allows it.
    BotRetention,
}

impl ReportKind {
    /// The word used in the configuration, in logs and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Sync => "sync",
            Self::Reconcile => "reconcile",
            Self::Retention => "retention",
            Self::Receipt => "receipt",
            Self::Backup => "backup",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Behaviour => "behaviour",
            Self::Quality => "quality",
            Self::Rollup => "rollup",
            Self::BotDaily => "bot_daily",
            Self::BotWeekly => "bot_weekly",
            Self::BotMonthly => "bot_monthly",
            Self::BotRetention => "bot_retention",
        }
    }

    /// Whether it needs the bot's events.
    pub fn is_about_bot(self) -> bool {
        matches!(
            self,
            Self::Rollup | Self::BotDaily | Self::BotWeekly | Self::BotMonthly | Self::BotRetention
        )
    }

    /// Whether it makes messages for readers.
    pub fn has_messages(self) -> bool {
        match self {
            Self::Daily | Self::Weekly | Self::Monthly | Self::Behaviour | Self::Quality | Self::Receipt => {
                true
            }
            Self::BotDaily | Self::BotWeekly | Self::BotMonthly => true,
            Self::Sync
            | Self::Reconcile
            | Self::Retention
            | Self::Backup
            | Self::Rollup
            | Self::BotRetention => false,
        }
    }
}

/// Which slots missed while down are made up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    None,
    Latest,
    All,
}

/// One row of the cron table.
#[derive(Debug, Clone)]
pub struct Job {
    pub name: String,
    pub report: ReportKind,
    pub schedule: Schedule,
    pub chats: Vec<String>,
    /// After the slot.
    pub deadline: Option<Duration>,
    pub catch_up: CatchUp,
    /// How late a slot may be made up for, and until when a failing run is repeated.
    pub catch_up_window: Duration,
    /// Of one attempt.
    pub timeout: Duration,
    pub policy: Policy,
    /// How long after its delivery a digest is corrected in place when late data change its figures; `None` = never.
    pub corrections: Option<Duration>,
}
