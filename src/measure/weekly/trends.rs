//! Where the team's measures are heading over 4, 8 and 12 periods.

use super::PastValue;
use super::digest::{Streak, Trend, TrendMeasure, TrendWindow};
use crate::measure::Period;
use crate::measure::digest::{Ratio, Summary};
use crate::measure::figures::Figures;
use crate::measure::percentile::mean;

/// Periods of the longest window.
pub const PERIODS: usize = 12;
const WINDOWS: [usize; 3] = [4, 8, PERIODS];

impl TrendMeasure {
    /// All of them, in the order of the text.
    pub const ALL: [Self; 6] = [
        Self::FirstResponseMedianSecs,
        Self::ResponseRatio,
        Self::Chats,
        Self::Orders,
        Self::Revenue,
        Self::Conversion,
    ];

    /// The id in history rows.
    pub fn id(self) -> &'static str {
        match self {
            Self::FirstResponseMedianSecs => "first_response_median_secs",
            Self::ResponseRatio => "response_ratio",
            Self::Chats => "chats",
            Self::Orders => "orders",
            Self::Revenue => "revenue",
            Self::Conversion => "conversion",
        }
    }

    fn of(self, summary: &Summary) -> Option<f64> {
        let (chats, orders) = (summary.chats.as_ref(), summary.orders.as_ref());
        match self {
            Self::FirstResponseMedianSecs => chats?.first_response_median_secs,
            Self::ResponseRatio => chats?.response_ratio.map(Ratio::value),
            Self::Chats => Some(chats?.chats as f64),
            Self::Orders => Some(orders?.orders as f64),
            Self::Revenue => Some(orders?.revenue.0 as f64),
            Self::Conversion => chats?.conversion.map(Ratio::value),
        }
    }

    /// Whether the facts alone decide about this measure of that period.
    fn is_counted(self, figures: &Figures) -> bool {
        match self {
            Self::FirstResponseMedianSecs | Self::ResponseRatio | Self::Chats => figures.chats.is_complete(),
            Self::Orders | Self::Revenue => figures.orders.is_complete(),
            Self::Conversion => figures.chats.is_complete() && figures.orders.is_complete(),
        }
    }
}

/// One trend per measure. `periods` and `counted` are newest first; `counted` holds the newest of them.
///
/// A period that the facts do not cover is taken from the history.
pub fn trends(periods: &[Period], counted: &[Figures], history: &[PastValue]) -> Vec<Trend> {
    TrendMeasure::ALL
        .into_iter()
        .map(|measure| {
            let value = |(index, period): (usize, &Period)| {
                let figures = counted.get(index).filter(|figures| measure.is_counted(figures));
                match figures {
                    Some(figures) => measure.of(&figures.team()),
                    // The reported period itself is never told from an earlier telling of it.
                    None if index == 0 => None,
                    None => past(measure, period, history),
                }
            };
            let mut values: Vec<Option<f64>> = periods.iter().enumerate().map(value).collect();
            values.reverse();
            Trend { measure, streak: streak(&values), windows: windows(&values), values }
        })
        .collect()
}

fn past(measure: TrendMeasure, period: &Period, history: &[PastValue]) -> Option<f64> {
    let found = history.iter().find(|past| past.measure == measure.id() && past.period_on == period.from_on);
    found.map(|past| past.value)
}

/// The windows in which every value is known. `values` are oldest first.
pub fn windows(values: &[Option<f64>]) -> Vec<TrendWindow> {
    WINDOWS.into_iter().filter_map(|length| window(values, length)).collect()
}

fn window(values: &[Option<f64>], length: usize) -> Option<TrendWindow> {
    let last = values.get(values.len().checked_sub(length)?..)?;
    let known: Vec<f64> = last.iter().copied().collect::<Option<_>>()?;
    let (earlier, later) = known.split_at(length / 2);
    Some(TrendWindow { periods: length as u64, earlier: mean(earlier)?, later: mean(later)? })
}

/// The steps in one direction at the end of `values`, oldest first.
pub fn streak(values: &[Option<f64>]) -> Option<Streak> {
    let step = |pair: &[Option<f64>]| Some((pair[0]?, pair[1]?)).filter(|(before, after)| before != after);
    let mut steps = values.windows(2).rev().map_while(step).peekable();
    let is_up = steps.peek().map(|(before, after)| after > before)?;
    let run: Vec<f64> =
        steps.take_while(|(before, after)| (after > before) == is_up).map(|(before, _)| before).collect();
    Some(Streak { steps: run.len() as u64, is_up, from: *run.last()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    #[test]
    fn a_streak_is_told_from_the_value_before_its_first_step() {
        let falling = streak(&known(&[9.0, 14.0, 12.0, 11.0, 9.5])).unwrap();
        assert_eq!((falling.steps, falling.is_up, falling.from), (3, false, 14.0));
        assert_eq!(streak(&known(&[3.0, 3.0])), None, "equal values are no step");
        let mut broken = known(&[5.0, 4.0, 3.0, 2.0]);
        broken[1] = None;
        assert_eq!(streak(&broken).unwrap().steps, 1, "an unknown value ends it");
        assert_eq!(streak(&[Some(1.0), None]), None);
        assert_eq!(streak(&[]), None);
    }

    #[test]
    fn a_window_with_a_hole_is_not_told() {
        let mut values = known(&[10.0, 10.0, 10.0, 10.0, 10.0, 20.0, 30.0, 40.0]);
        let four = window(&values, 4).unwrap();
        assert_eq!((four.earlier, four.later), (15.0, 35.0));
        assert!(window(&values, 8).is_some() && window(&values, 12).is_none());
        values[2] = None;
        assert!(window(&values, 4).is_some() && window(&values, 8).is_none());
    }
}
