//! What to do with a send whose outcome nobody knows.
//!
//! After it settled, each claim takes one look ([`super::probe`]) at the next id the message could have. Found: it is
//! sent. Not to be found: sent once more, marked «повтор», or given up as `maybe_lost` when the job wants no repeats, the
//! time is over, or it was the repeat and could not be looked for; a repeat that is proven missing is sent again. While
//! Telegram itself is out of reach nothing is decided.
//!
//! A first copy may still turn up after the repeat, so some minutes later the same ids are looked at once more
//! ([`Sender::look_back`]) and the repeat is taken away when there are two. A failed look leaves things as they are.

use chrono::TimeDelta;

use super::decide::Decision;
use super::outcome::{Observed, classify};
use super::probe::{Look, Prober, later};
use super::sender::{Claim, Sender};
use super::telegram::{ChatId, TelegramClient};
use super::text::last_sent;
use super::transport::{ChatTarget, Transport};
use crate::clock::Instant;
use crate::store::StoreError;
use crate::store::outbox::{ClaimedDelivery, DeliveryRow, Policy};
use crate::store::reconcile::{ClaimedSweep, SweepResult};

/// Edits of unknown outcome are repeated freely, but not for ever.
const MOST_EDIT_ATTEMPTS: i64 = 20;
/// After so many attempts the message is not looked for any longer: twenty sends, each with all its looks.
const MOST_LOOK_ATTEMPTS: i64 = 220;
/// Late looks that fail before things are left as they are.
const MOST_SWEEP_FAILURES: i64 = 5;

impl Sender {
    /// Decides on a delivery claimed as unknown, or takes one look and goes on later.
    pub(super) async fn reconcile(
        &self,
        claimed: &ClaimedDelivery,
        target: &ChatTarget,
        claim: &Claim<'_>,
    ) -> Result<Decision, StoreError> {
        let row = &claimed.delivery;
        let is_edit = claimed.edit_message_id.is_some();
        let unfound = unfound(row, is_edit, self.clock.now());
        let may_look = !is_edit
            && row.attempt_count < MOST_LOOK_ATTEMPTS
            && !self.settings.unsearched.contains(&row.chat);
        let wait = self.settings.waits.access.delay(attempt(row), &self.jitter);
        let asked = self.transport.ask().await;
        let look = match (classify(&asked), &self.transport) {
            (Observed::Sent { .. }, Transport::Telegram(client)) if may_look => {
                let bot_id = asked.ok().and_then(|answer| answer.result["id"].as_i64()).unwrap_or_default();
                let search = self.store.find_search(row.id, false, self.settings.waits.settle).await?;
                let text = last_sent(row, row.is_repeat);
                let (look, observed) = self.prober(client, claim, row).look(bot_id, &search, &text).await;
                if let Some(observed) = &observed {
                    self.pace(row, target, claim, observed, None).await;
                }
                look
            }
            (Observed::Sent { .. }, _) => Look::CannotLook,
            (observed, _) => later(&observed),
        };
        let now = self.clock.now();
        Ok(match look {
            Look::Found { message_id } => Decision::Sent { message_id: Some(message_id) },
            Look::NotUnder { message_id } => {
                self.store.note_probe(&claimed.lease, message_id).await?;
                Decision::Unknown { reason: "unknown_outcome", settle_at: now }
            }
            Look::Nowhere | Look::CannotLook => match unfound {
                // Written down before it is sent: were the repeat lost too, it must not be repeated blindly.
                Unfound::SendAgain => again(row, now),
                Unfound::SendAgainIfNowhere if look == Look::Nowhere => again(row, now),
                _ => Decision::Dead { reason: "maybe_lost" },
            },
            Look::Later { .. } if unfound == (Unfound::GiveUp { at_once: true }) => {
                Decision::Dead { reason: "maybe_lost" }
            }
            Look::Later { reason, wait: told } => {
                Decision::Unknown { reason, settle_at: now + wait.max(told) }
            }
        })
    }

    /// Looks once more for the first copy of a repeat, at one id.
    pub(super) async fn look_back(
        &self,
        claimed: &ClaimedSweep,
        claim: &Claim<'_>,
    ) -> Result<(), StoreError> {
        let result = self.look_for_first(claimed, claim).await;
        let result = match result {
            Ok(result) => result,
            Err(error) => {
                tracing::warn!(
                    delivery.id = claimed.delivery.id,
                    reason = error.reason(),
                    "cannot look for the first copy of delivery {}",
                    claimed.delivery.id
                );
                SweepResult::Again { at: self.clock.now() + TimeDelta::seconds(30), is_failure: true }
            }
        };
        let result = match result {
            SweepResult::Again { is_failure: true, .. }
                if claimed.failure_count + 1 >= MOST_SWEEP_FAILURES =>
            {
                SweepResult::GivenUp
            }
            result => result,
        };
        super::trace::looked_back(&claimed.delivery, &result);
        self.store.record_sweep(&claimed.lease, result, self.clock.now()).await
    }

    async fn look_for_first(
        &self,
        claimed: &ClaimedSweep,
        claim: &Claim<'_>,
    ) -> Result<SweepResult, StoreError> {
        let row = &claimed.delivery;
        let (Some(target), Transport::Telegram(client)) = (&self.target(&row.chat), &self.transport) else {
            return Ok(SweepResult::GivenUp);
        };
        if self.settings.unsearched.contains(&row.chat) {
            return Ok(SweepResult::GivenUp);
        }
        let asked = self.transport.ask().await;
        let look = match classify(&asked) {
            Observed::Sent { .. } => {
                let bot_id = asked.ok().and_then(|answer| answer.result["id"].as_i64()).unwrap_or_default();
                let search = self.store.find_search(row.id, true, self.settings.waits.settle).await?;
                let (look, observed) =
                    self.prober(client, claim, row).look(bot_id, &search, &last_sent(row, false)).await;
                if let Some(observed) = &observed {
                    self.pace(row, target, claim, observed, None).await;
                }
                if let (Look::Found { message_id }, Some(address)) = (&look, &search.sent_to) {
                    return Ok(self.leave_one(client, address, claimed, *message_id).await);
                }
                look
            }
            observed => later(&observed),
        };
        let now = self.clock.now();
        Ok(match look {
            Look::NotUnder { message_id } => {
                self.store.note_probe(&claimed.lease, message_id).await?;
                SweepResult::Again { at: now, is_failure: false }
            }
            Look::Nowhere => SweepResult::Settled { message_id: None },
            Look::Found { .. } | Look::CannotLook => SweepResult::GivenUp,
            Look::Later { wait, .. } => self.sweep_again(claimed, wait),
        })
    }

    /// Two copies: the repeat goes, unless later edits show what happens in it.
    async fn leave_one(
        &self,
        client: &TelegramClient,
        address: &str,
        claimed: &ClaimedSweep,
        first_id: i64,
    ) -> SweepResult {
        let (Ok(chat), Some(repeat_id)) = (address.parse::<ChatId>(), claimed.delivery.message_id) else {
            return SweepResult::GivenUp;
        };
        let (kept, superfluous) =
            if claimed.is_edited { (repeat_id, first_id) } else { (first_id, repeat_id) };
        let observed = classify(&client.delete_message(&chat, superfluous).await);
        match observed {
            Observed::Sent { .. } | Observed::EditGone => SweepResult::Settled { message_id: Some(kept) },
            Observed::RetryAfter { secs } => self.sweep_again(claimed, TimeDelta::seconds(secs)),
            Observed::NotSent { .. } | Observed::Unknown { .. } | Observed::Unauthorized { .. } => {
                self.sweep_again(claimed, TimeDelta::zero())
            }
            // Both stay, and both are known: the repeat says what it is.
            _ => SweepResult::GivenUp,
        }
    }

    fn sweep_again(&self, claimed: &ClaimedSweep, at_least: TimeDelta) -> SweepResult {
        let tries = u32::try_from(claimed.failure_count + 2).unwrap_or(u32::MAX);
        let wait = self.settings.waits.access.delay(tries, &self.jitter).max(at_least);
        SweepResult::Again { at: self.clock.now() + wait, is_failure: true }
    }

    fn prober<'a>(&'a self, client: &'a TelegramClient, claim: &Claim<'_>, row: &DeliveryRow) -> Prober<'a> {
        let until = claim.started_at + TimeDelta::seconds(self.settings.lease_secs / 4);
        let is_file = row.action.file_key().is_some();
        Prober { client, clock: self.clock.as_ref(), targets: &self.targets, is_file, until }
    }
}

/// What follows when the message is not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unfound {
    /// Once more, marked as a repeat (an edit is not marked: doing it twice shows nothing).
    SendAgain,
    /// Once more if all ids it could have were looked at: two workers died over it, and it is not there.
    SendAgainIfNowhere,
    /// It stays unknown for ever. `at_once`: also when Telegram cannot be asked.
    GiveUp { at_once: bool },
}

fn unfound(row: &DeliveryRow, is_edit: bool, now: Instant) -> Unfound {
    let is_expired = row.expires_at.is_some_and(|at| at <= now);
    let is_spent = if is_edit { row.attempt_count >= MOST_EDIT_ATTEMPTS } else { row.is_repeat };
    let may_repeat = is_edit || row.policy == Policy::AtLeastOnce;
    if is_spent && may_repeat && !is_edit && !is_expired && row.attempt_count < MOST_LOOK_ATTEMPTS {
        return Unfound::SendAgainIfNowhere;
    }
    if is_expired || is_spent || !may_repeat {
        return Unfound::GiveUp { at_once: is_expired || is_edit || row.attempt_count >= MOST_LOOK_ATTEMPTS };
    }
    Unfound::SendAgain
}

fn again(row: &DeliveryRow, now: Instant) -> Decision {
    Decision::Retry { reason: "unknown_outcome", at: now, as_plain: row.is_plain }
}

fn attempt(row: &DeliveryRow) -> u32 {
    u32::try_from(row.attempt_count).unwrap_or(u32::MAX)
}
