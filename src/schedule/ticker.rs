//! The wake-up call. `tokio-cron-scheduler` pokes a [`Notify`] once a second, in UTC, and decides nothing.
//!
//! It is not trusted with more: its zoned jobs fire an hour off after a change of clocks, overlap, and lose what was
//! due while the process was down. The planner asks the store what is due, and sweeps every 15 s without any tick.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// Keeps the ticks coming until dropped or stopped.
pub struct Ticker {
    scheduler: JobScheduler,
}

impl Ticker {
    /// Starts poking `wake` every second.
    ///
    /// # Errors
    /// Only when the scheduler's own task cannot start.
    pub async fn start(wake: Arc<Notify>) -> Result<Self, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        let tick = Job::new_async("* * * * * *", move |_, _| {
            let wake = wake.clone();
            Box::pin(async move { wake.notify_one() })
        })?;
        scheduler.add(tick).await?;
        scheduler.start().await?;
        Ok(Self { scheduler })
    }

    /// Stops the ticks.
    pub async fn stop(mut self) {
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::debug!(reason = "ticker", "the ticker did not stop cleanly: {error}");
        }
    }
}
