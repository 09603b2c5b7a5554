//! The part of a worker that talks with people: the poller, the desk behind it, the buttons under digests.

use std::sync::Arc;

use tokio::sync::Notify;

use super::{App, telegram_config};
use crate::bot::callback::ButtonKey;
use crate::bot::{Desk, DeskParts, Poller, PollerSettings, cards};
use crate::clock::SharedClock;
use crate::deliver::TelegramClient;
use crate::deliver::telegram::TelegramConfig;
use crate::jobs::Buttons;
use crate::outbound::ClientError;
use crate::settings::{ConfigError, DeliveryMode, Settings};

impl App {
    /// Whoever answers commands and buttons; `wake_runs` tells the planner that a run was asked for.
    ///
    /// # Errors
    /// [`ConfigError`] without a bot token.
    pub fn desk(&self, wake_runs: Arc<Notify>) -> anyhow::Result<Desk> {
        let config = telegram_config(&self.settings)?;
        Ok(Desk::new(DeskParts {
            settings: self.settings.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            sender: self.sender.clone(),
            key: ButtonKey::of_token(&config.token),
            bot_id: poller_settings(&self.settings)?.bot_id(),
            client: TelegramClient::new(config)?,
            alerts: self.alerts.clone(),
            wake_runs,
        }))
    }

    /// Listens to updates.
    pub fn poller(&self, settings: &PollerSettings, wake: Arc<Notify>) -> Result<Poller, ClientError> {
        let (store, clock, jitter) = (self.store.clone(), self.clock.clone(), self.jitter.clone());
        Poller::new(settings, self.runner.owner.clone(), store, clock, jitter, wake)
    }
}

/// The buttons under digests; `None` where nobody listens to presses.
pub(super) fn buttons(settings: &Arc<Settings>, clock: &SharedClock) -> Option<Buttons> {
    let is_listening = settings.telegram.listen && settings.delivery == DeliveryMode::Telegram;
    let key = ButtonKey::of_token(settings.telegram.token.as_ref().filter(|_| is_listening)?);
    let (settings, clock) = (settings.clone(), clock.clone());
    Some(Arc::new(move |report, run_id, chat, period| {
        let now = clock.now();
        let today = now.with_timezone(&settings.zone).date_naive();
        cards::under_digest(&settings, report, run_id, chat, period, now).to_json(&key, today)
    }))
}

/// How to listen to Telegram.
///
/// # Errors
/// As [`telegram_config`].
pub fn poller_settings(settings: &Settings) -> Result<PollerSettings, ConfigError> {
    /// As long as Telegram holds an empty poll without a proxy in between giving up.
    const POLL_SECS: u32 = 25;
    let TelegramConfig { api_url, token, http } = telegram_config(settings)?;
    Ok(PollerSettings { api_url, token, http, poll_secs: POLL_SECS })
}
