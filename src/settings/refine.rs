//! `[refine]`: a language model that may refine what the rules say of messages. Off without an address.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::validate::{Problems, non_empty, web_address};

/// An endpoint that answers chat completions as OpenAI's does.
#[derive(Debug, Clone)]
pub struct RefineSettings {
    /// Up to `/chat/completions`.
    pub url: Url,
    pub model: String,
    /// Servers in one's own house need none.
    pub api_key: Option<SecretString>,
    /// Spent on one local day at most; a request that is under way is let through.
    pub tokens_per_day: u64,
    pub timeout: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRefine {
    pub url: Option<String>,
    pub model: Option<String>,
    pub api_key: Option<SecretString>,
    pub tokens_per_day: u64,
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
}

/// `None` when it is off.
pub(super) fn validate(raw: RawRefine, problems: &mut Problems) -> Option<RefineSettings> {
    let url = raw.url.filter(|url| !url.trim().is_empty())?;
    let model = raw.model.filter(|model| !model.trim().is_empty());
    problems.require(model.is_some(), "refine.model", "name the model that refine.url should answer with");
    problems.require(
        (Duration::from_secs(1)..=Duration::from_secs(120)).contains(&raw.timeout),
        "refine.timeout",
        "write between 1s and 2m",
    );
    let url = web_address(&url, "refine.url", problems)?;
    Some(RefineSettings {
        url,
        model: model?,
        api_key: non_empty(raw.api_key),
        tokens_per_day: raw.tokens_per_day,
        timeout: raw.timeout,
    })
}
