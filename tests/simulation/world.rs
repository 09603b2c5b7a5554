//! What all workers of a simulation share: the time, the chats, the faults and the log of what really happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use chrono::TimeDelta;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use svodka::clock::{Clock, Instant, ManualClock};
use tokio::sync::Notify;

/// A message standing in a chat.
#[derive(Debug, Clone)]
pub struct Message {
    pub id: i64,
    /// Row of the outbox it came from.
    pub delivery_id: i64,
    pub text: String,
    pub is_marked: bool,
}

/// A chat as its readers see it.
#[derive(Debug, Default)]
pub struct Chat {
    /// The ids it had; the last is valid.
    pub ids: Vec<i64>,
    pub messages: Vec<Message>,
    pub last_id: i64,
    /// Telegram takes nothing earlier, in true time.
    pub closed_until: Option<Instant>,
}

/// A message that Telegram took and will show later.
#[derive(Debug)]
pub struct Late {
    pub due: Instant,
    pub chat: String,
    pub message: Message,
}

/// Everything that is not in the database.
#[derive(Debug)]
pub struct State {
    pub rng: ChaCha8Rng,
    pub has_faults: bool,
    pub chats: BTreeMap<String, Chat>,
    pub late: Vec<Late>,
    /// Deliveries whose outcome somebody could not know.
    pub ambiguous: BTreeSet<i64>,
    /// Deliveries that Telegram refused for good.
    pub refused: BTreeSet<i64>,
    /// Slots an attempt of which failed, hung or died.
    pub troubled: BTreeSet<(String, Instant)>,
    /// Jobs with an attempt under way, by worker: no two live workers work on one job.
    pub working: BTreeMap<String, String>,
    pub violations: Vec<String>,
    pub log: Vec<String>,
    pub fault_count: usize,
    /// How far the wall clock was set back in all.
    behind: TimeDelta,
}

/// The world of one seed.
#[derive(Debug)]
pub struct World {
    pub clock: ManualClock,
    state: Mutex<State>,
}

impl World {
    pub fn new(seed: u64, start: Instant, has_faults: bool) -> Arc<Self> {
        let chats = [("managers", -1001), ("ops", -1002), ("owner", 77)];
        let chat = |id| Chat { ids: vec![id], ..Chat::default() };
        let state = State {
            rng: ChaCha8Rng::seed_from_u64(seed ^ 0x5eed),
            has_faults,
            chats: chats.map(|(name, id)| (name.to_owned(), chat(id))).into(),
            late: Vec::new(),
            ambiguous: BTreeSet::new(),
            refused: BTreeSet::new(),
            troubled: BTreeSet::new(),
            working: BTreeMap::new(),
            violations: Vec::new(),
            log: Vec::new(),
            fault_count: 0,
            behind: TimeDelta::zero(),
        };
        Arc::new(Self { clock: ManualClock::new(start), state: Mutex::new(state) })
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Time as it really passes: the wall clock may be set back, this one never is.
    pub fn true_now(&self) -> Instant {
        self.clock.now() + self.lock().behind
    }

    pub fn advance(&self, step: TimeDelta) {
        self.clock.advance(step);
        self.commit_late();
    }

    pub fn set_back(&self, step: TimeDelta) {
        self.lock().behind += step;
        self.clock.advance(-step);
    }

    /// Shows what Telegram took earlier and whose time has come.
    fn commit_late(&self) {
        let now = self.true_now();
        let mut state = self.lock();
        let (due, waiting) = std::mem::take(&mut state.late).into_iter().partition(|late| late.due <= now);
        state.late = waiting;
        let due: Vec<Late> = due;
        for late in due {
            state.commit(&late.chat, late.message);
        }
    }

    pub fn log(&self, line: String) {
        let now = self.clock.now();
        self.lock().log.push(format!("{} {line}", now.format("%d %H:%M:%S%.3f")));
    }

    pub fn violation(&self, line: String) {
        self.log(format!("VIOLATION {line}"));
        self.lock().violations.push(line);
    }
}

impl State {
    /// Puts a message into a chat; returns its id.
    pub fn commit(&mut self, chat: &str, mut message: Message) -> i64 {
        let chat = self.chats.get_mut(chat).unwrap();
        chat.last_id += 1;
        message.id = chat.last_id;
        chat.messages.push(message);
        chat.last_id
    }

    /// Lets a message arrive that is on its way; returns its id, also when it is there already.
    pub fn arrive(&mut self, chat: &str, delivery_id: i64) -> i64 {
        if let Some(nth) = self.late.iter().position(|late| late.message.delivery_id == delivery_id) {
            let late = self.late.remove(nth);
            return self.commit(&late.chat, late.message);
        }
        let messages = &self.chats[chat].messages;
        messages.iter().rfind(|message| message.delivery_id == delivery_id).map_or(0, |message| message.id)
    }

    pub fn chance(&mut self, of: f64) -> bool {
        self.has_faults && self.rng.random_bool(of)
    }
}

/// The payload of the unwinding that stands for a crash.
pub struct Crash;

/// The simulation's hold on one task of a worker: where it waits, when it dies, when it is suspended.
#[derive(Debug)]
pub struct Probe {
    pub owner: String,
    /// How many waits of the simulation are pending when the task can do nothing by itself.
    parked_at: usize,
    waits: AtomicUsize,
    pub resume: Notify,
    /// Readings of the clock until the task dies; negative = never.
    pub crash_in: AtomicI64,
    /// Readings of the clock until the machine is suspended; negative = never.
    pub pause_in: AtomicI64,
    /// When the step began, in true time.
    pub began: Mutex<Instant>,
    /// The delivery being sent.
    pub sending: Mutex<Option<i64>>,
}

impl Probe {
    pub fn new(owner: &str, parked_at: usize) -> Arc<Self> {
        Arc::new(Self {
            owner: owner.to_owned(),
            parked_at,
            waits: AtomicUsize::new(0),
            resume: Notify::new(),
            crash_in: AtomicI64::new(-1),
            pause_in: AtomicI64::new(-1),
            began: Mutex::new(Instant::UNIX_EPOCH),
            sending: Mutex::new(None),
        })
    }

    pub fn is_parked(&self) -> bool {
        self.parked_at > 0 && self.waits.load(Ordering::Relaxed) >= self.parked_at
    }

    /// Waits until the simulation lets the task go on.
    pub async fn park(&self) {
        let _waiting = self.wait();
        self.resume.notified().await;
    }

    fn wait(&self) -> Waiting<'_> {
        self.waits.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }
}

struct Waiting<'a>(&'a Probe);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waits.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The clock of one task: each reading is a place where it may die or be suspended.
#[derive(Debug)]
pub struct SimClock {
    pub world: Arc<World>,
    pub probe: Arc<Probe>,
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Instant {
        if self.probe.crash_in.fetch_sub(1, Ordering::Relaxed) == 0 {
            std::panic::resume_unwind(Box::new(Crash));
        }
        if self.probe.pause_in.fetch_sub(1, Ordering::Relaxed) == 0 {
            let secs = self.world.lock().rng.random_range(1..200);
            self.world.log(format!("{} is suspended for {secs} s in the middle of a step", self.probe.owner));
            self.world.advance(TimeDelta::seconds(secs));
        }
        self.world.clock.now()
    }

    async fn sleep_until(&self, at: Instant) {
        let _waiting = self.probe.wait();
        self.world.clock.sleep_until(at).await;
    }

    // Not by `now`: whether a renewal or a timeout is looked at first must not move the places of death.
    async fn sleep(&self, delay: TimeDelta) {
        self.sleep_until(self.world.clock.now() + delay).await;
    }
}
