//! Scales whose marks are round numbers of their own unit.

use crate::render::format;

/// Marks between 0 and the top, at most.
const MOST_MARKS: f64 = 4.0;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Count,
    /// Working seconds.
    Seconds,
    /// A share, 0..=1.
    Ratio,
}

impl Unit {
    /// A value in words.
    pub fn text(self, value: f64) -> String {
        match self {
            Self::Count => format::count(format::round_u64(value)),
            Self::Seconds => format::working_time(value),
            Self::Ratio => format::percent(value),
        }
    }

    /// Distance of the marks for values up to `top`.
    fn step(self, top: f64) -> f64 {
        const TIMES: [f64; 13] = [
            15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0,
            86_400.0,
        ];
        let rough = top / MOST_MARKS;
        match self {
            Self::Seconds => {
                let fine = TIMES.into_iter().find(|step| *step >= rough);
                fine.unwrap_or_else(|| (rough / 86_400.0).ceil() * 86_400.0)
            }
            Self::Count => round_step(rough).max(1.0),
            Self::Ratio => round_step(rough).max(0.01),
        }
    }
}

/// The next of 1, 2, 5, 10, 20 …
fn round_step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step >= rough * 0.999_999)
        .unwrap_or(rough)
}

/// A scale from 0 upwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    pub unit: Unit,
    step: f64,
    top: f64,
}

impl Axis {
    /// A scale that holds all values; of nothing but zeros it has one mark.
    pub fn of(unit: Unit, values: impl IntoIterator<Item = f64>) -> Self {
        let most = values.into_iter().filter(|value| value.is_finite()).fold(0.0, f64::max);
        let step = unit.step(most);
        let marks = (most / step - 1e-6).ceil().max(1.0);
        Self { unit, step, top: step * marks }
    }

    /// From 0 to the top.
    pub fn marks(&self) -> impl Iterator<Item = f64> {
        let (step, count) = (self.step, (self.top / self.step).round() as u32);
        (0..=count).map(move |mark| f64::from(mark) * step)
    }

    /// Height of a value, 0..=1.
    pub fn place(&self, value: f64) -> f32 {
        (value / self.top).clamp(0.0, 1.0) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(unit: Unit, most: f64) -> Vec<String> {
        let axis = Axis::of(unit, [most]);
        axis.marks().map(|mark| unit.text(mark).replace(format::NBSP, " ")).collect()
    }

    #[test]
    fn marks_are_round_in_their_own_unit_and_the_top_holds_the_largest_value() {
        assert_eq!(marks(Unit::Count, 37.0), ["0", "10", "20", "30", "40"]);
        assert_eq!(marks(Unit::Count, 1.0), ["0", "1"]);
        assert_eq!(marks(Unit::Count, 0.0), ["0", "1"]);
        assert_eq!(marks(Unit::Count, 4_000.0), ["0", "1 000", "2 000", "3 000", "4 000"]);
        assert_eq!(marks(Unit::Seconds, 431.0), ["0 сек", "2 мин", "4 мин", "6 мин", "8 мин"]);
        assert_eq!(marks(Unit::Ratio, 0.23), ["0 %", "10 %", "20 %", "30 %"]);
        assert_eq!(marks(Unit::Ratio, 0.03), ["0 %", "1 %", "2 %", "3 %"]);
    }

    #[test]
    fn any_value_has_a_place_on_the_scale() {
        for most in [0.0, 0.4, 1.0, 9.99, 86_399.0, 1e9, f64::NAN] {
            for unit in [Unit::Count, Unit::Seconds, Unit::Ratio] {
                let axis = Axis::of(unit, [most]);
                assert!(axis.marks().count() <= 6, "{most}");
                assert!((0.0..=1.0).contains(&axis.place(most.max(0.0))), "{most}");
            }
        }
    }
}
