//! Changing what is there: edit, delete, pin.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Done;
use super::send::{message_text, shown, wants_preview};
use crate::clock::Instant;
use crate::sandbox::telegram::args::Args;
use crate::sandbox::telegram::chat::{ChatKind, SimChat};
use crate::sandbox::telegram::error::ApiError;
use crate::sandbox::telegram::keyboard;
use crate::sandbox::telegram::message::{Author, SimMessage};
use crate::sandbox::telegram::model::{Model, whole_second};
use crate::sandbox::telegram::text::{self, CAPTION_LIMIT, TEXT_LIMIT};

/// Messages older than this cannot be taken back.
const DELETABLE_HOURS: i64 = 48;
/// `deleteMessages` takes so many ids at once.
const DELETE_LIMIT: usize = 100;

const NOT_MODIFIED: &str = "message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message";

pub(super) fn edit_message_text(model: &mut Model, args: &Args, now: Instant) -> Result<Done, ApiError> {
    let content = message_text(args)?;
    let keyboard = keyboard::read(args)?;
    let (chat, message) = editable(model, args)?;
    if message.attachment.is_some() {
        return Err(ApiError::bad("there is no text in the message to edit"));
    }
    let content = text::normalise(content);
    if content.text.is_empty() {
        return Err(ApiError::bad("text must be non-empty"));
    }
    if content.code_points() > TEXT_LIMIT {
        return Err(ApiError::bad("MESSAGE_TOO_LONG"));
    }
    keyboard::check(keyboard.as_ref())?;
    let same = (&message.text, &message.entities, &message.keyboard)
        == (&content.text, &content.entities, &keyboard);
    // A preview comes and changes on its own time, so a message that has one never counts as unchanged.
    let has_preview = wants_preview(args, &content);
    if same && !message.has_preview && !has_preview {
        return Err(ApiError::bad(NOT_MODIFIED));
    }
    change(model, &chat, message.id, now, |message| {
        message.set_content(content);
        message.keyboard = keyboard;
        message.has_preview = has_preview;
    })
}

pub(super) fn edit_message_caption(model: &mut Model, args: &Args, now: Instant) -> Result<Done, ApiError> {
    let content = text::read(args, "caption", "caption_entities")?;
    let keyboard = keyboard::read(args)?;
    let (chat, message) = editable(model, args)?;
    if message.attachment.is_none() {
        return Err(ApiError::bad("there is no caption in the message to edit"));
    }
    let content = text::normalise(content);
    if content.code_points() > CAPTION_LIMIT {
        return Err(ApiError::bad("message caption is too long"));
    }
    keyboard::check(keyboard.as_ref())?;
    let same = (&message.text, &message.entities, &message.keyboard)
        == (&content.text, &content.entities, &keyboard);
    if same {
        return Err(ApiError::bad(NOT_MODIFIED));
    }
    change(model, &chat, message.id, now, |message| {
        message.set_content(content);
        message.keyboard = keyboard;
    })
}

pub(super) fn edit_message_reply_markup(
    model: &mut Model,
    args: &Args,
    now: Instant,
) -> Result<Done, ApiError> {
    let keyboard = keyboard::read(args)?;
    let (chat, message) = editable(model, args)?;
    keyboard::check(keyboard.as_ref())?;
    if message.keyboard == keyboard {
        return Err(ApiError::bad(NOT_MODIFIED));
    }
    change(model, &chat, message.id, now, |message| message.keyboard = keyboard)
}

/// The message that an edit names, if the bot may edit it: there is no time limit for its own ones.
fn editable(model: &Model, args: &Args) -> Result<(SimChat, SimMessage), ApiError> {
    let room = model.room(args, "chat_id")?;
    let chat = &room.chat;
    if chat.migrated_to.is_none() {
        chat.check_write()?;
    }
    let id = message_id(args)?;
    let message = room.message(id).ok_or_else(|| ApiError::bad("message to edit not found"))?;
    let own = message.is_ours() && message.forwarded_from.is_none();
    let editor = chat.kind == ChatKind::Channel && chat.is_admin() && chat.admin.edit;
    if !(own || editor) || message.service.is_some() || chat.migrated_to.is_some() {
        return Err(ApiError::bad("message can't be edited"));
    }
    Ok((chat.clone(), message.clone()))
}

fn message_id(args: &Args) -> Result<i64, ApiError> {
    let id = args.integer("message_id").filter(|id| *id != 0);
    id.ok_or_else(|| ApiError::bad("message identifier is not specified"))
}

fn change(
    model: &mut Model,
    chat: &SimChat,
    id: i64,
    now: Instant,
    apply: impl FnOnce(&mut SimMessage),
) -> Result<Done, ApiError> {
    model.flood.admit(chat.id, chat.is_crowd(), now)?;
    let room = model.rooms.get_mut(&chat.id);
    let message = room.and_then(|room| room.message_mut(id));
    let message = message.ok_or_else(|| ApiError::bad("message to edit not found"))?;
    apply(message);
    message.edit_date = Some(whole_second(now));
    message.edits += 1;
    let message = message.clone();
    Ok(shown(model, &message))
}

pub(super) fn delete_message(model: &mut Model, args: &Args, now: Instant) -> Result<Done, ApiError> {
    let room = model.room(args, "chat_id")?;
    room.chat.check_read()?;
    let id = message_id(args)?;
    let message = room.message(id).ok_or_else(|| ApiError::bad("message to delete not found"))?;
    check_deletable(&room.chat, message, now)?;
    let chat = room.chat.id;
    remove(model, chat, &[id]);
    Ok(Done { result: json!(true), message_id: Some(id) })
}

pub(super) fn delete_messages(model: &mut Model, args: &Args, now: Instant) -> Result<Done, ApiError> {
    let room = model.room(args, "chat_id")?;
    room.chat.check_read()?;
    let ids = args.json("message_ids").unwrap_or_default();
    let ids: Vec<i64> = ids.as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
    if ids.is_empty() {
        return Err(ApiError::bad("message identifiers are not specified"));
    }
    if ids.len() > DELETE_LIMIT {
        return Err(ApiError::bad("too many message identifiers specified"));
    }
    // Ids that are not there are passed over without a word.
    for message in ids.iter().filter_map(|id| room.message(*id)) {
        check_deletable(&room.chat, message, now)?;
    }
    let chat = room.chat.id;
    remove(model, chat, &ids);
    Ok(Done { result: json!(true), message_id: ids.first().copied() })
}

fn check_deletable(chat: &SimChat, message: &SimMessage, now: Instant) -> Result<(), ApiError> {
    let is_fresh = now - message.date < TimeDelta::hours(DELETABLE_HOURS);
    let is_boss = chat.is_admin() && chat.admin.delete;
    if is_boss || (is_fresh && (message.is_ours() || chat.kind == ChatKind::Private)) {
        return Ok(());
    }
    let why =
        if message.is_ours() { "message can't be deleted for everyone" } else { "message can't be deleted" };
    Err(ApiError::bad(why))
}

fn remove(model: &mut Model, chat: i64, ids: &[i64]) {
    if let Some(room) = model.rooms.get_mut(&chat) {
        room.messages.retain(|message| !ids.contains(&message.id));
    }
}

pub(super) fn pin_chat_message(model: &mut Model, args: &Args, now: Instant) -> Result<Done, ApiError> {
    let room = model.room(args, "chat_id")?;
    let chat = room.chat.clone();
    chat.check_write()?;
    let id = message_id(args)?;
    let message = room.message(id).ok_or_else(|| ApiError::bad("message to pin not found"))?;
    let may_pin = match chat.kind {
        ChatKind::Private => true,
        ChatKind::Channel => chat.is_admin() && chat.admin.edit,
        ChatKind::Group | ChatKind::Supergroup { .. } => chat.is_admin() && chat.admin.pin,
    };
    if !may_pin {
        return Err(ApiError::bad("not enough rights to manage pinned messages in the chat"));
    }
    let pinned = message.to_json(&chat, &model.bot_json());
    model.service_message(chat.id, Author::Bot, json!({"pinned_message": pinned}), now);
    Ok(Done { result: json!(true), message_id: Some(id) })
}
