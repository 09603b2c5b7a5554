//! How the Bot API shows each object.

use serde_json::{Value, json};

use super::shape::{escape, micros, micros_or_nothing, seconds};
use crate::clock::Instant;
use crate::sandbox::retailcrm::Oddities;
use crate::sandbox::retailcrm::model::{
    Author, Bot, Channel, Chat, Dialog, MediaKind, Message, MgCustomer, Model, Responsible, SystemEvent, User,
};

/// What is needed to show anything.
pub(super) struct View<'a> {
    pub model: &'a Model,
    pub now: Instant,
    pub oddities: &'a Oddities,
}

impl View<'_> {
    pub fn bot(&self, bot: &Bot) -> Value {
        json!({
            "id": bot.id, "name": escape(&bot.name), "client_id": "instance-1", "avatar_url": "",
            "roles": if self.oddities.mg_sparse { Value::Null } else { json!([]) },
            "created_at": micros(bot.created_at), "updated_at": micros(bot.created_at), "deactivated_at": null,
            "is_active": true, "is_self": bot.is_self, "is_system": false,
        })
    }

    pub fn channel(&self, channel: &Channel) -> Value {
        let customer_external_id = if channel.kind == "whatsapp" { "phone" } else { "any" };
        json!({
            "id": channel.id, "type": channel.kind, "name": escape(&channel.name),
            "settings": {"customer_external_id": customer_external_id, "status": {"delivered": "send"},
                         "text": {"creating": "both", "editing": "both", "quoting": "both",
                                  "deleting": "receive", "max_chars_count": 4096}},
            "created_at": micros(channel.created_at), "updated_at": micros(channel.updated_at),
            "activated_at": micros(channel.created_at),
            "deactivated_at": if channel.is_active { Value::Null } else { json!(micros(channel.updated_at)) },
            "is_active": channel.is_active,
        })
    }

    pub fn user(&self, user: &User) -> Value {
        let mut shown = json!({
            "id": user.mg_id, "username": format!("user{}@example.test", user.crm_id),
            "first_name": escape(&user.first_name), "last_name": escape(&user.last_name), "avatar_url": null,
            "created_at": micros(user.created_at), "updated_at": micros(user.updated_at),
            "revoked_at": if user.is_active { Value::Null } else { json!(micros(user.updated_at)) },
            "is_online": user.is_active, "is_active": user.is_active,
            "external_id": user.external_id,
        });
        // Older answers lack these.
        if !(self.oddities.mg_sparse && user.mg_id % 4 == 0) {
            shown["available"] = json!(user.is_active);
            shown["connected"] = json!(true);
        }
        if user.is_technical || !self.oddities.mg_sparse {
            shown["is_technical_account"] = json!(user.is_technical);
        }
        shown
    }

    pub fn customer(&self, person: &MgCustomer) -> Value {
        json!({
            "id": person.id, "external_id": person.external_id, "channel_id": person.channel_id,
            "username": escape(&person.username), "first_name": escape(&person.first_name),
            "last_name": escape(&person.last_name), "created_at": micros(person.created_at),
            "updated_at": micros(person.updated_at), "revoked_at": null, "avatar_url": "", "profile_url": "",
            "country": "", "language": "ru", "phone": person.phone, "email": "", "is_blocked": false, "utm": null,
        })
    }

    pub fn chat(&self, chat: &Chat) -> Value {
        let channel = self.model.channels.iter().find(|channel| channel.id == chat.channel_id);
        let of_chat = || {
            chat.message_ids.iter().rev().filter_map(|&id| self.model.message(id).ok()).filter(|message| {
                message.created_at <= self.now && message.deleted_at.is_none() && !message.is_mass
            })
        };
        let last_user = of_chat().find(|message| matches!(message.author, Some(Author::User(_))));
        let from_customer = |message: &&Message| matches!(message.author, Some(Author::Customer(_)));
        let unread = of_chat().take_while(|message| !message.is_read || message.author.is_none());
        let unread = unread.filter(from_customer).count();
        let mut shown = json!({
            "id": chat.id, "avatar": "", "name": "", "author_id": 0,
            "channel": channel.map(|channel| json!({
                "id": channel.id, "avatar": "", "transport_id": 4, "type": channel.kind,
                "settings": {"text": {"creating": "both"}}, "name": escape(&channel.name),
                "is_active": channel.is_active})),
            "members": null, "customer": self.actor(Author::Customer(chat.customer_id), chat.id),
            "last_message": of_chat().next().map(|message| self.message_core(message)),
            "last_dialog": self.model.last_dialog(chat.id).map(|dialog| self.last_dialog(dialog)),
            "last_activity": chat.last_activity.map(|at| seconds(at, self.is_shifted(chat.id))),
            "reply_deadline": if self.oddities.mg_dates && chat.id % 3 == 0 { json!("") } else { Value::Null },
            "waiting_level": if unread > 0 { "warning" } else { "none" },
            "created_at": micros(chat.created_at), "updated_at": micros(chat.updated_at),
        });
        if let Some(message) = last_user {
            shown["last_user_message"] = json!({"id": message.id});
        }
        // "Required" by the specification, yet missing in practice.
        if !(self.oddities.mg_sparse && chat.id % 4 == 0) {
            shown["not_read_messages"] = json!(unread);
            shown["unread"] = json!(unread > 0);
        }
        shown
    }

    fn last_dialog(&self, dialog: &Dialog) -> Value {
        let second = |at: Instant| seconds(at, self.is_shifted(dialog.id));
        json!({
            "id": dialog.id, "created_at": second(dialog.created_at), "closed_at": dialog.closed_at.map(second),
            "assigned_at": dialog.responsible.map(|(_, at)| second(at)),
            "responsible": dialog.responsible.map(|(who, _)| self.actor(author_of(who), dialog.id)), "utm": null,
        })
    }

    pub fn looks_active(&self, dialog: &Dialog) -> bool {
        dialog.closed_at.is_none() || self.oddities.closed_dialogs_look_active
    }

    pub fn dialog(&self, dialog: &Dialog) -> Value {
        let bot_id = match dialog.responsible {
            Some((Responsible::Bot(id), _)) => Some(id),
            _ => None,
        };
        let tags: Vec<Value> = dialog
            .tags
            .iter()
            .map(|tag| json!({"name": escape(&tag.name), "color_code": tag.color_code}))
            .collect();
        let mut shown = json!({
            "id": dialog.id, "chat_id": dialog.chat_id, "begin_message_id": dialog.begin_message_id,
            "ending_message_id": dialog.ending_message_id, "bot_id": bot_id,
            "created_at": micros(dialog.created_at), "updated_at": micros(dialog.updated_at),
            "closed_at": micros_or_nothing(dialog.closed_at, self.oddities.mg_dates && dialog.id % 7 == 0),
            "is_assigned": dialog.responsible.is_some(), "is_active": self.looks_active(dialog),
            "tags": tags,
            "utm": dialog.utm.as_ref().map(|utm| json!({
                "source": utm.source, "medium": utm.medium, "campaign": utm.campaign, "term": null,
                "content": null})),
        });
        if let Some((who, assigned_at)) = dialog.responsible {
            let mut responsible = match who {
                Responsible::User(id) => json!({"type": "user", "id": id}),
                Responsible::Bot(id) => json!({"type": "bot", "id": id}),
            };
            responsible["assigned_at"] = json!(micros(assigned_at));
            if let Responsible::User(id) = who
                && let Ok(user) = self.model.mg_user(id)
                && !(self.oddities.mg_sparse && dialog.id % 5 == 0)
            {
                responsible["external_id"] = json!(user.external_id);
            }
            shown["responsible"] = responsible;
        }
        shown
    }

    /// A message as `/messages` lists it.
    pub fn message(&self, message: &Message) -> Value {
        let mut shown = self.message_core(message);
        let channel_id = self.model.chat(message.chat_id).map(|chat| chat.channel_id).ok();
        shown["channel_id"] = json!(channel_id);
        let is_blank = self.oddities.mg_dates && message.id % 6 == 0;
        shown["channel_sent_at"] = micros_or_nothing(None, is_blank);
        shown["created_at"] = json!(micros(message.created_at));
        shown["updated_at"] = json!(micros(message.updated_at));
        if !(self.oddities.mg_sparse && message.id % 3 == 0) {
            shown["actions"] = json!(["quote"]);
        }
        shown
    }

    /// A message as chats carry their last one.
    fn message_core(&self, message: &Message) -> Value {
        let status = match (message.author, message.is_read) {
            (Some(Author::User(_) | Author::Bot(_)), _) => "sent",
            (Some(_), true) => "seen",
            _ => "received",
        };
        let mut shown = json!({
            "id": message.id, "time": seconds(message.sent_at, self.is_shifted(message.id)), "type": message.kind,
            "scope": if message.is_public { "public" } else { "private" }, "chat_id": message.chat_id,
            "is_read": message.is_read, "is_edit": message.is_edited, "status": status,
            "quote": self.quote(message),
        });
        if let Some(author) = message.author {
            shown["from"] = self.actor(author, message.id);
        }
        if let Some(text) = &message.content {
            shown["content"] = json!(escape(text));
        }
        if let Some(id) = message.dialog_id {
            shown["dialog"] = json!({"id": id});
        }
        if let Some(media) = message.media {
            let (mime, kind) = match media {
                MediaKind::Image => ("image/jpeg", "image"),
                MediaKind::Audio => ("audio/ogg", "audio"),
                MediaKind::File => ("application/pdf", "file"),
            };
            let id = format!("b2bdba90-166c-4e0a-829d-{:012x}", message.id);
            shown["items"] = json!([{"id": id, "type": mime, "kind": kind, "size": 21400}]);
        }
        match message.event {
            None => {}
            Some(SystemEvent::DialogOpened) => shown["action"] = json!("dialog_opened"),
            Some(SystemEvent::DialogUnassigned) => shown["action"] = json!("dialog_unassign"),
            Some(SystemEvent::DialogClosed) => shown["action"] = json!("dialog_closed"),
            Some(SystemEvent::DialogAssigned(who)) => {
                shown["action"] = json!("dialog_assign");
                shown["responsible"] = self.actor(author_of(who), message.id);
            }
        }
        if let Some(order) = message.order_id.and_then(|id| self.model.order(id).ok()) {
            shown["order"] = json!({
                "external_id": order.id, "number": order.number, "url": "https://shop.example/orders",
                "date": seconds(order.created_at, false),
                "cost": {"value": order.total_minor() as f64 / 100.0,
                         "currency": self.model.settings.currency.to_lowercase()},
                "status": {"code": "new", "name": "Новый"}, "payments": [], "items": [],
            });
        }
        shown
    }

    /// Now and then an employee quotes the message before; its time has a fraction, unlike the original's.
    fn quote(&self, message: &Message) -> Value {
        let quotes = matches!(message.author, Some(Author::User(_))) && message.id % 7 == 0;
        if !(self.oddities.mg_dates && quotes) {
            return Value::Null;
        }
        let Ok(chat) = self.model.chat(message.chat_id) else { return Value::Null };
        let before = chat.message_ids.iter().rev().filter(|&&id| id < message.id);
        let quoted = before.filter_map(|&id| self.model.message(id).ok()).find_map(|quoted| {
            Some((quoted, quoted.author.filter(|who| matches!(who, Author::Customer(_)))?))
        });
        let Some((quoted, author)) = quoted else { return Value::Null };
        json!({
            "id": quoted.id, "type": quoted.kind, "from": self.actor(author, quoted.id),
            "time": micros(quoted.sent_at), "content": quoted.content.as_deref().map(escape),
        })
    }

    /// Somebody, as messages and chats name them. `salt` decides where the oddities strike.
    fn actor(&self, who: Author, salt: i64) -> Value {
        let (kind, id) = match who {
            Author::Customer(id) => ("customer", id),
            Author::User(id) => ("user", id),
            Author::Bot(id) => ("bot", id),
            Author::Channel(id) => ("channel", id),
        };
        let mut shown = json!({"id": id, "type": kind, "avatar": "", "name": ""});
        let external_id = match who {
            Author::Customer(id) => self.model.mg_customer(id).ok().map(|person| {
                let name = format!("{} {}", person.first_name, person.last_name);
                shown["name"] = json!(escape(name.trim()));
                shown["first_name"] = json!(escape(&person.first_name));
                if !person.username.is_empty() {
                    shown["username"] = json!(escape(&person.username));
                }
                person.external_id.clone()
            }),
            Author::User(id) => self.model.mg_user(id).ok().map(|user| {
                let name = format!("{} {}", user.first_name, user.last_name);
                shown["name"] = json!(escape(name.trim()));
                shown["available"] = json!(true);
                user.external_id.clone()
            }),
            Author::Bot(id) => {
                let bot = self.model.bots.iter().find(|bot| bot.id == id);
                shown["name"] = json!(bot.map_or_else(String::new, |bot| escape(&bot.name)));
                None
            }
            Author::Channel(_) => None,
        };
        match external_id {
            Some(_) if self.oddities.mg_sparse && salt % 8 == 0 => shown["external_id"] = json!(""),
            Some(_) if self.oddities.mg_sparse && salt % 8 == 1 => {}
            Some(external_id) => shown["external_id"] = json!(external_id),
            None => {}
        }
        shown
    }

    pub fn channel_kind(&self, channel_id: i64) -> &str {
        let channel = self.model.channels.iter().find(|channel| channel.id == channel_id);
        channel.map_or("", |channel| channel.kind.as_str())
    }

    /// Whether a date of the "second" kind is written with an offset other than `Z`.
    fn is_shifted(&self, salt: i64) -> bool {
        self.oddities.mg_dates && salt % 3 == 1
    }
}

fn author_of(who: Responsible) -> Author {
    match who {
        Responsible::User(id) => Author::User(id),
        Responsible::Bot(id) => Author::Bot(id),
    }
}
