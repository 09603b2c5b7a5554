//! The daily note on data quality, for ops.

use std::collections::BTreeMap;

use super::daily::coverage;
use super::report::{Made, body, measured, public_id, render_failed, span};
use super::{Work, sync};
use crate::clock::Instant;
use crate::collect::{SOURCE_CHATS, SOURCE_ORDERS, SOURCE_PEOPLE};
use crate::measure::quality::{
    Dropped, Duplicates, QualityInputs, QualityNote, Source, SourceRead, quality, window,
};
use crate::render::Part;
use crate::render::quality::render;
use crate::render::tree::parts;
use crate::schedule::runner::{JobContext, JobError};
use crate::schedule::{Job, ReportKind};
use crate::settings::Settings;
use crate::store::Store;
use crate::store::runs::{RunResult, RunRow};

/// One attempt at the note. It tells of troubles, so none of them keeps it from being made.
pub async fn run(work: &Work, job: &Job, context: &JobContext) -> Result<RunResult, JobError> {
    // A failed reading is logged and noted where it happens; the note then says how old the data are.
    let _ = sync::refresh(work, context).await;
    let crm_orders = ask_crm(work, context).await;
    make(&work.settings, &work.store, &context.run, context.now, crm_orders).await?.into_result(job, context)
}

/// The CRM's own count of the period's orders; `None` when it does not say.
async fn ask_crm(work: &Work, context: &JobContext) -> Option<u64> {
    let crm = work.crm.as_ref()?;
    let period = span(ReportKind::Quality).before(context.run.slot_at, work.settings.zone);
    match crm.count_orders(period.from, period.to).await {
        Ok(count) => count,
        Err(error) => {
            tracing::warn!(
                source.name = SOURCE_ORDERS,
                reason = error.reason,
                "the CRM's own count is not known"
            );
            None
        }
    }
}

/// The note about the day before the run's slot, from what is stored; no message when there is nothing to say.
pub async fn make(
    settings: &Settings,
    store: &Store,
    run: &RunRow,
    now: Instant,
    crm_orders: Option<u64>,
) -> Result<Made, JobError> {
    let period = span(ReportKind::Quality).before(run.slot_at, settings.zone);
    let public_id = public_id("q", &run.job, &period);
    let sources = store.list_sources().await?;
    let (messages, in_chats) = store.count_duplicate_messages(period.from, period.to).await?;
    let dropped = store.dropped_between(period.from, period.to).await?;
    let (chats, orders) = (coverage(store, SOURCE_CHATS).await?, coverage(store, SOURCE_ORDERS).await?);
    let (from, until) = window(&period, now);
    let facts = store.facts_between(from, until).await?;
    let calendar = settings.calendar();
    let id = public_id.clone();
    let note = measured(move || {
        quality(&QualityInputs {
            facts: &facts,
            period,
            now,
            public_id: id,
            calendar: &calendar,
            chats,
            orders,
            sources: sources
                .iter()
                .map(|row| SourceRead { source: source(&row.name), read_at: row.last_success_at })
                .collect(),
            dropped: dropped
                .into_iter()
                .map(|(name, count)| Dropped { source: source(&name), count })
                .collect(),
            duplicates: Duplicates { messages, chats: in_chats },
            crm_orders,
        })
    })
    .await?;
    Ok(Made {
        report: ReportKind::Quality,
        public_id,
        period,
        body: body(&note)?,
        parts: messages_of(&note)?,
        own_parts: BTreeMap::new(),
        history: Vec::new(),
    })
}

/// The note in Telegram messages; none when there is nothing to say.
pub fn messages_of(note: &QualityNote) -> Result<Vec<Part>, JobError> {
    if note.findings.is_empty() {
        return Ok(Vec::new());
    }
    render(note).and_then(|report| parts(&report)).map_err(render_failed)
}

fn source(name: &str) -> Source {
    match name {
        SOURCE_CHATS => Source::Chats,
        SOURCE_ORDERS => Source::Orders,
        SOURCE_PEOPLE => Source::People,
        other => Source::Other(other.to_owned()),
    }
}
