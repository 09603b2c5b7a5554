//! The RetailCRM stand-in behaves like the reference says the real service does, oddities included.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use svodka::clock::{Instant, ManualClock};
use svodka::outbound;
use svodka::sandbox::retailcrm::{
    Act, Actor, ApiKey, Author, Fault, FaultBody, FaultKind, Line, ListOrder, Model, NewBuyer, NewMessage,
    NewMgCustomer, NewOrder, Oddities, RateLimit, Responsible, RetailCrm, RetailCrmOptions, Throttle,
};

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

/// A running stand-in with a client.
struct Shop {
    crm: RetailCrm,
    clock: ManualClock,
    http: reqwest::Client,
}

impl Shop {
    async fn open(model: Model) -> Self {
        Self::open_with(model, Oddities::default(), RateLimit::off()).await
    }

    async fn open_with(model: Model, oddities: Oddities, rate_limit: RateLimit) -> Self {
        let clock = ManualClock::new(at("2026-03-02T12:00:00Z"));
        let options = RetailCrmOptions { port: 0, oddities, rate_limit };
        let crm = RetailCrm::start(model, Arc::new(clock.clone()), options).await.unwrap();
        let http = outbound::client(&outbound::ClientOptions {
            timeout: Duration::from_secs(20),
            ..Default::default()
        })
        .unwrap();
        Self { crm, clock, http }
    }

    async fn v5(&self, path: &str) -> (u16, Value) {
        let url = format!("{}/api{path}", self.crm.crm_url());
        let answer = self.http.get(url).header("X-API-KEY", self.crm.api_key()).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn ok(&self, path: &str) -> Value {
        let (status, body) = self.v5(path).await;
        assert_eq!((status, &body["success"]), (200, &json!(true)), "{path}: {body}");
        body
    }

    async fn bot(&self, path: &str) -> (u16, Value) {
        let url = format!("{}/api/bot/v1{path}", self.crm.bot_url());
        let answer = self.http.get(url).header("X-Bot-Token", self.crm.bot_token()).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        let (status, body) = self.bot(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body.as_array().unwrap_or_else(|| panic!("{path} is not a bare list: {body}")).clone()
    }
}

/// One manager, one Telegram channel, one chat with a question and an answer on 2 March, 11:00 in Moscow.
struct Small {
    model: Model,
    manager: svodka::sandbox::retailcrm::User,
    channel: i64,
    chat: i64,
    question: i64,
    answer: i64,
}

fn small() -> Small {
    let mut model = Model::new(chrono_tz::Europe::Moscow);
    let manager = model.add_user(at("2025-01-10T09:00:00Z"), "Ольга", "Чабрецова");
    let channel = model.add_channel(at("2025-01-10T09:00:00.120Z"), "telegram", "@tea_shop");
    let customer =
        NewMgCustomer {
            first_name: "Анна <&\"> 🌸".into(), username: "anna_t".into(), ..Default::default()
        };
    let chat = model.add_chat(at("2026-03-02T08:00:00Z"), channel, customer).unwrap();
    let question =
        model.customer_writes(chat, at("2026-03-02T08:00:00Z"), " Есть <улун> & \"пуэр\"? ").unwrap();
    let answer =
        model.manager_replies(chat, at("2026-03-02T08:04:00.5Z"), manager.mg_id, "Да, есть").unwrap();
    Small { model, manager, channel, chat, question, answer }
}

fn ids(items: &[Value]) -> Vec<i64> {
    items.iter().map(|item| item["id"].as_i64().unwrap()).collect()
}

fn order(customer_id: i64, manager: Option<i64>, price_minor: i64) -> NewOrder {
    NewOrder {
        customer_id,
        manager_id: manager,
        items: vec![("Шу пуэр".into(), price_minor, 2)],
        order_method: "messenger".into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_conversation_is_a_dialog_with_system_notes_and_escaped_texts() {
    let small = small();
    let (chat, question, answer) = (small.chat, small.question, small.answer);
    let shop = Shop::open(small.model).await;
    let messages = shop.list("/messages?limit=1000").await;
    let kinds: Vec<&str> = messages.iter().map(|message| message["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["system", "text", "system", "text"]);
    assert_eq!(messages[0]["action"], "dialog_opened");
    assert!(messages[0].get("from").is_none());
    assert_eq!(messages[2]["action"], "dialog_assign");
    assert_eq!(messages[2]["responsible"]["id"], small.manager.mg_id);
    assert_eq!(messages[1]["id"], question);
    assert_eq!(messages[1]["content"], "Есть &lt;улун&gt; &amp; &#34;пуэр&#34;?");
    assert_eq!(messages[1]["from"]["type"], "customer");
    assert_eq!(messages[1]["from"]["name"], "Анна &lt;&amp;&#34;&gt; 🌸");
    assert_eq!(messages[1]["is_read"], true, "the reply read it");
    assert_eq!(messages[3]["id"], answer);
    assert_eq!(
        messages[3]["from"],
        json!({"id": small.manager.mg_id, "type": "user", "avatar": "",
        "name": "Ольга Чабрецова", "available": true, "external_id": small.manager.external_id})
    );
    let chats = shop.list("/chats").await;
    assert_eq!(chats[0]["id"], chat);
    assert_eq!(chats[0]["members"], Value::Null);
    assert_eq!(chats[0]["last_message"]["id"], answer);
    let dialogs = shop.list(&format!("/dialogs?chat_id={chat}")).await;
    assert_eq!(dialogs[0]["responsible"]["id"], small.manager.mg_id);
    assert_eq!(dialogs[0]["begin_message_id"], messages[0]["id"]);
}
