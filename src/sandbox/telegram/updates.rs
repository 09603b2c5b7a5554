//! The queue that `getUpdates` reads.

use std::collections::VecDeque;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::clock::Instant;

/// Telegram forgets updates that nobody fetched for a day.
const KEPT_HOURS: i64 = 24;

#[derive(Debug)]
struct Update {
    id: i64,
    at: Instant,
    body: Value,
}

/// Updates in the order they happened.
#[derive(Debug)]
pub(super) struct Updates {
    queue: VecDeque<Update>,
    next_id: i64,
    /// Kinds the bot asked for; `None` = the default set, which is all the sandbox makes.
    allowed: Option<Vec<String>>,
    /// Address of a webhook; while it is set nobody may poll.
    pub webhook: Option<String>,
    /// Number of the poll that holds the line; an older one is sent away.
    pub poll: u64,
    /// Offset and time of the last poll.
    last_poll: Option<(i64, Instant)>,
}

impl Default for Updates {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            // Real ids start at a random place; a bot must not expect 1.
            next_id: 730_000_001,
            allowed: None,
            webhook: None,
            poll: 0,
            last_poll: None,
        }
    }
}

impl Updates {
    /// Queues an update of a kind, unless the bot does not want it.
    pub fn push(&mut self, kind: &str, body: Value, now: Instant) {
        if self.allowed.as_ref().is_some_and(|allowed| !allowed.iter().any(|wanted| wanted == kind)) {
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.queue.push_back(Update { id, at: now, body: json!({"update_id": id, kind: body}) });
    }

    /// Takes over `allowed_updates`; an empty list means the default set.
    pub fn allow(&mut self, kinds: &Value) {
        if let Some(kinds) = kinds.as_array() {
            let kinds: Vec<String> = kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            self.allowed = (!kinds.is_empty()).then_some(kinds);
        }
    }

    /// Seconds since a poll with the same offset, if that was the last one; notes this one.
    pub fn note_poll(&mut self, offset: i64, now: Instant) -> Option<TimeDelta> {
        let before = self.last_poll.replace((offset, now));
        before.filter(|(last, _)| *last == offset).map(|(_, at)| now - at)
    }

    /// Confirms everything below `offset` (negative: all but the last few) and shows what is left.
    pub fn read(&mut self, offset: i64, limit: usize, now: Instant) -> Vec<Value> {
        let fresh = now - TimeDelta::hours(KEPT_HOURS);
        self.queue.retain(|update| update.at > fresh && (offset <= 0 || update.id >= offset));
        if offset < 0 {
            let last = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            self.queue.drain(..self.queue.len().saturating_sub(last));
        }
        self.queue.iter().take(limit).map(|update| update.body.clone()).collect()
    }

    pub fn count(&self) -> usize {
        self.queue.len()
    }

    pub fn clear(&mut self) {
        self.queue.clear();
    }
}
