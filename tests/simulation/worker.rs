//! A worker whose steps the simulation begins, holds, resumes and breaks off.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use async_trait::async_trait;
use chrono::TimeDelta;
use svodka::alert::{AlertError, AlertSettings, Alerter, Thresholds};
use svodka::clock::{Clock, Instant};
use svodka::deliver::decide::Decision;
use svodka::deliver::{ChatId, ChatTarget, Outcome, Sender, SenderSettings, Transport};
use svodka::outbound::Jitter;
use svodka::render::notices::Speech;
use svodka::schedule::Job;
use svodka::schedule::planner::Planner;
use svodka::schedule::runner::{Execute, JobContext, JobError, RunOutcome, Runner};
use svodka::store::history::HistoryRow;
use svodka::store::outbox::{Action, NewDelivery};
use svodka::store::runs::{RunResult, StoredDigest};
use svodka::store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use super::probe::{Crash, Hand, Probe, SimClock};
use super::snapshot::Table;
use super::telegram::SimBot;
use super::world::{Cause, World};

/// The text of a part; what readers are compared by.
pub fn text(job: &str, slot_at: Instant, chat: &str, part: i64) -> String {
    format!("{job} {} {chat} {part}", slot_at.format("%Y-%m-%dT%H:%M"))
}

/// Parts of the report of a job.
pub fn part_count(job: &str) -> i64 {
    i64::try_from(job.len() % 3).unwrap() + 1
}

/// Rows of history and digests that a run leaves behind.
pub const KEPT: [i64; 2] = [2, 1];

/// A job that works, fails and hangs as the seed wants.
struct SimJob {
    world: Arc<World>,
    probe: Arc<Probe>,
}

/// An attempt under way. Broken off after its time, it is the cause of a `timeout`.
struct Attempt {
    world: Arc<World>,
    key: (String, Instant),
    overdue_at: Instant,
    is_over: bool,
}

impl Attempt {
    fn note(&self, cause: Cause) {
        let mut state = self.world.lock();
        state.strike(format!("attempt: {cause:?}"));
        state.causes.insert((self.key.clone(), cause));
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.is_over && self.world.true_now() >= self.overdue_at {
            self.note(Cause::TimedOut);
        }
    }
}

#[async_trait]
impl Execute for SimJob {
    async fn execute(&self, job: &Job, context: &JobContext) -> Result<RunResult, JobError> {
        let (run, owner) = (&context.run, self.probe.owner.clone());
        let mut attempt = Attempt {
            world: self.world.clone(),
            key: (job.name.clone(), run.slot_at),
            overdue_at: self.world.true_now() + TimeDelta::from_std(job.timeout).unwrap(),
            is_over: false,
        };
        let (waits, fails, is_permanent) = {
            let mut state = self.world.lock();
            if let Some(other) = state.working.insert(job.name.clone(), owner.clone()) {
                state.violations.push(format!("{owner} begins {} while {other} is at it", job.name));
            }
            // A hung attempt waits for ever: the simulation lets go on only those that do not hang.
            (state.chance(0.7), state.chance(0.25), state.chance(0.1))
        };
        if waits {
            self.probe.park().await;
        }
        attempt.is_over = true;
        self.world.lock().working.remove(&job.name);
        self.world.log(format!("{owner} ends an attempt at {} {}: fails {fails}", job.name, run.slot_at));
        if fails {
            let cause = if is_permanent { Cause::FailedForGood } else { Cause::Failed };
            attempt.note(cause);
            return Err(JobError { reason: "simulated", note: "it was to fail".to_owned(), is_permanent });
        }
        let parts = part_count(&job.name);
        let public_id = format!("d-{}", run.slot_at.format("%m%d-%H%M"));
        let mut deliveries = Vec::new();
        for chat in &job.chats {
            for part in 1..=parts {
                let line = text(&job.name, run.slot_at, chat, part);
                deliveries.push(NewDelivery {
                    key: format!("run:{}/{chat}/{part}", run.id),
                    run_id: Some(run.id),
                    chat: chat.clone(),
                    part,
                    part_count: parts,
                    action: Action::Send,
                    html: format!("<b>{line}</b>\n№ {public_id} ({part}/{parts})"),
                    plain: format!("{line}\n№ {public_id} ({part}/{parts})"),
                    public_id: public_id.clone(),
                    policy: job.policy,
                    expires_at: Some(run.slot_at + TimeDelta::minutes(90)),
                    is_silent: false,
                    keyboard: None,
                });
            }
        }
        let figure = |measure: &str| HistoryRow {
            report: job.name.clone(),
            period_on: run.slot_at.date_naive(),
            subject: run.slot_at.format("%H:%M").to_string(),
            measure: measure.to_owned(),
            value: Some(1.0),
            is_complete: true,
        };
        let digest = StoredDigest {
            report: job.name.clone(),
            public_id,
            period_from: run.slot_at - TimeDelta::days(1),
            period_to: run.slot_at,
            body: serde_json::Value::Null,
        };
        let history = vec![figure("first"), figure("second")];
        Ok(RunResult { digest: Some(digest), history, deliveries, ..RunResult::default() })
    }
}

/// What a worker may do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    Run,
    Send,
    Plan,
    Sweep,
    Check,
}

/// What a step wrote under its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrote {
    Nothing,
    Row(Table, i64),
}

/// How driving a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driven {
    Parked,
    Done(Wrote),
    Died,
}

type Step = Pin<Box<dyn Future<Output = Wrote>>>;

/// A process: one task that runs jobs, one that sends, and one for short steps.
pub struct Worker {
    pub owner: String,
    world: Arc<World>,
    runner: Arc<Runner>,
    sender: Arc<Sender>,
    sweeper: Arc<Sender>,
    planner: Arc<Planner>,
    alerts: Arc<Alerter>,
    pub probes: [Arc<Probe>; 3],
    steps: [Option<Step>; 3],
    /// How often the simulation had looked at everything when they began.
    pub began: [u64; 3],
    /// The rows leased by the steps that wait, by task.
    pub held: [Option<(Table, i64, i64)>; 3],
    /// Until then the process is not scheduled by its machine.
    pub stalled_until: Option<Instant>,
    stop: CancellationToken,
    /// Told to stop: by then it is gone or killed, in true time.
    pub leaves_by: Option<Instant>,
}

/// The task of a process that does it.
pub fn lane(task: Task) -> usize {
    match task {
        Task::Run => 0,
        Task::Send => 1,
        Task::Plan | Task::Sweep | Task::Check => 2,
    }
}

impl Worker {
    /// Starts a process and makes its jobs known.
    pub async fn start(
        world: &Arc<World>,
        store: &Store,
        jobs: &[Job],
        owner: &str,
        seed: u64,
        skew_ms: i64,
    ) -> Self {
        // A job waits beside its timeout and its lease; a send waits for Telegram or for the database to come back.
        let probes =
            [("run", 3), ("send", 1), ("short", 1)].map(|(task, at)| Probe::new(owner, task, at, skew_ms));
        let clock = |lane: usize| -> Arc<dyn Clock> {
            Arc::new(SimClock { world: world.clone(), probe: probes[lane].clone() })
        };
        let watched =
            |lane: usize| store.watched(Arc::new(Hand { world: world.clone(), probe: probes[lane].clone() }));
        let jitter = Jitter::seeded(seed);
        let targets: BTreeMap<_, _> = world
            .lock()
            .chats
            .iter()
            .map(|(name, chat)| (name.clone(), ChatTarget { id: ChatId::Id(chat.ids[0]), topic: None }))
            .collect();
        let sender = |lane: usize| {
            let bot = SimBot { world: world.clone(), probe: probes[lane].clone(), store: store.clone() };
            Arc::new(Sender::new(
                watched(lane),
                Transport::Custom(Arc::new(bot)),
                clock(lane),
                jitter.clone(),
                BTreeMap::clone(&targets),
                SenderSettings::new(owner),
            ))
        };
        let (sender, sweeper) = (sender(1), sender(2));
        let runner = Arc::new(Runner {
            store: watched(0),
            clock: clock(0),
            jitter: jitter.clone(),
            owner: owner.to_owned(),
            jobs: jobs.iter().map(|job| (job.name.clone(), job.clone())).collect(),
        });
        // A process that cannot make its jobs known does not start at all.
        let planner = Planner::new(store.clone(), clock(2), jobs.to_vec());
        planner.register().await.unwrap();
        let planner = Arc::new(Planner::new(watched(2), clock(2), jobs.to_vec()));
        let speech = Speech {
            zone: chrono_tz::Europe::Berlin,
            job_titles: BTreeMap::new(),
            job_chats: jobs.iter().map(|job| (job.name.clone(), job.chats.clone())).collect(),
        };
        let settings = AlertSettings {
            ops_chat: Some("ops".to_owned()),
            thresholds: Thresholds::default(),
            speech,
            bot_jobs: Default::default(),
            most_messages: 3,
            conduct: Default::default(),
            looks: Default::default(),
        };
        let alerts = Arc::new(Alerter::new(watched(2), clock(2), settings));
        world.log(format!("{owner} starts, its clock {skew_ms} ms ahead"));
        Self {
            owner: owner.to_owned(),
            world: world.clone(),
            runner,
            sender,
            sweeper,
            planner,
            alerts,
            probes,
            steps: [None, None, None],
            began: [0; 3],
            held: [None; 3],
            stalled_until: None,
            stop: CancellationToken::new(),
            leaves_by: None,
        }
    }

    pub fn is_stalled(&self) -> bool {
        self.stalled_until.is_some_and(|until| self.world.true_now() < until)
    }

    pub fn is_busy(&self, lane: usize) -> bool {
        self.steps[lane].is_some()
    }

    pub fn is_idle(&self) -> bool {
        self.steps.iter().all(Option::is_none)
    }

    fn begin(&self, task: Task) -> Step {
        let (world, probe) = (self.world.clone(), self.probes[lane(task)].clone());
        match task {
            Task::Run => {
                let (runner, stop) = (self.runner.clone(), self.stop.clone());
                Box::pin(async move {
                    let job = SimJob { world: world.clone(), probe: probe.clone() };
                    let outcome = runner.run_step(&job, &stop).await;
                    // A timeout, a lost lease or a fault ends an attempt without its knowledge.
                    world.lock().working.retain(|_, owner| *owner != probe.owner);
                    let Some(outcome) = bear(outcome) else { return Wrote::Nothing };
                    if outcome != RunOutcome::Idle {
                        world.log(format!("{} run: {outcome:?}", probe.owner));
                    }
                    if matches!(outcome, RunOutcome::Fenced { .. }) {
                        world.lock().strike("lease: lost under way".to_owned());
                    }
                    match outcome {
                        RunOutcome::Succeeded { run_id }
                        | RunOutcome::Retrying { run_id, .. }
                        | RunOutcome::Failed { run_id, .. }
                        | RunOutcome::Released { run_id } => Wrote::Row(Table::Runs, run_id),
                        RunOutcome::Idle | RunOutcome::Fenced { .. } => Wrote::Nothing,
                    }
                })
            }
            Task::Send => {
                let sender = self.sender.clone();
                Box::pin(async move {
                    let outcome = bear(sender.deliver_step().await);
                    *probe.sending.lock().unwrap() = None;
                    let Some(outcome) = outcome else { return Wrote::Nothing };
                    if outcome != Outcome::Idle {
                        world.log(format!("{} {outcome:?}", probe.owner));
                    }
                    match outcome {
                        Outcome::Recorded { delivery_id, decision } => {
                            let is_slow = matches!(decision, Decision::Retry { reason: "rate_limited", .. });
                            for chat in world.lock().chats.values_mut() {
                                chat.closed_unrecorded_by.take_if(|by| is_slow && *by == delivery_id);
                            }
                            Wrote::Row(Table::Deliveries, delivery_id)
                        }
                        _ => Wrote::Nothing,
                    }
                })
            }
            Task::Plan => {
                let planner = self.planner.clone();
                Box::pin(async move {
                    if let Some(planned) = bear(planner.plan_step().await)
                        && planned.run_count + planned.skipped_count > 0
                    {
                        world.log(format!("{} {planned:?}", probe.owner));
                    }
                    Wrote::Nothing
                })
            }
            Task::Sweep => {
                let sender = self.sweeper.clone();
                Box::pin(async move {
                    if let Some(count @ 1..) = bear(sender.sweep_step().await) {
                        world.log(format!("{} finds {count} lost sends", probe.owner));
                    }
                    Wrote::Nothing
                })
            }
            Task::Check => {
                let alerts = self.alerts.clone();
                Box::pin(async move {
                    for step in [alerts.deadline_step().await, alerts.check_step().await] {
                        match step {
                            Err(AlertError::Store(error)) => drop(bear(Err::<(), _>(error))),
                            step => drop(step.unwrap()),
                        }
                    }
                    Wrote::Nothing
                })
            }
        }
    }

    /// Begins the task, or goes on with what its lane is at, until that ends, waits or dies (after so many points).
    pub async fn go(&mut self, task: Task, dies_in: Option<i64>, look: u64) -> Driven {
        let lane = lane(task);
        let mut step = match self.steps[lane].take() {
            Some(step) => step,
            None => {
                self.began[lane] = look;
                self.begin(task)
            }
        };
        let probe = self.probes[lane].clone();
        probe.dies_in.store(dies_in.unwrap_or(-1), Ordering::Relaxed);
        let driven = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| step.as_mut().poll(cx))) {
            Ok(Poll::Ready(wrote)) => Poll::Ready(Driven::Done(wrote)),
            Ok(Poll::Pending) if probe.is_parked() => Poll::Ready(Driven::Parked),
            Ok(Poll::Pending) => Poll::Pending,
            Err(payload) if payload.is::<Crash>() => Poll::Ready(Driven::Died),
            Err(payload) => resume_unwind(payload),
        })
        .await;
        probe.dies_in.store(-1, Ordering::Relaxed);
        if driven == Driven::Parked {
            self.steps[lane] = Some(step);
        }
        driven
    }

    /// SIGTERM: nothing new is begun, an attempt under way may end or is handed back.
    pub fn stop(&mut self) {
        self.world.log(format!("{} is told to stop", self.owner));
        self.stop.cancel();
        // The attempt waits for the end of its grace too.
        self.probes[0].parked_at.store(4, Ordering::Relaxed);
        self.leaves_by = Some(self.world.true_now() + TimeDelta::seconds(10));
    }

    /// The process is gone: what it was at, nobody knows.
    pub fn bury(self) {
        self.world.log(format!("{} is dead", self.owner));
        self.note_doubt();
        self.world.lock().working.retain(|_, owner| *owner != self.owner);
    }

    /// Whatever is being sent may be there or not.
    pub fn note_doubt(&self) {
        if let Some(id) = *self.probes[1].sending.lock().unwrap() {
            self.world.lock().ambiguous.insert(id);
        }
    }
}

/// A loop tries a step again when the database had a passing fault or the lease is lost; anything else is a finding.
fn bear<T>(step: Result<T, StoreError>) -> Option<T> {
    match step {
        Ok(done) => Some(done),
        Err(error) => {
            assert!(error.is_transient() || matches!(error, StoreError::Fenced(_)), "{error}");
            None
        }
    }
}
