//! `svodka demo`: the whole path on an invented tea shop, over real HTTP, on this machine only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::sandbox::{MANAGERS_CHAT, OPS_CHAT, Sandbox};
use super::serve::wait_for_signal;
use crate::app::App;
use crate::clock::{SharedClock, SystemClock};
use crate::jobs::sync::{Mode, read};
use crate::outbound::Jitter;
use crate::schedule::runner::RunOutcome;
use crate::settings::Settings;
use crate::telemetry;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Stay up: go on as the worker and keep the web page until Ctrl-C
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    shop: super::sandbox::ShopArgs,
}

/// Shows the whole path.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let clock: SharedClock = Arc::new(SystemClock);
    say!(
        "An invented tea shop with {} managers answers as RetailCRM and as Telegram on this machine, and its bot keeps a table of events.",
        args.shop.managers
    );
    let sandbox = Sandbox::start(&args.shop, clock.clone()).await?;
    let database = DemoDatabase::new();
    let settings = settings(&sandbox, &database.path)?;
    telemetry::start_logging(&settings.log)?;
    let app = App::start(Arc::new(settings), clock.clone(), Jitter::seeded(args.shop.seed)).await?;
    app.planner.register().await?;

    say!("Reading it over HTTP, below the CRM's limit of 10 requests a second:");
    let started_at = clock.now();
    let stored = match read(&app.work, Mode::Increment, Some(super::sync::progress())).await {
        Ok(stored) => stored,
        Err(error) => bail!("{}", error.note),
    };
    let took_ms = (clock.now() - started_at).num_milliseconds();
    say!(
        "{stored} facts in {} requests and {:.1} s.\n",
        sandbox.crm.requests().len(),
        took_ms as f64 / 1000.0
    );

    let counted = make(&app, "rollup", &clock).await?;
    let counted = app.store.find_run(counted).await?.and_then(|run| run.note).unwrap_or_default();
    say!("Counting what its own bot wrote down: {counted}.\n");

    for job in ["daily", "weekly", "bot_daily"] {
        let run_id = make(&app, job, &clock).await?;
        deliver(&app, run_id, &clock).await?;
    }
    let messages = sandbox.telegram.messages(MANAGERS_CHAT);
    say!(
        "What the managers read in Telegram ({}):\n",
        if messages.len() == 1 { "one message".to_owned() } else { format!("{} messages", messages.len()) }
    );
    for message in &messages {
        say!("{}\n", indent(&message.text));
    }
    for message in sandbox.telegram.messages(OPS_CHAT) {
        say!("In the ops chat:\n\n{}\n", indent(&message.text));
    }
    say!("The chats as Telegram would show them: {}/", sandbox.telegram.url());
    if args.keep {
        say!("The worker goes on by its cron table. Ctrl-C ends it.");
        let stop = CancellationToken::new();
        let stopper = stop.clone();
        tokio::spawn(async move {
            wait_for_signal().await;
            stopper.cancel();
        });
        app.serve(stop).await?;
    } else {
        say!("(gone with this program; `svodka demo --keep` stays up)");
        app.store.close().await;
    }
    Ok(ExitCode::SUCCESS)
}

/// Does a job now, a digest's for the last day or week that ended; returns its run.
async fn make(app: &App, job: &str, clock: &SharedClock) -> anyhow::Result<i64> {
    let slot_at = clock.now();
    let run_id = app.store.insert_manual_run(job, slot_at, None, slot_at).await?;
    match app.run_claimed(run_id, &CancellationToken::new()).await? {
        RunOutcome::Succeeded { .. } => Ok(run_id),
        outcome => {
            let note = app.store.find_run(run_id).await?.and_then(|run| run.note).unwrap_or_default();
            bail!("the job {job} failed: {outcome:?} {note}");
        }
    }
}

/// Sends until the run's messages have arrived.
async fn deliver(app: &App, run_id: i64, clock: &SharedClock) -> anyhow::Result<()> {
    use crate::store::outbox::DeliveryState;
    let give_up_at = clock.now() + TimeDelta::seconds(60);
    loop {
        let deliveries = app.store.list_run_deliveries(run_id).await?;
        if deliveries.iter().all(|delivery| delivery.state == DeliveryState::Sent) {
            return Ok(());
        }
        if let Some(dead) = deliveries.iter().find(|delivery| delivery.state == DeliveryState::Dead) {
            bail!("a message was refused: {}", dead.reason.as_deref().unwrap_or("no reason recorded"));
        }
        if clock.now() > give_up_at {
            bail!("the messages did not arrive within a minute");
        }
        if !app.deliver_step().await? {
            clock.sleep(TimeDelta::milliseconds(100)).await;
        }
    }
}

/// The demo's configuration: the defaults and the sandbox's addresses, nothing from the environment.
fn settings(sandbox: &Sandbox, database: &Path) -> anyhow::Result<Settings> {
    let mut variables: BTreeMap<String, String> = sandbox.variables().into_iter().collect();
    variables.insert("DATABASE_URL".into(), format!("sqlite://{}", database.display()));
    variables.insert("SVODKA__LOG__LEVEL".into(), "error".into());
    variables.insert("SVODKA__RETAILCRM__REQUESTS_PER_SECOND".into(), "9".into());
    Settings::from_environment(&variables).context("the demo's own configuration")
}

/// A fresh SQLite file that goes with the program.
struct DemoDatabase {
    path: PathBuf,
}

impl DemoDatabase {
    fn new() -> Self {
        let database =
            Self { path: std::env::temp_dir().join(format!("svodka-demo-{}.db", std::process::id())) };
        database.remove();
        database
    }

    fn remove(&self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = self.path.clone().into_os_string();
            name.push(suffix);
            // A file that is not there is what we want.
            let _ = std::fs::remove_file(name);
        }
    }
}

impl Drop for DemoDatabase {
    fn drop(&mut self) {
        self.remove();
    }
}

fn indent(text: &str) -> String {
    text.lines()
        .map(|line| if line.is_empty() { String::new() } else { format!("    {line}") })
        .collect::<Vec<_>>()
        .join("\n")
}
