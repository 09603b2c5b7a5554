//! The one worker that listens, and how another takes over.
//!
//! Telegram sends an older poll away when a newer one comes, so of all workers only the holder of a lease polls. What
//! updates show is kept together with the id to go on from; a successor goes on exactly there. Handed back when
//! told to stop; after a crash the lease runs out. A program outside that polls with the same token is told to ops as a
//! source that fails, not logged at each turn.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use teloxide::Bot;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::desk::Desk;
use super::updates::{PollError, PollerSettings, bot, chats_of, get_updates};
use crate::clock::{Instant, SharedClock};
use crate::outbound::{Backoff, ClientError, Jitter};
use crate::store::pollers::ClaimedPoller;
use crate::store::{Lease, Store, StoreError};

/// What the poller is called among the sources while it fails.
pub const SOURCE_UPDATES: &str = "telegram_updates";

/// How often a worker that does not listen looks whether the one that does is gone. Being woken makes it sooner.
const LOOK_EVERY: TimeDelta = TimeDelta::seconds(1);
/// Telegram keeps updates for a day, and after a week without any it numbers them anew, perhaps lower: an id that old
/// protects from nothing and could hide what is new.
const ID_LIVES: TimeDelta = TimeDelta::days(3);
/// Two programs with one token get some polls through by turns; only this long without a conflict is the end of it.
const QUIET: TimeDelta = TimeDelta::minutes(5);

const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(300) };

/// Listens for one bot, remembers the chats it is in, and has answered what is asked there.
pub struct Poller {
    bot: Bot,
    bot_id: i64,
    /// Name of this worker in leases.
    owner: String,
    poll_secs: u32,
    store: Store,
    clock: SharedClock,
    jitter: Jitter,
    wake: Arc<Notify>,
    /// Who answers; `None` = updates are only looked at for the chats they show.
    desk: Option<Arc<Desk>>,
}

impl Poller {
    /// `wake` tells it that another worker may have gone.
    ///
    /// # Errors
    /// When the proxy address or the certificate file is not usable.
    pub fn new(
        settings: &PollerSettings,
        owner: impl Into<String>,
        store: Store,
        clock: SharedClock,
        jitter: Jitter,
        wake: Arc<Notify>,
    ) -> Result<Self, ClientError> {
        let (bot, bot_id, owner, poll_secs) =
            (bot(settings)?, settings.bot_id(), owner.into(), settings.poll_secs);
        Ok(Self { bot, bot_id, owner, poll_secs, store, clock, jitter, wake, desk: None })
    }

    /// The same, with somebody who answers.
    #[must_use]
    pub fn answering(self, desk: Arc<Desk>) -> Self {
        Self { desk: Some(desk), ..self }
    }

    /// The right to listen; `None` while another worker does.
    pub async fn claim_step(&self) -> Result<Option<ClaimedPoller>, StoreError> {
        self.store.claim_poller(self.bot_id, &self.owner, self.store.lease_secs()).await
    }

    /// One poll: waits for updates, keeps what they show, notes from where to go on, and answers. What was not kept
    /// is not confirmed and comes again, to whoever listens then; what was kept is answered by nobody else.
    pub async fn poll_step(&self, claimed: &mut ClaimedPoller) -> Result<(), PollError> {
        // A worker that was suspended must not send its successor's poll away.
        self.store.renew_poller(&claimed.lease, self.store.lease_secs()).await?;
        let updates = get_updates(&self.bot, offset(claimed, self.clock.now()), self.poll_secs).await?;
        let Some(last) = updates.last() else { return Ok(()) };
        let (next, now) = (i64::from(last.id.as_offset()), self.clock.now());
        self.store.save_updates(&claimed.lease, &chats_of(&updates, &self.clock), next, now).await?;
        (claimed.next_update_id, claimed.received_at) = (Some(next), Some(now));
        if let Some(desk) = self.desk.clone() {
            // A task of its own: who loses the lease or is told to stop meanwhile still finishes what it confirmed.
            let answering = tokio::spawn(async move {
                for update in &updates {
                    desk.handle(update).await;
                }
            });
            if let Err(error) = answering.await {
                tracing::error!(reason = "panic", "answering broke off: {error}");
            }
        }
        Ok(())
    }

    /// Listens whenever no other worker does, until told to stop.
    pub async fn run(&self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            // Listening before looking: who goes in between is not missed.
            let woken = self.wake.notified();
            // A store that fails is told by the loops that live by it.
            if let Ok(Some(claimed)) = self.claim_step().await {
                self.hold(claimed, &shutdown).await;
            }
            tokio::select! {
                () = woken => {}
                () = self.clock.sleep(LOOK_EVERY) => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// Listens until the lease is lost or the worker told to stop, and gives the lease back.
    async fn hold(&self, claimed: ClaimedPoller, shutdown: &CancellationToken) {
        let lease = claimed.lease.clone();
        if let Some(desk) = self.desk.clone() {
            tokio::spawn(async move { desk.set_menus().await });
        }
        tokio::select! {
            () = self.poll_on(claimed) => {}
            () = self.keep_lease(&lease) => {}
            () = shutdown.cancelled() => {}
        }
        if self.store.release_poller(&lease).await.is_ok() {
            // A hint only: without it the others look within a second.
            let _ = self.store.wake_workers().await;
        }
    }

    /// Polls until the lease is lost. A failure is logged when its reason changes, not at each try.
    async fn poll_on(&self, mut claimed: ClaimedPoller) {
        let mut failures = 0;
        // The reason and the time of the last failure, until it is over.
        let mut trouble: Option<(&'static str, Instant)> = None;
        // The worker before us may have left a note among the sources.
        let mut is_noted = true;
        loop {
            let error = match self.poll_step(&mut claimed).await {
                Ok(()) => {
                    failures = 0;
                    let now = self.clock.now();
                    if trouble.is_some_and(|(reason, at)| reason == "conflict" && now - at < QUIET) {
                        continue;
                    }
                    if trouble.take().is_some() {
                        tracing::info!("Telegram updates are received again");
                    }
                    if is_noted {
                        is_noted = self.clear_note(now).await.is_err();
                    }
                    continue;
                }
                Err(PollError::Store(StoreError::Fenced(_))) => return,
                Err(error) => error,
            };
            failures += 1;
            let (reason, now) = (error.reason(), self.clock.now());
            if trouble.replace((reason, now)).map(|(reason, _)| reason) != Some(reason) {
                tracing::warn!(reason, "Telegram updates are not received: {error}");
            }
            if matches!(error, PollError::Conflict) {
                is_noted = true;
                let _ = self.store.save_source_failure(SOURCE_UPDATES, reason, now).await;
            }
            let pause = match error {
                PollError::RetryAfter(pause) => pause,
                _ => BACKOFF.delay(failures, &self.jitter),
            };
            self.clock.sleep(pause).await;
        }
    }

    async fn clear_note(&self, now: Instant) -> Result<(), StoreError> {
        let is_failing =
            self.store.find_source(SOURCE_UPDATES).await?.is_some_and(|row| row.failing_since.is_some());
        if is_failing { self.store.save_source_success(SOURCE_UPDATES, now).await } else { Ok(()) }
    }

    /// Renews the lease; returns when it is lost, or when nobody can say any more whether it is.
    async fn keep_lease(&self, lease: &Lease) {
        let lease_secs = self.store.lease_secs();
        let length = TimeDelta::seconds(lease_secs);
        let mut held_until = self.clock.now() + length;
        loop {
            self.clock.sleep(length / 3).await;
            let asked_at = self.clock.now();
            match self.store.renew_poller(lease, lease_secs).await {
                Ok(()) => held_until = asked_at + length,
                Err(StoreError::Fenced(_)) => return,
                Err(_) if self.clock.now() >= held_until => return,
                Err(_) => {}
            }
        }
    }
}

/// From where to go on; `None` = from the oldest update that waits.
fn offset(claimed: &ClaimedPoller, now: Instant) -> Option<i32> {
    let is_alive = claimed.received_at.is_some_and(|at| now - at < ID_LIVES);
    claimed.next_update_id.filter(|_| is_alive).and_then(|id| i32::try_from(id).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_days_ago_is_not_sent_because_telegram_may_count_anew() {
        let now = Instant::UNIX_EPOCH + TimeDelta::days(30);
        let lease = Lease { id: 1, token: 1, owner: "worker".to_owned(), until: now };
        let received =
            |received_at| ClaimedPoller { lease: lease.clone(), next_update_id: Some(41), received_at };
        assert_eq!(offset(&received(Some(now - TimeDelta::days(2))), now), Some(41));
        assert_eq!(offset(&received(Some(now - TimeDelta::days(4))), now), None);
        assert_eq!(offset(&received(None), now), None);
    }
}
