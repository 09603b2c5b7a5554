//! Marks of messages, and the queue of conversations that wait to be analysed.
//!
//! A conversation is queued with the facts that change it, in the same transaction, so none is forgotten; it leaves the queue
//! with its marks, unless it changed again meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Postgres, QueryBuilder, Sqlite};

use super::facts_save::{ROWS_PER_STATEMENT, upsert};
use super::pool::{Dual, Tx};
use super::sql::{execute, fetch_all, fetch_one, fetch_optional, queries, same};
use super::{Result, Store, StoreError, facts_rows};
use crate::clock::Instant;
use crate::facts::{Author, FactBatch, Marks};

queries! {
    QUEUE = same!(
        "INSERT INTO stale_conversations (chat_id, dialog_id, is_history, stamp) VALUES ($1, $2, FALSE, $3) ",
        "ON CONFLICT (chat_id, dialog_id) DO UPDATE SET is_history = FALSE, ",
        "stamp = CASE WHEN excluded.stamp > stale_conversations.stamp THEN excluded.stamp ",
        "ELSE stale_conversations.stamp + 1 END",
    );
    // `WHERE TRUE` tells SQLite that ON CONFLICT is no join condition.
    QUEUE_ALL = same!(
        "INSERT INTO stale_conversations (chat_id, dialog_id, is_history, stamp) ",
        "SELECT DISTINCT chat_id, COALESCE(dialog_id, 0), TRUE, CAST($1 AS BIGINT) FROM messages WHERE text IS NOT NULL ",
        "ON CONFLICT (chat_id, dialog_id) DO NOTHING",
    );
    VERSION = same!("SELECT version, changed_at, counts_from_at FROM text_analysis WHERE id = 1");
    // What was forgotten before the version came keeps the marks of older ones for good.
    SET_VERSION = same!(
        "INSERT INTO text_analysis (id, version, changed_at, counts_from_at) ",
        "SELECT 1, $1, $2, max(sent_at) FROM messages WHERE is_text_forgotten ",
        "ON CONFLICT (id) DO UPDATE SET version = excluded.version, changed_at = excluded.changed_at, ",
        "counts_from_at = excluded.counts_from_at WHERE text_analysis.version <> excluded.version",
    );
    TEXT = same!(
        "SELECT messages.chat_id, messages.text, COALESCE(chats.customer_name, '') FROM messages ",
        "LEFT JOIN chats ON chats.id = messages.chat_id WHERE messages.id = $1 AND messages.text IS NOT NULL",
    );
    // The newest first: the next digest speaks of them.
    STALE = same!(
        "SELECT chat_id, dialog_id, stamp FROM stale_conversations ",
        "ORDER BY is_history, dialog_id DESC, chat_id LIMIT $1",
    );
    TEXTS_OF_DIALOG = same!(
        "SELECT id, author_kind, author_id, text FROM messages ",
        "WHERE dialog_id = $1 AND is_public AND text IS NOT NULL ORDER BY sent_at, id",
    );
    TEXTS_OF_CHAT = same!(
        "SELECT id, author_kind, author_id, text FROM messages ",
        "WHERE chat_id = $1 AND dialog_id IS NULL AND is_public AND text IS NOT NULL ORDER BY sent_at, id",
    );
    DONE = same!("DELETE FROM stale_conversations WHERE chat_id = $1 AND dialog_id = $2 AND stamp = $3");
    COUNT = same!(
        "SELECT CAST(count(*) AS BIGINT), CAST(COALESCE(sum(CASE WHEN is_history THEN 1 ELSE 0 END), 0) AS BIGINT) ",
        "FROM stale_conversations",
    );
}

/// A conversation that waits for its analysis, with the texts there are.
#[derive(Debug, Clone, PartialEq)]
pub struct StaleConversation {
    pub chat_id: i64,
    /// `None`: the chat's messages outside any dialog.
    pub dialog_id: Option<i64>,
    stamp: i64,
    /// Public messages with a text, by `(sent_at, id)`.
    pub messages: Vec<TextMessage>,
}

/// One message's words.
#[derive(Debug, Clone, PartialEq)]
pub struct TextMessage {
    pub id: i64,
    pub author: Author,
    pub text: String,
}

/// Where the analysis stands.
#[derive(Debug, Clone, PartialEq)]
pub struct AnalysisState {
    /// Of the analysis that marks are made with.
    pub version: String,
    /// Since when.
    pub changed_at: Instant,
    /// Messages up to here keep the marks of older versions: their texts were gone before. `None` = there are none.
    pub counts_from_at: Option<Instant>,
    /// Conversations that still wait for it.
    pub waiting: u64,
    /// Those of them that did not change, and wait because the version did.
    pub waiting_history: u64,
}

/// One message's words with whose they might speak of.
#[derive(Debug, Clone, PartialEq)]
pub struct SaidText {
    pub chat_id: i64,
    pub text: String,
    /// As the CRM has it; may be empty.
    pub customer_name: String,
}

#[derive(sqlx::FromRow)]
struct TextRecord {
    id: i64,
    author_kind: String,
    author_id: Option<i64>,
    text: String,
}

impl Store {
    /// Makes `version` the one that marks are made with. Another one than before queues every conversation with a text;
    /// old marks stand until they are replaced. Returns whether it changed.
    pub async fn set_analysis_version(&self, version: &str, now: Instant) -> Result<bool> {
        let mut tx = self.begin().await?;
        let known = fetch_optional!((String, Instant, Option<Instant>), tx, VERSION)?;
        if known.is_some_and(|(known, ..)| known == version) {
            return tx.commit().await.map(|()| false);
        }
        let is_changed = execute!(tx, SET_VERSION, version, now)? > 0;
        if is_changed {
            execute!(tx, QUEUE_ALL, stamp(now))?;
        }
        tx.commit().await?;
        Ok(is_changed)
    }

    /// Where the analysis stands; `None` before the first.
    pub async fn analysis_state(&self) -> Result<Option<AnalysisState>> {
        let mut db = self.conn().await?;
        let Some((version, changed_at, counts_from_at)) =
            fetch_optional!((String, Instant, Option<Instant>), db, VERSION)?
        else {
            return Ok(None);
        };
        let (waiting, history) = fetch_one!((i64, i64), db, COUNT)?;
        let (waiting, waiting_history) = (waiting.unsigned_abs(), history.unsigned_abs());
        Ok(Some(AnalysisState { version, changed_at, counts_from_at, waiting, waiting_history }))
    }

    /// The words of these messages, in the order of `ids`; those without a text are left out.
    pub async fn texts_of(&self, ids: &[i64]) -> Result<Vec<SaidText>> {
        let mut tx = self.begin_snapshot().await?;
        let mut texts = Vec::new();
        for id in ids {
            let row = fetch_optional!((i64, String, String), tx, TEXT, *id)?;
            texts.extend(row.map(|(chat_id, text, customer_name)| SaidText { chat_id, text, customer_name }));
        }
        tx.commit().await?;
        Ok(texts)
    }

    /// Up to `limit` conversations that wait, changed ones first, then by age, newest first.
    pub async fn stale_conversations(&self, limit: i64) -> Result<Vec<StaleConversation>> {
        let mut tx = self.begin_snapshot().await?;
        let mut stale = Vec::new();
        for (chat_id, dialog_id, stamp) in fetch_all!((i64, i64, i64), tx, STALE, limit)? {
            let rows = match dialog_id {
                0 => fetch_all!(TextRecord, tx, TEXTS_OF_CHAT, chat_id)?,
                id => fetch_all!(TextRecord, tx, TEXTS_OF_DIALOG, id)?,
            };
            let messages: Result<Vec<_>> = rows.into_iter().map(TextMessage::try_from).collect();
            let dialog_id = (dialog_id != 0).then_some(dialog_id);
            stale.push(StaleConversation { chat_id, dialog_id, stamp, messages: messages? });
        }
        tx.commit().await?;
        Ok(stale)
    }

    /// Keeps the marks of analysed conversations, in one transaction, and takes them off the queue. One that changed
    /// meanwhile, or that another worker was done with first, is passed over: its marks are of yesterday.
    pub async fn save_marks(&self, analysed: &[(StaleConversation, Vec<(i64, Marks)>)]) -> Result<()> {
        let mut tx = self.begin().await?;
        let mut marks: BTreeMap<i64, Marks> = BTreeMap::new();
        for (conversation, found) in analysed {
            let dialog_id = conversation.dialog_id.unwrap_or(0);
            if execute!(tx, DONE, conversation.chat_id, dialog_id, conversation.stamp)? == 1 {
                marks.extend(found.iter().copied());
            }
        }
        let marks: Vec<_> = marks.into_iter().collect();
        let db = &mut tx;
        upsert!(
            db,
            marks,
            "INSERT INTO message_marks (message_id, marks) ",
            |row| {} [row.0, i64::from(row.1.0)],
            " ON CONFLICT (message_id) DO UPDATE SET marks = excluded.marks"
        );
        tx.commit().await
    }
}

/// A stamp that no earlier stay in the queue had, so that an analysis from before cannot end a later wait.
fn stamp(now: Instant) -> i64 {
    now.timestamp_micros()
}

/// Queues the conversations that a batch touches.
pub(super) async fn queue_conversations(tx: &mut Tx, batch: &FactBatch, now: Instant) -> Result<()> {
    let touched: BTreeSet<(i64, i64)> = batch
        .messages
        .iter()
        .filter(|message| message.is_public && message.text.is_some())
        .map(|message| (message.chat_id, message.dialog_id.unwrap_or(0)))
        .collect();
    for (chat_id, dialog_id) in touched {
        execute!(*tx, QUEUE, chat_id, dialog_id, stamp(now))?;
    }
    Ok(())
}

impl TryFrom<TextRecord> for TextMessage {
    type Error = StoreError;
    fn try_from(row: TextRecord) -> Result<Self> {
        let author = facts_rows::author(&row.author_kind, row.author_id, row.id)?;
        Ok(Self { id: row.id, author, text: row.text })
    }
}
