//! The weekly receipt for ops: proof that silence meant health.

use std::collections::BTreeMap;

use super::report::{Made, body, public_id, render_failed, span, title};
use crate::clock::Instant;
use crate::measure::receipt::{Receipt, Slot, SlotEnd, Trouble, receipt};
use crate::render::tree::parts;
use crate::render::{self, Part};
use crate::schedule::ReportKind;
use crate::schedule::runner::JobError;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::receipts::SlotRow;
use crate::store::runs::{RunRow, RunState};

/// Incidents of a week at most; a storm is folded before it gets here.
const MOST_INCIDENTS: i64 = 1_000;

/// The receipt of the week before the run's slot. Only jobs with readers count: a sync that failed is in the troubles.
pub async fn make(settings: &Settings, store: &Store, run: &RunRow, now: Instant) -> Result<Made, JobError> {
    let period = span(ReportKind::Receipt).before(run.slot_at, settings.zone);
    let slots = store.list_slots(period.from, period.to).await?;
    // A report with nothing to say is not missing.
    let is_silent = |row: &&SlotRow| row.state == RunState::Succeeded && row.message_count == 0;
    let readers = slots.iter().filter(|row| !is_silent(row)).filter_map(|row| {
        let job = settings.jobs.get(&row.job).filter(|job| job.report.has_messages())?;
        Some(Slot {
            title: title(job.report).to_owned(),
            slot_at: row.slot_at,
            deadline_at: row.deadline_at,
            end: end(row),
        })
    });
    let incidents = store.list_incidents(period.from, MOST_INCIDENTS).await?;
    let troubles: Vec<Trouble> = incidents
        .iter()
        .filter(|incident| period.contains(incident.opened_at))
        .map(|incident| Trouble { opened_at: incident.opened_at, resolved_at: incident.resolved_at })
        .collect();
    let public_id = public_id("r", &run.job, &period);
    let receipt = receipt(public_id.clone(), period, now, &readers.collect::<Vec<_>>(), &troubles);
    Ok(Made {
        report: ReportKind::Receipt,
        public_id,
        period,
        body: body(&receipt)?,
        parts: messages(&receipt)?,
        own_parts: BTreeMap::new(),
        history: Vec::new(),
    })
}

/// The receipt in Telegram messages.
pub fn messages(receipt: &Receipt) -> Result<Vec<Part>, JobError> {
    render::receipt::render(receipt).and_then(|report| parts(&report)).map_err(render_failed)
}

fn end(row: &SlotRow) -> SlotEnd {
    match (row.state, row.arrived_at) {
        (RunState::Succeeded, Some(at)) if row.sent_count == row.message_count => SlotEnd::Arrived(at),
        (RunState::Succeeded | RunState::Failed, _) => SlotEnd::Lost,
        (RunState::Skipped, _) => SlotEnd::Skipped,
        (RunState::Planned | RunState::Running, _) => SlotEnd::Open,
    }
}
