//! Who asked in a chat for what was refused to them, and who changed something. What they wrote is not kept.

use super::sql::{execute, fetch_all, queries, same};
use super::{Result, Store};
use crate::clock::Instant;

macro_rules! columns {
    () => {
        "asked_at, update_id, chat_id, user_id, command, subject, outcome, reason"
    };
}

queries! {
    INSERT = same!(
        "INSERT INTO command_audit (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    );
    LIST = same!("SELECT ", columns!(), " FROM command_audit ORDER BY id DESC LIMIT $1");
}

/// One command or press that was refused or changed something.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AuditRow {
    pub asked_at: Instant,
    pub update_id: i64,
    /// Telegram's.
    pub chat_id: i64,
    /// Telegram's; `None` for channels and anonymous administrators.
    pub user_id: Option<i64>,
    /// `pause`, `button:managers`, …
    pub command: String,
    /// What was changed, such as a job.
    pub subject: Option<String>,
    /// `refused` or `done`.
    pub outcome: String,
    /// Bounded word of a refusal.
    pub reason: Option<String>,
}

impl Store {
    /// Writes it down.
    pub async fn save_audit(&self, row: &AuditRow) -> Result<()> {
        let mut db = self.conn().await?;
        let AuditRow { asked_at, update_id, chat_id, user_id, command, subject, outcome, reason } = row;
        execute!(db, INSERT, asked_at, update_id, chat_id, user_id, command, subject, outcome, reason)?;
        Ok(())
    }

    /// Latest first.
    pub async fn list_audit(&self, limit: i64) -> Result<Vec<AuditRow>> {
        let mut db = self.conn().await?;
        fetch_all!(AuditRow, db, LIST, limit)
    }
}
