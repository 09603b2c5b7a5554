//! What is needed to look for a message in a chat: where it was sent, from which id on it can be, which ids are taken
//! by messages known to be ours, and whether one of ours may lie there under an id nobody knows.
//!
//! A look is an edit, so the last question decides whether it may be done at all. A late look for the first copy of a
//! repeat leaves the row `sent` and holds its lease meanwhile; nothing else is sent to the chat as long.

use chrono::TimeDelta;

use super::outbox::DeliveryRow;
use super::outbox_records::end_attempt;
use super::outbox_rows::{DeliveryRecord, delivery_columns};
use super::sql::{execute, fetch_all, fetch_one, fetch_optional, per_backend, queries, same};
use super::{Lease, Result, Store, lease_end};
use crate::clock::Instant;

/// A message may appear this long after its send began; later ones are taken for impossible.
const LATEST_COMMIT: TimeDelta = TimeDelta::minutes(15);
/// Own ids read at once.
const MOST_IDS: i64 = 500;

// $1 now.
macro_rules! pick_sweep {
    ($now_ms:literal, $skip_locked:literal) => {
        concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM deliveries
            WHERE sweep_at IS NOT NULL AND sweep_at <= $1 AND state = 'sent'
              AND (lease_until_ms IS NULL OR lease_until_ms <= ",
            $now_ms,
            ")
              AND NOT EXISTS (
                SELECT 1 FROM deliveries AS other
                WHERE other.chat = deliveries.chat
                  AND other.state IN ('pending', 'sending', 'unknown') AND other.state = 'sending')
              AND NOT EXISTS (
                SELECT 1 FROM chat_states
                WHERE chat_states.chat = deliveries.chat AND chat_states.not_before_at > $1)
            ORDER BY sweep_at, id
            LIMIT 1 ",
            $skip_locked
        )
    };
}

// $1 the delivery picked; $2 owner; $3 length of the lease in seconds.
macro_rules! take_sweep {
    ($now_ms:literal, $skip_locked:literal) => {
        concat!(
            "UPDATE deliveries
            SET lease_owner = $2, lease_token = lease_token + 1, lease_until_ms = $3 * 1000 + ",
            $now_ms,
            "
            WHERE id = $1 AND state = 'sent' AND sweep_at IS NOT NULL
            RETURNING ",
            delivery_columns!()
        )
    };
}

queries! {
    // A copy lost in another chat is not looked for in this one.
    NOTE_ADDRESS = same!(
        "UPDATE deliveries SET sent_to = $3, id_space = $4, probed_id = NULL, ",
        "lost_floor_id = CASE WHEN sent_to = $3 THEN lost_floor_id END, ",
        "floor_message_id = (SELECT MAX(own.message_id) FROM deliveries AS own WHERE own.id_space = $4) ",
        "WHERE id = $1 AND lease_token = $2 AND state = 'sending'",
    );
    NOTE_PROBE = same!(
        "UPDATE deliveries SET probed_id = $3 WHERE id = $1 AND lease_token = $2 AND lease_owner IS NOT NULL",
    );
    FIND_SEARCH = same!(
        "SELECT sent_to, id_space, floor_message_id, lost_floor_id, probed_id, started_at, lost_at ",
        "FROM deliveries WHERE id = $1",
    );
    // With the moment its send began. A repeat may stand under the id of its first copy, which began earlier.
    OWN_IDS = same!(
        "SELECT message_id, MIN(CASE WHEN NOT is_repeat THEN started_at END) FROM deliveries ",
        "WHERE id_space = $1 AND message_id > $2 GROUP BY message_id ORDER BY message_id LIMIT $3",
    );
    // The first row with the id is the send; later ones edited it.
    FLOOR_STARTED = same!(
        "SELECT MIN(started_at) FROM deliveries WHERE id_space = $1 AND message_id = $2",
    );
    // $4 the floor. Before a repeat went out its first copy had settled and was looked for: it is not above the repeat, and
    // should it come later still, it is the copy too many.
    DOUBTS = same!(
        "SELECT state FROM deliveries WHERE sent_to = $1 AND id <> $2 AND COALESCE(lost_at, started_at) > $3 ",
        "AND (state IN ('sending', 'unknown') OR lost_at IS NOT NULL OR (state = 'sent' AND message_id IS NULL)) ",
        "AND NOT (state = 'sent' AND lost_at IS NOT NULL AND message_id IS NOT NULL AND message_id <= $4)",
    );
    EDITS_OF = same!("SELECT COUNT(*) FROM deliveries WHERE edit_of_key = $1");
    PICK_SWEEP = per_backend!(pick_sweep);
    TAKE_SWEEP = per_backend!(take_sweep);
    SWEEP_COUNT = same!("SELECT sweep_count FROM deliveries WHERE id = $1");
    BEGIN_LOOK = same!(
        "INSERT INTO delivery_attempts (delivery_id, lease_token, chat, owner, started_at) ",
        "VALUES ($1, $2, $3, $4, $5)",
    );
    RECORD_SWEEP = same!(
        "UPDATE deliveries SET message_id = COALESCE($3, message_id), sweep_at = $4, ",
        "sweep_count = sweep_count + $5, lost_at = CASE WHEN $6 THEN NULL ELSE lost_at END, ",
        "lost_floor_id = CASE WHEN $6 THEN NULL ELSE lost_floor_id END, ",
        "lease_owner = NULL, lease_until_ms = NULL ",
        "WHERE id = $1 AND lease_token = $2 AND state = 'sent'",
    );
}

/// Whether another message of ours may lie in the chat under an id nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    Nothing,
    /// One is being sent right now.
    InFlight,
    /// One is unknown, was never found, or was sent without learning its id.
    Unresolved,
}

/// Where to look for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// The Telegram chat as it was addressed; `None` when nothing went out since there is this column.
    pub sent_to: Option<String>,
    /// It has a higher id than this; `None` when no own message is known there.
    pub floor_id: Option<i64>,
    /// The last id looked at.
    pub probed_id: Option<i64>,
    /// Ids above the floor known to be other messages of ours, ascending.
    pub own_ids: Vec<i64>,
    /// There are more own ids than those listed: nothing is known beyond the last.
    pub is_cut: bool,
    /// The lowest own id whose send began after this one had settled: it has a lower id.
    pub ceiling_id: Option<i64>,
    pub doubt: Doubt,
}

/// A repeat claimed for a late look for its first copy.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedSweep {
    pub delivery: DeliveryRow,
    pub lease: Lease,
    /// Looks that failed.
    pub failure_count: i64,
    /// A later delivery edited the repeat, or will: that copy must stay.
    pub is_edited: bool,
}

/// What a late look led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepResult {
    /// There is one copy, with this id.
    Settled { message_id: Option<i64> },
    /// Things stay as they are.
    GivenUp,
    /// Goes on at this moment.
    Again { at: Instant, is_failure: bool },
}

#[derive(sqlx::FromRow)]
struct SearchRecord {
    sent_to: Option<String>,
    id_space: Option<String>,
    floor_message_id: Option<i64>,
    lost_floor_id: Option<i64>,
    probed_id: Option<i64>,
    started_at: Option<Instant>,
    lost_at: Option<Instant>,
}

impl Store {
    /// Writes down, before a send, where it goes and which own id is the highest there (`id_space` names the counter).
    /// Fenced.
    pub async fn note_address(&self, lease: &Lease, sent_to: &str, id_space: &str) -> Result<()> {
        let mut db = self.conn().await?;
        let changed = execute!(db, NOTE_ADDRESS, lease.id, lease.token, sent_to, id_space)?;
        lease.require_one(changed, "delivery")
    }

    /// Writes down that the message is not under this id. Fenced.
    pub async fn note_probe(&self, lease: &Lease, message_id: i64) -> Result<()> {
        let mut db = self.conn().await?;
        lease.require_one(execute!(db, NOTE_PROBE, lease.id, lease.token, message_id)?, "delivery")
    }

    /// Where to look for the last send of a delivery, or (`is_late`) for the lost copy of a repeat. `settle` is how long after
    /// its start a message is first looked for.
    pub async fn find_search(&self, delivery_id: i64, is_late: bool, settle: TimeDelta) -> Result<Search> {
        let mut db = self.conn().await?;
        let row = fetch_one!(SearchRecord, db, FIND_SEARCH, delivery_id)?;
        let (floor_id, began_at, settled_after) = match is_late {
            true => (row.lost_floor_id, row.lost_at, LATEST_COMMIT),
            false => (row.floor_message_id, row.started_at, settle),
        };
        let (sent_to, probed_id) = (row.sent_to, row.probed_id);
        let mut search = Search {
            sent_to,
            floor_id,
            probed_id,
            own_ids: Vec::new(),
            is_cut: false,
            ceiling_id: None,
            doubt: Doubt::Unresolved,
        };
        let (Some(sent_to), Some(space), Some(floor_id)) = (&search.sent_to, &row.id_space, floor_id) else {
            return Ok(search);
        };
        let own = fetch_all!((i64, Option<Instant>), db, OWN_IDS, space, floor_id, MOST_IDS)?;
        search.is_cut = own.len() as i64 == MOST_IDS;
        // Without it a look would follow a counter that goes on while it is taken, for ever.
        let settled_at = began_at.map(|at| at + settled_after);
        let is_above = |began_at: Option<Instant>| began_at.zip(settled_at).is_some_and(|(at, end)| at > end);
        search.ceiling_id = own.iter().find(|(_, began_at)| is_above(*began_at)).map(|(id, _)| *id);
        search.own_ids = own.into_iter().map(|(id, _)| id).collect();
        let (began_at,) = fetch_one!((Option<Instant>,), db, FLOOR_STARTED, space, floor_id)?;
        // A message that began well before the floor's has a lower id.
        let since = began_at.map_or(Instant::UNIX_EPOCH, |at| at - LATEST_COMMIT);
        // A late look may meet what lies above the repeat, and can wait for what is being looked for itself.
        let (settled_below, passing) =
            if is_late { (-1, &["sending", "unknown"][..]) } else { (floor_id, &["sending"][..]) };
        let doubts = fetch_all!((String,), db, DOUBTS, sent_to, delivery_id, since, settled_below)?;
        search.doubt = match doubts {
            none if none.is_empty() => Doubt::Nothing,
            some if some.iter().all(|(state,)| passing.contains(&state.as_str())) => Doubt::InFlight,
            _ => Doubt::Unresolved,
        };
        Ok(search)
    }

    /// Claims a repeat whose first copy is to be looked for once more, in a chat that is free. Counts as an attempt.
    pub async fn claim_sweep(
        &self,
        owner: &str,
        lease_secs: i64,
        now: Instant,
    ) -> Result<Option<ClaimedSweep>> {
        let mut tx = self.begin().await?;
        let Some(picked) = fetch_optional!(DeliveryRecord, tx, PICK_SWEEP, now)? else { return Ok(None) };
        let taken = fetch_optional!(DeliveryRecord, tx, TAKE_SWEEP, picked.id, owner, lease_secs)?;
        let Some(taken) = taken else { return Ok(None) };
        let lease = Lease {
            id: taken.id,
            token: taken.lease_token,
            owner: owner.to_owned(),
            until: lease_end(taken.lease_until_ms, "deliveries", taken.id)?,
        };
        execute!(tx, BEGIN_LOOK, lease.id, lease.token, &taken.chat, owner, now)?;
        let delivery = DeliveryRow::try_from(taken)?;
        let (failure_count,) = fetch_one!((i64,), tx, SWEEP_COUNT, lease.id)?;
        let (edit_count,) = fetch_one!((i64,), tx, EDITS_OF, &delivery.key)?;
        tx.commit().await?;
        Ok(Some(ClaimedSweep { delivery, lease, failure_count, is_edited: edit_count > 0 }))
    }

    /// Writes down what a late look led to. Fenced.
    pub async fn record_sweep(&self, lease: &Lease, result: SweepResult, now: Instant) -> Result<()> {
        let (message_id, again_at, failures, is_settled) = match result {
            SweepResult::Settled { message_id } => (message_id, None, 0_i64, true),
            SweepResult::GivenUp => (None, None, 0, false),
            SweepResult::Again { at, is_failure } => (None, Some(at), i64::from(is_failure), false),
        };
        let mut tx = self.begin().await?;
        let (id, token) = (lease.id, lease.token);
        let changed = execute!(tx, RECORD_SWEEP, id, token, message_id, again_at, failures, is_settled)?;
        lease.require_one(changed, "delivery")?;
        let outcome = if is_settled { "sent" } else { "unknown" };
        end_attempt(&mut tx, id, token, outcome, Some("late_look"), now).await?;
        tx.commit().await
    }
}
