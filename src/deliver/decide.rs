//! From what was observed to what is recorded: the state table of a delivery. Pure.

use std::time::Duration;

use chrono::TimeDelta;

use super::outcome::Observed;
use crate::clock::Instant;
use crate::outbound::{Backoff, Jitter};
use crate::store::outbox::DeliveryRow;

/// The last try begins this long before the expiry, so that it is claimed in time.
const LAST_TRY: TimeDelta = TimeDelta::seconds(5);

/// Waiting times.
#[derive(Debug, Clone)]
pub struct Waits {
    /// From a send of unknown outcome to dealing with it. Longer than Telegram may still be at it after we gave up.
    pub settle: TimeDelta,
    /// After a send that found no connection.
    pub connect: Backoff,
    /// After the Bot API did not know us: until somebody repairs the token or the address.
    pub access: Backoff,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            settle: TimeDelta::seconds(75),
            connect: Backoff { first: Duration::from_secs(2), cap: Duration::from_secs(60) },
            access: Backoff { first: Duration::from_secs(15), cap: Duration::from_secs(300) },
        }
    }
}

/// What is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Sent { message_id: Option<i64> },
    Retry { reason: &'static str, at: Instant, as_plain: bool },
    Dead { reason: &'static str },
    Unknown { reason: &'static str, settle_at: Instant },
}

/// Decides on a send of `row` that ended at `now`. `edited` is the message that was edited, when it was an edit.
pub fn decide(
    row: &DeliveryRow,
    edited: Option<i64>,
    observed: &Observed,
    waits: &Waits,
    jitter: &Jitter,
    now: Instant,
) -> Decision {
    let attempt = u32::try_from(row.attempt_count).unwrap_or(u32::MAX);
    match *observed {
        Observed::Sent { message_id } => Decision::Sent { message_id: message_id.or(edited) },
        Observed::NotModified => Decision::Sent { message_id: edited },
        Observed::RetryAfter { secs } => {
            // Not earlier than told, and a little later, so that workers do not come back together.
            let wait = jitter.stretch(TimeDelta::seconds(secs), 0.2);
            retry(row, "rate_limited", now + wait)
        }
        Observed::Migrated { .. } if row.reason.as_deref() == Some("migrated") => {
            back_off(row, "migrated", waits.connect.delay(attempt, jitter), now)
        }
        Observed::Migrated { .. } => retry(row, "migrated", now),
        Observed::BadMarkup if row.is_plain => Decision::Dead { reason: "bad_markup" },
        Observed::BadMarkup => Decision::Retry { reason: "bad_markup", at: now, as_plain: true },
        Observed::Refused { reason } => Decision::Dead { reason },
        // What is not a correction is sent anew instead.
        Observed::EditGone => Decision::Dead { reason: "message_gone" },
        Observed::Unauthorized { reason } => back_off(row, reason, waits.access.delay(attempt, jitter), now),
        Observed::NotSent { reason } => back_off(row, reason, waits.connect.delay(attempt, jitter), now),
        Observed::Unknown { reason } => Decision::Unknown { reason, settle_at: now + waits.settle },
    }
}

/// A wait of our own choosing leaves room for one more try before the expiry.
fn back_off(row: &DeliveryRow, reason: &'static str, wait: TimeDelta, now: Instant) -> Decision {
    let last_at = row.expires_at.map(|at| at - LAST_TRY).filter(|at| *at > now);
    let at = now + wait;
    retry(row, reason, last_at.map_or(at, |last_at| at.min(last_at)))
}

/// A wait that Telegram demands: when it ends after the expiry, nothing can be sent any more.
fn retry(row: &DeliveryRow, reason: &'static str, at: Instant) -> Decision {
    match row.expires_at {
        Some(expires_at) if expires_at <= at => Decision::Dead { reason: expiry_reason(row) },
        _ => Decision::Retry { reason, at, as_plain: row.is_plain },
    }
}

/// Why a delivery past its expiry is dead. A repeat may have an earlier copy in the chat.
pub fn expiry_reason(row: &DeliveryRow) -> &'static str {
    if row.is_repeat { "maybe_lost" } else { "expired" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::outbox::{Action, DeliveryState, Policy};

    fn now() -> Instant {
        Instant::UNIX_EPOCH
    }

    fn row() -> DeliveryRow {
        DeliveryRow {
            id: 1,
            key: "run:1/managers/1".to_owned(),
            run_id: Some(1),
            chat: "managers".to_owned(),
            part: 1,
            part_count: 1,
            action: Action::Send,
            html: String::new(),
            plain: String::new(),
            public_id: "d-1".to_owned(),
            policy: Policy::AtLeastOnce,
            expires_at: Some(now() + TimeDelta::hours(1)),
            is_silent: false,
            keyboard: None,
            state: DeliveryState::Sending,
            not_before_at: now(),
            attempt_count: 1,
            is_plain: false,
            is_repeat: false,
            floor_message_id: None,
            message_id: None,
            started_at: Some(now()),
            created_at: now(),
            finished_at: None,
            reason: None,
        }
    }

    fn decided(row: &DeliveryRow, observed: &Observed) -> Decision {
        decide(row, None, observed, &Waits::default(), &Jitter::seeded(1), now())
    }

    #[test]
    fn every_row_of_the_state_table_is_kept() {
        let plain = DeliveryRow { is_plain: true, ..row() };
        let again = DeliveryRow { reason: Some("migrated".to_owned()), ..row() };
        assert_eq!(
            decided(&row(), &Observed::Sent { message_id: Some(7) }),
            Decision::Sent { message_id: Some(7) }
        );
        assert_eq!(
            decided(&row(), &Observed::Sent { message_id: None }),
            Decision::Sent { message_id: None }
        );
        assert_eq!(
            decided(&row(), &Observed::Migrated { to: -1001 }),
            Decision::Retry { reason: "migrated", at: now(), as_plain: false }
        );
        assert!(matches!(
            decided(&again, &Observed::Migrated { to: -1002 }),
            Decision::Retry { reason: "migrated", at, .. } if at > now()
        ));
        assert_eq!(
            decided(&row(), &Observed::Refused { reason: "blocked" }),
            Decision::Dead { reason: "blocked" }
        );
        assert_eq!(
            decided(&row(), &Observed::BadMarkup),
            Decision::Retry { reason: "bad_markup", at: now(), as_plain: true }
        );
        assert_eq!(decided(&plain, &Observed::BadMarkup), Decision::Dead { reason: "bad_markup" });
        assert_eq!(
            decided(&row(), &Observed::Unknown { reason: "timeout" }),
            Decision::Unknown { reason: "timeout", settle_at: now() + TimeDelta::seconds(75) }
        );
        for (observed, reason) in [
            (Observed::NotSent { reason: "cannot_connect" }, "cannot_connect"),
            (Observed::Unauthorized { reason: "unauthorized" }, "unauthorized"),
        ] {
            assert!(
                matches!(decided(&row(), &observed), Decision::Retry { reason: r, at, .. } if r == reason && at > now())
            );
        }
    }

    #[test]
    fn a_slowed_down_chat_waits_at_least_as_long_as_told_and_at_most_a_fifth_longer() {
        for secs in [1, 17, 300] {
            let Decision::Retry { at, .. } = decided(&row(), &Observed::RetryAfter { secs }) else {
                panic!()
            };
            let wait = at - now();
            assert!(wait >= TimeDelta::seconds(secs) && wait <= TimeDelta::seconds(secs) * 6 / 5, "{wait}");
        }
    }

    #[test]
    fn a_message_that_found_no_way_out_is_tried_until_just_before_its_expiry() {
        let lost = Observed::NotSent { reason: "cannot_connect" };
        let expiring = |secs| DeliveryRow {
            attempt_count: 20,
            expires_at: Some(now() + TimeDelta::seconds(secs)),
            ..row()
        };
        let Decision::Retry { at, .. } = decided(&expiring(20), &lost) else { panic!() };
        assert_eq!(at, now() + TimeDelta::seconds(15));
        assert_eq!(decided(&expiring(5), &lost), Decision::Dead { reason: "expired" });
    }

    #[test]
    fn a_retry_after_the_expiry_is_dead_and_a_repeat_says_that_the_first_copy_may_be_there() {
        let soon = Some(now() + TimeDelta::seconds(5));
        let (first, repeat) =
            (DeliveryRow { expires_at: soon, ..row() }, DeliveryRow { is_repeat: true, ..row() });
        let repeat = DeliveryRow { expires_at: soon, ..repeat };
        let slow = Observed::RetryAfter { secs: 60 };
        assert_eq!(decided(&first, &slow), Decision::Dead { reason: "expired" });
        assert_eq!(decided(&repeat, &slow), Decision::Dead { reason: "maybe_lost" });
    }

    #[test]
    fn an_edit_that_changes_nothing_is_sent_under_the_edited_id() {
        let decision =
            decide(&row(), Some(40), &Observed::NotModified, &Waits::default(), &Jitter::seeded(1), now());
        assert_eq!(decision, Decision::Sent { message_id: Some(40) });
    }
}
