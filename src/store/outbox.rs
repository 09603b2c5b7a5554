//! The outbox: every message to be sent is a row first, written together with what caused it.
//!
//! | state | entered by | leaves to |
//! |---|---|---|
//! | `pending` | `finish_run`, `enqueue`, `record_retry`, by hand | `sending`; `dead` by hand |
//! | `sending` | `claim_delivery` | `sent`, `pending`, `dead`, `unknown`; an expired lease makes it `unknown` |
//! | `unknown` | `record_unknown`, `sweep_lost_sends` | `sending` (one look, after `not_before_at`); `dead` by hand |
//! | `sent` | `record_sent` | final; a repeat is leased once more for a late look (`super::reconcile`) |
//! | `dead` | `record_dead`, by hand (`super::operator`) | `pending` by hand |
//!
//! Order within a chat: a row is claimable only when no older row of the same chat is pending, sending or unknown,
//! and one row per chat is in flight at a time.

use chrono::TimeDelta;
use serde_json::Value;
use sqlx::types::Json;

use super::errors::is_unique_violation;
use super::outbox_rows::{DeliveryRecord, delivery_columns};
use super::pool::Tx;
use super::sql::{execute, fetch_all, fetch_optional, per_backend, queries, same};
use super::{Lease, Result, Store, lease_end};
use crate::clock::Instant;

/// How often a claim that lost against another worker starts over before it reports that nothing may go.
const CLAIM_TRIES: usize = 8;

// The three open states are named together wherever a chat's queue is read, in the words of its partial indexes:
// SQLite takes such an index only when its condition stands in the query.

// $1 now. Only the head of a chat's queue: no older row of the chat is open, and none of its rows is being sent (a
// younger one may be, when an operator has revived a dead row before it) or looked for.
macro_rules! pick {
    ($now_ms:literal, $skip_locked:literal) => {
        concat!(
            "SELECT ",
            delivery_columns!(),
            "
            FROM deliveries
            WHERE state IN ('pending', 'sending', 'unknown') AND state <> 'sending'
              AND not_before_at <= $1
              AND NOT EXISTS (
                SELECT 1 FROM deliveries AS other
                WHERE other.chat = deliveries.chat
                  AND other.state IN ('pending', 'sending', 'unknown')
                  AND (other.id < deliveries.id OR other.state = 'sending'))
              AND NOT EXISTS (
                SELECT 1 FROM chat_states
                WHERE chat_states.chat = deliveries.chat AND chat_states.not_before_at > $1)
              AND NOT EXISTS (
                SELECT 1 FROM deliveries AS swept
                WHERE swept.chat = deliveries.chat AND swept.sweep_at IS NOT NULL
                  AND swept.lease_until_ms > ",
            $now_ms,
            ")
            ORDER BY id
            LIMIT 1 ",
            $skip_locked
        )
    };
}

// $1 the delivery picked; $2 owner; $3 length of the lease in seconds; $4 now; $5 whether this is a send. Reconciling is
// not: it keeps the start and the floor of the send whose outcome is unknown, because the probe needs them.
macro_rules! take {
    ($now_ms:literal, $skip_locked:literal) => {
        concat!(
            "UPDATE deliveries
            SET state = 'sending', lease_owner = $2, lease_token = lease_token + 1,
                attempt_count = attempt_count + 1,
                started_at = CASE WHEN $5 THEN $4 ELSE started_at END,
                floor_message_id = CASE WHEN $5
                    THEN (SELECT last_message_id FROM chat_states WHERE chat_states.chat = deliveries.chat)
                    ELSE floor_message_id END,
                lease_until_ms = $3 * 1000 + ",
            $now_ms,
            "
            WHERE id = $1 AND state IN ('pending', 'unknown')
            RETURNING ",
            delivery_columns!()
        )
    };
}

// What each chat waits for: the message being sent, or the head of its queue.
macro_rules! list_heads {
    ($now_ms:literal, $skip_locked:literal) => {
        concat!(
            "SELECT deliveries.state, deliveries.not_before_at,
                chat_states.not_before_at AS chat_not_before_at,
                deliveries.lease_until_ms - ",
            $now_ms,
            " AS lease_rest_ms
            FROM deliveries LEFT JOIN chat_states ON chat_states.chat = deliveries.chat
            WHERE deliveries.state IN ('pending', 'sending', 'unknown')
              AND (deliveries.state = 'sending' OR NOT EXISTS (
                SELECT 1 FROM deliveries AS other
                WHERE other.chat = deliveries.chat
                  AND other.state IN ('pending', 'sending', 'unknown')
                  AND (other.id < deliveries.id OR other.state = 'sending')))"
        )
    };
}

queries! {
    INSERT = same!(
        "INSERT INTO deliveries (key, run_id, chat, part, part_count, edit_of_key, is_correction, file_key, html, plain, public_id, policy, ",
        "expires_at, is_silent, keyboard, reply_to_id, state, not_before_at, attempt_count, is_plain, is_repeat, lease_token, created_at) ",
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $16, $17, 'pending', $15, 0, FALSE, FALSE, 0, $15) ",
        "ON CONFLICT (key) DO NOTHING",
    );
    PICK = per_backend!(pick);
    TAKE = per_backend!(take);
    BEGIN_ATTEMPT = same!(
        "INSERT INTO delivery_attempts (delivery_id, lease_token, chat, owner, started_at) ",
        "VALUES ($1, $2, $3, $4, $5)",
    );
    FIND_EDITED = same!("SELECT message_id, keyboard FROM deliveries WHERE key = $1 AND state = 'sent'");
    LIST_HEADS = per_backend!(list_heads);
}

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
    /// A new message that answers another of the same chat; without that one it stands alone.
    Reply { to_message_id: i64 },
    /// Replace the text of the message that the delivery with this key became; when that one never arrived,
    /// send anew.
    Edit { of_key: String },
    /// The same, but never a new message: without the message there is nothing to correct.
    Correct { of_key: String },
    /// A new message that is a file kept under this key; the text is its caption, at most 1024 code points.
    SendFile { file_key: String },
}

impl Action {
    /// Key of the delivery whose message is to be edited.
    pub fn edited_key(&self) -> Option<&str> {
        match self {
            Self::Send | Self::SendFile { .. } | Self::Reply { .. } => None,
            Self::Edit { of_key } | Self::Correct { of_key } => Some(of_key),
        }
    }

    /// Key of the file that the message is.
    pub fn file_key(&self) -> Option<&str> {
        match self {
            Self::SendFile { file_key } => Some(file_key),
            Self::Send | Self::Reply { .. } | Self::Edit { .. } | Self::Correct { .. } => None,
        }
    }
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
    /// Inline keyboard, as the Bot API takes it. An edit without one leaves the keyboard that the message was sent with.
    pub keyboard: Option<Value>,
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
    /// Inline keyboard, as the Bot API takes it.
    pub keyboard: Option<Value>,
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

impl DeliveryRow {
    /// It answers somebody's command or press.
    pub fn is_answer(&self) -> bool {
        self.key.starts_with(ANSWER_KEY)
    }
}

/// Keys of answers begin with this.
pub const ANSWER_KEY: &str = "reply:";

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

#[derive(sqlx::FromRow)]
struct HeadRecord {
    state: String,
    not_before_at: Instant,
    chat_not_before_at: Option<Instant>,
    lease_rest_ms: Option<i64>,
}

impl HeadRecord {
    /// The moment at which this head may go, or at which its lost sender is noticed.
    fn due_at(&self, now: Instant) -> Instant {
        let at = match self.lease_rest_ms {
            Some(rest_ms) if self.state == DeliveryState::Sending.as_str() => {
                now + TimeDelta::milliseconds(rest_ms)
            }
            _ => self.chat_not_before_at.map_or(self.not_before_at, |at| at.max(self.not_before_at)),
        };
        at.max(now)
    }
}

impl Store {
    /// Adds deliveries; known keys are left alone. Returns how many are new.
    pub async fn enqueue(&self, deliveries: &[NewDelivery], now: Instant) -> Result<u64> {
        let mut tx = self.begin().await?;
        let added = insert_deliveries(&mut tx, deliveries, now).await?;
        tx.commit().await?;
        Ok(added)
    }

    /// Claims the oldest delivery that may go now (see the module doc for order; `not_before_at` of the row and of its
    /// chat in `chat_states` are both past), for `lease_secs`; records `started_at` and the chat's floor id, and counts the attempt.
    pub async fn claim_delivery(
        &self,
        owner: &str,
        lease_secs: i64,
        now: Instant,
    ) -> Result<Option<ClaimedDelivery>> {
        for _ in 0..CLAIM_TRIES {
            match self.try_claim_delivery(owner, lease_secs, now).await {
                // `deliveries_one_sending` refused a second message of the chat: another worker was faster.
                Err(error) if is_unique_violation(&error) => {}
                outcome => return outcome,
            }
        }
        Ok(None)
    }

    /// The nearest moment at which something may become claimable; `None` when the outbox is idle.
    pub async fn next_delivery_at(&self, now: Instant) -> Result<Option<Instant>> {
        let mut db = self.conn().await?;
        let heads = fetch_all!(HeadRecord, db, LIST_HEADS)?;
        Ok(heads.iter().map(|head| head.due_at(now)).min())
    }

    async fn try_claim_delivery(
        &self,
        owner: &str,
        lease_secs: i64,
        now: Instant,
    ) -> Result<Option<ClaimedDelivery>> {
        let mut tx = self.begin().await?;
        let Some(picked) = fetch_optional!(DeliveryRecord, tx, PICK, now)? else {
            return Ok(None);
        };
        let was_unknown = picked.state == DeliveryState::Unknown.as_str();
        let taken =
            fetch_optional!(DeliveryRecord, tx, TAKE, picked.id, owner, lease_secs, now, !was_unknown)?;
        let Some(taken) = taken else {
            return Ok(None);
        };
        let lease = Lease {
            id: taken.id,
            token: taken.lease_token,
            owner: owner.to_owned(),
            until: lease_end(taken.lease_until_ms, "deliveries", taken.id)?,
        };
        execute!(tx, BEGIN_ATTEMPT, lease.id, lease.token, &taken.chat, owner, now)?;
        let mut delivery = DeliveryRow::try_from(taken)?;
        type Edited = (Option<i64>, Option<Json<Value>>);
        let edited = match delivery.action.edited_key() {
            None => None,
            Some(key) => fetch_optional!(Edited, tx, FIND_EDITED, key)?,
        };
        let edit_message_id = edited.as_ref().and_then(|(id, _)| *id);
        // To Telegram an edit without a keyboard takes the keyboard away.
        delivery.keyboard =
            delivery.keyboard.or(edited.and_then(|(_, keyboard)| keyboard).map(|Json(it)| it));
        tx.commit().await?;
        Ok(Some(ClaimedDelivery { delivery, lease, was_unknown, edit_message_id }))
    }
}

/// Adds deliveries to the outbox; known keys are left alone. Returns how many are new.
pub(super) async fn insert_deliveries(tx: &mut Tx, deliveries: &[NewDelivery], now: Instant) -> Result<u64> {
    let mut added = 0;
    for new in deliveries {
        let is_correction = matches!(new.action, Action::Correct { .. });
        let reply_to_id = match new.action {
            Action::Reply { to_message_id } => Some(to_message_id),
            _ => None,
        };
        added += execute!(
            *tx,
            INSERT,
            &new.key,
            new.run_id,
            &new.chat,
            new.part,
            new.part_count,
            new.action.edited_key(),
            is_correction,
            new.action.file_key(),
            &new.html,
            &new.plain,
            &new.public_id,
            new.policy.as_str(),
            new.expires_at,
            new.is_silent,
            now,
            new.keyboard.as_ref().map(Json),
            reply_to_id
        )?;
    }
    Ok(added)
}
