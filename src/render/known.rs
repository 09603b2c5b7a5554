//! What may be said of a summary, given how much of its source is known.

use crate::measure::digest::Coverage;

/// What stands where a source gave nothing.
pub(super) const NO_DATA: &str = "нет данных";

/// A summary with the right to speak of it.
#[derive(Debug)]
pub(super) enum Known<'a, T> {
    Whole(&'a T),
    /// Counts are lower bounds; times and shares are unknown.
    AtLeast(&'a T),
    Nothing,
}

impl<'a, T> Known<'a, T> {
    pub fn of(coverage: Coverage, summary: Option<&'a T>) -> Self {
        match (coverage, summary) {
            (Coverage::Complete, Some(summary)) => Self::Whole(summary),
            (Coverage::Partial { .. }, Some(summary)) => Self::AtLeast(summary),
            (Coverage::Missing, _) | (_, None) => Self::Nothing,
        }
    }
}
