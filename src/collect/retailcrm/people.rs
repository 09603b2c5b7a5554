//! Who works here, what the channels and the codes are called, and where the account's clock stands.
//!
//! Small lists, read whole each round: a state, not a stream, and therefore known "from ever" once read.

use chrono::DateTime;
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::round::{Round, RoundSummary};
use super::window::read_all;
use super::wire::{entries, mg, text, v5};
use super::{RetailCrm, cursor, unexpected};
use crate::collect::{CollectError, SOURCE_PEOPLE, Sink};

/// What the account says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Zone of every datetime in API v5.
    pub zone: Tz,
    /// ISO code that orders without one are in, when the account names it.
    pub currency: Option<String>,
}

impl RetailCrm {
    /// Reads users of both APIs, channels, reference books and settings.
    pub async fn sync_people(&self, sink: &dyn Sink) -> Result<RoundSummary, CollectError> {
        let began = self.clock.now();
        let mut round = Round::new(SOURCE_PEOPLE, sink, self.config.batch);
        let account = self.read_account(SOURCE_PEOPLE).await?;
        self.walk_pages(SOURCE_PEOPLE, "/api/v5/users", "users", |user| {
            let user = round.keep(v5::user(user));
            round.batch.crm_users.extend(user);
        })
        .await?;
        round.tell_progress(None);
        for (book, path, name) in [
            ("order_status", "/api/v5/reference/statuses", "statuses"),
            ("payment_status", "/api/v5/reference/payment-statuses", "paymentStatuses"),
        ] {
            let answer = self.crm.get(self.asker(SOURCE_PEOPLE), path, &vec![]).await?;
            for (key, entry) in entries(&answer[name]) {
                let reference = round.keep(v5::reference(book, key, entry));
                round.batch.references.extend(reference);
            }
        }
        if let Some(api) = &self.chats {
            for user in read_all(api, self.asker(SOURCE_PEOPLE), "/api/bot/v1/users").await? {
                let user = round.keep(mg::user(&user));
                round.batch.mg_users.extend(user);
            }
            for channel in read_all(api, self.asker(SOURCE_PEOPLE), "/api/bot/v1/channels").await? {
                let channel = round.keep(mg::channel(&channel));
                round.batch.channels.extend(channel);
            }
        }
        round.tell_progress(Some(round.batch.len() as u64));
        let said = json!({"zone": account.zone.name(), "currency": account.currency});
        round.finish(cursor::write(&said), DateTime::UNIX_EPOCH, began).await
    }

    /// The account's settings, read once per client and again by each round of people.
    pub(super) async fn account(&self, source: &'static str) -> Result<Account, CollectError> {
        let known = self.account.lock().await.clone();
        match known {
            Some(account) => Ok(account),
            None => self.read_account(source).await,
        }
    }

    async fn read_account(&self, source: &'static str) -> Result<Account, CollectError> {
        let account = match self.config.zone {
            // Then nothing of the settings is indispensable, and the key needs no right to them.
            Some(zone) => Account { zone, currency: None },
            None => {
                let answer = self.crm.get(self.asker(source), "/api/v5/settings", &vec![]).await?;
                let settings = &answer["settings"];
                let zone = text(&settings["timezone"]["value"]).and_then(|name| name.parse().ok());
                let zone = zone.ok_or_else(|| {
                    unexpected(
                        source,
                        "/api/v5/settings names no known time zone; set retailcrm.timezone in the config",
                    )
                })?;
                Account { zone, currency: text(&settings["default_currency"]["value"]) }
            }
        };
        *self.account.lock().await = Some(account.clone());
        Ok(account)
    }

    /// Walks all pages of a list of API v5.
    async fn walk_pages(
        &self,
        source: &'static str,
        path: &str,
        name: &str,
        mut each: impl FnMut(&Value),
    ) -> Result<(), CollectError> {
        for page in 1.. {
            let query = vec![("limit", "100".to_owned()), ("page", page.to_string())];
            let answer = self.crm.get(self.asker(source), path, &query).await?;
            let records = self.list(source, path, &answer, name)?;
            records.iter().for_each(|(_, record)| each(record));
            if v5::pages(&answer).map_or(records.len() < 100, |pages| page >= pages.page_count) {
                break;
            }
        }
        Ok(())
    }

    /// The list `name` of an answer; that it is there at all is the proof that this was the answer we asked for.
    pub(super) fn list<'v>(
        &self,
        source: &'static str,
        path: &str,
        answer: &'v Value,
        name: &str,
    ) -> Result<Vec<(Option<&'v str>, &'v Value)>, CollectError> {
        match &answer[name] {
            records @ (Value::Array(_) | Value::Object(_)) => Ok(entries(records)),
            _ => Err(unexpected(source, &format!("the answer to {path} has no list `{name}`"))),
        }
    }
}
