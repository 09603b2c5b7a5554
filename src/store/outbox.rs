//! The outbox: every message to be sent is a row first, written together with what caused it.
//!
//! | state | entered by | leaves to |
//! |---|---|---|
//! | `pending` | `finish_run`, `enqueue`, `record_retry` | `sending` |
//! | `sending` | `claim_delivery` | `sent`, `pending`, `dead`, `unknown`; an expired lease makes it `unknown` |
//! | `unknown` | `record_unknown`, `sweep_lost_sends` | `sending` (reconcile, after `not_before_at`) |
//! | `sent`, `dead` | `record_sent`, `record_dead` | final (an operator may retry a dead one) |
//!
//! Order within a chat: a row is claimable only when no older row of the same chat is pending, sending or unknown,
//! and one row per chat is in flight at a time.

use super::{Lease, Result, Store};
use crate::clock::Instant;

/// What to do when it is not known whether a message arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Send again, marked as a repeat.
    AtLeastOnce,
    /// Never send again; tell ops.
    AtMostOnce,
}

/// What to do with Telegram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A new message.
    Send,
    /// Replace the text of the message that the delivery with this key became; when that one never arrived,
    /// send anew.
    Edit { of_key: String },
}

/// A message to be enqueued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Stable identity, unique for ever: `run:12/managers/1`, `incident:7/3`. Enqueuing a known key does nothing.
    pub key: String,
    pub run_id: Option<i64>,
    /// Logical name of the chat (`managers`); the target id is taken from the settings when sending.
    pub chat: String,
    /// Number of this part, from 1.
    pub part: i64,
    /// Number of parts of the report.
    pub part_count: i64,
    pub action: Action,
    /// Telegram HTML.
    pub html: String,
    /// The same without any markup, for the fallback.
    pub plain: String,
    /// Short id shown in the text.
    pub public_id: String,
    pub policy: Policy,
    /// Not sent after this moment: it becomes dead with reason `expired`.
    pub expires_at: Option<Instant>,
    /// Deliver without a sound.
    pub is_silent: bool,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    Pending,
    Sending,
    Sent,
    Dead,
    Unknown,
}

/// A delivery as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryRow {
    pub id: i64,
    pub key: String,
    pub run_id: Option<i64>,
    pub chat: String,
    pub part: i64,
    pub part_count: i64,
    pub action: Action,
    pub html: String,
    pub plain: String,
    pub public_id: String,
    pub policy: Policy,
    pub expires_at: Option<Instant>,
    pub is_silent: bool,
    pub state: DeliveryState,
    pub not_before_at: Instant,
    pub attempt_count: i64,
    /// Send as plain text: Telegram refused the markup.
    pub is_plain: bool,
    /// Sent again after an unknown outcome; the text says «повтор».
    pub is_repeat: bool,
    /// Highest message id known in the chat when the last send began; a probe starts after it.
    pub floor_message_id: Option<i64>,
    pub message_id: Option<i64>,
    /// Start of the last send.
    pub started_at: Option<Instant>,
    pub created_at: Instant,
    pub finished_at: Option<Instant>,
    /// Bounded reason of the last failure.
    pub reason: Option<String>,
}

/// A delivery just claimed.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedDelivery {
    pub delivery: DeliveryRow,
    pub lease: Lease,
    /// It was `unknown` before: reconcile, do not simply send.
    pub was_unknown: bool,
    /// For an edit: the message to edit, when the edited delivery was sent.
    pub edit_message_id: Option<i64>,
}

impl Store {
    /// Adds deliveries; known keys are left alone. Returns how many are new.
    pub async fn enqueue(&self, _deliveries: &[NewDelivery], _now: Instant) -> Result<u64> {
        todo!()
    }

    /// Claims the oldest delivery that may go now (see the module doc for order; `not_before_at` of the row and of its
    /// chat in `chat_states` are both past), for `lease_secs`; records `started_at` and the chat's floor id, and counts the attempt.
    pub async fn claim_delivery(
        &self,
        _owner: &str,
        _lease_secs: i64,
        _now: Instant,
    ) -> Result<Option<ClaimedDelivery>> {
        todo!()
    }

    /// State `sent`; raises the chat's last message id. Fenced.
    pub async fn record_sent(&self, _lease: &Lease, _message_id: Option<i64>, _now: Instant) -> Result<()> {
        todo!()
    }

    /// Back to `pending` after a definite non-delivery, due at `not_before_at`. `as_plain` switches the row to plain text,
    /// `as_repeat` marks it as a repeat. Fenced.
    pub async fn record_retry(
        &self,
        _lease: &Lease,
        _reason: &str,
        _not_before_at: Instant,
        _as_plain: bool,
        _as_repeat: bool,
        _now: Instant,
    ) -> Result<()> {
        todo!()
    }

    /// State `dead`. Later parts of the same report stay claimable. Fenced.
    pub async fn record_dead(&self, _lease: &Lease, _reason: &str, _now: Instant) -> Result<()> {
        todo!()
    }

    /// State `unknown`, to be reconciled at `settle_at`. Fenced.
    pub async fn record_unknown(
        &self,
        _lease: &Lease,
        _reason: &str,
        _settle_at: Instant,
        _now: Instant,
    ) -> Result<()> {
        todo!()
    }

    /// Makes every `sending` row with an expired lease `unknown` with reason `worker_lost`, to be reconciled
    /// `settle_secs` after its `started_at`. Returns how many.
    pub async fn sweep_lost_sends(&self, _settle_secs: i64, _now: Instant) -> Result<u64> {
        todo!()
    }

    /// The nearest moment at which something may become claimable; `None` when the outbox is idle.
    pub async fn next_delivery_at(&self, _now: Instant) -> Result<Option<Instant>> {
        todo!()
    }
}
