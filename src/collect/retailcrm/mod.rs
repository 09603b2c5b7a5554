//! The official RetailCRM APIs: v5 (orders, users) and MG Bot API (chats).
//!
//! Reads only, and in bulk: the cost of a round grows with what changed, not with how many chats there are. Both APIs
//! leave much unsaid (order of lists, inclusivity of bounds, when a field is there at all); every guess that could lose
//! a record is avoided by reading in a way that is right under either answer. Nothing is counted or judged here.
//!
//! ```text
//! people ┐                                            ┌ wire   odd JSON to facts
//! orders ├─ round (steps to the sink) ─ http ─ limiter┤
//! chats  ┘      cursor, window                        └ failure  what an answer means
//! ```

mod chats;
mod count;
mod cursor;
mod failure;
mod http;
mod limiter;
mod orders;
mod people;
mod probe;
mod round;
mod window;
mod wire;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono_tz::Tz;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use url::Url;

use self::failure::Side;
use self::http::{Api, Asker};
use self::limiter::Limiter;
use super::CollectError;
use crate::clock::SharedClock;
use crate::outbound::{self, Backoff, ClientError, ClientOptions, Jitter};

pub use self::people::Account;
pub use self::probe::ProbeResult;
pub use self::round::RoundSummary;

/// RetailCRM refuses from 10 requests a second on.
const MAX_REQUESTS_PER_SECOND: u32 = 9;

/// How to reach one RetailCRM account.
#[derive(Debug, Clone)]
pub struct RetailCrmConfig {
    /// `https://SHOP.retailcrm.ru`; a path `/api` or `/api/v5` at its end is taken off.
    pub crm_url: Url,
    pub api_key: SecretString,
    /// Endpoint of the chats; a path `/api/bot/v1` at its end is taken off. Without it or without its token there are
    /// no chats.
    pub bot_url: Option<Url>,
    pub bot_token: Option<SecretString>,
    /// Per host, evenly spaced; more than 9 counts as 9.
    pub requests_per_second: u32,
    /// Timeouts, proxy, certificates.
    pub http: ClientOptions,
    /// Zone of the account's local times; `None` = as its settings say.
    pub zone: Option<Tz>,
    /// Delay between the attempts of one request.
    pub backoff: Backoff,
    /// Attempts of one request in all, at least one.
    pub max_attempts: u32,
    /// How far back the first round reads.
    pub first_load_days: u32,
    /// Records per answer of the chats, from 10 to the 1,000 the API gives at most; about as many facts make a step.
    pub batch: usize,
    /// Whether the words of messages are kept at all.
    pub keeps_texts: bool,
}

impl RetailCrmConfig {
    /// The defaults: no chats, 8 requests a second, 6 attempts, 100 days.
    pub fn new(crm_url: Url, api_key: SecretString) -> Self {
        Self {
            crm_url,
            api_key,
            bot_url: None,
            bot_token: None,
            requests_per_second: 8,
            http: ClientOptions::default(),
            zone: None,
            backoff: Backoff { first: Duration::from_millis(500), cap: Duration::from_secs(30) },
            max_attempts: 6,
            first_load_days: 100,
            batch: 1000,
            keeps_texts: true,
        }
    }
}

/// How much a round reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// What changed since the last round.
    Increment,
    /// Everything of the last `days`, whatever the cursors say; extends coverage when that goes further back. Once a
    /// day it repairs what a cursor may have missed, and finds chat identities that customers got after their order;
    /// 30 days are as far back as an order is ever linked to a conversation.
    Reconcile { days: u32 },
}

/// Client of one account. One at a time per account: two would share the account's rate limit and not know it.
#[derive(Debug)]
pub struct RetailCrm {
    config: RetailCrmConfig,
    clock: SharedClock,
    crm: Api,
    chats: Option<Api>,
    account: Mutex<Option<Account>>,
}

impl RetailCrm {
    /// Builds the client; sends nothing. Fails on an unusable proxy, certificate or key.
    pub fn new(config: RetailCrmConfig, clock: SharedClock, jitter: Jitter) -> Result<Self, ClientError> {
        let client = outbound::client(&config.http)?;
        let api = |side, url: &Url, ending: &[&str], header: &'static str, key: &SecretString| {
            let mut key = HeaderValue::from_str(key.expose_secret().trim()).map_err(|_| {
                ClientError::Build(format!("the key for {header} holds characters no key has"))
            })?;
            key.set_sensitive(true);
            let per_second = config.requests_per_second.min(MAX_REQUESTS_PER_SECOND);
            Ok(Api {
                side,
                base: without_ending(url, ending),
                header: (HeaderName::from_static(header), key),
                client: client.clone(),
                limiter: Limiter::new(per_second, clock.clone()),
                clock: clock.clone(),
                jitter: jitter.clone(),
                backoff: config.backoff,
                batch: config.batch,
                requests: AtomicU64::new(0),
            })
        };
        let crm = api(Side::Crm, &config.crm_url, &["/v5", "/api"], "x-api-key", &config.api_key)?;
        let chats = match (&config.bot_url, &config.bot_token) {
            (Some(url), Some(token)) => Some(api(Side::Chats, url, &["/api/bot/v1"], "x-bot-token", token)?),
            _ => None,
        };
        Ok(Self { crm, chats, clock, account: Mutex::new(None), config })
    }

    /// Requests sent so far to both APIs, repeated ones included.
    pub fn requests_made(&self) -> u64 {
        let of = |api: &Api| api.requests.load(Ordering::Relaxed);
        of(&self.crm) + self.chats.as_ref().map_or(0, of)
    }

    fn asker(&self, source: &'static str) -> Asker {
        Asker { source, attempts: self.config.max_attempts }
    }

    fn chats_api(&self, source_name: &'static str) -> Result<&Api, CollectError> {
        self.chats.as_ref().ok_or_else(|| CollectError {
            source_name,
            reason: "unauthorized",
            message: "the chats cannot be read without RETAILCRM_BOT_URL and RETAILCRM_BOT_TOKEN; set both"
                .to_owned(),
            is_permanent: true,
        })
    }
}

/// An answer that is JSON and yet not the answer.
fn unexpected(source_name: &'static str, message: &str) -> CollectError {
    CollectError { source_name, reason: "unexpected_shape", message: message.to_owned(), is_permanent: false }
}

/// Takes each ending off the path, in this order, where it is there.
fn without_ending(url: &Url, endings: &[&str]) -> Url {
    let mut url = url.clone();
    let mut path = url.path().trim_end_matches('/').to_owned();
    for ending in endings {
        path = path.strip_suffix(ending).unwrap_or(&path).trim_end_matches('/').to_owned();
    }
    url.set_path(&path);
    url.set_query(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_pasted_with_or_without_its_path() {
        for (pasted, base) in [
            ("https://mg-s1.example", "https://mg-s1.example/"),
            ("https://mg-s1.example/api/bot/v1/", "https://mg-s1.example/"),
            ("https://proxy.example/mg/api/bot/v1?x=1", "https://proxy.example/mg"),
        ] {
            assert_eq!(without_ending(&pasted.parse().unwrap(), &["/api/bot/v1"]).as_str(), base);
        }
        let crm = without_ending(&"https://shop.example/api/v5".parse().unwrap(), &["/v5", "/api"]);
        assert_eq!(crm.as_str(), "https://shop.example/");
    }
}
