//! What all workers of a simulation share: the time, the chats, the faults and the log of what really happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::TimeDelta;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use svodka::clock::{Clock, Instant, ManualClock};

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
    /// The delivery that was told so, until its worker has recorded it: one that dies before takes the word with it.
    pub closed_unrecorded_by: Option<i64>,
}

impl Chat {
    pub fn read(&self) -> Vec<String> {
        self.messages.iter().map(|message| message.text.clone()).collect()
    }
}

/// A message that Telegram took and will show later.
#[derive(Debug)]
pub struct Late {
    pub due: Instant,
    pub chat: String,
    pub message: Message,
}

/// Why an attempt came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    Failed,
    FailedForGood,
    TimedOut,
}

/// Everything that is not in the database.
#[derive(Debug)]
pub struct State {
    pub rng: ChaCha8Rng,
    pub has_faults: bool,
    pub chats: BTreeMap<String, Chat>,
    /// A message came since somebody looked.
    pub has_news: bool,
    pub late: Vec<Late>,
    /// Deliveries whose outcome somebody could not know.
    pub ambiguous: BTreeSet<i64>,
    /// Deliveries that Telegram refused for good.
    pub refused: BTreeSet<i64>,
    /// Until when Telegram wanted a delivery to wait, by the clock on the wall.
    pub slowed: BTreeMap<i64, Instant>,
    /// What happened to attempts at slots.
    pub causes: BTreeSet<((String, Instant), Cause)>,
    /// Jobs with an attempt under way, by worker: no two live workers work on one job.
    pub working: BTreeMap<String, String>,
    pub violations: Vec<String>,
    pub log: Vec<String>,
    pub fault_count: usize,
    /// Where workers died and faults struck, with how often.
    pub struck: BTreeMap<String, usize>,
    /// How far the wall clock was set back in all.
    behind: TimeDelta,
}

/// The world of one seed.
#[derive(Debug)]
pub struct World {
    pub clock: ManualClock,
    /// Something may have been written since somebody looked.
    pub is_dirty: AtomicBool,
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
            has_news: false,
            late: Vec::new(),
            ambiguous: BTreeSet::new(),
            refused: BTreeSet::new(),
            slowed: BTreeMap::new(),
            causes: BTreeSet::new(),
            working: BTreeMap::new(),
            violations: Vec::new(),
            log: Vec::new(),
            fault_count: 0,
            struck: BTreeMap::new(),
            behind: TimeDelta::zero(),
        };
        Arc::new(Self {
            clock: ManualClock::new(start),
            is_dirty: AtomicBool::new(true),
            state: Mutex::new(state),
        })
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
        let mut state = self.lock();
        state.behind += step;
        state.strike("clock: set back".to_owned());
        drop(state);
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
        let mut text = String::with_capacity(line.len() + 20);
        let seconds = now.timestamp().rem_euclid(86_400);
        let (hours, minutes, millis) = (seconds / 3600, seconds / 60 % 60, now.timestamp_subsec_millis());
        let _ = write!(text, "{hours:02}:{minutes:02}:{:02}.{millis:03} {line}", seconds % 60);
        self.lock().log.push(text);
    }

    pub fn violation(&self, line: String) {
        self.log(format!("VIOLATION {line}"));
        self.lock().violations.push(line);
    }
}

impl State {
    /// Puts a message into a chat; returns its id.
    pub fn commit(&mut self, chat: &str, mut message: Message) -> i64 {
        self.has_news = true;
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

    pub fn strike(&mut self, place: String) {
        *self.struck.entry(place).or_default() += 1;
    }
}
