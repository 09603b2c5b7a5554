//! The simulation's hold on one task of a worker: where it waits, dies, is suspended, and what the database does to it.
//!
//! A task passes *points*: readings of its clock, calls of the store, statements, commits, requests. They are the same in
//! every life of a seed, whatever the machine does meanwhile.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use chrono::TimeDelta;
use rand::Rng;
use svodka::clock::{Clock, Instant};
use svodka::store::watch::{Point, Watch};
use tokio::sync::Notify;

use super::world::World;

/// A fault of the database per point.
const FAULTS: f64 = 0.006;
/// A wait before a call of the store, so that other workers come in between.
const HOLDS: f64 = 0.03;

/// Whether a statement of the store with this name writes.
fn may_write(name: &str) -> bool {
    static WRITES: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
        let all = svodka::store::sql::ALL.iter().flat_map(|module| module.iter());
        all.filter(|sql| !sql.sqlite.trim_start().starts_with("SELECT")).map(|sql| sql.name).collect()
    });
    WRITES.contains(name)
}

/// The payload of the unwinding that stands for a crash.
pub struct Crash;

/// One task of a worker.
#[derive(Debug)]
pub struct Probe {
    pub owner: String,
    pub task: &'static str,
    /// How many waits are pending when the task can do nothing by itself.
    pub parked_at: AtomicUsize,
    waits: AtomicUsize,
    holds: AtomicUsize,
    resume: Notify,
    /// Points until the task dies; negative = never.
    pub dies_in: AtomicI64,
    /// Points until the machine is suspended; negative = never.
    pub pauses_in: AtomicI64,
    /// By how many milliseconds the clock of the worker is ahead.
    pub skew_ms: AtomicI64,
    /// When its lease was taken or renewed, in true time.
    pub leased_at: Mutex<Instant>,
    /// The delivery being sent.
    pub sending: Mutex<Option<i64>>,
    /// The first statement that says what the current call of the store is about.
    call: Mutex<&'static str>,
}

impl Probe {
    pub fn new(owner: &str, task: &'static str, parked_at: usize, skew_ms: i64) -> Arc<Self> {
        Arc::new(Self {
            owner: owner.to_owned(),
            task,
            parked_at: AtomicUsize::new(parked_at),
            waits: AtomicUsize::new(0),
            holds: AtomicUsize::new(0),
            resume: Notify::new(),
            dies_in: AtomicI64::new(-1),
            pauses_in: AtomicI64::new(-1),
            skew_ms: AtomicI64::new(skew_ms),
            leased_at: Mutex::new(Instant::UNIX_EPOCH),
            sending: Mutex::new(None),
            call: Mutex::new(""),
        })
    }

    /// Whether it waits for the simulation.
    pub fn is_parked(&self) -> bool {
        self.holds.load(Ordering::Relaxed) > 0
            || self.waits.load(Ordering::Relaxed) >= self.parked_at.load(Ordering::Relaxed)
    }

    /// Waits until the simulation lets the task go on.
    pub async fn park(&self) {
        let _waiting = Waiting::new(&self.waits);
        self.resume.notified().await;
    }

    /// The same, although other parts of the task could go on.
    async fn hold(&self) {
        let _waiting = Waiting::new(&self.holds);
        self.resume.notified().await;
    }

    /// Lets everything of the task go on that waits.
    pub fn resume(&self) {
        self.resume.notify_waiters();
    }

    pub fn skew(&self) -> TimeDelta {
        TimeDelta::milliseconds(self.skew_ms.load(Ordering::Relaxed))
    }

    /// Passes a point.
    pub fn pass(&self, world: &World, place: &str) {
        self.pass_at(world, || place.to_owned());
    }

    /// The same; what it is called is asked only when something happens there.
    fn pass_at(&self, world: &World, place: impl Fn() -> String) {
        if self.dies_in.fetch_sub(1, Ordering::Relaxed) == 0 {
            let place = format!("dies: {} at {}", self.task, place());
            world.log(format!("{} {place}", self.owner));
            world.lock().strike(place);
            std::panic::resume_unwind(Box::new(Crash));
        }
        if self.pauses_in.fetch_sub(1, Ordering::Relaxed) == 0 {
            let secs = world.lock().rng.random_range(1..200);
            world.lock().strike("task: suspended".to_owned());
            world.log(format!("{} is suspended for {secs} s at {}", self.owner, place()));
            world.advance(TimeDelta::seconds(secs));
        }
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The clock of one task.
#[derive(Debug)]
pub struct SimClock {
    pub world: Arc<World>,
    pub probe: Arc<Probe>,
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Instant {
        self.probe.pass(&self.world, "a reading of the clock");
        self.world.clock.now() + self.probe.skew()
    }

    async fn sleep_until(&self, at: Instant) {
        let _waiting = Waiting::new(&self.probe.waits);
        self.world.clock.sleep_until(at - self.probe.skew()).await;
    }

    async fn sleep(&self, delay: TimeDelta) {
        let _waiting = Waiting::new(&self.probe.waits);
        self.world.clock.sleep_until(self.world.clock.now() + delay).await;
    }
}

/// The store as one task reaches it.
#[derive(Debug)]
pub struct Hand {
    pub world: Arc<World>,
    pub probe: Arc<Probe>,
}

impl Hand {
    fn fail(&self, what: &str) -> Result<(), sqlx::Error> {
        let mut state = self.world.lock();
        if !state.chance(FAULTS) {
            return Ok(());
        }
        state.fault_count += 1;
        let place = format!("fails: {} at {what} {}", self.probe.task, self.probe.call.lock().unwrap());
        state.strike(place.clone());
        drop(state);
        self.world.log(format!("{} {place}", self.probe.owner));
        Err(sqlx::Error::Io(io::ErrorKind::ConnectionReset.into()))
    }

    fn is_about(&self, name: &'static str) {
        let mut call = self.probe.call.lock().unwrap();
        if call.is_empty() || name == "TAKE" || name == "TAKE_SWEEP" {
            *call = name;
        }
        if matches!(name, "TAKE" | "TAKE_SWEEP" | "RENEW") {
            *self.probe.leased_at.lock().unwrap() = self.world.true_now();
        }
    }

    fn pass(&self, what: &str) {
        self.probe.pass_at(&self.world, || format!("{what} {}", self.probe.call.lock().unwrap()));
    }
}

#[async_trait]
impl Watch for Hand {
    async fn before(&self) -> Result<(), sqlx::Error> {
        *self.probe.call.lock().unwrap() = "";
        self.probe.pass(&self.world, "a call of the store");
        let holds = self.world.lock().chance(HOLDS);
        if holds {
            self.world.lock().strike("task: held".to_owned());
            self.world
                .log(format!("{} {} is held before a call of the store", self.probe.owner, self.probe.task));
            self.probe.hold().await;
        }
        self.fail("a call")
    }

    fn at(&self, point: Point) -> Result<(), sqlx::Error> {
        match point {
            Point::Ran { name } => {
                self.is_about(name);
                Ok(())
            }
            Point::Stands { name } => {
                self.is_about(name);
                if may_write(name) {
                    self.world.is_dirty.store(true, Ordering::Relaxed);
                }
                self.pass("the answer to");
                self.fail("the answer to")
            }
            Point::Commit => {
                self.pass("before the commit of");
                self.fail("before the commit of")
            }
            Point::Committed => {
                self.world.is_dirty.store(true, Ordering::Relaxed);
                self.pass("after the commit of");
                self.fail("after the commit of")
            }
        }
    }
}
