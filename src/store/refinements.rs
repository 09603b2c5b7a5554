//! What a language model answered, by the content it was asked about, and the messages it may be asked about.

use std::collections::BTreeMap;

use super::sql::{execute, fetch_all, fetch_one, fetch_optional, queries, same};
use super::{Result, Store};
use crate::clock::Instant;
use crate::facts::Marks;

queries! {
    FIND = same!("SELECT answer FROM refinements WHERE content_hash = $1");
    SAVE = same!(
        "INSERT INTO refinements (content_hash, answer, token_count, asked_at) VALUES ($1, $2, $3, $4) ",
        "ON CONFLICT (content_hash) DO UPDATE SET answer = excluded.answer, ",
        "token_count = refinements.token_count + excluded.token_count, asked_at = excluded.asked_at",
    );
    SPENT = same!(
        "SELECT CAST(COALESCE(sum(token_count), 0) AS BIGINT) FROM refinements WHERE asked_at >= $1",
    );
    FORGET = same!(
        "DELETE FROM refinements WHERE content_hash IN ",
        "(SELECT content_hash FROM refinements WHERE asked_at < $1 LIMIT $2)",
    );
    // A manager's message with one of the marks `$2`, or the customer's last one of a conversation; `$3` = refined already.
    CANDIDATES = same!(
        "SELECT m.id, m.author_kind, m.text, CAST(k.marks AS BIGINT), COALESCE((SELECT asked.text FROM messages asked ",
        "WHERE asked.chat_id = m.chat_id AND asked.author_kind = 'customer' AND asked.is_public AND asked.text IS NOT NULL ",
        "AND asked.sent_at < m.sent_at ORDER BY asked.sent_at DESC, asked.id DESC LIMIT 1), '') ",
        "FROM messages m JOIN message_marks k ON k.message_id = m.id ",
        "WHERE m.sent_at >= $1 AND m.is_public AND m.text IS NOT NULL AND (k.marks & $3) = 0 AND (",
        "(m.author_kind = 'user' AND (k.marks & $2) <> 0) OR (m.author_kind = 'customer' AND NOT EXISTS (",
        "SELECT 1 FROM messages later WHERE later.chat_id = m.chat_id AND later.author_kind = 'customer' ",
        "AND COALESCE(later.dialog_id, 0) = COALESCE(m.dialog_id, 0) AND later.is_public ",
        "AND (later.sent_at > m.sent_at OR (later.sent_at = m.sent_at AND later.id > m.id))))) ",
        "ORDER BY m.sent_at DESC, m.id DESC LIMIT $4",
    );
    // Nothing when the conversation was analysed again meanwhile.
    REFINE = same!("UPDATE message_marks SET marks = $3 WHERE message_id = $1 AND marks = $2");
}

/// A message that a language model may be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefineCandidate {
    pub message_id: i64,
    /// Else the customer's last of its conversation.
    pub is_managers: bool,
    pub text: String,
    pub marks: Marks,
    /// What the customer said before; may be empty.
    pub before: String,
}

/// An answer to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refinement {
    pub content_hash: String,
    /// Empty: asked, and nothing usable came.
    pub answer: String,
    pub token_count: u64,
}

impl Store {
    /// The newest messages since `from` that may be refined and were not: managers' with one of `marks`, customers' last ones.
    pub async fn refine_candidates(
        &self,
        from: Instant,
        marks: Marks,
        limit: i64,
    ) -> Result<Vec<RefineCandidate>> {
        type Row = (i64, String, String, i64, String);
        let mut db = self.conn().await?;
        let (any, refined) = (i64::from(marks.0), i64::from(Marks::REFINED.0));
        let rows = fetch_all!(Row, db, CANDIDATES, from, any, refined, limit)?;
        let candidate = |(message_id, author, text, marks, before): Row| RefineCandidate {
            message_id,
            is_managers: author == "user",
            text,
            marks: Marks(marks as u32),
            before,
        };
        Ok(rows.into_iter().map(candidate).collect())
    }

    /// Replaces the marks of messages whose marks are still the first of the pair. Returns how many were.
    pub async fn refine_marks(&self, changes: &[(i64, Marks, Marks)]) -> Result<u64> {
        let mut tx = self.begin().await?;
        let mut changed = 0;
        for (id, from, to) in changes {
            changed += execute!(tx, REFINE, *id, i64::from(from.0), i64::from(to.0))?;
        }
        tx.commit().await?;
        Ok(changed)
    }

    /// The answers known to these questions.
    pub async fn refinements(&self, hashes: &[String]) -> Result<BTreeMap<String, String>> {
        let mut tx = self.begin_snapshot().await?;
        let mut found = BTreeMap::new();
        for hash in hashes {
            if let Some((answer,)) = fetch_optional!((String,), tx, FIND, hash)? {
                found.insert(hash.clone(), answer);
            }
        }
        tx.commit().await?;
        Ok(found)
    }

    /// Keeps answers.
    pub async fn save_refinements(&self, answers: &[Refinement], now: Instant) -> Result<()> {
        let mut tx = self.begin().await?;
        for one in answers {
            execute!(tx, SAVE, &one.content_hash, &one.answer, one.token_count as i64, now)?;
        }
        tx.commit().await
    }

    /// Tokens spent since a moment.
    pub async fn refine_tokens_since(&self, from: Instant) -> Result<u64> {
        let mut db = self.conn().await?;
        Ok(fetch_one!((i64,), db, SPENT, from)?.0.unsigned_abs())
    }

    /// Forgets answers given before `before`, at most `limit`. Returns how many.
    pub async fn forget_refinements(&self, before: Instant, limit: i64) -> Result<u64> {
        let mut db = self.conn().await?;
        execute!(db, FORGET, before, limit)
    }
}
