//! A stand-in of the Telegram Bot API, for `svodka demo`, for playing and for tests.
//!
//! It is a model of Telegram (chats, rights, ids, texts, limits) with HTTP as its skin, and it is as strict as the real
//! thing: what it accepts, Telegram accepts. Beyond that it can lose answers, commit late and be flooded on order. It
//! keeps everything in memory, takes its time from the clock it is given, and reaches nobody outside.
//!
//! What it does not do: recognise addresses and hashtags in plain text, MarkdownV2, albums, webhooks, media other than
//! documents and photos.

mod args;
mod chat;
mod entity;
mod error;
mod fault;
mod files;
mod flood;
mod html;
mod http;
mod journal;
mod keyboard;
mod line;
mod message;
mod methods;
mod model;
mod people;
mod poll;
mod preview;
mod server;
mod text;
mod updates;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::flood::FloodMeter;
use self::model::Model;
use self::server::Server;
use crate::clock::SharedClock;

pub use self::chat::{AdminRights, ChatKind, SendRights, SimChat, Standing, Topic};
pub use self::entity::{Entity, EntityKind};
pub use self::fault::{AfterCommit, BeforeCommit, Effect, Fault};
pub use self::flood::Flood;
pub use self::journal::RequestRecord;
pub use self::message::{Attachment, Author, SimMessage};

/// How the stand-in is started.
#[derive(Debug, Clone)]
pub struct TelegramOptions {
    /// On 127.0.0.1; 0 = any free one.
    pub port: u16,
    /// The only token that is let in, `<bot id>:<secret>`.
    pub token: String,
    /// Without the `@`.
    pub bot_username: String,
    pub flood: Flood,
    /// Slow down polls that ask again for the same updates within 3 seconds, as Telegram does. On a clock that stands
    /// still such a poll waits for ever.
    pub stretch_polls: bool,
    /// Zone of the times on the preview page.
    pub zone: chrono_tz::Tz,
}

impl Default for TelegramOptions {
    fn default() -> Self {
        Self {
            port: 0,
            token: "700000001:sandbox-token-of-the-digest-bot".to_owned(),
            bot_username: "svodka_bot".to_owned(),
            flood: Flood::default(),
            stretch_polls: false,
            zone: chrono_tz::Europe::Moscow,
        }
    }
}

/// A running stand-in. Clones lead to the same one; it runs until [`Self::shutdown`] or the end of the runtime.
#[derive(Debug, Clone)]
pub struct TelegramApi {
    server: Arc<Server>,
    address: SocketAddr,
    running: Arc<Mutex<Option<Running>>>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

/// How long [`TelegramApi::shutdown`] waits for clients that keep their connections open.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(2);

impl TelegramApi {
    /// Opens the port and serves from now on.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start(clock: SharedClock, options: TelegramOptions) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let bot_id = options.token.split(':').next().and_then(|id| id.parse().ok()).unwrap_or(700_000_001);
        let model = Model::new(bot_id, options.bot_username, FloodMeter::new(options.flood));
        let server = Server::new(clock, options.zone, options.token, options.stretch_polls, model);
        let server = Arc::new(server);
        let app = http::router(Arc::clone(&server)).into_make_service_with_connect_info::<line::Line>();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let serving = axum::serve(line::Doorway(listener), app);
            serving.with_graceful_shutdown(async { drop(stopped.await) }).await
        });
        let running = Arc::new(Mutex::new(Some(Running { stop, task })));
        Ok(Self { server, address, running })
    }

    /// Base URL without a slash at the end: what `SVODKA__TELEGRAM__API_URL` takes. The preview page is there too.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The token that is let in.
    pub fn token(&self) -> String {
        self.server.token.clone()
    }

    /// Adds a chat, or puts a fresh one in the place of an older one.
    ///
    /// # Panics
    /// When the id does not fit the kind of chat: Telegram has no such chat, so the scenario is wrong.
    pub fn add_chat(&self, chat: SimChat) {
        assert!(chat.has_fitting_id(), "{} is no id of a {} chat", chat.id, chat.type_name());
        self.server.change(|state| state.model.add_chat(chat));
    }

    /// Changes a chat: block, kick, close a topic, take a right away. When the bot's standing changed it gets the update
    /// `my_chat_member`.
    ///
    /// # Panics
    /// When there is no such chat.
    pub fn with_chat(&self, id: i64, change: impl FnOnce(&mut SimChat)) {
        let now = self.server.clock.now();
        let known = self.server.change(|state| state.model.change_chat(id, change, now));
        assert!(known.is_some(), "{}", no_chat(id));
    }

    /// A basic group becomes a supergroup with the id `to` and a new count of messages.
    ///
    /// # Panics
    /// When there is no such chat.
    pub fn migrate(&self, from: i64, to: i64) {
        let now = self.server.clock.now();
        let known = self.server.change(|state| state.model.migrate(from, to, now));
        assert!(known.is_some(), "{}", no_chat(from));
    }

    /// A person writes: takes an id and comes as an update. Returns the message's id. In a private chat the author is
    /// its owner, whatever the name.
    ///
    /// # Panics
    /// When there is no such chat.
    pub fn foreign_message(&self, chat: i64, author: &str, text: &str) -> i64 {
        self.foreign_message_in(chat, None, author, text)
    }

    /// As [`Self::foreign_message`], in a forum topic.
    ///
    /// # Panics
    /// When there is no such chat.
    pub fn foreign_message_in(&self, chat: i64, topic: Option<i64>, author: &str, text: &str) -> i64 {
        let now = self.server.clock.now();
        let id = self.server.change(|state| state.model.foreign_message(chat, topic, author, text, now));
        assert!(id.is_some(), "{}", no_chat(chat));
        id.unwrap_or_default()
    }

    /// Lets ids of the chat's counter go by, as messages do that are gone by now.
    pub fn skip_ids(&self, chat: i64, count: i64) {
        self.server.change(|state| state.model.skip_ids(chat, count));
    }

    /// A person presses a button: the bot gets a `callback_query`. Returns its id, or `None` when the message has no
    /// button with this `callback_data`.
    pub fn press_button(&self, chat: i64, message_id: i64, author: &str, data: &str) -> Option<String> {
        let now = self.server.clock.now();
        self.server.change(|state| state.model.press_button(chat, message_id, author, data, now))
    }

    /// What the bot answered to a pressed button; `None` while it has not.
    pub fn callback_answer(&self, callback_id: &str) -> Option<String> {
        self.server.state().model.callbacks.get(callback_id)?.answer.clone()
    }

    /// Messages of a chat as they stand now, by id, deleted ones excluded. Empty for an unknown chat.
    pub fn messages(&self, chat: i64) -> Vec<SimMessage> {
        let state = self.server.state();
        state.model.rooms.get(&chat).map(|room| room.messages.clone()).unwrap_or_default()
    }

    /// Messages of the bot itself, without service messages.
    pub fn own_messages(&self, chat: i64) -> Vec<SimMessage> {
        let mut messages = self.messages(chat);
        messages.retain(|message| message.is_ours() && message.service.is_none());
        messages
    }

    /// Everything that was asked, in the order of arrival.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.server.state().journal.records().to_vec()
    }

    /// Requests to one method, in Telegram's spelling.
    pub fn requests_to(&self, method: &str) -> Vec<RequestRecord> {
        let mut records = self.requests();
        records.retain(|record| record.method == method);
        records
    }

    /// Orders a fault.
    pub fn fault(&self, fault: Fault) {
        self.server.change(|state| state.faults.add(fault));
    }

    /// Withdraws all faults and lets go of the requests that were never answered: their connections close.
    pub fn clear_faults(&self) {
        self.server.change(|state| {
            state.faults.clear();
            state.releases += 1;
        });
    }

    /// Changes the rate limits.
    pub fn set_flood(&self, flood: Flood) {
        self.server.change(|state| state.model.flood.set_mode(flood));
    }

    /// Sets or removes a webhook, as somebody else with the same token might.
    pub fn set_webhook(&self, url: Option<&str>) {
        self.server.change(|state| state.model.updates.webhook = url.map(str::to_owned));
    }

    /// What a finished scenario must not leave behind, in words: counted faults that struck nobody, writes that came
    /// before the end of a `retry_after`, arguments that no method knows. Empty when all is well.
    pub fn leftovers(&self) -> Vec<String> {
        let state = self.server.state();
        let owed = state.faults.owed().into_iter().map(|fault| format!("a fault struck nobody: {fault:?}"));
        let requests = state.journal.records().iter().flat_map(|record| {
            let method = &record.method;
            let early = record.too_early.then(|| format!("{method} came before retry_after was over"));
            let unknown = record.unknown_arguments.iter();
            early.into_iter().chain(unknown.map(move |name| format!("{method} has no argument {name}")))
        });
        owed.chain(requests).collect()
    }

    /// Stops serving: long polls return, unanswered requests are cut, the port is free afterwards. A second call does
    /// nothing.
    pub async fn shutdown(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { stop, mut task }) = running else { return };
        self.server.change(|state| state.is_closing = true);
        // The receiver is gone only when the task has ended by itself.
        let _ = stop.send(());
        if tokio::time::timeout(SHUTDOWN_PATIENCE, &mut task).await.is_err() {
            task.abort();
        }
    }
}

fn no_chat(id: i64) -> String {
    format!("the scenario names the chat {id}, but nobody added it")
}
