//! Measured values per period and subject, kept for trends after the facts are gone.

use chrono::NaiveDate;

use super::{Result, Store};

/// One value. Unique per `(report, period_on, subject, measure)`; a later run of the same period replaces it.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryRow {
    /// `daily`, `weekly`, …
    pub report: String,
    /// First local day of the period.
    pub period_on: NaiveDate,
    /// `team`, `manager/crm:28`, `channel/7`.
    pub subject: String,
    /// Metric id, as in the reference of measures.
    pub measure: String,
    /// `None` when the measure has no value (empty denominator or no data).
    pub value: Option<f64>,
    /// Whether the period was fully covered.
    pub is_complete: bool,
}

impl Store {
    /// Values of one measure of one subject, ascending by day, from `from` on.
    pub async fn list_history(
        &self,
        _report: &str,
        _subject: &str,
        _measure: &str,
        _from: NaiveDate,
    ) -> Result<Vec<HistoryRow>> {
        todo!()
    }
}
