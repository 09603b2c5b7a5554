//! A message as it stands in a chat.

use axum::body::Bytes;
use serde_json::{Value, json};

use super::chat::{ChatKind, SimChat};
use super::entity::{self, Entity};
use super::text::Formatted;
use crate::clock::Instant;

/// Who wrote a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// The bot under test.
    Bot,
    /// Anybody else.
    Person { id: i64, name: String },
}

/// A stored file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    pub file_id: String,
    pub name: String,
    pub size_bytes: usize,
    pub mime: String,
    /// Shown as a picture, not as a file.
    pub is_photo: bool,
    pub content: Bytes,
}

/// A message, deleted ones excluded: what a reader sees now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimMessage {
    pub id: i64,
    pub chat_id: i64,
    /// The forum topic; `None` outside forums and in «General».
    pub thread_id: Option<i64>,
    pub author: Author,
    /// Normalised text, or the caption of a file.
    pub text: String,
    pub entities: Vec<Entity>,
    /// Text and entities as Telegram HTML.
    pub html: String,
    /// When it was committed, whole seconds.
    pub date: Instant,
    pub edit_date: Option<Instant>,
    /// How many edits changed it.
    pub edits: u32,
    /// Sent without a sound.
    pub silent: bool,
    /// The inline keyboard as stored, `None` without one.
    pub keyboard: Option<Value>,
    pub attachment: Option<Attachment>,
    /// A link preview is attached, so no edit is ever identical to it.
    pub has_preview: bool,
    /// May not be forwarded or copied.
    pub protected: bool,
    pub reply_to: Option<i64>,
    /// Whose message it repeats.
    pub forwarded_from: Option<Author>,
    /// Fields of a service message (`pinned_message`, `migrate_to_chat_id` …); `None` for ordinary ones.
    pub service: Option<Value>,
}

impl SimMessage {
    pub(super) fn new(chat_id: i64, author: Author, content: Formatted, date: Instant) -> Self {
        let mut message = Self {
            id: 0,
            chat_id,
            thread_id: None,
            author,
            text: String::new(),
            entities: Vec::new(),
            html: String::new(),
            date,
            edit_date: None,
            edits: 0,
            silent: false,
            keyboard: None,
            attachment: None,
            has_preview: false,
            protected: false,
            reply_to: None,
            forwarded_from: None,
            service: None,
        };
        message.set_content(content);
        message
    }

    pub(super) fn set_content(&mut self, content: Formatted) {
        self.html = entity::render_html(&content.text, &content.entities);
        (self.text, self.entities) = (content.text, content.entities);
    }

    /// The bot under test wrote it.
    pub fn is_ours(&self) -> bool {
        self.author == Author::Bot
    }

    /// `callback_data` of the buttons, row by row, in reading order.
    pub fn buttons(&self) -> Vec<&str> {
        self.button_field("callback_data")
    }

    /// Words on the buttons, in reading order.
    pub fn button_texts(&self) -> Vec<&str> {
        self.button_field("text")
    }

    fn button_field(&self, field: &str) -> Vec<&str> {
        let rows = self.keyboard.as_ref().and_then(|keyboard| keyboard["inline_keyboard"].as_array());
        let buttons = rows.into_iter().flatten().filter_map(Value::as_array).flatten();
        buttons.filter_map(|button| button.get(field).and_then(Value::as_str)).collect()
    }

    /// `Message` of the Bot API. `bot` is the bot's `User`.
    pub(super) fn to_json(&self, chat: &SimChat, bot: &Value) -> Value {
        let mut message =
            json!({"message_id": self.id, "chat": chat.to_json(), "date": self.date.timestamp()});
        if chat.kind == ChatKind::Channel {
            message["sender_chat"] = chat.to_json();
        } else {
            message["from"] = author_json(&self.author, bot);
        }
        if let Some(at) = self.edit_date {
            message["edit_date"] = json!(at.timestamp());
        }
        if let Some(thread_id) = self.thread_id {
            message["message_thread_id"] = json!(thread_id);
            message["is_topic_message"] = json!(true);
        }
        self.write_content(&mut message);
        if let Some(keyboard) = &self.keyboard {
            message["reply_markup"] = keyboard.clone();
        }
        if self.protected {
            message["has_protected_content"] = json!(true);
        }
        if let Some(author) = &self.forwarded_from {
            let sender = author_json(author, bot);
            message["forward_origin"] =
                json!({"type": "user", "date": self.date.timestamp(), "sender_user": sender});
        }
        if let Some(Value::Object(fields)) = &self.service {
            for (name, value) in fields {
                message[name] = value.clone();
            }
        }
        message
    }

    fn write_content(&self, message: &mut Value) {
        let entities: Vec<Value> = self.entities.iter().map(Entity::to_json).collect();
        let (text_name, entities_name) = match &self.attachment {
            Some(_) => ("caption", "caption_entities"),
            None => ("text", "entities"),
        };
        if !self.text.is_empty() {
            message[text_name] = json!(self.text);
        }
        if !entities.is_empty() {
            message[entities_name] = json!(entities);
        }
        let Some(file) = &self.attachment else { return };
        let unique_id = format!("u{}", file.file_id);
        if file.is_photo {
            // Only a PNG says its size here.
            let (width, height) = super::files::png_size(&file.content).unwrap_or((1280, 720));
            message["photo"] = json!([{"file_id": file.file_id, "file_unique_id": unique_id,
                "width": width, "height": height, "file_size": file.size_bytes}]);
        } else {
            message["document"] = json!({"file_id": file.file_id, "file_unique_id": unique_id,
                "file_name": file.name, "mime_type": file.mime, "file_size": file.size_bytes});
        }
    }
}

/// `User` of the Bot API.
pub(super) fn author_json(author: &Author, bot: &Value) -> Value {
    match author {
        Author::Bot => bot.clone(),
        Author::Person { id, name } => json!({"id": id, "is_bot": false, "first_name": name}),
    }
}
