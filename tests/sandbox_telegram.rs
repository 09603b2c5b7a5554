//! The stand-in of the Telegram Bot API keeps Telegram's rules: one test per rule, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use svodka::clock::ManualClock;
use svodka::outbound::{ClientOptions, client};
use svodka::sandbox::telegram::{
    AfterCommit, BeforeCommit, Effect, EntityKind, Fault, Flood, SimChat, Standing, TelegramApi,
    TelegramOptions,
};

const GROUP: i64 = -4001;
const SUPERGROUP: i64 = -1_001_000_000_001;
const FORUM: i64 = -1_001_000_000_002;
const CHANNEL: i64 = -1_001_000_000_003;
const PERSON: i64 = 77;

/// A running stand-in with one chat of each kind, and a client.
struct Telegram {
    api: TelegramApi,
    clock: ManualClock,
    http: reqwest::Client,
}

/// Status and body of an answer.
type Answer = (u16, Value);

impl Telegram {
    async fn start(flood: Flood) -> Self {
        let clock = ManualClock::new(start());
        let options = TelegramOptions { flood, ..TelegramOptions::default() };
        let api = TelegramApi::start(Arc::new(clock.clone()), options).await.unwrap();
        api.add_chat(SimChat::private(PERSON, "Ольга"));
        api.add_chat(SimChat::group(GROUP, "Смена"));
        api.add_chat(SimChat::supergroup(SUPERGROUP, "Руководство").with_username("chai_boss"));
        api.add_chat(SimChat::forum(FORUM, "Отдел", &[(5, "Продажи"), (6, "Склад")]));
        api.add_chat(SimChat::channel(CHANNEL, "Канал"));
        let options = ClientOptions { timeout: Duration::from_secs(5), ..ClientOptions::default() };
        Self { api, clock, http: client(&options).unwrap() }
    }

    async fn quiet() -> Self {
        Self::start(Flood::Off).await
    }

    fn method(&self, name: &str) -> String {
        format!("{}/bot{}/{name}", self.api.url(), self.api.token())
    }

    async fn try_call(&self, method: &str, args: Value) -> reqwest::Result<reqwest::Response> {
        self.http.post(self.method(method)).json(&args).send().await
    }

    async fn call(&self, method: &str, args: Value) -> Answer {
        let response = self.try_call(method, args).await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn done(&self, method: &str, args: Value) -> Value {
        let (status, body) = self.call(method, args).await;
        assert_eq!((status, &body["ok"]), (200, &json!(true)), "{method}: {body}");
        body["result"].clone()
    }

    /// Status and description of a refusal.
    async fn refused(&self, method: &str, args: Value) -> (u16, String) {
        let (status, body) = self.call(method, args).await;
        assert_eq!((&body["ok"], &body["error_code"]), (&json!(false), &json!(status)), "{method}: {body}");
        (status, body["description"].as_str().unwrap().to_owned())
    }

    async fn send(&self, chat: i64, text: &str) -> i64 {
        self.done("sendMessage", json!({"chat_id": chat, "text": text})).await["message_id"].as_i64().unwrap()
    }
}

fn start() -> DateTime<Utc> {
    "2026-03-02T06:00:00Z".parse().unwrap()
}

fn bad(why: &str) -> (u16, String) {
    (400, format!("Bad Request: {why}"))
}

#[tokio::test]
async fn a_message_is_sent_read_back_and_noted_in_the_journal() {
    let telegram = Telegram::quiet().await;
    let args = json!({"chat_id": SUPERGROUP, "text": " <b>Выручка</b> &lt; 5 \n", "parse_mode": "html"});
    let message = telegram.done("sendmessage", args).await;
    assert_eq!(message["text"], "Выручка < 5");
    assert_eq!(message["entities"], json!([{"type": "bold", "offset": 0, "length": 7}]));
    assert_eq!(message["date"], start().timestamp());
    let stored = telegram.api.messages(SUPERGROUP);
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].html, "<b>Выручка</b> &lt; 5");
    let journal = telegram.api.requests();
    assert_eq!(journal.len(), 1);
    assert_eq!((journal[0].method.as_str(), journal[0].status), ("sendMessage", Some(200)));
    assert_eq!((journal[0].chat, journal[0].message_id), (Some(SUPERGROUP), Some(stored[0].id)));
}
