//! Files that go out as messages of their own: charts and tables.
//!
//! The bytes are kept, not what they were made from: a repeat after a crash is the same file whatever version of the
//! program sends it, and whoever sends needs no idea of what is in it. A file is kept once for all chats of a run and
//! forgotten after a while; what was told stands in the digest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::outbox::{NewDelivery, insert_deliveries};
use super::pool::Tx;
use super::sql::{execute, fetch_optional, queries, same};
use super::{Result, Store, StoreError, words};
use crate::clock::Instant;

queries! {
    INSERT = same!(
        "INSERT INTO files (key, name, kind, content, created_at) VALUES ($1, $2, $3, $4, $5) ",
        "ON CONFLICT (key) DO NOTHING",
    );
    FIND = same!("SELECT name, kind, content FROM files WHERE key = $1");
    // What is still to be sent keeps its file.
    FORGET = same!(
        "DELETE FROM files WHERE created_at < $1 AND NOT EXISTS (SELECT 1 FROM deliveries ",
        "WHERE deliveries.file_key = files.key AND deliveries.state IN ('pending', 'sending', 'unknown'))",
    );
}

/// No larger file is sent: the hosted Bot API takes documents up to 50 MB, the words around them included.
pub const MOST_BYTES: usize = 49 * 1024 * 1024;

/// How Telegram shows a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A picture in the chat.
    Photo,
    /// A file to open.
    Document,
}

/// A file to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Stable identity, unique for ever: `run:12/1-answers.png`. Keeping a known key does nothing.
    pub key: String,
    /// As the reader sees it.
    pub name: String,
    pub kind: FileKind,
    pub content: Vec<u8>,
}

/// A file as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    pub name: String,
    pub kind: FileKind,
    pub content: Vec<u8>,
}

#[derive(sqlx::FromRow)]
struct FileRecord {
    name: String,
    kind: String,
    content: String,
}

impl Store {
    /// Keeps files and adds the deliveries that send them, together. Known keys are left alone; returns how many
    /// deliveries are new.
    pub async fn enqueue_files(
        &self,
        files: &[NewFile],
        deliveries: &[NewDelivery],
        now: Instant,
    ) -> Result<u64> {
        let mut tx = self.begin().await?;
        insert_files(&mut tx, files, now).await?;
        let added = insert_deliveries(&mut tx, deliveries, now).await?;
        tx.commit().await?;
        Ok(added)
    }

    /// The file with this key; `None` when there was none or it is forgotten.
    pub async fn find_file(&self, key: &str) -> Result<Option<StoredFile>> {
        let mut db = self.conn().await?;
        let Some(row) = fetch_optional!(FileRecord, db, FIND, key)? else { return Ok(None) };
        let content = BASE64.decode(&row.content).map_err(|error| StoreError::Inconsistent {
            table: "files",
            column: "content",
            row: key.to_owned(),
            why: error.to_string(),
        })?;
        let kind = words::parse(&row.kind, "files", "kind", key)?;
        Ok(Some(StoredFile { name: row.name, kind, content }))
    }

    /// Forgets files older than `before` that nothing waits to send. Returns how many.
    pub async fn forget_files(&self, before: Instant) -> Result<u64> {
        let mut db = self.conn().await?;
        execute!(db, FORGET, before)
    }
}

pub(super) async fn insert_files(tx: &mut Tx, files: &[NewFile], now: Instant) -> Result<()> {
    for file in files {
        let content = BASE64.encode(&file.content);
        execute!(*tx, INSERT, &file.key, &file.name, file.kind.as_str(), &content, now)?;
    }
    Ok(())
}
