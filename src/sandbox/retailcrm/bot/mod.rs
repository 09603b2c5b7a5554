//! The MG Bot API: tokens, lists and errors.

mod select;
mod shape;
mod views;

use serde_json::{Value, json};

use super::Oddities;
use super::answer::{Answer, Request};
use super::model::{Author, Message, Model, Responsible};
use crate::clock::Instant;
use select::Selection;
use views::View;

pub(super) const ROOT: &str = "/api/bot/v1/";

/// Answers a request to the Bot API.
pub(super) fn answer(model: &Model, now: Instant, oddities: &Oddities, request: &Request) -> Answer {
    let is_known = |token: &String| model.bot_tokens.contains(token);
    if !request.bot_token.as_ref().is_some_and(is_known) {
        return error(oddities.wrong_token_status, "access denied");
    }
    let Some(name) = request.path.strip_prefix(ROOT) else { return error(404, "not found") };
    let view = View { model, now, oddities };
    let own: &[&str] = match name {
        "bots" => &["self", "active"],
        "channels" => &["types", "active"],
        "users" => &["active", "online", "external_id"],
        "customers" => &["channel_id", "channel_type", "external_id"],
        "chats" => &[
            "channel_id",
            "channel_type",
            "customer_id",
            "customer_external_id",
            "include_mass_communication",
        ],
        "dialogs" => &["chat_id", "user_id", "bot_id", "active", "assign", "include_mass_communication"],
        "messages" => &[
            "chat_id",
            "dialog_id",
            "user_id",
            "customer_id",
            "bot_id",
            "channel_id",
            "channel_type",
            "type",
            "scope",
            "include_mass_communication",
        ],
        _ => return error(404, "not found"),
    };
    if request.method != "GET" {
        return error(405, "method not allowed");
    }
    let selection = match Selection::read(request, own, oddities) {
        Ok(selection) => selection,
        Err(why) => return error(400, &why),
    };
    let listed = match name {
        "bots" => list_bots(&view, &selection),
        "channels" => list_channels(&view, &selection),
        "users" => list_users(&view, &selection),
        "customers" => list_customers(&view, &selection),
        "chats" => list_chats(&view, &selection),
        "dialogs" => list_dialogs(&view, &selection),
        _ => list_messages(&view, &selection),
    };
    match listed {
        Ok(items) => Answer::json(200, &Value::Array(items)),
        Err(why) => error(400, &why),
    }
}

fn error(status: u16, text: &str) -> Answer {
    Answer::json(status, &json!({"errors": [text]}))
}

/// The items to show, or what was wrong with a parameter.
type Listed = Result<Vec<Value>, String>;

fn list_bots(view: &View, selection: &Selection) -> Listed {
    let (is_self, active) = (selection.flag("self")?, selection.flag("active")?);
    let found = view.model.bots.iter().filter(|bot| {
        bot.created_at <= view.now && is_self.is_none_or(|own| bot.is_self == own) && active != Some(false)
    });
    Ok(selection.cut(found, |bot| (bot.id, bot.created_at), |bot| view.bot(bot)))
}

fn list_channels(view: &View, selection: &Selection) -> Listed {
    let active = selection.flag("active")?;
    let types = selection.all("types");
    let found = view.model.channels.iter().filter(|channel| {
        channel.created_at <= view.now
            && active.is_none_or(|active| channel.is_active == active)
            && (types.is_empty() || types.contains(&channel.kind.as_str()))
    });
    Ok(selection.cut(found, |channel| (channel.id, channel.updated_at), |channel| view.channel(channel)))
}

fn list_users(view: &View, selection: &Selection) -> Listed {
    let (active, online) = (selection.flag("active")?, selection.flag("online")?);
    let external_id = selection.get("external_id");
    let mut found: Vec<_> = view.model.users.iter().collect();
    found.retain(|user| {
        user.created_at <= view.now
            && active.is_none_or(|active| user.is_active == active)
            && online.is_none_or(|online| user.is_active == online)
            && external_id.is_none_or(|id| user.external_id == id)
    });
    found.sort_by_key(|user| user.mg_id);
    Ok(selection.cut(found, |user| (user.mg_id, user.updated_at), |user| view.user(user)))
}

fn list_customers(view: &View, selection: &Selection) -> Listed {
    let (channel_id, channel_type) = (selection.number("channel_id")?, selection.get("channel_type"));
    let external_id = selection.get("external_id");
    let found = view.model.mg_customers.iter().filter(|person| {
        person.created_at <= view.now
            && channel_id.is_none_or(|id| person.channel_id == id)
            && channel_type.is_none_or(|kind| view.channel_kind(person.channel_id) == kind)
            && external_id.is_none_or(|id| person.external_id == id)
    });
    Ok(selection.cut(found, |person| (person.id, person.updated_at), |person| view.customer(person)))
}

fn list_chats(view: &View, selection: &Selection) -> Listed {
    let (channel_id, customer_id) = (selection.number("channel_id")?, selection.number("customer_id")?);
    let (channel_type, external_id) = (selection.get("channel_type"), selection.get("customer_external_id"));
    let with_mass = selection.flag("include_mass_communication")?.unwrap_or(false);
    let found = view.model.chats.iter().filter(|chat| {
        chat.created_at <= view.now
            // A chat that holds nothing but mailings counts as mass communication.
            && (with_mass || !chat.dialog_ids.is_empty())
            && channel_id.is_none_or(|id| chat.channel_id == id)
            && customer_id.is_none_or(|id| chat.customer_id == id)
            && channel_type.is_none_or(|kind| view.channel_kind(chat.channel_id) == kind)
            && external_id.is_none_or(|id| {
                view.model.mg_customer(chat.customer_id).is_ok_and(|person| person.external_id == id)
            })
    });
    Ok(selection.cut(found, |chat| (chat.id, chat.updated_at), |chat| view.chat(chat)))
}

fn list_dialogs(view: &View, selection: &Selection) -> Listed {
    let chat_id = selection.number("chat_id")?;
    let (user_id, bot_id) = (selection.number("user_id")?, selection.number("bot_id")?);
    let (active, assigned) = (selection.flag("active")?, selection.flag("assign")?);
    selection.flag("include_mass_communication")?;
    let found = view.model.dialogs.iter().filter(|dialog| {
        let responsible = dialog.responsible.map(|(who, _)| who);
        dialog.created_at <= view.now
            && chat_id.is_none_or(|id| dialog.chat_id == id)
            && user_id.is_none_or(|id| responsible == Some(Responsible::User(id)))
            && bot_id.is_none_or(|id| responsible == Some(Responsible::Bot(id)))
            && active.is_none_or(|active| view.looks_active(dialog) == active)
            && assigned.is_none_or(|assigned| responsible.is_some() == assigned)
    });
    Ok(selection.cut(found, |dialog| (dialog.id, dialog.updated_at), |dialog| view.dialog(dialog)))
}

fn list_messages(view: &View, selection: &Selection) -> Listed {
    let (chat_id, dialog_id) = (selection.number("chat_id")?, selection.number("dialog_id")?);
    let (user_id, bot_id) = (selection.number("user_id")?, selection.number("bot_id")?);
    let (customer_id, channel_id) = (selection.number("customer_id")?, selection.number("channel_id")?);
    let (kind, channel_type) = (selection.get("type"), selection.get("channel_type"));
    let with_mass = selection.flag("include_mass_communication")?.unwrap_or(false);
    let scope = match selection.get("scope") {
        None => None,
        Some("public") => Some(true),
        Some("private") => Some(false),
        Some(_) => return Err("scope must be one of public, private".to_owned()),
    };
    let channel_of = |message: &Message| view.model.chat(message.chat_id).map(|chat| chat.channel_id).ok();
    let matches = |message: &&Message| {
        message.created_at <= view.now
            && message.deleted_at.is_none()
            && (with_mass || !message.is_mass)
            && chat_id.is_none_or(|id| message.chat_id == id)
            && dialog_id.is_none_or(|id| message.dialog_id == Some(id))
            && user_id.is_none_or(|id| message.author == Some(Author::User(id)))
            && bot_id.is_none_or(|id| message.author == Some(Author::Bot(id)))
            && customer_id.is_none_or(|id| message.author == Some(Author::Customer(id)))
            && channel_id.is_none_or(|id| channel_of(message) == Some(id))
            && channel_type
                .is_none_or(|kind| channel_of(message).is_some_and(|id| view.channel_kind(id) == kind))
            && kind.is_none_or(|kind| message.kind == kind)
            && scope.is_none_or(|is_public| message.is_public == is_public)
    };
    // Messages are many and mostly asked for from a cursor on.
    let first = view.model.messages.partition_point(|message| message.id < selection.first_id());
    let found = view.model.messages[first..].iter().filter(matches);
    Ok(selection.cut(found, |message| (message.id, message.updated_at), |message| view.message(message)))
}
