//! A store, a stand-in of Telegram and a sender between them, on one clock that only the test moves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use secrecy::SecretString;
use svodka::clock::{Clock, Instant, ManualClock};
use svodka::deliver::{
    ChatId, ChatTarget, Outcome, Sender, SenderSettings, TelegramClient, TelegramConfig, Transport,
};
use svodka::outbound::{ClientOptions, Jitter};
use svodka::sandbox::telegram::{Flood, SimChat, TelegramApi, TelegramOptions};
use svodka::store::Store;
use svodka::store::outbox::{Action, DeliveryRow, NewDelivery, Policy};

pub const MANAGERS: i64 = -1_001_000_000_001;
pub const OPS: i64 = -1_001_000_000_002;
pub const OWNER: i64 = 77;

/// Everything a scenario about sending needs. The chats `managers` (a supergroup), `ops` (a forum, topic 5) and `owner`
/// (a private chat) are configured and exist.
pub struct Post {
    pub clock: ManualClock,
    pub store: Store,
    pub telegram: TelegramApi,
    pub sender: Arc<Sender>,
    pub targets: BTreeMap<String, ChatTarget>,
}

pub fn nine_o_clock() -> Instant {
    DateTime::from_timestamp(1_755_669_600, 0).unwrap()
}

impl Post {
    pub async fn open(store: Store, flood: Flood) -> Self {
        let clock = ManualClock::new(nine_o_clock());
        let options = TelegramOptions { flood, ..TelegramOptions::default() };
        let telegram = TelegramApi::start(Arc::new(clock.clone()), options).await.unwrap();
        telegram.add_chat(SimChat::supergroup(MANAGERS, "Руководство"));
        telegram.add_chat(SimChat::forum(OPS, "Дежурные", &[(5, "Сводка")]));
        telegram.add_chat(SimChat::private(OWNER, "Ольга"));
        let target = |id, topic| ChatTarget { id: ChatId::Id(id), topic };
        let targets = BTreeMap::from([
            ("managers".to_owned(), target(MANAGERS, None)),
            ("ops".to_owned(), target(OPS, Some(5))),
            ("owner".to_owned(), target(OWNER, None)),
        ]);
        let sender = sender(&store, &clock, &targets, &telegram.url(), telegram.token(), |_| {});
        Self { clock, store, telegram, sender, targets }
    }

    /// Another sender for the same outbox, with settings of its own.
    pub fn another_sender(&self, change: impl FnOnce(&mut SenderSettings)) -> Arc<Sender> {
        sender(&self.store, &self.clock, &self.targets, &self.telegram.url(), self.telegram.token(), change)
    }

    /// A sender that looks for Telegram elsewhere.
    pub fn sender_to(&self, url: &str) -> Arc<Sender> {
        sender(&self.store, &self.clock, &self.targets, url, self.telegram.token(), |_| {})
    }

    /// Enqueues a report of `parts` to `chat`, named by its id.
    pub async fn enqueue(&self, chat: &str, public_id: &str, parts: i64) {
        let parts: Vec<_> = (1..=parts).map(|part| message(chat, public_id, part, parts)).collect();
        self.enqueue_all(&parts).await;
    }

    pub async fn enqueue_all(&self, deliveries: &[NewDelivery]) {
        self.store.enqueue(deliveries, self.clock.now()).await.unwrap();
    }

    /// Sends, moving the clock to whatever comes next, until nothing is left or `patience` is over.
    pub async fn send_for(&self, sender: &Sender, patience: TimeDelta) {
        let end = self.clock.now() + patience;
        sender.sweep_step().await.unwrap();
        loop {
            let next = match sender.deliver_step().await.unwrap() {
                Outcome::Recorded { .. } | Outcome::Fenced { .. } | Outcome::LookedBack { .. } => continue,
                Outcome::Held { until } => until,
                Outcome::Idle => match self.store.next_delivery_at(self.clock.now()).await.unwrap() {
                    Some(next) => next,
                    None => return,
                },
            };
            if next > end {
                self.clock.set(end);
                return;
            }
            self.clock.set(next.max(self.clock.now() + TimeDelta::milliseconds(10)));
        }
    }

    pub async fn send_all(&self) {
        self.send_for(&self.sender, TimeDelta::hours(12)).await;
    }

    /// An earlier message to each chat: from then on it is known where its ids stand.
    pub async fn say_something(&self) {
        for chat in self.targets.keys() {
            self.enqueue_all(&[message(chat, "d-0819-prev", 1, 1)]).await;
        }
        self.send_all().await;
        self.clock.advance(TimeDelta::seconds(5));
    }

    /// Lives through `span`, doing whatever comes due.
    pub async fn live(&self, span: TimeDelta) {
        let end = self.clock.now() + span;
        while self.clock.now() < end {
            self.send_for(&self.sender, TimeDelta::zero()).await;
            self.clock.advance(TimeDelta::seconds(2));
        }
    }

    pub async fn row(&self, key: &str) -> DeliveryRow {
        self.store.find_delivery(key).await.unwrap().unwrap()
    }

    /// Last lines of the bot's messages, those of [`Self::say_something`] left out.
    pub fn new_id_lines(&self, chat: i64) -> Vec<String> {
        self.id_lines(chat).into_iter().filter(|line| !line.contains("d-0819-prev")).collect()
    }

    /// Texts of the bot in a chat, in order.
    pub fn texts(&self, chat: i64) -> Vec<String> {
        self.telegram.own_messages(chat).into_iter().map(|message| message.text).collect()
    }

    /// The last lines of the bot's messages in a chat: the ids people see.
    pub fn id_lines(&self, chat: i64) -> Vec<String> {
        let last = |text: String| text.lines().next_back().unwrap_or_default().to_owned();
        self.texts(chat).into_iter().map(last).collect()
    }

    pub fn assert_no_leftovers(&self) {
        assert_eq!(self.telegram.leftovers(), Vec::<String>::new());
    }
}

fn sender(
    store: &Store,
    clock: &ManualClock,
    targets: &BTreeMap<String, ChatTarget>,
    url: &str,
    token: String,
    change: impl FnOnce(&mut SenderSettings),
) -> Arc<Sender> {
    let timeout = Duration::from_millis(700);
    let config = TelegramConfig {
        api_url: url.parse().unwrap(),
        token: SecretString::from(token),
        http: ClientOptions { timeout, ..ClientOptions::default() },
    };
    let transport = Transport::Telegram(TelegramClient::new(config).unwrap());
    let mut settings = SenderSettings::new("worker-1");
    change(&mut settings);
    let (clock, jitter) = (Arc::new(clock.clone()), Jitter::seeded(7));
    Arc::new(Sender::new(store.clone(), transport, clock, jitter, targets.clone(), settings))
}

/// Key of a part enqueued by [`Post::enqueue`].
pub fn key(chat: &str, public_id: &str, part: i64) -> String {
    format!("{public_id}/{chat}/{part}")
}

/// A part as the outbox gets it: HTML with the id line at its end.
pub fn message(chat: &str, public_id: &str, part: i64, part_count: i64) -> NewDelivery {
    NewDelivery {
        key: key(chat, public_id, part),
        run_id: None,
        chat: chat.to_owned(),
        part,
        part_count,
        action: Action::Send,
        html: format!("<b>Итоги</b>, часть {part}\n<i>№ {public_id} ({part}/{part_count})</i>"),
        plain: format!("Итоги, часть {part}\n№ {public_id} ({part}/{part_count})"),
        public_id: public_id.to_owned(),
        policy: Policy::AtLeastOnce,
        expires_at: Some(nine_o_clock() + TimeDelta::hours(8)),
        is_silent: false,
        keyboard: None,
    }
}
