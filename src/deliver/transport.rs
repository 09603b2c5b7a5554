//! Where messages go: to Telegram, or, when the config says so in so many words, to standard output.
//!
//! [`Bot`] lets a program that uses this library bring a way of its own; it is kept to the same promises as Telegram.

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;

use async_trait::async_trait;

use super::telegram::{Answer, ChatId, NoAnswer, TelegramClient, Text};
use crate::store::files::StoredFile;

/// A chat of the config, with the forum topic if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatTarget {
    pub id: ChatId,
    pub topic: Option<i64>,
}

impl ChatTarget {
    /// What a chat that the configuration does not name is called in the outbox: `tg:77`, `tg:-1001234567890:5`.
    pub fn name_of(id: i64, topic: Option<i64>) -> String {
        topic.map_or_else(|| format!("{UNNAMED}{id}"), |topic| format!("{UNNAMED}{id}:{topic}"))
    }

    /// The chat behind such a name; `None` for any other.
    pub fn of_name(name: &str) -> Option<Self> {
        let rest = name.strip_prefix(UNNAMED)?;
        let (id, topic) = match rest.split_once(':') {
            Some((id, topic)) => (id, Some(topic.parse().ok()?)),
            None => (rest, None),
        };
        Some(Self { id: ChatId::Id(id.parse().ok()?), topic })
    }
}

/// No name of the configuration has a colon: they are keys of TOML tables.
const UNNAMED: &str = "tg:";

/// The way out for messages.
#[derive(Debug, Clone)]
pub enum Transport {
    Telegram(TelegramClient),
    /// Prints instead of sending, for trying things out. Every print counts as sent, without a message id.
    Stdout,
    /// Somebody else's way out; limits and markup are those of Telegram.
    Custom(Arc<dyn Bot>),
}

/// What a way out must be able to do. Each call is one request and repeats nothing; what comes back is read as an answer
/// of the Bot API.
#[async_trait]
pub trait Bot: fmt::Debug + Send + Sync {
    /// Sends a new message.
    async fn send(&self, chat: &ChatId, text: &Text) -> Result<Answer, NoAnswer>;
    /// Sends a file as a new message with a caption. A way that has no files refuses it.
    async fn send_file(
        &self,
        _chat: &ChatId,
        _file: &StoredFile,
        _caption: &Text,
    ) -> Result<Answer, NoAnswer> {
        let description = "this way out takes no files".to_owned();
        Ok(Answer { status: 400, ok: Some(false), description, ..Answer::default() })
    }
    /// Replaces the text of an own message.
    async fn edit(&self, chat: &ChatId, message_id: i64, text: &Text) -> Result<Answer, NoAnswer>;
    /// Says whether the way works at all; changes nothing.
    async fn ask(&self) -> Result<Answer, NoAnswer>;
}

impl Transport {
    pub(super) async fn send(&self, chat: &ChatId, text: &Text) -> Result<Answer, NoAnswer> {
        match self {
            Self::Telegram(client) => client.send_message(chat, text).await,
            Self::Stdout => print(chat, "", text),
            Self::Custom(bot) => bot.send(chat, text).await,
        }
    }

    pub(super) async fn send_file(
        &self,
        chat: &ChatId,
        file: &StoredFile,
        caption: &Text,
    ) -> Result<Answer, NoAnswer> {
        match self {
            Self::Telegram(client) => client.send_file(chat, file, caption).await,
            Self::Stdout => print(chat, &format!(", файл {}", file.name), caption),
            Self::Custom(bot) => bot.send_file(chat, file, caption).await,
        }
    }

    pub(super) async fn edit(&self, chat: &ChatId, message_id: i64, text: &Text) -> Result<Answer, NoAnswer> {
        match self {
            Self::Telegram(client) => client.edit_message_text(chat, message_id, text).await,
            Self::Stdout => print(chat, ", исправление", text),
            Self::Custom(bot) => bot.edit(chat, message_id, text).await,
        }
    }

    /// Whether the way out works at all right now; sends nothing.
    pub(super) async fn ask(&self) -> Result<Answer, NoAnswer> {
        match self {
            Self::Telegram(client) => client.get_me().await,
            Self::Stdout => Ok(Answer { status: 200, ..Answer::default() }),
            Self::Custom(bot) => bot.ask().await,
        }
    }

    /// Whether sending too fast does harm.
    pub(super) fn is_limited(&self) -> bool {
        !matches!(self, Self::Stdout)
    }

    /// Printed text is read by people and needs no markup.
    pub(super) fn reads_html(&self) -> bool {
        !matches!(self, Self::Stdout)
    }
}

fn print(chat: &ChatId, what: &str, text: &Text) -> Result<Answer, NoAnswer> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "── {chat}{what} ──\n{}\n", text.body)
        .and_then(|()| out.flush())
        .map_err(|error| NoAnswer::NotSent(error.to_string()))?;
    Ok(Answer { status: 200, ..Answer::default() })
}
