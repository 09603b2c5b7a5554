//! What to do with a send whose outcome nobody knows.
//!
//! Telegram has no idempotency key and no way to read a chat back, so certainty cannot be had; what can be had is that
//! a text is sent twice at most, that the second copy says «повтор», and that nothing is given up while Telegram itself
//! is out of reach. [`resolve`] asks and decides; looking for the first copy in the chat would be one more
//! question before [`Verdict::SendAgain`].

use chrono::TimeDelta;

use super::decide::Waits;
use super::outcome::{Observed, classify};
use super::transport::Transport;
use crate::clock::Instant;
use crate::outbound::Jitter;
use crate::store::outbox::{ClaimedDelivery, Policy};

/// Edits of unknown outcome are repeated freely, but not for ever.
const MOST_EDIT_ATTEMPTS: i64 = 20;

/// What follows for a delivery that was unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Send it once more, marked as a repeat (an edit is not marked: doing it twice shows nothing).
    SendAgain,
    /// The way to Telegram is broken right now: the one repeat would be wasted.
    AskLater { reason: &'static str, at: Instant },
    /// It stays unknown for ever.
    GiveUp { reason: &'static str },
}

/// Decides on a delivery claimed as unknown.
pub async fn resolve(
    transport: &Transport,
    claimed: &ClaimedDelivery,
    waits: &Waits,
    jitter: &Jitter,
    now: Instant,
) -> Verdict {
    let row = &claimed.delivery;
    let is_edit = claimed.edit_message_id.is_some();
    let is_expired = row.expires_at.is_some_and(|at| at <= now);
    let is_spent = if is_edit { row.attempt_count >= MOST_EDIT_ATTEMPTS } else { row.is_repeat };
    let may_repeat = is_edit || row.policy == Policy::AtLeastOnce;
    if is_expired || is_spent || !may_repeat {
        return Verdict::GiveUp { reason: "maybe_lost" };
    }
    let wait = waits.access.delay(u32::try_from(row.attempt_count).unwrap_or(u32::MAX), jitter);
    match classify(&transport.ask().await) {
        Observed::Sent { .. } => Verdict::SendAgain,
        Observed::RetryAfter { secs } => {
            Verdict::AskLater { reason: "rate_limited", at: now + wait.max(TimeDelta::seconds(secs)) }
        }
        Observed::Unauthorized { reason } | Observed::NotSent { reason } | Observed::Unknown { reason } => {
            Verdict::AskLater { reason, at: now + wait }
        }
        _ => Verdict::AskLater { reason: "refused", at: now + wait },
    }
}
