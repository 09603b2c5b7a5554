//! `svodka preview REPORT`: what would be sent, from what is stored.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{NaiveDate, TimeDelta};

use super::{BotPeriod, Format, Report, UsageError};
use crate::clock::{Clock, SystemClock};
use crate::jobs::attach::charts;
use crate::jobs::report::{self, Made};
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
    // Any slot of the first day after it speaks about this period.
    let slot_at = period.to + TimeDelta::hours(9);
    let run = super::run::manual_run(report.as_str(), slot_at, now);
    let made = report::make(&settings, &store, report, &run, now).await?;
    if let (Some(folder), Some(made)) = (&args.charts, &made) {
        write_charts(&store, made, folder).await?;
    }
    let parts = made.map(|made| made.parts).unwrap_or_default();
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
    Ok(ExitCode::SUCCESS)
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
