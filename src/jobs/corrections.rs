//! Digests that late data made untrue, corrected where they stand.
//!
//! After each reading of the CRM every digest that may still be corrected is computed once more ([`look`]). Where its
//! figures differ from those last told, a run of its own ([`Origin::Correction`]) stores the new digest as a new version
//! and edits the messages; the first version stays under its run. It decides by state and not by events, so what one
//! look missed the next one sees. Who waited at the moment of the digest is left as it was said.
//!
//! A chat is corrected when every part of the digest is known to stand there, and no more after a correction was refused.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::report::{self, SENDING_GRACE, body, render_failed};
use super::{Work, daily, replay};
use crate::clock::Instant;
use crate::collect::{SOURCE_CHATS, SOURCE_ORDERS};
use crate::measure::Period;
use crate::measure::digest::{Coverage, DailyDigest};
use crate::measure::history::history_rows;
use crate::render::correction::{corrected, emptied, figures};
use crate::render::daily::render_again;
use crate::render::{Part, tree};
use crate::schedule::runner::{JobContext, JobError};
use crate::schedule::{Job, ReportKind};
use crate::settings::Settings;
use crate::store::Store;
use crate::store::outbox::{Action, DeliveryRow, DeliveryState, NewDelivery, Policy};
use crate::store::runs::{Origin, RunResult, RunRow, RunState, StoredDigest};

/// Runs of a job looked at: more than fit into the longest window of a daily job run by hand many times.
const MOST_RUNS: i64 = 50;

/// What a corrected digest's snapshot says beside the digest.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Correction {
    corrected_at: Instant,
    /// The run whose digest readers saw first; the marks compare with it.
    of_run_id: i64,
}

/// A digest that stands in chats and may be corrected.
struct Shown {
    run: RunRow,
    /// As it was sent first.
    first: DailyDigest,
    /// As it was told last.
    last: DailyDigest,
    /// By chat, the message of each part in order.
    chats: BTreeMap<String, Vec<ShownPart>>,
    /// Until when it may be corrected.
    until: Instant,
}

/// A message that stands in a chat.
struct ShownPart {
    /// Key of the delivery that became the message.
    key: String,
    /// What it says now.
    html: String,
}

/// Requests a correction of every digest whose figures changed. Returns how many were requested.
pub async fn look(work: &Work) -> Result<usize, JobError> {
    let mut requested = 0;
    for job in work.settings.jobs.values().filter(|job| job.corrections.is_some()) {
        for run in work.store.list_runs(Some(&job.name), MOST_RUNS).await? {
            let now = work.clock.now();
            let Some(shown) = shown(work, job, run, None, now).await? else { continue };
            if again(work, &shown).await?.is_some()
                && let Some(id) = work.store.insert_correction(shown.run.id, now).await?
            {
                tracing::info!(
                    job.name,
                    run.id = id,
                    "late data changed the figures of run {}",
                    shown.run.id
                );
                requested += 1;
            }
        }
    }
    Ok(requested)
}

/// One attempt at a correction.
pub async fn run(work: &Work, job: &Job, context: &JobContext) -> Result<RunResult, JobError> {
    let nothing = |note: &str| RunResult { note: Some(note.to_owned()), ..RunResult::default() };
    let of = context.run.corrects_run_id.unwrap_or_default();
    let Some(run) = work.store.find_run(of).await? else { return Ok(nothing("the run is gone")) };
    let Some(shown) = shown(work, job, run, Some(context.run.id), context.now).await? else {
        return Ok(nothing("no message can be corrected any more"));
    };
    let Some(digest) = again(work, &shown).await? else {
        return Ok(nothing("the figures are as they were told"));
    };
    let correction = Correction { corrected_at: context.now, of_run_id: shown.run.id };
    let parts = messages(&digest, &shown.first, &correction, &work.settings)?;
    let deliveries = deliveries(&shown.chats, shown.until, &digest.public_id, &parts, context.run.id);
    let mut snapshot = body(&digest)?;
    snapshot["correction"] = body(&correction)?;
    Ok(RunResult {
        note: Some(format!("{} edits for {} chats", deliveries.len(), shown.chats.len())),
        digest: Some(StoredDigest {
            report: job.report.as_str().to_owned(),
            public_id: digest.public_id.clone(),
            period_from: digest.period.from,
            period_to: digest.period.to,
            body: snapshot,
        }),
        history: report::history(ReportKind::Daily, &digest.period, history_rows(&digest)),
        deliveries,
        files: Vec::new(),
        lacks: None,
    })
}

/// The messages of a correction's snapshot; `None` when it is none.
///
/// # Errors
/// `snapshot_version` as for any digest, also when the first version is gone.
pub async fn replay(
    store: &Store,
    stored: &StoredDigest,
    settings: &Settings,
) -> Result<Option<Vec<Part>>, JobError> {
    let (digest, Some(correction)) = split(stored)? else { return Ok(None) };
    let Some(first) = store.find_digest(correction.of_run_id).await? else { return Ok(None) };
    messages(&digest, &split(&first)?.0, &correction, settings).map(Some)
}

/// What stands in the chats, if it may be corrected at `now`; `own` is the correction that asks.
async fn shown(
    work: &Work,
    job: &Job,
    run: RunRow,
    own: Option<i64>,
    now: Instant,
) -> Result<Option<Shown>, JobError> {
    let Some(window) = job.corrections else { return Ok(None) };
    if run.state != RunState::Succeeded || run.origin == Origin::Correction || run.is_for_record {
        return Ok(None);
    }
    let mut rows = work.store.list_run_deliveries(run.id).await?;
    let arrived_at =
        rows.iter().filter(|row| row.state == DeliveryState::Sent).filter_map(|row| row.finished_at).max();
    let Some(until) = arrived_at.map(|at| at + TimeDelta::from_std(window).unwrap_or(TimeDelta::MAX)) else {
        return Ok(None);
    };
    let Some(first) = work.store.find_digest(run.id).await?.filter(|_| now < until) else { return Ok(None) };
    let mut last = None;
    for correction in work.store.list_corrections(run.id).await? {
        if matches!(correction.state, RunState::Planned | RunState::Running) && own != Some(correction.id) {
            return Ok(None);
        }
        rows.extend(work.store.list_run_deliveries(correction.id).await?);
        last = work.store.find_digest(correction.id).await?.or(last);
    }
    let chats = standing(&rows);
    let is_under_way = |row: &DeliveryRow| !matches!(row.state, DeliveryState::Sent | DeliveryState::Dead);
    if chats.is_empty() || rows.iter().any(is_under_way) {
        return Ok(None);
    }
    let first = split(&first)?.0;
    let last = last.map(|last| split(&last)).transpose()?.map_or_else(|| first.clone(), |(last, _)| last);
    Ok(Some(Shown { run, first, last, chats, until }))
}

/// By chat, the messages of the digest, where each part and each correction so far arrived.
fn standing(rows: &[DeliveryRow]) -> BTreeMap<String, Vec<ShownPart>> {
    let mut chats: BTreeMap<String, Option<Vec<ShownPart>>> = BTreeMap::new();
    // Rows come by run, chat and part: first the digest, then one correction after the other.
    for row in rows {
        let parts = chats.entry(row.chat.clone()).or_insert_with(|| Some(Vec::new()));
        if row.state != DeliveryState::Sent || row.message_id.is_none() {
            *parts = None;
        }
        let Some(parts) = parts else { continue };
        match row.action.edited_key() {
            None => parts.push(ShownPart { key: row.key.clone(), html: row.html.clone() }),
            Some(key) => {
                if let Some(part) = parts.iter_mut().find(|part| part.key == key) {
                    part.html.clone_from(&row.html);
                }
            }
        }
    }
    chats.into_iter().filter_map(|(chat, parts)| Some((chat, parts?))).collect()
}

/// The digest from what is known now; `None` when its figures are those last told.
async fn again(work: &Work, shown: &Shown) -> Result<Option<DailyDigest>, JobError> {
    let (settings, store) = (&work.settings, &work.store);
    let Shown { run, first, last, .. } = shown;
    let period = Period::day_before(run.slot_at, settings.zone);
    let chats = daily::coverage(store, SOURCE_CHATS).await?;
    let orders = daily::coverage(store, SOURCE_ORDERS).await?;
    let mut digest = daily::compute(settings, store, run, first.computed_at, &period, chats, orders).await?;
    keep_moment(&mut digest, first);
    // That more is known by now is no news as long as the day was known whole before.
    let mut compared = digest.clone();
    if (digest.chat_coverage, last.chat_coverage) == (Coverage::Complete, Coverage::Complete) {
        compared.chats_known_until = last.chats_known_until;
    }
    if (digest.order_coverage, last.order_coverage) == (Coverage::Complete, Coverage::Complete) {
        compared.orders_known_until = last.orders_known_until;
    }
    let links = daily::links(settings);
    let told = |digest: &DailyDigest| {
        render_again(digest, first, &links).and_then(|report| figures(&report)).map_err(render_failed)
    };
    Ok((told(&compared)? != told(last)?).then_some(digest))
}

/// What was said about the moment of the digest stays said: who waited then, and how late it came.
fn keep_moment(digest: &mut DailyDigest, first: &DailyDigest) {
    digest.waiting.clone_from(&first.waiting);
    digest.late_secs = first.late_secs;
    for block in &mut digest.managers {
        let before = first.managers.iter().find(|before| before.id == block.id);
        block.waiting_now = match before {
            Some(before) => before.waiting_now,
            // A manager the first version did not name: their people are in its list all the same.
            None => {
                let of = |name: &Option<String>| match block.id {
                    Some(_) => name.as_deref() == Some(block.name.as_str()),
                    None => name.is_none(),
                };
                first.waiting.iter().flatten().filter(|one| of(&one.manager)).count() as u64
            }
        };
    }
}

fn messages(
    digest: &DailyDigest,
    first: &DailyDigest,
    correction: &Correction,
    settings: &Settings,
) -> Result<Vec<Part>, JobError> {
    let links = daily::links(settings);
    let report = render_again(digest, first, &links).map_err(render_failed)?;
    let before = render_again(first, first, &links).map_err(render_failed)?;
    corrected(&report, &before, correction.corrected_at, digest.period.zone)
        .and_then(|report| tree::parts(&report))
        .map_err(render_failed)
}

/// Edits of the messages that change. A part more than stands there is a new, silent message; one less leaves a message
/// that says so.
fn deliveries(
    chats: &BTreeMap<String, Vec<ShownPart>>,
    until: Instant,
    public_id: &str,
    parts: &[Part],
    run_id: i64,
) -> Vec<NewDelivery> {
    let empty = emptied(public_id);
    let mut deliveries = Vec::new();
    for (chat, standing) in chats {
        for index in 0..parts.len().max(standing.len()) {
            let (html, plain) = match parts.get(index) {
                Some(part) => (&part.html, &part.plain),
                None => (&empty, &empty),
            };
            let action = match standing.get(index) {
                Some(before) if before.html == *html => continue,
                Some(before) => Action::Correct { of_key: before.key.clone() },
                None => Action::Send,
            };
            deliveries.push(NewDelivery {
                key: format!("run:{run_id}/{chat}/{}", index + 1),
                run_id: Some(run_id),
                chat: chat.clone(),
                part: index as i64 + 1,
                part_count: parts.len() as i64,
                action,
                html: html.clone(),
                plain: plain.clone(),
                public_id: public_id.to_owned(),
                policy: Policy::AtLeastOnce,
                expires_at: Some(until + SENDING_GRACE),
                is_silent: true,
                keyboard: None,
            });
        }
    }
    deliveries
}

/// A snapshot as digest and, when it is a correction's, what it says about that.
fn split(stored: &StoredDigest) -> Result<(DailyDigest, Option<Correction>), JobError> {
    let mut stored = stored.clone();
    let correction = stored.body.as_object_mut().and_then(|fields| fields.remove("correction"));
    let digest = replay::read(&stored)?;
    let correction = correction.map(serde_json::from_value).transpose();
    Ok((digest, correction.map_err(|error| replay::another_version(&error.to_string()))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which message is edited (by its key) or, without one, sent, and what it says then.
    fn made(standing: &[&str], parts: &[&str]) -> Vec<(Option<String>, String)> {
        let part = |html: &&str| Part { html: (*html).to_owned(), plain: (*html).to_owned() };
        let stands = |html: &&str| ShownPart { key: format!("was {html}"), html: (*html).to_owned() };
        let chats = BTreeMap::from([("managers".to_owned(), standing.iter().map(stands).collect())]);
        let parts: Vec<Part> = parts.iter().map(part).collect();
        let made = deliveries(&chats, Instant::UNIX_EPOCH, "d-1", &parts, 7);
        assert!(made.iter().all(|one| one.is_silent && one.key.starts_with("run:7/managers/")));
        made.into_iter().map(|one| (one.action.edited_key().map(str::to_owned), one.html)).collect()
    }

    fn is(edited: Option<&str>, html: &str) -> (Option<String>, String) {
        (edited.map(str::to_owned), html.to_owned())
    }

    #[test]
    fn only_parts_that_change_are_edited() {
        assert_eq!(made(&["a", "b"], &["a", "B"]), [is(Some("was b"), "B")]);
        assert_eq!(made(&["a"], &["a"]), []);
    }

    #[test]
    fn a_part_more_is_a_new_message_and_one_less_says_that_it_is_empty() {
        assert_eq!(made(&["a"], &["A", "B"]), [is(Some("was a"), "A"), is(None, "B")]);
        let emptied = emptied("d-1");
        assert_eq!(made(&["a", "b"], &["A"]), [is(Some("was a"), "A"), is(Some("was b"), &emptied)]);
        assert_eq!(made(&["a", &emptied], &["A"]), [is(Some("was a"), "A")]);
    }
}
