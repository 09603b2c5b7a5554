//! Time for code that waits on a [`ManualClock`].

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use chrono::TimeDelta;
use svodka::clock::ManualClock;

/// How far time moves between two looks at the future.
const STEP: TimeDelta = TimeDelta::milliseconds(5);
/// How long real IO is given before the next look; no test depends on it being long enough.
const BREATH: Duration = Duration::from_millis(1);

/// Runs `future` to its end. Time passes on `clock` only while somebody sleeps on it: waiting for the network takes none,
/// a backoff of half a minute takes a few real milliseconds.
pub async fn drive<F: Future>(clock: &ManualClock, future: F) -> F::Output {
    let output = drive_while(clock, || true, future).await;
    output.expect("a drive without a stop runs to the end")
}

/// The same, but drops the future, as a crash would, as soon as `goes_on` says no. `None` then.
pub async fn drive_while<F: Future>(
    clock: &ManualClock,
    mut goes_on: impl FnMut() -> bool,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    while goes_on() {
        if let Poll::Ready(output) = futures::poll!(&mut future) {
            return Some(output);
        }
        if clock.has_sleepers() {
            clock.advance(STEP);
            tokio::task::yield_now().await;
        } else if let Ok(output) = tokio::time::timeout(BREATH, &mut future).await {
            return Some(output);
        }
    }
    None
}
