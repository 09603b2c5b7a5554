//! From an update to the chats it shows. Pure.

use teloxide::types::{Chat, ChatKind, Message, PublicChatKind, Update, UpdateKind};

use crate::clock::Instant;
use crate::store::deliveries::SeenChat;

/// The chat of the update with its topic; nothing for updates that belong to no chat.
pub fn seen_chat(update: &Update, now: Instant) -> Option<SeenChat> {
    let (chat, message) = match &update.kind {
        UpdateKind::Message(message)
        | UpdateKind::EditedMessage(message)
        | UpdateKind::ChannelPost(message)
        | UpdateKind::EditedChannelPost(message) => (&message.chat, Some(message)),
        UpdateKind::MyChatMember(change) => (&change.chat, None),
        _ => return None,
    };
    let topic = message.filter(|message| message.is_topic_message).and_then(|message| message.thread_id);
    Some(SeenChat {
        id: chat.id.0,
        kind: kind(chat).to_owned(),
        title: title(chat),
        topic: topic.map(|thread| i64::from(thread.0.0)),
        topic_title: message.filter(|_| topic.is_some()).and_then(topic_title),
        seen_at: now,
    })
}

fn kind(chat: &Chat) -> &'static str {
    match &chat.kind {
        ChatKind::Private(_) => "private",
        ChatKind::Public(public) => match &public.kind {
            PublicChatKind::Channel(_) => "channel",
            PublicChatKind::Group => "group",
            PublicChatKind::Supergroup(_) => "supergroup",
        },
    }
}

fn title(chat: &Chat) -> String {
    let title = chat.title().or_else(|| chat.username()).or_else(|| chat.first_name());
    title.unwrap_or_default().to_owned()
}

/// Messages of a topic refer to the one that created it, and only that one has the title.
fn topic_title(message: &Message) -> Option<String> {
    let created = message.forum_topic_created();
    let created = created.or_else(|| message.reply_to_message()?.forum_topic_created());
    created.map(|topic| topic.name.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Telegram writes `update_id` first, and teloxide counts on it.
    fn seen(kind: &str, content: &serde_json::Value) -> Option<SeenChat> {
        let update = format!(r#"{{"update_id":1,"{kind}":{content}}}"#);
        seen_chat(&serde_json::from_str(&update).unwrap(), Instant::UNIX_EPOCH)
    }

    #[test]
    fn a_message_in_a_topic_shows_the_group_and_the_topic_with_its_title() {
        let group = json!({ "id": -1001, "type": "supergroup", "title": "Продажи", "is_forum": true });
        let created = json!({ "message_id": 5, "date": 0, "chat": group, "is_topic_message": true, "message_thread_id": 5,
            "forum_topic_created": { "name": "Сводки", "icon_color": 7322096 } });
        let message = json!({ "message_id": 9, "date": 0, "chat": group, "is_topic_message": true, "message_thread_id": 5,
            "reply_to_message": created, "text": "привет" });
        let chat = seen("message", &message).unwrap();
        assert_eq!((chat.id, chat.kind.as_str(), chat.title.as_str()), (-1001, "supergroup", "Продажи"));
        assert_eq!((chat.topic, chat.topic_title.as_deref()), (Some(5), Some("Сводки")));
    }

    #[test]
    fn a_channel_post_shows_the_channel_and_a_poll_shows_nothing() {
        let post = json!({ "message_id": 1, "date": 0, "text": "x", "chat": { "id": -1002, "type": "channel", "title": "Новости" } });
        let chat = seen("channel_post", &post).unwrap();
        assert_eq!((chat.id, chat.kind.as_str(), chat.topic), (-1002, "channel", None));
        assert_eq!(seen("hologram", &json!({})), None);
    }
}
