//! What became of a send. Every write here but the sweep names the lease, and one that is lost is refused.

use chrono::TimeDelta;

use super::pool::Tx;
use super::sql::{execute, fetch_all, per_backend, queries, same};
use super::{Lease, Result, Store};
use crate::clock::Instant;

/// From a repeat to looking for the first copy once more: Telegram may be that late.
const SWEEP_AFTER: TimeDelta = TimeDelta::minutes(10);

macro_rules! list_lost {
    ($now_ms:literal, $skip_locked:literal) => {
        concat!(
            "SELECT id, lease_token, started_at, sent_to FROM deliveries WHERE state = 'sending' AND lease_until_ms <= ",
            $now_ms, " ", $skip_locked,
        )
    };
}

queries! {
    SENT = same!(
        "UPDATE deliveries SET state = 'sent', message_id = $3, finished_at = $4, reason = NULL, ",
        "lost_at = CASE WHEN edit_of_key IS NULL THEN lost_at END, probed_id = NULL, sweep_count = 0, ",
        "sweep_at = CASE WHEN lost_floor_id IS NOT NULL AND COALESCE($3, message_id) IS NOT NULL THEN $5 ELSE sweep_at END, ",
        "lease_owner = NULL, lease_until_ms = NULL WHERE id = $1 AND lease_token = $2 AND state = 'sending'",
    );
    RAISE_LAST_MESSAGE = same!(
        "INSERT INTO chat_states (chat, last_message_id) ",
        "SELECT chat, message_id FROM deliveries WHERE id = $1 AND message_id IS NOT NULL ",
        "ON CONFLICT (chat) DO UPDATE SET last_message_id = excluded.last_message_id ",
        "WHERE chat_states.last_message_id IS NULL OR chat_states.last_message_id < excluded.last_message_id",
    );
    // What becomes a repeat here has a first copy that was not found.
    RETRY = same!(
        "UPDATE deliveries SET state = 'pending', reason = $3, not_before_at = $4, is_plain = (is_plain OR $5), ",
        "lost_at = CASE WHEN $6 AND NOT is_repeat THEN started_at ELSE lost_at END, ",
        "lost_floor_id = CASE WHEN $6 AND NOT is_repeat AND edit_of_key IS NULL ",
        "THEN floor_message_id ELSE lost_floor_id END, ",
        "is_repeat = (is_repeat OR $6), lease_owner = NULL, lease_until_ms = NULL ",
        "WHERE id = $1 AND lease_token = $2 AND state = 'sending'",
    );
    DEAD = same!(
        "UPDATE deliveries SET state = 'dead', reason = $3, finished_at = $4, lease_owner = NULL, ",
        "lost_at = CASE WHEN $3 = 'maybe_lost' THEN started_at ELSE lost_at END, lease_until_ms = NULL WHERE id = $1 AND lease_token = $2 AND state = 'sending'",
    );
    UNKNOWN = same!(
        "UPDATE deliveries SET state = 'unknown', reason = $3, not_before_at = $4, lease_owner = NULL, ",
        "lease_until_ms = NULL WHERE id = $1 AND lease_token = $2 AND state = 'sending'",
    );
    LIST_LOST = per_backend!(list_lost);
    END_ATTEMPT = same!(
        "UPDATE delivery_attempts SET finished_at = $3, outcome = $4, reason = $5 ",
        "WHERE delivery_id = $1 AND lease_token = $2",
    );
}

impl Store {
    /// State `sent`; raises the chat's last message id. For a repeat, plans a late look for its first copy. Fenced.
    pub async fn record_sent(&self, lease: &Lease, message_id: Option<i64>, now: Instant) -> Result<()> {
        let mut tx = self.begin().await?;
        let changed = execute!(tx, SENT, lease.id, lease.token, message_id, now, now + SWEEP_AFTER)?;
        lease.require_one(changed, "delivery")?;
        execute!(tx, RAISE_LAST_MESSAGE, lease.id)?;
        end_attempt(&mut tx, lease.id, lease.token, "sent", None, now).await?;
        tx.commit().await
    }

    /// Back to `pending` after a definite non-delivery, due at `not_before_at`. `as_plain` switches the row to plain text,
    /// `as_repeat` marks it as a repeat. Fenced.
    pub async fn record_retry(
        &self,
        lease: &Lease,
        reason: &str,
        not_before_at: Instant,
        as_plain: bool,
        as_repeat: bool,
        now: Instant,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        let (id, token) = (lease.id, lease.token);
        let changed = execute!(tx, RETRY, id, token, reason, not_before_at, as_plain, as_repeat)?;
        lease.require_one(changed, "delivery")?;
        end_attempt(&mut tx, id, token, "retry", Some(reason), now).await?;
        tx.commit().await
    }

    /// State `dead`. Later parts of the same report stay claimable. Fenced.
    pub async fn record_dead(&self, lease: &Lease, reason: &str, now: Instant) -> Result<()> {
        let mut tx = self.begin().await?;
        lease.require_one(execute!(tx, DEAD, lease.id, lease.token, reason, now)?, "delivery")?;
        end_attempt(&mut tx, lease.id, lease.token, "dead", Some(reason), now).await?;
        tx.commit().await
    }

    /// State `unknown`, to be reconciled at `settle_at`. Fenced.
    pub async fn record_unknown(
        &self,
        lease: &Lease,
        reason: &str,
        settle_at: Instant,
        now: Instant,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        lease.require_one(execute!(tx, UNKNOWN, lease.id, lease.token, reason, settle_at)?, "delivery")?;
        end_attempt(&mut tx, lease.id, lease.token, "unknown", Some(reason), now).await?;
        tx.commit().await
    }

    /// Makes every `sending` row with an expired lease `unknown` with reason `worker_lost`, to be reconciled
    /// `settle_secs` after its `started_at`. One whose address was never noted was never sent: it is `pending` again. Returns
    /// how many.
    pub async fn sweep_lost_sends(&self, settle_secs: i64, now: Instant) -> Result<u64> {
        const REASON: &str = "worker_lost";
        let mut tx = self.begin().await?;
        let mut swept = 0;
        type Lost = (i64, i64, Option<Instant>, Option<String>);
        for (id, token, started_at, sent_to) in fetch_all!(Lost, tx, LIST_LOST)? {
            let settle_at = started_at.unwrap_or(now) + TimeDelta::seconds(settle_secs);
            swept += match sent_to {
                Some(_) => execute!(tx, UNKNOWN, id, token, REASON, settle_at)?,
                None => execute!(tx, RETRY, id, token, REASON, now, false, false)?,
            };
            end_attempt(&mut tx, id, token, "lost", Some(REASON), now).await?;
        }
        tx.commit().await?;
        Ok(swept)
    }
}

pub(super) async fn end_attempt(
    tx: &mut Tx,
    delivery_id: i64,
    token: i64,
    outcome: &str,
    reason: Option<&str>,
    now: Instant,
) -> Result<()> {
    execute!(*tx, END_ATTEMPT, delivery_id, token, now, outcome, reason)?;
    Ok(())
}
