//! People who talk with a worker's bot, as they would in Telegram.

use std::sync::Arc;

use chrono::TimeDelta;
use svodka::bot::{Poller, PollerSettings};
use svodka::clock::{Clock, SharedClock};
use svodka::outbound::{ClientOptions, Jitter};
use svodka::sandbox::telegram::{SimChat, SimMessage};
use svodka::store::pollers::ClaimedPoller;

use super::worker::{Worker, World};
use secrecy::SecretString;

/// Owner of a private chat with the role `admin`.
pub const ADMIN: i64 = 77;
/// Olga's private chat: a manager.
pub const OLGA: i64 = 78;
/// Nobody knows this one.
pub const STRANGER: i64 = 99;
/// A private chat with the role `viewer`.
pub const VIEWER: i64 = 80;

/// A world with a worker that listens.
pub struct Talk {
    pub world: World,
    pub worker: Worker,
    pub poller: Poller,
    pub claimed: ClaimedPoller,
}

impl Talk {
    /// A shop whose CRM was read once, on 20 August 2026 at 09:00 in Moscow.
    pub async fn open(database_url: &str, changes: &[(&str, &str)]) -> Self {
        let mut world = World::open(database_url).await;
        for (id, name) in [(ADMIN, "Ирина"), (OLGA, "Ольга"), (STRANGER, "Прохожий"), (VIEWER, "Глядящий")]
        {
            world.telegram.add_chat(SimChat::private(id, name));
        }
        let olga = world.crm.with_model(|model| model.users()[0].crm_id);
        world.set("SVODKA__ACCESS__USERS__77", "admin");
        world.set("SVODKA__ACCESS__USERS__78", &format!("manager crm:{olga}"));
        world.set("SVODKA__ACCESS__USERS__80", "viewer");
        world.set("SVODKA__RETAILCRM__CHAT_LINK", "https://shop.example/chats/{chat_id}");
        for (variable, value) in changes {
            world.set(variable, value);
        }
        let worker = world.worker(1).await;
        worker.app.store.insert_manual_run("sync", world.clock.now(), None, world.clock.now()).await.unwrap();
        worker.work().await;
        let (poller, claimed) = listener(&world, &worker).await;
        Self { world, worker, poller, claimed }
    }

    /// Receives what was said, and sends what is answered.
    pub async fn listen(&mut self) {
        self.poller.poll_step(&mut self.claimed).await.unwrap();
        self.worker.send().await;
    }

    /// Receives what is there, answers or not.
    pub async fn listen_quietly(&mut self) {
        self.world.telegram.foreign_message(STRANGER, "Прохожий", "просто так");
        self.listen().await;
    }

    /// Another process takes over.
    pub async fn restart(&mut self) {
        self.worker.app.store.release_poller(&self.claimed.lease).await.unwrap();
        self.worker = self.world.worker(9).await;
        (self.poller, self.claimed) = listener(&self.world, &self.worker).await;
    }

    /// Says something and returns what the bot says to it.
    pub async fn ask(&mut self, chat: i64, text: &str) -> Vec<SimMessage> {
        self.ask_as(chat, "Анна", text).await
    }

    /// The same, as somebody in a group.
    pub async fn ask_as(&mut self, chat: i64, author: &str, text: &str) -> Vec<SimMessage> {
        // Slow enough for the limits of a group.
        self.world.clock.advance(TimeDelta::seconds(5));
        let before = self.world.telegram.own_messages(chat).len();
        self.world.telegram.foreign_message(chat, author, text);
        self.listen().await;
        self.world.telegram.own_messages(chat).split_off(before)
    }

    /// The one answer to a question, with its no-break spaces made plain.
    pub async fn answer(&mut self, chat: i64, text: &str) -> String {
        let said = self.ask(chat, text).await;
        assert_eq!(said.len(), 1, "{text}: {said:#?}");
        plain(&said[0].text)
    }

    /// Presses the button that says `word` under a message; what is shown to whoever pressed.
    pub async fn press(&mut self, chat: i64, message_id: i64, word: &str) -> String {
        let message = self.message(chat, message_id);
        let at = message.button_texts().iter().position(|text| text.contains(word));
        let at = at.unwrap_or_else(|| panic!("no button «{word}» among {:?}", message.button_texts()));
        let data = message.buttons()[at].to_owned();
        self.press_data(chat, message_id, &data).await
    }

    /// Presses a button by its data.
    pub async fn press_data(&mut self, chat: i64, message_id: i64, data: &str) -> String {
        self.world.clock.advance(TimeDelta::seconds(5));
        let id = self.world.telegram.press_button(chat, message_id, "Анна", data).unwrap();
        self.listen().await;
        self.world.telegram.callback_answer(&id).expect("whoever presses is answered")
    }

    /// A message as it stands now.
    pub fn message(&self, chat: i64, message_id: i64) -> SimMessage {
        let mut all = self.world.telegram.messages(chat).into_iter();
        all.find(|message| message.id == message_id).expect("the message is there")
    }

    /// Command, outcome and reason of what was refused or changed, oldest first.
    pub async fn audit(&self) -> Vec<(String, String, Option<String>)> {
        let mut rows = self.worker.app.store.list_audit(100).await.unwrap();
        rows.reverse();
        rows.into_iter().map(|row| (row.command, row.outcome, row.reason)).collect()
    }
}

/// Another worker of the world that would listen.
pub async fn poller(world: &World, worker: &Worker, owner: &str) -> Poller {
    let clock: SharedClock = Arc::new(world.clock.clone());
    let settings = PollerSettings {
        api_url: world.telegram.url().parse().unwrap(),
        token: SecretString::from(world.telegram.token()),
        http: ClientOptions::default(),
        poll_secs: 0,
    };
    let desk = Arc::new(worker.app.desk(Arc::default()).unwrap());
    let store = worker.app.store.clone();
    Poller::new(&settings, owner, store, clock, Jitter::seeded(3), Arc::default()).unwrap().answering(desk)
}

async fn listener(world: &World, worker: &Worker) -> (Poller, ClaimedPoller) {
    let poller = poller(world, worker, "listener").await;
    let claimed = poller.claim_step().await.unwrap().unwrap();
    (poller, claimed)
}

/// The text with its no-break spaces made plain.
pub fn plain(text: &str) -> String {
    text.replace(['\u{a0}', '\u{202f}'], " ")
}
