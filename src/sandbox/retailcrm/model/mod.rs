//! The state behind both RetailCRM APIs.
//!
//! Every method that changes something keeps ids, `updated_at`, dialogs and the order history consistent, and takes
//! the moment `at` when it happens. The model knows the present only from [`Model::advance`]: what is done "at" an
//! earlier moment is recorded now (a late message has an old time and a new id and `updated_at`). What lies ahead must
//! be planned ([`Model::plan`]), not done: ids are given out when a thing happens, so they grow with time as in the
//! real service, whatever a test puts in between.

mod chats;
mod orders;
mod people;
mod plan;
mod settings;
mod talk;
mod trade;

use std::collections::BTreeMap;

use chrono_tz::Tz;

use crate::clock::Instant;

pub use chats::{
    Author, Chat, Dialog, DialogTag, MediaKind, Message, NewMessage, Responsible, SystemEvent, Utm,
};
pub use orders::{
    Actor, HistoryKind, HistoryRecord, HistoryValue, Item, NewOrder, Order, Payment, PaymentRef,
};
pub use people::{Bot, Channel, Customer, MgCustomer, NewBuyer, NewMgCustomer, User};
pub use plan::{Act, Line, OrderAct, PlannedBuyer, PlannedOrder, Slot};
pub use settings::{
    ApiKey, DaySpan, OrderStatus, PaymentStatus, READ_SCOPES, Settings, Site, StatusGroup, WorkTime,
};

/// Something that was referred to does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sandbox has no {kind} {id}")]
pub struct Unknown {
    pub kind: &'static str,
    pub id: i64,
}

/// One shop: its people, chats and orders, the order history and the keys to read them.
#[derive(Debug, Clone)]
pub struct Model {
    pub settings: Settings,
    pub api_keys: Vec<ApiKey>,
    /// The tokens the Bot API accepts.
    pub bot_tokens: Vec<String>,
    pub(super) users: Vec<User>,
    pub(super) bots: Vec<Bot>,
    pub(super) channels: Vec<Channel>,
    pub(super) mg_customers: Vec<MgCustomer>,
    pub(super) customers: Vec<Customer>,
    pub(super) chats: Vec<Chat>,
    pub(super) dialogs: Vec<Dialog>,
    pub(super) messages: Vec<Message>,
    pub(super) orders: Vec<Order>,
    pub(super) history: Vec<HistoryRecord>,
    ids: Ids,
    now: Instant,
    plan: BTreeMap<(Instant, u64), Act>,
    planned_count: u64,
    slots: Vec<Option<i64>>,
    misfires: Vec<Unknown>,
}

impl Model {
    /// A shop with standard settings and reference books, a reading and a writing API key, one bot token and nobody in it.
    pub fn new(zone: Tz) -> Self {
        Self {
            settings: Settings::standard(zone),
            api_keys: vec![ApiKey::all_seeing("sandbox-api-key"), ApiKey::writing("sandbox-writing-key")],
            bot_tokens: vec!["sandbox-bot-token".to_owned()],
            users: Vec::new(),
            bots: Vec::new(),
            channels: Vec::new(),
            mg_customers: Vec::new(),
            customers: Vec::new(),
            chats: Vec::new(),
            dialogs: Vec::new(),
            messages: Vec::new(),
            orders: Vec::new(),
            history: Vec::new(),
            ids: Ids::default(),
            now: Instant::MIN_UTC,
            plan: BTreeMap::new(),
            planned_count: 0,
            slots: Vec::new(),
            misfires: Vec::new(),
        }
    }

    /// Lets everything planned up to `now` happen. Going back changes nothing.
    pub fn advance(&mut self, now: Instant) {
        while let Some(entry) = self.plan.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let ((at, _), act) = entry.remove_entry();
            // The present follows the plan, so that what happens is recorded at its own moment.
            self.now = self.now.max(at);
            if let Err(unknown) = self.perform(at, act) {
                self.misfires.push(unknown);
            }
        }
        self.now = self.now.max(now);
    }

    /// The moment up to which the model has lived; `MIN_UTC` before the first [`Model::advance`].
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Planned acts that could not happen because their subject did not exist; a correct plan has none.
    pub fn misfires(&self) -> &[Unknown] {
        &self.misfires
    }

    /// How many acts still lie ahead.
    pub fn planned(&self) -> usize {
        self.plan.len()
    }

    /// When something that happens at `at` enters the records.
    fn recorded(&self, at: Instant) -> Instant {
        at.max(self.now)
    }

    /// All messages in the order of their ids, deleted ones included.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// All chats in the order of their ids.
    pub fn chats(&self) -> &[Chat] {
        &self.chats
    }

    /// All dialogs in the order of their ids.
    pub fn dialogs(&self) -> &[Dialog] {
        &self.dialogs
    }

    /// All orders in the order of their ids, deleted ones included.
    pub fn orders(&self) -> &[Order] {
        &self.orders
    }

    /// The whole order history, hidden records included.
    pub fn history(&self) -> &[HistoryRecord] {
        &self.history
    }

    /// The shop's employees.
    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// The shop's channels.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The CRM's customers.
    pub fn customers(&self) -> &[Customer] {
        &self.customers
    }

    /// The people known to the chats.
    pub fn mg_customers(&self) -> &[MgCustomer] {
        &self.mg_customers
    }
}

/// What has a numbering of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    CrmUser,
    MgUser,
    Bot,
    Channel,
    MgCustomer,
    Customer,
    Chat,
    Dialog,
    Message,
    Order,
    Payment,
    Item,
    History,
}

/// Numberings with gaps. MG users and MG customers overlap on purpose: only the pair (type, id) names somebody.
#[derive(Debug, Clone)]
struct Ids([i64; 13]);

impl Default for Ids {
    fn default() -> Self {
        Self([20, 304, 8, 70, 304, 4_900, 29, 59, 3_300, 10_240, 4_320, 3_630, 7_030])
    }
}

impl Ids {
    /// The next number; roughly each ninth one is skipped together with two more.
    fn next(&mut self, kind: Kind) -> i64 {
        let last = &mut self.0[kind as usize];
        *last += if *last % 9 == 7 { 3 } else { 1 };
        *last
    }
}

/// Position of the item with this id in a list ordered by id.
fn position<T>(list: &[T], id: i64, id_of: impl Fn(&T) -> i64) -> Option<usize> {
    list.binary_search_by_key(&id, id_of).ok()
}
