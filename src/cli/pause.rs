//! `svodka pause` and `svodka resume`: a job that stands still says who stopped it, and why.

use std::process::ExitCode;

use crate::clock::{Clock, SystemClock};
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct PauseArgs {
    /// Name of the job in the cron table
    job: String,
    /// Who pauses it
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct ResumeArgs {
    /// Name of the job in the cron table
    job: String,
}

/// Pauses; a job paused before keeps its first author, and the command says so.
pub(super) async fn pause(args: PauseArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let job = super::job(&settings, &args.job)?;
    let store = super::open_store(&settings).await?;
    let now = SystemClock.now();
    if !store.pause_job(&job.name, &args.by, &args.reason, now).await? {
        // No worker has run yet: the job is made known as a worker would do.
        let next = job.schedule.next_after(now);
        store.register_job(&job.name, &job.schedule.fingerprint(), next, now).await?;
        store.pause_job(&job.name, &args.by, &args.reason, now).await?;
    }
    let rows = store.list_jobs().await?;
    let row = rows.iter().find(|row| row.name == job.name);
    match row.and_then(|row| row.paused_at).filter(|at| (now - *at).num_seconds() > 0) {
        Some(at) => say!(
            "`{}` is paused already, since {} by {}: {}",
            job.name,
            at.with_timezone(&settings.zone).format("%Y-%m-%d %H:%M"),
            row.and_then(|row| row.paused_by.as_deref()).unwrap_or("?"),
            row.and_then(|row| row.pause_reason.as_deref()).unwrap_or("?")
        ),
        None => say!("`{}` is paused; its slots are recorded as skipped until: svodka resume {0}", job.name),
    }
    Ok(ExitCode::SUCCESS)
}

/// Resumes; slots skipped meanwhile are not made up for.
pub(super) async fn resume(args: ResumeArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let job = super::job(&settings, &args.job)?;
    let store = super::open_store(&settings).await?;
    let now = SystemClock.now();
    let is_paused =
        store.list_jobs().await?.iter().any(|row| row.name == job.name && row.paused_at.is_some());
    if !is_paused {
        say!("`{}` is not paused", job.name);
        return Ok(ExitCode::SUCCESS);
    }
    store.resume_job(&job.name, now).await?;
    let next = job.schedule.next_after(now).map_or("never".to_owned(), |at| {
        at.with_timezone(&job.schedule.zone()).format("%a %Y-%m-%d %H:%M %Z").to_string()
    });
    say!("`{}` goes on; its next slot is {next}", job.name);
    Ok(ExitCode::SUCCESS)
}
