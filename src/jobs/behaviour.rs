//! The behaviour digest of a week: one text for the lead, and each manager's own for the chat that is theirs.

use std::collections::BTreeMap;

use super::daily::coverage;
use super::report::{self, Made, body, public_id};
use crate::clock::Instant;
use crate::collect::{SOURCE_CHATS, SOURCE_ORDERS};
use crate::measure::behaviour::{BehaviourDigest, behaviour, window};
use crate::measure::daily::DailyInputs;
use crate::render::Part;
use crate::render::behaviour::{render, render_own};
use crate::render::daily::Links;
use crate::render::tree::parts;
use crate::schedule::ReportKind;
use crate::schedule::runner::JobError;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::runs::RunRow;

/// The digest of the week before the run's slot, from what is stored.
pub async fn make(settings: &Settings, store: &Store, run: &RunRow, now: Instant) -> Result<Made, JobError> {
    let period = report::span(ReportKind::Behaviour).before(run.slot_at, settings.zone);
    let chats = coverage(store, SOURCE_CHATS).await?;
    let orders = coverage(store, SOURCE_ORDERS).await?;
    let analysis = store.analysis_state().await?;
    let analysis = analysis.map_or((0, None), |state| (state.waiting, Some(state.changed_at)));
    let (from, until) = window(&period, &settings.thresholds);
    let facts = store.facts_between(from, until).await?;
    let public_id = public_id("b", &run.job, &period);
    let (calendar, thresholds, slot_at) = (settings.calendar(), settings.thresholds, run.slot_at);
    let digest = report::measured(move || {
        let (facts, calendar) = (&facts, &calendar);
        let inputs = DailyInputs {
            facts,
            period,
            slot_at,
            now,
            public_id,
            calendar,
            thresholds,
            chats,
            orders,
            late_secs: None,
        };
        behaviour(&inputs, analysis)
    })
    .await?;
    Ok(Made {
        report: ReportKind::Behaviour,
        public_id: digest.public_id.clone(),
        period,
        body: body(&digest)?,
        parts: messages(&digest, settings)?,
        own_parts: own_messages(&digest, settings)?,
        history: Vec::new(),
    })
}

/// The lead's text in Telegram messages.
pub fn messages(digest: &BehaviourDigest, settings: &Settings) -> Result<Vec<Part>, JobError> {
    render(digest, &links(settings)).and_then(|report| parts(&report)).map_err(report::render_failed)
}

/// By chat that belongs to one manager: that manager's text. Empty for a manager without conversations: the lead's text is
/// not theirs to read.
fn own_messages(
    digest: &BehaviourDigest,
    settings: &Settings,
) -> Result<BTreeMap<String, Vec<Part>>, JobError> {
    let own = settings.chat_managers.iter().map(|(chat, id)| {
        let Some(one) = digest.managers.iter().find(|one| one.id == *id) else {
            return Ok((chat.clone(), Vec::new()));
        };
        let report = render_own(one, digest, &links(settings)).and_then(|report| parts(&report));
        report.map(|parts| (chat.clone(), parts)).map_err(report::render_failed)
    });
    own.collect()
}

fn links(settings: &Settings) -> Links {
    Links { chat_link: settings.retailcrm.chat_link.clone() }
}
