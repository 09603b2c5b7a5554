//! What a person may do with a delivery. Each change holds only while the delivery is in a state that allows it, and
//! leaves a row that says who did it.

use super::deliveries::find_by_id;
use super::outbox::{DeliveryRow, DeliveryState};
use super::pool::Tx;
use super::sql::{execute, fetch_all, queries, same};
use super::{Result, Store};
use crate::clock::Instant;

queries! {
    // A copy that was never found may be there, so what goes out now is a repeat.
    REVIVE = same!(
        "UPDATE deliveries SET state = 'pending', not_before_at = $2, expires_at = $3, finished_at = NULL, reason = NULL, told_at = NULL, ",
        "lost_floor_id = CASE WHEN lost_at IS NOT NULL THEN COALESCE(lost_floor_id, floor_message_id) END, ",
        "is_repeat = (is_repeat OR lost_at IS NOT NULL) WHERE id = $1 AND state = 'dead'",
    );
    DROP = same!(
        "UPDATE deliveries SET lost_at = CASE WHEN state = 'unknown' THEN started_at ELSE lost_at END, ",
        "state = 'dead', reason = 'dropped', finished_at = $2 WHERE id = $1 AND state IN ('pending', 'unknown')",
    );
    INSERT_AGAIN = same!(
        "INSERT INTO deliveries (key, chat, part, part_count, file_key, html, plain, public_id, policy, expires_at, is_silent, keyboard, reply_to_id, ",
        "state, not_before_at, attempt_count, is_plain, is_repeat, lease_token, created_at) ",
        "SELECT $2, chat, part, part_count, file_key, html, plain, public_id, policy, $3, is_silent, keyboard, reply_to_id, ",
        "'pending', $4, 0, is_plain, TRUE, 0, $4 FROM deliveries WHERE id = $1 AND state = 'sent'",
    );
    NOTE_CHANGE = same!(
        "INSERT INTO delivery_changes (delivery_id, change, changed_by, changed_at) VALUES ($1, $2, $3, $4)",
    );
    LIST_CHANGES = same!(
        "SELECT change, changed_by, changed_at FROM delivery_changes WHERE delivery_id = $1 ORDER BY id",
    );
}

/// What came of a change that a person asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Changed {
    /// Done; the delivery that is sent now (a new one when a sent one is sent again).
    Done { id: i64 },
    /// Its state does not allow it.
    Refused { state: DeliveryState },
    /// There is no such delivery.
    NotFound,
}

/// One change by hand.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DeliveryChange {
    /// `retry`, `drop`, `resend`.
    pub change: String,
    pub changed_by: String,
    pub changed_at: Instant,
}

impl Store {
    /// A dead delivery goes again, with as much time as it had at first. A repeat, when a copy may be in the chat.
    pub async fn retry_delivery(&self, id: i64, by: &str, now: Instant) -> Result<Changed> {
        let mut tx = self.begin().await?;
        let Some(row) = find_by_id(&mut tx, id).await? else { return Ok(Changed::NotFound) };
        let count = execute!(tx, REVIVE, id, now, expiry(&row, now))?;
        finish(tx, &row, (count == 1).then_some(id), "retry", by, now).await
    }

    /// A delivery that waits (`pending`, `unknown`) is given up: `dead`, reason `dropped`.
    pub async fn drop_delivery(&self, id: i64, by: &str, now: Instant) -> Result<Changed> {
        let mut tx = self.begin().await?;
        let Some(row) = find_by_id(&mut tx, id).await? else { return Ok(Changed::NotFound) };
        let count = execute!(tx, DROP, id, now)?;
        finish(tx, &row, (count == 1).then_some(id), "drop", by, now).await
    }

    /// A sent message is sent once more, as a new delivery marked as a repeat; the sent one stays what it is.
    pub async fn resend_delivery(&self, id: i64, by: &str, now: Instant) -> Result<Changed> {
        let mut tx = self.begin().await?;
        let Some(row) = find_by_id(&mut tx, id).await? else { return Ok(Changed::NotFound) };
        let key = format!("{}/resend/{}", row.key, now.timestamp_micros());
        let count = execute!(tx, INSERT_AGAIN, id, &key, expiry(&row, now), now)?;
        let new = if count == 1 { super::deliveries::find_by_key(&mut tx, &key).await? } else { None };
        finish(tx, &row, new.map(|row| row.id), "resend", by, now).await
    }

    /// What people did with a delivery, oldest first.
    pub async fn list_delivery_changes(&self, id: i64) -> Result<Vec<DeliveryChange>> {
        let mut db = self.conn().await?;
        fetch_all!(DeliveryChange, db, LIST_CHANGES, id)
    }
}

async fn finish(
    mut tx: Tx,
    row: &DeliveryRow,
    done: Option<i64>,
    change: &str,
    by: &str,
    now: Instant,
) -> Result<Changed> {
    let Some(id) = done else { return Ok(Changed::Refused { state: row.state }) };
    execute!(tx, NOTE_CHANGE, row.id, change, by, now)?;
    tx.commit().await?;
    Ok(Changed::Done { id })
}

/// The same time to live as at first, counted from now.
fn expiry(row: &DeliveryRow, now: Instant) -> Option<Instant> {
    row.expires_at.map(|at| now + (at - row.created_at))
}
