//! Logistic regression with an L2 penalty on sparse rows, by dual coordinate descent.
//!
//! The method of Yu, Huang and Lin (2011): one pass touches each row once, a few dozen passes are enough, and the result is the
//! same on every machine that rounds alike, because the order of rows comes from a fixed generator.

/// Rows of (column, value) pairs, one behind the other.
#[derive(Debug, Default, Clone)]
pub struct Rows {
    starts: Vec<usize>,
    pairs: Vec<(u32, f32)>,
}

impl Rows {
    pub fn push(&mut self, row: &[(u32, f32)]) {
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        self.pairs.extend_from_slice(row);
        self.starts.push(self.pairs.len());
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same rows with each column multiplied by its scale.
    #[must_use]
    pub fn scaled(&self, scales: &[f32]) -> Self {
        let scale = |column: u32| scales.get(column as usize).copied().unwrap_or(1.0);
        let pairs = self.pairs.iter().map(|&(column, value)| (column, value * scale(column))).collect();
        Self { starts: self.starts.clone(), pairs }
    }

    #[must_use]
    pub fn row(&self, index: usize) -> &[(u32, f32)] {
        &self.pairs[self.starts[index]..self.starts[index + 1]]
    }
}

/// How strongly errors count against large weights.
#[derive(Debug, Clone, Copy)]
pub struct Penalty {
    /// Cost of an error on any row.
    pub cost: f32,
    /// Positive rows cost this much more.
    pub positive: f32,
    /// Passes over all rows.
    pub passes: usize,
}

/// Weights for `is_positive`, which names the rows of `chosen` (indexes into `rows`) that carry the label.
#[must_use]
pub fn fit(
    rows: &Rows,
    chosen: &[usize],
    is_positive: impl Fn(usize) -> bool,
    columns: usize,
    penalty: Penalty,
) -> Vec<f32> {
    let mut weights = vec![0.0_f32; columns];
    let costs: Vec<f32> = chosen
        .iter()
        .map(|&row| penalty.cost * if is_positive(row) { penalty.positive } else { 1.0 })
        .collect();
    let signs: Vec<f32> = chosen.iter().map(|&row| if is_positive(row) { 1.0 } else { -1.0 }).collect();
    let squares: Vec<f32> =
        chosen.iter().map(|&row| rows.row(row).iter().map(|(_, value)| value * value).sum()).collect();
    // Each row holds a pair (α, C − α); both must stay above zero.
    let mut duals: Vec<[f32; 2]> = costs.iter().map(|cost| [cost * 1e-3, cost * (1.0 - 1e-3)]).collect();
    for (index, &row) in chosen.iter().enumerate() {
        add(&mut weights, rows.row(row), signs[index] * duals[index][0]);
    }
    let mut order: Vec<usize> = (0..chosen.len()).collect();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..penalty.passes {
        for upper in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(upper, ((state >> 33) as usize) % (upper + 1));
        }
        for &index in &order {
            let row = rows.row(chosen[index]);
            let margin = signs[index] * dot(&weights, row);
            let (cost, square) = (costs[index], squares[index]);
            let [alpha, rest] = duals[index];
            let is_swapped = 0.5 * square * (rest - alpha) + margin < 0.0;
            let (side, sign) = if is_swapped { (1, -1.0) } else { (0, 1.0) };
            let old = duals[index][side];
            let new = newton(old, cost, square, sign * margin);
            duals[index][side] = new;
            duals[index][1 - side] = (cost - new).max(cost * 1e-7);
            add(&mut weights, row, sign * (new - old) * signs[index]);
        }
    }
    weights
}

/// Minimum of the one-variable problem, by a guarded Newton iteration that stays inside (0, cost).
fn newton(old: f32, cost: f32, square: f32, slope: f32) -> f32 {
    let mut z = if cost - old < 0.5 * cost { 0.1 * old } else { old };
    for _ in 0..20 {
        let gradient = square * (z - old) + slope + (z / (cost - z)).ln();
        if gradient.abs() < 1e-3 {
            break;
        }
        let next = z - gradient / (square + cost / ((cost - z) * z));
        z = if next <= 0.0 { 0.1 * z } else { next };
        z = z.clamp(cost * 1e-7, cost * (1.0 - 1e-6));
    }
    z
}

/// Σ weight · value; columns beyond the weights count nothing.
#[must_use]
pub fn dot(weights: &[f32], row: &[(u32, f32)]) -> f32 {
    row.iter().map(|&(column, value)| weights.get(column as usize).copied().unwrap_or(0.0) * value).sum()
}

fn add(weights: &mut [f32], row: &[(u32, f32)], factor: f32) {
    for &(column, value) in row {
        if let Some(weight) = weights.get_mut(column as usize) {
            *weight += factor * value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_separable_label_is_learnt_and_a_constant_one_is_not_a_trap() {
        let mut rows = Rows::default();
        for index in 0..20 {
            rows.push(&[(0, 1.0), (1 + index % 2, 1.0)]);
        }
        let chosen: Vec<_> = (0..20).collect();
        let penalty = Penalty { cost: 10.0, positive: 1.0, passes: 50 };
        let weights = fit(&rows, &chosen, |row| row % 2 == 1, 3, penalty);
        assert!(dot(&weights, rows.row(1)) > 1.0 && dot(&weights, rows.row(0)) < -1.0);
        assert!(fit(&rows, &chosen, |_| false, 3, penalty).iter().all(|weight| weight.is_finite()));
    }
}
