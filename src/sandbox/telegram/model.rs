//! The state of the pretended Telegram: chats, messages, people, and the rules by which ids are given.

use std::collections::{BTreeMap, HashMap};

use chrono::DurationRound;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::args::Args;
use super::chat::{ChatKind, SimChat};
use super::entity::{Entity, EntityKind};
use super::error::ApiError;
use super::flood::FloodMeter;
use super::message::{Attachment, Author, SimMessage, author_json};
use super::methods::bot_member;
use super::text::{self, Formatted};
use super::updates::Updates;
use crate::clock::Instant;

/// A chat with its messages.
#[derive(Debug)]
pub(super) struct Room {
    pub chat: SimChat,
    /// In the order of their ids.
    pub messages: Vec<SimMessage>,
    /// Used by chats that count their own messages.
    next_id: i64,
}

impl Room {
    pub fn message(&self, id: i64) -> Option<&SimMessage> {
        self.messages.iter().find(|message| message.id == id)
    }

    pub fn message_mut(&mut self, id: i64) -> Option<&mut SimMessage> {
        self.messages.iter_mut().find(|message| message.id == id)
    }
}

/// A pressed button that waits for `answerCallbackQuery`.
#[derive(Debug)]
pub(super) struct Callback {
    pub pressed_at: Instant,
    /// What the bot answered; the empty text is an answer too.
    pub answer: Option<String>,
}

#[derive(Debug)]
pub(super) struct Model {
    pub bot_id: i64,
    pub bot_username: String,
    pub rooms: BTreeMap<i64, Room>,
    /// The counter that private chats and basic groups share.
    account_next_id: i64,
    /// Names of people met so far; the place gives the id.
    people: Vec<String>,
    pub updates: Updates,
    pub flood: FloodMeter,
    pub callbacks: HashMap<String, Callback>,
    pub commands: BTreeMap<String, Value>,
    pub files: HashMap<String, Attachment>,
}

/// Ids of people who are met in groups start here.
const FIRST_PERSON_ID: i64 = 500_001;

impl Model {
    pub fn new(bot_id: i64, bot_username: String, flood: FloodMeter) -> Self {
        Self {
            bot_id,
            bot_username,
            rooms: BTreeMap::new(),
            account_next_id: 1,
            people: Vec::new(),
            updates: Updates::default(),
            flood,
            callbacks: HashMap::new(),
            commands: BTreeMap::new(),
            files: HashMap::new(),
        }
    }

    /// The bot as a `User`.
    pub fn bot_json(&self) -> Value {
        json!({"id": self.bot_id, "is_bot": true, "first_name": "Сводка", "username": self.bot_username})
    }

    pub fn add_chat(&mut self, chat: SimChat) {
        self.rooms.insert(chat.id, Room { chat, messages: Vec::new(), next_id: 1 });
    }

    /// The chat that an argument names by number or by `@name`.
    pub fn find_chat(&self, args: &Args, name: &str) -> Option<i64> {
        let wanted = args.get(name)?.trim();
        match wanted.strip_prefix('@') {
            // A name leads to groups and channels only: a bot cannot address a person by name.
            Some(username) => self
                .rooms
                .values()
                .find(|room| {
                    room.chat.has_own_ids()
                        && room.chat.username.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(username))
                })
                .map(|room| room.chat.id),
            None => wanted.parse().ok().filter(|id| self.rooms.contains_key(id)),
        }
    }

    /// As [`Self::find_chat`], for methods that need the chat.
    ///
    /// # Errors
    /// 400 `chat_id is empty`, `chat not found`.
    pub fn room(&self, args: &Args, name: &str) -> Result<&Room, ApiError> {
        if args.get(name).is_none_or(|id| id.trim().is_empty()) {
            return Err(ApiError::bad(&format!("{name} is empty")));
        }
        let room = self.find_chat(args, name).and_then(|id| self.rooms.get(&id));
        room.ok_or_else(|| ApiError::bad("chat not found"))
    }

    /// Gives the message the next id of its chat's counter and stores it. `None` when there is no such chat.
    pub fn commit(&mut self, mut message: SimMessage) -> Option<&SimMessage> {
        let room = self.rooms.get_mut(&message.chat_id)?;
        let counter = if room.chat.has_own_ids() { &mut room.next_id } else { &mut self.account_next_id };
        message.id = *counter;
        *counter += 1;
        message.date = whole_second(message.date);
        room.messages.push(message);
        room.messages.last()
    }

    /// Lets `count` ids of the chat go by, as messages do that are gone by now.
    pub fn skip_ids(&mut self, chat: i64, count: i64) {
        if let Some(room) = self.rooms.get_mut(&chat) {
            let counter = if room.chat.has_own_ids() { &mut room.next_id } else { &mut self.account_next_id };
            *counter += count;
        }
    }

    /// The id of the person with this name, whom one meets in groups.
    pub fn person_id(&mut self, name: &str) -> i64 {
        let place = self.people.iter().position(|known| known == name).unwrap_or_else(|| {
            self.people.push(name.to_owned());
            self.people.len() - 1
        });
        FIRST_PERSON_ID + place as i64
    }

    /// The person with this name; in a private chat always its owner.
    pub fn person(&mut self, chat: &SimChat, name: &str) -> Author {
        if chat.kind == ChatKind::Private {
            return Author::Person { id: chat.id, name: chat.title.clone() };
        }
        Author::Person { id: self.person_id(name), name: name.to_owned() }
    }

    /// The `User` of a person met in a group, by id.
    pub fn person_json(&self, id: i64) -> Option<Value> {
        let place = usize::try_from(id.checked_sub(FIRST_PERSON_ID)?).ok()?;
        let name = self.people.get(place)?.clone();
        Some(author_json(&Author::Person { id, name }, &Value::Null))
    }

    /// Somebody else writes; `None` when there is no such chat. The bot learns of it as far as it is inside.
    pub fn foreign_message(
        &mut self,
        chat_id: i64,
        thread_id: Option<i64>,
        author: &str,
        text: &str,
        now: Instant,
    ) -> Option<i64> {
        let chat = self.rooms.get(&chat_id)?.chat.clone();
        let author = self.person(&chat, author);
        let mut content = text::normalise(Formatted::plain(text));
        if content.text.starts_with('/') {
            let length = content.text.split_whitespace().next().map_or(0, |word| word.encode_utf16().count());
            content.entities.push(Entity { offset: 0, length, kind: EntityKind::BotCommand });
        }
        let message = SimMessage { thread_id, ..SimMessage::new(chat_id, author, content, now) };
        let bot = self.bot_json();
        let message = self.commit(message)?;
        let (id, shown) = (message.id, message.to_json(&chat, &bot));
        if chat.check_read().is_ok() {
            let kind = if chat.kind == ChatKind::Channel { "channel_post" } else { "message" };
            self.updates.push(kind, shown, now);
        }
        Some(id)
    }

    /// A service message of the bot's or of Telegram's own making. Unlike ordinary own messages it comes as an update.
    pub fn service_message(
        &mut self,
        chat_id: i64,
        author: Author,
        fields: Value,
        now: Instant,
    ) -> Option<i64> {
        let chat = self.rooms.get(&chat_id)?.chat.clone();
        let message = SimMessage {
            service: Some(fields),
            ..SimMessage::new(chat_id, author, Formatted::default(), now)
        };
        let bot = self.bot_json();
        let message = self.commit(message)?;
        let (id, shown) = (message.id, message.to_json(&chat, &bot));
        let kind = if chat.kind == ChatKind::Channel { "channel_post" } else { "message" };
        self.updates.push(kind, shown, now);
        Some(id)
    }

    /// Changes a chat; tells the bot when that changed what it is there. `None` when there is no such chat.
    pub fn change_chat(&mut self, id: i64, change: impl FnOnce(&mut SimChat), now: Instant) -> Option<()> {
        let bot = self.bot_json();
        let chat = &mut self.rooms.get_mut(&id)?.chat;
        let before = bot_member(chat, &bot);
        change(chat);
        let after = bot_member(chat, &bot);
        if before != after {
            let chat = chat.clone();
            let from = author_json(&self.person(&chat, "Администратор"), &bot);
            let update = json!({"chat": chat.to_json(), "from": from, "date": now.timestamp(),
                "old_chat_member": before, "new_chat_member": after});
            self.updates.push("my_chat_member", update, now);
        }
        Some(())
    }

    /// The group becomes the supergroup `to`, which starts its own count of messages.
    pub fn migrate(&mut self, from: i64, to: i64, now: Instant) -> Option<()> {
        let room = self.rooms.get_mut(&from)?;
        room.chat.migrated_to = Some(to);
        let chat = SimChat {
            id: to,
            kind: ChatKind::Supergroup { forum: false },
            migrated_to: None,
            ..room.chat.clone()
        };
        self.add_chat(chat);
        let owner = self.rooms.get(&from)?.chat.clone();
        let owner = self.person(&owner, "Владелец группы");
        self.service_message(from, owner.clone(), json!({"migrate_to_chat_id": to}), now)?;
        self.service_message(to, owner, json!({"migrate_from_chat_id": from}), now)?;
        Some(())
    }

    /// Somebody presses a button of a message; `None` when the message has no such button.
    pub fn press_button(
        &mut self,
        chat_id: i64,
        message_id: i64,
        author: &str,
        data: &str,
        now: Instant,
    ) -> Option<String> {
        let room = self.rooms.get(&chat_id)?;
        room.message(message_id)?.buttons().iter().find(|button| **button == data)?;
        let chat = room.chat.clone();
        let author = self.person(&chat, author);
        let bot = self.bot_json();
        let shown = self.rooms.get(&chat_id)?.message(message_id)?.to_json(&chat, &bot);
        let id = format!("{}", 4_000_000_000_001_i64 + self.callbacks.len() as i64);
        self.callbacks.insert(id.clone(), Callback { pressed_at: now, answer: None });
        let query = json!({"id": id, "from": author_json(&author, &bot), "message": shown,
            "chat_instance": format!("{}", chat_id.unsigned_abs()), "data": data});
        self.updates.push("callback_query", query, now);
        Some(id)
    }
}

/// Telegram dates messages in whole seconds.
pub(super) fn whole_second(at: Instant) -> Instant {
    at.duration_trunc(TimeDelta::seconds(1)).unwrap_or(at)
}
