//! From an update to what somebody asks of the bot. Pure.
//!
//! Asked is by a command or by a button, in a new message of one's own. Edited and forwarded messages ask nothing: who
//! corrects a slip or shows a message around does not mean to pause a job once more. Other bots ask nothing either.

use teloxide::types::{CallbackQuery, Chat, Message, Update, UpdateKind};

/// Where somebody asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Telegram's id.
    pub id: i64,
    pub kind: PlaceKind,
    /// Public name without the `@`.
    pub username: Option<String>,
    pub topic: Option<i64>,
}

/// What the place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceKind {
    Private,
    Group,
    Channel,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub update_id: i64,
    pub place: Place,
    /// Telegram's id; `None` in channels and for anonymous administrators.
    pub user: Option<i64>,
    /// As they call themselves.
    pub user_name: Option<String>,
    /// The message that asks, or that the pressed button stands under.
    pub message_id: i64,
    pub what: What,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Command {
        /// Without the slash, small letters.
        name: String,
        /// What follows, trimmed.
        args: String,
        /// The bot it is addressed to, small letters, without the `@`.
        to: Option<String>,
    },
    /// Something else, said to the bot in private.
    Words,
    Press {
        callback_id: String,
        data: String,
    },
}

/// What the update asks; `None` when it asks nothing.
pub fn asked(update: &Update) -> Option<Asked> {
    let update_id = i64::from(update.id.0);
    match &update.kind {
        UpdateKind::Message(message) | UpdateKind::ChannelPost(message) => of_message(update_id, message),
        UpdateKind::CallbackQuery(query) => of_press(update_id, query),
        _ => None,
    }
}

fn of_message(update_id: i64, message: &Message) -> Option<Asked> {
    let place = place(&message.chat, Some(message));
    if message.forward_origin().is_some() || message.via_bot.is_some() {
        return None;
    }
    // For an anonymous administrator and for a channel Telegram puts a bot or nobody in the sender's place.
    let user = message.from.as_ref().filter(|_| message.sender_chat.is_none());
    if user.is_some_and(|user| user.is_bot) {
        return None;
    }
    let text = message.text()?;
    let what = match command(text) {
        Some(command) => command,
        None if place.kind == PlaceKind::Private => What::Words,
        None => return None,
    };
    let user_name = user.map(|user| user.first_name.clone());
    let user = user.and_then(|user| i64::try_from(user.id.0).ok());
    Some(Asked { update_id, place, user, user_name, message_id: i64::from(message.id.0), what })
}

fn of_press(update_id: i64, query: &CallbackQuery) -> Option<Asked> {
    let message = query.message.as_ref()?;
    Some(Asked {
        update_id,
        place: place(message.chat(), message.regular_message()),
        user: i64::try_from(query.from.id.0).ok(),
        user_name: Some(query.from.first_name.clone()),
        message_id: i64::from(message.id().0),
        what: What::Press { callback_id: query.id.0.clone(), data: query.data.clone()? },
    })
}

/// `/pause@svodka_bot daily` in its parts.
fn command(text: &str) -> Option<What> {
    let rest = text.strip_prefix('/')?;
    let (word, args) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (name, to) = word.split_once('@').map_or((word, None), |(name, to)| (name, Some(to)));
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_name.then(|| What::Command {
        name: name.to_lowercase(),
        args: args.split_whitespace().collect::<Vec<_>>().join(" "),
        to: to.map(str::to_lowercase),
    })
}

fn place(chat: &Chat, message: Option<&Message>) -> Place {
    let kind = match () {
        () if chat.is_private() => PlaceKind::Private,
        () if chat.is_channel() => PlaceKind::Channel,
        () => PlaceKind::Group,
    };
    let topic = message.filter(|message| message.is_topic_message).and_then(|message| message.thread_id);
    Place {
        id: chat.id.0,
        kind,
        username: chat.username().map(str::to_owned),
        topic: topic.map(|thread| i64::from(thread.0.0)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(kind: &str, content: &Value) -> Option<Asked> {
        let update = format!(r#"{{"update_id":7,"{kind}":{content}}}"#);
        asked(&serde_json::from_str(&update).unwrap())
    }

    fn message(text: &str, more: &Value) -> Value {
        let mut message = json!({ "message_id": 5, "date": 0, "text": text,
            "chat": { "id": -1001, "type": "supergroup", "title": "Продажи" },
            "from": { "id": 77, "is_bot": false, "first_name": "Ольга" } });
        for (name, value) in more.as_object().into_iter().flatten() {
            message[name] = value.clone();
        }
        message
    }

    #[test]
    fn a_command_is_read_with_its_arguments_and_the_bot_it_is_for() {
        let asked = of("message", &message("/Pause@Svodka_Bot   daily\nотпуск", &json!({}))).unwrap();
        assert_eq!((asked.update_id, asked.user, asked.message_id), (7, Some(77), 5));
        let to = Some("svodka_bot".to_owned());
        assert_eq!(asked.what, What::Command { name: "pause".into(), args: "daily отпуск".into(), to });
    }

    #[test]
    fn forwarded_edited_and_foreign_bots_messages_ask_nothing() {
        let origin = json!({ "type": "hidden_user", "sender_user_name": "Кто-то", "date": 0 });
        assert_eq!(of("message", &message("/today", &json!({ "forward_origin": origin }))), None);
        assert_eq!(of("edited_message", &message("/today", &json!({ "edit_date": 9 }))), None);
        let bot = json!({ "id": 9, "is_bot": true, "first_name": "Другой бот" });
        assert_eq!(of("message", &message("/today", &json!({ "from": bot }))), None);
        assert_eq!(of("message", &message("просто слова", &json!({}))), None);
        assert_eq!(of("message", &message("/", &json!({}))), None);
        assert!(
            of("message", &message("/today", &json!({}))).is_some(),
            "the others are refused for a reason"
        );
    }

    #[test]
    fn an_anonymous_administrator_and_a_channel_ask_as_the_chat() {
        let group = json!({ "id": -1001, "type": "supergroup", "title": "Продажи" });
        let anonymous = json!({ "sender_chat": group,
            "from": { "id": 1_087_968_824, "is_bot": true, "first_name": "Group" } });
        let asked = of("message", &message("/today", &anonymous)).unwrap();
        assert_eq!((asked.user, asked.user_name), (None, None));
        let post = json!({ "message_id": 1, "date": 0, "text": "/id", "chat": { "id": -1002, "type": "channel", "title": "Новости" } });
        let asked = of("channel_post", &post).unwrap();
        assert_eq!((asked.place.kind, asked.user), (PlaceKind::Channel, None));
    }
}
