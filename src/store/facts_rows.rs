//! Rows of facts as both databases give them.

use crate::clock::Instant;
use crate::facts::{
    Author, Channel, Chat, CrmUser, CustomerLink, Dialog, DialogEvent, Message, MgUser, Money, Order,
    Responsible,
};
use crate::store::{Result, StoreError};

/// A row whose columns are the fields of a fact, name by name.
macro_rules! plain_row {
    ($record:ident => $fact:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        #[derive(sqlx::FromRow)]
        pub(super) struct $record { $($field: $type),+ }

        impl TryFrom<$record> for $fact {
            type Error = StoreError;
            fn try_from(row: $record) -> Result<Self> {
                Ok(Self { $($field: row.$field),+ })
            }
        }
    };
}

plain_row!(CrmUserRecord => CrmUser {
    id: i64, name: String, mg_user_id: Option<i64>, is_manager: bool, is_active: bool,
});
plain_row!(MgUserRecord => MgUser {
    id: i64, external_id: Option<String>, name: String, is_active: bool, is_technical: bool,
});
plain_row!(ChannelRecord => Channel { id: i64, kind: String, name: Option<String>, is_active: bool });
plain_row!(ChatRecord => Chat {
    id: i64, channel_id: Option<i64>, customer_id: Option<i64>, customer_name: String, created_at: Instant,
    updated_at: Instant,
});
plain_row!(LinkRecord => CustomerLink { mg_customer_id: i64, crm_customer_id: i64 });

#[derive(sqlx::FromRow)]
pub(super) struct DialogRecord {
    id: i64,
    chat_id: i64,
    responsible_kind: Option<String>,
    responsible_id: Option<i64>,
    created_at: Instant,
    assigned_at: Option<Instant>,
    closed_at: Option<Instant>,
    updated_at: Instant,
}

#[derive(sqlx::FromRow)]
pub(super) struct MessageRecord {
    id: i64,
    chat_id: i64,
    dialog_id: Option<i64>,
    sent_at: Instant,
    author_kind: String,
    author_id: Option<i64>,
    is_public: bool,
    event_kind: Option<String>,
    event_to_kind: Option<String>,
    event_to_id: Option<i64>,
    order_id: Option<i64>,
    updated_at: Instant,
}

#[derive(sqlx::FromRow)]
pub(super) struct OrderRecord {
    id: i64,
    number: String,
    status: String,
    created_at: Instant,
    manager_id: Option<i64>,
    customer_id: Option<i64>,
    dialog_id: Option<i64>,
    total_minor: i64,
    prepaid_minor: i64,
    currency: Option<String>,
    full_paid_at: Option<Instant>,
    is_deleted: bool,
}

/// The two columns that hold a responsible.
pub(super) fn responsible_columns(responsible: Option<Responsible>) -> (Option<&'static str>, Option<i64>) {
    match responsible {
        Some(Responsible::User(id)) => (Some("user"), Some(id)),
        Some(Responsible::Bot(id)) => (Some("bot"), Some(id)),
        None => (None, None),
    }
}

/// The two columns that hold an author.
pub(super) fn author_columns(author: Author) -> (&'static str, Option<i64>) {
    match author {
        Author::Customer(id) => ("customer", Some(id)),
        Author::User(id) => ("user", Some(id)),
        Author::Bot(id) => ("bot", Some(id)),
        Author::Channel(id) => ("channel", Some(id)),
        Author::System => ("system", None),
    }
}

/// The three columns that hold an event: its kind, and to whom the dialog was given.
pub(super) fn event_columns(
    event: Option<DialogEvent>,
) -> (Option<&'static str>, Option<&'static str>, Option<i64>) {
    match event {
        Some(DialogEvent::Assigned(to)) => {
            let (kind, id) = responsible_columns(Some(to));
            (Some("assigned"), kind, id)
        }
        Some(DialogEvent::Unassigned) => (Some("unassigned"), None, None),
        Some(DialogEvent::Closed) => (Some("closed"), None, None),
        None => (None, None, None),
    }
}

/// The author that the two columns of message `id` hold.
pub(super) fn author(kind: &str, author_id: Option<i64>, id: i64) -> Result<Author> {
    Ok(match (kind, author_id) {
        ("customer", Some(id)) => Author::Customer(id),
        ("user", Some(id)) => Author::User(id),
        ("bot", Some(id)) => Author::Bot(id),
        ("channel", Some(id)) => Author::Channel(id),
        ("system", None) => Author::System,
        _ => return Err(inconsistent("messages", "author_kind", id)),
    })
}

fn inconsistent(table: &'static str, column: &'static str, id: i64) -> StoreError {
    let why = "the word and the id beside it do not fit together".to_owned();
    StoreError::Inconsistent { table, column, row: id.to_string(), why }
}

fn responsible(kind: Option<&str>, id: Option<i64>) -> Option<Option<Responsible>> {
    match (kind, id) {
        (Some("user"), Some(id)) => Some(Some(Responsible::User(id))),
        (Some("bot"), Some(id)) => Some(Some(Responsible::Bot(id))),
        (None, None) => Some(None),
        _ => None,
    }
}

impl TryFrom<DialogRecord> for Dialog {
    type Error = StoreError;
    fn try_from(row: DialogRecord) -> Result<Self> {
        Ok(Self {
            id: row.id,
            chat_id: row.chat_id,
            responsible: responsible(row.responsible_kind.as_deref(), row.responsible_id)
                .ok_or_else(|| inconsistent("dialogs", "responsible_kind", row.id))?,
            created_at: row.created_at,
            assigned_at: row.assigned_at,
            closed_at: row.closed_at,
            updated_at: row.updated_at,
        })
    }
}

impl TryFrom<MessageRecord> for Message {
    type Error = StoreError;
    fn try_from(row: MessageRecord) -> Result<Self> {
        let author = author(&row.author_kind, row.author_id, row.id)?;
        let to = responsible(row.event_to_kind.as_deref(), row.event_to_id);
        let event = match (row.event_kind.as_deref(), to) {
            (Some("assigned"), Some(Some(to))) => Some(DialogEvent::Assigned(to)),
            (Some("unassigned"), Some(None)) => Some(DialogEvent::Unassigned),
            (Some("closed"), Some(None)) => Some(DialogEvent::Closed),
            (None, Some(None)) => None,
            _ => return Err(inconsistent("messages", "event_kind", row.id)),
        };
        Ok(Self {
            id: row.id,
            chat_id: row.chat_id,
            dialog_id: row.dialog_id,
            sent_at: row.sent_at,
            author,
            is_public: row.is_public,
            event,
            order_id: row.order_id,
            text: None,
            updated_at: row.updated_at,
        })
    }
}

impl TryFrom<OrderRecord> for Order {
    type Error = StoreError;
    fn try_from(row: OrderRecord) -> Result<Self> {
        Ok(Self {
            id: row.id,
            number: row.number,
            status: row.status,
            created_at: row.created_at,
            manager_id: row.manager_id,
            customer_id: row.customer_id,
            dialog_id: row.dialog_id,
            total: Money(row.total_minor),
            prepaid: Money(row.prepaid_minor),
            currency: row.currency,
            full_paid_at: row.full_paid_at,
            is_deleted: row.is_deleted,
        })
    }
}
