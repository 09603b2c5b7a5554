//! `POST /v1/llm-usage`: calls of language models pushed by the bot, for bots whose log cannot be read from here.
//!
//! The body is JSON lines or a JSON array of the records a log would hold; other records in it are left alone. Sending a body
//! again changes nothing. Without the token nothing is said about anything.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chrono::TimeDelta;
use chrono_tz::Tz;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use subtle::ConstantTimeEq;

use crate::clock::{Instant, SharedClock};
use crate::collect::llm_usage::push::parse_push;
use crate::collect::llm_usage::{SOURCE_LLM_USAGE, UsageBatch};
use crate::facts::{CoverageSpan, SourceStep};
use crate::store::Store;

/// Largest body taken: some twenty thousand calls.
const BODY_CAP: usize = 4 << 20;

#[derive(Clone)]
struct Parts {
    store: Store,
    clock: SharedClock,
    zone: Tz,
    token: SecretString,
    /// Older calls are refused: a repeat of them would not be known.
    keep: TimeDelta,
}

/// The route, to be merged into the others.
pub fn router(store: Store, clock: SharedClock, zone: Tz, token: SecretString, keep: Duration) -> Router {
    let keep = TimeDelta::from_std(keep).unwrap_or(TimeDelta::MAX);
    Router::new()
        .route("/v1/llm-usage", post(push))
        // Read by the handler only after the token was checked.
        .layer(DefaultBodyLimit::max(BODY_CAP))
        .with_state(Parts { store, clock, zone, token, keep })
}

/// Answers `{"accepted": n, "duplicates": n, "ignored": n, "dropped": {"reason": n}}`.
async fn push(State(parts): State<Parts>, headers: HeaderMap, request: Request) -> Response {
    if !is_allowed(&headers, &parts.token) {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (StatusCode::UNAUTHORIZED, challenge, "send Authorization: Bearer and the push token\n")
            .into_response();
    }
    let body = match Bytes::from_request(request, &()).await {
        Ok(body) => body,
        Err(refusal) => return refusal.into_response(),
    };
    let now = parts.clock.now();
    let (batch, ignored_count) = parse(&body, parts.keep, now);
    let step = SourceStep {
        source: SOURCE_LLM_USAGE.to_owned(),
        coverage: span(&batch, now),
        dropped: batch.dropped.clone(),
        ..SourceStep::default()
    };
    match parts.store.save_llm_usage(&batch.records, parts.zone, &step, now).await {
        Ok(saved) => axum::Json(json!({
            "accepted": saved.accepted,
            "duplicates": saved.duplicates,
            "ignored": ignored_count,
            "dropped": batch.dropped,
        }))
        .into_response(),
        Err(error) => {
            let reason = error.reason();
            tracing::warn!(source.name = SOURCE_LLM_USAGE, reason, "a push was not kept: {error}");
            (StatusCode::SERVICE_UNAVAILABLE, format!("not kept: {reason}; send it again\n")).into_response()
        }
    }
}

fn parse(body: &Bytes, keep: TimeDelta, now: Instant) -> (UsageBatch, u64) {
    let (mut batch, ignored_count) = parse_push(body, now);
    let oldest = now.checked_sub_signed(keep).unwrap_or(Instant::MIN_UTC);
    let (kept, too_old): (Vec<_>, Vec<_>) =
        batch.records.into_iter().partition(|record| record.used_at >= oldest);
    if !too_old.is_empty() {
        batch.dropped.insert("too_old".to_owned(), too_old.len() as u64);
    }
    batch.records = kept;
    (batch, ignored_count)
}

/// Whoever pushes has sent everything through its latest call; more is not known.
fn span(batch: &UsageBatch, now: Instant) -> Option<CoverageSpan> {
    let times = || batch.records.iter().map(|record| record.used_at.min(now));
    Some(CoverageSpan { from: times().min()?, until: times().max()? })
}

/// Compares in constant time: how long the answer takes tells nothing about the token.
fn is_allowed(headers: &HeaderMap, token: &SecretString) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().split_at_checked(7));
    given.is_some_and(|(scheme, given)| {
        scheme.eq_ignore_ascii_case(b"bearer ") && bool::from(given.ct_eq(token.expose_secret().as_bytes()))
    })
}
