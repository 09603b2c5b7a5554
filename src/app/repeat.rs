//! Trying again what comes only once: a ping about a run, a note to ops past the outbox.

use std::time::Duration;

use crate::clock::SharedClock;
use crate::outbound::{Backoff, Jitter};

const BACKOFF: Backoff = Backoff { first: Duration::from_secs(2), cap: Duration::from_secs(15) };

/// Tries up to `tries` times with growing delays; the last failure.
pub async fn repeat<F: Future<Output = Result<(), String>> + Send>(
    clock: &SharedClock,
    jitter: &Jitter,
    tries: u32,
    attempt: impl Fn() -> F + Send + Sync,
) -> Result<(), String> {
    let mut number = 1;
    loop {
        match attempt().await {
            Err(_) if number < tries => {
                clock.sleep(BACKOFF.delay(number, jitter)).await;
                number += 1;
            }
            result => return result,
        }
    }
}
