//! Reading the outbox, and what is known about Telegram chats.

use super::outbox::{DeliveryRow, DeliveryState};
use super::{Result, Store};
use crate::clock::Instant;

/// Sending state of one logical chat, shared by all workers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChatState {
    /// Set when Telegram moved the chat: send here instead of the configured id.
    pub migrated_to: Option<i64>,
    /// Nothing is sent to the chat before this moment (429, pacing).
    pub not_before_at: Option<Instant>,
    /// Highest message id seen in the chat.
    pub last_message_id: Option<i64>,
}

/// A Telegram chat the bot has seen in an update; for `svodka chats`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenChat {
    /// Telegram chat id.
    pub id: i64,
    /// `private`, `group`, `supergroup`, `channel`.
    pub kind: String,
    pub title: String,
    /// Forum topic, when the message came from one.
    pub topic: Option<i64>,
    pub topic_title: Option<String>,
    pub seen_at: Instant,
}

impl Store {
    /// The delivery with this key.
    pub async fn find_delivery(&self, _key: &str) -> Result<Option<DeliveryRow>> {
        todo!()
    }

    /// Deliveries in one of the states (all when empty), newest first.
    pub async fn list_deliveries(&self, _states: &[DeliveryState], _limit: i64) -> Result<Vec<DeliveryRow>> {
        todo!()
    }

    /// Deliveries of one run, by chat and part.
    pub async fn list_run_deliveries(&self, _run_id: i64) -> Result<Vec<DeliveryRow>> {
        todo!()
    }

    /// State of a chat; the default when nothing is known.
    pub async fn chat_state(&self, _chat: &str) -> Result<ChatState> {
        todo!()
    }

    /// Delays everything to the chat until `at`; an earlier moment than the stored one changes nothing.
    pub async fn hold_chat(&self, _chat: &str, _at: Instant) -> Result<()> {
        todo!()
    }

    /// Remembers that the chat was moved.
    pub async fn migrate_chat(&self, _chat: &str, _new_id: i64) -> Result<()> {
        todo!()
    }

    /// Start moments of sends, edits and probes since `since`, by logical chat: what the rate limits are computed
    /// from, whoever sent.
    pub async fn sends_since(&self, _since: Instant) -> Result<Vec<(String, Instant)>> {
        todo!()
    }

    /// Remembers a chat seen in an update; the latest title wins. Key: `(id, topic)`.
    pub async fn save_seen_chat(&self, _chat: &SeenChat) -> Result<()> {
        todo!()
    }

    /// Chats seen, latest first.
    pub async fn list_seen_chats(&self) -> Result<Vec<SeenChat>> {
        todo!()
    }
}
