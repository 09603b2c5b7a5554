//! The bot's log: a JSON line per call of the model, among lines about other things.

use std::fmt::Write;

use chrono::{SecondsFormat, TimeDelta};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::clock::Instant;
use crate::sandbox::shop::chance::{between, chance};

/// Models with their invented prices per million tokens, as the configuration writes them.
pub const PRICES: &[(&str, &str)] = &[("GigaChat-2-Pro", "500"), ("GigaChat-2", "65")];

/// One call of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlmCall {
    pub user_id: i64,
    pub at: Instant,
    pub model: &'static str,
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
    pub precached_tokens: i64,
    pub duration_ms: i64,
}

/// The call for a message; later turns carry the talk so far, most of it cached.
pub(super) fn call(rng: &mut ChaCha8Rng, user_id: i64, at: Instant, turn: i64) -> LlmCall {
    let prompt_tokens = between(rng, 900, 1_500) + turn * between(rng, 180, 420);
    LlmCall {
        user_id,
        at,
        model: if chance(rng, 0.8) { PRICES[0].0 } else { PRICES[1].0 },
        prompt_tokens,
        completion_tokens: between(rng, 60, 420),
        precached_tokens: if turn > 0 { prompt_tokens * between(rng, 50, 85) / 100 } else { 0 },
        duration_ms: between(rng, 600, 6_500),
    }
}

impl LlmCall {
    /// What the provider charges for.
    pub fn billable_tokens(&self) -> i64 {
        self.prompt_tokens + self.completion_tokens - self.precached_tokens
    }
}

/// The lines of the log for these calls.
pub(super) fn lines(calls: &[LlmCall]) -> String {
    let mut log = String::new();
    for (number, call) in calls.iter().enumerate() {
        let ts = |at: Instant| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        if number % 5 == 0 {
            let other = json!({"ts": ts(call.at - TimeDelta::milliseconds(call.duration_ms)), "level": "info", "message": "update handled"});
            // Writing to a string cannot fail.
            let _ = writeln!(log, "{other}");
        }
        let line = json!({
            "ts": ts(call.at),
            "level": "info",
            "type": "llm_usage",
            "user_id": call.user_id,
            "model": call.model,
            "prompt_tokens": call.prompt_tokens,
            "completion_tokens": call.completion_tokens,
            "precached_tokens": call.precached_tokens,
            "billable_tokens": call.billable_tokens(),
            "ms": call.duration_ms,
        });
        let _ = writeln!(log, "{line}");
    }
    log
}
