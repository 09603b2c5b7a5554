//! What can go wrong, as data: what an incident's text is made from and what makes two findings the same trouble.

use serde::{Deserialize, Serialize};

use crate::clock::Instant;

/// A finding of a check. Stored as the detail of its incident, so no secrets and no customers' texts.
///
/// Times and counts are part of the text but not of the [`key`](Trouble::key): the same trouble seen again changes its
/// incident and opens no second one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "trouble", rename_all = "snake_case")]
pub enum Trouble {
    /// The latest run of a job failed for good.
    RunFailed {
        job: String,
        run_id: i64,
        slot_at: Instant,
        failed_at: Instant,
        reason: String,
        /// One sentence about the failure.
        note: Option<String>,
    },
    /// A source cannot be read, for longer than a hiccup.
    SourceDown { source: String, reason: String, since: Instant, jobs: Vec<String> },
    /// A source does not let us in: nothing helps but a human.
    SourceRefused { source: String, reason: String, since: Instant, jobs: Vec<String> },
    /// Messages to a chat ended undelivered.
    DeliveryDead { chat: String, reason: String, count: u64, public_ids: Vec<String>, last_at: Instant },
    /// It will never be known whether these messages arrived.
    DeliveryMaybeLost { chat: String, count: u64, public_ids: Vec<String>, last_at: Instant },
    /// Messages wait much longer than they should.
    DeliveryStuck { chat: String, reason: String, count: u64, since: Instant },
    /// Telegram does not know our token, or the address is not Telegram's.
    TelegramRefused { reason: String, since: Instant },
    /// Telegram refused our markup; the text went out plain. A fault of ours.
    MarkupRefused { chat: String, public_id: String, at: Instant },
    /// A report was not delivered by its deadline.
    DeadlineMissed {
        job: String,
        run_id: i64,
        slot_at: Instant,
        deadline_at: Instant,
        reason: Option<String>,
        /// There will be no further attempt.
        is_given_up: bool,
    },
    /// A report came late because the worker was down at its time.
    CaughtUp { job: String, run_id: i64, slot_at: Instant, lateness_secs: i64 },
    /// The database had a fault.
    StoreTrouble { reason: String },
    /// Too many findings of one kind to tell each.
    Many { of: String, count: u64, keys: Vec<String> },
}

impl Trouble {
    /// Bounded kind, for the incident row and for telemetry.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RunFailed { .. } => "run_failed",
            Self::SourceDown { .. } => "source_down",
            Self::SourceRefused { .. } => "source_refused",
            Self::DeliveryDead { .. } => "delivery_dead",
            Self::DeliveryMaybeLost { .. } => "delivery_maybe_lost",
            Self::DeliveryStuck { .. } => "delivery_stuck",
            Self::TelegramRefused { .. } => "telegram_refused",
            Self::MarkupRefused { .. } => "markup_refused",
            Self::DeadlineMissed { .. } => "deadline_missed",
            Self::CaughtUp { .. } => "caught_up",
            Self::StoreTrouble { .. } => "store_trouble",
            Self::Many { .. } => "many",
        }
    }

    /// Stable identity: `run_failed/daily`. A source that is down and one that refuses us are one trouble: it changes its mind.
    pub fn key(&self) -> String {
        match self {
            Self::SourceDown { source, .. } | Self::SourceRefused { source, .. } => {
                format!("source/{source}")
            }
            Self::RunFailed { job, .. } | Self::DeadlineMissed { job, .. } => {
                format!("{}/{job}", self.kind())
            }
            Self::CaughtUp { job, run_id, .. } => format!("{}/{job}/{run_id}", self.kind()),
            Self::DeliveryDead { chat, reason, .. } => format!("{}/{chat}/{reason}", self.kind()),
            Self::DeliveryMaybeLost { chat, .. }
            | Self::DeliveryStuck { chat, .. }
            | Self::MarkupRefused { chat, .. } => format!("{}/{chat}", self.kind()),
            Self::TelegramRefused { .. } => self.kind().to_owned(),
            Self::StoreTrouble { reason } => format!("{}/{reason}", self.kind()),
            Self::Many { of, .. } => format!("{}/{of}", self.kind()),
        }
    }

    /// What is told first when not everything can be: the higher the sooner.
    pub fn weight(&self) -> u8 {
        match self {
            Self::TelegramRefused { .. } => 9,
            Self::SourceRefused { .. } => 8,
            Self::Many { .. } => 7,
            Self::DeadlineMissed { .. } => 6,
            Self::RunFailed { .. } | Self::StoreTrouble { .. } => 5,
            Self::DeliveryDead { .. } | Self::DeliveryMaybeLost { .. } => 4,
            Self::SourceDown { .. } | Self::DeliveryStuck { .. } => 3,
            Self::MarkupRefused { .. } => 2,
            Self::CaughtUp { .. } => 1,
        }
    }

    /// Tells something that is over when it is found: no reminders, and nothing to announce at its end.
    pub fn is_news(&self) -> bool {
        match self {
            Self::DeliveryDead { reason, .. } => {
                matches!(reason.as_str(), "expired" | "too_long" | "bad_markup" | "bad_text" | "empty_text")
            }
            Self::DeliveryMaybeLost { .. } | Self::MarkupRefused { .. } | Self::CaughtUp { .. } => true,
            Self::StoreTrouble { .. } => true,
            _ => false,
        }
    }

    /// The chat whose own delivery is in trouble: an incident about the ops chat cannot be told in it.
    pub fn broken_chat(&self) -> Option<&str> {
        match self {
            Self::DeliveryDead { chat, .. }
            | Self::DeliveryMaybeLost { chat, .. }
            | Self::DeliveryStuck { chat, .. } => Some(chat),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_names_the_trouble_and_neither_time_nor_count() {
        let dead = |count, last_at| Trouble::DeliveryDead {
            chat: "managers".to_owned(),
            reason: "blocked".to_owned(),
            count,
            public_ids: vec![],
            last_at,
        };
        let early = Instant::UNIX_EPOCH;
        assert_eq!(dead(1, early).key(), "delivery_dead/managers/blocked");
        assert_eq!(dead(1, early).key(), dead(9, early + chrono::TimeDelta::hours(1)).key());
    }

    #[test]
    fn a_trouble_survives_its_way_through_the_store() {
        let trouble = Trouble::SourceRefused {
            source: "retailcrm_orders".to_owned(),
            reason: "unauthorized".to_owned(),
            since: Instant::UNIX_EPOCH,
            jobs: vec!["daily".to_owned()],
        };
        let detail = serde_json::to_value(&trouble).unwrap();
        assert_eq!(serde_json::from_value::<Trouble>(detail).unwrap(), trouble);
    }
}
