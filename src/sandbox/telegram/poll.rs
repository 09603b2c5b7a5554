//! `getUpdates`: the only method that waits.

use chrono::TimeDelta;
use serde_json::Value;

use super::args::Args;
use super::error::ApiError;
use super::methods::Done;
use super::server::Server;

const WEBHOOK_IS_SET: &str =
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
const OTHER_POLL: &str =
    "terminated by other getUpdates request; make sure that only one bot instance is running";
/// The longest wait a client may ask for, seconds.
const LONGEST_POLL_SECS: i64 = 50;
/// Asking again for the same updates sooner than this is slowed down.
const STRETCH_SECS: i64 = 3;
const LIMIT: usize = 100;

/// Returns updates as soon as there are some, or none when `timeout` is over on the sandbox's clock. A newer poll sends
/// an older one away with 409.
pub(super) async fn get_updates(server: &Server, args: &Args) -> Result<Done, ApiError> {
    let now = server.clock.now();
    let offset = args.integer("offset").unwrap_or(0);
    let mut limit = args.integer("limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LIMIT);
    if !(1..=LIMIT).contains(&limit) {
        limit = LIMIT;
    }
    let mut wait = TimeDelta::seconds(args.integer("timeout").unwrap_or(0).clamp(0, LONGEST_POLL_SECS));
    let poll = server.change(|state| {
        let updates = &mut state.model.updates;
        if updates.webhook.is_some() {
            return Err(ApiError::conflict(WEBHOOK_IS_SET));
        }
        if let Some(kinds) = args.json("allowed_updates") {
            updates.allow(&kinds);
        }
        if let Some(since) = updates.note_poll(offset, now).filter(|_| server.stretch_polls) {
            if since < TimeDelta::milliseconds(500) {
                limit = 1;
            }
            if since < TimeDelta::seconds(STRETCH_SECS) {
                wait = wait.max(TimeDelta::seconds(STRETCH_SECS));
            }
        }
        updates.poll += 1;
        Ok(updates.poll)
    })?;
    let until = now + wait;
    // A negative offset drops updates once; afterwards the poll waits for whatever comes.
    let mut cursor = offset;
    let mut changes = server.changes();
    loop {
        {
            let mut state = server.state();
            let is_closing = state.is_closing;
            let updates = &mut state.model.updates;
            if updates.poll != poll {
                return Err(ApiError::conflict(OTHER_POLL));
            }
            let ready = updates.read(cursor, limit, server.clock.now());
            cursor = cursor.max(0);
            if !ready.is_empty() || server.clock.now() >= until || is_closing {
                return Ok(Done { result: Value::Array(ready), message_id: None });
            }
        }
        tokio::select! {
            () = server.clock.sleep_until(until) => {}
            _ = changes.changed() => {}
        }
    }
}
