//! `svodka preview REPORT`: what would be sent, from what is stored.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{NaiveDate, TimeDelta};

use super::{BotPeriod, Format, Report, UsageError};
use crate::clock::{Clock, SystemClock};
use crate::jobs::attach::charts;
use crate::jobs::behaviour;
use crate::jobs::report::{self, Made};
use crate::measure::behaviour::ManagerBehaviour;
use crate::render::Part;
use crate::schedule::ReportKind;
use crate::settings::Settings;
use crate::store::Store;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which report
    report: Report,
    /// A local day of the day, week or month it speaks about (default: the last that ended)
    #[arg(long = "for", value_name = "YYYY-MM-DD", value_parser = super::parse_day)]
    day: Option<NaiveDate>,
    /// Of the report `bot` (default: today)
    #[arg(long)]
    period: Option<BotPeriod>,
    /// Of the report `behaviour`: this manager's own text. A name, a part of one, or an id such as crm:28
    #[arg(long, value_name = "NAME")]
    manager: Option<String>,
    /// Also write the charts of the report as PNG files into this folder
    #[arg(long, value_name = "DIR")]
    charts: Option<PathBuf>,
    /// text: as people read it; html: as Telegram gets it
    #[arg(long, default_value = "text")]
    format: Format,
}

/// Renders and prints; sends nothing and writes nothing.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.period.is_some() && args.report != Report::Bot {
        let problem = "--period belongs to the report `bot`; name a day of the period with --for";
        return Err(UsageError(problem.to_owned()).into());
    }
    if args.manager.is_some() && args.report != Report::Behaviour {
        return Err(UsageError("--manager belongs to the report `behaviour`".to_owned()).into());
    }
    let settings = Settings::load()?;
    let store = super::open_store(&settings).await?;
    let (report, now) = (args.report.kind(args.period.unwrap_or(BotPeriod::Today)), SystemClock.now());
    let span = report::span(report);
    let period = match args.day {
        Some(day) => span.containing(day, settings.zone),
        None if report == ReportKind::BotDaily => {
            span.containing(now.with_timezone(&settings.zone).date_naive(), settings.zone)
        }
        None => span.before(now, settings.zone),
    };
    let mut managers = Vec::new();
    // Any slot of the first day after it speaks about this period.
    let slot_at = period.to + TimeDelta::hours(9);
    let run = super::run::manual_run(report.as_str(), slot_at, now);
    let parts = if args.report == Report::Behaviour {
        let digest = behaviour::compute(&settings, &store, &run, now).await?;
        match &args.manager {
            Some(name) => behaviour::own_text(manager(&digest.managers, name)?, &digest, &settings)?,
            None => {
                let parts = behaviour::messages(&digest, &settings)?;
                managers = digest.managers;
                parts
            }
        }
    } else {
        let made = report::make(&settings, &store, report, &run, now).await?;
        if let (Some(folder), Some(made)) = (&args.charts, &made) {
            write_charts(&store, made, folder).await?;
        }
        made.map(|made| made.parts).unwrap_or_default()
    };
    if parts.is_empty() {
        say!("nothing to say about this period: no message would be sent");
    }
    match args.format {
        Format::Text => print_parts(&parts)?,
        Format::Html => {
            for part in &parts {
                say!("{}\n", part.html);
            }
        }
    }
    for one in managers {
        say!("--manager {}  {}", one.id, one.name);
    }
    Ok(ExitCode::SUCCESS)
}

/// The manager that is meant: by id, by the whole name, or by a part of it that no other name has.
fn manager<'a>(all: &'a [ManagerBehaviour], asked: &str) -> Result<&'a ManagerBehaviour, UsageError> {
    let lower = asked.trim().to_lowercase();
    let exact = all.iter().filter(|one| one.id.to_string() == lower || one.name.to_lowercase() == lower);
    let part = all.iter().filter(|one| !lower.is_empty() && one.name.to_lowercase().contains(&lower));
    let found: Vec<_> = exact.collect();
    let found = if found.is_empty() { part.collect() } else { found };
    if let [one] = found[..] {
        return Ok(one);
    }
    let names: Vec<String> = all.iter().map(|one| format!("{} ({})", one.name, one.id)).collect();
    let problem = if found.is_empty() { "nobody" } else { "more than one manager" };
    Err(UsageError(format!(
        "--manager: {problem} with conversations in this week is called `{asked}`; there are: {}",
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    )))
}

/// The charts that the digest would take along, were they attached.
async fn write_charts(store: &Store, made: &Made, folder: &Path) -> anyhow::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let charts = charts(store, made).await?;
    if charts.is_empty() {
        eprintln!("svodka: there is nothing to draw for this report and period");
    }
    for chart in charts {
        let path = folder.join(&chart.name);
        tokio::fs::write(&path, chart.content).await?;
        eprintln!("svodka: {} ({})", path.display(), chart.title);
    }
    Ok(())
}

/// Prints messages as people read them, with a rule between parts.
pub(super) fn print_parts(parts: &[Part]) -> std::io::Result<()> {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            say!("\n{}\n", "─".repeat(40));
        }
        say!("{}", part.plain);
    }
    Ok(())
}
