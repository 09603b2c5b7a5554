//! Time as a dependency.
//!
//! Everything that asks "what time is it" or waits takes a [`Clock`], so that a test can live through a
//! daylight-saving change in a millisecond. `clippy.toml` forbids the shortcuts; the only call to the system
//! time stands in [`SystemClock`].

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use tokio::sync::watch;

/// A moment in UTC, cut to microseconds: what both databases can hold without loss.
pub type Instant = DateTime<Utc>;

/// The clock that is handed to every part that needs one.
pub type SharedClock = Arc<dyn Clock>;

/// Source of "now" and the only way to wait.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync {
    /// The present moment, cut to microseconds.
    fn now(&self) -> Instant;

    /// Returns once `now() >= at`; at once when `at` is already past.
    async fn sleep_until(&self, at: Instant);

    /// Waits for `delay` from now. A negative delay returns at once.
    async fn sleep(&self, delay: TimeDelta) {
        self.sleep_until(self.now() + delay).await;
    }
}

/// Cuts an instant to microseconds, the precision of PostgreSQL's `timestamptz`.
pub fn to_micros(at: Instant) -> Instant {
    at.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(at)
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    fn now(&self) -> Instant {
        to_micros(Utc::now())
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
    async fn sleep_until(&self, at: Instant) {
        // Short naps, not one long sleep: tokio sleeps on the monotonic clock, which stands still while the
        // machine is suspended and does not follow a corrected wall clock.
        const LONGEST_NAP: std::time::Duration = std::time::Duration::from_secs(5);
        while let Ok(rest) = (at - self.now()).to_std() {
            if rest.is_zero() {
                return;
            }
            tokio::time::sleep(rest.min(LONGEST_NAP)).await;
        }
    }
}

/// A clock that moves only when told to. Clones share the same time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now: Arc<watch::Sender<Instant>>,
}

impl ManualClock {
    /// A clock standing at `now`.
    pub fn new(now: Instant) -> Self {
        Self { now: Arc::new(watch::Sender::new(to_micros(now))) }
    }

    /// Moves the clock and wakes every sleeper whose time has come. A negative step moves it back.
    pub fn advance(&self, step: TimeDelta) {
        self.now.send_modify(|now| *now += step);
    }

    /// Whether somebody waits for this clock to move; a test that moves it on demand has to know.
    pub fn has_sleepers(&self) -> bool {
        self.now.receiver_count() > 0
    }

    /// Puts the clock at `at`, forward or back.
    pub fn set(&self, at: Instant) {
        self.now.send_modify(|now| *now = to_micros(at));
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Instant {
        *self.now.borrow()
    }

    async fn sleep_until(&self, at: Instant) {
        let mut now = self.now.subscribe();
        // The sender lives in `self`, so waiting cannot fail; if it ever did, returning is the safe answer.
        let _ = now.wait_for(|now| *now >= at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_manual_clock_reaches_its_time_and_not_before() {
        let clock = ManualClock::new(DateTime::UNIX_EPOCH);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(TimeDelta::seconds(10)).await }
        });
        tokio::task::yield_now().await;
        clock.advance(TimeDelta::seconds(9));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(TimeDelta::seconds(1));
        sleeper.await.unwrap();
    }
}
