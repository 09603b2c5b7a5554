//! Charts and workbooks that go with a digest, each a message of its own after the text.
//!
//! They are an addition: one that cannot be made is told in the log and left out, and the digest goes without it. What is made is
//! stored with the digest in one transaction and sent by the outbox.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};
use metrics::counter;
use serde::de::DeserializeOwned;

use super::report::{self, Made};
use crate::chart::{Chart, DayPoint, Fonts, of_bot, of_weekly, paint};
use crate::measure::bot::BotDigest;
use crate::measure::load::load;
use crate::measure::weekly::WeeklyDigest;
use crate::render::attachment::{Attached, caption};
use crate::schedule::runner::{JobContext, JobError};
use crate::schedule::{Job, ReportKind};
use crate::settings::Settings;
use crate::settings::exports::Attach;
use crate::store::Store;
use crate::store::files::{FileKind, NewFile};
use crate::store::outbox::{Action, NewDelivery};

/// Days on the bot's chart by day.
const BOT_DAYS: u64 = 28;

/// A file made for a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeFile {
    /// `trend.png`: as the reader sees it.
    pub name: String,
    pub title: &'static str,
    pub kind: FileKind,
    pub content: Vec<u8>,
}

/// What the job attaches to this digest; what cannot be made is left out.
pub async fn files(settings: &Settings, store: &Store, job: &str, made: &Made) -> Vec<MadeFile> {
    let nothing = BTreeSet::new();
    let mut files = Vec::new();
    for wanted in settings.attachments.get(job).unwrap_or(&nothing) {
        let result = match wanted {
            Attach::Charts => charts(store, made).await,
            Attach::Xlsx => super::export::workbook(settings, store, made).await.map(|file| vec![file]),
        };
        match result {
            Ok(more) => files.extend(more),
            Err(error) => {
                counter!("svodka_attachments_failed_total", "reason" => error.reason).increment(1);
                tracing::warn!(
                    job.name = job,
                    reason = error.reason,
                    "a file of the digest {} cannot be made, it goes without: {}",
                    made.public_id,
                    error.note
                );
            }
        }
    }
    files
}

/// The charts of a digest; empty for a report that has none.
pub async fn charts(store: &Store, made: &Made) -> Result<Vec<MadeFile>, JobError> {
    match made.report {
        ReportKind::Weekly | ReportKind::Monthly => {
            let digest: WeeklyDigest = digest(made)?;
            let facts = store.facts_between(digest.period.from, digest.period.to).await?;
            drawn(move |fonts| of_weekly(&digest, Some(&load(&facts, &digest.period)), fonts)).await
        }
        ReportKind::BotDaily | ReportKind::BotWeekly | ReportKind::BotMonthly => {
            let digest: BotDigest = digest(made)?;
            let days = bot_days(store, &digest).await?;
            drawn(move |fonts| of_bot(&digest, &days, fonts)).await
        }
        _ => Ok(Vec::new()),
    }
}

async fn bot_days(store: &Store, digest: &BotDigest) -> Result<Vec<DayPoint>, JobError> {
    if !digest.events_coverage.is_complete() {
        return Ok(Vec::new());
    }
    let until_on = digest.period.to_on;
    let from_on = digest.period.from_on.min(until_on - Days::new(BOT_DAYS));
    let mut days = Vec::new();
    for day_on in NaiveDate::iter_days(&from_on).take_while(|day_on| *day_on < until_on) {
        let known = store.find_bot_day(day_on).await?;
        days.push(DayPoint {
            day_on,
            dau: known.as_ref().map(|day| day.dau),
            carts_created: known.as_ref().map(|day| day.carts_created),
        });
    }
    // Days before the bot was first counted.
    let unknown = days.iter().take_while(|day| day.dau.is_none()).count();
    Ok(days.split_off(unknown))
}

/// Drawing takes tens of milliseconds a picture, so it is done where it holds up nobody.
async fn drawn(
    compose: impl FnOnce(&Fonts) -> Vec<Chart> + Send + 'static,
) -> Result<Vec<MadeFile>, JobError> {
    let drawn = report::measured(move || {
        let fonts = Fonts::embedded()?;
        let png = |chart: Chart| {
            let (name, content) = (format!("{}.png", chart.name), paint(&chart.scene, &fonts)?);
            Ok(MadeFile { name, title: chart.title, kind: FileKind::Photo, content })
        };
        compose(&fonts).into_iter().map(png).collect::<Result<Vec<_>, crate::chart::ChartError>>()
    });
    drawn.await?.map_err(|error| JobError {
        reason: "chart_failed",
        note: error.to_string(),
        is_permanent: true,
    })
}

fn digest<D: DeserializeOwned>(made: &Made) -> Result<D, JobError> {
    serde_json::from_value(made.body.clone()).map_err(|error| JobError {
        reason: "digest_not_storable",
        note: error.to_string(),
        is_permanent: true,
    })
}

/// The messages that send the files, behind the texts. A chat that is one manager's gets none: they show everybody.
pub fn deliveries(
    files: &[MadeFile],
    made: &Made,
    settings: &Settings,
    job: &Job,
    context: &JobContext,
) -> Vec<NewDelivery> {
    let (run_id, count) = (context.run.id, files.len());
    let mut deliveries = Vec::new();
    for chat in job.chats.iter().filter(|chat| !settings.chat_managers.contains_key(*chat)) {
        let texts = made.parts_for(chat).len() as i64;
        for (number, file) in (1..).zip(files) {
            let (title, public_id) = (file.title, made.public_id.as_str());
            let part = caption(&Attached { title, period: &made.period, public_id, number, count });
            deliveries.push(NewDelivery {
                key: format!("run:{run_id}/{chat}/file/{number}"),
                run_id: Some(run_id),
                chat: chat.clone(),
                part: texts + number as i64,
                part_count: texts + count as i64,
                action: Action::SendFile { file_key: file_key(run_id, &file.name) },
                html: part.html,
                plain: part.plain,
                public_id: made.public_id.clone(),
                policy: job.policy,
                expires_at: Some(report::expires_at(job, context)),
                is_silent: true,
                keyboard: None,
            });
        }
    }
    deliveries
}

/// The files as they are kept.
pub fn kept(files: Vec<MadeFile>, run_id: i64) -> Vec<NewFile> {
    let kept = |file: MadeFile| NewFile {
        key: file_key(run_id, &file.name),
        name: file.name,
        kind: file.kind,
        content: file.content,
    };
    files.into_iter().map(kept).collect()
}

fn file_key(run_id: i64, name: &str) -> String {
    format!("run:{run_id}/{name}")
}
