//! Files on their way to Telegram: one message is one file, never an album, because an album can arrive in part.

use reqwest::multipart::{Form, Part};
use serde_json::{Map, Value};

use super::telegram::{Answer, ChatId, NoAnswer, TelegramClient, Text, no_answer};
use crate::store::files::{FileKind, StoredFile};

impl TelegramClient {
    /// Sends a file with its caption as a new message.
    pub async fn send_file(
        &self,
        chat: &ChatId,
        file: &StoredFile,
        caption: &Text,
    ) -> Result<Answer, NoAnswer> {
        let (method, field) = match file.kind {
            FileKind::Photo => ("sendPhoto", "photo"),
            FileKind::Document => ("sendDocument", "document"),
        };
        let part = Part::bytes(file.content.clone()).file_name(file.name.clone());
        let part = part.mime_str(media_type(&file.name)).map_err(|error| no_answer(&error))?;
        let mut form = Form::new().percent_encode_noop();
        for (name, value) in caption_fields(chat, caption) {
            form = form.text(name, value);
        }
        if let Some(topic) = caption.sendable_topic() {
            form = form.text("message_thread_id", topic.to_string());
        }
        if caption.is_silent {
            form = form.text("disable_notification", "true");
        }
        self.ask(method, |request| request.multipart(form.part(field, part))).await
    }

    /// Replaces the caption of an own message with a file.
    pub async fn edit_message_caption(
        &self,
        chat: &ChatId,
        message_id: i64,
        caption: &Text,
    ) -> Result<Answer, NoAnswer> {
        let fields =
            caption_fields(chat, caption).map(|(name, value)| (name.to_owned(), Value::String(value)));
        let mut body: Map<String, Value> = fields.collect();
        body.insert("message_id".to_owned(), message_id.into());
        self.ask("editMessageCaption", |request| request.json(&body)).await
    }
}

/// The same words in a send and in an edit, so that the edit of what was sent changes nothing.
fn caption_fields(chat: &ChatId, caption: &Text) -> impl Iterator<Item = (&'static str, String)> {
    let mode = caption.is_html.then(|| ("parse_mode", "HTML".to_owned()));
    [("chat_id", chat.to_string()), ("caption", caption.body.clone())].into_iter().chain(mode)
}

/// By the end of the name.
fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("png") => "image/png",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Some("csv") => "text/csv",
        _ => "application/octet-stream",
    }
}
