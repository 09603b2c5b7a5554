//! Questions about the bot and its chats, commands, buttons, webhooks.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Done;
use crate::clock::Instant;
use crate::sandbox::telegram::args::Args;
use crate::sandbox::telegram::chat::{ChatKind, SimChat, Standing};
use crate::sandbox::telegram::error::ApiError;
use crate::sandbox::telegram::model::Model;

/// Telegram waits so long for `answerCallbackQuery`; the real figure is not published.
const CALLBACK_MINUTES: i64 = 15;
const CALLBACK_TEXT_LIMIT: usize = 200;
const COMMAND_LIMIT: usize = 100;

pub(super) fn get_me(model: &mut Model, _: &Args, _: Instant) -> Result<Done, ApiError> {
    let mut me = model.bot_json();
    for (name, value) in [
        ("can_join_groups", true),
        ("can_read_all_group_messages", true),
        ("supports_inline_queries", false),
        ("can_connect_to_business", false),
        ("has_main_web_app", false),
    ] {
        me[name] = json!(value);
    }
    Ok(Done::quiet(me))
}

pub(super) fn get_chat(model: &mut Model, args: &Args, _: Instant) -> Result<Done, ApiError> {
    let chat = &model.room(args, "chat_id")?.chat;
    chat.check_read()?;
    let mut info = chat.to_json();
    info["accent_color_id"] = json!(0);
    info["max_reaction_count"] = json!(11);
    info["accepted_gift_types"] = json!({"unlimited_gifts": false, "limited_gifts": false,
        "unique_gifts": false, "premium_subscription": false});
    if chat.protected {
        info["has_protected_content"] = json!(true);
    }
    if matches!(chat.kind, ChatKind::Group | ChatKind::Supergroup { .. }) {
        info["permissions"] = permissions(chat);
    }
    Ok(Done::quiet(info))
}

/// `ChatPermissions`: what members may do.
fn permissions(chat: &SimChat) -> Value {
    let send = chat.send;
    json!({"can_send_messages": send.text, "can_send_photos": send.photos, "can_send_documents": send.documents,
        "can_send_audios": send.documents, "can_send_videos": send.photos, "can_send_video_notes": send.photos,
        "can_send_voice_notes": send.documents, "can_send_polls": send.text, "can_send_other_messages": send.text,
        "can_add_web_page_previews": send.text, "can_change_info": false, "can_invite_users": true,
        "can_pin_messages": false, "can_manage_topics": false})
}

pub(super) fn get_chat_member(model: &mut Model, args: &Args, _: Instant) -> Result<Done, ApiError> {
    let chat = &model.room(args, "chat_id")?.chat;
    chat.check_read()?;
    let user_id = args.integer("user_id").filter(|id| *id > 0);
    let user_id = user_id.ok_or_else(|| ApiError::bad("invalid user_id specified"))?;
    if user_id == model.bot_id {
        return Ok(Done::quiet(bot_member(chat, &model.bot_json())));
    }
    let user = if chat.kind == ChatKind::Private && user_id == chat.id {
        Some(json!({"id": chat.id, "is_bot": false, "first_name": chat.title}))
    } else {
        model.person_json(user_id)
    };
    let user = user.ok_or_else(|| ApiError::bad("PARTICIPANT_ID_INVALID"))?;
    Ok(Done::quiet(json!({"user": user, "status": "member"})))
}

/// `ChatMember` of the bot itself.
pub(in crate::sandbox::telegram) fn bot_member(chat: &SimChat, bot: &Value) -> Value {
    let admin = chat.admin;
    match chat.bot {
        Standing::Administrator => {
            let mut member = json!({"user": bot, "status": "administrator", "can_be_edited": false,
                "is_anonymous": false, "can_manage_chat": true, "can_delete_messages": admin.delete,
                "can_manage_video_chats": false, "can_restrict_members": false, "can_promote_members": false,
                "can_change_info": false, "can_invite_users": true, "can_post_stories": false,
                "can_edit_stories": false, "can_delete_stories": false});
            if chat.kind == ChatKind::Channel {
                member["can_post_messages"] = json!(admin.post);
                member["can_edit_messages"] = json!(admin.edit);
            } else {
                member["can_pin_messages"] = json!(admin.pin);
                member["can_manage_topics"] = json!(admin.manage_topics);
            }
            member
        }
        Standing::Kicked | Standing::Blocked => {
            json!({"user": bot, "status": "kicked", "until_date": 0})
        }
        Standing::NotMember | Standing::Deleted => json!({"user": bot, "status": "left"}),
        Standing::NoWriteAccess if chat.kind != ChatKind::Private => restricted(bot),
        _ => json!({"user": bot, "status": "member"}),
    }
}

fn restricted(bot: &Value) -> Value {
    let mut member = json!({"user": bot, "status": "restricted", "is_member": true, "until_date": 0});
    for right in [
        "can_send_messages",
        "can_send_audios",
        "can_send_documents",
        "can_send_photos",
        "can_send_videos",
        "can_send_video_notes",
        "can_send_voice_notes",
        "can_send_polls",
        "can_send_other_messages",
        "can_add_web_page_previews",
        "can_change_info",
        "can_invite_users",
        "can_pin_messages",
        "can_manage_topics",
    ] {
        member[right] = json!(false);
    }
    member
}

pub(super) fn answer_callback_query(model: &mut Model, args: &Args, now: Instant) -> Result<Done, ApiError> {
    let text = args.get("text").unwrap_or_default();
    let callback = args.get("callback_query_id").and_then(|id| model.callbacks.get_mut(id));
    let in_time = |pressed_at: Instant| now - pressed_at < TimeDelta::minutes(CALLBACK_MINUTES);
    let callback = callback.filter(|callback| in_time(callback.pressed_at)).ok_or_else(|| {
        ApiError::bad("query is too old and response timeout expired or query ID is invalid")
    })?;
    if text.chars().count() > CALLBACK_TEXT_LIMIT {
        return Err(ApiError::bad("MESSAGE_TOO_LONG"));
    }
    callback.answer = Some(text.to_owned());
    Ok(Done::quiet(json!(true)))
}

pub(super) fn set_my_commands(model: &mut Model, args: &Args, _: Instant) -> Result<Done, ApiError> {
    let commands = args.json("commands").filter(Value::is_array);
    let commands =
        commands.ok_or_else(|| ApiError::bad("can't parse commands: Expected an Array of BotCommand"))?;
    let list = commands.as_array().map(Vec::as_slice).unwrap_or_default();
    if list.len() > COMMAND_LIMIT {
        return Err(ApiError::bad("BOT_COMMANDS_TOO_MUCH"));
    }
    for command in list {
        let word = command.get("command").and_then(Value::as_str).unwrap_or_default();
        let word = word.strip_prefix('/').unwrap_or(word);
        let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        if !(1..=32).contains(&word.len()) || !word.chars().all(fits) {
            return Err(ApiError::bad("BOT_COMMAND_INVALID"));
        }
        let description = command.get("description").and_then(Value::as_str).unwrap_or_default();
        if !(1..=256).contains(&description.trim().chars().count()) {
            return Err(ApiError::bad("BOT_COMMAND_DESCRIPTION_INVALID"));
        }
    }
    model.commands.insert(scope(args), commands);
    Ok(Done::quiet(json!(true)))
}

pub(super) fn get_my_commands(model: &mut Model, args: &Args, _: Instant) -> Result<Done, ApiError> {
    Ok(Done::quiet(model.commands.get(&scope(args)).cloned().unwrap_or_else(|| json!([]))))
}

pub(super) fn delete_my_commands(model: &mut Model, args: &Args, _: Instant) -> Result<Done, ApiError> {
    model.commands.remove(&scope(args));
    Ok(Done::quiet(json!(true)))
}

/// «печатает…» is shown to people only; nothing of it stays.
pub(super) fn send_chat_action(model: &mut Model, args: &Args, _: Instant) -> Result<Done, ApiError> {
    model.room(args, "chat_id")?.chat.check_write()?;
    let is_known = matches!(args.get("action"), Some("typing" | "upload_document" | "upload_photo"));
    if !is_known {
        return Err(ApiError::bad("wrong parameter action in request"));
    }
    Ok(Done::quiet(json!(true)))
}

/// Commands are kept per scope and language.
fn scope(args: &Args) -> String {
    let scope = args.json("scope").unwrap_or_else(|| json!({"type": "default"}));
    format!("{scope} {}", args.get("language_code").unwrap_or_default())
}

pub(super) fn delete_webhook(model: &mut Model, args: &Args, _: Instant) -> Result<Done, ApiError> {
    model.updates.webhook = None;
    if args.flag("drop_pending_updates") {
        model.updates.clear();
    }
    Ok(Done::quiet(json!(true)))
}

pub(super) fn get_webhook_info(model: &mut Model, _: &Args, _: Instant) -> Result<Done, ApiError> {
    let url = model.updates.webhook.clone().unwrap_or_default();
    let count = model.updates.count();
    Ok(Done::quiet(json!({"url": url, "has_custom_certificate": false, "pending_update_count": count})))
}
