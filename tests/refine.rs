//! The optional language model, against a local stand-in of a chat-completions endpoint.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Json, Router, routing::post};
use chrono::TimeDelta;
use serde_json::{Value, json};
use svodka::clock::Instant;
use svodka::facts::{Author, FactBatch, Marks, Message, SourceStep};
use svodka::jobs::{analysis, refine};
use svodka::sandbox::telegram::SimChat;
use svodka::settings::Settings;
use svodka::store::Store;

use crate::support::stores::for_each_store;
use crate::support::worker::{World, at};

/// Answers as told, else by the rules of [`answer`]; remembers what it was asked.
#[derive(Clone, Default)]
struct Standin {
    told: Arc<Mutex<VecDeque<(u16, String)>>>,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Standin {
    fn say(&self, status: u16, body: &str) {
        self.told.lock().unwrap().push_back((status, body.to_owned()));
    }

    fn asked(&self) -> Vec<String> {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .map(|body| body["messages"][1]["content"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn start(&self) -> (String, tokio::task::JoinHandle<()>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/", listener.local_addr().unwrap());
        let router = Router::new().route("/v1/chat/completions", post(complete)).with_state(self.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (url, server)
    }
}

fn completion(text: &str, tokens: u64) -> String {
    json!({"choices": [{"message": {"role": "assistant", "content": text}}], "usage": {"total_tokens": tokens}}).to_string()
}

async fn complete(
    State(standin): State<Standin>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, String) {
    if headers.get("authorization").is_none_or(|value| value != "Bearer sk-test") {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let question = body["messages"][1]["content"].as_str().unwrap().to_owned();
    standin.asked.lock().unwrap().push(body);
    if let Some((status, body)) = standin.told.lock().unwrap().pop_front() {
        return (StatusCode::from_u16(status).unwrap(), body);
    }
    (StatusCode::OK, completion(&answer(&question), 100))
}

/// Questions about what is not liked are about difficulties; every customer is content; a plan is cut to its first sentence.
fn answer(question: &str) -> String {
    let Ok(items) = serde_json::from_str::<Vec<Value>>(question) else {
        return question.split_inclusive('.').next().unwrap_or_default().to_owned();
    };
    let label = |item: &Value| match item["kind"].as_str().unwrap() {
        "spin" if item["text"].as_str().unwrap().contains("не нравится") => json!(["P"]),
        "spin" => json!([]),
        _ => json!(["positive"]),
    };
    Value::from(items.iter().map(|item| json!({"n": item["n"], "labels": label(item)})).collect::<Vec<_>>())
        .to_string()
}

const CUSTOMER: Author = Author::Customer(101);
const MANAGER: Author = Author::User(11);

fn now() -> Instant {
    at("2026-08-20T06:00:00Z")
}

fn said(id: i64, dialog_id: i64, author: Author, text: &str) -> Message {
    let sent_at = now() - TimeDelta::hours(20) + TimeDelta::minutes(id);
    Message {
        id,
        chat_id: dialog_id,
        dialog_id: Some(dialog_id),
        sent_at,
        author,
        is_public: true,
        event: None,
        order_id: None,
        text: Some(text.to_owned()),
        updated_at: sent_at,
    }
}

async fn save(store: &Store, messages: Vec<Message>) {
    let step = SourceStep { source: "test".into(), ..SourceStep::default() };
    let batch = FactBatch { messages, ..FactBatch::default() };
    store.save_facts(&batch, &step, now()).await.unwrap();
}

/// A conversation with a phone in it, analysed by a rule of the test: every message of a manager's asks, nobody is in any mood.
async fn talk(store: &Store) {
    let messages = vec![
        said(1, 10, CUSTOMER, "Здравствуйте, мой телефон +7 900 000-45-67"),
        said(2, 10, MANAGER, "А что вам не нравится в нынешнем чае?"),
        said(3, 10, CUSTOMER, "Ну и дела, пишите на maria@example.com"),
    ];
    save(store, messages).await;
    mark(store).await;
}

async fn mark(store: &Store) {
    let stale = store.stale_conversations(100).await.unwrap();
    let marked = stale.into_iter().map(|one| {
        let of = |author| {
            if author == MANAGER { Marks::OPEN_QUESTION.with(Marks::SPIN_S) } else { Marks::NEGATIVE }
        };
        let marks = one.messages.iter().map(|message| (message.id, of(message.author))).collect();
        (one, marks)
    });
    store.save_marks(&marked.collect::<Vec<_>>()).await.unwrap();
}

async fn marks(store: &Store) -> Vec<Marks> {
    let facts = store.facts_between(now() - TimeDelta::days(2), now()).await.unwrap();
    facts.marks.into_values().collect()
}

fn settings(url: &str, more: &[(&str, &str)]) -> Settings {
    let base = [
        ("SVODKA__REFINE__URL", url),
        ("SVODKA__REFINE__MODEL", "small"),
        ("SVODKA__REFINE__API_KEY", "sk-test"),
    ];
    let all = base.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::from_environment(&all.collect()).unwrap()
}

const RULES: [Marks; 3] = [Marks::NEGATIVE, Marks(Marks::OPEN_QUESTION.0 | Marks::SPIN_S.0), Marks::NEGATIVE];

fn refined() -> Vec<Marks> {
    vec![
        Marks::NEGATIVE,
        Marks::OPEN_QUESTION.with(Marks::SPIN_P).with(Marks::REFINED),
        Marks::POSITIVE.with(Marks::REFINED),
    ]
}

#[tokio::test]
async fn answers_replace_the_rules_once_and_texts_leave_masked() {
    for_each_store(async |given| {
        let standin = Standin::default();
        let (url, server) = standin.start().await;
        let settings = settings(&url, &[]);
        talk(&given).await;
        assert_eq!(refine::round(&settings, &given, now(), true).await.unwrap(), 2);
        assert_eq!(marks(&given).await, refined());
        let asked = standin.asked();
        assert_eq!(asked.len(), 1, "one question for all: {asked:#?}");
        assert!(asked[0].contains("[телефон]") && asked[0].contains("[почта]"), "{}", asked[0]);
        assert!(!asked[0].contains("000-45") && !asked[0].contains("maria"), "{}", asked[0]);
        assert_eq!(given.refine_tokens_since(now()).await.unwrap(), 100);

        // Analysed anew the rules stand again, and what is known comes back without a question.
        given.set_analysis_version("another", now()).await.unwrap();
        mark(&given).await;
        assert_eq!(marks(&given).await, RULES);
        assert_eq!(refine::round(&settings, &given, now(), false).await.unwrap(), 2);
        assert_eq!(marks(&given).await, refined());
        assert_eq!(refine::round(&settings, &given, now(), true).await.unwrap(), 0);
        assert_eq!(standin.asked().len(), 1, "nothing is asked twice");
        server.abort();
    })
    .await;
}

#[tokio::test]
async fn whatever_fails_the_rules_stand_and_the_round_asks_no_more() {
    for_each_store(async |given| {
        let standin = Standin::default();
        let (url, server) = standin.start().await;
        let settings = settings(&url, &[("SVODKA__REFINE__TIMEOUT", "1s")]);
        talk(&given).await;
        // More than one question's worth, so that a second one would be asked.
        save(&given, (100..140).map(|id| said(id, id, MANAGER, &format!("Для кого чай {id}?"))).collect())
            .await;
        mark(&given).await;
        let before = marks(&given).await;
        let faults = [
            (500, String::new()),
            (429, String::new()),
            (404, "{}".to_owned()),
            (200, "<html>".to_owned()),
            (200, json!({"choices": []}).to_string()),
            (200, "x".repeat(300_000)),
        ];
        for (status, body) in faults {
            standin.say(status, &body);
            let asked = standin.asked().len();
            assert_eq!(refine::round(&settings, &given, now(), true).await.unwrap(), 0, "{status}");
            assert_eq!(marks(&given).await, before, "{status}");
            assert_eq!(standin.asked().len(), asked + 1, "{status}: the first failure ends the round");
        }
        server.abort();
        let _ = server.await;
        assert_eq!(refine::round(&settings, &given, now(), true).await.unwrap(), 0, "nobody is there");
        assert_eq!(marks(&given).await, before);
    })
    .await;
}

#[tokio::test]
async fn an_answer_without_usable_labels_is_not_asked_for_again() {
    for_each_store(async |given| {
        let standin = Standin::default();
        let (url, server) = standin.start().await;
        let settings = settings(&url, &[]);
        talk(&given).await;
        standin.say(200, &completion(r#"[{"n":1,"labels":["happy"]},{"n":7,"labels":["S"]}]"#, 10));
        assert_eq!(refine::round(&settings, &given, now(), true).await.unwrap(), 0);
        assert_eq!(refine::round(&settings, &given, now(), true).await.unwrap(), 0);
        assert_eq!((standin.asked().len(), marks(&given).await), (1, RULES.to_vec()));
        server.abort();
    })
    .await;
}

#[tokio::test]
async fn the_days_budget_is_kept_and_a_new_day_has_its_own() {
    for_each_store(async |given| {
        let standin = Standin::default();
        let (url, server) = standin.start().await;
        let settings = settings(&url, &[("SVODKA__REFINE__TOKENS_PER_DAY", "150")]);
        // Three questions' worth.
        save(&given, (100..160).map(|id| said(id, id, MANAGER, &format!("Для кого чай {id}?"))).collect())
            .await;
        mark(&given).await;
        refine::round(&settings, &given, now(), true).await.unwrap();
        assert_eq!(standin.asked().len(), 2, "the second was asked with 100 of 150 spent");
        refine::round(&settings, &given, now() + TimeDelta::hours(1), true).await.unwrap();
        assert_eq!(standin.asked().len(), 2);
        refine::round(&settings, &given, now() + TimeDelta::days(1), true).await.unwrap();
        assert_eq!(standin.asked().len(), 3);
        server.abort();
    })
    .await;
}

#[tokio::test]
async fn it_is_off_without_an_address() {
    let settings = Settings::from_environment(&Default::default()).unwrap();
    assert!(settings.refine.is_none());
    let given = crate::support::stores::temp_store().await;
    talk(&given).await;
    assert_eq!(refine::round(&settings, &given, now(), true).await.unwrap(), 0);
    assert_eq!(marks(&given).await, RULES);
    let refusal = Settings::from_environment(
        &[("SVODKA__REFINE__URL".to_owned(), "http://127.0.0.1:1/v1".to_owned())].into(),
    );
    assert!(refusal.unwrap_err().to_string().contains("refine.model"));
}

const PAVEL: i64 = 500_002;

#[tokio::test]
async fn a_manager_reads_the_plan_in_its_words_and_the_share_of_the_model() {
    for_each_store(async |given| {
        let standin = Standin::default();
        let (url, server) = standin.start().await;
        let mut world = World::open(given.url()).await;
        world.telegram.add_chat(SimChat::private(PAVEL, "Павел"));
        let pavel = world.crm.with_model(|model| {
            let pavel = model.users().iter().find(|user| user.first_name == "Павел").cloned().unwrap();
            let channel_id = model.channels()[0].id;
            for number in 0..12 {
                let start = at("2026-08-18T08:00:00Z") + TimeDelta::minutes(10 * number);
                let chat = model.add_chat(start, channel_id, Default::default()).unwrap();
                model.customer_writes(chat, start, "Здравствуйте").unwrap();
                let text = format!("Для кого вам чай, номер {number}?");
                model.manager_replies(chat, start + TimeDelta::minutes(1), pavel.mg_id, &text).unwrap();
            }
            pavel.crm_id
        });
        let manager = format!("crm:{pavel}");
        for (name, value) in [
            ("SVODKA__CHATS__PAVEL__ID", "500002"),
            ("SVODKA__CHATS__PAVEL__MANAGER", &manager),
            ("SVODKA__JOBS__BEHAVIOUR__ENABLED", "true"),
            ("SVODKA__JOBS__BEHAVIOUR__CHATS", "managers,pavel"),
            ("SVODKA__REFINE__URL", &url),
            ("SVODKA__REFINE__MODEL", "small"),
            ("SVODKA__REFINE__API_KEY", "sk-test"),
        ] {
            world.set(name, value);
        }
        for job in ["DAILY", "WEEKLY", "MONTHLY", "QUALITY", "RECEIPT"] {
            world.set(&format!("SVODKA__JOBS__{job}__ENABLED"), "false");
        }
        let worker = world.worker(1).await;
        world.clock.set(at("2026-08-24T06:15:05Z"));
        worker.work().await;
        world.clock.set(at("2026-08-24T06:20:05Z"));
        worker.work().await;
        let own = world.texts(PAVEL);
        assert_eq!(own.len(), 1, "{own:#?}");
        assert!(own[0].contains("Языковая модель уточнила разбор"), "{}", own[0]);
        let plan = standin
            .asked()
            .into_iter()
            .find(|asked| !asked.starts_with('['))
            .expect("the plan was asked for");
        let told = plan.split_inclusive('.').next().unwrap();
        assert!(own[0].contains(&format!("• {told}")), "{} is not told in\n{}", told, own[0]);
        assert!(!plan.contains("Павел"), "no name leaves: {plan}");
        let analysed = analysis::round(&worker.app.store, &world.clock).await.unwrap();
        assert_eq!(analysed.conversations, 0);
        server.abort();
    })
    .await;
}
