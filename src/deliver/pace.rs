//! Telegram's limits, kept by us. Pure: start moments in, "not before" out.
//!
//! The moments come from the store, whoever sent, and "not before" goes back into it, so several workers keep one
//! budget. Where a request arrives later than it was started, a margin covers the difference.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use crate::clock::Instant;

/// How fast we may send. Edits count like sends.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Between two sends to one chat.
    pub chat_gap: TimeDelta,
    /// Sends per minute to one group or channel; Telegram takes 20, edits by hand and probes need some.
    pub group_per_minute: usize,
    /// Sends per second to all chats together; Telegram takes about 30.
    pub overall_per_second: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { chat_gap: TimeDelta::milliseconds(1050), group_per_minute: 15, overall_per_second: 20 }
    }
}

/// How far back the moments must reach.
pub const WINDOW: TimeDelta = TimeDelta::seconds(62);

impl Limits {
    /// When the next send to anybody may start; `None` = at once. `starts` in any order.
    pub fn overall_free_at(&self, starts: &[Instant], now: Instant) -> Option<Instant> {
        free_at(starts, self.overall_per_second, TimeDelta::milliseconds(1200)).filter(|at| *at > now)
    }

    /// When the next send to a chat may start, after one that ended at `now`. `starts` are the chat's, that one included.
    pub fn chat_free_at(&self, starts: &[Instant], is_group: bool, now: Instant) -> Instant {
        let after_gap = now + self.chat_gap;
        let minute =
            if is_group { free_at(starts, self.group_per_minute, TimeDelta::seconds(61)) } else { None };
        minute.map_or(after_gap, |at| at.max(after_gap))
    }
}

/// When fewer than `most` of the starts lie within `window`; `None` when that is so already, whatever the time.
fn free_at(starts: &[Instant], most: usize, window: TimeDelta) -> Option<Instant> {
    let mut starts = starts.to_vec();
    starts.sort_unstable_by(|a, b| b.cmp(a));
    starts.get(most.max(1) - 1).map(|oldest| *oldest + window)
}

/// Notices when Telegram slows down more than one chat at once: then the limit hit is the bot's.
#[derive(Debug, Default)]
pub struct FloodWatch(Vec<(Instant, String)>);

impl FloodWatch {
    /// Notes a 429 for a chat. `true` when another chat had one within 10 s.
    pub fn note(&mut self, chat: &str, now: Instant) -> bool {
        self.0.retain(|(at, _)| now - *at <= TimeDelta::seconds(10));
        self.0.push((now, chat.to_owned()));
        self.0.iter().map(|(_, chat)| chat).collect::<BTreeSet<_>>().len() > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Instant {
        Instant::UNIX_EPOCH + TimeDelta::milliseconds(millis)
    }

    #[test]
    fn a_group_waits_out_the_minute_after_its_fifteenth_send_and_a_private_chat_does_not() {
        let limits = Limits::default();
        let starts: Vec<_> = (0..15).map(|n| at(n * 1100)).collect();
        let now = at(15_500);
        assert_eq!(limits.chat_free_at(&starts, true, now), at(61_000));
        assert_eq!(limits.chat_free_at(&starts, false, now), at(16_550));
        assert_eq!(limits.chat_free_at(&starts[1..], true, now), at(16_550));
    }

    #[test]
    fn the_twenty_first_send_of_a_second_waits() {
        let limits = Limits::default();
        let starts: Vec<_> = (0..20).map(|n| at(n * 10)).collect();
        assert_eq!(limits.overall_free_at(&starts, at(300)), Some(at(1200)));
        assert_eq!(limits.overall_free_at(&starts, at(1200)), None);
        assert_eq!(limits.overall_free_at(&starts[..19], at(300)), None);
    }

    #[test]
    fn two_chats_slowed_down_within_ten_seconds_are_a_flood_and_one_chat_twice_is_not() {
        let mut watch = FloodWatch::default();
        assert!(!watch.note("managers", at(0)));
        assert!(!watch.note("managers", at(5_000)));
        assert!(watch.note("ops", at(9_000)));
        assert!(!watch.note("ops", at(30_000)));
    }
}
