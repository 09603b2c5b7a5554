//! A stand-in of both RetailCRM APIs: API v5 (orders, users, reference books) and the MG Bot API (chats).
//!
//! The state is [`Model`]; this is its HTTP skin on 127.0.0.1, with the real service's oddities, limits and faults,
//! and a journal of what was asked. Orders can be made and edited over HTTP by whoever plays with it; everything
//! else is changed through the model. Not here: integration modules, WebSocket, tasks, notes, the customers' feed.

mod answer;
mod bot;
mod faults;
mod journal;
mod limits;
mod model;
mod query;
mod server;
mod v5;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::SharedClock;

pub use faults::{Fault, FaultBody, FaultKind};
pub use journal::RequestRecord;
pub use limits::{RateLimit, Throttle};
pub use model::*;

/// Which of the real service's oddities to show. All on by default: a client that survives them is ready.
#[derive(Debug, Clone)]
pub struct Oddities {
    /// v5 leaves out `currency` of some orders, the status of some unpaid payments and ids of payments in the feed.
    pub v5_sparse: bool,
    /// The Bot API leaves out `actions` and `external_id` here and there and sends `null` lists.
    pub mg_sparse: bool,
    /// Bot API dates with offsets other than `Z`, trimmed fractions, and `""` where there is no date.
    pub mg_dates: bool,
    /// Closed dialogs keep `is_active: true`.
    pub closed_dialogs_look_active: bool,
    /// An unknown query parameter is an error; the real service's behaviour is not known.
    pub refuse_unknown_parameters: bool,
    /// The order of Bot API lists.
    pub mg_order: ListOrder,
    /// Whether the object named by `since_id`/`until_id` is in the answer.
    pub ids_are_inclusive: bool,
    /// What the Bot API says to a wrong token: 403 in practice, 401 by some accounts.
    pub wrong_token_status: u16,
}

impl Default for Oddities {
    fn default() -> Self {
        Self {
            v5_sparse: true,
            mg_sparse: true,
            mg_dates: true,
            closed_dialogs_look_active: true,
            refuse_unknown_parameters: true,
            mg_order: ListOrder::ReversedByUntil,
            ids_are_inclusive: false,
            wrong_token_status: 403,
        }
    }
}

/// Order of the Bot API's lists; with `limit` it decides which end is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListOrder {
    Ascending,
    Descending,
    /// As the old documentation has it: ascending, and descending when `until` or `until_id` is given.
    ReversedByUntil,
}

/// How to start the stand-in.
#[derive(Debug, Clone, Default)]
pub struct RetailCrmOptions {
    /// Port on 127.0.0.1; 0 = any free one.
    pub port: u16,
    pub oddities: Oddities,
    pub rate_limit: RateLimit,
}

/// A running stand-in. Clones share it; it stops with the last of them or by [`RetailCrm::shutdown`].
#[derive(Clone)]
pub struct RetailCrm(Arc<Running>);

struct Running {
    shared: Arc<Shared>,
    address: SocketAddr,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What the server and its handles share.
struct Shared {
    model: Mutex<Model>,
    clock: SharedClock,
    oddities: Oddities,
    limiter: limits::Limiter,
    faults: faults::Faults,
    journal: journal::Journal,
    /// Set once, to stop.
    stop: watch::Sender<bool>,
}

impl Shared {
    /// The model, brought up to the clock.
    fn model(&self) -> MutexGuard<'_, Model> {
        let mut model = lock(&self.model);
        model.advance(self.clock.now());
        model
    }
}

/// Locks; a panic elsewhere must not hide the state from the test that reports it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RetailCrm {
    /// Starts serving `model` on 127.0.0.1. Fails when the port is taken.
    pub async fn start(
        model: Model,
        clock: SharedClock,
        options: RetailCrmOptions,
    ) -> std::io::Result<RetailCrm> {
        let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            model: Mutex::new(model),
            limiter: limits::Limiter::new(options.rate_limit),
            clock,
            oddities: options.oddities,
            faults: faults::Faults::default(),
            journal: journal::Journal::default(),
            stop: watch::Sender::new(false),
        });
        let task = tokio::spawn(server::serve(listener, Arc::clone(&shared)));
        Ok(RetailCrm(Arc::new(Running { shared, address, task: Mutex::new(Some(task)) })))
    }

    /// Base of API v5, without a path.
    pub fn crm_url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// The model's first API key.
    pub fn api_key(&self) -> String {
        lock(&self.0.shared.model).api_keys.first().map(|key| key.key.clone()).unwrap_or_default()
    }

    /// Base of the Bot API, without `/api/bot/v1`.
    pub fn bot_url(&self) -> String {
        self.crm_url()
    }

    /// The model's first bot token.
    pub fn bot_token(&self) -> String {
        lock(&self.0.shared.model).bot_tokens.first().cloned().unwrap_or_default()
    }

    /// Reads or changes the model between two requests, with everything planned up to now done.
    pub fn with_model<T>(&self, f: impl FnOnce(&mut Model) -> T) -> T {
        f(&mut self.0.shared.model())
    }

    /// Adds a fault; faults on the same path are served in the order they were added.
    pub fn fault(&self, fault: Fault) {
        self.0.shared.faults.add(fault);
    }

    /// Ends all faults and answers the hanging requests.
    pub fn clear_faults(&self) {
        self.0.shared.faults.clear();
    }

    /// Every request since the start (the last 20,000 at least), without keys.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.0.shared.journal.records()
    }

    /// How many requests went to exactly this path.
    pub fn count_of(&self, path: &str) -> usize {
        self.requests().iter().filter(|record| record.path == path).count()
    }

    /// Stops: answers what hangs, closes the connections, frees the port. Later calls return at once.
    pub async fn shutdown(&self) {
        self.0.stop();
        let task = lock(&self.0.task).take();
        if let Some(task) = task {
            // An error would mean that the server task was aborted: stopped all the same.
            let _ = task.await;
        }
    }
}

impl fmt::Debug for RetailCrm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RetailCrm").field(&self.0.address).finish()
    }
}

impl Running {
    fn stop(&self) {
        self.shared.stop.send_replace(true);
        self.shared.faults.clear();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}
