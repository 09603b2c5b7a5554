//! A language model behind an OpenAI-compatible endpoint: one question, one answer.
//!
//! Nothing is repeated here: what failed is asked again in a later round, and until then the rules' result stands. The question
//! is masked by the caller; neither it nor the answer gets into an error.

use std::time::Duration;

use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::outbound::{ClientError, ClientOptions, client, describe};

/// Longer answers are not the ones that were asked for.
const BODY_CAP: usize = 256 << 10;
/// Tokens of an answer.
const ANSWER_TOKENS: u32 = 1_500;

/// How to reach the endpoint.
#[derive(Debug, Clone)]
pub struct RefinerConfig {
    /// Up to `/chat/completions`.
    pub url: Url,
    pub model: String,
    pub api_key: Option<SecretString>,
    pub timeout: Duration,
}

/// An answer and what it cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub text: String,
    /// As the server says; from the lengths where it does not.
    pub tokens: u64,
}

/// Why there is no answer: `unreachable`, `timeout`, `unauthorized`, `throttled`, `server_error`, `refused`, `bad_answer`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the language model did not answer ({reason}): {note}")]
pub struct RefineError {
    pub reason: &'static str,
    pub note: String,
}

/// The endpoint.
#[derive(Debug)]
pub struct Refiner {
    config: RefinerConfig,
    client: reqwest::Client,
}

#[derive(Debug, Deserialize)]
struct Completion {
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    message: Said,
}

#[derive(Debug, Deserialize)]
struct Said {
    content: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Usage {
    total_tokens: Option<u64>,
}

impl Refiner {
    /// Connects to nothing yet.
    pub fn new(config: RefinerConfig) -> Result<Self, ClientError> {
        let options = ClientOptions { timeout: config.timeout, ..ClientOptions::default() };
        Ok(Self { client: client(&options)?, config })
    }

    /// Asks once.
    ///
    /// # Errors
    /// One bounded reason, without a word of the question or the answer.
    pub async fn ask(&self, task: &str, question: &str) -> Result<Answer, RefineError> {
        let mut url = self.config.url.clone();
        url.set_path(&format!("{}/chat/completions", url.path().trim_end_matches('/')));
        let body = json!({
            "model": self.config.model,
            "temperature": 0,
            "max_tokens": ANSWER_TOKENS,
            "messages": [{"role": "system", "content": task}, {"role": "user", "content": question}],
        });
        let mut request = self.client.post(url).json(&body);
        if let Some(key) = &self.config.api_key {
            request = request.bearer_auth(key.expose_secret());
        }
        let mut response = request.send().await.map_err(|error| {
            let reason = if error.is_timeout() { "timeout" } else { "unreachable" };
            fail(reason, describe(&error))
        })?;
        let status = response.status();
        let reason = match status {
            status if status.is_success() => None,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some("unauthorized"),
            StatusCode::TOO_MANY_REQUESTS => Some("throttled"),
            status if status.is_server_error() => Some("server_error"),
            _ => Some("refused"),
        };
        if let Some(reason) = reason {
            return Err(fail(reason, format!("HTTP {}", status.as_u16())));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| {
            let reason = if error.is_timeout() { "timeout" } else { "unreachable" };
            fail(reason, describe(&error))
        })? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > BODY_CAP {
                return Err(fail("bad_answer", format!("more than {BODY_CAP} bytes")));
            }
        }
        let completion: Completion = serde_json::from_slice(&bytes)
            .map_err(|_| fail("bad_answer", "the body is not a chat completion".to_owned()))?;
        let usage = completion.usage.and_then(|usage| usage.total_tokens);
        let text = completion.choices.into_iter().next().and_then(|choice| choice.message.content);
        let text = text.ok_or_else(|| fail("bad_answer", "the completion is empty".to_owned()))?;
        // A Russian token is about three bytes of UTF-8 at the least.
        let guess = || (task.len() + question.len() + text.len()) as u64 / 3;
        Ok(Answer { tokens: usage.unwrap_or_else(guess), text })
    }
}

fn fail(reason: &'static str, note: String) -> RefineError {
    RefineError { reason, note }
}
