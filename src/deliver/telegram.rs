//! The Bot API as far as sending needs it.
//!
//! Our own, because the outcome of a send decides whether a digest is lost or doubled, and that takes everything the
//! answer holds: the HTTP status, `error_code`, the exact description and the parameters. Each call is one request:
//! nothing is repeated here. No error and no `Debug` output contains the token.

use std::fmt;
use std::str::FromStr;

use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

use crate::outbound::{self, ClientError, ClientOptions};

/// How to reach the Bot API, and as whom.
#[derive(Debug, Clone)]
pub struct TelegramConfig {
    /// `https://api.telegram.org`, an own server, a reverse proxy (a path prefix is kept) or the sandbox.
    pub api_url: Url,
    pub token: SecretString,
    /// Timeouts and route. A total timeout under 10 s makes duplicates: the server itself holds a send up to 8 s.
    pub http: ClientOptions,
}

/// A chat as Telegram is told about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ChatId {
    /// Numeric id; negative for groups and channels.
    Id(i64),
    /// Public name with its `@`.
    Name(String),
}

impl ChatId {
    /// Whether the limits of groups hold: everything but a private chat; a public name counts as a group.
    pub fn is_group(&self) -> bool {
        !matches!(self, Self::Id(id) if *id > 0)
    }

    /// Whether the chat counts its own messages, as supergroups and channels do. Private chats and basic groups share one
    /// count per bot.
    pub fn has_own_ids(&self) -> bool {
        !matches!(self, Self::Id(id) if *id > -1_000_000_000_000)
    }

    /// Name of the counter that numbers the chat's messages.
    pub fn id_space(&self) -> String {
        if self.has_own_ids() { self.to_string() } else { "account".to_owned() }
    }
}

impl fmt::Display for ChatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl FromStr for ChatId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        match text.parse() {
            Ok(0) => Err("0 is not a chat; write the chat's number, such as -1001234567890".into()),
            Ok(id) => Ok(Self::Id(id)),
            Err(_) if text.len() > 1 && text.starts_with('@') => Ok(Self::Name(text.to_owned())),
            Err(_) => {
                Err(format!("`{text}` is not a chat; write a number such as -1001234567890, or \"@name\""))
            }
        }
    }
}

/// A text to send or to put into an earlier message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub body: String,
    /// Read the body as Telegram HTML; otherwise it is shown as it stands.
    pub is_html: bool,
    pub topic: Option<i64>,
    pub is_silent: bool,
    /// Inline keyboard, as the Bot API takes it; an edit without one takes the keyboard away.
    pub keyboard: Option<Value>,
    /// The message of the same chat that is answered.
    pub reply_to: Option<i64>,
}

impl Text {
    /// Topic 1 is «General»: Telegram shows it as a topic and refuses it as one.
    pub(super) fn sendable_topic(&self) -> Option<i64> {
        self.topic.filter(|topic| *topic != 1)
    }
}

/// An HTTP answer, as much of it as could be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    pub status: u16,
    /// The decoded JSON object; `None` when the body is something else or broke off.
    pub ok: Option<bool>,
    pub error_code: Option<i64>,
    /// Empty when the answer has none.
    pub description: String,
    pub retry_after_secs: Option<i64>,
    pub migrate_to_chat_id: Option<i64>,
    /// `null` when missing.
    pub result: Value,
    /// Id of the message, also dug out of a body that could not be decoded.
    pub message_id: Option<i64>,
    /// The body is a web page: what answered is not the Bot API.
    pub is_web_page: bool,
}

/// There is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The request never left: no connection, no name, no TLS.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It may have reached Telegram, or not.
    #[error("no answer in time: {0}")]
    TimedOut(String),
    /// It may have reached Telegram, or not.
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// Bot API client for one token. Cheap to clone.
#[derive(Clone)]
pub struct TelegramClient {
    http: reqwest::Client,
    api_url: Url,
    token: SecretString,
}

impl fmt::Debug for TelegramClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelegramClient").field("api_url", &self.api_url.as_str()).finish_non_exhaustive()
    }
}

impl TelegramClient {
    /// # Errors
    /// When the proxy address or the certificate file is not usable.
    pub fn new(config: TelegramConfig) -> Result<Self, ClientError> {
        let http = outbound::client(&config.http)?;
        Ok(Self { http, api_url: config.api_url, token: config.token })
    }

    /// Sends a new message.
    pub async fn send_message(&self, chat: &ChatId, text: &Text) -> Result<Answer, NoAnswer> {
        let mut body = text_fields(chat, text);
        if let Some(topic) = text.sendable_topic() {
            body.insert("message_thread_id".to_owned(), json!(topic));
        }
        if text.is_silent {
            body.insert("disable_notification".to_owned(), json!(true));
        }
        if let Some(message_id) = text.reply_to {
            let reply = json!({ "message_id": message_id, "allow_sending_without_reply": true });
            body.insert("reply_parameters".to_owned(), reply);
        }
        self.call("sendMessage", &Value::Object(body)).await
    }

    /// Replaces the text of an own message.
    pub async fn edit_message_text(
        &self,
        chat: &ChatId,
        message_id: i64,
        text: &Text,
    ) -> Result<Answer, NoAnswer> {
        let mut body = text_fields(chat, text);
        body.insert("message_id".to_owned(), json!(message_id));
        self.call("editMessageText", &Value::Object(body)).await
    }

    /// Takes an own message back; Telegram allows that for 48 hours.
    pub async fn delete_message(&self, chat: &ChatId, message_id: i64) -> Result<Answer, NoAnswer> {
        self.call("deleteMessage", &json!({ "chat_id": chat, "message_id": message_id })).await
    }

    /// Who the bot is. Answered from the server's memory: proves the route and the token, nothing about chats.
    pub async fn get_me(&self) -> Result<Answer, NoAnswer> {
        self.call("getMe", &json!({})).await
    }

    /// What Telegram knows about a chat.
    pub async fn get_chat(&self, chat: &ChatId) -> Result<Answer, NoAnswer> {
        self.call("getChat", &json!({ "chat_id": chat })).await
    }

    /// A member of a chat and their rights.
    pub async fn get_chat_member(&self, chat: &ChatId, user_id: i64) -> Result<Answer, NoAnswer> {
        self.call("getChatMember", &json!({ "chat_id": chat, "user_id": user_id })).await
    }

    /// Ends the waiting of whoever pressed a button; a text is shown to them for a moment, or (`is_alert`) until they
    /// close it. At most 200 characters.
    pub async fn answer_callback(
        &self,
        callback_id: &str,
        text: Option<&str>,
        is_alert: bool,
    ) -> Result<Answer, NoAnswer> {
        let mut body = json!({ "callback_query_id": callback_id });
        if let Some(text) = text {
            body["text"] = json!(text);
            body["show_alert"] = json!(is_alert);
        }
        self.call("answerCallbackQuery", &body).await
    }

    /// Shows «печатает…» for some seconds.
    pub async fn send_typing(&self, chat: &ChatId, topic: Option<i64>) -> Result<Answer, NoAnswer> {
        let mut body = json!({ "chat_id": chat, "action": "typing" });
        if let Some(topic) = topic {
            body["message_thread_id"] = json!(topic);
        }
        self.call("sendChatAction", &body).await
    }

    /// Sets the menu of commands for a scope (`{"type": "chat", "chat_id": …}`).
    pub async fn set_my_commands(&self, commands: &Value, scope: &Value) -> Result<Answer, NoAnswer> {
        self.call("setMyCommands", &json!({ "commands": commands, "scope": scope })).await
    }

    async fn call(&self, method: &str, body: &Value) -> Result<Answer, NoAnswer> {
        self.ask(method, |request| request.json(body)).await
    }

    /// One request to a method; `fill` puts the arguments in.
    pub(super) async fn ask(
        &self,
        method: &str,
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer, NoAnswer> {
        let base = self.api_url.as_str().trim_end_matches('/');
        let url = format!("{base}/bot{}/{method}", self.token.expose_secret());
        let mut response = fill(self.http.post(url)).send().await.map_err(|error| no_answer(&error))?;
        let status = response.status().as_u16();
        let header =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let mut raw = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => raw.extend_from_slice(&chunk),
                Ok(None) => break,
                // The status line of a success is proof enough, and what was read may hold the message id.
                Err(_) if status == 200 => break,
                Err(error) => return Err(no_answer(&error)),
            }
        }
        let mut answer = Answer::read(status, &String::from_utf8_lossy(&raw));
        if status == 429 {
            answer.retry_after_secs = answer.retry_after_secs.or(header);
        }
        Ok(answer)
    }
}

impl Answer {
    /// Reads a body leniently: unknown keys, a foreign shape of `result` and a broken end do no harm.
    pub fn read(status: u16, raw: &str) -> Self {
        let mut answer = Self { status, is_web_page: raw.trim_start().starts_with('<'), ..Self::default() };
        let Ok(Value::Object(mut body)) = serde_json::from_str::<Value>(raw) else {
            answer.message_id = dig_out_message_id(raw);
            return answer;
        };
        answer.ok = body.get("ok").and_then(Value::as_bool);
        answer.error_code = body.get("error_code").and_then(Value::as_i64);
        if let Some(Value::String(text)) = body.remove("description") {
            answer.description = text;
        }
        if let Some(parameters) = body.get("parameters") {
            answer.retry_after_secs = parameters.get("retry_after").and_then(Value::as_i64);
            answer.migrate_to_chat_id = parameters.get("migrate_to_chat_id").and_then(Value::as_i64);
        }
        answer.result = body.remove("result").unwrap_or_default();
        // 0 stands for a message that Telegram put off; there is nothing to edit under that number.
        answer.message_id = answer.result.get("message_id").and_then(Value::as_i64).filter(|id| *id > 0);
        answer
    }
}

/// The first `"message_id": N` of a body that is not whole JSON: in an answer to a send it is the message's own.
fn dig_out_message_id(raw: &str) -> Option<i64> {
    let (_, rest) = raw.split_once("\"message_id\"")?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    rest[..end].parse().ok().filter(|id| *id > 0)
}

fn text_fields(chat: &ChatId, text: &Text) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("chat_id".to_owned(), json!(chat));
    body.insert("text".to_owned(), json!(text.body));
    if text.is_html {
        body.insert("parse_mode".to_owned(), json!("HTML"));
    }
    // A preview changes the stored message later, and then an identical edit is no longer identical.
    body.insert("link_preview_options".to_owned(), json!({ "is_disabled": true }));
    if let Some(keyboard) = &text.keyboard {
        body.insert("reply_markup".to_owned(), keyboard.clone());
    }
    body
}

pub(super) fn no_answer(error: &reqwest::Error) -> NoAnswer {
    let text = outbound::describe(error);
    match () {
        () if error.is_connect() || error.is_builder() => NoAnswer::NotSent(text),
        () if error.is_timeout() => NoAnswer::TimedOut(text),
        () => NoAnswer::Broken(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_id_survives_a_body_that_cannot_be_decoded() {
        let cut = r#"{"ok":true,"result":{"message_id": 415,"from":{"id":7,"is_b"#;
        assert_eq!(Answer::read(200, cut).message_id, Some(415));
        // A number at the very end may have lost digits.
        assert_eq!(Answer::read(200, r#"{"ok":true,"result":{"message_id":41"#).message_id, None);
        assert_eq!(Answer::read(200, "garbage").message_id, None);
        let strange = r#"{"ok":true,"result":{"message_id":9,"chat":{"type":"hologram"}},"new":{}}"#;
        assert_eq!(Answer::read(200, strange).message_id, Some(9));
    }

    #[test]
    fn the_token_is_in_no_debug_output() {
        let config = TelegramConfig {
            api_url: Url::parse("http://127.0.0.1:1/").unwrap(),
            token: SecretString::from("123:secret"),
            http: ClientOptions::default(),
        };
        let shown = format!("{config:?} {:?}", TelegramClient::new(config.clone()).unwrap());
        assert!(!shown.contains("secret"), "{shown}");
    }
}
