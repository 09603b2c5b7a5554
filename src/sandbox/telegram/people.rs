//! What people do in the chats beyond writing and pressing: they forward, correct themselves, and look at the bot's menu.

use serde_json::{Value, json};

use super::message::{Author, SimMessage};
use super::text::{self, Formatted};
use super::{TelegramApi, no_chat};

impl TelegramApi {
    /// The Telegram id of a person met in groups by this name; in a private chat it is the chat's.
    pub fn person_id(&self, name: &str) -> i64 {
        self.server.change(|state| state.model.person_id(name))
    }

    /// A person forwards somebody's words: the bot gets a message whose origin is told. Returns its id.
    ///
    /// # Panics
    /// When there is no such chat.
    pub fn forwarded_message(&self, chat: i64, author: &str, text: &str) -> i64 {
        let now = self.server.clock.now();
        self.server.change(|state| {
            let model = &mut state.model;
            let room = model.rooms.get(&chat).map(|room| room.chat.clone());
            let Some(room) = room else { panic!("{}", no_chat(chat)) };
            let author = model.person(&room, author);
            let origin = Author::Person { id: 1, name: "Кто-то".to_owned() };
            let content = text::normalise(Formatted::plain(text));
            let message =
                SimMessage { forwarded_from: Some(origin), ..SimMessage::new(chat, author, content, now) };
            let bot = model.bot_json();
            let Some(message) = model.commit(message).cloned() else { panic!("{}", no_chat(chat)) };
            model.updates.push("message", message.to_json(&room, &bot), now);
            message.id
        })
    }

    /// A person changes what they wrote: an update `edited_message`, for a bot that asks for these.
    ///
    /// # Panics
    /// When there is no such chat or message.
    pub fn edit_foreign(&self, chat: i64, message_id: i64, text: &str) {
        let now = self.server.clock.now();
        self.server.change(|state| {
            let model = &mut state.model;
            let bot = model.bot_json();
            let Some(room) = model.rooms.get_mut(&chat) else { panic!("{}", no_chat(chat)) };
            let of = room.chat.clone();
            let Some(message) = room.message_mut(message_id) else {
                panic!("there is no message {message_id}")
            };
            message.set_content(text::normalise(Formatted::plain(text)));
            message.edit_date = Some(now);
            message.edits += 1;
            let shown = message.to_json(&of, &bot);
            model.updates.push("edited_message", shown, now);
        });
    }

    /// An administrator who hides behind the group writes.
    ///
    /// # Panics
    /// When there is no such chat.
    pub fn anonymous_message(&self, chat: i64, text: &str) -> i64 {
        let now = self.server.clock.now();
        self.server.change(|state| {
            let model = &mut state.model;
            let room = model.rooms.get(&chat).map(|room| room.chat.clone());
            let Some(room) = room else { panic!("{}", no_chat(chat)) };
            let author = Author::Person { id: 1_087_968_824, name: "Group".to_owned() };
            let message = SimMessage::new(chat, author, text::normalise(Formatted::plain(text)), now);
            let bot = model.bot_json();
            let Some(message) = model.commit(message).cloned() else { panic!("{}", no_chat(chat)) };
            let mut shown = message.to_json(&room, &bot);
            shown["sender_chat"] = room.to_json();
            shown["from"]["is_bot"] = json!(true);
            model.updates.push("message", shown, now);
            message.id
        })
    }

    /// A button with this data appears under a message, as a client of somebody's own making can pretend.
    pub fn plant_button(&self, chat: i64, message_id: i64, data: &str) {
        self.server.change(|state| {
            let room = state.model.rooms.get_mut(&chat);
            if let Some(message) = room.and_then(|room| room.message_mut(message_id)) {
                let button = json!([{ "text": "…", "callback_data": data }]);
                let keyboard = message.keyboard.get_or_insert_with(|| json!({ "inline_keyboard": [] }));
                if let Some(rows) = keyboard["inline_keyboard"].as_array_mut() {
                    rows.push(button);
                }
            }
        });
    }

    /// Commands in the menu of a chat, or with `None` in the menu everywhere else.
    pub fn menu(&self, chat: Option<i64>) -> Vec<String> {
        let scope = match chat {
            Some(id) => json!({ "type": "chat", "chat_id": id }),
            None => json!({ "type": "default" }),
        };
        let state = self.server.state();
        let commands = state.model.commands.get(&format!("{scope} "));
        let words = commands.and_then(Value::as_array).into_iter().flatten();
        words.filter_map(|command| command["command"].as_str().map(str::to_owned)).collect()
    }
}
