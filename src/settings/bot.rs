//! The section `[bot]`: the shop's bot and the database it writes its events to.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// How the bot's events are read, and deleted where that is allowed.
#[derive(Debug, Clone)]
pub struct BotSettings {
    /// Read only; `None` = there is no bot to tell about.
    pub url: Option<SecretString>,
    /// Of one statement.
    pub timeout: Duration,
    /// How late an event may be committed.
    pub lag: Duration,
    /// Events per statement.
    pub batch: u32,
    /// What scenarios of carts are called in digests, by the names that the bot writes.
    pub scenarios: BTreeMap<String, String>,
    /// `None` = the bot's events are never deleted.
    pub deletion: Option<BotDeletion>,
}

/// What may be deleted from the bot's database.
#[derive(Debug, Clone)]
pub struct BotDeletion {
    /// Another user than the one who reads, with the right to delete.
    pub url: SecretString,
    /// Events of days older than this.
    pub after: Duration,
    /// Only count what would go.
    pub is_dry_run: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBot {
    pub url: Option<SecretString>,
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub lag: Duration,
    pub batch: u32,
    #[serde(default)]
    pub scenarios: BTreeMap<String, String>,
    #[serde(default, with = "humantime_serde")]
    pub delete_after: Option<Duration>,
    pub delete_url: Option<SecretString>,
    pub delete_dry_run: bool,
}

/// No digest looks further back than a month and its comparison; younger events are never deleted.
const KEEP_AT_LEAST: Duration = Duration::from_secs(90 * 86_400);

impl RawBot {
    /// Checks and converts; problems as (key, sentence).
    pub fn check(self) -> (BotSettings, Vec<(&'static str, &'static str)>) {
        let mut problems = Vec::new();
        let mut require = |holds: bool, key, sentence| {
            if !holds {
                problems.push((key, sentence));
            }
        };
        let url = self.url.filter(is_set);
        let delete_url = self.delete_url.filter(is_set);
        let address = "the address must begin with postgres:// or sqlite://";
        require(url.as_ref().is_none_or(is_address), "bot.url", address);
        require(delete_url.as_ref().is_none_or(is_address), "bot.delete_url", address);
        require(!self.timeout.is_zero(), "bot.timeout", "a statement needs time; write 30s");
        require((100..=50_000).contains(&self.batch), "bot.batch", "write a number from 100 to 50000");
        require(
            self.delete_after.is_none_or(|after| after >= KEEP_AT_LEAST),
            "bot.delete_after",
            "younger events may still be needed; write 90days or more, or remove the key",
        );
        require(
            self.delete_after.is_none() || delete_url.is_some(),
            "bot.delete_url",
            "bot.delete_after needs an address whose user may delete; the reading one never does",
        );
        let deletion = self.delete_after.zip(delete_url).map(|(after, url)| BotDeletion {
            url,
            after,
            is_dry_run: self.delete_dry_run,
        });
        let (timeout, lag, batch, scenarios) = (self.timeout, self.lag, self.batch, self.scenarios);
        (BotSettings { url, timeout, lag, batch, scenarios, deletion }, problems)
    }
}

fn is_set(secret: &SecretString) -> bool {
    !secret.expose_secret().trim().is_empty()
}

fn is_address(url: &SecretString) -> bool {
    ["postgres:", "postgresql:", "sqlite:"].iter().any(|scheme| url.expose_secret().starts_with(scheme))
}
