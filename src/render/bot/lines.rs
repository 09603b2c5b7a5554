//! A value with its difference to the period before, marked as better or worse by the measure's own direction.

use crate::measure::digest::Ratio;
use crate::render::format;

/// Percentage points over fewer items are noise.
const LEAST_WHOLE: u64 = 20;
/// Relative differences below this carry no mark, nor do those over fewer than `LEAST_WHOLE`.
const MARKED_CHANGE: f64 = 0.1;
/// Differences of shares below this carry no mark.
const MARKED_POINTS: f64 = 0.05;

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Better {
    More,
    Less,
    /// Neither: it says how much happened, not how well.
    Neither,
}

impl Better {
    /// ` 🟢` or ` 🔴`; nothing for a difference of no weight.
    fn mark(self, difference: f64, least: f64) -> &'static str {
        let is_up = difference > 0.0;
        match self {
            _ if difference.abs() < least => "",
            Self::Neither => "",
            Self::More if is_up => " 🟢",
            Self::Less if !is_up => " 🟢",
            Self::More | Self::Less => " 🔴",
        }
    }
}

/// ` (+12 %)` of counts, sums and means; nothing without a base, and of nothing against nothing.
pub(super) fn change(current: f64, previous: Option<f64>, better: Better) -> String {
    let Some(previous) = previous.filter(|&previous| previous != 0.0 || current != 0.0) else {
        return String::new();
    };
    let mark = if previous > 0.0 && previous.max(current) >= LEAST_WHOLE as f64 {
        better.mark((current - previous) / previous, MARKED_CHANGE)
    } else {
        ""
    };
    format!(" ({}{mark})", format::relative(current, previous))
}

/// ` (+4 п. п.)` of shares; nothing where one of them is of few.
pub(super) fn points(current: Ratio, previous: Option<Ratio>, better: Better) -> String {
    match previous {
        Some(previous) if current.whole >= LEAST_WHOLE && previous.whole >= LEAST_WHOLE => {
            let (current, previous) = (current.value(), previous.value());
            let mark = better.mark(current - previous, MARKED_POINTS);
            format!(" ({}{mark})", format::points(current, previous))
        }
        _ => String::new(),
    }
}

/// `шаги — 8, оплата — 3 и ещё 2 вида`-like lists: the first `most` as `label — count`.
pub(super) fn list(labels: impl Iterator<Item = (String, String)>, most: usize) -> String {
    labels.take(most).map(|(label, value)| format!("{label} — {value}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: String) -> String {
        text.replace('\u{a0}', " ")
    }

    #[test]
    fn a_rise_is_good_or_bad_by_the_direction_of_the_measure() {
        assert_eq!(plain(change(120.0, Some(100.0), Better::More)), " (+20 % 🟢)");
        assert_eq!(plain(change(120.0, Some(100.0), Better::Less)), " (+20 % 🔴)");
        assert_eq!(plain(change(80.0, Some(100.0), Better::Less)), " (−20 % 🟢)");
        assert_eq!(plain(change(120.0, Some(100.0), Better::Neither)), " (+20 %)");
        assert_eq!(plain(change(105.0, Some(100.0), Better::More)), " (+5 %)");
        assert_eq!(plain(change(4.0, Some(2.0), Better::More)), " (+100 %)", "few are chance");
        assert_eq!(plain(change(4.0, Some(0.0), Better::More)), " (было 0)");
        assert_eq!(change(0.0, Some(0.0), Better::More), "");
        assert_eq!(change(5.0, None, Better::More), "");
    }

    #[test]
    fn shares_of_few_have_no_difference() {
        let of = |part, whole| Ratio { part, whole };
        assert_eq!(plain(points(of(10, 100), Some(of(20, 100)), Better::More)), " (−10 п. п. 🔴)");
        assert_eq!(points(of(10, 19), Some(of(20, 100)), Better::More), "");
        assert_eq!(points(of(10, 20), Some(of(1, 3)), Better::More), "");
    }
}
