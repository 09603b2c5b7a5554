//! Who receives a bot's updates, and from which update on.
//!
//! Telegram hands updates to whoever asks, and a second one who asks takes them away from the first. So one worker at a
//! time holds a lease, and what it received is kept together with the id to go on from: a successor neither
//! misses an update nor sees one twice.

use super::deliveries::{SeenChat, insert_seen_chat};
use super::sql::{execute, fetch_one, fetch_optional, per_backend, queries, same};
use super::{Lease, Result, Store, lease_end};
use crate::clock::Instant;

// $1 bot; $2 owner; $3 length of the lease in seconds.
macro_rules! take {
    ($now_ms:literal, $skip_locked:literal) => {
        concat!(
            "INSERT INTO pollers (bot_id, lease_owner, lease_token, lease_until_ms) VALUES ($1, $2, 1, $3 * 1000 + ",
            $now_ms,
            ")
            ON CONFLICT (bot_id) DO UPDATE
            SET lease_owner = excluded.lease_owner, lease_token = pollers.lease_token + 1,
                lease_until_ms = excluded.lease_until_ms
            WHERE pollers.lease_until_ms IS NULL OR pollers.lease_until_ms <= ",
            $now_ms,
            "
            RETURNING lease_token, lease_until_ms, next_update_id, received_at"
        )
    };
}

// $1 bot; $2 token; $3 length of the lease in seconds.
macro_rules! renew {
    ($now_ms:literal, $skip_locked:literal) => {
        concat!(
            "UPDATE pollers SET lease_until_ms = $3 * 1000 + ",
            $now_ms,
            " WHERE bot_id = $1 AND lease_token = $2 AND lease_until_ms IS NOT NULL"
        )
    };
}

// $1 bot. Read before a claim, which writes: whoever waits asks often.
macro_rules! rest {
    ($now_ms:literal, $skip_locked:literal) => {
        concat!(
            "SELECT CAST(COALESCE(MAX(lease_until_ms) - ",
            $now_ms,
            ", 0) AS BIGINT) FROM pollers WHERE bot_id = $1"
        )
    };
}

queries! {
    TAKE = per_backend!(take);
    RENEW = per_backend!(renew);
    REST = per_backend!(rest);
    RELEASE = same!(
        "UPDATE pollers SET lease_owner = NULL, lease_until_ms = NULL WHERE bot_id = $1 AND lease_token = $2",
    );
    ADVANCE = same!(
        "UPDATE pollers SET next_update_id = $3, received_at = $4 ",
        "WHERE bot_id = $1 AND lease_token = $2 AND lease_until_ms IS NOT NULL",
    );
}

/// The right to receive a bot's updates, and where its last holder stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedPoller {
    /// Its id is the bot's.
    pub lease: Lease,
    /// Everything below was kept; `None` = nothing was received yet.
    pub next_update_id: Option<i64>,
    /// When that was.
    pub received_at: Option<Instant>,
}

impl Store {
    /// The right to receive the bot's updates for `lease_secs`; `None` while somebody else has it.
    pub async fn claim_poller(
        &self,
        bot_id: i64,
        owner: &str,
        lease_secs: i64,
    ) -> Result<Option<ClaimedPoller>> {
        type Taken = (i64, Option<i64>, Option<i64>, Option<Instant>);
        let mut db = self.conn().await?;
        let (rest_ms,) = fetch_one!((i64,), db, REST, bot_id)?;
        if rest_ms > 0 {
            return Ok(None);
        }
        let taken = fetch_optional!(Taken, db, TAKE, bot_id, owner, lease_secs)?;
        let Some((token, until_ms, next_update_id, received_at)) = taken else { return Ok(None) };
        let until = lease_end(until_ms, "pollers", bot_id)?;
        let lease = Lease { id: bot_id, token, owner: owner.to_owned(), until };
        Ok(Some(ClaimedPoller { lease, next_update_id, received_at }))
    }

    /// Extends the lease. Fenced.
    pub async fn renew_poller(&self, lease: &Lease, lease_secs: i64) -> Result<()> {
        let mut db = self.conn().await?;
        lease.require_one(execute!(db, RENEW, lease.id, lease.token, lease_secs)?, "poller")
    }

    /// Gives the lease back, so that a successor need not wait for its end. One that is lost is nobody's to give.
    pub async fn release_poller(&self, lease: &Lease) -> Result<()> {
        let mut db = self.conn().await?;
        execute!(db, RELEASE, lease.id, lease.token)?;
        Ok(())
    }

    /// Keeps what updates showed and where to go on, in one transaction. Fenced.
    pub async fn save_updates(
        &self,
        lease: &Lease,
        chats: &[SeenChat],
        next_update_id: i64,
        now: Instant,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        let changed = execute!(tx, ADVANCE, lease.id, lease.token, next_update_id, now)?;
        lease.require_one(changed, "poller")?;
        for chat in chats {
            insert_seen_chat(&mut tx, chat).await?;
        }
        tx.commit().await
    }
}
