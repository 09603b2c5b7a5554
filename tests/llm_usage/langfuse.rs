//! Langfuse's daily metrics against a local stand-in.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use chrono::NaiveDate;
use serde_json::{Value, json};
use svodka::clock::SystemClock;
use svodka::collect::CollectError;
use svodka::collect::llm_usage::langfuse::{Langfuse, LangfuseConfig};
use svodka::facts::llm::LlmDay;
use svodka::outbound::{Backoff, Jitter};

type Params = std::collections::BTreeMap<String, String>;

/// Answers with the pages one after another; before that with the faults.
#[derive(Clone, Default)]
struct Standin {
    pages: Arc<Vec<Value>>,
    faults: Arc<Mutex<Vec<(u16, &'static str)>>>,
    asked: Arc<Mutex<Vec<Params>>>,
}

async fn daily(
    State(standin): State<Standin>,
    headers: HeaderMap,
    Query(params): Query<Params>,
) -> (StatusCode, String) {
    // pk:sk in base64.
    if headers.get("authorization").is_none_or(|value| value != "Basic cGs6c2s=") {
        return (StatusCode::UNAUTHORIZED, "{}".to_owned());
    }
    if let Some((status, body)) = standin.faults.lock().unwrap().pop() {
        return (StatusCode::from_u16(status).unwrap(), body.to_owned());
    }
    let page: usize = params["page"].parse().unwrap();
    standin.asked.lock().unwrap().push(params);
    let meta = json!({"page": page, "limit": 50, "totalItems": 3, "totalPages": standin.pages.len()});
    (StatusCode::OK, json!({"data": standin.pages[page - 1], "meta": meta}).to_string())
}

async fn read(standin: &Standin, secret: &str) -> Result<Vec<LlmDay>, CollectError> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base/", listener.local_addr().unwrap()).parse().unwrap();
    let router =
        Router::new().route("/base/api/public/metrics/daily", get(daily)).with_state(standin.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let config = LangfuseConfig { url, public_key: "pk".to_owned(), secret_key: secret.into() };
    let backoff = Backoff { first: Duration::from_millis(1), cap: Duration::from_millis(2) };
    let reader = Langfuse::with_pauses(config, Arc::new(SystemClock), Jitter::seeded(1), backoff).unwrap();
    let days = reader.daily(on(1), on(20)).await;
    server.abort();
    days
}

fn on(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 8, day).unwrap()
}

fn day(date: &str, usage: Value) -> Value {
    json!({"date": date, "countTraces": 9, "countObservations": 9, "totalCost": 1.5, "usage": usage})
}

fn usage(model: Option<&str>, input: u64, output: u64, calls: u64) -> Value {
    json!({"model": model, "inputUsage": input, "outputUsage": output, "totalUsage": input + output,
           "countTraces": 1, "countObservations": calls, "totalCost": 0.5})
}

#[tokio::test]
async fn days_come_from_all_pages_by_model() {
    let pages = vec![
        json!([day("2026-08-19", json!([usage(Some("pro"), 10, 2, 3), usage(None, 1, 1, 1)]))]),
        // The day moved to the next page meanwhile: it comes twice.
        json!([day("2026-08-19", json!([usage(Some("pro"), 10, 2, 3)])), day("2026-08-18", json!([]))]),
        json!([
            day("2026-08-01", json!([usage(Some("lite"), 5, 5, 2)])),
            day("2026-07-31", json!([usage(Some("x"), 1, 1, 1)]))
        ]),
    ];
    let standin = Standin { pages: Arc::new(pages), ..Standin::default() };
    standin.faults.lock().unwrap().extend([(503, ""), (429, "{}"), (200, "<html>")]);
    let days = read(&standin, "sk").await.unwrap();
    let found: Vec<_> = days
        .iter()
        .map(|day| {
            let tokens = &day.tokens;
            (day.day_on, tokens.model.as_str(), tokens.calls, tokens.prompt_tokens, tokens.billable_tokens)
        })
        .collect();
    assert_eq!(found, [(on(1), "lite", 2, 5, 10), (on(19), "pro", 3, 10, 12), (on(19), "unknown", 1, 1, 2)]);
    let asked = standin.asked.lock().unwrap();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[2]["fromTimestamp"], "2026-08-01T00:00:00.000Z");
    assert_eq!(asked[2]["toTimestamp"], "2026-08-19T23:59:59.999Z");
}

#[tokio::test]
async fn a_refusal_names_the_fix_and_is_not_repeated() {
    let standin = Standin { pages: Arc::new(vec![json!([{"day": 1}])]), ..Standin::default() };
    let error = read(&standin, "wrong").await.unwrap_err();
    assert_eq!((error.reason, error.is_permanent), ("unauthorized", true));
    assert!(error.message.contains("LANGFUSE_SECRET_KEY") && !error.message.contains("wrong"));
    let error = read(&standin, "sk").await.unwrap_err();
    assert_eq!((error.reason, error.is_permanent), ("unexpected_shape", true));
    assert_eq!(standin.asked.lock().unwrap().len(), 1);
    standin.faults.lock().unwrap().extend([(502, ""); 9]);
    let error = read(&standin, "sk").await.unwrap_err();
    assert_eq!((error.reason, error.is_permanent), ("server_error", false));
    assert_eq!(standin.faults.lock().unwrap().len(), 5, "four attempts");
}
