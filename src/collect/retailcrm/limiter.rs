//! One request at a time, evenly spaced, on the injected clock.
//!
//! Evenly and not in bursts: RetailCRM counts 10 requests in any second, and a bucket that may be emptied at once
//! would allow twice its rate around a border.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::clock::{Instant, SharedClock};

/// Spaces the requests to one host.
pub(super) struct Limiter {
    gate: RateLimiter<NotKeyed, InMemoryState, Elapsed, NoOpMiddleware<Duration>>,
    elapsed: Elapsed,
    clock: SharedClock,
}

impl Limiter {
    /// At most `per_second` requests a second, the first at once. Zero counts as one.
    pub fn new(per_second: u32, clock: SharedClock) -> Self {
        let rate = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(rate).allow_burst(NonZeroU32::MIN);
        let elapsed = Elapsed::since(clock.clone());
        Self { gate: RateLimiter::direct_with_clock(quota, elapsed.clone()), elapsed, clock }
    }

    /// Returns when the next request may go out.
    pub async fn acquire(&self) {
        while let Err(not_yet) = self.gate.check() {
            let rest = not_yet.wait_time_from(governor::clock::Clock::now(&self.elapsed));
            self.clock.sleep(TimeDelta::from_std(rest).unwrap_or_default()).await;
        }
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").finish_non_exhaustive()
    }
}

/// Time passed on a clock that may be set back: a step back counts as no time, so that it cannot hold the gate shut
/// until the clock has caught up.
#[derive(Clone)]
struct Elapsed {
    clock: SharedClock,
    last: Arc<Mutex<(Instant, Duration)>>,
}

impl Elapsed {
    fn since(clock: SharedClock) -> Self {
        let last = Arc::new(Mutex::new((clock.now(), Duration::ZERO)));
        Self { clock, last }
    }
}

impl governor::clock::Clock for Elapsed {
    type Instant = Duration;

    fn now(&self) -> Duration {
        let now = self.clock.now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = (now - last.0).to_std().unwrap_or_default();
        *last = (now, last.1 + passed);
        last.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    /// Whether a request would have to wait.
    fn is_shut(limiter: &Limiter) -> bool {
        limiter.gate.check().is_err()
    }

    #[test]
    fn the_gate_opens_evenly_and_a_clock_set_back_does_not_hold_it_shut() {
        let clock = ManualClock::new(chrono::DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let limiter = Limiter::new(8, Arc::new(clock.clone()));
        assert!(!is_shut(&limiter) && is_shut(&limiter));
        clock.advance(TimeDelta::milliseconds(124));
        assert!(is_shut(&limiter));
        clock.advance(TimeDelta::milliseconds(1));
        assert!(!is_shut(&limiter) && is_shut(&limiter));
        clock.advance(TimeDelta::hours(-3));
        assert!(is_shut(&limiter));
        clock.advance(TimeDelta::milliseconds(125));
        assert!(!is_shut(&limiter), "three hours back are no reason to wait three hours");
        clock.advance(TimeDelta::hours(5));
        assert!(!is_shut(&limiter) && is_shut(&limiter), "idle time is not saved up");
    }
}
