//! Customers' words are kept only as long as the configuration says; numbers stay.

use chrono::TimeDelta;

use super::{Work, llm};
use crate::schedule::runner::{JobContext, JobError};
use crate::store::runs::RunResult;

/// Texts deleted in one statement: short enough not to hold up the other writers.
const BATCH: i64 = 5_000;

/// Files that were sent stay in the chat; here they are only needed while somebody may want one sent again. A file may hold
/// customers' words, so it never outlives them.
const KEEP_FILES: TimeDelta = TimeDelta::days(30);

async fn forget_files(work: &Work, context: &JobContext) -> Result<u64, JobError> {
    let keep = TimeDelta::from_std(work.settings.keep_texts).unwrap_or(TimeDelta::MAX).min(KEEP_FILES);
    match context.now.checked_sub_signed(keep) {
        Some(before) => Ok(work.store.forget_files(before).await?),
        None => Ok(0),
    }
}

/// Deletes texts past their retention, in batches.
pub async fn run(work: &Work, context: &JobContext) -> Result<RunResult, JobError> {
    let keep = TimeDelta::from_std(work.settings.keep_texts).unwrap_or(TimeDelta::MAX);
    let Some(before) = context.now.checked_sub_signed(keep) else { return Ok(RunResult::default()) };
    let mut deleted = 0;
    while !context.stop.is_cancelled() {
        let batch = work.store.forget_texts(before, BATCH).await?;
        deleted += batch;
        if batch == 0 {
            break;
        }
    }
    while !context.stop.is_cancelled() && work.store.forget_refinements(before, BATCH).await? > 0 {}
    let files = forget_files(work, context).await?;
    let calls = llm::forget(work, context).await?;
    let note =
        format!("{deleted} message texts, {files} sent files and {calls} calls of language models deleted");
    Ok(RunResult { note: Some(note), ..RunResult::default() })
}
