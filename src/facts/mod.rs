//! What was observed outside, in our own words and units.
//!
//! `collect` makes facts, `store` keeps them, `measure` counts them. A fact is never corrected here: what the CRM
//! said is what stands, and what it did not say is an `Option`.

pub mod bot;
pub mod bot_days;
mod directory;
pub mod llm;
pub mod marks;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use crate::clock::Instant;
pub use directory::{Directory, Manager};
pub use marks::{Marks, MarksOf};

/// An amount in minor units (kopecks), exact. May be negative (a correction).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(pub i64);

impl std::ops::Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::iter::Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self(0), |sum, amount| sum + amount)
    }
}

/// Who a manager is across both CRM numberings: the CRM user id where it is known, else the MG (chat) user id.
///
/// Written `crm:28` or `mg:305` in history rows and on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ManagerId {
    /// Id in `/api/v5/users`.
    Crm(i64),
    /// Id in the MG Bot API's `/users`, for a person whom no CRM user claims.
    Mg(i64),
}

impl fmt::Display for ManagerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crm(id) => write!(f, "crm:{id}"),
            Self::Mg(id) => write!(f, "mg:{id}"),
        }
    }
}

impl FromStr for ManagerId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("`{text}` is not a manager id; write crm:28 or mg:305");
        let (kind, id) = text.split_once(':').ok_or_else(bad)?;
        let id = id.parse().map_err(|_| bad())?;
        match kind {
            "crm" => Ok(Self::Crm(id)),
            "mg" => Ok(Self::Mg(id)),
            _ => Err(bad()),
        }
    }
}

impl Serialize for ManagerId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ManagerId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A person in the CRM (API v5 `/users`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmUser {
    /// CRM user id.
    pub id: i64,
    /// First and last name joined by a space, trimmed; never empty (falls back to «Пользователь 28»).
    pub name: String,
    /// The same person's id in the chats, when the CRM says so.
    pub mg_user_id: Option<i64>,
    /// Works as a manager, as opposed to an administrator or courier only.
    pub is_manager: bool,
    /// May still log in.
    pub is_active: bool,
}

/// A person in the chats (MG Bot API `/users`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MgUser {
    /// MG user id: what message authors and responsibles refer to.
    pub id: i64,
    /// The CRM user id as a string, by all evidence; `None` when empty or missing.
    pub external_id: Option<String>,
    /// First and last name joined by a space, trimmed; never empty.
    pub name: String,
    /// Not revoked.
    pub is_active: bool,
    /// An integration, not a person.
    pub is_technical: bool,
}

/// A messenger account customers write to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// MG channel id.
    pub id: i64,
    /// The CRM's word: `telegram`, `whatsapp`, `instagram`, …; an open set.
    pub kind: String,
    /// Name given by the shop, if any.
    pub name: Option<String>,
    /// Switched on.
    pub is_active: bool,
}

/// The endless thread with one customer in one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// MG chat id.
    pub id: i64,
    /// `None` for chats between employees.
    pub channel_id: Option<i64>,
    /// MG customer id; `None` for chats between employees.
    pub customer_id: Option<i64>,
    /// The name the customer goes by; may be empty.
    pub customer_name: String,
    /// When the chat began.
    pub created_at: Instant,
    /// Last change of any kind, by the CRM's clock.
    pub updated_at: Instant,
}

/// Who answers for a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Responsible {
    /// An employee, by MG user id.
    User(i64),
    /// A bot, by MG bot id.
    Bot(i64),
}

/// One conversation inside a chat, from its first message until it is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialog {
    /// MG dialog id.
    pub id: i64,
    /// The chat it belongs to.
    pub chat_id: i64,
    /// Who holds it now; who held it earlier is told by [`DialogEvent::Assigned`] messages.
    pub responsible: Option<Responsible>,
    /// When it was opened.
    pub created_at: Instant,
    /// When the present responsible took it.
    pub assigned_at: Option<Instant>,
    /// When it was closed; `None` while open. The CRM's `is_active` is not to be trusted.
    pub closed_at: Option<Instant>,
    /// Last change, by the CRM's clock.
    pub updated_at: Instant,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Author {
    /// The customer, by MG customer id.
    Customer(i64),
    /// An employee, by MG user id.
    User(i64),
    /// A bot, by MG bot id.
    Bot(i64),
    /// The channel itself.
    Channel(i64),
    /// Nobody: a note of the CRM about the dialog.
    System,
}

/// What a system message says about its dialog. Others are not kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "to", rename_all = "snake_case")]
pub enum DialogEvent {
    /// The dialog was given to somebody.
    Assigned(Responsible),
    /// The dialog was taken from its responsible.
    Unassigned,
    /// The dialog was closed.
    Closed,
}

/// One message of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// MG message id; grows with arrival, not with [`Message::sent_at`].
    pub id: i64,
    /// The chat it stands in.
    pub chat_id: i64,
    /// `None` for messages outside any dialog.
    pub dialog_id: Option<i64>,
    /// The moment of the message in the channel.
    pub sent_at: Instant,
    /// Who wrote it.
    pub author: Author,
    /// Visible to the customer; `false` for internal notes.
    pub is_public: bool,
    /// Set on the system messages that move or close a dialog.
    pub event: Option<DialogEvent>,
    /// CRM order id, when the message shows an order.
    pub order_id: Option<i64>,
    /// The customer's or employee's words, unescaped; `None` for media, and where texts were not asked for or
    /// are past their retention.
    pub text: Option<String>,
    /// Last change, by the CRM's clock.
    pub updated_at: Instant,
}

impl Message {
    /// Whether the message counts towards conversation measures: public and written by somebody.
    pub fn is_counted(&self) -> bool {
        self.is_public && !matches!(self.author, Author::System)
    }

    /// Counted, and from the customer.
    pub fn is_inbound(&self) -> bool {
        self.is_counted() && matches!(self.author, Author::Customer(_))
    }

    /// Counted, and from an employee. Bots never answer for people.
    pub fn is_human_reply(&self) -> bool {
        self.is_counted() && matches!(self.author, Author::User(_))
    }
}

/// An order of the CRM, as last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// CRM order id.
    pub id: i64,
    /// The number people say.
    pub number: String,
    /// Status code.
    pub status: String,
    /// When the order was made, by the CRM (editable there).
    pub created_at: Instant,
    /// CRM user id of the manager; `None` when nobody is assigned.
    pub manager_id: Option<i64>,
    /// CRM customer id.
    pub customer_id: Option<i64>,
    /// MG dialog the order was made in, when the CRM says so.
    pub dialog_id: Option<i64>,
    /// What the customer has to pay, delivery and discounts included.
    pub total: Money,
    /// What was paid so far.
    pub prepaid: Money,
    /// ISO code; `None` on older orders, then the account's default holds.
    pub currency: Option<String>,
    /// When the whole order was paid; the only proof of payment.
    pub full_paid_at: Option<Instant>,
    /// Deleted or merged away in the CRM; kept for the record, counted nowhere.
    pub is_deleted: bool,
}

/// A CRM customer and one of their chat identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerLink {
    /// MG customer id.
    pub mg_customer_id: i64,
    /// CRM customer id.
    pub crm_customer_id: i64,
}

/// An entry of one of the CRM's reference books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// `order_status` or `payment_status`.
    pub book: String,
    /// Code used by orders.
    pub code: String,
    /// Name people see.
    pub name: String,
    /// Status group (`new`, …, `complete`, `cancel`), where the book has one.
    pub group: Option<String>,
}

/// Facts read from a source in one step, to be stored together with the cursor that says so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FactBatch {
    pub crm_users: Vec<CrmUser>,
    pub mg_users: Vec<MgUser>,
    pub channels: Vec<Channel>,
    pub chats: Vec<Chat>,
    pub dialogs: Vec<Dialog>,
    pub messages: Vec<Message>,
    pub orders: Vec<Order>,
    /// Orders known to be deleted or merged away, by id; those never stored are ignored.
    pub deleted_orders: Vec<i64>,
    pub customer_links: Vec<CustomerLink>,
    pub references: Vec<Reference>,
}

impl FactBatch {
    /// Number of facts in the batch.
    pub fn len(&self) -> usize {
        self.crm_users.len()
            + self.mg_users.len()
            + self.channels.len()
            + self.chats.len()
            + self.dialogs.len()
            + self.messages.len()
            + self.orders.len()
            + self.deleted_orders.len()
            + self.customer_links.len()
            + self.references.len()
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Everything `measure` needs for one report: the facts of a window, without message texts.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub directory: Directory,
    pub channels: Vec<Channel>,
    /// Chats that the dialogs and messages refer to.
    pub chats: Vec<Chat>,
    /// Dialogs with a message in the window, and dialogs open at its end.
    pub dialogs: Vec<Dialog>,
    /// All messages of those dialogs from their first one on, and dialog-less messages of the window;
    /// ascending by `(sent_at, id)`.
    pub messages: Vec<Message>,
    /// Orders created in the window, deleted ones left out; ascending by `(created_at, id)`.
    pub orders: Vec<Order>,
    pub customer_links: Vec<CustomerLink>,
    /// What the text analysis says of the messages above.
    pub marks: MarksOf,
}

/// From when to when a source was read completely: half-open `[from, until)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageSpan {
    /// Start of the stretch known completely.
    pub from: Instant,
    /// End of it: nothing at or after this moment is promised.
    pub until: Instant,
}

/// Where reading a source stands; what the next round starts from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourceState {
    /// Where to go on; its shape belongs to the collector of the source. `None` = never read.
    pub cursor: Option<serde_json::Value>,
    /// The stretch known completely; `None` before the first load is through.
    pub coverage: Option<CoverageSpan>,
}

/// What one step of reading says about its source; stored with the facts of that step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourceStep {
    pub source: String,
    /// New cursor; `None` leaves the old one.
    pub cursor: Option<serde_json::Value>,
    /// New coverage; `None` leaves the old one. Set only when a round is through.
    pub coverage: Option<CoverageSpan>,
    /// The round is through: counts as a success.
    pub is_complete: bool,
    /// Records that could not be used, counted by bounded reason.
    pub dropped: BTreeMap<String, u64>,
}
