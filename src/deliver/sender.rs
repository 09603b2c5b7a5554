//! The worker that empties the outbox.
//!
//! [`Sender::deliver_step`] is all there is to it: claim, send, record. [`Sender::run`] repeats it. No transaction is open
//! during a request, every write names the lease, and what a step leaves undone (a crash, a dropped future) is found by
//! [`Sender::sweep_step`] as a send of unknown outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::Notify;

use super::decide::{Decision, Waits, decide, expiry_reason};
use super::outcome::{Observed, classify};
use super::pace::{FloodWatch, Limits, WINDOW};
use super::telegram::ChatId;
use super::text::{mark_repeat, text_of};
use super::transport::{ChatTarget, Transport};
use crate::clock::{Instant, SharedClock};
use crate::outbound::Jitter;
use crate::store::files::{MOST_BYTES, StoredFile};
use crate::store::outbox::{Action, ClaimedDelivery, DeliveryRow};
use crate::store::{Lease, Store, StoreError};

/// How a sender behaves.
#[derive(Debug, Clone)]
pub struct SenderSettings {
    /// Name of this worker in leases.
    pub owner: String,
    /// Longer than the two requests an edit may need.
    pub lease_secs: i64,
    pub limits: Limits,
    pub waits: Waits,
    /// Chats served at the same time.
    pub worker_count: usize,
    /// Chats in which no message is looked for, because somebody else writes there with our token: a look is an edit, and
    /// would put its text over theirs.
    pub unsearched: BTreeSet<String>,
    /// How long a send in flight may still take once the worker is told to stop.
    pub drain: TimeDelta,
}

impl SenderSettings {
    pub fn new(owner: impl Into<String>) -> Self {
        let (limits, waits) = (Limits::default(), Waits::default());
        Self {
            owner: owner.into(),
            lease_secs: 90,
            limits,
            waits,
            worker_count: 4,
            unsearched: BTreeSet::new(),
            drain: TimeDelta::seconds(10),
        }
    }

    /// The same with a lease that outlasts what one claim may ask, each request taking up to `timeout`.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        const MARGIN_SECS: i64 = 30;
        let timeout_secs = i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX / 4);
        let lease_secs = self.lease_secs.max(timeout_secs.saturating_mul(2).saturating_add(MARGIN_SECS));
        Self { lease_secs, ..self }
    }
}

/// What one step did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing may go now.
    Idle,
    /// All chats together are as fast as they may be.
    Held { until: Instant },
    /// A delivery was dealt with.
    Recorded { delivery_id: i64, decision: Decision },
    /// The lease went to somebody else meanwhile; nothing was written.
    Fenced { delivery_id: i64 },
    /// Looked once more for the first copy of a repeat sent a while ago.
    LookedBack { delivery_id: i64 },
}

/// What the limits need to know of the claim at work.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    /// Starts of the last minute, before this one.
    pub sends: &'a [(String, Instant)],
    pub started_at: Instant,
}

/// Sends what stands in the outbox to the chats of the config.
#[derive(Debug)]
pub struct Sender {
    pub(super) store: Store,
    pub(super) transport: Transport,
    pub(super) clock: SharedClock,
    pub(super) jitter: Jitter,
    pub(super) targets: BTreeMap<String, ChatTarget>,
    pub(super) settings: SenderSettings,
    pub(super) wake: Notify,
    /// One claim at a time, so that the overall limit is computed from claims that are all visible.
    gate: tokio::sync::Mutex<()>,
    flood: Mutex<FloodWatch>,
    /// Why the store cannot be used just now, as far as logged.
    pub(super) store_trouble: Mutex<Option<&'static str>>,
}

impl Sender {
    /// `targets`: the chats of the config by logical name.
    pub fn new(
        store: Store,
        transport: Transport,
        clock: SharedClock,
        jitter: Jitter,
        targets: BTreeMap<String, ChatTarget>,
        settings: SenderSettings,
    ) -> Self {
        let (wake, gate, flood) = (Notify::new(), tokio::sync::Mutex::default(), Mutex::default());
        let store_trouble = Mutex::default();
        Self { store, transport, clock, jitter, targets, settings, wake, gate, flood, store_trouble }
    }

    /// Says that there may be something new in the outbox.
    pub fn wake(&self) {
        self.wake.notify_waiters();
    }

    /// Claims one delivery, sends it, and records what came of it.
    ///
    /// # Errors
    /// When the store fails. What became of a delivery already sent is then found out later, as for a lost worker.
    pub async fn deliver_step(&self) -> Result<Outcome, StoreError> {
        let turn = self.gate.lock().await;
        let now = self.clock.now();
        let sends = self.store.sends_since(now - WINDOW).await?;
        let starts: Vec<Instant> = sends.iter().map(|(_, at)| *at).collect();
        if let Some(until) = self.settings.limits.overall_free_at(&starts, now) {
            return Ok(Outcome::Held { until });
        }
        let settings = &self.settings;
        let claimed = self.store.claim_delivery(&settings.owner, settings.lease_secs, now).await?;
        let claim = Claim { sends: &sends, started_at: now };
        let Some(claimed) = claimed else {
            let swept = self.store.claim_sweep(&settings.owner, settings.lease_secs, now).await?;
            let Some(swept) = swept else { return Ok(Outcome::Idle) };
            self.hold_siblings(&swept.delivery.chat, &sends, now, true).await;
            drop(turn);
            self.look_back(&swept, &claim).await?;
            return Ok(Outcome::LookedBack { delivery_id: swept.delivery.id });
        };
        self.hold_siblings(&claimed.delivery.chat, &sends, now, claimed.was_unknown).await;
        drop(turn);

        let delivery_id = claimed.delivery.id;
        let decision = match self.process(&claimed, &claim).await {
            Ok(decision) => decision,
            Err(error) => {
                // Nothing was sent. Should this fail as well, the sweep finds the row.
                let (store, lease, reason) = (&self.store, &claimed.lease, error.reason());
                let again_at = self.clock.now() + TimeDelta::seconds(5);
                let _ = if claimed.was_unknown {
                    store.record_unknown(lease, reason, again_at, again_at).await
                } else {
                    store.record_retry(lease, reason, again_at, false, false, again_at).await
                };
                return Err(error);
            }
        };
        match self.record(&claimed.lease, &claimed, &decision).await {
            Ok(()) => {
                super::trace::recorded(&claimed.delivery, &decision, self.clock.now() - now);
                Ok(Outcome::Recorded { delivery_id, decision })
            }
            Err(StoreError::Fenced(_)) => {
                super::trace::fenced(&claimed.delivery);
                Ok(Outcome::Fenced { delivery_id })
            }
            Err(error) => Err(error),
        }
    }

    /// Finds sends that a lost worker began and nobody finished. Returns how many.
    pub async fn sweep_step(&self) -> Result<u64, StoreError> {
        let settle_secs = self.settings.waits.settle.num_seconds();
        self.store.sweep_lost_sends(settle_secs, self.clock.now()).await
    }

    async fn process(&self, claimed: &ClaimedDelivery, claim: &Claim<'_>) -> Result<Decision, StoreError> {
        let (row, started_at) = (&claimed.delivery, claim.started_at);
        let Some(target) = &self.target(&row.chat) else {
            return Ok(Decision::Dead { reason: "chat_not_configured" });
        };
        if claimed.was_unknown {
            return self.reconcile(claimed, target, claim).await;
        }
        if row.expires_at.is_some_and(|at| at <= started_at) {
            return Ok(Decision::Dead { reason: expiry_reason(row) });
        }
        let is_correction = matches!(row.action, Action::Correct { .. });
        if is_correction && claimed.edit_message_id.is_none() {
            return Ok(Decision::Dead { reason: "message_gone" });
        }
        let file = match row.action.file_key() {
            None => None,
            Some(key) => match self.store.find_file(key).await? {
                None => return Ok(Decision::Dead { reason: "file_gone" }),
                Some(file) if file.content.len() > MOST_BYTES => {
                    return Ok(Decision::Dead { reason: "too_long" });
                }
                file => file,
            },
        };
        let chat = self.address(target).await?;
        // From here on it may have been sent: a lost row without an address was not.
        self.store.note_address(&claimed.lease, &chat.to_string(), &chat.id_space()).await?;
        // Held up for long (a suspended machine, a slow database): the lease may be somebody else's by now.
        if self.clock.now() - started_at > TimeDelta::seconds(self.settings.lease_secs / 4) {
            return Ok(Decision::Retry { reason: "held_up", at: self.clock.now(), as_plain: row.is_plain });
        }
        let (observed, edited) = self.transmit(claimed, file.as_ref(), &chat, target.topic).await;
        let ended_at = self.clock.now();
        let decision = decide(row, edited, &observed, &self.settings.waits, &self.jitter, ended_at);
        self.pace(row, target, claim, &observed, Some(&decision)).await;
        if let Observed::Migrated { to } = observed {
            self.store.migrate_chat(&row.chat, to).await?;
            self.store.migrate_chat(&moved_key(&target.id), to).await?;
        }
        Ok(decision)
    }

    /// One request, or two when the message to edit is gone and has to be sent anew (a correction has not). Returns what was observed last and the
    /// edited message, if it was an edit that counted.
    async fn transmit(
        &self,
        claimed: &ClaimedDelivery,
        file: Option<&StoredFile>,
        chat: &ChatId,
        topic: Option<i64>,
    ) -> (Observed, Option<i64>) {
        let row = &claimed.delivery;
        let mut text = text_of(row, self.transport.reads_html(), topic);
        if let Some(message_id) = claimed.edit_message_id {
            let result = self.transport.edit(chat, message_id, &text).await;
            let observed = classify(&result);
            super::trace::told(row, &result);
            if observed != Observed::EditGone || matches!(row.action, Action::Correct { .. }) {
                return (observed, Some(message_id));
            }
        }
        if row.is_repeat {
            text.body = mark_repeat(&text.body, &row.public_id);
        }
        let result = match file {
            Some(file) => self.transport.send_file(chat, file, &text).await,
            None => self.transport.send(chat, &text).await,
        };
        super::trace::told(row, &result);
        let observed = classify(&result);
        // A web page with status 200: a spoilt success, or the front page of something that is no Bot API at all. Whoever
        // knows our token is the Bot API.
        let is_page = observed == Observed::Unknown { reason: "not_telegram" };
        if is_page && matches!(classify(&self.transport.ask().await), Observed::Sent { .. }) {
            return (Observed::Sent { message_id: None }, None);
        }
        (observed, None)
    }

    async fn record(
        &self,
        lease: &Lease,
        claimed: &ClaimedDelivery,
        decision: &Decision,
    ) -> Result<(), StoreError> {
        // A message that is out must not be forgotten because the database hiccups: it would be sent again.
        const TRIES: u32 = 8;
        let mut tried = 0;
        loop {
            tried += 1;
            let (store, now) = (&self.store, self.clock.now());
            let result = match decision {
                Decision::Sent { message_id } => store.record_sent(lease, *message_id, now).await,
                Decision::Retry { reason, at, as_plain } => {
                    let as_repeat = claimed.was_unknown || claimed.delivery.is_repeat;
                    store.record_retry(lease, reason, *at, *as_plain, as_repeat, now).await
                }
                Decision::Dead { reason } => store.record_dead(lease, reason, now).await,
                Decision::Unknown { reason, settle_at } => {
                    store.record_unknown(lease, reason, *settle_at, now).await
                }
            };
            match result {
                Err(error) if error.is_transient() && tried < TRIES => {
                    super::trace::record_failed(&claimed.delivery, &error);
                    self.clock.sleep(TimeDelta::seconds(2)).await;
                }
                result => return result,
            }
        }
    }

    /// Writes down when the chat may be written to again: before the result is recorded, because that frees the chat.
    pub(super) async fn pace(
        &self,
        row: &DeliveryRow,
        target: &ChatTarget,
        claim: &Claim<'_>,
        observed: &Observed,
        decision: Option<&Decision>,
    ) {
        let (sends, started_at, ended_at) = (claim.sends, claim.started_at, self.clock.now());
        if matches!(observed, Observed::NotSent { .. }) || !self.transport.is_limited() {
            return;
        }
        let names = self.names_of_same_chat(&row.chat, sends);
        let mut starts: Vec<Instant> =
            sends.iter().filter(|(chat, _)| names.contains(chat)).map(|(_, at)| *at).collect();
        starts.push(started_at);
        let mut free_at = self.settings.limits.chat_free_at(&starts, target.id.is_group(), ended_at);
        let everybody = match (observed, decision) {
            (Observed::RetryAfter { secs }, _) => {
                free_at = free_at.max(match decision {
                    Some(Decision::Retry { at, .. }) => *at,
                    _ => ended_at + TimeDelta::seconds(*secs),
                });
                let mut flood = self.flood.lock().unwrap_or_else(PoisonError::into_inner);
                flood.note(&row.chat, ended_at)
            }
            // Nobody gets through while the Bot API does not know us; one chat at a time finds out.
            (Observed::Unauthorized { .. }, Some(Decision::Retry { at, .. })) => {
                free_at = free_at.max(*at);
                true
            }
            _ => false,
        };
        let held = if everybody { self.targets.keys().cloned().chain(names).collect() } else { names };
        self.hold(held, free_at).await;
    }

    /// Other names of the same chat are not in flight in the store's eyes. Nothing may be sent under them either while
    /// ids are looked at: a message just sent has the next one, and nobody knows it yet.
    async fn hold_siblings(&self, chat: &str, sends: &[(String, Instant)], now: Instant, is_look: bool) {
        let gap = self.settings.limits.chat_gap;
        let look = TimeDelta::seconds(self.settings.lease_secs / 2);
        let mut siblings = self.names_of_same_chat(chat, sends);
        siblings.retain(|name| name != chat);
        self.hold(siblings, now + if is_look { gap.max(look) } else { gap }).await;
    }

    async fn hold(&self, names: Vec<String>, until: Instant) {
        for name in &names {
            if let Err(error) = self.store.hold_chat(name, until).await {
                tracing::warn!(
                    chat.name = name,
                    reason = error.reason(),
                    "cannot write down when a chat may be written to again"
                );
            }
        }
    }

    /// Names that lead to the same Telegram chat, the given one included: of the config, and of chats written to lately.
    fn names_of_same_chat(&self, name: &str, sends: &[(String, Instant)]) -> Vec<String> {
        let Some(target) = self.target(name) else { return vec![name.to_owned()] };
        let known = self.targets.keys().chain(sends.iter().map(|(chat, _)| chat));
        let mut names: Vec<String> = known
            .filter(|other| self.target(other).is_some_and(|other| other.id == target.id))
            .cloned()
            .chain([name.to_owned()])
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The chat behind a name: of the config, or one that asked and is answered.
    pub(super) fn target(&self, name: &str) -> Option<ChatTarget> {
        self.targets.get(name).cloned().or_else(|| ChatTarget::of_name(name))
    }

    /// Where the chat of the config is now.
    async fn address(&self, target: &ChatTarget) -> Result<ChatId, StoreError> {
        let moved = self.store.chat_state(&moved_key(&target.id)).await?.migrated_to;
        Ok(moved.map_or_else(|| target.id.clone(), ChatId::Id))
    }
}

/// Under this name the new id of a chat is kept, beside the logical name: who puts another chat into the config must
/// not be sent to where the former one moved.
fn moved_key(id: &ChatId) -> String {
    format!("id:{id}")
}
