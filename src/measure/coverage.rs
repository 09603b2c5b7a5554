//! How much of a period is known, and up to which moment its figures may look.

use super::Period;
use super::digest::Coverage;
use crate::clock::Instant;
use crate::facts::CoverageSpan;

impl Coverage {
    /// What a source known over `span` gives for `period`. A later piece alone counts as nothing: figures from it
    /// would look like a whole day.
    pub fn of(span: Option<CoverageSpan>, period: &Period) -> Self {
        match span {
            Some(span) if span.from <= period.from && span.until >= period.to => Self::Complete,
            Some(span) if span.from <= period.from && span.until > period.from => {
                Self::Partial { until: span.until }
            }
            _ => Self::Missing,
        }
    }

    /// Whether ratios, medians and comparisons may be computed.
    pub fn is_complete(self) -> bool {
        self == Self::Complete
    }

    /// The moment as of which the period is told: its end, or the end of what is known. What happened at or after
    /// it does not exist yet. `None` when nothing is known.
    pub fn as_of(self, period: &Period) -> Option<Instant> {
        match self {
            Self::Complete => Some(period.to),
            Self::Partial { until } => Some(until),
            Self::Missing => None,
        }
    }
}
