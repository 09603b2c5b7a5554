//! Measured values per period and subject, kept for trends after the facts are gone.

use chrono::NaiveDate;

use super::pool::Tx;
use super::sql::{execute, fetch_all, queries, same};
use super::{Result, Store};

queries! {
    SAVE = same!(
        "INSERT INTO history (report, period_on, subject, measure, value, is_complete, run_id) ",
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (report, subject, measure, period_on) DO UPDATE SET ",
        "value = excluded.value, is_complete = excluded.is_complete, run_id = excluded.run_id",
    );
    LIST = same!(
        "SELECT report, period_on, subject, measure, value, is_complete FROM history ",
        "WHERE report = $1 AND subject = $2 AND measure = $3 AND period_on >= $4 ORDER BY period_on",
    );
}

/// One value. Unique per `(report, period_on, subject, measure)`; a later run of the same period replaces it.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
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
        report: &str,
        subject: &str,
        measure: &str,
        from: NaiveDate,
    ) -> Result<Vec<HistoryRow>> {
        let mut db = self.conn().await?;
        fetch_all!(HistoryRow, db, LIST, report, subject, measure, from)
    }
}

/// Keeps the values of a run; replaces those of an earlier run of the same period.
pub(super) async fn insert_history(tx: &mut Tx, run_id: i64, rows: &[HistoryRow]) -> Result<()> {
    for row in rows {
        execute!(
            *tx,
            SAVE,
            &row.report,
            row.period_on,
            &row.subject,
            &row.measure,
            row.value,
            row.is_complete,
            run_id
        )?;
    }
    Ok(())
}
