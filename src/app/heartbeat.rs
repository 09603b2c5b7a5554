//! Pings to a watcher outside: the alarm that works when we do not.
//!
//! A round counts as healthy when jobs were planned lately, the checks were made and the database took a write. A job's ping
//! says that its messages *arrived*, not that its run ended well. Pings are queued and sent by a task of their own, so
//! that a dead watcher delays nothing. After a restart only runs that ended in the last minutes are told: an old success
//! told anew would silence a rightful alarm.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::repeat::repeat;
use crate::clock::{Instant, SharedClock};
use crate::outbound::{self, ClientError, ClientOptions, Jitter};
use crate::settings::HeartbeatSettings;
use crate::store::outbox::DeliveryState;
use crate::store::runs::{RunRow, RunState};
use crate::store::{Result, Store};

/// Pings waiting at most; more of them only repeat each other.
const QUEUE: usize = 64;
/// Of one request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A run's ping comes once, so it is tried again; a round's comes again by itself.
const JOB_TRIES: u32 = 4;
/// What ended this long before our start is told by whoever ran then.
const LOOK_BACK: TimeDelta = TimeDelta::minutes(10);
/// Latest runs of a job looked at in each round.
const RUNS: i64 = 5;

/// What a ping says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Start,
    Success,
    Fail,
}

struct Ping {
    address: SecretString,
    sign: Sign,
    /// Never secrets or customers' data.
    body: String,
    tries: u32,
}

/// Decides what to tell the watcher.
pub struct Heartbeat {
    settings: HeartbeatSettings,
    clock: SharedClock,
    started_at: Instant,
    last_round: Option<(Instant, Sign)>,
    /// By job: the latest run told, and what was told of it.
    told: BTreeMap<String, (i64, Sign)>,
    queue: mpsc::Sender<Ping>,
}

/// Sends what [`Heartbeat`] decides.
pub struct Pinger {
    client: reqwest::Client,
    clock: SharedClock,
    jitter: Jitter,
    queue: mpsc::Receiver<Ping>,
}

/// Both halves.
pub fn heartbeat(
    settings: HeartbeatSettings,
    clock: SharedClock,
    jitter: Jitter,
) -> std::result::Result<(Heartbeat, Pinger), ClientError> {
    let client = outbound::client(&ClientOptions { timeout: TIMEOUT, ..ClientOptions::default() })?;
    let (sender, receiver) = mpsc::channel(QUEUE);
    let heartbeat = Heartbeat {
        settings,
        clock: clock.clone(),
        started_at: clock.now(),
        last_round: None,
        told: BTreeMap::new(),
        queue: sender,
    };
    Ok((heartbeat, Pinger { client, clock, jitter, queue: receiver }))
}

impl Heartbeat {
    /// A round of checks is over; `trouble` is the reason why it was not healthy.
    pub fn round(&mut self, trouble: Option<&'static str>) {
        let Some(address) = self.settings.url.clone() else { return };
        let now = self.clock.now();
        let sign = if trouble.is_some() { Sign::Fail } else { Sign::Success };
        let every = TimeDelta::from_std(self.settings.every).unwrap_or(TimeDelta::MAX);
        // A trouble is told once; from then on silence speaks for itself.
        let is_due = match self.last_round {
            Some((_, Sign::Fail)) if sign == Sign::Fail => false,
            Some((at, last)) => last != sign || now - at >= every,
            None => true,
        };
        if is_due {
            self.last_round = Some((now, sign));
            self.send(Ping { address, sign, body: trouble.unwrap_or("healthy").to_owned(), tries: 1 });
        }
    }

    /// Tells of runs that began, arrived or failed since the last look.
    pub async fn look_at_runs(&mut self, store: &Store) -> Result<()> {
        let watched: Vec<(String, SecretString)> =
            self.settings.jobs.iter().map(|(job, address)| (job.clone(), address.clone())).collect();
        for (job, address) in watched {
            let mut runs = store.list_runs(Some(&job), RUNS).await?;
            runs.sort_unstable_by_key(|run| run.id);
            for run in runs {
                let Some(sign) = self.sign_of(store, &run).await? else { continue };
                if self.told.get(&job).is_some_and(|told| *told >= (run.id, sign)) {
                    continue;
                }
                self.told.insert(job.clone(), (run.id, sign));
                let body = format!("job {job}, slot {}, run {}", run.slot_at, run.id);
                self.send(Ping { address: address.clone(), sign, body, tries: JOB_TRIES });
            }
        }
        Ok(())
    }

    /// What there is to tell of a run now; `None` before it starts, while its messages are under way, and of old ones.
    async fn sign_of(&self, store: &Store, run: &RunRow) -> Result<Option<Sign>> {
        let ended_at = run.finished_at.unwrap_or(self.clock.now());
        if ended_at < self.started_at - LOOK_BACK {
            return Ok(None);
        }
        Ok(match run.state {
            RunState::Running => Some(Sign::Start),
            RunState::Failed => Some(Sign::Fail),
            RunState::Succeeded => {
                let deliveries = store.list_run_deliveries(run.id).await?;
                if deliveries.iter().all(|delivery| delivery.state == DeliveryState::Sent) {
                    Some(Sign::Success)
                } else {
                    let is_dead = deliveries.iter().any(|delivery| delivery.state == DeliveryState::Dead);
                    is_dead.then_some(Sign::Fail)
                }
            }
            _ => None,
        })
    }

    fn send(&self, ping: Ping) {
        // A full queue means a watcher that has not answered for minutes; the newest says nothing new.
        let _ = self.queue.try_send(ping);
    }
}

impl Pinger {
    /// Sends pings until `stop`. A watcher that fails is logged once, and once when it answers again.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut is_failing = false;
        loop {
            let ping = tokio::select! {
                ping = self.queue.recv() => ping,
                () = stop.cancelled() => None,
            };
            let Some(ping) = ping else { return };
            match self.deliver(&ping).await {
                Ok(()) if is_failing => {
                    tracing::info!("the watcher answers again");
                    is_failing = false;
                }
                Err(why) if !is_failing => {
                    tracing::warn!(reason = "heartbeat", "the watcher was not reached: {why}");
                    is_failing = true;
                }
                _ => {}
            }
        }
    }

    async fn deliver(&self, ping: &Ping) -> std::result::Result<(), String> {
        let base = ping.address.expose_secret().trim_end_matches('/');
        let address = match ping.sign {
            Sign::Start => format!("{base}/start"),
            Sign::Success => base.to_owned(),
            Sign::Fail => format!("{base}/fail"),
        };
        repeat(&self.clock, &self.jitter, ping.tries, || async {
            match self.client.post(&address).body(ping.body.clone()).send().await {
                Ok(answer) if answer.status().is_success() => Ok(()),
                Ok(answer) => Err(format!("HTTP {}", answer.status().as_u16())),
                Err(error) => Err(outbound::describe(&error)),
            }
        })
        .await
    }
}
