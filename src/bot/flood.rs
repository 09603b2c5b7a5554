//! How often one person may ask. Kept in memory: one worker listens, and a new one starts with a clean slate.

use std::collections::HashMap;

use chrono::TimeDelta;

use crate::clock::Instant;

const WINDOW: TimeDelta = TimeDelta::minutes(1);
/// Above this many people the book is cleared of those who were silent for a window.
const MANY: usize = 1_000;

/// What to do with a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Answer,
    /// Too many: say so, once.
    Warn,
    /// Too many, and they know.
    Ignore,
}

#[derive(Debug, Default)]
struct Asker {
    asked_at: Vec<Instant>,
    is_warned: bool,
}

/// Who asked when.
#[derive(Debug)]
pub struct Flood {
    per_minute: usize,
    askers: HashMap<i64, Asker>,
}

impl Flood {
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute: per_minute as usize, askers: HashMap::new() }
    }

    /// Notes a question of `who` (a person, or a chat that asks as itself). What is not answered does not count, so that
    /// waiting a minute always helps.
    pub fn ask(&mut self, who: i64, now: Instant) -> Verdict {
        if self.askers.len() > MANY {
            self.askers.retain(|_, asker| asker.asked_at.last().is_some_and(|at| now - *at < WINDOW));
        }
        let asker = self.askers.entry(who).or_default();
        asker.asked_at.retain(|at| now - *at < WINDOW);
        if asker.asked_at.len() < self.per_minute {
            asker.asked_at.push(now);
            asker.is_warned = false;
            return Verdict::Answer;
        }
        if std::mem::replace(&mut asker.is_warned, true) { Verdict::Ignore } else { Verdict::Warn }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_questions_are_told_once_and_a_minute_later_all_is_well() {
        let (mut flood, start) = (Flood::new(2), Instant::UNIX_EPOCH);
        let at = |secs| start + TimeDelta::seconds(secs);
        let verdicts: Vec<_> = (0..5).map(|secs| flood.ask(1, at(secs))).collect();
        use Verdict::{Answer, Ignore, Warn};
        assert_eq!(verdicts, [Answer, Answer, Warn, Ignore, Ignore]);
        assert_eq!(flood.ask(2, at(5)), Answer, "others are not to blame");
        assert_eq!(flood.ask(1, at(60)), Answer);
        assert_eq!(flood.ask(1, at(60)), Warn, "the second place is free a second later");
    }
}
