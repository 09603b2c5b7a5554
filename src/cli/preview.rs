//! `svodka preview REPORT`: what would be sent, from what is stored.

use std::process::ExitCode;

use chrono::{Days, NaiveDate, TimeDelta};

use super::{Format, Report};
use crate::clock::{Clock, SystemClock};
use crate::jobs::report;
use crate::measure::period::start_of_day;
use crate::render::Part;
use crate::schedule::ReportKind;
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which report
    report: Report,
    /// The local day it speaks about (default: yesterday)
    #[arg(long = "for", value_name = "YYYY-MM-DD", value_parser = super::parse_day)]
    day: Option<NaiveDate>,
    /// text: as people read it; html: as Telegram gets it
    #[arg(long, default_value = "text")]
    format: Format,
}

/// Renders and prints; sends nothing and writes nothing.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let store = super::open_store(&settings).await?;
    let Report::Daily = args.report;
    let now = SystemClock.now();
    let day = args.day.unwrap_or_else(|| now.with_timezone(&settings.zone).date_naive() - Days::new(1));
    // Any slot of the next day speaks about this one.
    let slot_at = start_of_day(day + Days::new(1), settings.zone) + TimeDelta::hours(9);
    let run = super::run::manual_run("daily", slot_at, now);
    let made = report::make(&settings, &store, ReportKind::Daily, &run, now).await?;
    let parts = made.map(|made| made.parts).unwrap_or_default();
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
