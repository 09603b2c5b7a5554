//! The composition root: settings become a store, clients and loops; a token stops them all.
//!
//! Every loop only repeats a public step of its stage, so that tests can take the same steps by hand.

mod alerting;
pub mod backfill;
mod chat;
pub mod fallback;
mod gauges;
pub mod heartbeat;
mod loops;
mod repeat;
mod store_watch;
mod vitals;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use alerting::alert_settings;
pub use chat::poller_settings;
use loops::{Watches, check_loop, schedule_loop, wake_loop};
pub use store_watch::StoreWatch;
use vitals::VitalsWatch;

use crate::alert::Alerter;
use crate::clock::SharedClock;
use crate::collect::SOURCE_CHATS;
use crate::collect::bot_events::{BotEvents, SOURCE_BOT_EVENTS};
use crate::collect::retailcrm::{RetailCrm, RetailCrmConfig};
use crate::deliver::telegram::{TelegramClient, TelegramConfig};
use crate::deliver::{Sender, SenderSettings, Transport};
use crate::http::{self, Health};
use crate::jobs::Work;
use crate::outbound::{ClientOptions, Jitter};
use crate::schedule::ReportKind;
use crate::schedule::planner::Planner;
use crate::schedule::runner::{RunOutcome, Runner};
use crate::settings::{ConfigError, DeliveryMode, Settings};
use crate::store::{Store, StoreError};
use crate::telemetry;

/// A store away at the start is waited for this long; then the platform may restart us.
const STORE_WITHIN: TimeDelta = TimeDelta::seconds(60);

/// What a drain may take in all.
const DRAIN_WITHIN: TimeDelta = TimeDelta::seconds(10);

/// A worker, ready to take steps.
pub struct App {
    pub settings: Arc<Settings>,
    pub store: Store,
    pub clock: SharedClock,
    pub jitter: Jitter,
    pub work: Arc<Work>,
    pub runner: Arc<Runner>,
    pub planner: Arc<Planner>,
    pub sender: Arc<Sender>,
    pub alerts: Arc<Alerter>,
    pub health: Health,
}

impl App {
    /// Opens and migrates the store and builds the clients. Contacts neither the CRM nor Telegram.
    ///
    /// # Errors
    /// [`ConfigError`] for what only building could tell; otherwise the store's failure.
    pub async fn start(settings: Arc<Settings>, clock: SharedClock, jitter: Jitter) -> anyhow::Result<Self> {
        let store = open_store(&settings, &clock).await?;
        let owner = owner(&jitter);
        let crm = crm_client(&settings, &clock, &jitter)?;
        let transport = match settings.delivery {
            DeliveryMode::Stdout => Transport::Stdout,
            DeliveryMode::Telegram => match telegram_config(&settings) {
                Ok(config) => Transport::Telegram(TelegramClient::new(config)?),
                // Commands that send nothing need no token; `serve` was refused before.
                Err(_) => Transport::Stdout,
            },
        };
        let sender_settings = SenderSettings::new(owner.clone()).with_timeout(settings.telegram.timeout);
        let sender = Arc::new(Sender::new(
            store.clone(),
            transport,
            clock.clone(),
            jitter.clone(),
            settings.chats.clone(),
            SenderSettings { unsearched: chats_of_ops(&settings), ..sender_settings },
        ));
        let runner = Arc::new(Runner {
            store: store.clone(),
            clock: clock.clone(),
            jitter: jitter.clone(),
            owner,
            jobs: settings.jobs.clone(),
        });
        let planner =
            Arc::new(Planner::new(store.clone(), clock.clone(), settings.jobs.values().cloned().collect()));
        let alerts = Arc::new(Alerter::new(store.clone(), clock.clone(), alert_settings(&settings)));
        let work = Arc::new(Work {
            settings: settings.clone(),
            store: store.clone(),
            clock: clock.clone(),
            crm,
            reading: tokio::sync::Mutex::default(),
            bot_events: bot_events(&settings)?,
            rolling: tokio::sync::Mutex::default(),
            buttons: chat::buttons(&settings, &clock),
        });
        let health = Health::default();
        Ok(Self { settings, store, clock, jitter, work, runner, planner, sender, alerts, health })
    }

    /// Claims exactly this run and executes it; [`RunOutcome::Idle`] when it is not to be had.
    pub async fn run_claimed(&self, run_id: i64, stop: &CancellationToken) -> Result<RunOutcome, StoreError> {
        let runner = &self.runner;
        match self
            .store
            .claim_run_by_id(run_id, &runner.owner, self.store.lease_secs(), self.clock.now())
            .await?
        {
            Some(claimed) => runner.execute(claimed, self.work.as_ref(), stop).await,
            None => Ok(RunOutcome::Idle),
        }
    }
}

impl App {
    /// Works until `stop`, then drains: nothing new is claimed, what runs may finish or is handed back.
    pub async fn serve(self, stop: CancellationToken) -> anyhow::Result<()> {
        let metrics = telemetry::start_metrics();
        let listener = match self.settings.http_port {
            Some(port) => Some(http::bind(SocketAddr::new(self.settings.http_host, port)).await?),
            None => None,
        };
        self.planner.register().await?;
        self.request_first_load().await?;
        self.health.turned(&self.clock);
        let mut tasks = JoinSet::new();
        // Health answers to the end of the drain, so that a platform sees «draining», not a refused connection.
        let closed = CancellationToken::new();
        if let Some(listener) = listener {
            tracing::info!("health and metrics on {}", listener.local_addr()?);
            let router =
                http::router(self.health.clone(), self.store.clone(), self.clock.clone(), metrics.clone());
            let router = match &self.settings.llm.push_token {
                Some(token) => {
                    let push = (self.store.clone(), self.clock.clone(), token.clone());
                    let settings = &self.settings;
                    router.merge(http::llm_usage::router(
                        push.0,
                        push.1,
                        settings.zone,
                        push.2,
                        settings.llm.keep_calls,
                    ))
                }
                None => router,
            };
            let closed = closed.clone();
            tasks.spawn(async move {
                if let Err(error) = http::serve(listener, router, closed).await {
                    tracing::error!(reason = "http", "the health listener ended: {error}");
                }
            });
        }
        let mut work = JoinSet::new();
        let (wake, wake_poller) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let wake_runs = wake.clone();
        work.spawn(schedule_loop(
            self.planner.clone(),
            self.runner.clone(),
            self.work.clone(),
            self.sender.clone(),
            self.health.clone(),
            wake.clone(),
            stop.clone(),
        ));
        work.spawn(wake_loop(
            self.store.clone(),
            self.clock.clone(),
            self.sender.clone(),
            [wake, wake_poller.clone()],
            stop.clone(),
        ));
        work.spawn({
            let (sender, stop) = (self.sender.clone(), stop.clone());
            async move { sender.run(stop).await }
        });
        let (heartbeat, pinger) =
            heartbeat::heartbeat(self.settings.heartbeat.clone(), self.clock.clone(), self.jitter.clone())?;
        // Outlives the drain, so that its last digest is told.
        tasks.spawn(pinger.run(closed.clone()));
        let (fallback, messenger) = fallback::fallback(
            &self.settings.fallback,
            alert_settings(&self.settings).speech,
            self.clock.clone(),
            self.jitter.clone(),
        )?;
        tasks.spawn(messenger.run(closed.clone()));
        work.spawn(check_loop(
            self.alerts.clone(),
            self.sender.clone(),
            self.store.clone(),
            Watches { store: self.store_watch(), fallback, heartbeat, vitals: self.vitals_watch() },
            self.health.clone(),
            metrics,
            stop.clone(),
        ));
        if self.settings.telegram.listen
            && let (DeliveryMode::Telegram, Ok(settings)) =
                (self.settings.delivery, poller_settings(&self.settings))
        {
            let desk = Arc::new(self.desk(wake_runs)?);
            let poller = self.poller(&settings, wake_poller)?.answering(desk);
            let stop = stop.clone();
            work.spawn(async move { poller.run(stop).await });
        }
        tracing::info!(
            "svodka {} works: {} jobs, {} database",
            env!("CARGO_PKG_VERSION"),
            self.settings.jobs.len(),
            self.store.backend()
        );
        stop.cancelled().await;
        self.health.draining();
        let drained = async {
            // What waits in the outbox is for the others at once; what is handed back, as soon as it is.
            let _ = self.store.wake_workers().await;
            while work.join_next().await.is_some() {}
            let _ = self.store.wake_workers().await;
        };
        tokio::select! {
            () = drained => {}
            () = self.clock.sleep(DRAIN_WITHIN) => {
                tracing::warn!(reason = "drain_timeout", "the drain took too long; leases will run out by themselves");
            }
        }
        closed.cancel();
        tasks.shutdown().await;
        self.store.close().await;
        Ok(())
    }

    fn vitals_watch(&self) -> VitalsWatch {
        VitalsWatch::new(&self.settings, self.store.clone(), self.work.clone(), self.clock.clone())
    }

    /// The watch that tells ops about the store itself.
    pub fn store_watch(&self) -> StoreWatch {
        StoreWatch::new(&self.settings, alert_settings(&self.settings).speech, self.clock.clone())
    }

    /// On a fresh database the sources are read at once, not at the next slot of their jobs.
    async fn request_first_load(&self) -> Result<(), StoreError> {
        if self.work.crm.is_some() {
            self.request_first(ReportKind::Sync, SOURCE_CHATS).await?;
        }
        if self.work.bot_events.is_some() {
            self.request_first(ReportKind::Rollup, SOURCE_BOT_EVENTS).await?;
        }
        Ok(())
    }

    async fn request_first(&self, report: ReportKind, source: &str) -> Result<(), StoreError> {
        let Some(job) = self.settings.jobs.values().find(|job| job.report == report) else { return Ok(()) };
        let is_requested = !self.store.list_runs(Some(&job.name), 1).await?.is_empty();
        let is_read = self.store.find_source(source).await?.is_some();
        if !is_requested && !is_read {
            let now = self.clock.now();
            self.store.insert_manual_run(&job.name, now, None, now).await?;
        }
        Ok(())
    }

    /// Sends one message if one is due; whether it did. For commands that deliver without a worker.
    pub async fn deliver_step(&self) -> Result<bool, StoreError> {
        Ok(!matches!(self.sender.deliver_step().await?, crate::deliver::Outcome::Idle))
    }
}

/// Opens and migrates the store; one that is away is waited for.
async fn open_store(settings: &Settings, clock: &SharedClock) -> anyhow::Result<Store> {
    let give_up_at = clock.now() + STORE_WITHIN;
    loop {
        let opened = async {
            let store = Store::connect(settings.database_url.expose_secret()).await?;
            store.migrate().await?;
            Ok::<_, StoreError>(store)
        };
        match opened.await {
            Ok(store) => return Ok(store),
            Err(StoreError::BadUrl(problem)) => {
                return Err(ConfigError::one(format!("database.url: {problem}")).into());
            }
            Err(error) if error.is_transient() && clock.now() < give_up_at => {
                tracing::warn!(reason = error.reason(), "waiting for the database: {error}");
                clock.sleep(TimeDelta::seconds(3)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The CRM client; `None` while keys are missing.
fn crm_client(
    settings: &Settings,
    clock: &SharedClock,
    jitter: &Jitter,
) -> anyhow::Result<Option<RetailCrm>> {
    let crm = &settings.retailcrm;
    let (Some(crm_url), Some(api_key)) = (crm.url.clone(), crm.api_key.clone()) else { return Ok(None) };
    let config = RetailCrmConfig {
        bot_url: crm.bot_url.clone(),
        bot_token: crm.bot_token.clone(),
        requests_per_second: crm.requests_per_second,
        first_load_days: crm.first_load_days,
        http: ClientOptions { timeout: crm.timeout, proxy: crm.proxy.clone(), ..ClientOptions::default() },
        ..RetailCrmConfig::new(crm_url, api_key)
    };
    Ok(Some(RetailCrm::new(config, clock.clone(), jitter.clone())?))
}

/// The reader of the bot's events; `None` when there is no bot.
fn bot_events(settings: &Settings) -> anyhow::Result<Option<BotEvents>> {
    let bot = &settings.bot;
    let events = bot.url.as_ref().map(|url| BotEvents::new(url, bot.timeout)).transpose();
    Ok(events.map_err(|error| ConfigError::one(format!("bot.url: {}", error.message)))?)
}

/// How to reach the Bot API.
///
/// # Errors
/// [`ConfigError`] when there is no token.
pub fn telegram_config(settings: &Settings) -> Result<TelegramConfig, ConfigError> {
    let telegram = &settings.telegram;
    let token = telegram
        .token
        .clone()
        .ok_or_else(|| ConfigError::one("telegram.token: there is no bot token; set TELEGRAM_BOT_TOKEN"))?;
    let http = ClientOptions {
        timeout: telegram.timeout,
        proxy: telegram.proxy.clone(),
        ..ClientOptions::default()
    };
    Ok(TelegramConfig { api_url: telegram.api_url.clone(), token, http })
}

/// Names of the ops chat: what [`StoreWatch`] writes there did not go through the outbox.
fn chats_of_ops(settings: &Settings) -> BTreeSet<String> {
    let Some(ops) = settings.chats.get(&settings.ops_chat) else { return BTreeSet::new() };
    settings.chats.iter().filter(|(_, target)| target.id == ops.id).map(|(name, _)| name.clone()).collect()
}

/// Name of this worker in leases: for humans, and different for each start.
fn owner(jitter: &Jitter) -> String {
    format!("{}-{:04x}", std::process::id(), (jitter.unit() * 65_536.0) as u32)
}
