//! Days that differ from what is usual for their weekday, told once.
//!
//! Robust: the median and the median absolute deviation of the same weekday over eight weeks, so that one sale day does
//! not make the next weeks look poor. It explains nothing and foresees nothing.

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::facts::bot::BotDay;
use crate::measure::percentile::median;

/// Weeks of the same weekday.
const WEEKS: u64 = 8;
/// Fewer known weekdays are chance, not custom.
const LEAST_WEEKS: usize = 5;
/// Days in a row that are one piece of news.
const LONGEST_STREAK: u64 = 7;
/// Days before the period that the news need.
pub const HISTORY_DAYS: u64 = 7 * WEEKS + LONGEST_STREAK;
/// From here on a value is unusual.
const LEAST_Z: f64 = 3.5;
/// Makes the median absolute deviation comparable with a standard deviation.
const MAD_SCALE: f64 = 1.4826;
/// Counts differ by their own chance; below this difference nobody should be woken.
const LEAST_DIFFERENCE: f64 = 5.0;
/// The least spread of a sum, relative to the usual one: sums have no natural unit of chance.
const LEAST_SUM_SPREAD: f64 = 0.1;
/// A repeat is news only when it is this much worse.
const WORSE: f64 = 1.25;

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watched {
    Dau,
    NewUsers,
    Searches,
    Carts,
    Gmv,
    Errors,
}

impl Watched {
    pub const ALL: [Self; 6] =
        [Self::Errors, Self::Carts, Self::NewUsers, Self::Dau, Self::Searches, Self::Gmv];

    fn of(self, day: &BotDay) -> f64 {
        match self {
            Self::Dau => day.dau as f64,
            Self::NewUsers => day.new_users as f64,
            Self::Searches => day.searches as f64,
            Self::Carts => day.carts_created as f64,
            Self::Gmv => day.gmv.0 as f64,
            Self::Errors => day.errors as f64,
        }
    }

    /// Whether a rise is good; of errors a fall is.
    pub fn is_more_better(self) -> bool {
        self != Self::Errors
    }

    /// The least spread at this usual value.
    fn least_spread(self, usual: f64) -> f64 {
        match self {
            Self::Gmv => usual * LEAST_SUM_SPREAD,
            // A count of independent events varies by its root.
            _ => usual.max(1.0).sqrt(),
        }
    }
}

/// One unusual value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct News {
    pub measure: Watched,
    pub day_on: NaiveDate,
    /// Count, or minor units of `gmv`.
    pub value: f64,
    /// Median of the weekday.
    pub usual: f64,
    /// Robust z: how many usual deviations away, with the sign of the difference.
    pub z: f64,
}

impl News {
    /// Whether the shop would rather not have it.
    pub fn is_bad(&self) -> bool {
        (self.z > 0.0) != self.measure.is_more_better()
    }
}

/// What is unusual about the day and was not so, in the same direction and as much, the day before. `days` holds the
/// days known completely, in any order; a day that is not among them gives nothing. The most unusual first.
pub fn news(days: &[BotDay], day_on: NaiveDate) -> Vec<News> {
    let mut found: Vec<News> =
        Watched::ALL.into_iter().filter_map(|measure| fresh(days, measure, day_on)).collect();
    // Carts carry their sum along: one of the two is enough.
    let has_carts = |up| found.iter().any(|one| one.measure == Watched::Carts && (one.z > 0.0) == up);
    let (up, down) = (has_carts(true), has_carts(false));
    found.retain(|one| one.measure != Watched::Gmv || !(if one.z > 0.0 { up } else { down }));
    found.sort_by(|a, b| b.z.abs().total_cmp(&a.z.abs()));
    found
}

fn fresh(days: &[BotDay], measure: Watched, day_on: NaiveDate) -> Option<News> {
    let today = unusual(days, measure, day_on)?;
    let worst_before = (1..=LONGEST_STREAK)
        .map_while(|back| unusual(days, measure, day_on.checked_sub_days(Days::new(back))?))
        .take_while(|before| (before.z > 0.0) == (today.z > 0.0))
        .map(|before| before.z.abs())
        .max_by(f64::total_cmp);
    let is_news = worst_before.is_none_or(|worst| today.z.abs() >= worst * WORSE);
    is_news.then_some(today)
}

/// The value of the day against its weekday; `None` when usual, or when too little is known to say.
fn unusual(days: &[BotDay], measure: Watched, day_on: NaiveDate) -> Option<News> {
    let at = |on| days.iter().find(|day| day.day_on == on).map(|day| measure.of(day));
    let value = at(day_on)?;
    let weekdays: Vec<f64> =
        (1..=WEEKS).filter_map(|back| at(day_on.checked_sub_days(Days::new(7 * back))?)).collect();
    if weekdays.len() < LEAST_WEEKS {
        return None;
    }
    let usual = median(&weekdays)?;
    let deviations: Vec<f64> = weekdays.iter().map(|one| (one - usual).abs()).collect();
    let spread = (median(&deviations)? * MAD_SCALE).max(measure.least_spread(usual));
    let difference = value - usual;
    let is_large = measure == Watched::Gmv || difference.abs() >= LEAST_DIFFERENCE;
    // Nothing to divide by: a first cart after weeks without any is told by its count.
    if spread <= 0.0 || !is_large {
        return None;
    }
    let z = difference / spread;
    (z.abs() >= LEAST_Z).then_some(News { measure, day_on, value, usual, z })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Money;

    fn on(back: u64) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 8, 20).unwrap() - Days::new(back)
    }

    /// Days back from today, with so many carts each.
    fn days(carts: impl Fn(u64) -> u64, count: u64) -> Vec<BotDay> {
        (0..count)
            .map(|back| BotDay { day_on: on(back), carts_created: carts(back), ..BotDay::default() })
            .collect()
    }

    #[test]
    fn a_value_is_unusual_only_against_its_own_weekday() {
        // Thursdays have 100 carts, other days 20.
        let usual = |back: u64| if back.is_multiple_of(7) { 100 } else { 20 };
        assert_eq!(news(&days(usual, 64), on(0)), []);
        let fallen = days(|back| if back == 0 { 20 } else { usual(back) }, 64);
        let found = news(&fallen, on(0));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].measure, found[0].value, found[0].usual), (Watched::Carts, 20.0, 100.0));
        // All weekdays are equal, so the spread is the root of the usual count.
        assert_eq!(found[0].z, -8.0);
        assert!(found[0].is_bad());
    }

    #[test]
    fn the_spread_is_the_median_deviation_which_one_sale_day_does_not_widen() {
        let past = [90, 110, 80, 120, 100, 100, 500, 95];
        let carts = |back: u64| match (back, back % 7) {
            (0, _) => 200,
            (_, 0) => past[(back / 7 - 1) as usize],
            _ => 0,
        };
        let found = news(&days(carts, 57), on(0));
        // Median 100, deviations 10 10 20 20 0 0 400 5: their median is 10.
        assert_eq!(found[0].usual, 100.0);
        assert!((found[0].z - 100.0 / 14.826).abs() < 1e-9, "{}", found[0].z);
    }

    #[test]
    fn four_weeks_are_too_few_to_know_what_is_usual() {
        let carts = |back: u64| if back == 0 { 0 } else { 100 };
        assert_eq!(news(&days(carts, 29), on(0)), []);
        assert_eq!(news(&days(carts, 36), on(0)).len(), 1);
        assert_eq!(news(&days(carts, 36)[1..], on(0)), [], "the day itself is not known");
    }

    #[test]
    fn the_same_news_is_not_told_again_the_next_day_unless_it_got_worse() {
        let steady = |back: u64| if back <= 1 { 50 } else { 100 };
        let days_of = |carts: &dyn Fn(u64) -> u64| days(carts, 70);
        assert_eq!(news(&days_of(&steady), on(1)).len(), 1, "told on the first day");
        assert_eq!(news(&days_of(&steady), on(0)), []);
        let worse = |back: u64| [10, 50].get(back as usize).copied().unwrap_or(100);
        assert_eq!(news(&days_of(&worse), on(0)).len(), 1);
        let turned = |back: u64| [200, 50].get(back as usize).copied().unwrap_or(100);
        assert_eq!(news(&days_of(&turned), on(0)).len(), 1, "the other direction is news");
        let milder = |back: u64| [50, 55, 10].get(back as usize).copied().unwrap_or(100);
        assert_eq!(news(&days_of(&milder), on(0)), [], "the worst of the streak counts, not its last day");
    }

    #[test]
    fn small_numbers_are_left_alone_and_a_burst_of_errors_is_not() {
        assert_eq!(news(&days(|back| if back == 0 { 4 } else { 0 }, 64), on(0)), []);
        let mut all = days(|_| 0, 64);
        all[0].errors = 6;
        let found = news(&all, on(0));
        assert_eq!((found.len(), found[0].measure, found[0].is_bad()), (1, Watched::Errors, true));
    }

    #[test]
    fn the_sum_of_carts_is_not_told_beside_the_carts_themselves() {
        let mut all = days(|back| if back == 0 { 10 } else { 100 }, 64);
        for day in &mut all {
            day.gmv = Money(day.carts_created as i64 * 100_000);
        }
        assert_eq!(news(&all, on(0)).len(), 1);
        all[0].carts_created = 100;
        assert_eq!(news(&all, on(0))[0].measure, Watched::Gmv);
    }
}
