//! The one message that cannot go through the outbox: that the outbox is away.
//!
//! When the database does not answer or its disk is full, ops hear of it directly, once, and once more when it is back. The
//! state lives in this process: with several workers each tells for itself, and a restart may tell again.

use chrono::TimeDelta;

use crate::alert::Trouble;
use crate::clock::{Instant, SharedClock};
use crate::deliver::ChatTarget;
use crate::deliver::telegram::{TelegramClient, Text};
use crate::render::notices::{Incident, Life, Speech};
use crate::settings::{DeliveryMode, Settings};
use crate::store::StoreError;

/// A database away for less than this is nobody's business: restarts and fail-overs take that long.
const TELL_AFTER: TimeDelta = TimeDelta::seconds(45);

/// Tells ops about the store, past the store.
pub struct StoreWatch {
    pub(super) clock: SharedClock,
    client: Option<TelegramClient>,
    target: Option<ChatTarget>,
    speech: Speech,
    down: Option<Down>,
}

/// An outage under way.
struct Down {
    since: Instant,
    reason: &'static str,
    is_told: bool,
}

impl StoreWatch {
    /// A watch that tells the ops chat; silent when nothing is sent to Telegram.
    pub(super) fn new(settings: &Settings, speech: Speech, clock: SharedClock) -> Self {
        let client = (settings.delivery == DeliveryMode::Telegram)
            .then(|| super::telegram_config(settings).ok())
            .flatten()
            .and_then(|config| TelegramClient::new(config).ok());
        let target = settings.chats.get(&settings.ops_chat).cloned();
        Self { clock, client, target, speech, down: None }
    }

    /// Takes in how the last look at the store went.
    pub async fn note(&mut self, looked: &Result<(), StoreError>) {
        let now = self.clock.now();
        match looked {
            Ok(()) => {
                if let Some(down) = self.down.take().filter(|down| down.is_told) {
                    self.tell(&down, true).await;
                }
            }
            Err(error) => {
                let reason = error.reason();
                let mut down = self.down.take().unwrap_or(Down { since: now, reason, is_told: false });
                down.reason = reason;
                if !down.is_told && now - down.since >= TELL_AFTER {
                    down.is_told = self.tell(&down, false).await;
                }
                self.down = Some(down);
            }
        }
    }

    /// Whether the message certainly or possibly went out: a doubtful one is not said twice.
    async fn tell(&self, down: &Down, is_over: bool) -> bool {
        let (Some(client), Some(target)) = (&self.client, &self.target) else { return true };
        let trouble = Trouble::StoreTrouble { reason: down.reason.to_owned() };
        // No row can number it. The minute it began is the same number at its end.
        let id = -(down.since.timestamp() / 60);
        let incident =
            Incident { id, trouble: &trouble, opened_at: down.since, is_over, life: Life::default() };
        let now = self.clock.now();
        let part =
            if is_over { self.speech.resolved(&incident, now) } else { self.speech.opened(&incident, now) };
        let body = match part {
            Ok(part) => part.html,
            Err(error) => {
                tracing::error!(reason = "notice_faulty", "a notice could not be written: {error}");
                return true;
            }
        };
        let text = Text {
            body,
            is_html: true,
            topic: target.topic,
            is_silent: false,
            keyboard: None,
            reply_to: None,
        };
        match client.send_message(&target.id, &text).await {
            Ok(answer) if (200..300).contains(&answer.status) => true,
            Ok(answer) => {
                tracing::error!(
                    reason = "ops_not_told",
                    "ops could not be told of the store: HTTP {}",
                    answer.status
                );
                false
            }
            Err(crate::deliver::telegram::NoAnswer::NotSent(_)) => false,
            Err(_) => true,
        }
    }
}
