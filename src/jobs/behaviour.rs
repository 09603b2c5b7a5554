//! The behaviour digest of a week: one text for the lead, and each manager's own for the chat that is theirs.

use std::collections::BTreeMap;

use super::basis::{Basis, Known};
use super::daily::links;
use super::refine;
use super::report::{self, Made, body};
use crate::clock::Instant;
use crate::measure::behaviour::{
    Analysis, Behaviour, BehaviourDigest, Candidate, ManagerBehaviour, Quote, Stage, StageScript, behaviour,
    window,
};
use crate::render::Part;
use crate::render::behaviour::{render, render_own};
use crate::render::tree::parts;
use crate::schedule::ReportKind;
use crate::schedule::runner::JobError;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::runs::RunRow;
use crate::text::lexicon::Lexicon;
use crate::text::mask::mask;

/// The digest of the week before the run's slot, from what is stored.
pub async fn make(settings: &Settings, store: &Store, run: &RunRow, now: Instant) -> Result<Made, JobError> {
    let digest = compute(settings, store, run, now).await?;
    Ok(Made {
        report: ReportKind::Behaviour,
        public_id: digest.public_id.clone(),
        period: digest.period,
        body: body(&digest)?,
        parts: messages(&digest, settings)?,
        own_parts: own_messages(&digest, settings)?,
        history: Vec::new(),
    })
}

/// The digest from stored facts. Reads the store, sends nothing.
pub async fn compute(
    settings: &Settings,
    store: &Store,
    run: &RunRow,
    now: Instant,
) -> Result<BehaviourDigest, JobError> {
    let period = report::span(ReportKind::Behaviour).before(run.slot_at, settings.zone);
    let analysis = store.analysis_state().await?.map_or_else(Analysis::default, |state| Analysis {
        waiting: state.waiting,
        since: Some(state.changed_at),
        counts_from: state.counts_from_at,
        is_mixed: state.waiting_history > 0,
    });
    let window = window(&period, &settings.thresholds);
    let known = Known::of(store).await?;
    let basis = Basis::read(settings, store, run, now, ("b", period), window, known).await?;
    let Behaviour { mut digest, candidates } =
        report::measured(move || behaviour(&basis.inputs(), &analysis)).await?;
    digest.scripts = scripts(store, candidates).await?;
    for one in &mut digest.managers {
        if let Some(focus) = &one.focus {
            one.wording = refine::wording(settings, store, focus).await?;
        }
    }
    Ok(digest)
}

/// What the team wrote at each stage, without anything personal. Stages of which nothing may be told are left out.
async fn scripts(
    store: &Store,
    candidates: Vec<(Stage, Vec<Candidate>)>,
) -> Result<Vec<StageScript>, JobError> {
    let mut scripts = Vec::new();
    for (stage, candidates) in candidates {
        let ids: Vec<i64> = candidates.iter().map(|one| one.message_id).collect();
        let texts = store.texts_of(&ids).await?;
        let quotes = texts.into_iter().map(|said| {
            let mask = mask(&said.text, Lexicon::shipped());
            Quote {
                chat_id: said.chat_id,
                is_masked: !mask.spans.is_empty(),
                text: mask.text,
                customer_name: said.customer_name,
            }
        });
        scripts.push(StageScript::fill(stage, quotes));
    }
    scripts.retain(|script| !script.lines.is_empty());
    Ok(scripts)
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
        let one = digest.managers.iter().find(|one| one.id == *id);
        let parts = one.map(|one| own_text(one, digest, settings)).transpose()?;
        Ok((chat.clone(), parts.unwrap_or_default()))
    });
    own.collect()
}

/// One manager's own text in Telegram messages.
pub fn own_text(
    one: &ManagerBehaviour,
    digest: &BehaviourDigest,
    settings: &Settings,
) -> Result<Vec<Part>, JobError> {
    let report = render_own(one, digest, &links(settings)).and_then(|report| parts(&report));
    report.map_err(report::render_failed)
}
