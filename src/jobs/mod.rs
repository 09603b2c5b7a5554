//! What each job does: which stages make which result.
//!
//! | report | does |
//! |---|---|
//! | `daily` | fresh facts → measures of the day before the slot → text → messages in the outbox |
//! | `weekly`, `monthly` | the same for the week or month before the slot, with movers, trends and examples |
//! | `bot_daily`, `bot_weekly`, `bot_monthly` | roll-ups of the bot's events → measures → text → messages |
//! | `sync` | reads what is new in the CRM |
//! | `reconcile` | reads the last days again and mends what increments missed |
//! | `receipt` | what was due in the week and what arrived, for ops |
//! | `quality` | what is doubtful about the data of the day before the slot, for ops |
//! | `backup` | copies the database to a file and reads it back |
//! | `rollup` | counts the bot's events of yesterday, today, and days with late ones |
//! | `bot_retention` | deletes old events of the bot that are proven to be counted |
//! | `retention` | deletes texts and calls of language models past their time |
//!
//! A job returns its result; the runner stores it in one transaction. Nothing is sent from here.

pub mod analysis;
pub mod attach;
pub mod backup;
mod basis;
pub mod behaviour;
pub mod bot;
pub mod bot_retention;
pub mod corrections;
pub mod daily;
pub mod diff;
pub mod export;
pub mod llm;
pub mod offsite;
pub mod quality;
pub mod readers;
pub mod receipt;
pub mod refine;
pub mod replay;
pub mod report;
pub mod retention;
pub mod rollup;
pub mod sync;
pub mod weekly;

use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::SharedClock;
use crate::collect::bot_events::BotEvents;
use crate::collect::retailcrm::RetailCrm;
use crate::measure::Period;
use crate::schedule::runner::{Execute, JobContext, JobError};
use crate::schedule::{Job, ReportKind};
use crate::settings::Settings;
use crate::store::Store;
use crate::store::runs::{Origin, RunResult};

/// Everything a job may use.
pub struct Work {
    pub settings: Arc<Settings>,
    pub store: Store,
    pub clock: SharedClock,
    /// `None` when no CRM is configured: digests are made from what is stored.
    pub crm: Option<RetailCrm>,
    /// One reading of the CRM at a time in this process: a digest waits for a running sync instead of doubling it.
    pub reading: tokio::sync::Mutex<()>,
    /// `None` when there is no bot.
    pub bot_events: Option<BotEvents>,
    /// The same for counting the bot's events.
    pub rolling: tokio::sync::Mutex<()>,
    /// `None` where nobody would answer a press.
    pub buttons: Option<Buttons>,
}

/// The keyboard under a digest: of which report and run, for which chat, about which period.
pub type Buttons = Arc<dyn Fn(ReportKind, i64, &str, &Period) -> Option<serde_json::Value> + Send + Sync>;

#[async_trait]
impl Execute for Work {
    async fn execute(&self, job: &Job, context: &JobContext) -> Result<RunResult, JobError> {
        if context.run.origin == Origin::Correction {
            return corrections::run(self, job, context).await;
        }
        let job = &readers::with_readers(&self.settings, &self.store, job).await?;
        let mut result = self.work(job, context).await?;
        self.add_buttons(job, context, &mut result);
        Ok(result)
    }
}

impl Work {
    /// The last message of a digest has the buttons to look deeper, each chat those that its role allows.
    fn add_buttons(&self, job: &Job, context: &JobContext, result: &mut RunResult) {
        let (Some(buttons), true) = (&self.buttons, result.digest.is_some()) else { return };
        let period = report::span(job.report).before(context.run.slot_at, self.settings.zone);
        for delivery in result.deliveries.iter_mut().filter(|one| one.part == one.part_count) {
            delivery.keyboard = buttons(job.report, context.run.id, &delivery.chat, &period);
        }
    }

    async fn work(&self, job: &Job, context: &JobContext) -> Result<RunResult, JobError> {
        match job.report {
            ReportKind::Daily | ReportKind::Weekly | ReportKind::Monthly => {
                report::run_fresh(self, job, context).await
            }
            ReportKind::Sync => sync::run(self, sync::Mode::Increment, context).await,
            ReportKind::Reconcile => sync::run(self, sync::Mode::Reconcile, context).await,
            ReportKind::Retention => retention::run(self, context).await,
            ReportKind::Receipt => report::run(self, job, context).await,
            ReportKind::Backup => backup::run(self, context).await,
            ReportKind::Behaviour => {
                refine::word_plans(self, context).await;
                report::run_fresh(self, job, context).await
            }
            ReportKind::Quality => quality::run(self, job, context).await,
            ReportKind::Rollup => rollup::run(self, context).await,
            ReportKind::BotRetention => bot_retention::run(self, context).await,
            ReportKind::BotDaily | ReportKind::BotWeekly | ReportKind::BotMonthly => {
                bot::run(self, job, context).await
            }
        }
    }
}
