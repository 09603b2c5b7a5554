//! What the rounds of all sources share: gathering facts, counting what was dropped, handing both to the sink in steps.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::Value;

use super::wire::Decoded;
use crate::clock::Instant;
use crate::collect::{CollectError, Sink};
use crate::facts::{CoverageSpan, FactBatch, SourceStep};

/// How far the end of coverage, and every look back, stays behind: changes show up in the API seconds after they
/// happen, and clocks differ.
pub(super) const OVERLAP: TimeDelta = TimeDelta::seconds(60);

/// What a round did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoundSummary {
    /// Facts handed to the sink; the same record changed twice counts twice.
    pub fact_count: u64,
    /// Records that could not be used, by bounded reason.
    pub dropped: BTreeMap<String, u64>,
}

/// A round under way.
pub(super) struct Round<'a> {
    pub source: &'static str,
    pub sink: &'a dyn Sink,
    pub batch: FactBatch,
    /// Facts that make a step; half as many are worth a transaction.
    step_size: usize,
    dropped: BTreeMap<String, u64>,
    summary: RoundSummary,
}

impl<'a> Round<'a> {
    pub fn new(source: &'static str, sink: &'a dyn Sink, step_size: usize) -> Self {
        let (batch, dropped, summary) = Default::default();
        Self { source, sink, batch, step_size, dropped, summary }
    }

    /// The fact, or `None` after counting why not.
    pub fn keep<T>(&mut self, decoded: Decoded<T>) -> Option<T> {
        decoded.map_err(|reason| *self.dropped.entry(reason.to_owned()).or_default() += 1).ok()
    }

    /// Tells how much has been read in this round.
    pub fn tell_progress(&self, total: Option<u64>) {
        self.sink.progress(self.source, self.summary.fact_count + self.batch.len() as u64, total);
    }

    /// Hands over what was gathered once it is worth a transaction. `cursor` must be true of everything gathered.
    pub async fn step(&mut self, cursor: Value) -> Result<(), CollectError> {
        if self.batch.len() * 2 >= self.step_size { self.flush(cursor).await } else { Ok(()) }
    }

    /// Hands over what was gathered.
    pub async fn flush(&mut self, cursor: Value) -> Result<(), CollectError> {
        self.save(cursor, None).await
    }

    /// Ends the round: from now on the source is known from `from` until shortly before the round began.
    pub async fn finish(
        mut self,
        cursor: Value,
        from: Instant,
        began: Instant,
    ) -> Result<RoundSummary, CollectError> {
        let coverage = CoverageSpan { from, until: (began - OVERLAP).max(from) };
        self.save(cursor, Some(coverage)).await?;
        Ok(self.summary)
    }

    async fn save(&mut self, cursor: Value, coverage: Option<CoverageSpan>) -> Result<(), CollectError> {
        let (batch, dropped) = (std::mem::take(&mut self.batch), std::mem::take(&mut self.dropped));
        self.summary.fact_count += batch.len() as u64;
        for (reason, count) in &dropped {
            *self.summary.dropped.entry(reason.clone()).or_default() += count;
        }
        let step = SourceStep {
            source: self.source.to_owned(),
            cursor: Some(cursor),
            coverage,
            is_complete: coverage.is_some(),
            dropped,
        };
        self.sink.save(batch, step).await.map_err(|error| sink_failed(self.source, &error))
    }
}

/// The store refused or failed.
pub(super) fn sink_failed(source_name: &'static str, error: &anyhow::Error) -> CollectError {
    let message = format!("what was read could not be kept: {error:#}");
    CollectError { source_name, reason: "sink", message, is_permanent: false }
}
