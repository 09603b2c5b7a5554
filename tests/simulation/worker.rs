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
use rand::Rng;
use svodka::alert::{AlertError, AlertSettings, Alerter, Thresholds};
use svodka::clock::{Clock, Instant};
use svodka::deliver::{ChatId, ChatTarget, Sender, SenderSettings, Transport};
use svodka::outbound::Jitter;
use svodka::render::notices::Speech;
use svodka::schedule::Job;
use svodka::schedule::planner::Planner;
use svodka::schedule::runner::{Execute, JobContext, JobError, Runner};
use svodka::store::outbox::{Action, NewDelivery};
use svodka::store::runs::RunResult;
use svodka::store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use super::telegram::SimBot;
use super::world::{Crash, Probe, SimClock, World};

/// The text of a part; what readers are compared by.
pub fn text(job: &str, slot_at: Instant, chat: &str, part: i64) -> String {
    format!("{job} {} {chat} {part}", slot_at.format("%Y-%m-%dT%H:%M"))
}

/// Parts of the report of a job.
pub fn part_count(job: &str) -> i64 {
    i64::try_from(job.len() % 3).unwrap() + 1
}

/// A job that works, fails and hangs as the seed wants.
struct SimJob {
    world: Arc<World>,
    probe: Arc<Probe>,
}

#[async_trait]
impl Execute for SimJob {
    async fn execute(&self, job: &Job, context: &JobContext) -> Result<RunResult, JobError> {
        let (run, owner) = (&context.run, self.probe.owner.clone());
        let (waits, fails, is_permanent) = {
            let mut state = self.world.lock();
            if let Some(other) = state.working.insert(job.name.clone(), owner.clone()) {
                state.violations.push(format!("{owner} begins {} while {other} is at it", job.name));
            }
            // A hung attempt waits for ever: the simulation lets go on only those that do not hang.
            (state.chance(0.7), state.chance(0.25), state.chance(0.1))
        };
        if waits {
            // Stands unless the attempt gets beyond this: a timeout or a death are the trouble then.
            let key = (job.name.clone(), run.slot_at);
            let is_new = self.world.lock().troubled.insert(key.clone());
            self.probe.park().await;
            if is_new {
                self.world.lock().troubled.remove(&key);
            }
        }
        self.world.lock().working.remove(&job.name);
        self.world.log(format!("{owner} ends an attempt at {} {}: fails {fails}", job.name, run.slot_at));
        if fails {
            self.world.lock().troubled.insert((job.name.clone(), run.slot_at));
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
                    expires_at: Some(run.slot_at + TimeDelta::hours(5)),
                    is_silent: false,
                });
            }
        }
        Ok(RunResult { deliveries, ..RunResult::default() })
    }
}

/// How a task is broken off.
#[derive(Debug, Clone, Copy)]
pub enum Death {
    /// At this reading of its clock.
    Reading(i64),
    /// After this many polls.
    Polls(u32),
}

type Step = Pin<Box<dyn Future<Output = ()>>>;

/// A process: one task that runs jobs, one that sends, and short steps in between.
pub struct Worker {
    pub owner: String,
    world: Arc<World>,
    runner: Arc<Runner>,
    sender: Arc<Sender>,
    planner: Arc<Planner>,
    alerts: Arc<Alerter>,
    pub run_probe: Arc<Probe>,
    pub send_probe: Arc<Probe>,
    short_probe: Arc<Probe>,
    running: Option<Step>,
    sending: Option<Step>,
    pub last_driven: Instant,
    /// Until then the process is not scheduled by its machine.
    pub stalled_until: Option<Instant>,
}

/// What a short step does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Short {
    Plan,
    Sweep,
    Check,
}

impl Worker {
    /// Starts a process and makes its jobs known.
    pub async fn start(world: &Arc<World>, store: &Store, jobs: &[Job], owner: &str, seed: u64) -> Self {
        let clock = |probe: &Arc<Probe>| -> Arc<dyn Clock> {
            Arc::new(SimClock { world: world.clone(), probe: probe.clone() })
        };
        // A job waits beside its timeout and its lease; a send waits for Telegram.
        let (run_probe, send_probe, short_probe) =
            (Probe::new(owner, 3), Probe::new(owner, 1), Probe::new(owner, 0));
        let jitter = Jitter::seeded(seed);
        let targets = world
            .lock()
            .chats
            .iter()
            .map(|(name, chat)| (name.clone(), ChatTarget { id: ChatId::Id(chat.ids[0]), topic: None }))
            .collect();
        let bot = SimBot { world: world.clone(), probe: send_probe.clone(), store: store.clone() };
        let sender = Arc::new(Sender::new(
            store.clone(),
            Transport::Custom(Arc::new(bot)),
            clock(&send_probe),
            jitter.clone(),
            targets,
            SenderSettings::new(owner),
        ));
        let runner = Arc::new(Runner {
            store: store.clone(),
            clock: clock(&run_probe),
            jitter,
            owner: owner.to_owned(),
            jobs: jobs.iter().map(|job| (job.name.clone(), job.clone())).collect(),
        });
        let planner = Arc::new(Planner::new(store.clone(), clock(&short_probe), jobs.to_vec()));
        let speech = Speech {
            zone: chrono_tz::Europe::Berlin,
            job_titles: BTreeMap::new(),
            job_chats: jobs.iter().map(|job| (job.name.clone(), job.chats.clone())).collect(),
        };
        let settings = AlertSettings {
            ops_chat: Some("ops".to_owned()),
            thresholds: Thresholds::default(),
            speech,
            most_messages: 3,
        };
        let alerts = Arc::new(Alerter::new(store.clone(), clock(&short_probe), settings));
        planner.register().await.unwrap();
        world.log(format!("{owner} starts"));
        Self {
            owner: owner.to_owned(),
            world: world.clone(),
            runner,
            sender,
            planner,
            alerts,
            run_probe,
            send_probe,
            short_probe,
            running: None,
            sending: None,
            last_driven: world.true_now(),
            stalled_until: None,
        }
    }

    pub fn is_stalled(&self) -> bool {
        self.stalled_until.is_some_and(|until| self.world.true_now() < until)
    }

    pub fn is_busy(&self) -> (bool, bool) {
        (self.running.is_some(), self.sending.is_some())
    }

    /// Begins or goes on with a run. `false` when the worker died of it.
    pub async fn run(&mut self, death: Option<Death>) -> bool {
        let step = self.running.take().unwrap_or_else(|| {
            let (runner, world, probe) = (self.runner.clone(), self.world.clone(), self.run_probe.clone());
            Box::pin(async move {
                let job = SimJob { world: world.clone(), probe: probe.clone() };
                let stop = CancellationToken::new();
                let outcome = runner.run_step(&job, &stop).await.unwrap();
                // A timeout or a lost lease ends an attempt without its knowledge.
                world.lock().working.retain(|_, owner| *owner != probe.owner);
                world.log(format!("{} run step: {outcome:?}", probe.owner));
            })
        });
        let probe = self.run_probe.clone();
        let driven = self.drive(step, &probe, death).await;
        driven.is_ok_and(|left| {
            self.running = left;
            true
        })
    }

    /// Begins or goes on with a send. `false` when the worker died of it.
    pub async fn send(&mut self, death: Option<Death>) -> bool {
        let step = self.sending.take().unwrap_or_else(|| {
            let (sender, world, probe) = (self.sender.clone(), self.world.clone(), self.send_probe.clone());
            *probe.began.lock().unwrap() = world.true_now();
            Box::pin(async move {
                let outcome = sender.deliver_step().await.unwrap();
                *probe.sending.lock().unwrap() = None;
                if !matches!(outcome, svodka::deliver::Outcome::Idle) {
                    world.log(format!("{} {outcome:?}", probe.owner));
                }
            })
        });
        let probe = self.send_probe.clone();
        let driven = self.drive(step, &probe, death).await;
        driven.is_ok_and(|left| {
            self.sending = left;
            true
        })
    }

    /// Does a step that waits for nothing but the store. `false` when the worker died of it.
    pub async fn short(&mut self, what: Short, death: Option<Death>) -> bool {
        let (planner, sender, alerts) = (self.planner.clone(), self.sender.clone(), self.alerts.clone());
        let step: Step = Box::pin(async move {
            match what {
                Short::Plan => bear(planner.plan_step().await),
                Short::Sweep => bear(sender.sweep_step().await),
                Short::Check => {
                    for step in [alerts.deadline_step().await, alerts.check_step().await] {
                        match step {
                            Err(AlertError::Store(error)) => bear(Err::<(), _>(error)),
                            step => drop(step.unwrap()),
                        }
                    }
                }
            }
        });
        let probe = if what == Short::Sweep { self.send_probe.clone() } else { self.short_probe.clone() };
        self.drive(step, &probe, death).await.is_ok()
    }

    /// Polls a step until it ends, waits for the simulation, or dies. The step is given back when it waits.
    async fn drive(
        &mut self,
        mut step: Step,
        probe: &Arc<Probe>,
        death: Option<Death>,
    ) -> Result<Option<Step>, ()> {
        let mut polls_left = u32::MAX;
        match death {
            Some(Death::Reading(nth)) => probe.crash_in.store(nth, Ordering::Relaxed),
            Some(Death::Polls(count)) => polls_left = count,
            None => {}
        }
        let polled = poll_fn(|cx| {
            if polls_left == 0 {
                return Poll::Ready(Err(()));
            }
            polls_left -= 1;
            match catch_unwind(AssertUnwindSafe(|| step.as_mut().poll(cx))) {
                Ok(Poll::Ready(())) => Poll::Ready(Ok(true)),
                Ok(Poll::Pending) if probe.is_parked() => Poll::Ready(Ok(false)),
                Ok(Poll::Pending) => Poll::Pending,
                Err(payload) if payload.is::<Crash>() => Poll::Ready(Err(())),
                Err(payload) => resume_unwind(payload),
            }
        })
        .await;
        probe.crash_in.store(-1, Ordering::Relaxed);
        self.last_driven = self.world.true_now();
        match polled {
            Ok(true) => Ok(None),
            Ok(false) => Ok(Some(step)),
            Err(()) => {
                drop(step);
                Err(())
            }
        }
    }

    /// The process is gone: what it was at, nobody knows.
    pub fn bury(self) -> Dead {
        self.world.log(format!("{} dies", self.owner));
        self.note_doubt();
        let mut state = self.world.lock();
        let jobs: Vec<String> = state
            .working
            .iter()
            .filter(|(_, owner)| **owner == self.owner)
            .map(|(job, _)| job.clone())
            .collect();
        for job in jobs {
            state.working.remove(&job);
        }
        drop(state);
        Dead { owner: self.owner.clone(), last_driven: self.last_driven, expired: (false, false) }
    }

    /// Whatever is being sent may be there or not.
    pub fn note_doubt(&self) {
        if let Some(id) = *self.send_probe.sending.lock().unwrap() {
            self.world.lock().ambiguous.insert(id);
        }
    }

    /// Lets the job or the send go on that waits.
    pub fn resume(&self, probe: &Probe) {
        probe.resume.notify_one();
    }

    /// Suspends the machine at a later reading of the clock.
    pub fn suspend_soon(&self) {
        let at = self.world.lock().rng.random_range(0..12);
        self.send_probe.pause_in.store(at, Ordering::Relaxed);
    }
}

/// A process that is gone, with leases that are not.
#[derive(Debug)]
pub struct Dead {
    pub owner: String,
    pub last_driven: Instant,
    /// Leases of runs, leases of deliveries.
    pub expired: (bool, bool),
}

/// A loop tries a step again when the database had a passing fault; anything else is a finding.
fn bear<T>(step: Result<T, StoreError>) {
    if let Err(error) = step {
        assert!(error.is_transient(), "{error}");
    }
}
