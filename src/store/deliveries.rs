//! Reading the outbox, and what is known about Telegram chats.

use super::outbox::{DeliveryRow, DeliveryState};
use super::outbox_rows::{DeliveryRecord, delivery_columns};
use super::pool::Tx;
use super::sql::{execute, fetch_all, fetch_optional, queries, same};
use super::{Result, Store};
use crate::clock::Instant;

queries! {
    FIND = same!("SELECT ", delivery_columns!(), " FROM deliveries WHERE key = $1");
    FIND_BY_ID = same!("SELECT ", delivery_columns!(), " FROM deliveries WHERE id = $1");
    // Later rows with the id edited it.
    FIND_SENT = same!(
        "SELECT key FROM deliveries WHERE message_id = $2 AND sent_to = $1 AND edit_of_key IS NULL ORDER BY id LIMIT 1",
    );
    LIST = same!(
        "SELECT ", delivery_columns!(), " FROM deliveries WHERE state IN ($1, $2, $3, $4, $5) ",
        "ORDER BY id DESC LIMIT $6",
    );
    LIST_OF_RUN = same!("SELECT ", delivery_columns!(), " FROM deliveries WHERE run_id = $1");
    CHAT_STATE = same!("SELECT migrated_to, not_before_at, last_message_id FROM chat_states WHERE chat = $1");
    HOLD_CHAT = same!(
        "INSERT INTO chat_states (chat, not_before_at) VALUES ($1, $2) ",
        "ON CONFLICT (chat) DO UPDATE SET not_before_at = excluded.not_before_at ",
        "WHERE chat_states.not_before_at IS NULL OR chat_states.not_before_at < excluded.not_before_at",
    );
    // The new chat numbers its messages anew.
    MIGRATE_CHAT = same!(
        "INSERT INTO chat_states (chat, migrated_to) VALUES ($1, $2) ",
        "ON CONFLICT (chat) DO UPDATE SET migrated_to = excluded.migrated_to, last_message_id = NULL ",
        "WHERE chat_states.migrated_to IS NULL OR chat_states.migrated_to <> excluded.migrated_to",
    );
    SENDS_SINCE = same!(
        "SELECT chat, started_at FROM delivery_attempts WHERE started_at >= $1 ORDER BY started_at, delivery_id",
    );
    SAVE_SEEN_CHAT = same!(
        "INSERT INTO seen_chats (id, topic, kind, title, topic_title, seen_at) VALUES ($1, $2, $3, $4, $5, $6) ",
        "ON CONFLICT (id, COALESCE(topic, 0)) DO UPDATE SET kind = excluded.kind, title = excluded.title, ",
        "topic_title = COALESCE(excluded.topic_title, seen_chats.topic_title), seen_at = excluded.seen_at ",
        "WHERE seen_chats.seen_at <= excluded.seen_at",
    );
    LIST_SEEN_CHATS = same!(
        "SELECT id, kind, title, topic, topic_title, seen_at FROM seen_chats ",
        "ORDER BY seen_at DESC, id, COALESCE(topic, 0)",
    );
}

/// Sending state of one logical chat, shared by all workers.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct ChatState {
    /// Set when Telegram moved the chat: send here instead of the configured id.
    pub migrated_to: Option<i64>,
    /// Nothing is sent to the chat before this moment (429, pacing).
    pub not_before_at: Option<Instant>,
    /// Highest message id seen in the chat.
    pub last_message_id: Option<i64>,
}

/// A Telegram chat the bot has seen in an update; for `svodka chats`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
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
    pub async fn find_delivery(&self, key: &str) -> Result<Option<DeliveryRow>> {
        let mut db = self.conn().await?;
        fetch_optional!(DeliveryRecord, db, FIND, key)?.map(DeliveryRow::try_from).transpose()
    }

    /// Key of the delivery that became a message of a Telegram chat (as it was addressed); `None` for one that is not known.
    pub async fn find_sent(&self, sent_to: &str, message_id: i64) -> Result<Option<String>> {
        let mut db = self.conn().await?;
        Ok(fetch_optional!((String,), db, FIND_SENT, sent_to, message_id)?.map(|(key,)| key))
    }

    /// Deliveries in one of the states (all when empty), newest first.
    pub async fn list_deliveries(&self, states: &[DeliveryState], limit: i64) -> Result<Vec<DeliveryRow>> {
        let is_wanted = |state| states.is_empty() || states.contains(&state);
        let word = |state: DeliveryState| is_wanted(state).then(|| state.as_str());
        let mut db = self.conn().await?;
        let rows = fetch_all!(
            DeliveryRecord,
            db,
            LIST,
            word(DeliveryState::Pending),
            word(DeliveryState::Sending),
            word(DeliveryState::Sent),
            word(DeliveryState::Dead),
            word(DeliveryState::Unknown),
            limit
        )?;
        rows.into_iter().map(DeliveryRow::try_from).collect()
    }

    /// Deliveries of one run, by chat and part.
    pub async fn list_run_deliveries(&self, run_id: i64) -> Result<Vec<DeliveryRow>> {
        let mut db = self.conn().await?;
        let rows = fetch_all!(DeliveryRecord, db, LIST_OF_RUN, run_id)?;
        let mut rows: Vec<DeliveryRow> =
            rows.into_iter().map(DeliveryRow::try_from).collect::<Result<_>>()?;
        // Sorted here: databases sort words each in its own way.
        rows.sort_by(|a, b| (&a.chat, a.part, a.id).cmp(&(&b.chat, b.part, b.id)));
        Ok(rows)
    }

    /// State of a chat; the default when nothing is known.
    pub async fn chat_state(&self, chat: &str) -> Result<ChatState> {
        let mut db = self.conn().await?;
        Ok(fetch_optional!(ChatState, db, CHAT_STATE, chat)?.unwrap_or_default())
    }

    /// Delays everything to the chat until `at`; an earlier moment than the stored one changes nothing.
    pub async fn hold_chat(&self, chat: &str, at: Instant) -> Result<()> {
        let mut db = self.conn().await?;
        execute!(db, HOLD_CHAT, chat, at)?;
        Ok(())
    }

    /// Remembers that the chat was moved.
    pub async fn migrate_chat(&self, chat: &str, new_id: i64) -> Result<()> {
        let mut db = self.conn().await?;
        execute!(db, MIGRATE_CHAT, chat, new_id)?;
        Ok(())
    }

    /// Start moments of sends, edits and probes since `since`, by logical chat: what the rate limits are computed
    /// from, whoever sent.
    pub async fn sends_since(&self, since: Instant) -> Result<Vec<(String, Instant)>> {
        let mut db = self.conn().await?;
        fetch_all!((String, Instant), db, SENDS_SINCE, since)
    }

    /// Remembers a chat seen in an update; the latest title wins. Key: `(id, topic)`.
    pub async fn save_seen_chat(&self, chat: &SeenChat) -> Result<()> {
        let mut db = self.conn().await?;
        let SeenChat { id, kind, title, topic, topic_title, seen_at } = chat;
        execute!(db, SAVE_SEEN_CHAT, id, topic, kind, title, topic_title, seen_at)?;
        Ok(())
    }

    /// Chats seen, latest first.
    pub async fn list_seen_chats(&self) -> Result<Vec<SeenChat>> {
        let mut db = self.conn().await?;
        fetch_all!(SeenChat, db, LIST_SEEN_CHATS)
    }
}

/// The delivery with this key, inside a transaction.
pub(super) async fn find_by_key(tx: &mut Tx, key: &str) -> Result<Option<DeliveryRow>> {
    fetch_optional!(DeliveryRecord, *tx, FIND, key)?.map(DeliveryRow::try_from).transpose()
}

/// The delivery with this id, inside a transaction.
pub(super) async fn find_by_id(tx: &mut Tx, id: i64) -> Result<Option<DeliveryRow>> {
    fetch_optional!(DeliveryRecord, *tx, FIND_BY_ID, id)?.map(DeliveryRow::try_from).transpose()
}

/// Remembers a chat, inside a transaction.
pub(super) async fn insert_seen_chat(tx: &mut Tx, chat: &SeenChat) -> Result<()> {
    let SeenChat { id, kind, title, topic, topic_title, seen_at } = chat;
    execute!(*tx, SAVE_SEEN_CHAT, id, topic, kind, title, topic_title, seen_at)?;
    Ok(())
}
