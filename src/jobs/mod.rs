//! What each job does: which stages make which result.
//!
//! | report | does |
//! |---|---|
//! | `daily` | fresh facts → measures of the day before the slot → text → messages in the outbox |
//! | `weekly`, `monthly` | the same for the week or month before the slot, with movers, trends and examples |
//! | `sync` | reads what is new in the CRM |
//! | `reconcile` | reads the last days again and mends what increments missed |
//! | `retention` | deletes texts past their time |
//! | `receipt` | what was due in the week and what arrived, for ops |
//! | `quality` | what is doubtful about the data of the day before the slot, for ops |
//! | `backup` | copies the database to a file and reads it back |
//!
//! A job returns its result; the runner stores it in one transaction. Nothing is sent from here.

pub mod backup;
pub mod daily;
pub mod diff;
pub mod quality;
pub mod receipt;
pub mod replay;
pub mod report;
pub mod retention;
pub mod sync;
pub mod weekly;

use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::SharedClock;
use crate::collect::retailcrm::RetailCrm;
use crate::schedule::runner::{Execute, JobContext, JobError};
use crate::schedule::{Job, ReportKind};
use crate::settings::Settings;
use crate::store::Store;
use crate::store::runs::RunResult;

/// Everything a job may use.
pub struct Work {
    pub settings: Arc<Settings>,
    pub store: Store,
    pub clock: SharedClock,
    /// `None` when no CRM is configured: digests are made from what is stored.
    pub crm: Option<RetailCrm>,
    /// One reading of the CRM at a time in this process: a digest waits for a running sync instead of doubling it.
    pub reading: tokio::sync::Mutex<()>,
}

#[async_trait]
impl Execute for Work {
    async fn execute(&self, job: &Job, context: &JobContext) -> Result<RunResult, JobError> {
        match job.report {
            ReportKind::Daily | ReportKind::Weekly | ReportKind::Monthly => {
                report::run_fresh(self, job, context).await
            }
            ReportKind::Sync => sync::run(self, sync::Mode::Increment, context).await,
            ReportKind::Reconcile => sync::run(self, sync::Mode::Reconcile, context).await,
            ReportKind::Retention => retention::run(self, context).await,
            ReportKind::Receipt => report::run(self, job, context).await,
            ReportKind::Backup => backup::run(self, context).await,
            ReportKind::Behaviour => not_built(job),
            ReportKind::Quality => quality::run(self, job, context).await,
            ReportKind::Rollup => not_built(job),
            ReportKind::BotDaily | ReportKind::BotWeekly | ReportKind::BotMonthly => not_built(job),
            ReportKind::BotRetention => not_built(job),
        }
    }
}

/// Goes as soon as each report above is there.
fn not_built(job: &Job) -> Result<RunResult, JobError> {
    let note = format!("the report {} does not exist yet", job.report.as_str());
    Err(JobError { reason: "not_built", note, is_permanent: true })
}
