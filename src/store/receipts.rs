//! What became of the slots of a stretch of time: from the run table and the outbox, not from logs.

use super::runs::RunState;
use super::sql::{fetch_all, queries, same};
use super::{Result, Store, StoreError, words};
use crate::clock::Instant;

queries! {
    SLOTS = same!(
        "SELECT r.id AS run_id, r.job, r.slot_at, r.state, r.deadline_at, ",
        "CAST(count(d.id) AS BIGINT) AS message_count, ",
        "CAST(count(CASE WHEN d.state = 'sent' THEN 1 END) AS BIGINT) AS sent_count, ",
        "max(CASE WHEN d.state = 'sent' THEN d.finished_at END) AS arrived_at ",
        "FROM runs r LEFT JOIN deliveries d ON d.run_id = r.id AND d.edit_of_key IS NULL ",
        "WHERE r.origin = 'cron' AND r.slot_at >= $1 AND r.slot_at < $2 ",
        "GROUP BY r.id, r.job, r.slot_at, r.state, r.deadline_at ORDER BY r.slot_at, r.id",
    );
}

/// A slot of the cron table and its messages.
#[derive(Debug, Clone, PartialEq)]
pub struct SlotRow {
    pub run_id: i64,
    pub job: String,
    pub slot_at: Instant,
    pub state: RunState,
    pub deadline_at: Option<Instant>,
    pub message_count: i64,
    pub sent_count: i64,
    /// When the last of its messages that were sent was confirmed.
    pub arrived_at: Option<Instant>,
}

#[derive(sqlx::FromRow)]
struct SlotRecord {
    run_id: i64,
    job: String,
    slot_at: Instant,
    state: String,
    deadline_at: Option<Instant>,
    message_count: i64,
    sent_count: i64,
    arrived_at: Option<Instant>,
}

impl TryFrom<SlotRecord> for SlotRow {
    type Error = StoreError;
    fn try_from(row: SlotRecord) -> Result<Self> {
        Ok(Self {
            state: words::parse(&row.state, "runs", "state", row.run_id)?,
            run_id: row.run_id,
            job: row.job,
            slot_at: row.slot_at,
            deadline_at: row.deadline_at,
            message_count: row.message_count,
            sent_count: row.sent_count,
            arrived_at: row.arrived_at,
        })
    }
}

impl Store {
    /// The cron slots in `[from, until)` with what became of their messages, by slot.
    pub async fn list_slots(&self, from: Instant, until: Instant) -> Result<Vec<SlotRow>> {
        let mut db = self.conn().await?;
        fetch_all!(SlotRecord, db, SLOTS, from, until)?.into_iter().map(SlotRow::try_from).collect()
    }
}
