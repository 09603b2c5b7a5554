//! Between the skin and the model: when a request does its work, what is written down about it, which fault strikes it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use tokio::sync::watch;

use super::args::Args;
use super::error::ApiError;
use super::fault::{Effect, Faults};
use super::flood::{ABSORBED_SECS, Flood};
use super::journal::{Journal, RequestRecord};
use super::methods::{self, Done, Method};
use super::model::Model;
use crate::clock::{Instant, SharedClock};

/// A request that was taken and will do its work later. A client that hangs up does not stop it.
#[derive(Debug)]
pub(super) struct Pending {
    due: Instant,
    /// An absorbed flood wait may be prolonged up to here.
    give_up_at: Instant,
    method: Method,
    args: Args,
    /// Its place in the journal.
    record: usize,
    /// Somebody waits for the outcome.
    is_awaited: bool,
}

#[derive(Debug)]
pub(super) struct State {
    pub model: Model,
    pub faults: Faults,
    pub journal: Journal,
    pending: Vec<Pending>,
    /// Outcomes of awaited pending requests, by place in the journal.
    outcomes: HashMap<usize, Result<Done, ApiError>>,
    /// Goes up when unanswered requests are let go.
    pub releases: u64,
    pub is_closing: bool,
}

/// What becomes of a request.
pub(super) enum Verdict {
    Answered(Result<Done, ApiError>),
    /// Look again at this time, under this place in the journal.
    Later(Instant),
}

impl State {
    pub fn new(model: Model) -> Self {
        Self {
            model,
            faults: Faults::default(),
            journal: Journal::default(),
            pending: Vec::new(),
            outcomes: HashMap::new(),
            releases: 0,
            is_closing: false,
        }
    }

    /// Notes a request and finds the fault that strikes it.
    pub fn receive(&mut self, method: &str, args: &Args, now: Instant) -> (usize, Option<Effect>) {
        let chat = self.model.find_chat(args, "chat_id");
        let fault = self.faults.strike(method, chat);
        let too_early = chat.is_some_and(|chat| self.model.flood.is_early(chat, now));
        let record = RequestRecord {
            received_at: now,
            method: method.to_owned(),
            chat,
            thread_id: args.integer("message_thread_id"),
            status: None,
            description: None,
            message_id: None,
            committed_at: None,
            fault,
            too_early,
            unknown_arguments: methods::unknown_arguments(args),
        };
        (self.journal.open(record), fault)
    }

    /// Does the work of a request now, or puts it off when a short flood wait is to be absorbed.
    pub fn run(&mut self, method: Method, args: &Args, record: usize, now: Instant) -> Verdict {
        let outcome = method.run(&mut self.model, args, now);
        let ready_at = outcome.as_ref().err().and_then(|error| error.ready_at);
        let give_up_at = now + TimeDelta::seconds(ABSORBED_SECS);
        if let Some(due) = ready_at.filter(|at| *at <= give_up_at && self.model.flood.mode() == Flood::Absorb)
        {
            let args = args.clone();
            self.pending.push(Pending { due, give_up_at, method, args, record, is_awaited: true });
            return Verdict::Later(due);
        }
        self.note(record, &outcome, now);
        Verdict::Answered(outcome)
    }

    /// Puts the work of a request off, with nobody waiting for it.
    pub fn put_off(&mut self, method: Method, args: Args, record: usize, due: Instant) {
        self.pending.push(Pending { due, give_up_at: due, method, args, record, is_awaited: false });
    }

    /// The outcome of a request that was put off, or when to look again.
    pub fn outcome(&mut self, record: usize) -> Option<Verdict> {
        match self.outcomes.remove(&record) {
            Some(outcome) => Some(Verdict::Answered(outcome)),
            None => self.pending.iter().find(|one| one.record == record).map(|one| Verdict::Later(one.due)),
        }
    }

    /// Does all work whose time has come, in order.
    fn settle(&mut self, now: Instant) {
        while let Some(next) = (0..self.pending.len()).min_by_key(|place| self.pending[*place].due)
            && self.pending[next].due <= now
        {
            let mut job = self.pending.remove(next);
            let outcome = job.method.run(&mut self.model, &job.args, job.due);
            let ready_at = outcome.as_ref().err().and_then(|error| error.ready_at);
            if let Some(due) = ready_at.filter(|at| job.is_awaited && *at > job.due && *at <= job.give_up_at)
            {
                job.due = due;
                self.pending.push(job);
                continue;
            }
            self.note(job.record, &outcome, job.due);
            if job.is_awaited {
                self.outcomes.insert(job.record, outcome);
            }
        }
    }

    fn note(&mut self, record: usize, outcome: &Result<Done, ApiError>, now: Instant) {
        let Some(record) = self.journal.at(record) else { return };
        match outcome {
            Ok(done) => {
                record.message_id = done.message_id;
                record.committed_at = done.message_id.map(|_| now);
            }
            Err(error) => {
                record.description = Some(error.description.clone());
                if let (Some(chat), Some(secs)) = (record.chat, error.retry_after) {
                    self.model.flood.silence(chat, now + TimeDelta::seconds(secs));
                }
            }
        }
    }
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Server {
    pub clock: SharedClock,
    pub zone: chrono_tz::Tz,
    pub token: String,
    /// Whether polls are stretched as by the real server.
    pub stretch_polls: bool,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

impl Server {
    pub fn new(
        clock: SharedClock,
        zone: chrono_tz::Tz,
        token: String,
        stretch_polls: bool,
        model: Model,
    ) -> Self {
        let state = Mutex::new(State::new(model));
        Self { clock, zone, token, stretch_polls, state, changed: watch::Sender::new(()) }
    }

    /// The state as of now: what was put off and is due has happened.
    pub fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.settle(self.clock.now());
        state
    }

    /// Changes the state and wakes whoever waits for a change.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.changed.send_replace(());
        result
    }

    /// Tells of changes from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}
