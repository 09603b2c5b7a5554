//! What can go wrong, as data: what an incident's text is made from.

use serde::{Deserialize, Serialize};

use crate::clock::Instant;

/// A finding of a check. Stored as the detail of its incident, so no secrets and no customers' texts.
///
/// Times and counts are part of the text but not of its identity: the same trouble seen again changes its incident
/// and opens no second one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "trouble", rename_all = "snake_case")]
pub enum Trouble {
    /// The latest run of a job failed for good, or an earlier one that nobody was told of.
    RunFailed {
        job: String,
        run_id: i64,
        slot_at: Instant,
        failed_at: Instant,
        reason: String,
        /// One sentence about the failure.
        note: Option<String>,
    },
    /// A digest that late data made untrue could not be corrected.
    CorrectionFailed {
        job: String,
        run_id: i64,
        slot_at: Instant,
        failed_at: Instant,
        reason: String,
        /// One sentence about the failure.
        note: Option<String>,
    },
    /// Sources with the same access cannot be read, for longer than a hiccup.
    SourceDown { access: String, sources: Vec<String>, reason: String, since: Instant, jobs: Vec<String> },
    /// Sources with the same access do not let us in: nothing helps but a human.
    SourceRefused { access: String, sources: Vec<String>, reason: String, since: Instant, jobs: Vec<String> },
    /// Messages to a chat ended undelivered.
    DeliveryDead { chat: String, reason: String, count: u64, public_ids: Vec<String>, last_at: Instant },
    /// It will never be known whether these messages arrived.
    DeliveryMaybeLost { chat: String, count: u64, public_ids: Vec<String>, last_at: Instant },
    /// Messages wait much longer than they should.
    DeliveryStuck { chat: String, reason: String, count: u64, since: Instant },
    /// Nothing gets out: no connection, a token Telegram does not know, an address that is not Telegram's.
    TelegramDown { reason: String, since: Instant },
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
    /// Slot after slot of a job is not run.
    SlotsSkipped { job: String, reason: String, count: u64, since: Instant },
    /// By how long such runs take, a report will miss its deadline.
    DeadlineAtRisk { job: String, run_id: i64, slot_at: Instant, deadline_at: Instant, usual_secs: i64 },
    /// A source has not been read through for long, though nothing says that it fails.
    SourceStale { source: String, since: Option<Instant> },
    /// Records of a source could not be understood, in the last day.
    SchemaSurprise { source: String, count: u64 },
    /// Language models are used whose price is not known.
    PriceUnknown { models: Vec<String> },
    /// The note on data quality found something doubtful, day after day.
    QualityDoubtful { job: String, days: u64, count: u64 },
    /// Something of the machine a worker runs on is near its end.
    Strained {
        /// The machine's name.
        host: String,
        vital: Vital,
        /// In the vital's own unit.
        value: i64,
    },
    /// The database had a fault.
    StoreTrouble { reason: String },
    /// Too many findings of one kind to tell each.
    Many { of: String, count: u64, keys: Vec<String> },
}

/// What is measured of a worker's machine, and the unit of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vital {
    /// Free part of the database's disk, %.
    Disk,
    /// Used part of the memory this process may have, %.
    Memory,
    /// Seconds by which our clock is ahead.
    Clock,
    /// What a trial write to the database takes, ms.
    Database,
    /// Used part of the requests the CRM lets through, %.
    CrmLimit,
}

impl Trouble {
    /// Tells something that is over when it is found: no reminders, and nothing to announce at its end.
    pub fn is_news(&self) -> bool {
        match self {
            Self::DeliveryDead { reason, .. } => {
                matches!(
                    reason.as_str(),
                    "expired"
                        | "message_gone"
                        | "too_long"
                        | "bad_markup"
                        | "bad_text"
                        | "empty_text"
                        | "bad_photo"
                        | "bad_file"
                        | "file_gone"
                )
            }
            // The job is gone: no success will ever end it.
            Self::RunFailed { reason, .. } => reason == "unknown_job",
            Self::CorrectionFailed { .. }
            | Self::DeliveryMaybeLost { .. }
            | Self::MarkupRefused { .. }
            | Self::CaughtUp { .. } => true,
            _ => false,
        }
    }
}
