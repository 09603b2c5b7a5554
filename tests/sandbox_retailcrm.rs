//! The RetailCRM stand-in behaves like the reference says the real service does, oddities included.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test itself may")]

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use svodka::clock::{Clock, Instant, ManualClock};
use svodka::outbound;
use svodka::sandbox::retailcrm::{
    Act, Actor, ApiKey, Author, DialogTag, Fault, FaultBody, FaultKind, Line, ListOrder, Model, NewBuyer,
    NewMessage, NewMgCustomer, NewOrder, Oddities, RateLimit, Responsible, RetailCrm, RetailCrmOptions,
    Throttle, Utm,
};
use svodka::sandbox::shop::{ShopOptions, tea_shop};

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

    fn instant(&self, date: &Value) -> Instant {
        let text = date.as_str().unwrap();
        chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc()
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

#[tokio::test]
async fn messages_change_without_changing_their_id_and_chats_with_them() {
    let Small { model, chat, question, answer, .. } = small();
    let shop = Shop::open(model).await;
    let later = at("2026-03-02T11:30:00.25Z");
    shop.crm.with_model(|model| {
        model.edit_message(answer, later, "Да, есть <5>").unwrap();
        model.delete_message(question, later).unwrap();
    });
    let changed = shop.list("/messages?since=2026-03-02T12:00:00Z").await;
    assert_eq!(ids(&changed), [answer], "recorded now, whenever it is said to have happened");
    assert_eq!(changed[0]["content"], "Да, есть &lt;5&gt;");
    assert_eq!(changed[0]["is_edit"], true);
    assert_eq!(changed[0]["updated_at"], "2026-03-02T12:00:00Z", "no fraction left");
    assert_eq!(shop.list(&format!("/messages?id={question}&id={answer}")).await.len(), 1);
    let chats = shop.list("/chats?since=2026-03-02T12:00:00%2B00:00").await;
    assert_eq!(ids(&chats), [chat]);
}

#[tokio::test]
async fn a_late_message_has_an_old_time_and_a_new_id() {
    let Small { model, chat, answer, .. } = small();
    let shop = Shop::open(model).await;
    let late = shop
        .crm
        .with_model(|model| model.customer_writes(chat, at("2026-03-02T08:02:00Z"), "и ещё").unwrap());
    assert!(late > answer);
    let message = &shop.list(&format!("/messages?since_id={answer}")).await[0];
    assert_eq!(message["id"], late);
    assert_eq!(message["created_at"], "2026-03-02T12:00:00Z");
    assert_eq!(shop.instant(&message["time"]), at("2026-03-02T08:02:00Z"));
}

#[tokio::test]
async fn the_future_happens_when_the_clock_gets_there_and_not_before() {
    let Small { mut model, chat, manager, channel, .. } = small();
    let slot = model.slot();
    let customer = NewMgCustomer { first_name: "Илья".into(), ..Default::default() };
    model.plan(at("2026-03-02T13:00:00Z"), Act::OpenChat { slot, channel_id: channel, customer });
    let line = Line::Customer("когда откроетесь?".into());
    model.plan(at("2026-03-02T13:00:00Z"), Act::Say { chat: slot, line });
    let shop = Shop::open(model).await;
    assert_eq!(ids(&shop.list("/chats").await), [chat]);
    let now = shop.crm.with_model(|model| {
        model.manager_replies(chat, at("2026-03-02T12:00:00Z"), manager.mg_id, "ещё вопросы?").unwrap()
    });
    shop.clock.set(at("2026-03-02T12:59:59Z"));
    assert_eq!(shop.list("/chats").await.len(), 1);
    shop.clock.set(at("2026-03-02T13:00:00Z"));
    assert_eq!(shop.list("/chats").await.len(), 2);
    let new = shop.list(&format!("/messages?since_id={now}&type=text")).await;
    assert_eq!(new.len(), 1, "what was planned earlier and happened later has the higher id");
    assert_eq!(new[0]["content"], "когда откроетесь?");
    assert_eq!(shop.crm.with_model(|model| model.misfires().to_vec()), []);
}

#[tokio::test]
async fn dialogs_are_handed_over_closed_and_opened_again_by_the_next_message() {
    let Small { mut model, chat, manager, .. } = small();
    let other = model.add_user(at("2025-01-10T09:00:00Z"), "Глеб", "Мятин");
    let first = model.last_dialog(chat).unwrap().id;
    model.assign_dialog(first, at("2026-03-02T09:00:00Z"), Responsible::User(other.mg_id)).unwrap();
    model.close_dialog(first, at("2026-03-02T10:00:00Z")).unwrap();
    model.customer_writes(chat, at("2026-03-02T11:00:00Z"), "я снова тут").unwrap();
    let shop = Shop::open(model).await;
    let dialogs = shop.list(&format!("/dialogs?chat_id={chat}")).await;
    assert_eq!(dialogs.len(), 2);
    assert_eq!(dialogs[0]["closed_at"], "2026-03-02T10:00:00Z");
    assert_eq!(dialogs[0]["is_active"], true, "the real service says so too");
    assert_eq!(dialogs[0]["responsible"]["id"], other.mg_id);
    assert_eq!(dialogs[0]["responsible"]["assigned_at"], "2026-03-02T09:00:00Z");
    assert!(dialogs[1].get("responsible").is_none());
    assert!(dialogs[1]["closed_at"].is_null() || dialogs[1]["closed_at"] == "");
    let moved = shop.list(&format!("/messages?dialog_id={first}&type=system")).await;
    let actions: Vec<&str> = moved.iter().map(|note| note["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["dialog_opened", "dialog_assign", "dialog_assign", "dialog_closed"]);
    assert_eq!(shop.list(&format!("/dialogs?user_id={}", manager.mg_id)).await.len(), 0);
    assert_eq!(shop.list("/dialogs?assign=false").await.len(), 1);
}

#[tokio::test]
async fn lists_have_a_default_and_a_largest_limit_and_two_possible_orders() {
    let Small { mut model, chat, .. } = small();
    for minute in 0..150 {
        let at = at("2026-03-02T09:00:00Z") + TimeDelta::minutes(minute);
        model.customer_writes(chat, at, "ещё").unwrap();
    }
    let oddities =
        Oddities { ids_are_inclusive: true, mg_order: ListOrder::Descending, ..Default::default() };
    let odd = Shop::open_with(model.clone(), oddities, RateLimit::off()).await;
    let shop = Shop::open(model).await;
    let first = ids(&shop.list("/messages").await);
    assert_eq!(first.len(), 100);
    assert!(first.is_sorted());
    let rest = ids(&shop.list(&format!("/messages?since_id={}", first[99])).await);
    assert_eq!(rest.len(), 54);
    assert!(rest[0] > first[99], "exclusive");
    let down = ids(&shop.list(&format!("/messages?until_id={}&limit=3", first[99])).await);
    assert_eq!(down, [first[98], first[97], first[96]], "reversed by until_id");
    let newest = ids(&odd.list("/messages?limit=2").await);
    assert_eq!(newest, [rest[53], rest[52]]);
    let inclusive = ids(&odd.list(&format!("/messages?since_id={}&limit=1000", first[99])).await);
    assert_eq!(inclusive.last(), Some(&first[99]));
    for wrong in ["limit=0", "limit=1001", "limit=many", "since=yesterday", "page=2", "chatId=1", "scope=all"]
    {
        let (status, body) = shop.bot(&format!("/messages?{wrong}")).await;
        assert_eq!(status, 400, "{wrong}");
        assert!(body["errors"][0].is_string(), "{wrong}: {body}");
    }
    assert_eq!(shop.bot("/dialogs?id=1&id=2").await.0, 400);
}

#[tokio::test]
async fn mass_mailings_open_no_dialog_and_are_hidden_unless_asked_for() {
    let Small { mut model, channel, manager, chat, .. } = small();
    let mailed = model.add_chat(at("2026-03-02T10:00:00Z"), channel, NewMgCustomer::default()).unwrap();
    let text = NewMessage::text(Author::User(manager.mg_id), "Скидки!").mass();
    let mass = model.post(mailed, at("2026-03-02T10:00:01Z"), text).unwrap();
    let shop = Shop::open(model).await;
    assert_eq!(ids(&shop.list("/chats").await), [chat]);
    assert_eq!(ids(&shop.list("/chats?include_mass_communication=1").await), [chat, mailed]);
    assert!(!ids(&shop.list("/messages").await).contains(&mass));
    let shown = shop.list("/messages?include_mass_communication=true").await;
    let message = shown.iter().find(|message| message["id"] == mass).unwrap();
    assert!(message.get("dialog").is_none());
    assert_eq!(shop.list("/dialogs").await.len(), 1);
}

#[tokio::test]
async fn people_carry_both_numberings_and_the_numberings_overlap() {
    let Small { mut model, manager, channel, chat, .. } = small();
    let mg_customer = model.chat(chat).unwrap().customer_id;
    assert!(model.mg_user(mg_customer).is_ok(), "only the pair (type, id) names somebody");
    let buyer = NewBuyer { first_name: "Анна".into(), ..Default::default() };
    let customer = model.add_customer(at("2026-03-02T08:10:00Z"), buyer);
    model.link_customer(customer, mg_customer).unwrap();
    model.change_user(manager.crm_id, at("2026-03-02T08:00:00Z"), |user| user.crm_names_mg = false).unwrap();
    model.add_bot(at("2025-01-10T09:00:00Z"), "Чайник");
    let shop = Shop::open(model).await;
    let users = shop.ok("/v5/users?filter[isManager]=1&limit=100").await;
    assert_eq!(users["users"][0]["id"], manager.crm_id);
    assert!(users["users"][0].get("mgUserId").is_none());
    let mg_users = shop.list("/users").await;
    assert_eq!(mg_users[0]["external_id"], manager.crm_id.to_string());
    let found = shop.ok(&format!("/v5/customers?filter[ids][]={customer}")).await;
    assert_eq!(found["customers"][0]["mgCustomers"][0]["externalId"], mg_customer);
    assert_eq!(found["customers"][0]["mgCustomers"][0]["mgChannel"]["externalId"], channel);
    let by_mg = shop.ok(&format!("/v5/customers?filter[mgCustomerId]={mg_customer}")).await;
    assert_eq!(by_mg["customers"][0]["id"], customer);
    assert_eq!(shop.list("/bots?self=true").await[0]["roles"], Value::Null);
    let channels = shop.ok("/v5/reference/mg-channels").await;
    assert_eq!(channels["mgChannels"][0]["externalId"], channel);
}

#[tokio::test]
async fn orders_have_naive_dates_keyed_payments_and_no_unset_fields() {
    let Small { mut model, manager, chat, .. } = small();
    let customer = model.add_customer(at("2026-03-02T08:10:00Z"), NewBuyer::default());
    let by = Actor::User(manager.crm_id);
    let made_at = at("2026-03-02T08:20:05Z");
    let unpaid = model.add_order(made_at, order(customer, None, 100_000), by).unwrap();
    let paid = model.add_order(made_at, order(customer, Some(manager.crm_id), 277_525), by).unwrap();
    let payment = model.add_payment(paid, made_at, 555_050, by).unwrap();
    let api = Actor::Api { is_current: false };
    model.pay(paid, payment, at("2026-03-02T08:30:00Z"), api).unwrap();
    model.link_order(paid, at("2026-03-02T08:31:00Z"), model.last_dialog(chat).unwrap().id).unwrap();
    model.change_order(paid, |order| order.custom_fields.push(("nps".into(), "9".into()))).unwrap();
    let dialog = model.last_dialog(chat).unwrap().id;
    let shop = Shop::open(model).await;
    let list = shop.ok("/v5/orders?limit=20").await;
    assert_eq!(ids(list["orders"].as_array().unwrap()), [paid, unpaid], "newest first");
    assert_eq!(
        list["pagination"],
        json!({"limit": 20, "totalCount": 2, "currentPage": 1, "totalPageCount": 1})
    );
    let (rich, poor) = (&list["orders"][0], &list["orders"][1]);
    assert_eq!(rich["totalSumm"].to_string(), "5550.5");
    assert_eq!(rich["fullPaidAt"], "2026-03-02 11:30:00");
    assert_eq!(rich["createdAt"], "2026-03-02 11:20:05");
    assert_eq!(rich["dialogId"], dialog);
    assert_eq!(rich["customFields"], json!({"nps": "9"}));
    let shown = &rich["payments"][payment.to_string()];
    assert_eq!(shown["status"], "paid");
    assert_eq!(shown["paidAt"], "2026-03-02 08:30:00", "an integration wrote UTC");
    assert_eq!(poor["payments"], json!({}));
    assert_eq!(poor["customFields"], json!([]));
    assert_eq!(poor["totalSumm"].to_string(), "2000");
    for absent in ["managerId", "fullPaidAt", "externalId", "dialogId"] {
        assert!(poor.get(absent).is_none(), "{absent}");
    }
    assert!(poor["customer"].get("externalId").is_none());
}

#[tokio::test]
async fn orders_are_filtered_by_id_and_by_local_creation_date() {
    let Small { mut model, manager, .. } = small();
    let customer = model.add_customer(at("2026-02-01T08:10:00Z"), NewBuyer::default());
    let by = Actor::User(manager.crm_id);
    // 23:30 on the 27th and 00:30 on the 28th of February in Moscow.
    let mut make = |when: &str| model.add_order(at(when), order(customer, None, 10_000), by).unwrap();
    let (before, after) = (make("2026-02-27T20:30:00Z"), make("2026-02-27T21:30:00Z"));
    let shop = Shop::open(model).await;
    let found =
        async |query: &str| ids(shop.ok(&format!("/v5/orders?{query}")).await["orders"].as_array().unwrap());
    assert_eq!(found("filter[createdAtTo]=2026-02-27").await, [before]);
    assert_eq!(found("filter[createdAtFrom]=2026-02-28%2000:00:00").await, [after]);
    assert_eq!(found(&format!("filter[ids][]={before}&filter[ids][]={after}")).await, [after, before]);
    assert_eq!(found(&format!("filter[ids][0]={before}&limit=50")).await, [before]);
    assert_eq!(found(&format!("filter[customerId]={customer}&page=9")).await, [0_i64; 0]);
    for wrong in
        ["filter[dialogId]=1", "filter[ids]=1", "filter[createdAtFrom]=2026-02-27T00:00:00Z", "sort=id"]
    {
        let (status, body) = shop.v5(&format!("/v5/orders?{wrong}")).await;
        assert_eq!((status, &body["errorMsg"]), (400, &json!("Errors in the input parameters")), "{wrong}");
    }
}

#[tokio::test]
async fn the_history_tells_an_order_from_creation_to_merge_with_snapshots_and_gaps() {
    let Small { mut model, manager, .. } = small();
    let customer = model.add_customer(at("2026-03-02T08:10:00Z"), NewBuyer::default());
    let by = Actor::User(manager.crm_id);
    let when = |minute: i64| at("2026-03-02T08:20:00Z") + TimeDelta::minutes(minute);
    let first = model.add_order(when(0), order(customer, None, 100_000), by).unwrap();
    model.assign_order(first, when(1), Some(manager.crm_id), by).unwrap();
    model.set_order_status(first, when(2), "client-confirmed", Actor::Rule).unwrap();
    model.pay_order(first, when(3), Actor::System).unwrap();
    model.edit_created_at(first, when(4), at("2026-03-01T08:00:00Z"), by).unwrap();
    let twin = model.add_order(when(5), order(customer, None, 100_000), by).unwrap();
    model.merge_orders(twin, first, when(6), by).unwrap();
    let gone = model.add_order(when(7), order(customer, None, 100_000), by).unwrap();
    model.delete_order(gone, when(8), by).unwrap();
    let shop = Shop::open(model).await;
    let body = shop.ok("/v5/orders/history?limit=100").await;
    assert_eq!(body["generatedAt"], "2026-03-02 15:00:00");
    let records = body["history"].as_array().unwrap();
    let numbers = ids(records);
    assert!(numbers.is_sorted());
    assert!(numbers.windows(2).any(|pair| pair[1] - pair[0] > 1), "there are gaps: {numbers:?}");
    let of = |order: i64| records.iter().filter(move |record| record["order"]["id"] == order);
    let fields: Vec<&str> = of(first).map(|record| record["field"].as_str().unwrap()).collect();
    let expected =
        ["status", "manager", "status", "payments", "payments.status", "full_paid_at", "created_at"];
    assert_eq!(fields, [expected.as_slice(), &["order_product"]].concat());
    let created = of(first).next().unwrap();
    assert_eq!(created["created"], true);
    assert_eq!(created["oldValue"], Value::Null);
    assert_eq!(created["order"]["status"], "new", "a snapshot, not the present");
    assert_eq!(created["order"]["payments"], json!([]));
    assert_eq!(created["order"]["totalSumm"], 4000, "the order as it is, with the merged position");
    let confirmed = of(first).nth(2).unwrap();
    assert_eq!(confirmed["newValue"], json!({"code": "client-confirmed"}));
    let short =
        json!({"id": first, "site": "main", "managerId": manager.crm_id, "status": "client-confirmed"});
    assert_eq!(confirmed["order"], short);
    assert_eq!(confirmed["source"], "rule");
    assert_eq!(of(first).nth(4).unwrap()["payment"]["type"], "bank-card");
    let merged = of(twin).next_back().unwrap();
    assert_eq!((&merged["deleted"], &merged["combinedTo"]["id"]), (&json!(true), &json!(first)));
    assert_eq!(of(gone).next_back().unwrap()["deleted"], true);
    let left = shop.ok("/v5/orders").await;
    assert_eq!(ids(left["orders"].as_array().unwrap()), [first]);
    assert_eq!(left["orders"][0]["createdAt"], "2026-03-01 11:00:00");
    assert_eq!(shop.v5(&format!("/v5/orders/{gone}?by=id")).await.0, 404);
    let since = shop.ok(&format!("/v5/orders/history?filter[sinceId]={}", numbers[5])).await;
    assert_eq!(ids(since["history"].as_array().unwrap()), numbers[6..]);
    let window = "filter[startDate]=2026-03-02%2011:21:00&filter[endDate]=2026-03-02%2011:22:00";
    let window = shop.ok(&format!("/v5/orders/history?{window}")).await;
    assert_eq!(ids(window["history"].as_array().unwrap()), numbers[1..3]);
    let (status, _) = shop.v5("/v5/orders/history?filter[sinceId]=1&page=1").await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_history_page_may_be_empty_although_more_follows() {
    let Small { mut model, manager, .. } = small();
    let customer = model.add_customer(at("2026-03-02T08:10:00Z"), NewBuyer::default());
    let by = Actor::User(manager.crm_id);
    let when = at("2026-03-02T08:20:00Z");
    let order = model.add_order(when, order(customer, None, 100_000), by).unwrap();
    let created = model.history()[0].id;
    model.add_hidden_history(order, when, 25).unwrap();
    model.set_order_status(order, when, "complete", by).unwrap();
    let shop = Shop::open(model).await;
    let page = shop.ok(&format!("/v5/orders/history?limit=20&filter[sinceId]={created}")).await;
    assert_eq!(page["history"], json!([]));
    assert_eq!(page["pagination"]["totalPageCount"], 2);
    let second = shop.ok("/v5/orders/history?limit=20&page=2").await;
    assert_eq!(second["history"][0]["newValue"]["code"], "complete");
}

#[tokio::test]
async fn keys_scopes_paths_and_limits_are_refused_as_the_real_service_does() {
    let Small { mut model, .. } = small();
    let narrow = ApiKey {
        scopes: vec!["order_read".into()],
        sites: Some(vec!["outlet".into()]),
        ..ApiKey::all_seeing("narrow")
    };
    model.api_keys.push(narrow);
    let customer = model.add_customer(at("2026-03-02T08:10:00Z"), NewBuyer::default());
    model.add_order(at("2026-03-02T08:20:00Z"), order(customer, None, 100), Actor::System).unwrap();
    let shop = Shop::open(model).await;
    let with_key = async |key: Option<&str>, path: &str| {
        let mut request = shop.http.get(format!("{}/api{path}", shop.crm.crm_url()));
        if let Some(key) = key {
            request = request.header("x-api-key", key);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let refusal = |message: &str| json!({"success": false, "errorMsg": message});
    assert_eq!(with_key(None, "/v5/orders").await, (403, refusal("\"apiKey\" is missing.")));
    assert_eq!(with_key(Some("x"), "/v5/orders").await, (403, refusal("Wrong \"apiKey\" value.")));
    assert_eq!(with_key(Some("narrow"), "/v5/users").await, (403, refusal("Access denied.")));
    let (status, orders) = with_key(Some("narrow"), "/v5/orders").await;
    assert_eq!((status, &orders["orders"]), (200, &json!([])), "the store is not the key's");
    let feed = with_key(Some("narrow"), "/v5/orders/history").await.1;
    assert_eq!((&feed["history"], &feed["pagination"]["totalCount"]), (&json!([]), &json!(1)));
    let credentials = with_key(Some("narrow"), "/credentials").await.1;
    assert_eq!(credentials["siteAccess"], "access_selective");
    assert_eq!(credentials["sitesAvailable"], json!(["outlet"]));
    assert_eq!(shop.ok("/api-versions").await["versions"], json!(["3.0", "4.0", "5.0"]));
    assert_eq!(shop.v5("/v5/nothing").await, (404, refusal("API method not found")));
    assert_eq!(shop.v5("/v5/orders/1?by=id").await, (404, refusal("Not found")));
    let (status, body) = shop.v5("/v5/orders?limit=250").await;
    assert_eq!((status, body["errors"]["limit"].is_string()), (400, true));
    let past = shop.ok("/v5/orders?page=5&limit=100").await;
    assert_eq!((&past["orders"], &past["pagination"]["totalPageCount"]), (&json!([]), &json!(1)));
    let url = format!("{}/api/v5/orders", shop.crm.crm_url());
    let posted = shop.http.post(url).header("X-API-KEY", shop.crm.api_key()).send().await.unwrap();
    assert_eq!(posted.status(), 405);
    let token_url = format!("{}/api/bot/v1/chats", shop.crm.bot_url());
    let refused = shop.http.get(token_url).header("X-Bot-Token", "x").send().await.unwrap();
    assert_eq!(refused.status(), 403);
    assert!(refused.json::<Value>().await.unwrap()["errors"][0].is_string());
}

#[tokio::test]
async fn reference_books_are_keyed_by_code_and_settings_speak_snake_case() {
    let shop = Shop::open(Model::new(chrono_tz::Europe::Berlin)).await;
    let statuses = shop.ok("/v5/reference/statuses").await;
    assert_eq!(statuses["statuses"]["3"]["group"], "complete", "codes may look like numbers");
    let groups = shop.ok("/v5/reference/status-groups").await;
    assert_eq!(groups["statusGroups"]["approval"]["statuses"], json!(["client-confirmed", "prepayed"]));
    let payments = shop.ok("/v5/reference/payment-statuses").await;
    assert_eq!(payments["paymentStatuses"]["paid"]["paymentComplete"], true);
    assert_eq!(shop.ok("/v5/reference/sites").await["sites"]["main"]["currency"], "RUB");
    let settings = shop.ok("/v5/settings").await;
    assert_eq!(settings["settings"]["timezone"]["value"], "Europe/Berlin");
    assert_eq!(settings["settings"]["work_times"][0]["day_type"], "Monday");
    assert_eq!(settings["settings"]["non_working_days"][0]["start_date"], "01.01");
}

#[tokio::test]
async fn the_eleventh_request_of_a_second_is_throttled_until_the_clock_moves() {
    let limit = RateLimit::default();
    let shop = Shop::open_with(Model::new(chrono_tz::UTC), Oddities::default(), limit).await;
    for _ in 0..10 {
        shop.ok("/v5/users").await;
    }
    let refusal = json!({"success": false, "errorMsg": "Rate limit exceeded"});
    assert_eq!(shop.v5("/v5/users").await, (503, refusal));
    shop.list("/users").await;
    shop.clock.advance(TimeDelta::milliseconds(100));
    shop.ok("/v5/users").await;
    assert_eq!(shop.v5("/v5/users").await.0, 503);

    let strict = RateLimit { per_second: Some(1), throttle: Throttle::Status429, retry_after: Some(7) };
    let shop = Shop::open_with(Model::new(chrono_tz::UTC), Oddities::default(), strict).await;
    shop.list("/users").await;
    let url = format!("{}/api/bot/v1/users", shop.crm.bot_url());
    let refused = shop.http.get(url).header("X-Bot-Token", shop.crm.bot_token()).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "7");
}

#[tokio::test]
async fn faults_hit_the_paths_and_the_number_of_requests_they_are_told_to() {
    let shop = Shop::open(small().model).await;
    let raw = async |path: &str| {
        let url = format!("{}/api{path}", shop.crm.crm_url());
        let request = shop.http.get(url).header("X-API-KEY", shop.crm.api_key());
        let answer = request.header("X-Bot-Token", shop.crm.bot_token()).send().await?;
        Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.text().await?))
    };
    shop.crm.fault(Fault::on("/api/v5/users", FaultKind::Status(502, FaultBody::Html)).times(1));
    let (status, body) = raw("/v5/users").await.unwrap();
    assert!(status == 502 && body.starts_with('<'), "{status} {body}");
    assert_eq!(raw("/v5/users").await.unwrap().0, 200, "used up");

    shop.crm.fault(Fault::on("/api/v5/", FaultKind::TruncatedJson));
    let (status, body) = raw("/v5/users").await.unwrap();
    assert_eq!(status, 200);
    assert!(!body.is_empty() && serde_json::from_str::<Value>(&body).is_err(), "{body}");
    assert!(serde_json::from_str::<Value>(&raw("/bot/v1/users").await.unwrap().1).is_ok());
    shop.crm.clear_faults();
    assert!(serde_json::from_str::<Value>(&raw("/v5/users").await.unwrap().1).is_ok());

    shop.crm.fault(Fault::on("/api/bot/", FaultKind::UnexpectedShape).times(1));
    assert_eq!(raw("/bot/v1/users").await.unwrap(), (200, "{\"items\":[]}".to_owned()));
    shop.crm.fault(Fault::on("", FaultKind::EmptyBody).times(1));
    assert_eq!(raw("/v5/users").await.unwrap(), (200, String::new()));
    shop.crm.fault(Fault::on("", FaultKind::NotJson).times(1));
    assert!(raw("/v5/users").await.unwrap().1.contains("Технические работы"));
    shop.crm.fault(Fault::on("/api/v5", FaultKind::KeyRevoked).times(1));
    let revoked = raw("/v5/users").await.unwrap();
    assert!(revoked.0 == 403 && revoked.1.contains("Wrong \\\"apiKey\\\" value."), "{revoked:?}");
    shop.crm.fault(Fault::on("", FaultKind::ResetMidBody).times(1));
    assert!(raw("/v5/users").await.is_err(), "the connection broke in the middle");
    shop.crm.fault(Fault::on("", FaultKind::Status(500, FaultBody::Json)).times(1));
    assert_eq!(raw("/v5/users").await.unwrap().0, 500);
}

#[tokio::test]
async fn a_hanging_request_is_answered_when_the_faults_are_cleared() {
    let shop = Arc::new(Shop::open(Model::new(chrono_tz::UTC)).await);
    shop.crm.fault(Fault::on("/api/v5/users", FaultKind::Hang));
    let hanging = tokio::spawn({
        let shop = Arc::clone(&shop);
        async move { shop.v5("/v5/users").await.0 }
    });
    while shop.crm.count_of("/api/v5/users") == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(shop.crm.requests()[0].status, None);
    shop.ok("/v5/settings").await;
    assert!(!hanging.is_finished());
    shop.crm.clear_faults();
    assert_eq!(hanging.await.unwrap(), 200);
    assert_eq!(shop.crm.requests()[0].status, Some(200));
}

#[tokio::test]
async fn the_journal_keeps_everything_but_the_key() {
    let shop = Shop::open(Model::new(chrono_tz::UTC)).await;
    let url = format!("{}/api/v5/orders?page=2&apiKey={}", shop.crm.crm_url(), shop.crm.api_key());
    assert_eq!(shop.http.get(url).send().await.unwrap().status(), 200);
    let requests = shop.crm.requests();
    assert_eq!(requests.len(), 1);
    let seen = (requests[0].method.as_str(), requests[0].path.as_str(), requests[0].query.as_str());
    assert_eq!(seen, ("GET", "/api/v5/orders", "page=2"));
    assert_eq!((requests[0].at, requests[0].status), (shop.clock.now(), Some(200)));
    assert!(!format!("{requests:?} {:?}", shop.crm).contains(&shop.crm.api_key()));
}

#[tokio::test]
async fn the_port_is_free_again_after_a_shutdown_even_with_a_hanging_request() {
    let shop = Arc::new(Shop::open(Model::new(chrono_tz::UTC)).await);
    shop.crm.fault(Fault::on("", FaultKind::Hang));
    let hanging = tokio::spawn({
        let shop = Arc::clone(&shop);
        async move { shop.v5("/v5/users").await.0 }
    });
    while shop.crm.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    shop.crm.shutdown().await;
    shop.crm.shutdown().await;
    assert_eq!(hanging.await.unwrap(), 200);
    let url = format!("{}/api/v5/users", shop.crm.crm_url());
    assert!(shop.http.get(url).send().await.unwrap_err().is_connect());
}

#[test]
fn the_demo_shop_has_everything_a_digest_speaks_of() {
    let until = at("2026-03-20T09:00:00Z");
    let model = tea_shop(&ShopOptions::demo(until));
    assert_eq!(model.misfires(), []);
    assert!((900..1_150).contains(&model.chats().len()), "{} chats", model.chats().len());
    assert!(model.planned() > 100, "the shop goes on");

    let zone = chrono_tz::Europe::Moscow;
    let open: Vec<_> = model.dialogs().iter().filter(|dialog| dialog.closed_at.is_none()).collect();
    let last_of = |dialog: i64| {
        let mut of_dialog = model.messages().iter().filter(move |message| message.dialog_id == Some(dialog));
        of_dialog.rfind(|message| message.is_public && message.author.is_some())
    };
    let waits = |dialog: i64| {
        let last = last_of(dialog);
        last.is_some_and(|message| matches!(message.author, Some(Author::Customer(_) | Author::Bot(_))))
    };
    let on = |instant: Instant| instant.with_timezone(&zone).date_naive().to_string();
    let unanswered = open.iter().filter(|dialog| on(dialog.created_at) == "2026-03-19" && waits(dialog.id));
    assert!((3..=8).contains(&unanswered.count()));
    let waiting =
        open.iter().filter(|dialog| until - dialog.created_at < TimeDelta::hours(3) && waits(dialog.id));
    assert!((3..=8).contains(&waiting.count()));

    let handed_over = model.dialogs().iter().filter(|dialog| {
        let moved = |message: &&svodka::sandbox::retailcrm::Message| {
            let event = message.event;
            matches!(event, Some(svodka::sandbox::retailcrm::SystemEvent::DialogAssigned(_)))
        };
        model.messages().iter().filter(|message| message.dialog_id == Some(dialog.id)).filter(moved).count()
            > 1
    });
    assert!(handed_over.take(3).count() == 3);
    let count = |what: fn(&svodka::sandbox::retailcrm::Order) -> bool| {
        model.orders().iter().filter(|order| what(order)).count()
    };
    let total = model.orders().len();
    assert!(count(|order| order.full_paid_at.is_some()) * 2 > total, "most are paid");
    assert!(count(|order| order.full_paid_at.is_none() && order.prepaid_minor() > 0) > 3, "some in part");
    assert!(count(|order| order.prepaid_minor() == 0) > 10, "some not at all");
    assert!(count(|order| order.order_method == "phone") > 50);
    assert!(count(|order| order.order_method == "messenger" && order.dialog_id.is_none()) > 50);
    assert!(count(|order| order.manager_id.is_none()) > 3);
    assert!(count(|order| order.combined_to.is_some()) > 1);
    assert!(count(|order| order.deleted_at.is_some() && order.combined_to.is_none()) > 1);
    assert!(count(|order| matches!(order.status.as_str(), "no-call" | "cancel-other")) > 10);
    let cards = model.messages().iter().filter(|message| message.kind == "order");
    assert!(cards.count() > 50);
    assert!(model.messages().iter().any(|message| message.is_mass));
    assert!(model.messages().iter().any(|message| message.kind == "sticker"));
    assert!(model.messages().iter().any(|message| message.deleted_at.is_some() || message.is_edited));
    assert!(model.mg_customers().iter().any(|person| person.first_name.contains("<&")));
    let returning = model.chats().iter().filter(|chat| chat.dialog_ids.len() > 1);
    assert!(returning.count() > 100);
}

#[test]
fn the_large_shop_reaches_the_size_of_the_benchmark() {
    let model = tea_shop(&ShopOptions::large(at("2026-03-20T09:00:00Z")));
    assert_eq!(model.misfires(), []);
    assert!(model.chats().len() >= 3_260, "{} chats", model.chats().len());
    assert!(model.messages().len() >= 60_000, "{} messages", model.messages().len());
    assert_eq!(
        model.users().iter().filter(|user| user.is_manager && !user.is_technical && user.is_active).count(),
        40
    );
}

#[tokio::test]
async fn the_same_options_give_the_same_shop_byte_for_byte() {
    let until = at("2026-03-02T12:00:00Z");
    let options = ShopOptions { days: 10, ..ShopOptions::demo(until) };
    let paths = ["/bot/v1/messages?limit=1000", "/bot/v1/chats?limit=1000", "/v5/orders/history?limit=100"];
    let mut seen: Vec<Vec<String>> = Vec::new();
    for seed in [7, 7, 8] {
        let shop = Shop::open(tea_shop(&ShopOptions { seed, ..options.clone() })).await;
        let mut texts = Vec::new();
        for path in paths {
            let url = format!("{}/api{path}", shop.crm.crm_url());
            let request = shop.http.get(url).header("X-API-KEY", shop.crm.api_key());
            let answer = request.header("X-Bot-Token", shop.crm.bot_token()).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            texts.push(answer.text().await.unwrap());
        }
        seen.push(texts);
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
}

#[tokio::test]
async fn the_living_shop_answers_who_waits_when_the_time_comes() {
    let until = at("2026-03-02T12:00:00Z");
    let shop = Shop::open(tea_shop(&ShopOptions { days: 3, ..ShopOptions::demo(until) })).await;
    let before = shop.list("/messages?limit=1000&since=2026-03-02T12:00:00Z").await.len();
    shop.clock.advance(TimeDelta::hours(2));
    let after = shop.list("/messages?limit=1000&since=2026-03-02T12:00:00Z").await;
    let replies = after.iter().filter(|message| message["from"]["type"] == "user").count();
    assert!(replies >= 4 && after.len() > before, "{replies} replies, {} messages", after.len());
    let times: Vec<Instant> = after.iter().map(|message| shop.instant(&message["updated_at"])).collect();
    assert!(times.iter().all(|&time| time <= shop.clock.now()), "nothing comes from the future");
}

#[tokio::test]
async fn the_demo_shop_shows_every_oddity_of_both_apis() {
    let until = at("2026-03-02T12:00:00Z");
    let shop = Shop::open(tea_shop(&ShopOptions { days: 45, ..ShopOptions::demo(until) })).await;
    let messages = shop.list("/messages?limit=1000").await;
    let some = |list: &[Value], what: &str, test: fn(&Value) -> bool| {
        let count = list.iter().filter(|item| test(item)).count();
        assert!(count > 0, "no object with {what}");
        assert!(count < list.len(), "every object has {what}");
    };
    some(&messages, "an offset other than Z", |message| {
        message["time"].as_str().unwrap().ends_with("+03:00")
    });
    some(&messages, "an empty date", |message| message["channel_sent_at"] == "");
    some(&messages, "no actions", |message| message.get("actions").is_none());
    some(&messages, "no author", |message| message.get("from").is_none());
    some(&messages, "an empty external id", |message| message["from"]["external_id"] == "");
    some(&messages, "a trimmed fraction", |message| message["created_at"].as_str().unwrap().len() < 27);
    some(&messages, "a quote with a fraction in its time", |message| {
        message["quote"]["time"].as_str().is_some_and(|time| time.contains('.'))
    });
    for message in &messages {
        let parts = [shop.instant(&message["time"]), shop.instant(&message["created_at"])];
        assert!(parts.iter().all(|&time| time <= shop.clock.now()));
    }
    assert!(!shop.list("/messages?type=sticker").await.is_empty(), "a type no documentation names");
    let dialogs = shop.list("/dialogs?limit=1000").await;
    some(&dialogs, "an end although it looks active", |dialog| {
        dialog["is_active"] == true && dialog["closed_at"].as_str().is_some_and(|at| !at.is_empty())
    });
    some(&dialogs, "nobody responsible", |dialog| dialog.get("responsible").is_none());
    let chats = shop.list("/chats?limit=1000").await;
    some(&chats, "no counter of unread messages", |chat| chat.get("unread").is_none());
    some(&chats, "an unknown kind of channel", |chat| chat["channel"]["type"] == "tenchat");
    let people = shop.list("/customers?limit=1000").await;
    some(&people, "an escaped name", |person| person["first_name"].as_str().unwrap().contains('&'));
    let users = shop.list("/users").await;
    some(&users, "no external id", |user| user["external_id"] == "");

    let mut orders = Vec::new();
    for page in 1..=3 {
        let body = shop.ok(&format!("/v5/orders?limit=100&page={page}")).await;
        orders.extend(body["orders"].as_array().unwrap().clone());
    }
    some(&orders, "no currency", |order| order.get("currency").is_none());
    some(&orders, "no manager", |order| order.get("managerId").is_none());
    some(&orders, "no full payment", |order| order.get("fullPaidAt").is_none());
    some(&orders, "a customer with an external id", |order| order["customer"].get("externalId").is_some());
    some(&orders, "a payment without a status", |order| {
        order["payments"].as_object().unwrap().values().any(|payment| payment.get("status").is_none())
    });

    let plain = Oddities {
        v5_sparse: false,
        mg_sparse: false,
        mg_dates: false,
        closed_dialogs_look_active: false,
        ..Oddities::default()
    };
    let model = tea_shop(&ShopOptions { days: 20, ..ShopOptions::demo(until) });
    let tame = Shop::open_with(model, plain, RateLimit::off()).await;
    for message in tame.list("/messages?limit=1000").await {
        assert!(message["time"].as_str().unwrap().ends_with('Z') && message.get("actions").is_some());
    }
    let active = tame.list("/dialogs?limit=1000&active=true").await;
    assert!(!active.is_empty() && active.iter().all(|dialog| dialog["closed_at"].is_null()));
}

#[tokio::test]
async fn dates_follow_the_account_zone_through_a_change_of_clocks() {
    let mut model = Model::new(chrono_tz::Europe::Berlin);
    let customer = model.add_customer(at("2026-03-01T08:00:00Z"), NewBuyer::default());
    for when in ["2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z"] {
        model.add_order(at(when), order(customer, None, 10_000), Actor::System).unwrap();
    }
    let shop = Shop::open(model).await;
    shop.clock.set(at("2026-04-01T00:00:00Z"));
    let list = shop.ok("/v5/orders").await;
    let dates: Vec<&str> = (0..2).map(|index| list["orders"][index]["createdAt"].as_str().unwrap()).collect();
    assert_eq!(dates, ["2026-03-29 03:00:00", "2026-03-29 01:59:59"]);
}

#[tokio::test]
async fn labels_and_attribution_of_a_dialog_are_shown_and_bump_it() {
    let Small { model, chat, .. } = small();
    let dialog = model.last_dialog(chat).unwrap().id;
    let shop = Shop::open(model).await;
    shop.crm.with_model(|model| {
        let change = |dialog: &mut svodka::sandbox::retailcrm::Dialog| {
            dialog.tags.push(DialogTag { name: "опт & розница".into(), color_code: "light-red" });
            dialog.utm = Some(Utm { source: "vk".into(), medium: "cpc".into(), campaign: None });
        };
        model.change_dialog(dialog, at("2026-03-02T12:00:00Z"), change).unwrap();
    });
    let shown = shop.list("/dialogs?since=2026-03-02T12:00:00Z").await;
    assert_eq!(shown[0]["tags"], json!([{"name": "опт &amp; розница", "color_code": "light-red"}]));
    assert_eq!((&shown[0]["utm"]["source"], &shown[0]["utm"]["term"]), (&json!("vk"), &Value::Null));
}

#[tokio::test]
async fn orders_are_made_and_edited_by_a_form_that_holds_json() {
    let Small { mut model, chat, .. } = small();
    let customer = model.add_customer(at("2026-03-02T08:10:00Z"), NewBuyer::default());
    let dialog = model.last_dialog(chat).unwrap().id;
    let shop = Shop::open(model).await;
    let post = async |key: &str, path: &str, body: String| {
        let url = format!("{}/api/v5/orders/{path}", shop.crm.crm_url());
        let answer = shop.http.post(url).header("X-API-KEY", key).body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let encoded = |order: Value| {
        url::form_urlencoded::Serializer::new(String::new()).append_pair("order", &order.to_string()).finish()
    };
    let new = json!({"customer": {"id": customer}, "orderMethod": "phone",
                     "items": [{"productName": "Сенча", "initialPrice": 380.5, "quantity": 2}]});
    let (status, body) = post(&shop.crm.api_key(), "create", encoded(new.clone())).await;
    assert_eq!((status, &body["errorMsg"]), (403, &json!("Access denied.")), "a reading key");
    let key = "sandbox-writing-key";
    let (status, body) = post(key, "create", "site=main".to_owned()).await;
    assert_eq!((status, &body["errorMsg"]), (400, &json!("Parameter 'order' is missing")));
    let (status, body) = post(key, "create", encoded(json!({"customer": {"id": 1}}))).await;
    assert_eq!((status, &body["errorMsg"]), (400, &json!("Order is not loaded")));
    assert!(body["errors"]["customer.id"].is_string());
    let (status, body) = post(key, "create", encoded(json!({"colour": "green"}))).await;
    assert_eq!((status, &body["errorMsg"]), (400, &json!("Errors in the entity format")));

    let (status, body) = post(key, "create", encoded(new)).await;
    assert_eq!(
        (status, &body["order"]["totalSumm"], &body["order"]["payments"]),
        (201, &json!(761), &json!([]))
    );
    let id = body["id"].as_i64().unwrap();
    let edit = encoded(json!({"status": "complete", "dialogId": dialog}));
    let (status, body) = post(key, &format!("{id}/edit"), format!("{edit}&by=id")).await;
    assert_eq!((status, &body["order"]["dialogId"]), (200, &json!(dialog)));
    assert_eq!(post(key, "999/edit", format!("{edit}&by=id")).await.0, 404);
    let history = shop.ok(&format!("/v5/orders/history?filter[orderId]={id}")).await;
    let fields: Vec<&str> = history["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["status", "status", "dialog_id"]);
    assert_eq!(history["history"][1]["source"], "api");
}
