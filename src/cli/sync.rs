//! `svodka sync`: reads the CRM with progress.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::bail;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::app::App;
use crate::clock::SystemClock;
use crate::jobs::sync::{Mode, OnProgress, read};
use crate::outbound::Jitter;
use crate::settings::{ConfigError, Settings};
use crate::telemetry;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How far back the first load reaches (default: retailcrm.first_load_days)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    days: Option<u32>,
}

/// Reads all sources once.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut settings = Settings::load()?;
    let problems = settings.missing_crm_keys();
    if !problems.is_empty() {
        return Err(ConfigError { problems }.into());
    }
    if let Some(days) = args.days {
        settings.retailcrm.first_load_days = days;
    }
    telemetry::start_logging(&settings.log)?;
    let app = App::start(Arc::new(settings), Arc::new(SystemClock), Jitter::from_os()).await?;
    let stored = match read(&app.work, Mode::Increment, Some(progress())).await {
        Ok(stored) => stored,
        Err(error) => bail!("{}", error.note),
    };
    say!("{stored} facts stored");
    for source in app.store.list_sources().await? {
        if let Some(coverage) = source.coverage {
            let local = |at: crate::clock::Instant| {
                at.with_timezone(&app.settings.zone).format("%Y-%m-%d %H:%M").to_string()
            };
            say!("  {}: complete from {} to {}", source.name, local(coverage.from), local(coverage.until));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Bars on a terminal, a plain line now and then elsewhere.
pub(super) fn progress() -> Arc<OnProgress> {
    if std::io::stderr().is_terminal() { bars() } else { lines() }
}

fn bars() -> Arc<OnProgress> {
    let all = MultiProgress::new();
    let bars: Mutex<HashMap<String, ProgressBar>> = Mutex::default();
    Arc::new(move |source, done, total| {
        let mut bars = bars.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bars.entry(source.to_owned()).or_insert_with(|| {
            let bar = all.add(ProgressBar::no_length());
            let style = ProgressStyle::with_template("{msg:20} {bar:30} {human_pos} / {human_len}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(source.to_owned());
            bar
        });
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_position(done);
    })
}

fn lines() -> Arc<OnProgress> {
    /// Facts between two lines.
    const EVERY: u64 = 5_000;
    let said: Mutex<HashMap<String, u64>> = Mutex::default();
    Arc::new(move |source, done, total| {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let last = said.entry(source.to_owned()).or_default();
        if done / EVERY > *last / EVERY || total == Some(done) && *last != done {
            *last = done;
            match total {
                Some(total) => eprintln!("{source}: {done} of {total}"),
                None => eprintln!("{source}: {done}"),
            }
        }
    })
}
