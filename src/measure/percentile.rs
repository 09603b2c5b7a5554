//! Percentiles as PostgreSQL computes them, so that a reader can reproduce a figure in SQL.

/// The value below which the share `fraction` (0..=1) of `values` lies, interpolated linearly between neighbours as
/// in `percentile_cont`. `None` of nothing. The order of `values` does not matter.
pub fn percentile(values: &[f64], fraction: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let rank = fraction.clamp(0.0, 1.0) * last as f64;
    let below = sorted.get(rank.floor() as usize)?;
    let above = sorted.get(rank.ceil() as usize)?;
    Some(below + (above - below) * rank.fract())
}

/// The middle value.
pub fn median(values: &[f64]) -> Option<f64> {
    percentile(values, 0.5)
}

/// The plain mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_between_two_ranks_are_interpolated_as_postgres_does() {
        // SELECT percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY x) FROM unnest(ARRAY[10, 20, 30, 40]) x
        assert_eq!(percentile(&[40.0, 10.0, 30.0, 20.0], 0.5), Some(25.0));
        assert_eq!(percentile(&[40.0, 10.0, 30.0, 20.0], 0.9), Some(37.0));
    }

    #[test]
    fn one_value_is_every_percentile_and_nothing_has_none() {
        assert_eq!(percentile(&[7.0], 0.9), Some(7.0));
        assert_eq!(percentile(&[], 0.5), None);
        assert_eq!(mean(&[]), None);
    }
}
