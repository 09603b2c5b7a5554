//! `svodka doctor`'s look at RetailCRM: every endpoint a round needs, asked once and cheaply.

use chrono::TimeDelta;
use serde_json::Value;

use super::RetailCrm;
use super::http::{Api, Asker, Query};
use super::wire::{entries, flag, to_local, v5};
use crate::collect::CollectError;

/// The name its requests are counted under.
const SOURCE: &str = "retailcrm_probe";
/// A doctor is watched by somebody: one repetition, no more.
const ASKER: Asker = Asker { source: SOURCE, attempts: 2 };
/// Clocks further apart than this make "now" and "late" wrong by a visible amount.
const SKEW: TimeDelta = TimeDelta::minutes(2);
/// Scopes whose names RetailCRM publishes; the others are only known by trying.
const SCOPES: [&str; 3] = ["order_read", "customer_read", "reference_read"];

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeResult {
    /// What was tried: `API key`, `orders`, `chats: messages`, …
    pub name: &'static str,
    pub is_ok: bool,
    /// One sentence: what was found, or what to fix and where.
    pub message: String,
}

impl ProbeResult {
    fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, is_ok: true, message: message.into() }
    }

    fn bad(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, is_ok: false, message: message.into() }
    }
}

impl RetailCrm {
    /// Tries everything a round needs. Where the first question to an API fails for a reason that would fail all others,
    /// the others are left out.
    pub async fn probe(&self) -> Vec<ProbeResult> {
        let mut results = self.probe_crm().await;
        match &self.chats {
            Some(api) => results.extend(probe_chats(api).await),
            None => results.push(ProbeResult::bad(
                "chats",
                "RETAILCRM_BOT_URL and RETAILCRM_BOT_TOKEN are not set; without them there are no chats in the digests",
            )),
        }
        results
    }

    async fn probe_crm(&self) -> Vec<ProbeResult> {
        let mut results = match self.crm.get(ASKER, "/api/credentials", &vec![]).await {
            Ok(answer) => vec![judge_scopes(&answer)],
            Err(error) if is_about_everything(&error) => {
                return vec![ProbeResult::bad("API key", error.message)];
            }
            Err(error) => vec![ProbeResult::bad("API key", error.message)],
        };
        results.push(match self.account(SOURCE).await {
            Ok(account) => {
                ProbeResult::ok("settings", format!("the account's time zone is {}", account.zone))
            }
            Err(error) => ProbeResult::bad("settings", error.message),
        });
        let few = || vec![("limit", "20".to_owned())];
        for (name, path, query) in [
            ("users", "/api/v5/users", few()),
            ("statuses", "/api/v5/reference/statuses", vec![]),
            ("payment statuses", "/api/v5/reference/payment-statuses", vec![]),
            ("orders", "/api/v5/orders", few()),
            ("customers", "/api/v5/customers", few()),
        ] {
            results.push(tried(name, &self.crm, path, &query).await);
        }
        results.push(self.probe_clock().await);
        results
    }

    /// The change feed tells the server's local time: it shows a wrong zone and a wrong clock alike.
    async fn probe_clock(&self) -> ProbeResult {
        let name = "order history and clock";
        let zone = match self.account(SOURCE).await {
            Ok(account) => account.zone,
            Err(error) => return ProbeResult::bad(name, error.message),
        };
        let start = to_local(self.clock.now() - TimeDelta::hours(1), zone);
        let query = vec![("limit", "20".to_owned()), ("filter[startDate]", start)];
        let answer = match self.crm.get(ASKER, "/api/v5/orders/history", &query).await {
            Ok(answer) => answer,
            Err(error) => return ProbeResult::bad(name, error.message),
        };
        match v5::generated_at(&answer, zone).map(|server| server - self.clock.now()) {
            Some(skew) if skew.abs() > SKEW => ProbeResult::bad(
                name,
                format!(
                    "RetailCRM's clock and this machine's differ by {} min; set this machine's clock by NTP, and if the \
                     difference is whole hours, set retailcrm.timezone to the account's zone",
                    skew.num_minutes()
                ),
            ),
            Some(_) => ProbeResult::ok(name, "readable, and the clocks agree"),
            None => ProbeResult::ok(name, "readable; the server does not tell its time"),
        }
    }
}

async fn probe_chats(api: &Api) -> Vec<ProbeResult> {
    let name = "chat token";
    let mut results = match api.get(ASKER, "/api/bot/v1/bots", &vec![("self", "true".to_owned())]).await {
        Ok(answer) => vec![match entries(&answer).first() {
            Some((_, bot)) if flag(&bot["is_active"]) == Some(false) => ProbeResult::bad(
                name,
                "the bot of this token is switched off; switch its module on in RetailCRM (Settings, Integration)",
            ),
            Some(_) => ProbeResult::ok(name, "the token is accepted and its bot is switched on"),
            None => ProbeResult::ok(name, "the token is accepted"),
        }],
        Err(error) if is_about_everything(&error) => return vec![ProbeResult::bad(name, error.message)],
        Err(error) => vec![ProbeResult::bad(name, error.message)],
    };
    let one = vec![("limit", "1".to_owned())];
    for (name, path) in [
        ("chats: users", "/api/bot/v1/users"),
        ("chats: channels", "/api/bot/v1/channels"),
        ("chats: chats", "/api/bot/v1/chats"),
        ("chats: dialogs", "/api/bot/v1/dialogs"),
        ("chats: messages", "/api/bot/v1/messages"),
    ] {
        results.push(tried(name, api, path, &one).await);
    }
    results
}

async fn tried(name: &'static str, api: &Api, path: &str, query: &Query) -> ProbeResult {
    match api.get(ASKER, path, query).await {
        Ok(_) => ProbeResult::ok(name, "readable"),
        Err(error) => ProbeResult::bad(name, error.message),
    }
}

fn judge_scopes(answer: &Value) -> ProbeResult {
    let name = "API key";
    let scopes: Vec<&str> =
        entries(&answer["scopes"]).iter().filter_map(|(_, scope)| scope.as_str()).collect();
    let missing: Vec<&str> = SCOPES.into_iter().filter(|scope| !scopes.contains(scope)).collect();
    match () {
        () if scopes.is_empty() => ProbeResult::ok(name, "accepted; RetailCRM does not tell its scopes"),
        () if missing.is_empty() => ProbeResult::ok(name, "accepted, with the scopes it needs"),
        () => ProbeResult::bad(
            name,
            format!("accepted, but add {} to the key of RETAILCRM_API_KEY in RetailCRM", missing.join(", ")),
        ),
    }
}

/// The next question would fail the same way.
fn is_about_everything(error: &CollectError) -> bool {
    matches!(error.reason, "unauthorized" | "not_found" | "unreachable" | "timeout")
}
