//! What chats themselves chose to read or not to read, beside the configuration. Whether they may is not decided here.

use super::sql::{execute, fetch_all, queries, same};
use super::{Result, Store};
use crate::clock::Instant;

queries! {
    SAVE = same!(
        "INSERT INTO subscriptions (chat, job, is_on, changed_at) VALUES ($1, $2, $3, $4) ",
        "ON CONFLICT (chat, job) DO UPDATE SET is_on = excluded.is_on, changed_at = excluded.changed_at",
    );
    LIST = same!("SELECT chat, job, is_on FROM subscriptions");
}

/// A choice of a chat.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub struct Subscription {
    /// Name of the chat in the outbox.
    pub chat: String,
    pub job: String,
    /// Reads it, or does not although the configuration says so.
    pub is_on: bool,
}

impl Store {
    /// Remembers the choice; the last one counts.
    pub async fn save_subscription(&self, choice: &Subscription, now: Instant) -> Result<()> {
        let mut db = self.conn().await?;
        execute!(db, SAVE, &choice.chat, &choice.job, choice.is_on, now)?;
        Ok(())
    }

    /// All choices, by chat and job.
    pub async fn list_subscriptions(&self) -> Result<Vec<Subscription>> {
        let mut db = self.conn().await?;
        let mut choices = fetch_all!(Subscription, db, LIST)?;
        // Sorted here: databases sort words each in its own way.
        choices.sort();
        Ok(choices)
    }
}
