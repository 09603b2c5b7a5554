//! Chats, dialogs and messages.

use crate::clock::Instant;

/// Who answers for a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Responsible {
    /// An employee, by MG user id.
    User(i64),
    /// A bot.
    Bot(i64),
}

/// Who wrote a message. System messages have no author.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    Customer(i64),
    /// By MG user id.
    User(i64),
    Bot(i64),
    Channel(i64),
}

/// What a system message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemEvent {
    DialogOpened,
    DialogAssigned(Responsible),
    DialogUnassigned,
    DialogClosed,
}

/// What a message without words carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    Image,
    Audio,
    File,
}

/// The endless thread with one customer in one channel.
#[derive(Debug, Clone)]
pub struct Chat {
    pub id: i64,
    pub channel_id: i64,
    /// By MG customer id.
    pub customer_id: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
    /// Last message that was not a mass mailing.
    pub last_activity: Option<Instant>,
    /// Ascending.
    pub dialog_ids: Vec<i64>,
    /// In the order of arrival.
    pub message_ids: Vec<i64>,
}

/// A label on a dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogTag {
    pub name: String,
    pub color_code: &'static str,
}

/// Where the customer came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Utm {
    pub source: String,
    pub medium: String,
    pub campaign: Option<String>,
}

/// One conversation inside a chat.
#[derive(Debug, Clone)]
pub struct Dialog {
    pub id: i64,
    pub chat_id: i64,
    pub begin_message_id: Option<i64>,
    pub ending_message_id: Option<i64>,
    /// Who holds it and since when.
    pub responsible: Option<(Responsible, Instant)>,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub closed_at: Option<Instant>,
    pub tags: Vec<DialogTag>,
    pub utm: Option<Utm>,
}

/// One message.
#[derive(Debug, Clone)]
pub struct Message {
    pub id: i64,
    pub chat_id: i64,
    /// `None` for mass mailings.
    pub dialog_id: Option<i64>,
    /// The moment in the channel.
    pub sent_at: Instant,
    /// When the service got to know it.
    pub created_at: Instant,
    pub updated_at: Instant,
    /// `text`, `system`, `order`, `image`, …; an open set.
    pub kind: String,
    pub is_public: bool,
    pub author: Option<Author>,
    /// As typed; escaped only when shown.
    pub content: Option<String>,
    pub media: Option<MediaKind>,
    pub event: Option<SystemEvent>,
    /// The order an `order` message shows.
    pub order_id: Option<i64>,
    pub is_read: bool,
    pub is_edited: bool,
    pub is_mass: bool,
    /// A deleted message leaves all lists.
    pub deleted_at: Option<Instant>,
}

/// A message to be posted.
#[derive(Debug, Clone)]
pub struct NewMessage {
    pub author: Author,
    pub kind: String,
    pub content: Option<String>,
    pub media: Option<MediaKind>,
    pub order_id: Option<i64>,
    pub is_public: bool,
    pub is_mass: bool,
}

impl NewMessage {
    /// A public text.
    pub fn text(author: Author, text: &str) -> Self {
        let (kind, content) = ("text".to_owned(), Some(text.trim().to_owned()));
        Self { author, kind, content, media: None, order_id: None, is_public: true, is_mass: false }
    }

    /// A public picture, voice message or file.
    pub fn media(author: Author, media: MediaKind) -> Self {
        let kind = match media {
            MediaKind::Image => "image",
            MediaKind::Audio => "audio",
            MediaKind::File => "file",
        };
        Self { kind: kind.to_owned(), content: None, media: Some(media), ..Self::text(author, "") }
    }

    /// The card of an order.
    pub fn order(author: Author, order_id: i64) -> Self {
        let kind = "order".to_owned();
        Self { kind, content: None, order_id: Some(order_id), ..Self::text(author, "") }
    }

    /// The same as an internal note.
    pub fn private(self) -> Self {
        Self { is_public: false, ..self }
    }

    /// The same as part of a mass mailing: it opens no dialog and is not activity.
    pub fn mass(self) -> Self {
        Self { is_mass: true, ..self }
    }
}
