//! Sending: the one path by which own messages come into being.

use serde_json::{Value, json};

use super::Done;
use crate::clock::Instant;
use crate::sandbox::telegram::args::Args;
use crate::sandbox::telegram::chat::{SendRights, SimChat};
use crate::sandbox::telegram::error::ApiError;
use crate::sandbox::telegram::files::check_photo_size;
use crate::sandbox::telegram::keyboard;
use crate::sandbox::telegram::message::{Attachment, Author, SimMessage};
use crate::sandbox::telegram::model::{Model, Room};
use crate::sandbox::telegram::text::{self, CAPTION_LIMIT, Formatted, TEXT_LIMIT};

/// The hosted server's limit for a document.
const DOCUMENT_LIMIT_BYTES: usize = 50 * 1024 * 1024;
/// The limit for a photo.
const PHOTO_LIMIT_BYTES: usize = 10 * 1024 * 1024;

/// A message on its way in: parsed, nothing about its chat checked yet.
pub(super) struct Draft {
    /// Not yet normalised.
    pub content: Formatted,
    pub attachment: Option<Attachment>,
    pub forwarded_from: Option<Author>,
}

pub(super) fn send_message(model: &mut Model, args: &Args, now: Instant) -> Result<Done, ApiError> {
    let content = message_text(args)?;
    let message = post(model, args, Draft { content, attachment: None, forwarded_from: None }, now)?;
    Ok(shown(model, &message))
}

pub(super) fn send_document(model: &mut Model, args: &Args, now: Instant) -> Result<Done, ApiError> {
    send_file(model, args, "document", now)
}

pub(super) fn send_photo(model: &mut Model, args: &Args, now: Instant) -> Result<Done, ApiError> {
    send_file(model, args, "photo", now)
}

fn send_file(model: &mut Model, args: &Args, field: &str, now: Instant) -> Result<Done, ApiError> {
    let attachment = file(model, args, field)?;
    let content = text::read(args, "caption", "caption_entities")?;
    let draft = Draft { content, attachment: Some(attachment.clone()), forwarded_from: None };
    let message = post(model, args, draft, now)?;
    model.files.insert(attachment.file_id.clone(), attachment);
    Ok(shown(model, &message))
}

/// `text` of a request, refused when absent or empty.
pub(super) fn message_text(args: &Args) -> Result<Formatted, ApiError> {
    if args.utf8("text").is_ok_and(str::is_empty) {
        return Err(ApiError::bad("message text is empty"));
    }
    text::read(args, "text", "entities")
}

/// A whole message as the answer.
pub(super) fn shown(model: &Model, message: &SimMessage) -> Done {
    let chat = model.rooms.get(&message.chat_id).map(|room| &room.chat);
    let result = chat.map_or(Value::Null, |chat| message.to_json(chat, &model.bot_json()));
    Done { result, message_id: Some(message.id) }
}

/// Checks what is left to check, in the server's order, and commits.
pub(super) fn post(
    model: &mut Model,
    args: &Args,
    draft: Draft,
    now: Instant,
) -> Result<SimMessage, ApiError> {
    let keyboard = keyboard::read(args)?;
    let room = model.room(args, "chat_id")?;
    let chat = room.chat.clone();
    chat.check_write()?;
    let thread_id = chat.check_topic(args.integer("message_thread_id"))?;
    let reply_to = reply_target(room, args)?;
    let content = checked_content(&chat, &draft)?;
    keyboard::check(keyboard.as_ref())?;
    model.flood.admit(chat.id, chat.is_crowd(), now)?;
    for _ in 0..chat.noise_before_send {
        let passer_by = model.person(&chat, "Прохожий");
        model.commit(SimMessage::new(chat.id, passer_by, Formatted::plain("…"), now));
    }
    let message = SimMessage {
        thread_id,
        silent: args.flag("disable_notification"),
        keyboard,
        has_preview: draft.attachment.is_none() && wants_preview(args, &content),
        attachment: draft.attachment,
        protected: args.flag("protect_content") || chat.protected,
        reply_to,
        forwarded_from: draft.forwarded_from,
        ..SimMessage::new(chat.id, Author::Bot, content, now)
    };
    model.commit(message).cloned().ok_or_else(|| ApiError::bad("chat not found"))
}

fn checked_content(chat: &SimChat, draft: &Draft) -> Result<Formatted, ApiError> {
    let content = text::normalise(draft.content.clone());
    let SendRights { text, photos, documents } = chat.send;
    match &draft.attachment {
        None if content.text.is_empty() => return Err(ApiError::bad("text must be non-empty")),
        None if content.code_points() > TEXT_LIMIT => return Err(ApiError::bad("message is too long")),
        Some(_) if content.code_points() > CAPTION_LIMIT => {
            return Err(ApiError::bad("message caption is too long"));
        }
        None => chat.check_right(text, "text messages")?,
        Some(file) if file.is_photo => chat.check_right(photos, "photos")?,
        Some(_) => chat.check_right(documents, "documents")?,
    }
    Ok(content)
}

/// The message that is replied to; `None` without one, or when a missing one was allowed for.
fn reply_target(room: &Room, args: &Args) -> Result<Option<i64>, ApiError> {
    let parameters = args.json("reply_parameters").unwrap_or_default();
    let id = match parameters.get("message_id") {
        Some(id) => id.as_i64().or_else(|| id.as_str()?.parse().ok()),
        None => args.integer("reply_to_message_id"),
    };
    let Some(id) = id.filter(|id| *id != 0) else { return Ok(None) };
    if room.message(id).is_some() {
        return Ok(Some(id));
    }
    let lenient = parameters.get("allow_sending_without_reply").and_then(Value::as_bool).unwrap_or(false);
    if lenient || args.flag("allow_sending_without_reply") {
        return Ok(None);
    }
    Err(ApiError::bad("message to be replied not found"))
}

/// Whether Telegram would attach a link preview: there is a web address and the request did not forbid it.
pub(super) fn wants_preview(args: &Args, content: &Formatted) -> bool {
    let options = args.json("link_preview_options").unwrap_or_default();
    let disabled = options.get("is_disabled").and_then(Value::as_bool).unwrap_or(false)
        || args.flag("disable_web_page_preview");
    let entities = json!(content.entities.iter().map(|entity| entity.to_json()).collect::<Vec<_>>());
    let has_link = |text: &str| text.contains("http://") || text.contains("https://");
    !disabled && (has_link(&content.text) || has_link(&entities.to_string()))
}

fn file(model: &Model, args: &Args, field: &str) -> Result<Attachment, ApiError> {
    let is_photo = field == "photo";
    let named = args.get(field).unwrap_or_default();
    let part = named.strip_prefix("attach://").unwrap_or(field);
    if let Some(file) = args.files.iter().find(|file| file.field == part) {
        let size_bytes = file.content.len();
        if size_bytes == 0 {
            return Err(ApiError::bad("file must be non-empty"));
        }
        if size_bytes > DOCUMENT_LIMIT_BYTES {
            return Err(ApiError::too_large());
        }
        if is_photo && (size_bytes > PHOTO_LIMIT_BYTES || !looks_like_picture(&file.content)) {
            return Err(ApiError::bad("IMAGE_PROCESS_FAILED"));
        }
        if is_photo {
            check_photo_size(&file.content)?;
        }
        let mime = file.mime.clone().unwrap_or_else(|| "application/octet-stream".to_owned());
        let file_id = format!("{}-{}", if is_photo { "AgAC" } else { "BQAC" }, model.files.len() + 1);
        let (name, content) = (file.name.clone(), file.content.clone());
        return Ok(Attachment { file_id, name, size_bytes, mime, is_photo, content });
    }
    if named.starts_with("http://") || named.starts_with("https://") {
        // The sandbox has no way to the outside.
        return Err(ApiError::bad("failed to get HTTP URL content"));
    }
    if named.is_empty() || named.starts_with("attach://") {
        return Err(ApiError::bad(&format!("there is no {field} in the request")));
    }
    let stored = model.files.get(named).filter(|file| file.is_photo == is_photo);
    stored.cloned().ok_or_else(|| ApiError::bad("wrong file identifier/HTTP URL specified"))
}

fn looks_like_picture(content: &[u8]) -> bool {
    let heads: [&[u8]; 4] = [b"\x89PNG", b"\xFF\xD8\xFF", b"GIF8", b"RIFF"];
    heads.iter().any(|head| content.starts_with(head))
}
