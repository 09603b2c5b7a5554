//! Messages with their words, page by page, for exports. Everything else reads facts without texts.

use super::sql::{fetch_all, queries, same};
use super::{Result, Store, StoreError, facts_rows};
use crate::clock::Instant;
use crate::facts::Author;

queries! {
    PAGE = same!(
        "SELECT id, chat_id, dialog_id, sent_at, author_kind, author_id, text FROM messages ",
        "WHERE sent_at >= $1 AND sent_at < $2 AND is_public AND author_kind <> 'system' ",
        "AND (sent_at > $3 OR (sent_at = $3 AND id > $4)) ORDER BY sent_at, id LIMIT $5",
    );
}

/// A counted message as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct SpokenMessage {
    pub id: i64,
    pub chat_id: i64,
    pub dialog_id: Option<i64>,
    pub sent_at: Instant,
    pub author: Author,
    /// `None` for media, and where texts are past their retention.
    pub text: Option<String>,
}

#[derive(sqlx::FromRow)]
struct SpokenRecord {
    id: i64,
    chat_id: i64,
    dialog_id: Option<i64>,
    sent_at: Instant,
    author_kind: String,
    author_id: Option<i64>,
    text: Option<String>,
}

impl Store {
    /// Counted messages sent in `[from, until)`, by `(sent_at, id)`, at most `limit` of those behind `after`.
    pub async fn page_messages(
        &self,
        from: Instant,
        until: Instant,
        after: Option<(Instant, i64)>,
        limit: i64,
    ) -> Result<Vec<SpokenMessage>> {
        // Before the first id of the first moment: ids are positive.
        let (after_at, after_id) = after.unwrap_or((from, -1));
        let mut db = self.conn().await?;
        let rows = fetch_all!(SpokenRecord, db, PAGE, from, until, after_at, after_id, limit)?;
        rows.into_iter().map(SpokenMessage::try_from).collect()
    }
}

impl TryFrom<SpokenRecord> for SpokenMessage {
    type Error = StoreError;
    fn try_from(row: SpokenRecord) -> Result<Self> {
        Ok(Self {
            id: row.id,
            chat_id: row.chat_id,
            dialog_id: row.dialog_id,
            sent_at: row.sent_at,
            author: facts_rows::author(&row.author_kind, row.author_id, row.id)?,
            text: row.text,
        })
    }
}
