//! One GET of one of the two APIs, until it gave JSON or cannot be helped.
//!
//! Only reads, so repeating is safe. The keys travel in headers: a query string ends up in the logs of every proxy.
//! What an answer means is decided in [`super::failure`]; here it is only waited for.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::TimeDelta;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;

use super::failure::{self, Failure, Side};
use super::limiter::Limiter;
use crate::clock::SharedClock;
use crate::collect::CollectError;
use crate::outbound::{Backoff, Jitter};

/// No answer we ask for is near this; a bigger one is not ours and would only fill the memory.
const BODY_CAP: usize = 64 << 20;
/// A body that is not JSON is asked for this often in all: a broken proxy does not heal by patience.
const TRIES_OF_UNREADABLE: u32 = 3;
/// Longest wait a `Retry-After` may ask of us.
const RETRY_AFTER_CAP: TimeDelta = TimeDelta::minutes(2);

/// Query parameters; a name may repeat.
pub(super) type Query = Vec<(&'static str, String)>;

/// Who asks, and how patiently.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker {
    pub source: &'static str,
    /// Attempts in all, at least one.
    pub attempts: u32,
}

/// One host with its key, its limiter and its retries.
#[derive(Debug)]
pub(super) struct Api {
    pub side: Side,
    pub base: Url,
    pub header: (HeaderName, HeaderValue),
    pub client: reqwest::Client,
    pub limiter: Limiter,
    pub clock: SharedClock,
    pub jitter: Jitter,
    pub backoff: Backoff,
    /// Records to ask for at once, where the API leaves the choice.
    pub batch: usize,
    pub requests: AtomicU64,
}

impl Api {
    /// Asks until the answer is JSON that the API calls a success, the failure is permanent, or the attempts are used up.
    pub async fn get(&self, asker: Asker, path: &str, query: &Query) -> Result<Value, CollectError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            self.limiter.acquire().await;
            self.requests.fetch_add(1, Ordering::Relaxed);
            let answer = self.attempt(path, query).await;
            let outcome = answer.as_ref().map_or_else(|failure| failure.reason, |_| "ok");
            metrics::counter!("svodka_source_requests_total", "source" => asker.source, "outcome" => outcome)
                .increment(1);
            let failure = match answer {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let attempts =
                if failure.reason == "not_json" { TRIES_OF_UNREADABLE } else { u32::MAX }.min(asker.attempts);
            if failure.is_permanent || attempt >= attempts {
                return Err(failure.into_error(asker.source));
            }
            let asked = failure.retry_after.unwrap_or_default().min(RETRY_AFTER_CAP);
            let pause = self.backoff.delay(attempt, &self.jitter).max(asked);
            tracing::debug!(
                source.name = asker.source,
                reason = failure.reason,
                attempt,
                "request to be repeated"
            );
            self.clock.sleep(pause).await;
        }
    }

    async fn attempt(&self, path: &str, query: &Query) -> Result<Value, Failure> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        let (name, key) = self.header.clone();
        let request = self.client.get(url).query(query).header(name, key);
        let mut response =
            request.send().await.map_err(|error| failure::of_transport(self.side, path, &error))?;
        let status = response.status();
        let retry_after = failure::retry_after(response.headers(), self.clock.now());
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= BODY_CAP => body.extend_from_slice(&chunk),
                Ok(Some(_)) => return Err(failure::of_size(self.side, path, BODY_CAP)),
                Ok(None) => break,
                // The status of an error says enough without its whole body.
                Err(_) if !status.is_success() => break,
                Err(error) => return Err(failure::of_body(self.side, path, &error)),
            }
        }
        failure::judge(self.side, path, status, retry_after, &body)
    }
}
