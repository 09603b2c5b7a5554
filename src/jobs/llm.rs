//! Token usage of language models: what is new in the logs and in Langfuse.

use std::path::PathBuf;

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::Work;
use crate::clock::Instant;
use crate::collect::CollectError;
use crate::collect::llm_usage::cursor::Cursor;
use crate::collect::llm_usage::files::Round;
use crate::collect::llm_usage::langfuse::{Langfuse, LangfuseConfig};
use crate::collect::llm_usage::{SOURCE_LANGFUSE, SOURCE_LLM_USAGE, UsageBatch};
use crate::facts::{CoverageSpan, SourceStep};
use crate::schedule::runner::{JobContext, JobError};
use crate::settings::llm::LangfuseSettings;

/// How far back the first reading of Langfuse reaches.
const FIRST_DAYS: i64 = 100;
/// Days read again: traces arrive late, and sums are replaced, not added.
const AGAIN_DAYS: i64 = 3;

/// Reads what is new from every configured source of token usage. One that fails does not keep the other from being read.
///
/// Returns the number of calls stored; 0 when nothing is configured.
///
/// # Errors
/// The first failure, after every source had its turn; each is noted at its source.
pub async fn refresh(work: &Work, now: Instant, stop: &CancellationToken) -> Result<u64, JobError> {
    let mut first_failure = None;
    let mut stored = 0;
    if let Some(path) = &work.settings.llm.path {
        match read_files(work, path.clone(), now, stop).await {
            Ok(count) => stored = count,
            Err(error) => first_failure = Some(error),
        }
    }
    if let Some(settings) = &work.settings.llm.langfuse
        && let Err(error) = read_langfuse(work, settings, now).await
    {
        first_failure.get_or_insert(error);
    }
    first_failure.map_or(Ok(stored), Err)
}

/// Calls past their time, in batches; their sums stay. Returns how many were deleted.
pub async fn forget(work: &Work, context: &JobContext) -> Result<u64, JobError> {
    const BATCH: i64 = 5_000;
    let mut deleted = 0;
    while !context.stop.is_cancelled() {
        let batch = work.store.forget_llm_usage(oldest(work, context.now), BATCH).await?;
        deleted += batch;
        if batch == 0 {
            break;
        }
    }
    Ok(deleted)
}

/// Calls before this are not kept, so a repeat of them would not be known.
fn oldest(work: &Work, now: Instant) -> Instant {
    let keep = TimeDelta::from_std(work.settings.llm.keep_calls).unwrap_or(TimeDelta::MAX);
    now.checked_sub_signed(keep).unwrap_or(Instant::MIN_UTC)
}

async fn read_files(
    work: &Work,
    path: PathBuf,
    now: Instant,
    stop: &CancellationToken,
) -> Result<u64, JobError> {
    // Everything written before this moment is in the files by now.
    let row = work.store.find_source(SOURCE_LLM_USAGE).await?;
    // A cursor that cannot be read any more: from the beginning, keys keep calls from counting twice.
    let cursor = row.as_ref().and_then(|row| Cursor::deserialize(row.cursor.as_ref()?).ok());
    let mut first_at = row.and_then(|row| row.coverage).map(|span| span.from);
    let is_first = first_at.is_none();
    let oldest = oldest(work, now);
    let planned = blocking(move || Round::plan(&path, cursor.unwrap_or_default(), oldest, now)).await?;
    let mut round = match planned {
        Ok(round) => round,
        Err(error) => return Err(failed(work, error).await?),
    };
    let mut stored = 0;
    loop {
        let (handed_back, batch) = blocking(move || {
            let batch = round.next_batch();
            (round, batch)
        })
        .await?;
        round = handed_back;
        let batch = match batch {
            Ok(Some(batch)) => batch,
            Ok(None) => break,
            Err(error) => return Err(failed(work, error).await?),
        };
        if is_first {
            first_at = batch.records.iter().map(|record| record.used_at).chain(first_at).min();
        }
        stored += save(work, &batch, &round.cursor(), None, now).await?;
        if stop.is_cancelled() {
            return Ok(stored);
        }
    }
    let (cursor, is_through) = round.finish();
    let from = first_at.unwrap_or(now).min(now);
    let coverage = is_through.then_some(CoverageSpan { from, until: now });
    save(work, &UsageBatch::default(), &cursor, coverage, now).await?;
    Ok(stored)
}

/// Keeps a batch; a coverage ends the round.
async fn save(
    work: &Work,
    batch: &UsageBatch,
    cursor: &Cursor,
    coverage: Option<CoverageSpan>,
    now: Instant,
) -> Result<u64, JobError> {
    let cursor = serde_json::to_value(cursor).map_err(|error| JobError {
        reason: "sink",
        note: format!("the cursor of the logs cannot be kept: {error}"),
        is_permanent: true,
    })?;
    let step = SourceStep {
        source: SOURCE_LLM_USAGE.to_owned(),
        cursor: Some(cursor),
        coverage,
        is_complete: coverage.is_some(),
        dropped: batch.dropped.clone(),
    };
    for (reason, count) in &batch.dropped {
        tracing::warn!(
            source.name = SOURCE_LLM_USAGE,
            reason,
            count,
            "{count} records of {SOURCE_LLM_USAGE} dropped"
        );
    }
    Ok(work.store.save_llm_usage(&batch.records, work.settings.zone, &step, now).await?.accepted)
}

async fn read_langfuse(work: &Work, settings: &LangfuseSettings, now: Instant) -> Result<(), JobError> {
    let known = work.store.find_source(SOURCE_LANGFUSE).await?.and_then(|row| row.coverage);
    let today = now.date_naive();
    let first_on = today - TimeDelta::days(FIRST_DAYS);
    let from_on = known.map_or(first_on, |span| span.until.date_naive() - TimeDelta::days(AGAIN_DAYS));
    let until_on = today + TimeDelta::days(1);
    let config = LangfuseConfig {
        url: settings.url.clone(),
        public_key: settings.public_key.clone(),
        secret_key: settings.secret_key.clone(),
    };
    let reader = Langfuse::new(config, work.clock.clone()).map_err(|error| JobError {
        reason: "not_configured",
        note: error.to_string(),
        is_permanent: true,
    })?;
    let days = match reader.daily(from_on, until_on).await {
        Ok(days) => days,
        Err(error) => return Err(failed(work, error).await?),
    };
    let from = known.map_or_else(|| midnight(from_on), |span| span.from);
    let step = SourceStep {
        source: SOURCE_LANGFUSE.to_owned(),
        coverage: Some(CoverageSpan { from, until: now }),
        is_complete: true,
        ..SourceStep::default()
    };
    Ok(work.store.save_langfuse_days(from_on, until_on, &days, &step, now).await?)
}

fn midnight(day: NaiveDate) -> Instant {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// Notes the failure at its source and gives it as the job's.
async fn failed(work: &Work, error: CollectError) -> Result<JobError, JobError> {
    let CollectError { source_name, reason, message, is_permanent } = error;
    tracing::warn!(source.name = source_name, reason, "a round of {source_name} failed: {message}");
    work.store.save_source_failure(source_name, reason, work.clock.now()).await?;
    Ok(JobError { reason, note: format!("{source_name}: {message}"), is_permanent })
}

/// Reading files waits for the disk, which must not hold up the other tasks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, JobError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| JobError {
        reason: "unreachable",
        note: format!("reading the logs broke off: {error}"),
        is_permanent: false,
    })
}
