//! What every digest of the CRM is computed from, read once and owned, so that the computation may leave the thread.

use super::report;
use crate::clock::Instant;
use crate::collect::{SOURCE_CHATS, SOURCE_ORDERS};
use crate::facts::{CoverageSpan, Facts};
use crate::measure::daily::{DailyInputs, Thresholds};
use crate::measure::{Period, WorkCalendar};
use crate::schedule::runner::JobError;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::runs::RunRow;

/// How far the sources of the CRM are known.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    pub chats: Option<CoverageSpan>,
    pub orders: Option<CoverageSpan>,
}

impl Known {
    /// As stored now.
    pub async fn of(store: &Store) -> Result<Self, JobError> {
        let chats = coverage(store, SOURCE_CHATS).await?;
        Ok(Self { chats, orders: coverage(store, SOURCE_ORDERS).await? })
    }
}

/// How far a source is known.
pub async fn coverage(store: &Store, source: &str) -> Result<Option<CoverageSpan>, JobError> {
    Ok(store.find_source(source).await?.and_then(|source| source.coverage))
}

/// The facts of a window, and what to report of them.
#[derive(Debug)]
pub(super) struct Basis {
    facts: Facts,
    period: Period,
    slot_at: Instant,
    now: Instant,
    public_id: String,
    calendar: WorkCalendar,
    thresholds: Thresholds,
    known: Known,
    late_secs: Option<i64>,
}

impl Basis {
    /// Reads the facts of `[from, until)` for the digest of `period`; `kind` begins its public id.
    pub async fn read(
        settings: &Settings,
        store: &Store,
        run: &RunRow,
        now: Instant,
        (kind, period): (&str, Period),
        (from, until): (Instant, Instant),
        known: Known,
    ) -> Result<Self, JobError> {
        Ok(Self {
            facts: store.facts_between(from, until).await?,
            public_id: report::public_id(kind, &run.job, &period),
            period,
            slot_at: run.slot_at,
            now,
            calendar: settings.calendar(),
            thresholds: settings.thresholds,
            known,
            late_secs: report::late_secs(run, now),
        })
    }

    /// Forgets the marks while history is analysed anew: a day by one set of rules would be compared with days by another.
    pub async fn drop_mixed_marks(&mut self, store: &Store) -> Result<(), JobError> {
        if store.analysis_state().await?.is_some_and(|state| state.waiting_history > 0) {
            self.facts.marks.clear();
        }
        Ok(())
    }

    /// As the measures take it.
    pub fn inputs(&self) -> DailyInputs<'_> {
        DailyInputs {
            facts: &self.facts,
            period: self.period,
            slot_at: self.slot_at,
            now: self.now,
            public_id: self.public_id.clone(),
            calendar: &self.calendar,
            thresholds: self.thresholds,
            chats: self.known.chats,
            orders: self.known.orders,
            late_secs: self.late_secs,
        }
    }
}
