//! Values with their differences: «42 (+12 % / +5 %)».
//!
//! Two comparisons, the day before and the same weekday as it usually is. A block says once in its heading what the
//! two numbers are; a line with only one of them names it.

use chrono::{Days, Weekday};

use super::format;
use crate::measure::digest::{DailyDigest, Ratio, WeekdayMean};

/// A baseline of fewer days is chance, not custom.
const LEAST_WEEKDAYS: u64 = 2;
/// Percentage points over fewer items are noise.
const LEAST_WHOLE: u64 = 20;

/// The names of the two baselines of one digest.
#[derive(Debug)]
pub(super) struct Baselines {
    previous: Weekday,
    weekday: Weekday,
}

/// Differences of one value, put into words but not yet into a line.
#[derive(Debug, Clone, Default)]
pub(super) struct Change {
    pub previous: Option<String>,
    pub usual: Option<String>,
}

impl Change {
    /// Both, each where its base is known.
    pub fn of<T: Copy>(
        current: T,
        previous: Option<T>,
        usual: Option<T>,
        words: impl Fn(T, T) -> Option<String>,
    ) -> Self {
        let words = |base: Option<T>| base.and_then(|base| words(current, base));
        Self { previous: words(previous), usual: words(usual) }
    }

    pub fn is_double(&self) -> bool {
        self.previous.is_some() && self.usual.is_some()
    }
}

impl Baselines {
    pub fn of(digest: &DailyDigest) -> Self {
        use chrono::Datelike;
        let before = digest.day_on.checked_sub_days(Days::new(1)).unwrap_or(digest.day_on);
        Self { previous: before.weekday(), weekday: digest.day_on.weekday() }
    }

    /// ` (+12 % / +5 %)`, ` (к среде: +12 %)` or nothing.
    pub fn suffix(&self, change: &Change) -> String {
        match (&change.previous, &change.usual) {
            (Some(previous), Some(usual)) => format!(" ({previous} / {usual})"),
            (Some(previous), None) => format!(" (к {}: {previous})", format::weekday_dative(self.previous)),
            (None, Some(usual)) => format!(" (к {}: {usual})", format::usual_weekday_dative(self.weekday)),
            (None, None) => String::new(),
        }
    }

    /// What the two numbers in a line are.
    pub fn legend(&self) -> String {
        let previous = format::weekday_dative(self.previous);
        format!("в скобках — к {previous} / к {}", format::usual_weekday_dative(self.weekday))
    }

    /// `четверга`, after «для».
    pub fn weekday_genitive(&self) -> &'static str {
        format::weekday_genitive(self.weekday)
    }
}

/// The value of the weekday baseline, when enough days took part in it.
pub(super) fn usual<T>(weekday: &WeekdayMean, value: Option<T>) -> Option<T> {
    value.filter(|_| weekday.days >= LEAST_WEEKDAYS)
}

/// Difference in per cent. Nothing against nothing is not worth a word.
pub(super) fn relative(current: f64, base: f64) -> Option<String> {
    (current != 0.0 || base != 0.0).then(|| format::relative(current, base))
}

/// Differences of a share: only where both sides are large enough for percentage points.
pub(super) fn points(current: Ratio, previous: Option<Ratio>, usual: Option<f64>) -> Change {
    if current.whole < LEAST_WHOLE {
        return Change::default();
    }
    let previous = previous.filter(|ratio| ratio.whole >= LEAST_WHOLE).map(Ratio::value);
    Change::of(current.value(), previous, usual, |current, base| Some(format::points(current, base)))
}
