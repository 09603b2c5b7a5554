//! Telegram's rate limits as far as they are known: one message a second to a chat with a short burst, twenty a minute
//! to a group or channel (edits included), thirty a second over all.

use std::collections::{HashMap, VecDeque};

use chrono::TimeDelta;

use super::error::ApiError;
use crate::clock::Instant;

/// What happens to a sender that is too fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flood {
    /// Nothing: no limits.
    Off,
    /// 429 at once, also for a short overrun. Stricter than Telegram.
    #[default]
    Strict,
    /// As Telegram does: an overrun of up to 8 seconds is waited out inside the server, a longer one gets 429.
    Absorb,
}

/// The longest overrun that [`Flood::Absorb`] waits out.
pub const ABSORBED_SECS: i64 = 8;
/// Messages that a rested chat takes at once.
const CHAT_BURST: usize = 3;
const CROWD_PER_MINUTE: usize = 20;
const BOT_PER_SECOND: usize = 30;

/// Counts what was let through.
#[derive(Debug, Default)]
pub(super) struct FloodMeter {
    mode: Flood,
    /// When the chat has rested from everything so far, one second per message.
    chat_rested_at: HashMap<i64, Instant>,
    /// The last minute of each group and channel.
    crowd: HashMap<i64, VecDeque<Instant>>,
    /// The last second of the bot.
    bot: VecDeque<Instant>,
    /// Until when each chat was told to stay silent.
    silenced_until: HashMap<i64, Instant>,
}

impl FloodMeter {
    pub fn new(mode: Flood) -> Self {
        Self { mode, ..Self::default() }
    }

    pub fn mode(&self) -> Flood {
        self.mode
    }

    pub fn set_mode(&mut self, mode: Flood) {
        self.mode = mode;
    }

    /// Counts one message or edit in.
    ///
    /// # Errors
    /// 429 with the whole seconds to wait, rounded up; nothing is counted then.
    pub fn admit(&mut self, chat: i64, is_crowd: bool, now: Instant) -> Result<(), ApiError> {
        if self.mode == Flood::Off {
            return Ok(());
        }
        let second = TimeDelta::seconds(1);
        let rested_at = self.chat_rested_at.get(&chat).copied().unwrap_or(now).max(now);
        let mut ready_at = rested_at - second * (CHAT_BURST as i32 - 1);
        ready_at = ready_at.max(next_place(&mut self.bot, second, BOT_PER_SECOND, now));
        if is_crowd {
            let minute = self.crowd.entry(chat).or_default();
            ready_at = ready_at.max(next_place(minute, TimeDelta::minutes(1), CROWD_PER_MINUTE, now));
        }
        if ready_at > now {
            let secs = ((ready_at - now).num_milliseconds() + 999) / 1000;
            return Err(ApiError::too_many(secs, ready_at));
        }
        self.chat_rested_at.insert(chat, rested_at + second);
        self.bot.push_back(now);
        if let Some(minute) = self.crowd.get_mut(&chat).filter(|_| is_crowd) {
            minute.push_back(now);
        }
        Ok(())
    }

    /// Remembers that `chat` was answered 429.
    pub fn silence(&mut self, chat: i64, until: Instant) {
        self.silenced_until.insert(chat, until);
    }

    /// Whether a request to `chat` comes before the end of a `retry_after`.
    pub fn is_early(&self, chat: i64, now: Instant) -> bool {
        self.silenced_until.get(&chat).is_some_and(|until| now < *until)
    }
}

/// When a sliding window has a place again.
fn next_place(window: &mut VecDeque<Instant>, span: TimeDelta, capacity: usize, now: Instant) -> Instant {
    while window.front().is_some_and(|at| *at + span <= now) {
        window.pop_front();
    }
    match window.len().checked_sub(capacity) {
        Some(over) => window[over] + span,
        None => now,
    }
}
