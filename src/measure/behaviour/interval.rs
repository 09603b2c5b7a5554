//! How sure a difference of two shares is.

use serde::{Deserialize, Serialize};

use crate::measure::digest::Ratio;

/// Two-sided 95 %.
const Z: f64 = 1.959_963_984_540_054;
/// With fewer on either side nothing is said.
const MIN_SIDE: u64 = 20;

/// What may be said of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The interval does not hold zero.
    Seen,
    NotSeen,
    TooFew,
}

/// Conversion with and without something, and the difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    pub with: Option<Ratio>,
    pub without: Option<Ratio>,
    /// With minus without, 0..=1; `None` when a side is empty.
    pub difference: Option<f64>,
    /// Newcombe's 95 % interval of it.
    pub interval: Option<(f64, f64)>,
    pub verdict: Verdict,
}

/// Compares two shares.
pub fn difference(with: Option<Ratio>, without: Option<Ratio>) -> Difference {
    let (Some(a), Some(b)) = (with, without) else {
        return Difference { with, without, difference: None, interval: None, verdict: Verdict::TooFew };
    };
    let interval = newcombe(a, b);
    let verdict = match interval {
        _ if a.whole < MIN_SIDE || b.whole < MIN_SIDE => Verdict::TooFew,
        (low, high) if low > 0.0 || high < 0.0 => Verdict::Seen,
        _ => Verdict::NotSeen,
    };
    Difference { with, without, difference: Some(a.value() - b.value()), interval: Some(interval), verdict }
}

/// Wilson's score interval of a share.
fn wilson(ratio: Ratio) -> (f64, f64) {
    let (n, p) = (ratio.whole as f64, ratio.value());
    let centre = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// Newcombe's hybrid score interval of the difference `a − b` (R. G. Newcombe, 1998, method 10).
fn newcombe(a: Ratio, b: Ratio) -> (f64, f64) {
    let ((la, ua), (lb, ub)) = (wilson(a), wilson(b));
    let (pa, pb) = (a.value(), b.value());
    let low = pa - pb - ((pa - la).powi(2) + (ub - pb).powi(2)).sqrt();
    let high = pa - pb + ((ua - pa).powi(2) + (pb - lb).powi(2)).sqrt();
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_the_published_one() {
        // Newcombe 1998, table II, (a) 56/70 − 48/80: 0.0524 to 0.3339.
        let found = difference(Ratio::of(56, 70), Ratio::of(48, 80));
        let (low, high) = found.interval.unwrap();
        assert!((low - 0.0524).abs() < 5e-5 && (high - 0.3339).abs() < 5e-5, "{low} {high}");
        assert_eq!(found.verdict, Verdict::Seen);
    }

    #[test]
    fn little_is_called_little_and_a_difference_around_zero_is_none() {
        assert_eq!(difference(Ratio::of(9, 10), Ratio::of(1, 50)).verdict, Verdict::TooFew);
        assert_eq!(difference(None, Ratio::of(1, 50)).verdict, Verdict::TooFew);
        assert_eq!(difference(Ratio::of(10, 40), Ratio::of(11, 40)).verdict, Verdict::NotSeen);
    }
}
