//! The rate limit: a token bucket per key on the stand-in's own clock.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::json;

use super::answer::Answer;
use super::lock;
use crate::clock::Instant;

/// How many requests a key may make.
#[derive(Debug, Clone, Copy)]
pub struct RateLimit {
    /// Size of the bucket and refill per second; `None` = no limit.
    pub per_second: Option<u32>,
    pub throttle: Throttle,
    /// Seconds in the header `Retry-After`; the real service sends none.
    pub retry_after: Option<u32>,
}

/// The status of a refused request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    Status503,
    Status429,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { per_second: Some(10), throttle: Throttle::Status503, retry_after: None }
    }
}

impl RateLimit {
    /// No limit, for tests whose clock stands still.
    pub fn off() -> Self {
        Self { per_second: None, ..Self::default() }
    }
}

pub(super) struct Limiter {
    limit: RateLimit,
    buckets: Mutex<HashMap<String, (f64, Instant)>>,
}

impl Limiter {
    pub fn new(limit: RateLimit) -> Self {
        Self { limit, buckets: Mutex::default() }
    }

    /// Takes a token; the refusal when there is none. `is_bot` decides the shape of the error body.
    pub fn admit(&self, key: &str, now: Instant, is_bot: bool) -> Result<(), Answer> {
        let Some(per_second) = self.limit.per_second.map(f64::from) else { return Ok(()) };
        let mut buckets = lock(&self.buckets);
        let (tokens, filled_at) = buckets.entry(key.to_owned()).or_insert((per_second, now));
        let passed_secs = (now - *filled_at).num_milliseconds().max(0) as f64 / 1000.0;
        *tokens = (*tokens + passed_secs * per_second).min(per_second);
        *filled_at = now;
        if *tokens >= 1.0 {
            *tokens -= 1.0;
            return Ok(());
        }
        let status = match self.limit.throttle {
            Throttle::Status503 => 503,
            Throttle::Status429 => 429,
        };
        let body = if is_bot {
            json!({"errors": ["Rate limit exceeded"]})
        } else {
            json!({"success": false, "errorMsg": "Rate limit exceeded"})
        };
        Err(Answer { retry_after: self.limit.retry_after, ..Answer::json(status, &body) })
    }
}
