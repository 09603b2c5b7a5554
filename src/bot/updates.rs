//! Asking Telegram for updates, once.

use std::time::Duration;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use teloxide::payloads::GetUpdatesSetters;
use teloxide::requests::{Request, Requester};
use teloxide::types::{AllowedUpdate, Update};
use teloxide::{ApiError, Bot, RequestError};
use url::Url;

use super::chats::seen_chat;
use crate::clock::SharedClock;
use crate::outbound::{self, ClientError, ClientOptions};
use crate::store::StoreError;
use crate::store::deliveries::SeenChat;

/// How to listen.
#[derive(Debug, Clone)]
pub struct PollerSettings {
    /// As for sending: Telegram, an own server, a proxy or the sandbox.
    pub api_url: Url,
    pub token: SecretString,
    /// Route; the timeout is set from `poll_secs`.
    pub http: ClientOptions,
    /// How long Telegram holds an empty poll (at most 50).
    pub poll_secs: u32,
}

impl PollerSettings {
    /// The number at the head of the token; 0 for a token that has none, which Telegram will refuse.
    pub fn bot_id(&self) -> i64 {
        let token = self.token.expose_secret();
        token.split_once(':').and_then(|(id, _)| id.parse().ok()).unwrap_or(0)
    }
}

/// A poll failed.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    /// Somebody else polls with this token, or a webhook is set.
    #[error("another program receives this bot's updates")]
    Conflict,
    /// The token is not known.
    #[error("Telegram does not know the bot's token")]
    Unauthorized,
    /// Telegram asks to wait.
    #[error("Telegram asks to wait {} s", .0.num_seconds())]
    RetryAfter(TimeDelta),
    /// No connection, no answer, or an answer that cannot be read.
    #[error("no updates from Telegram: {0}")]
    Unreachable(&'static str),
    /// What was learnt could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PollError {
    /// Bounded reason: `conflict`, `unauthorized`, `rate_limited`, `unreachable`, or that of the store.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Unauthorized => "unauthorized",
            Self::RetryAfter(_) => "rate_limited",
            Self::Unreachable(_) => "unreachable",
            Self::Store(error) => error.reason(),
        }
    }
}

/// The chats shown by updates that wait right now, for `svodka chats` without a running worker. Confirms nothing, so that
/// whoever listens next still gets them.
///
/// # Errors
/// The reason in the words of [`PollError`]; the client's own when the route is not usable.
pub async fn list_chats_once(
    settings: &PollerSettings,
    clock: &SharedClock,
) -> anyhow::Result<Vec<SeenChat>> {
    let updates = get_updates(&bot(settings)?, None, 0).await?;
    Ok(chats_of(&updates, clock))
}

pub(super) fn chats_of(updates: &[Update], clock: &SharedClock) -> Vec<SeenChat> {
    let now = clock.now();
    let mut chats: Vec<SeenChat> = Vec::new();
    for chat in updates.iter().filter_map(|update| seen_chat(update, now)) {
        match chats.iter_mut().find(|known| (known.id, known.topic) == (chat.id, chat.topic)) {
            Some(known) => {
                let topic_title = chat.topic_title.clone().or(known.topic_title.take());
                *known = SeenChat { topic_title, ..chat };
            }
            None => chats.push(chat),
        }
    }
    chats
}

pub(super) fn bot(settings: &PollerSettings) -> Result<Bot, ClientError> {
    // The answer to a poll comes when the poll is over.
    let timeout = Duration::from_secs(u64::from(settings.poll_secs) + 15);
    let client = outbound::client(&ClientOptions { timeout, ..settings.http.clone() })?;
    Ok(Bot::with_client(settings.token.expose_secret(), client).set_api_url(settings.api_url.clone()))
}

/// One request; waits up to `poll_secs` for the first update.
pub(super) async fn get_updates(
    bot: &Bot,
    offset: Option<i32>,
    poll_secs: u32,
) -> Result<Vec<Update>, PollError> {
    let mut request = bot.get_updates().timeout(poll_secs).limit(100).allowed_updates([
        AllowedUpdate::Message,
        AllowedUpdate::ChannelPost,
        AllowedUpdate::CallbackQuery,
        AllowedUpdate::MyChatMember,
    ]);
    if let Some(offset) = offset {
        request = request.offset(offset);
    }
    request.send().await.map_err(|error| classify(&error))
}

fn classify(error: &RequestError) -> PollError {
    match error {
        RequestError::RetryAfter(wait) => {
            PollError::RetryAfter(TimeDelta::seconds(i64::from(wait.seconds())))
        }
        RequestError::Api(ApiError::InvalidToken) => PollError::Unauthorized,
        RequestError::Api(ApiError::TerminatedByOtherGetUpdates | ApiError::CantGetUpdates) => {
            PollError::Conflict
        }
        RequestError::Api(ApiError::Unknown(text)) if text.contains("Conflict") => PollError::Conflict,
        RequestError::Api(ApiError::Unknown(text)) if text.contains("Unauthorized") => {
            PollError::Unauthorized
        }
        RequestError::Api(_) | RequestError::MigrateToChatId(_) => PollError::Unreachable("refused"),
        RequestError::Network(_) | RequestError::Io(_) => PollError::Unreachable("no connection"),
        RequestError::InvalidJson { .. } => PollError::Unreachable("the answer cannot be read"),
    }
}
