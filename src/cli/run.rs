//! `svodka run JOB`: one run now, beside the cron table.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use chrono::{NaiveDate, TimeDelta};
use tokio_util::sync::CancellationToken;

use super::preview::print_parts;
use crate::app::App;
use crate::clock::{Clock, Instant, SystemClock};
use crate::jobs::report;
use crate::outbound::Jitter;
use crate::schedule::Job;
use crate::schedule::runner::RunOutcome;
use crate::settings::{DeliveryMode, Settings};
use crate::store::outbox::DeliveryState;
use crate::store::runs::RunRow;
use crate::telemetry;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of the job in the cron table
    job: String,
    /// A local day of the day, week or month the report speaks about (default: the last that ended)
    #[arg(long = "for", value_name = "YYYY-MM-DD", value_parser = super::parse_day)]
    day: Option<NaiveDate>,
    /// Print the messages instead of sending them
    #[arg(long)]
    dry_run: bool,
}

/// How long the command waits for its messages to arrive.
const SEND_WITHIN: TimeDelta = TimeDelta::minutes(3);

/// Runs the job and waits until its messages are delivered.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let job = super::job(&settings, &args.job)?.clone();
    if args.day.is_some() && !job.report.has_messages() {
        return Err(super::UsageError(format!(
            "the job `{}` speaks about no day; leave --for out",
            job.name
        ))
        .into());
    }
    if !args.dry_run && job.report.has_messages() && settings.delivery == DeliveryMode::Telegram {
        settings.check_serve()?;
    }
    telemetry::start_logging(&settings.log)?;
    let clock = SystemClock;
    let slot_at = report::slot_for(&job, args.day, clock.now());
    let app = App::start(Arc::new(settings), Arc::new(clock), Jitter::from_os()).await?;
    if args.dry_run {
        return dry_run(&app, &job, slot_at).await;
    }
    let run_id = app.store.insert_manual_run(&job.name, slot_at, None, clock.now()).await?;
    say!("run {run_id} of `{}` for the slot {}", job.name, slot_at.with_timezone(&app.settings.zone));
    loop {
        match app.run_claimed(run_id, &CancellationToken::new()).await? {
            RunOutcome::Succeeded { .. } => break,
            RunOutcome::Retrying { reason, at, .. } => {
                say!("the attempt failed ({reason}); again at {}", at.with_timezone(&app.settings.zone));
                app.clock.sleep_until(at).await;
            }
            RunOutcome::Failed { .. } => {
                let note = app.store.find_run(run_id).await?.and_then(|run| run.note).unwrap_or_default();
                bail!("run {run_id} failed: {note}");
            }
            RunOutcome::Idle => {
                bail!("run {run_id} is held by another worker, or the job is running already")
            }
            outcome => bail!("run {run_id} was not finished here: {outcome:?}"),
        }
    }
    wait_for_deliveries(&app, run_id).await
}

/// Computes and prints; nothing is enqueued, the run is not recorded.
async fn dry_run(app: &App, job: &Job, slot_at: Instant) -> anyhow::Result<ExitCode> {
    let (now, run) = (app.clock.now(), manual_run(&job.name, slot_at, app.clock.now()));
    match report::make(&app.settings, &app.store, job.report, &run, now).await? {
        Some(made) => print_parts(&made.parts)?,
        None => bail!("`{}` makes no messages; --dry-run has nothing to print", job.name),
    }
    Ok(ExitCode::SUCCESS)
}

/// Sends from this process (a running worker may take part) until the run's messages have ended.
pub(super) async fn wait_for_deliveries(app: &App, run_id: i64) -> anyhow::Result<ExitCode> {
    let give_up_at = app.clock.now() + SEND_WITHIN;
    loop {
        let deliveries = app.store.list_run_deliveries(run_id).await?;
        let is_open = |state| matches!(state, DeliveryState::Pending | DeliveryState::Sending);
        if !deliveries.iter().any(|delivery| is_open(delivery.state)) {
            let bad: Vec<_> =
                deliveries.iter().filter(|delivery| delivery.state != DeliveryState::Sent).collect();
            say!("{} of {} messages sent", deliveries.len() - bad.len(), deliveries.len());
            for delivery in &bad {
                let reason = delivery.reason.as_deref().unwrap_or("no reason recorded");
                say!("  {} to `{}`: {:?} ({reason})", delivery.public_id, delivery.chat, delivery.state);
            }
            return Ok(if bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        if app.clock.now() >= give_up_at {
            bail!("the messages of run {run_id} are still on their way; `svodka serve` goes on sending them");
        }
        if !app.deliver_step().await? {
            app.clock.sleep(TimeDelta::milliseconds(200)).await;
        }
    }
}

/// A run that exists only for this computation.
pub(super) fn manual_run(job: &str, slot_at: Instant, now: Instant) -> RunRow {
    RunRow::unrecorded(job, slot_at, now)
}
