//! `svodka rollup`: counts the bot's events by day, with progress.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use chrono::{Days, NaiveDate};
use tokio_util::sync::CancellationToken;

use super::UsageError;
use crate::app::App;
use crate::clock::{Clock, SystemClock};
use crate::collect::bot_events::SOURCE_BOT_EVENTS;
use crate::jobs::sync::OnProgress;
use crate::jobs::{bot_retention, llm, rollup};
use crate::outbound::Jitter;
use crate::settings::{ConfigError, Settings};
use crate::telemetry;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// First local day to count again (default: yesterday, and whatever the last round did not reach)
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = super::parse_day)]
    from: Option<NaiveDate>,
    /// Last local day to count again (default: today)
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = super::parse_day)]
    to: Option<NaiveDate>,
    /// Only count what bot.delete_after would delete from the bot's database
    #[arg(long, conflicts_with_all = ["from", "to"])]
    delete_dry_run: bool,
}

/// Rolls up once.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    if settings.bot.url.is_none() {
        return Err(ConfigError::one("bot.url: there is no bot to count; set BOT_EVENTS_URL").into());
    }
    let today = SystemClock.now().with_timezone(&settings.zone).date_naive();
    let range = range(&args, today)?;
    telemetry::start_logging(&settings.log)?;
    let app = App::start(Arc::new(settings), Arc::new(SystemClock), Jitter::from_os()).await?;
    if args.delete_dry_run {
        return delete_dry_run(&app).await;
    }
    let progress = Some(progress());
    let rolled = match range {
        Some((from, to)) => rollup::roll_range(&app.work, from, to, progress).await,
        None => rollup::roll_new(&app.work, progress).await,
    };
    let rolled = match rolled {
        Ok(rolled) => rolled,
        Err(error) => bail!("{}", error.note),
    };
    say!("{} days rolled up from {} events", rolled.days, rolled.events);
    if rolled.kept_days > 0 {
        say!("{} days lie before the oldest event and stay as they are", rolled.kept_days);
    }
    let calls = llm::refresh(&app.work, SystemClock.now(), &CancellationToken::new()).await;
    match calls.map_err(|error| error.note) {
        Ok(0) => {}
        Ok(calls) => say!("{calls} calls of language models read"),
        Err(note) => bail!("the bot's days are counted, the token usage could not be read: {note}"),
    }
    if let Some(coverage) = app.store.find_source(SOURCE_BOT_EVENTS).await?.and_then(|source| source.coverage)
    {
        let local = |at: crate::clock::Instant| at.with_timezone(&app.settings.zone).format("%Y-%m-%d %H:%M");
        say!("  {SOURCE_BOT_EVENTS}: complete from {} to {}", local(coverage.from), local(coverage.until));
    }
    Ok(ExitCode::SUCCESS)
}

/// The days asked for; `None` = a round as the job does it.
fn range(args: &Args, today: NaiveDate) -> Result<Option<(NaiveDate, NaiveDate)>, UsageError> {
    if args.from.is_none() && args.to.is_none() {
        return Ok(None);
    }
    let to = args.to.unwrap_or(today);
    let from = args.from.unwrap_or_else(|| to.min(today - Days::new(1)));
    match () {
        () if from > to => Err(UsageError(format!("--from {from} is after --to {to}; exchange them"))),
        () if from > today => Err(UsageError(format!("--from {from} has not come yet"))),
        () => Ok(Some((from, to))),
    }
}

async fn delete_dry_run(app: &App) -> anyhow::Result<ExitCode> {
    let Some(deletion) = &app.settings.bot.deletion else {
        return Err(ConfigError::one("bot.delete_after is not set: nothing is ever deleted").into());
    };
    match bot_retention::delete_old(&app.work, deletion, true, &CancellationToken::new()).await {
        Ok(deleted) => say!("{}", deleted.told()),
        Err(error) => bail!("{}", error.note),
    }
    Ok(ExitCode::SUCCESS)
}

/// A bar of days on a terminal, a line a month elsewhere.
fn progress() -> Arc<OnProgress> {
    /// Days between two lines.
    const EVERY: u64 = 30;
    if std::io::stderr().is_terminal() {
        return super::sync::progress();
    }
    Arc::new(|source, done, total| {
        let total = total.unwrap_or(done);
        if done % EVERY == 0 || done == total {
            eprintln!("{source}: {done} of {total} days");
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_end_of_a_range_finds_the_other_and_a_reversed_range_is_refused() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let today = day("2026-08-20");
        let asked = |from: Option<&str>, to: Option<&str>| {
            range(&Args { from: from.map(day), to: to.map(day), delete_dry_run: false }, today)
        };
        assert_eq!(asked(None, None).unwrap(), None);
        assert_eq!(asked(Some("2026-08-01"), None).unwrap(), Some((day("2026-08-01"), today)));
        assert_eq!(asked(None, Some("2026-08-05")).unwrap(), Some((day("2026-08-05"), day("2026-08-05"))));
        assert_eq!(asked(None, Some("2026-08-20")).unwrap(), Some((day("2026-08-19"), today)));
        assert!(asked(Some("2026-08-20"), Some("2026-08-01")).unwrap_err().0.contains("exchange"));
        assert!(asked(Some("2026-08-21"), Some("2026-08-22")).unwrap_err().0.contains("not come yet"));
    }
}
