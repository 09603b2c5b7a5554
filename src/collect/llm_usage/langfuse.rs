//! Daily sums from Langfuse: `GET /api/public/metrics/daily`, basic auth with a project's public and secret key.
//!
//! Each day comes with a list `usage` of `model`, `inputUsage`, `outputUsage`, `totalUsage` and `countObservations`;
//! `meta.totalPages` says how many pages there are. Days are UTC days. What it takes for a token is the SDK's affair, and it
//! knows of no cache: `billable` is its total.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{NaiveDate, TimeDelta};
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::SOURCE_LANGFUSE;
use crate::clock::SharedClock;
use crate::collect::CollectError;
use crate::facts::bot::ModelTokens;
use crate::facts::llm::LlmDay;
use crate::outbound::{Backoff, ClientError, ClientOptions, Jitter, client, describe};

/// Days per page; the API's own default is 50.
const PAGE_LEN: usize = 50;
/// More pages than a century has are a server that counts wrongly.
const MOST_PAGES: u64 = 1_000;
const ATTEMPTS: u32 = 4;
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(500), cap: Duration::from_secs(10) };
const BODY_CAP: usize = 8 << 20;
const MODEL_CAP: usize = 120;

/// How to reach a project.
#[derive(Debug, Clone)]
pub struct LangfuseConfig {
    pub url: Url,
    pub public_key: String,
    pub secret_key: SecretString,
}

/// A reader of one project's daily sums.
#[derive(Debug)]
pub struct Langfuse {
    config: LangfuseConfig,
    client: reqwest::Client,
    clock: SharedClock,
    jitter: Jitter,
    backoff: Backoff,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    data: Vec<Day>,
    meta: Meta,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    total_pages: u64,
}

#[derive(Debug, Deserialize)]
struct Day {
    date: NaiveDate,
    #[serde(default)]
    usage: Vec<Usage>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Usage {
    model: Option<String>,
    input_usage: Option<u64>,
    output_usage: Option<u64>,
    total_usage: Option<u64>,
    count_observations: Option<u64>,
}

impl Langfuse {
    /// A reader that repeats a passing failure within half a minute.
    pub fn new(config: LangfuseConfig, clock: SharedClock) -> Result<Self, ClientError> {
        Self::with_pauses(config, clock, Jitter::from_os(), BACKOFF)
    }

    /// With pauses of the caller's between attempts.
    pub fn with_pauses(
        config: LangfuseConfig,
        clock: SharedClock,
        jitter: Jitter,
        backoff: Backoff,
    ) -> Result<Self, ClientError> {
        let client = client(&ClientOptions::default())?;
        Ok(Self { config, client, clock, jitter, backoff })
    }

    /// Sums of the UTC days `[from_on, until_on)`, by day and model; days without a call are not in it.
    pub async fn daily(&self, from_on: NaiveDate, until_on: NaiveDate) -> Result<Vec<LlmDay>, CollectError> {
        let mut sums: BTreeMap<(NaiveDate, String), ModelTokens> = BTreeMap::new();
        let (mut page, mut page_count) = (1, 1);
        while page <= page_count {
            let answer = self.page(page, from_on, until_on).await?;
            // Asked again each time: a day may be added while we turn pages.
            page_count = answer.meta.total_pages.min(MOST_PAGES);
            page += 1;
            for day in answer.data.into_iter().filter(|day| day.date >= from_on && day.date < until_on) {
                for usage in day.usage {
                    let model = label(usage.model.as_deref());
                    let (input, output) = (usage.input_usage.unwrap_or(0), usage.output_usage.unwrap_or(0));
                    // A day that moves to the next page while we read comes twice and is the same: it replaces, within
                    // a day models are unique.
                    let tokens = ModelTokens {
                        model: model.clone(),
                        calls: usage.count_observations.unwrap_or(0),
                        prompt_tokens: input,
                        completion_tokens: output,
                        precached_tokens: 0,
                        billable_tokens: usage.total_usage.unwrap_or(input.saturating_add(output)),
                    };
                    sums.insert((day.date, model), tokens);
                }
            }
        }
        Ok(sums.into_iter().map(|((day_on, _), tokens)| LlmDay { day_on, tokens }).collect())
    }

    async fn page(&self, page: u64, from_on: NaiveDate, until_on: NaiveDate) -> Result<Page, CollectError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let failure = match self.attempt(page, from_on, until_on).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if failure.is_permanent || attempt >= ATTEMPTS {
                return Err(failure);
            }
            self.clock.sleep(self.backoff.delay(attempt, &self.jitter)).await;
        }
    }

    async fn attempt(
        &self,
        page: u64,
        from_on: NaiveDate,
        until_on: NaiveDate,
    ) -> Result<Page, CollectError> {
        let mut url = self.config.url.clone();
        url.set_path(&format!("{}/api/public/metrics/daily", url.path().trim_end_matches('/')));
        // The upper bound takes the last moment of the last day, whether the server counts it in or not.
        let until =
            until_on.and_hms_opt(0, 0, 0).map(|at| at - TimeDelta::milliseconds(1)).unwrap_or_default();
        let query = [
            ("page", page.to_string()),
            ("limit", PAGE_LEN.to_string()),
            ("fromTimestamp", format!("{from_on}T00:00:00.000Z")),
            ("toTimestamp", until.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()),
        ];
        let request = self
            .client
            .get(url)
            .query(&query)
            .basic_auth(&self.config.public_key, Some(self.config.secret_key.expose_secret()));
        let mut response = request.send().await.map_err(|error| {
            let reason = if error.is_timeout() { "timeout" } else { "unreachable" };
            failure(reason, format!("Langfuse cannot be reached: {}", describe(&error)))
        })?;
        match response.status() {
            status if status.is_success() => {}
            StatusCode::UNAUTHORIZED => {
                return Err(refused(
                    "unauthorized",
                    "Langfuse does not accept the keys; correct LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY",
                ));
            }
            StatusCode::FORBIDDEN => {
                return Err(refused(
                    "forbidden",
                    "these keys may not read the project's metrics; use keys of the project",
                ));
            }
            StatusCode::NOT_FOUND | StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => {
                return Err(refused(
                    "not_found",
                    "there is no Langfuse at this address; correct LANGFUSE_HOST",
                ));
            }
            StatusCode::TOO_MANY_REQUESTS => {
                return Err(failure("throttled", "Langfuse asks for fewer requests".to_owned()));
            }
            status if status.is_server_error() => {
                return Err(failure("server_error", format!("Langfuse answered {}", status.as_u16())));
            }
            status => {
                let message = format!("Langfuse refused the question with {}", status.as_u16());
                return Err(refused("bad_request", &message));
            }
        }
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| failure("unreachable", describe(&error)))?
        {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_CAP {
                return Err(refused(
                    "unexpected_shape",
                    "Langfuse's answer is too long to be a page of days",
                ));
            }
        }
        serde_json::from_slice(&body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => refused(
                "unexpected_shape",
                "Langfuse's days do not have the known shape; is this version newer?",
            ),
            _ => failure("not_json", "Langfuse answered with something that is not JSON".to_owned()),
        })
    }
}

fn label(model: Option<&str>) -> String {
    let model: String = model.unwrap_or_default().trim().chars().take(MODEL_CAP).collect();
    if model.is_empty() { "unknown".to_owned() } else { model }
}

fn failure(reason: &'static str, message: String) -> CollectError {
    CollectError { source_name: SOURCE_LANGFUSE, reason, message, is_permanent: false }
}

fn refused(reason: &'static str, message: &str) -> CollectError {
    CollectError { is_permanent: true, ..failure(reason, message.to_owned()) }
}
