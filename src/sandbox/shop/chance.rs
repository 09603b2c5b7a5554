//! Chance with a seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

/// Uniform in `0.0..1.0`.
pub(in crate::sandbox) fn unit(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.next_u32()) / (f64::from(u32::MAX) + 1.0)
}

/// True with this probability.
pub(in crate::sandbox) fn chance(rng: &mut ChaCha8Rng, probability: f64) -> bool {
    unit(rng) < probability
}

/// Uniform in `low..high`; `low` when the range is empty.
pub(in crate::sandbox) fn between(rng: &mut ChaCha8Rng, low: i64, high: i64) -> i64 {
    low + (unit(rng) * (high - low).max(0) as f64) as i64
}

/// Seconds that people take: usually about `median`, now and then several times as long.
pub(in crate::sandbox) fn hesitation(rng: &mut ChaCha8Rng, median: f64) -> i64 {
    // The sum of four uniforms is close enough to a bell; its exponent gives the long tail.
    let bell = (0..4).map(|_| unit(rng)).sum::<f64>() - 2.0;
    (median * (bell * 1.6).exp()).max(3.0) as i64
}

/// Any item; `None` from an empty list.
pub(in crate::sandbox) fn pick<'a, T>(rng: &mut ChaCha8Rng, items: &'a [T]) -> Option<&'a T> {
    items.get((unit(rng) * items.len() as f64) as usize)
}

/// An index by weight; 0 when all weights are 0.
pub(in crate::sandbox) fn weighted(rng: &mut ChaCha8Rng, weights: &[f64]) -> usize {
    let mut rest = unit(rng) * weights.iter().sum::<f64>();
    for (index, weight) in weights.iter().enumerate() {
        if rest < *weight {
            return index;
        }
        rest -= weight;
    }
    0
}
