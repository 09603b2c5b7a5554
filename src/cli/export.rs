//! `svodka export`: a day, week or month as a workbook or as CSV tables.

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::NaiveDate;
use clap::ValueEnum;

use crate::clock::{Clock, SystemClock};
use crate::jobs::export::{Target, Written, export};
use crate::measure::Span;
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A local day of the day, week or month (default: the last that ended)
    #[arg(long = "for", value_name = "YYYY-MM-DD", value_parser = super::parse_day)]
    day: Option<NaiveDate>,
    /// How long a stretch
    #[arg(long, default_value = "week")]
    period: Stretch,
    /// xlsx: one workbook; csv: a file per sheet beside --out, for Excel with Russian settings
    #[arg(long, default_value = "xlsx")]
    format: FileFormat,
    /// The file to write; an existing one is replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stretch {
    Day,
    Week,
    Month,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FileFormat {
    Xlsx,
    Csv,
}

/// Writes the file from stored data; sends nothing.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let store = super::open_store(&settings).await?;
    let (now, zone) = (SystemClock.now(), settings.zone);
    let span = match args.period {
        Stretch::Day => Span::Day,
        Stretch::Week => Span::Week,
        Stretch::Month => Span::Month,
    };
    let period = args.day.map_or_else(|| span.before(now, zone), |day| span.containing(day, zone));
    let target = match args.format {
        FileFormat::Xlsx => Target::Xlsx,
        FileFormat::Csv => Target::Csv(args.out.clone()),
    };
    let files = match export(&settings, &store, span, period, now, target).await? {
        Written::Xlsx { content, left_out } => {
            tokio::fs::write(&args.out, content).await?;
            if left_out > 0 {
                eprintln!(
                    "svodka: {left_out} messages found no place on an Excel sheet; --format csv has them all"
                );
            }
            vec![args.out]
        }
        Written::Csv(files) => files,
    };
    for file in files {
        say!("{}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}
