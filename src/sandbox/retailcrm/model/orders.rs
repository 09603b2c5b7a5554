//! Orders, their payments and the change feed.

use crate::clock::Instant;

/// A position of an order.
#[derive(Debug, Clone)]
pub struct Item {
    pub id: i64,
    pub name: String,
    pub price_minor: i64,
    pub quantity: i64,
}

/// A payment of an order.
#[derive(Debug, Clone)]
pub struct Payment {
    pub id: i64,
    pub amount_minor: i64,
    /// `None`: the field is missing in answers.
    pub status: Option<String>,
    pub paid_at: Option<Instant>,
    /// Sent by an API client, which wrote `paidAt` in UTC instead of the account's zone.
    pub is_written_in_utc: bool,
}

/// An order.
#[derive(Debug, Clone)]
pub struct Order {
    pub id: i64,
    pub number: String,
    pub external_id: Option<String>,
    pub site: String,
    pub order_method: String,
    pub status: String,
    pub status_updated_at: Instant,
    /// What the card shows; people may edit it.
    pub created_at: Instant,
    /// When it truly came to be.
    pub recorded_at: Instant,
    /// CRM user id.
    pub manager_id: Option<i64>,
    pub customer_id: i64,
    pub dialog_id: Option<i64>,
    pub items: Vec<Item>,
    pub delivery_minor: i64,
    pub discount_minor: i64,
    pub payments: Vec<Payment>,
    /// Set once everything is paid.
    pub full_paid_at: Option<Instant>,
    pub custom_fields: Vec<(String, String)>,
    /// Deleted, or merged into [`Order::combined_to`].
    pub deleted_at: Option<Instant>,
    pub combined_to: Option<i64>,
}

impl Order {
    /// Goods without delivery and discount.
    pub fn goods_minor(&self) -> i64 {
        self.items.iter().map(|item| item.price_minor * item.quantity).sum()
    }

    /// What the customer owes.
    pub fn total_minor(&self) -> i64 {
        self.goods_minor() + self.delivery_minor - self.discount_minor
    }

    /// What came in: the payments whose status says "paid".
    pub fn prepaid_minor(&self) -> i64 {
        self.payments
            .iter()
            .filter(|payment| payment.status.as_deref() == Some("paid"))
            .map(|payment| payment.amount_minor)
            .sum()
    }
}

/// An order to be created.
#[derive(Debug, Clone, Default)]
pub struct NewOrder {
    pub customer_id: i64,
    /// CRM user id.
    pub manager_id: Option<i64>,
    pub dialog_id: Option<i64>,
    /// `messenger`, `phone`, …; empty = absent.
    pub order_method: String,
    /// Name, price in kopecks, quantity.
    pub items: Vec<(String, i64, i64)>,
    pub delivery_minor: i64,
    pub discount_minor: i64,
    pub external_id: Option<String>,
}

/// Who caused a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// By CRM user id.
    User(i64),
    /// Through the API; `is_current` = with the key that reads now.
    Api { is_current: bool },
    /// The CRM itself.
    System,
    /// A trigger.
    Rule,
}

/// What sort of record it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryKind {
    Created,
    Changed,
    Deleted,
    /// Deleted by being merged into the order with this id.
    Merged(i64),
}

/// A value before or after a change.
#[derive(Debug, Clone, PartialEq)]
pub enum HistoryValue {
    None,
    /// Shown as `{"code": …}`.
    Code(String),
    /// Shown as `{"id": …}`.
    Id(i64),
    /// Shown as a naive date in the account's zone.
    At(Instant),
    Number(i64),
}

/// The payment a record speaks about, as it was then.
#[derive(Debug, Clone)]
pub struct PaymentRef {
    pub id: i64,
    pub status: Option<String>,
    pub amount_minor: i64,
}

/// One record of the feed.
#[derive(Debug, Clone)]
pub struct HistoryRecord {
    pub id: i64,
    pub at: Instant,
    pub order_id: i64,
    pub actor: Actor,
    pub kind: HistoryKind,
    pub field: &'static str,
    pub old: HistoryValue,
    pub new: HistoryValue,
    /// The order's status and manager right after the change.
    pub status: String,
    pub manager_id: Option<i64>,
    pub payment: Option<PaymentRef>,
    /// Takes part in page arithmetic, but is not shown to our key.
    pub is_hidden: bool,
}
