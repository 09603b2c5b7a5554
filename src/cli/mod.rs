//! The command line: a contract, since other people's scripts rely on it.
//!
//! Exit codes: 0 done, 1 it failed, 2 wrong usage or configuration.

/// Prints a line. A reader that went away (`svodka jobs | head -1`) ends the command quietly instead of with a panic.
macro_rules! say {
    ($($arguments:tt)*) => {
        std::io::Write::write_fmt(&mut std::io::stdout().lock(), format_args!("{}\n", format_args!($($arguments)*)))?
    };
}

mod analyze;
mod audit;
mod backfill;
mod backup;
mod chats;
mod deliveries;
#[cfg(feature = "sandbox")]
mod demo;
mod diff;
mod doctor;
mod evaluate;
mod export;
mod incidents;
mod jobs;
mod pause;
mod preview;
mod replay;
mod rollup;
mod run;
#[cfg(feature = "sandbox")]
mod sandbox;
mod serve;
mod silence;
mod sync;
mod train;

use std::process::ExitCode;
use std::sync::LazyLock;

use chrono::NaiveDate;
use clap::{Parser, Subcommand, ValueEnum};

use crate::schedule::{Job, ReportKind};
use crate::settings::{ConfigError, Settings};
use crate::store::Store;
use secrecy::ExposeSecret;

/// Digests from RetailCRM chats and orders, pushed to Telegram on a cron table.
#[derive(Debug, Parser)]
#[command(name = "svodka", version = version(), after_help = "Configuration: environment variables (see .env.example) and \
    a file named by SVODKA_CONFIG (see config/default.toml).\nTry it without any account: svodka demo")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole path on an invented tea shop: no account, no token, no server
    #[cfg(feature = "sandbox")]
    #[command(after_help = "Example: svodka demo --keep")]
    Demo(demo::Args),
    /// Run the worker
    #[command(after_help = "Example: TELEGRAM_BOT_TOKEN=… TELEGRAM_CHAT_ID=-100… svodka serve")]
    Serve,
    /// Run one job now, as a manual run
    #[command(after_help = "Example: svodka run daily --for 2026-08-20 --dry-run")]
    Run(run::Args),
    /// Render a report from stored data; sends nothing
    #[command(
        after_help = "Examples: svodka preview daily --for 2026-08-20 --format html > digest.html\n          \
        svodka preview behaviour --manager Ольга"
    )]
    Preview(preview::Args),
    /// Write a day, week or month as a workbook or as CSV tables; customers' words are masked unless the config says otherwise
    #[command(
        after_help = "Example: svodka export --for 2026-08-20 --period week --format xlsx --out week.xlsx"
    )]
    Export(export::Args),
    /// Pull CRM data into the store
    #[command(after_help = "Example: svodka sync --days 100")]
    Sync(sync::Args),
    /// Count the bot's events by local day: yesterday, today and days with late events, or the days asked for
    #[command(after_help = "Example: svodka rollup --from 2026-08-01 --to 2026-08-19")]
    Rollup(rollup::Args),
    /// Show the cron table with the next fire times
    #[command(after_help = "Example: svodka jobs --json")]
    Jobs(jobs::JobsArgs),
    /// Show past runs with outcome and lateness
    #[command(after_help = "Example: svodka runs --job daily --limit 10")]
    Runs(jobs::RunsArgs),
    /// Show messages to Telegram and what became of them; retry, drop or resend one
    #[command(
        after_help = "Examples: svodka deliveries --state dead\n          svodka deliveries retry 42 --by Anna"
    )]
    Deliveries(deliveries::Args),
    /// Show what is broken, and say that somebody deals with it or that it can wait
    #[command(
        after_help = "Examples: svodka incidents\n          svodka incidents ack 12 --by Anna\n          \
        svodka incidents snooze 12 --for 2h --by Anna"
    )]
    Incidents(incidents::Args),
    /// Keep incidents of a kind, or with a key, from being told for a while
    #[command(
        after_help = "Example: svodka silence add --key 'source/*' --for 3h --by Anna --reason 'переезд CRM'"
    )]
    Silence(silence::Args),
    /// Pause a job: its slots are recorded as skipped until it is resumed
    #[command(after_help = "Example: svodka pause daily --by Анна --reason 'магазин закрыт'")]
    Pause(pause::PauseArgs),
    /// Resume a paused job with its next slot
    #[command(after_help = "Example: svodka resume daily")]
    Resume(pause::ResumeArgs),
    /// Make the digests of past days, weeks or months from stored data; sends nothing unless asked
    #[command(after_help = "Example: svodka backfill daily --from 2026-08-01 --to 2026-08-19")]
    Backfill(backfill::Args),
    /// Show a past digest as it was sent, from its stored snapshot
    #[command(after_help = "Example: svodka runs --job daily, then: svodka replay 412 --format html")]
    Replay(replay::Args),
    /// Show what changed between the digests of two runs
    #[command(
        after_help = "Exit codes: 0 the digests are equal, 1 they differ, 2 wrong usage, an unknown run or any \
        other failure (as diff does).\nExample: svodka diff 412 437 --json"
    )]
    Diff(diff::Args),
    /// List chats the bot has seen, with ids and topics
    #[command(after_help = "Example: add the bot to a chat, write a word there, then: svodka chats")]
    Chats(chats::Args),
    /// List commands in chats that were refused or changed something
    #[command(after_help = "Example: svodka audit --limit 50 --json")]
    Audit(audit::Args),
    /// Check configuration, database, CRM keys, bot token and chats; say what to fix
    #[command(after_help = "Example: svodka doctor")]
    Doctor(doctor::Args),
    /// Label the messages of conversations: SPIN, questions, next step, intent, tone; and mask personal data
    #[command(after_help = "Example: svodka analyze chats.jsonl --json")]
    Analyze(analyze::Args),
    /// Measure the text analysis on labelled conversations
    #[command(after_help = "Example: svodka evaluate tests/data/chats-*.jsonl --folds 5")]
    Evaluate(evaluate::Args),
    /// Train the text model on labelled conversations
    #[command(
        after_help = "Example: svodka train tests/data/chats-*.jsonl --hold-out tests/data/held-out.txt \
        --date 2026-08-20 --out config/model.bin"
    )]
    Train(train::Args),
    /// Copy the database to a file, and prove the copy by reading it back
    #[command(after_help = "Example: svodka backup --to /backups")]
    Backup(backup::BackupArgs),
    /// Fill an empty database from a backup; stop the workers first
    #[command(after_help = "Example: svodka restore /backups/svodka-20260820t023000z.jsonl.gz")]
    Restore(backup::RestoreArgs),
    /// Apply database migrations (serve does so at its start)
    #[command(after_help = "Example: DATABASE_URL=postgres://… svodka migrate")]
    Migrate,
    /// Start the stand-ins of RetailCRM and Telegram alone, for playing with a real configuration
    #[cfg(feature = "sandbox")]
    #[command(
        after_help = "Example: svodka sandbox --managers 5, then export what it prints and: svodka serve"
    )]
    Sandbox(sandbox::Args),
}

/// Reports that can be rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Report {
    Daily,
    Weekly,
    Monthly,
    /// What managers ask and offer in their conversations, see --manager
    Behaviour,
    Quality,
    /// What happened in the shop's bot, see --period
    Bot,
}

impl Report {
    fn kind(self, period: BotPeriod) -> ReportKind {
        match self {
            Self::Daily => ReportKind::Daily,
            Self::Weekly => ReportKind::Weekly,
            Self::Monthly => ReportKind::Monthly,
            Self::Behaviour => ReportKind::Behaviour,
            Self::Quality => ReportKind::Quality,
            Self::Bot => match period {
                BotPeriod::Today => ReportKind::BotDaily,
                BotPeriod::Week => ReportKind::BotWeekly,
                BotPeriod::Month => ReportKind::BotMonthly,
            },
        }
    }
}

/// How long a stretch the report `bot` speaks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BotPeriod {
    /// The present day so far, or the day of --for
    Today,
    /// The last whole week, or that of --for
    Week,
    /// The last whole month, or that of --for
    Month,
}

/// How `preview` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Html,
}

/// The version and the edition of the time-zone rules compiled in.
fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        format!("{} (time zones {})", env!("CARGO_PKG_VERSION"), chrono_tz::IANA_TZDB_VERSION)
    });
    &VERSION
}

/// A wrong word on the command line that only the configuration could tell.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UsageError(String);

/// Reads the arguments, runs the command and says how it went.
pub async fn main() -> ExitCode {
    // clap itself exits with 2 for wrong usage and with 0 for --help.
    let cli = Cli::parse();
    match dispatch(cli.command).await {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("svodka: {}", chain(&error));
            let is_usage = error.is::<ConfigError>() || error.is::<UsageError>();
            ExitCode::from(if is_usage { 2 } else { 1 })
        }
    }
}

/// Whoever read our output has seen enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        #[cfg(feature = "sandbox")]
        Command::Demo(args) => demo::run(args).await,
        Command::Serve => serve::run().await,
        Command::Run(args) => run::run(args).await,
        Command::Preview(args) => preview::run(args).await,
        Command::Export(args) => export::run(args).await,
        Command::Sync(args) => sync::run(args).await,
        Command::Rollup(args) => rollup::run(args).await,
        Command::Jobs(args) => jobs::jobs(args).await,
        Command::Runs(args) => jobs::runs(args).await,
        Command::Deliveries(args) => deliveries::run(args).await,
        Command::Incidents(args) => incidents::run(args).await,
        Command::Silence(args) => silence::run(args).await,
        Command::Pause(args) => pause::pause(args).await,
        Command::Resume(args) => pause::resume(args).await,
        Command::Backfill(args) => backfill::run(args).await,
        Command::Replay(args) => replay::run(args).await,
        Command::Diff(args) => diff::run(args).await,
        Command::Chats(args) => chats::run(args).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Analyze(args) => analyze::run(args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Train(args) => train::run(args),
        Command::Backup(args) => backup::backup(args).await,
        Command::Restore(args) => backup::run_restore(args).await,
        Command::Migrate => migrate().await,
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => sandbox::run(args).await,
    }
}

async fn migrate() -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let store = open_store(&settings).await?;
    say!("the database ({}) is up to date", store.backend());
    Ok(ExitCode::SUCCESS)
}

/// The job of this name.
///
/// # Errors
/// A sentence that lists the jobs there are.
fn job<'a>(settings: &'a Settings, name: &str) -> Result<&'a Job, UsageError> {
    settings.jobs.get(name).ok_or_else(|| {
        let known: Vec<_> = settings.jobs.keys().map(String::as_str).collect();
        UsageError(format!("there is no job `{name}`; the cron table has: {}", known.join(", ")))
    })
}

/// Opens the store and applies what is missing.
async fn open_store(settings: &Settings) -> anyhow::Result<Store> {
    let store = Store::connect(settings.database_url.expose_secret()).await?;
    store.migrate().await?;
    Ok(store)
}

/// The error and its causes in one line, each once.
fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// Reads who does something, for the record.
fn parse_author(name: &str) -> Result<String, String> {
    let name: String = name.trim().chars().filter(|c| !c.is_control()).take(60).collect();
    if name.is_empty() { Err("say who does it: --by NAME".to_owned()) } else { Ok(name) }
}

/// Reads a length of time such as `30m` or `2h`, up to a week.
fn parse_span(text: &str) -> Result<chrono::TimeDelta, String> {
    let longest = chrono::TimeDelta::days(7);
    let span = humantime::parse_duration(text).ok().and_then(|span| chrono::TimeDelta::from_std(span).ok());
    match span {
        Some(span) if span > chrono::TimeDelta::zero() && span <= longest => Ok(span),
        Some(_) => Err("write a time above zero and up to 7d".to_owned()),
        None => Err("write a time such as 30m, 2h or 3d".to_owned()),
    }
}

/// Reads `--for`.
fn parse_day(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| "write the day as 2026-08-20".to_owned())
}
