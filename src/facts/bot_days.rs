//! One local day of the bot in rows: what is kept, so that no figure needs the events again.
//!
//! `measure` folds a day's events into a [`BotRollup`], `store` keeps it. What crosses days (the ordered funnel, the time to
//! the first cart) is told by values that can be put together day by day: [`Path`] and [`Progress`].

use chrono::NaiveDate;

use super::bot::{BotDay, BotStep};

/// Local days within which a user's steps belong to their entry; the day of the entry is the first.
pub const FUNNEL_DAYS: u8 = 14;

/// A day, whole: it replaces whatever was known of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BotRollup {
    pub day: BotDay,
    /// One per user who took a step of the funnel.
    pub users: Vec<UserDay>,
    /// One per user and source of a start.
    pub entries: Vec<DayEntry>,
    /// The last survey answer of each user who gave one: user and answer.
    pub surveys: Vec<(i64, String)>,
    pub labels: Vec<DayLabel>,
    pub queries: Vec<DayQuery>,
}

/// What one user did on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserDay {
    pub user_id: i64,
    pub steps: Steps,
    pub path: Path,
}

/// The starts of one user by one source on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayEntry {
    pub user_id: i64,
    /// `None` when the link said nothing.
    pub source: Option<String>,
    pub starts: u64,
    pub new_users: u64,
    /// The first of them was the user's first start of the day.
    pub is_first: bool,
    /// A cart followed the first of them on the same day.
    pub is_carted: bool,
}

/// Events of a day that share a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayLabel {
    pub kind: LabelKind,
    pub label: String,
    pub count: u64,
}

/// Which value of an event a [`DayLabel`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LabelKind {
    Scenario,
    ErrorType,
    UnknownType,
}

/// Searches of a day in one wording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayQuery {
    /// What its wordings have in common: word stems, case folded.
    pub key: String,
    /// As typed.
    pub query: String,
    pub searches: u64,
    /// Those of them that found nothing.
    pub empty: u64,
}

/// A set of funnel steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Steps(u8);

impl Steps {
    pub fn add(&mut self, step: BotStep) {
        self.0 |= 1 << step as u8;
    }

    pub fn has(self, step: BotStep) -> bool {
        self.0 & (1 << step as u8) != 0
    }

    /// As stored: a bit per step, the first one lowest.
    pub fn to_bits(self) -> i64 {
        i64::from(self.0)
    }

    pub fn from_bits(bits: i64) -> Self {
        Self((bits & 0x3f) as u8)
    }
}

/// Where a day's events lead a user in the ordered funnel, from every number of steps taken before.
///
/// Each step counts only after the one before it, so a day is a function of how far the user had come; functions of
/// successive days are applied one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path([u8; 6]);

/// All six steps taken.
const DONE: u8 = 6;

impl Default for Path {
    /// A day without events: everybody stays where they are.
    fn default() -> Self {
        Self([0, 1, 2, 3, 4, 5])
    }
}

impl Path {
    /// One more event of the day, in time order.
    pub fn then(&mut self, step: BotStep) {
        for taken in &mut self.0 {
            if *taken == step as u8 {
                *taken += 1;
            }
        }
    }

    /// How many steps are taken after the day, when `taken` were before it.
    pub fn leads(self, taken: u8) -> u8 {
        self.0.get(usize::from(taken)).copied().unwrap_or(DONE)
    }

    /// As stored: three bits per number of steps.
    pub fn to_bits(self) -> i64 {
        self.0.iter().rev().fold(0, |bits, taken| bits << 3 | i64::from(*taken))
    }

    pub fn from_bits(bits: i64) -> Self {
        Self(std::array::from_fn(|place| ((bits >> (3 * place) & 7) as u8).min(DONE)))
    }
}

/// How many days after an entry each step of the ordered funnel was reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress([Option<u8>; 6]);

/// Stands for «not reached» in the stored form.
const NOT_REACHED: i64 = 15;

impl Progress {
    /// Of an entry on `entry_on`, from the user's days in ascending order; days out of [`FUNNEL_DAYS`] are passed over.
    pub fn of(entry_on: NaiveDate, days: impl IntoIterator<Item = (NaiveDate, Path)>) -> Self {
        let mut progress = Self::default();
        for (day_on, path) in days {
            if let Some(offset) = offset(entry_on, day_on) {
                progress.then(offset, path);
            }
        }
        progress
    }

    /// One more day, `offset` days after the entry and after those before.
    pub fn then(&mut self, offset: u8, path: Path) {
        let taken = self.0.iter().flatten().count() as u8;
        for step in taken..path.leads(taken) {
            self.0[usize::from(step)] = Some(offset);
        }
    }

    /// Steps reached within the first `days` days.
    pub fn steps_within(self, days: i64) -> usize {
        self.0.iter().filter(|offset| offset.is_some_and(|offset| i64::from(offset) < days)).count()
    }

    /// As stored: four bits per step.
    pub fn to_bits(self) -> i64 {
        let offsets = self.0.iter().rev().map(|offset| offset.map_or(NOT_REACHED, i64::from));
        offsets.fold(0, |bits, offset| bits << 4 | offset)
    }

    pub fn from_bits(bits: i64) -> Self {
        Self(std::array::from_fn(|place| {
            let offset = bits >> (4 * place) & NOT_REACHED;
            (offset != NOT_REACHED).then_some(offset as u8)
        }))
    }
}

/// Days from an entry to a later day, as long as the day belongs to the entry.
pub fn offset(entry_on: NaiveDate, day_on: NaiveDate) -> Option<u8> {
    u8::try_from((day_on - entry_on).num_days()).ok().filter(|days| *days < FUNNEL_DAYS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use BotStep::{Cart, Search, Session, Start};
    use chrono::Days;

    fn path(steps: &[BotStep]) -> Path {
        let mut path = Path::default();
        steps.iter().for_each(|step| path.then(*step));
        path
    }

    #[test]
    fn a_step_counts_only_after_the_one_before_it() {
        let day = path(&[Search, Start, Session, Cart, Search]);
        assert_eq!(day.leads(0), 3, "start, session, and the second search");
        assert_eq!(day.leads(2), 4, "the first search, then the cart");
        assert_eq!(day.leads(5), 5);
        assert_eq!(day.leads(6), 6);
        assert_eq!(Path::from_bits(day.to_bits()), day);
        assert_eq!(path(&BotStep::ALL).leads(0), 6);
    }

    #[test]
    fn progress_remembers_the_day_of_each_step_and_ends_after_fourteen_days() {
        let entry_on: NaiveDate = "2026-03-01".parse().unwrap();
        let day = |offset| entry_on + Days::new(offset);
        let days = [(day(0), path(&[Start])), (day(13), path(&[Session])), (day(14), path(&[Search]))];
        let progress = Progress::of(entry_on, days);
        assert_eq!(
            (progress.steps_within(13), progress.steps_within(14), progress.steps_within(99)),
            (1, 2, 2)
        );
        assert_eq!(Progress::from_bits(progress.to_bits()), progress);
        assert_eq!(Progress::from_bits(Progress::default().to_bits()), Progress::default());
    }
}
