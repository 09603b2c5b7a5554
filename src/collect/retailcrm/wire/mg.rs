//! Records of the MG Bot API.

use serde_json::Value;

use super::{Decoded, flag, full_name, id, moment, text, unescape};
use crate::clock::Instant;
use crate::facts::{Author, Channel, Chat, Dialog, DialogEvent, Message, MgUser, Responsible};

/// When the record last changed, by its own word; `created_at` stands in where it never did.
pub(in super::super) fn updated_at(value: &Value) -> Option<Instant> {
    moment(&value["updated_at"]).or_else(|| moment(&value["created_at"]))
}

pub(in super::super) fn user(value: &Value) -> Decoded<MgUser> {
    let user_id = id(&value["id"]).ok_or("mg_user_without_id")?;
    let name = full_name(&value["first_name"], &value["last_name"])
        .or_else(|| text(&value["name"]))
        .map_or_else(|| format!("Сотрудник {user_id}"), |name| unescape(&name));
    let is_revoked = moment(&value["revoked_at"]).is_some();
    Ok(MgUser {
        id: user_id,
        external_id: text(&value["external_id"]),
        name,
        is_active: flag(&value["is_active"]).unwrap_or(!is_revoked),
        is_technical: flag(&value["is_technical_account"]).unwrap_or(false),
    })
}

pub(in super::super) fn channel(value: &Value) -> Decoded<Channel> {
    Ok(Channel {
        id: id(&value["id"]).ok_or("channel_without_id")?,
        kind: text(&value["type"]).ok_or("channel_without_type")?,
        name: text(&value["name"]).map(|name| unescape(&name)),
        is_active: flag(&value["is_active"]).unwrap_or(true),
    })
}

pub(in super::super) fn chat(value: &Value) -> Decoded<Chat> {
    let chat_id = id(&value["id"]).ok_or("chat_without_id")?;
    let updated_at = updated_at(value).ok_or("chat_bad_time")?;
    let customer = &value["customer"];
    let customer_name = text(&customer["name"])
        .or_else(|| full_name(&customer["first_name"], &customer["last_name"]))
        .or_else(|| text(&value["name"]))
        .map_or_else(String::new, |name| unescape(&name));
    Ok(Chat {
        id: chat_id,
        channel_id: id(&value["channel"]["id"]),
        customer_id: id(&customer["id"]),
        customer_name,
        created_at: moment(&value["created_at"]).unwrap_or(updated_at),
        updated_at,
    })
}

pub(in super::super) fn dialog(value: &Value) -> Decoded<Dialog> {
    let dialog_id = id(&value["id"]).ok_or("dialog_without_id")?;
    let chat_id = id(&value["chat_id"]).ok_or("dialog_without_chat")?;
    let created_at = moment(&value["created_at"]).ok_or("dialog_bad_time")?;
    let closed_at = match text(&value["closed_at"]) {
        Some(_) => Some(moment(&value["closed_at"]).ok_or("dialog_bad_time")?),
        None => None,
    };
    let responsible = &value["responsible"];
    Ok(Dialog {
        id: dialog_id,
        chat_id,
        responsible: holder(responsible),
        created_at,
        assigned_at: moment(&responsible["assigned_at"]).or_else(|| moment(&value["assigned_at"])),
        closed_at,
        updated_at: moment(&value["updated_at"]).unwrap_or(created_at),
    })
}

pub(in super::super) fn message(value: &Value, keeps_texts: bool) -> Decoded<Message> {
    let message_id = id(&value["id"]).ok_or("message_without_id")?;
    let chat_id = id(&value["chat_id"]).or_else(|| id(&value["chat"]["id"])).ok_or("message_without_chat")?;
    let sent_at = match text(&value["time"]) {
        Some(_) => moment(&value["time"]),
        None => moment(&value["created_at"]),
    };
    let sent_at = sent_at.ok_or("message_bad_time")?;
    let author = author(value)?;
    let is_public = match text(&value["scope"]).as_deref() {
        Some("private") => false,
        Some("public") => true,
        // `undefined` occurs; a customer cannot write what the customer cannot see.
        _ => matches!(author, Author::Customer(_)),
    };
    let has_words = keeps_texts && author != Author::System;
    let words = has_words.then(|| text(&value["content"]).or_else(|| text(&value["note"]))).flatten();
    Ok(Message {
        id: message_id,
        chat_id,
        dialog_id: id(&value["dialog"]["id"]).or_else(|| id(&value["dialog_id"])),
        sent_at,
        author,
        is_public,
        event: event(value),
        order_id: id(&value["order"]["external_id"]),
        text: words.map(|words| unescape(&words)),
        updated_at: updated_at(value).unwrap_or(sent_at),
    })
}

fn author(value: &Value) -> Decoded<Author> {
    if value["type"] == "system" {
        return Ok(Author::System);
    }
    let from = &value["from"];
    let author_id = id(&from["id"]).ok_or("message_without_author")?;
    match from["type"].as_str().unwrap_or_default() {
        "customer" => Ok(Author::Customer(author_id)),
        "user" => Ok(Author::User(author_id)),
        "bot" => Ok(Author::Bot(author_id)),
        "channel" => Ok(Author::Channel(author_id)),
        _ => Err("message_unknown_author"),
    }
}

fn event(value: &Value) -> Option<DialogEvent> {
    match value["action"].as_str()? {
        "dialog_assign" => {
            let to = holder(&value["responsible"]).or_else(|| holder(&value["user"]))?;
            Some(DialogEvent::Assigned(to))
        }
        "dialog_unassign" => Some(DialogEvent::Unassigned),
        "dialog_closed" => Some(DialogEvent::Closed),
        _ => None,
    }
}

/// `None` when nobody is named, and for kinds of holders this version does not know.
fn holder(value: &Value) -> Option<Responsible> {
    let holder_id = id(&value["id"])?;
    match value["type"].as_str()? {
        "user" => Some(Responsible::User(holder_id)),
        "bot" => Some(Responsible::Bot(holder_id)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn base() -> Value {
        json!({"id": 3376, "time": "2026-03-02T08:17:28Z", "type": "text", "scope": "public", "chat_id": 30,
               "from": {"id": 519, "type": "customer", "name": "Anna"}, "content": "Чай &amp; мёд?",
               "dialog": {"id": 60}, "updated_at": "2026-03-02T08:17:28.05964Z"})
    }

    fn with(changes: Value) -> Decoded<Message> {
        let mut value = base();
        for (key, change) in changes.as_object().unwrap() {
            value[key] = change.clone();
        }
        message(&value, true)
    }

    #[test]
    fn a_message_is_read_with_its_author_its_dialog_and_its_plain_words() {
        let message = message(&base(), true).unwrap();
        assert_eq!((message.author, message.dialog_id), (Author::Customer(519), Some(60)));
        assert_eq!(message.text.as_deref(), Some("Чай & мёд?"));
        assert!(message.is_inbound());
        assert_eq!(super::message(&base(), false).unwrap().text, None);
    }

    #[test]
    fn system_messages_become_dialog_events_and_have_no_words() {
        let system = |action: &str, more: Value| {
            let mut changes = json!({"type": "system", "scope": "private", "action": action, "from": null});
            changes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            with(changes).unwrap()
        };
        let assigned = system("dialog_assign", json!({"responsible": {"type": "user", "id": 305}}));
        assert_eq!(assigned.event, Some(DialogEvent::Assigned(Responsible::User(305))));
        assert_eq!((assigned.author, assigned.text), (Author::System, None));
        assert_eq!(system("dialog_closed", json!({})).event, Some(DialogEvent::Closed));
        assert_eq!(system("dialog_unassign", json!({})).event, Some(DialogEvent::Unassigned));
        assert_eq!(system("user_joined", json!({})).event, None);
        assert_eq!(system("something_new", json!({})).event, None);
    }

    #[test]
    fn what_is_odd_is_kept_and_what_cannot_be_used_says_why() {
        assert_eq!(with(json!({"type": "hologram"})).unwrap().text.as_deref(), Some("Чай & мёд?"));
        assert!(with(json!({"scope": "undefined"})).unwrap().is_public);
        assert!(!with(json!({"scope": "private"})).unwrap().is_public);
        assert_eq!(with(json!({"dialog": null})).unwrap().dialog_id, None);
        assert_eq!(
            with(json!({"type": "order", "order": {"external_id": 10241}})).unwrap().order_id,
            Some(10241)
        );
        assert_eq!(with(json!({"time": "", "created_at": "2026-03-02T08:17:28Z"})).unwrap().id, 3376);
        for (changes, reason) in [
            (json!({"id": null}), "message_without_id"),
            (json!({"chat_id": null}), "message_without_chat"),
            (json!({"time": "вчера"}), "message_bad_time"),
            (json!({"from": null}), "message_without_author"),
            (json!({"from": {"id": 1, "type": "ghost"}}), "message_unknown_author"),
        ] {
            assert_eq!(with(changes), Err(reason));
        }
    }

    #[test]
    fn a_dialog_is_closed_by_its_date_and_not_by_its_flag() {
        let value = json!({"id": 60, "chat_id": 30, "created_at": "2026-03-02T08:00:00.955306Z", "is_active": true,
            "updated_at": "", "closed_at": "2026-03-02T09:00:00Z",
            "responsible": {"type": "user", "id": 305, "external_id": "28", "assigned_at": "2026-03-02T08:01:10.716716Z"}});
        let dialog = dialog(&value).unwrap();
        assert!(dialog.closed_at.is_some() && dialog.assigned_at.is_some());
        assert_eq!(dialog.responsible, Some(Responsible::User(305)));
        assert_eq!(dialog.updated_at, dialog.created_at);
    }

    #[test]
    fn an_internal_chat_has_neither_channel_nor_customer() {
        let chat = chat(
            &json!({"id": 1, "customer": null, "members": null, "created_at": "2026-03-02T08:00:00Z", "updated_at": null}),
        );
        let chat = chat.unwrap();
        assert_eq!((chat.channel_id, chat.customer_id, chat.customer_name.as_str()), (None, None, ""));
        assert_eq!(chat.updated_at, chat.created_at);
    }
}
