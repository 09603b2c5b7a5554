//! The loops around [`Sender::deliver_step`]: for ever in the worker, until nothing is left in a command.

use std::pin::pin;
use std::sync::PoisonError;

use chrono::TimeDelta;
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use super::decide::Decision;
use super::sender::{Outcome, Sender};
use crate::clock::Instant;
use crate::store::StoreError;

/// Other processes fill the outbox too and cannot wake us.
const LONGEST_NAP: TimeDelta = TimeDelta::seconds(5);
/// Something is due but held by a delivery in flight.
const SHORTEST_NAP: TimeDelta = TimeDelta::milliseconds(100);
/// How often lost sends are looked for.
const SWEEP_EVERY: TimeDelta = TimeDelta::seconds(15);
/// After the store failed.
const STORE_NAP: TimeDelta = TimeDelta::seconds(5);

/// What [`Sender::run_until_idle`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub sent_count: u64,
    pub dead_count: u64,
    /// Nothing is left. Otherwise something waits for longer than the patience.
    pub is_idle: bool,
}

impl Sender {
    /// Sends until told to stop. Then claims nothing more and lets the sends in flight finish within the drain time; one
    /// that does not is swept up as unknown by whoever runs next.
    pub async fn run(&self, shutdown: CancellationToken) {
        let workers = (0..self.settings.worker_count.max(1)).map(|_| self.work(&shutdown));
        tokio::join!(join_all(workers), self.sweep(&shutdown));
    }

    /// Sends until the outbox is idle, or until what is left would take longer than `patience` from now.
    pub async fn run_until_idle(&self, patience: TimeDelta) -> Result<Tally, StoreError> {
        let give_up_at = self.clock.now() + patience;
        let mut tally = Tally::default();
        self.sweep_step().await?;
        loop {
            let next = match self.deliver_step().await? {
                Outcome::Recorded { decision, .. } => {
                    match decision {
                        Decision::Sent { .. } => tally.sent_count += 1,
                        Decision::Dead { .. } => tally.dead_count += 1,
                        _ => {}
                    }
                    continue;
                }
                Outcome::Fenced { .. } | Outcome::LookedBack { .. } => continue,
                Outcome::Held { until } => until,
                Outcome::Idle => match self.store.next_delivery_at(self.clock.now()).await? {
                    Some(next) => next,
                    None => return Ok(Tally { is_idle: true, ..tally }),
                },
            };
            if next > give_up_at || self.clock.now() > give_up_at {
                return Ok(tally);
            }
            self.clock.sleep_until(next.max(self.clock.now() + SHORTEST_NAP)).await;
        }
    }

    async fn work(&self, shutdown: &CancellationToken) {
        let drained = async {
            shutdown.cancelled().await;
            self.clock.sleep(self.settings.drain).await;
        };
        let mut drained = pin!(drained);
        while !shutdown.is_cancelled() {
            // Listening before looking: what is enqueued in between is not missed.
            let mut woken = pin!(self.wake.notified());
            woken.as_mut().enable();
            let result = tokio::select! {
                result = self.deliver_step() => result,
                () = &mut drained => return,
            };
            self.note_store(result.as_ref().err());
            let nap_until = match result {
                Ok(Outcome::Recorded { .. } | Outcome::Fenced { .. } | Outcome::LookedBack { .. }) => {
                    // The next part of the same report may go as soon as this one is done.
                    self.wake.notify_waiters();
                    continue;
                }
                Ok(Outcome::Held { until }) => until,
                Ok(Outcome::Idle) => self.idle_until().await,
                Err(_) => self.clock.now() + STORE_NAP,
            };
            tokio::select! {
                () = &mut woken => {}
                () = self.clock.sleep_until(nap_until) => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// Logs once for all workers when the store begins to fail, and once when it works again.
    fn note_store(&self, error: Option<&StoreError>) {
        let mut told = self.store_trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match error {
            Some(error) if *told != Some(error.reason()) => {
                tracing::error!(reason = error.reason(), error = %error, "the outbox cannot be read or written, trying on");
            }
            None if told.is_some() => tracing::info!("the outbox works again"),
            _ => {}
        }
        *told = error.map(StoreError::reason);
    }

    async fn idle_until(&self) -> Instant {
        let now = self.clock.now();
        let next = self.store.next_delivery_at(now).await.ok().flatten();
        next.map_or(now + LONGEST_NAP, |at| at.clamp(now + SHORTEST_NAP, now + LONGEST_NAP))
    }

    async fn sweep(&self, shutdown: &CancellationToken) {
        loop {
            let swept = self.sweep_step().await;
            self.note_store(swept.as_ref().err());
            match swept {
                Ok(0) | Err(_) => {}
                Ok(count) => {
                    tracing::warn!(
                        count,
                        reason = "worker_lost",
                        "found {count} sends that a lost worker began"
                    );
                    self.wake.notify_waiters();
                }
            }
            tokio::select! {
                () = self.clock.sleep(SWEEP_EVERY) => {}
                () = shutdown.cancelled() => return,
            }
        }
    }
}
