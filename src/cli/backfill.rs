//! `svodka backfill JOB`: the digests of past days, weeks or months, for the record or for the chats.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use chrono::NaiveDate;

use super::run::wait_for_deliveries;
use crate::app::App;
use crate::clock::{Clock, SystemClock};
use crate::jobs::report::slot_for;
use crate::outbound::Jitter;
use crate::settings::{DeliveryMode, Settings};
use crate::store::runs::RunState;
use crate::telemetry;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of the job in the cron table
    job: String,
    /// First local day; of a weekly or monthly job its whole week or month is filled
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = super::parse_day)]
    from: NaiveDate,
    /// Last local day, included
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = super::parse_day)]
    to: NaiveDate,
    /// Send the digests to the chats of the job too
    #[arg(long)]
    deliver: bool,
}

/// Fills one after another; stops at the first that fails.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let job = super::job(&settings, &args.job)?.clone();
    if args.deliver && settings.delivery == DeliveryMode::Telegram {
        settings.check_serve()?;
    }
    telemetry::start_logging(&settings.log)?;
    let app = App::start(Arc::new(settings), Arc::new(SystemClock), Jitter::from_os()).await?;
    let days = app.backfill_days(&job, args.from, args.to).await?.map_err(super::UsageError)?;
    let mut code = ExitCode::SUCCESS;
    for (number, day) in (1..).zip(&days) {
        let slot_at = slot_for(&job, Some(*day), SystemClock.now());
        let run = app.backfill_slot(&job, slot_at, args.deliver).await?;
        if matches!(run.state, RunState::Planned | RunState::Running) {
            bail!(
                "{day}: run {} waits for another worker, which has it or another run of `{}` (see: svodka runs); it goes \
                 on by itself, so begin after it: --from {}",
                run.id,
                job.name,
                *day + chrono::Days::new(1)
            );
        }
        if run.state != RunState::Succeeded {
            let note = run.note.unwrap_or_default();
            bail!("{day}: run {} failed: {note}; go on later with --from {day}", run.id);
        }
        say!("{number}/{}  {day}  run {}", days.len(), run.id);
        if args.deliver && wait_for_deliveries(&app, run.id).await? != ExitCode::SUCCESS {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
