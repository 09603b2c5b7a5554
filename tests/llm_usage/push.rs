//! `POST /v1/llm-usage`, over real HTTP.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use serde_json::{Value, json};
use svodka::clock::{Instant, ManualClock};
use svodka::http;
use svodka::outbound::{ClientOptions, client};
use tokio_util::sync::CancellationToken;

use crate::support::stores::{TempStore, temp_store};

const TOKEN: &str = "0123456789abcdef";

fn now() -> Instant {
    "2026-08-20T12:00:00Z".parse().unwrap()
}

struct Endpoint {
    store: TempStore,
    url: String,
    client: reqwest::Client,
    stop: CancellationToken,
}

impl Endpoint {
    async fn start() -> Self {
        let store = temp_store().await;
        let keep = Duration::from_secs(30 * 86_400);
        let clock = Arc::new(ManualClock::new(now()));
        let router = http::llm_usage::router(store.clone(), clock, chrono_tz::UTC, TOKEN.into(), keep);
        let listener = http::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("http://{}/v1/llm-usage", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(http::serve(listener, router, stop.clone()));
        Self { store, url, client: client(&ClientOptions::default()).unwrap(), stop }
    }

    async fn push(&self, token: Option<&str>, body: String) -> (u16, Value) {
        let mut request = self.client.post(&self.url).body(body);
        if let Some(token) = token {
            request = request.header("Authorization", token);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }

    async fn calls(&self) -> u64 {
        let day = |day| NaiveDate::from_ymd_opt(2026, 8, day).unwrap();
        let models = self.store.llm_figures(day(1), day(31)).await.unwrap().0;
        models.iter().map(|model| model.calls).sum()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn line(second: u32) -> String {
    format!(r#"{{"type":"llm_usage","ts":"2026-08-20T09:00:{second:02}Z","model":"m","prompt":5}}"#)
}

#[tokio::test]
async fn a_push_says_what_it_took_and_the_same_body_again_changes_nothing() {
    let endpoint = Endpoint::start().await;
    let old = r#"{"type":"llm_usage","ts":"2026-06-01T09:00:00Z","model":"m","prompt":5}"#;
    let body =
        [&line(1), &line(2), &line(2), r#"{"type":"other"}"#, r#"{"type":"llm_usage"}"#, old].join("\n");
    let bearer = format!("Bearer {TOKEN}");
    let answer = endpoint.push(Some(&bearer), body.clone()).await;
    let dropped = json!({"bad_time": 1, "too_old": 1});
    let expected = json!({"accepted": 3, "duplicates": 0, "ignored": 1, "dropped": dropped});
    assert_eq!(answer, (200, expected));
    let again = endpoint.push(Some(&bearer), body).await;
    assert_eq!((&again.1["accepted"], &again.1["duplicates"]), (&json!(0), &json!(3)));
    assert_eq!(endpoint.calls().await, 3);
    let coverage = endpoint.store.find_source("llm_usage").await.unwrap().unwrap().coverage.unwrap();
    assert_eq!(coverage.until, "2026-08-20T09:00:02Z".parse::<Instant>().unwrap());
}

#[tokio::test]
async fn without_the_token_nothing_is_taken() {
    let endpoint = Endpoint::start().await;
    let (half, lower) = (format!("Bearer {}", &TOKEN[..15]), format!("bearer {TOKEN}"));
    for token in [
        None,
        Some("Bearer "),
        Some("Bearer"),
        Some(half.as_str()),
        Some(TOKEN),
        Some("Basic 0123456789abcdef"),
    ] {
        assert_eq!(endpoint.push(token, line(1)).await.0, 401, "{token:?}");
    }
    assert_eq!(endpoint.calls().await, 0);
    assert_eq!(endpoint.push(Some(&lower), line(1)).await.0, 200);
    assert_eq!(endpoint.calls().await, 1);
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_refused() {
    let endpoint = Endpoint::start().await;
    let body = format!("{}\n{}", line(1), " ".repeat(5 << 20));
    assert_eq!(endpoint.push(Some(&format!("Bearer {TOKEN}")), body).await.0, 413);
    assert_eq!(endpoint.calls().await, 0);
}
