//! Reading the CRM into the store.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;

use super::{Work, analysis, corrections, refine};
use crate::clock::SharedClock;
use crate::collect::retailcrm::{RetailCrm, SyncMode};
use crate::collect::{CollectError, SOURCE_CHATS, SOURCE_ORDERS, SOURCE_PEOPLE, Sink};
use crate::facts::{FactBatch, SourceState, SourceStep};
use crate::schedule::runner::{JobContext, JobError};
use crate::store::Store;
use crate::store::runs::RunResult;

/// Facts read this recently are fresh enough for a digest.
const FRESH: TimeDelta = TimeDelta::minutes(2);

/// What a reconciliation reads again: long enough to find the chat identity of a customer who ordered first.
const RECONCILE_DAYS: u32 = 30;

/// How much to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// What is new since the cursors; the first time, everything.
    Increment,
    /// The last days once more.
    Reconcile,
}

/// Told of progress: source, done, total where known.
pub type OnProgress = dyn Fn(&str, u64, Option<u64>) + Send + Sync;

/// The job: one round of every source.
pub async fn run(work: &Work, mode: Mode, _context: &JobContext) -> Result<RunResult, JobError> {
    let reading = work.reading.lock().await;
    let stored = read(work, mode, None).await?;
    drop(reading);
    // What was read stays read; the next reading looks again.
    if let Err(error) = corrections::look(work).await {
        tracing::warn!(
            reason = error.reason,
            "whether a digest needs a correction could not be seen: {error}"
        );
    }
    // Outside the lock: a slow language model keeps no digest waiting.
    refine::round(&work.settings, &work.store, work.clock.now(), true).await?;
    let waiting = work.store.analysis_state().await?.map_or(0, |state| state.waiting);
    let analysis = match waiting {
        0 => String::new(),
        waiting => format!("; {waiting} conversations wait for the present text analysis"),
    };
    Ok(RunResult { note: Some(format!("{stored} facts stored{analysis}")), ..RunResult::default() })
}

/// Makes the facts fresh for a digest, unless they are: waits for a reading that is under way.
pub async fn refresh(work: &Work, context: &JobContext) -> Result<(), JobError> {
    if work.crm.is_none() {
        return Ok(());
    }
    let _reading = work.reading.lock().await;
    let mut is_fresh = true;
    for source in [SOURCE_CHATS, SOURCE_ORDERS] {
        let row = work.store.find_source(source).await?;
        is_fresh &= row.and_then(|row| row.last_success_at).is_some_and(|at| at + FRESH >= context.now);
    }
    if is_fresh { Ok(()) } else { read(work, Mode::Increment, None).await.map(drop) }
}

/// Reads all sources; one that fails does not keep the others from being read. Returns the number of facts stored.
///
/// # Errors
/// The first failure, after every source had its turn; each is noted at its source.
pub async fn read(work: &Work, mode: Mode, on_progress: Option<Arc<OnProgress>>) -> Result<u64, JobError> {
    let Some(crm) = &work.crm else {
        let note = format!("there is no CRM to read: {}", work.settings.missing_crm_keys().join("; "));
        return Err(JobError { reason: "not_configured", note, is_permanent: true });
    };
    let sink = StoreSink {
        store: work.store.clone(),
        clock: work.clock.clone(),
        on_progress,
        stored: std::sync::atomic::AtomicU64::new(0),
    };
    let mode = match mode {
        Mode::Increment => SyncMode::Increment,
        Mode::Reconcile => SyncMode::Reconcile { days: RECONCILE_DAYS },
    };
    let mut first_failure = None;
    for source in [SOURCE_PEOPLE, SOURCE_ORDERS, SOURCE_CHATS] {
        if let Err(error) = round(crm, &sink, mode, source).await {
            let (reason, is_permanent) = (error.reason, error.is_permanent);
            tracing::warn!(source.name = source, reason, "a round of {source} failed: {}", error.message);
            work.store.save_source_failure(source, reason, work.clock.now()).await?;
            first_failure.get_or_insert(JobError { reason, note: error.to_string(), is_permanent });
        }
    }
    // What was read is analysed even when a source failed: its marks are as good as the facts.
    let analysed = analysis::round(&work.store, work.clock.as_ref()).await;
    refine::round(&work.settings, &work.store, work.clock.now(), false).await?;
    match first_failure {
        Some(error) => Err(error),
        None => analysed.map(|_| sink.stored.into_inner()),
    }
}

async fn round(crm: &RetailCrm, sink: &StoreSink, mode: SyncMode, source: &str) -> Result<(), CollectError> {
    match source {
        SOURCE_PEOPLE => crm.sync_people(sink).await.map(drop),
        SOURCE_ORDERS => crm.sync_orders(sink, mode).await.map(drop),
        _ => crm.sync_chats(sink, mode).await.map(drop),
    }
}

/// Keeps what the collector reads.
struct StoreSink {
    store: Store,
    clock: SharedClock,
    on_progress: Option<Arc<OnProgress>>,
    stored: std::sync::atomic::AtomicU64,
}

#[async_trait]
impl Sink for StoreSink {
    async fn state(&self, source: &str) -> anyhow::Result<SourceState> {
        let row = self.store.find_source(source).await?;
        Ok(row.map_or_else(SourceState::default, |row| SourceState {
            cursor: row.cursor,
            coverage: row.coverage,
        }))
    }

    async fn save(&self, batch: FactBatch, step: SourceStep) -> anyhow::Result<()> {
        let fact_count = batch.len() as u64;
        self.store.save_facts(&batch, &step, self.clock.now()).await?;
        self.stored.fetch_add(fact_count, std::sync::atomic::Ordering::Relaxed);
        for (reason, count) in &step.dropped {
            tracing::warn!(
                source.name = step.source,
                reason,
                count,
                "{count} records of {} dropped",
                step.source
            );
        }
        Ok(())
    }

    async fn customers_without_link(&self, after_id: i64, limit: i64) -> anyhow::Result<Vec<i64>> {
        Ok(self.store.customers_without_link(after_id, limit).await?)
    }

    fn progress(&self, source: &str, done: u64, total: Option<u64>) {
        if let Some(on_progress) = &self.on_progress {
            on_progress(source, done, total);
        }
    }
}
