//! `svodka jobs` and `svodka runs`: the cron table and what came of it.

use std::process::ExitCode;

use serde_json::json;

use crate::clock::{Clock, SystemClock};
use crate::settings::Settings;
use crate::store::runs::{Origin, RunRow, RunState};

/// Fire times shown per job.
const NEXT_COUNT: usize = 3;

#[derive(Debug, clap::Args)]
pub(super) struct JobsArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct RunsArgs {
    /// Only this job
    #[arg(long)]
    job: Option<String>,
    /// How many, latest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=1000))]
    limit: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints the cron table.
pub(super) async fn jobs(args: JobsArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let store = super::open_store(&settings).await?;
    let rows = store.list_jobs().await?;
    let now = SystemClock.now();
    let mut table = Vec::new();
    for job in settings.jobs.values() {
        let row = rows.iter().find(|row| row.name == job.name);
        let next: Vec<_> = job
            .schedule
            .after(now)
            .take(NEXT_COUNT)
            .map(|slot| slot.with_timezone(&job.schedule.zone()))
            .collect();
        let paused = row.filter(|row| row.paused_at.is_some());
        if args.json {
            table.push(json!({
                "job": job.name, "report": job.report, "cron": job.schedule.line(), "zone": job.schedule.zone().name(),
                "chats": job.chats, "next": next.iter().map(|at| at.to_rfc3339()).collect::<Vec<_>>(),
                "paused": paused.map(|row| json!({ "by": row.paused_by, "reason": row.pause_reason })),
            }));
        } else {
            let state = paused.map_or_else(String::new, |row| {
                format!(
                    "  (paused by {}: {})",
                    row.paused_by.as_deref().unwrap_or("?"),
                    row.pause_reason.as_deref().unwrap_or("?")
                )
            });
            say!(
                "{:<12} {:<10} {:<16} → {}{state}",
                job.name,
                job.report.as_str(),
                job.schedule.line(),
                job.chats.join(", ")
            );
            for at in next {
                say!("{:>13}{}", "", at.format("%a %Y-%m-%d %H:%M %Z"));
            }
        }
    }
    if args.json {
        say!("{}", serde_json::to_string_pretty(&table)?);
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints past runs.
pub(super) async fn runs(args: RunsArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let store = super::open_store(&settings).await?;
    let runs = store.list_runs(args.job.as_deref(), args.limit).await?;
    if args.json {
        let table: Vec<_> = runs
            .iter()
            .map(|run| {
                json!({
                    "run": run.id, "job": run.job, "slot": run.slot_at, "origin": run.origin.as_str(), "state": state(run.state),
                    "attempts": run.attempt_count, "started_at": run.started_at, "finished_at": run.finished_at,
                    "late_secs": late_secs(run),
                    "duration_ms": run.finished_at.zip(run.started_at).map(|(end, start)| (end - start).num_milliseconds()),
                    "reason": run.reason, "note": run.note, "for_record": run.is_for_record,
                })
            })
            .collect();
        say!("{}", serde_json::to_string_pretty(&table)?);
        return Ok(ExitCode::SUCCESS);
    }
    if runs.is_empty() {
        say!("no runs yet");
    }
    for run in &runs {
        let late =
            run.started_at.map_or("—".to_owned(), |at| format!("{} s", (at - run.slot_at).num_seconds()));
        let took = run.finished_at.zip(run.started_at).map_or("—".to_owned(), |(end, start)| {
            format!("{:.1} s", (end - start).num_milliseconds() as f64 / 1000.0)
        });
        let why = run.reason.as_deref().or(run.note.as_deref()).unwrap_or_default();
        say!(
            "{:>6} {:<12} {} {:<10} {:<10} late {late:<8} took {took:<8} {why}",
            run.id,
            run.job,
            run.slot_at.with_timezone(&settings.zone).format("%Y-%m-%d %H:%M"),
            run.origin.as_str(),
            state(run.state),
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Seconds from the slot to the first attempt. A manual run comes when somebody asks, so it has none.
fn late_secs(run: &RunRow) -> Option<i64> {
    let started_at = run.started_at.filter(|_| run.origin == Origin::Cron)?;
    Some((started_at - run.slot_at).num_seconds())
}

pub(super) fn state(state: RunState) -> &'static str {
    match state {
        RunState::Planned => "planned",
        RunState::Running => "running",
        RunState::Succeeded => "succeeded",
        RunState::Failed => "failed",
        RunState::Skipped => "skipped",
    }
}
