//! The loops of a worker. Each only repeats a step; what fails is tried again, never given up.

use std::sync::Arc;

use chrono::TimeDelta;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::fallback::Fallback;
use super::gauges;
use super::heartbeat::Heartbeat;
use super::store_watch::StoreWatch;
use super::vitals::VitalsWatch;
use crate::alert::{AlertError, Alerter};
use crate::clock::SharedClock;
use crate::deliver::Sender;
use crate::http::Health;
use crate::jobs::Work;
use crate::schedule::planner::Planner;
use crate::schedule::runner::{RunOutcome, Runner};
use crate::schedule::ticker::Ticker;
use crate::store::{Store, StoreError};

/// The planner looks at least this often, tick or no tick.
const SWEEP_EVERY: TimeDelta = TimeDelta::seconds(15);

/// Runs at the same time in one worker: a digest does not wait behind a reading of the CRM.
const RUNS_AT_ONCE: usize = 4;

/// How often the checks look; a missed deadline is told within ten seconds.
const CHECK_EVERY: TimeDelta = TimeDelta::seconds(5);

/// Rounds of checks between two trial writes, as long as they succeed.
const WRITE_EVERY: u64 = 3;

/// Plans what fell due and keeps up to [`RUNS_AT_ONCE`] runs going.
pub(super) async fn schedule_loop(
    planner: Arc<Planner>,
    runner: Arc<Runner>,
    work: Arc<Work>,
    sender: Arc<Sender>,
    health: Health,
    wake: Arc<Notify>,
    stop: CancellationToken,
) {
    let clock = runner.clock.clone();
    let ticker = Ticker::start(wake.clone()).await;
    if let Err(error) = &ticker {
        // The sweep alone keeps every promise but the second.
        tracing::error!(reason = "ticker", "no ticks: {error}; planning goes on by the sweep every 15 s");
    }
    let mut running = JoinSet::new();
    let (mut planning, mut claiming) = (Trouble::default(), Trouble::default());
    while !stop.is_cancelled() {
        health.turned(&clock);
        planning.note("planning", planner.plan_step().await.map(drop));
        while running.len() < RUNS_AT_ONCE && !stop.is_cancelled() {
            match runner.claim().await {
                Ok(Some(claimed)) => {
                    let (runner, work, stop) = (runner.clone(), work.clone(), stop.clone());
                    running.spawn(async move { runner.execute(claimed, work.as_ref(), &stop).await });
                }
                Ok(None) => {
                    claiming.note("claiming a run", Ok(()));
                    break;
                }
                Err(error) => {
                    claiming.note("claiming a run", Err(error));
                    break;
                }
            }
        }
        tokio::select! {
            () = wake.notified() => {}
            () = clock.sleep(SWEEP_EVERY) => {}
            () = stop.cancelled() => {}
            Some(ended) = running.join_next() => note_end(ended, &sender),
        }
    }
    if let Ok(ticker) = ticker {
        ticker.stop().await;
    }
    while let Some(ended) = running.join_next().await {
        note_end(ended, &sender);
    }
}

/// A run records its own end; its messages may go at once, and only what could not be recorded is told here.
fn note_end(ended: Result<Result<RunOutcome, StoreError>, JoinError>, sender: &Sender) {
    match ended {
        Ok(Ok(_)) => sender.wake(),
        Ok(Err(error)) => {
            tracing::error!(reason = error.reason(), "the end of a run could not be recorded: {error}");
        }
        // Its lease runs out, and the run is taken up again.
        Err(error) => tracing::error!(reason = "panic", "a run broke off: {error}"),
    }
}

/// Passes on what other workers say to whoever may take something over: the planner, the senders, the poller.
pub(super) async fn wake_loop(
    store: Store,
    clock: SharedClock,
    sender: Arc<Sender>,
    wakes: [Arc<Notify>; 2],
    stop: CancellationToken,
) {
    let listen = async {
        loop {
            // Without it everything comes at its tick, and a store that fails is told by the other loops.
            if let Ok(heard) = store.listen().await {
                let Some(mut heard) = heard else { return };
                while heard.next().await.is_ok() {
                    wakes.iter().for_each(|wake| wake.notify_one());
                    sender.wake();
                }
            }
            clock.sleep(SWEEP_EVERY).await;
        }
    };
    tokio::select! {
        () = listen => {}
        () = stop.cancelled() => {}
    }
}

/// Who looks at a round of checks.
pub(super) struct Watches {
    pub store: StoreWatch,
    pub fallback: Fallback,
    pub heartbeat: Heartbeat,
    pub vitals: VitalsWatch,
}

/// Looks for trouble and for missed deadlines.
pub(super) async fn check_loop(
    alerts: Arc<Alerter>,
    sender: Arc<Sender>,
    store: Store,
    mut watches: Watches,
    health: Health,
    metrics: Option<PrometheusHandle>,
    stop: CancellationToken,
) {
    let (mut trouble, mut round) = (Trouble::default(), 0_u64);
    while !stop.is_cancelled() {
        if let Some(vitals) = watches.vitals.look().await {
            alerts.note_vitals(vitals);
            // A store that fails is told by the checks below.
            let _ = gauges::measure(&store, watches.store.clock.now()).await;
        }
        let checked = match alerts.deadline_step().await {
            Ok(_) => alerts.check_step().await.map(drop),
            Err(error) => Err(error),
        };
        // The checks read; only a write tells of a full disk.
        let checked = match checked {
            Ok(()) if round % WRITE_EVERY == 0 || trouble.reason.is_some() => {
                store.ping().await.map_err(AlertError::from)
            }
            checked => checked,
        };
        round += 1;
        let checked = match checked {
            Err(AlertError::Render(error)) => {
                tracing::error!(reason = "notice_faulty", "a notice could not be written: {error}");
                Ok(())
            }
            Err(AlertError::Store(error)) => Err(error),
            Ok(()) => Ok(()),
        };
        watches.store.note(&checked).await;
        watches.fallback.note(&checked, &store).await;
        let checked = match checked {
            Ok(()) => pass_on(&alerts, &watches.fallback).await,
            failed => failed,
        };
        let checked = match checked {
            Ok(()) => watches.heartbeat.look_at_runs(&store).await,
            failed => failed,
        };
        watches.heartbeat.round(match &checked {
            Err(error) => Some(error.reason()),
            Ok(()) => (!health.is_live(&watches.store.clock)).then_some("planning_stuck"),
        });
        trouble.note("checking", checked);
        if let Some(metrics) = &metrics {
            metrics.run_upkeep();
        }
        sender.wake();
        tokio::select! {
            () = watches.store.clock.sleep(CHECK_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Calls, past Telegram, whom nobody in the ops chat has spared it.
async fn pass_on(alerts: &Alerter, fallback: &Fallback) -> Result<(), StoreError> {
    let passed = async {
        for call in alerts.due_calls().await? {
            fallback.call(&call);
            alerts.called(&call).await?;
        }
        Ok(())
    };
    match passed.await {
        Err(AlertError::Store(error)) => Err(error),
        Err(AlertError::Render(error)) => {
            tracing::error!(reason = "notice_faulty", "a call could not be written: {error}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Logs a failing step once when it begins to fail and once when it works again.
#[derive(Default)]
struct Trouble {
    reason: Option<&'static str>,
}

impl Trouble {
    fn note(&mut self, what: &str, result: Result<(), StoreError>) {
        match (result, self.reason) {
            (Ok(()), Some(_)) => {
                tracing::info!("{what} works again");
                self.reason = None;
            }
            (Err(error), before) if before != Some(error.reason()) => {
                tracing::error!(reason = error.reason(), "{what} fails, trying on: {error}");
                self.reason = Some(error.reason());
            }
            _ => {}
        }
    }
}
