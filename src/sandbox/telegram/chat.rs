//! Chats: who the bot is in them and what it may do there.

use serde_json::{Value, json};

use super::error::ApiError;

/// What a chat is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatKind {
    /// One person; the id is the person's.
    Private,
    /// A basic group.
    Group,
    /// A supergroup; `forum` = it is divided into topics.
    Supergroup {
        forum: bool,
    },
    Channel,
}

/// What the bot is in a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// May write as far as [`SendRights`] go.
    Member,
    /// Has [`AdminRights`] on top and is not bound by [`SendRights`].
    Administrator,
    /// Never came or left by itself.
    NotMember,
    Kicked,
    /// Private: the person stopped the bot.
    Blocked,
    /// Private: the person never pressed Start.
    NotStarted,
    /// Private: the account is gone.
    Deactivated,
    /// Private: the other side is a bot.
    Bot,
    /// The group was deleted.
    Deleted,
    /// Present, but the chat takes no messages from it.
    NoWriteAccess,
}

/// What ordinary members, and so the bot, may send to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendRights {
    pub text: bool,
    pub photos: bool,
    pub documents: bool,
}

/// What the bot may do as an administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminRights {
    /// Channels only.
    pub post: bool,
    /// Channels only: includes posts of others.
    pub edit: bool,
    pub delete: bool,
    /// Groups only; a channel asks for `edit`.
    pub pin: bool,
    pub manage_topics: bool,
}

/// A topic of a forum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// `message_thread_id`; never 1, that is «General».
    pub id: i64,
    pub name: String,
    pub closed: bool,
}

/// A chat as the scenario describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimChat {
    pub id: i64,
    pub kind: ChatKind,
    /// Title, or the person's name.
    pub title: String,
    /// Without the `@`.
    pub username: Option<String>,
    pub bot: Standing,
    pub send: SendRights,
    pub admin: AdminRights,
    /// Forums only.
    pub topics: Vec<Topic>,
    /// Forums only: «General» takes messages of administrators only.
    pub general_closed: bool,
    /// Nothing may be forwarded or copied out of it.
    pub protected: bool,
    /// How many foreign messages take an id right before each message of the bot: a busy chat.
    pub noise_before_send: u32,
    /// Set by a migration; the supergroup that took over.
    pub migrated_to: Option<i64>,
}

impl SimChat {
    fn new(id: i64, kind: ChatKind, title: &str) -> Self {
        Self {
            id,
            kind,
            title: title.to_owned(),
            username: None,
            bot: Standing::Member,
            send: SendRights { text: true, photos: true, documents: true },
            admin: AdminRights { post: true, edit: false, delete: true, pin: true, manage_topics: false },
            topics: Vec::new(),
            general_closed: false,
            protected: false,
            noise_before_send: 0,
            migrated_to: None,
        }
    }

    /// A person who pressed Start. `id` > 0.
    pub fn private(id: i64, name: &str) -> Self {
        Self::new(id, ChatKind::Private, name)
    }

    /// A basic group with the bot as a member. `id` between −1 and −999 999 999 999.
    pub fn group(id: i64, title: &str) -> Self {
        Self::new(id, ChatKind::Group, title)
    }

    /// A supergroup with the bot as a member. `id` below −1 000 000 000 000.
    pub fn supergroup(id: i64, title: &str) -> Self {
        Self::new(id, ChatKind::Supergroup { forum: false }, title)
    }

    /// A supergroup with topics.
    pub fn forum(id: i64, title: &str, topics: &[(i64, &str)]) -> Self {
        let topic = |(id, name): &(i64, &str)| Topic { id: *id, name: (*name).to_owned(), closed: false };
        let topics = topics.iter().map(topic).collect();
        Self { topics, ..Self::new(id, ChatKind::Supergroup { forum: true }, title) }
    }

    /// A channel where the bot is an administrator that may post but not edit what others wrote.
    pub fn channel(id: i64, title: &str) -> Self {
        Self { bot: Standing::Administrator, ..Self::new(id, ChatKind::Channel, title) }
    }

    /// The same chat with a public name, without the `@`.
    #[must_use]
    pub fn with_username(self, username: &str) -> Self {
        Self { username: Some(username.to_owned()), ..self }
    }

    /// Whether the shape of `id` fits `kind`, as the Bot API numbers chats.
    pub fn has_fitting_id(&self) -> bool {
        match self.kind {
            ChatKind::Private => self.id > 0,
            ChatKind::Group => (-999_999_999_999..0).contains(&self.id),
            ChatKind::Supergroup { .. } | ChatKind::Channel => self.id < -1_000_000_000_000,
        }
    }

    /// Supergroups and channels count their own messages; all other chats share the account's counter.
    pub fn has_own_ids(&self) -> bool {
        matches!(self.kind, ChatKind::Supergroup { .. } | ChatKind::Channel)
    }

    /// Groups and channels have a limit per minute.
    pub fn is_crowd(&self) -> bool {
        self.kind != ChatKind::Private
    }

    pub fn is_forum(&self) -> bool {
        self.kind == ChatKind::Supergroup { forum: true }
    }

    pub fn is_admin(&self) -> bool {
        self.bot == Standing::Administrator
    }

    /// `type` of the Bot API.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            ChatKind::Private => "private",
            ChatKind::Group => "group",
            ChatKind::Supergroup { .. } => "supergroup",
            ChatKind::Channel => "channel",
        }
    }

    /// `Chat` of the Bot API.
    pub fn to_json(&self) -> Value {
        let mut chat = json!({"id": self.id, "type": self.type_name()});
        let name = if self.kind == ChatKind::Private { "first_name" } else { "title" };
        chat[name] = json!(self.title);
        if let Some(username) = &self.username {
            chat["username"] = json!(username);
        }
        if self.is_forum() {
            chat["is_forum"] = json!(true);
        }
        chat
    }

    /// Whether the bot may look into the chat.
    ///
    /// # Errors
    /// 403 for a bot that was thrown out or never was inside, 400 for a person it never met.
    pub fn check_read(&self) -> Result<(), ApiError> {
        let kind = self.type_name();
        match (self.kind, self.bot) {
            (ChatKind::Private, Standing::NotMember) => Err(ApiError::bad("chat not found")),
            (ChatKind::Private, _) => Ok(()),
            (_, Standing::Kicked) => {
                Err(ApiError::forbidden(&format!("bot was kicked from the {kind} chat")))
            }
            (_, Standing::NotMember) => {
                Err(ApiError::forbidden(&format!("bot is not a member of the {kind} chat")))
            }
            (_, Standing::Deleted) => Err(ApiError::forbidden("the group chat was deleted")),
            _ => Ok(()),
        }
    }

    /// Whether the bot may write to the chat at all.
    ///
    /// # Errors
    /// As [`Self::check_read`], then migration, then what the other side did to the bot.
    pub fn check_write(&self) -> Result<(), ApiError> {
        if let Some(to) = self.migrated_to {
            return Err(ApiError::migrated(to));
        }
        self.check_read()?;
        match self.bot {
            Standing::Blocked => Err(ApiError::forbidden("bot was blocked by the user")),
            Standing::NotStarted => Err(ApiError::forbidden("bot can't initiate conversation with a user")),
            Standing::Deactivated => Err(ApiError::forbidden("user is deactivated")),
            Standing::Bot => Err(ApiError::forbidden("the bot can't send messages to the bot")),
            Standing::NoWriteAccess => Err(ApiError::bad("have no write access to the chat")),
            _ if self.kind == ChatKind::Channel && !(self.is_admin() && self.admin.post) => {
                Err(ApiError::bad("need administrator rights in the channel chat"))
            }
            _ => Ok(()),
        }
    }

    /// The topic a message goes to: ignored where there are no topics, refused when unknown, closed or «General» by
    /// its number.
    ///
    /// # Errors
    /// 400 `message thread not found` or `TOPIC_CLOSED`.
    pub fn check_topic(&self, thread_id: Option<i64>) -> Result<Option<i64>, ApiError> {
        let may_enter_closed = self.is_admin() && self.admin.manage_topics;
        match (self.kind, thread_id.filter(|id| *id != 0)) {
            (ChatKind::Private, Some(_)) => Err(ApiError::bad("message thread not found")),
            (ChatKind::Supergroup { forum: true }, Some(id)) => {
                let topic = self.topics.iter().find(|topic| topic.id == id);
                let topic = topic.ok_or_else(|| ApiError::bad("message thread not found"))?;
                if topic.closed && !may_enter_closed {
                    return Err(ApiError::bad("TOPIC_CLOSED"));
                }
                Ok(Some(id))
            }
            (ChatKind::Supergroup { forum: true }, None) if self.general_closed && !may_enter_closed => {
                Err(ApiError::bad("TOPIC_CLOSED"))
            }
            _ => Ok(None),
        }
    }

    /// Whether members may send this kind of content; `what` is `text messages`, `photos` or `documents`.
    ///
    /// # Errors
    /// 400 `not enough rights to send … to the chat`.
    pub fn check_right(&self, allowed: bool, what: &str) -> Result<(), ApiError> {
        if allowed || self.is_admin() || self.kind == ChatKind::Private {
            return Ok(());
        }
        Err(ApiError::bad(&format!("not enough rights to send {what} to the chat")))
    }
}
