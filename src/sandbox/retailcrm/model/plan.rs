//! What will happen: acts that wait for their time.

use super::{
    Actor, Author, MediaKind, Model, NewBuyer, NewMessage, NewMgCustomer, NewOrder, Responsible, Unknown,
};
use crate::clock::Instant;

/// A name for something that does not exist yet and so has no id; filled when the act that makes it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(usize);

/// What somebody will post.
#[derive(Debug, Clone)]
pub enum Line {
    Customer(String),
    CustomerMedia(MediaKind),
    /// By MG user id.
    Manager(i64, String),
    ManagerMedia(i64, MediaKind),
    /// An internal note.
    Note(i64, String),
    Bot(i64, String),
    /// The card of a planned order.
    OrderCard(i64, Slot),
    /// A mass mailing.
    Mass(i64, String),
    /// A message of a type no client knows.
    CustomerKind(&'static str),
}

/// Whose order it will be.
#[derive(Debug, Clone)]
pub enum PlannedBuyer {
    /// The person of that chat; becomes a CRM customer now if they were not.
    Chat(Slot),
    /// Somebody without a chat; the slot is filled by their first order.
    Caller(Slot, NewBuyer),
}

/// An order to come.
#[derive(Debug, Clone)]
pub struct PlannedOrder {
    pub slot: Slot,
    pub buyer: PlannedBuyer,
    /// Write the chat's newest dialog into the order.
    pub names_dialog: bool,
    /// `customer_id` and `dialog_id` are filled in when it happens.
    pub order: NewOrder,
    pub by: Actor,
}

/// What will happen to an order.
#[derive(Debug, Clone)]
pub enum OrderAct {
    Status(&'static str),
    /// A payment that is asked for and not there yet (kopecks).
    Bill(i64),
    /// One payment of this amount (kopecks).
    Pay(i64),
    /// Everything that is still owed.
    PayRest,
    Assign(Option<i64>),
    Delete,
    MergeInto(Slot),
}

/// Something that will happen.
#[derive(Debug, Clone)]
pub enum Act {
    OpenChat {
        slot: Slot,
        channel_id: i64,
        customer: NewMgCustomer,
    },
    Say {
        chat: Slot,
        line: Line,
    },
    /// The channel delivers late: the message is older than its arrival.
    SayLate {
        chat: Slot,
        sent_at: Instant,
        line: Line,
    },
    /// An employee's newest words in the chat are replaced, or deleted with `None`.
    Revise {
        chat: Slot,
        text: Option<String>,
    },
    /// Gives the chat's newest dialog to somebody.
    Assign {
        chat: Slot,
        to: Responsible,
    },
    /// Closes the chat's newest dialog.
    Close {
        chat: Slot,
    },
    /// The person of `chat` turns out to be the CRM customer of `other`.
    Recognise {
        chat: Slot,
        other: Slot,
    },
    Order(PlannedOrder),
    Change {
        order: Slot,
        act: OrderAct,
        by: Actor,
    },
}

impl Model {
    /// A new name for something to come.
    pub fn slot(&mut self) -> Slot {
        self.slots.push(None);
        Slot(self.slots.len() - 1)
    }

    /// The id behind a name, once it exists.
    pub fn resolve(&self, slot: Slot) -> Option<i64> {
        self.slots.get(slot.0).copied().flatten()
    }

    /// Lets `act` happen when [`Model::advance`] reaches `at`; acts of one moment happen in the order of planning.
    pub fn plan(&mut self, at: Instant, act: Act) {
        self.planned_count += 1;
        self.plan.insert((at, self.planned_count), act);
    }

    pub(super) fn perform(&mut self, at: Instant, act: Act) -> Result<(), Unknown> {
        match act {
            Act::OpenChat { slot, channel_id, customer } => {
                let id = self.add_chat(at, channel_id, customer)?;
                self.fill(slot, id);
            }
            Act::Say { chat, line } => {
                let chat_id = self.need(chat)?;
                let message = self.compose(chat_id, line)?;
                self.post(chat_id, at, message)?;
            }
            Act::SayLate { chat, sent_at, line } => {
                let chat_id = self.need(chat)?;
                let message = self.compose(chat_id, line)?;
                self.post(chat_id, sent_at, message)?;
            }
            Act::Revise { chat, text } => {
                let chat_id = self.need(chat)?;
                let ids = self.chat(chat_id)?.message_ids.iter().rev();
                let is_reply = |id: &&i64| {
                    self.message(**id).is_ok_and(|message| {
                        matches!(message.author, Some(Author::User(_))) && message.kind == "text"
                    })
                };
                let id = ids
                    .copied()
                    .find(|id| is_reply(&id))
                    .ok_or(Unknown { kind: "reply in chat", id: chat_id })?;
                match text {
                    Some(text) => self.edit_message(id, at, &text)?,
                    None => self.delete_message(id, at)?,
                }
            }
            Act::Assign { chat, to } => {
                let dialog_id = self.newest_dialog(chat)?;
                self.assign_dialog(dialog_id, at, to)?;
            }
            Act::Close { chat } => {
                let dialog_id = self.newest_dialog(chat)?;
                self.close_dialog(dialog_id, at)?;
            }
            Act::Recognise { chat, other } => {
                let (chat, other) = (self.need(chat)?, self.need(other)?);
                let (mg_id, other_mg_id) = (self.chat(chat)?.customer_id, self.chat(other)?.customer_id);
                if let Some(customer_id) = self.customer_of(other_mg_id).map(|customer| customer.id) {
                    self.link_customer(customer_id, mg_id)?;
                }
            }
            Act::Order(planned) => self.place(at, planned)?,
            Act::Change { order, act, by } => {
                let id = self.need(order)?;
                match act {
                    OrderAct::Status(code) => self.set_order_status(id, at, code, by)?,
                    OrderAct::Bill(amount_minor) => {
                        self.add_payment(id, at, amount_minor, by)?;
                    }
                    OrderAct::Pay(amount_minor) => {
                        let payment_id = self.add_payment(id, at, amount_minor, by)?;
                        self.pay(id, payment_id, at, by)?;
                    }
                    OrderAct::PayRest => self.pay_order(id, at, by)?,
                    OrderAct::Assign(manager_id) => self.assign_order(id, at, manager_id, by)?,
                    OrderAct::Delete => self.delete_order(id, at, by)?,
                    OrderAct::MergeInto(into) => {
                        let into = self.need(into)?;
                        self.merge_orders(id, into, at, by)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn place(&mut self, at: Instant, planned: PlannedOrder) -> Result<(), Unknown> {
        let mut order = planned.order;
        order.customer_id = match planned.buyer {
            PlannedBuyer::Chat(chat) => {
                if planned.names_dialog {
                    order.dialog_id = Some(self.newest_dialog(chat)?);
                }
                self.buyer_of(at, chat)?
            }
            PlannedBuyer::Caller(slot, buyer) => match self.resolve(slot) {
                Some(id) => id,
                None => {
                    let id = self.add_customer(at, buyer);
                    self.fill(slot, id);
                    id
                }
            },
        };
        let id = self.add_order(at, order, planned.by)?;
        self.fill(planned.slot, id);
        Ok(())
    }

    /// The CRM customer behind a chat, made from what the messenger says when there is none yet.
    fn buyer_of(&mut self, at: Instant, chat: Slot) -> Result<i64, Unknown> {
        let chat_id = self.need(chat)?;
        let person = self.mg_customer(self.chat(chat_id)?.customer_id)?.clone();
        if let Some(id) = person.customer_id {
            return Ok(id);
        }
        let (first_name, last_name, phone) = (person.first_name, person.last_name, person.phone);
        let id = self.add_customer(at, NewBuyer { first_name, last_name, phone, external_id: None });
        self.link_customer(id, person.id)?;
        Ok(id)
    }

    fn compose(&self, chat_id: i64, line: Line) -> Result<NewMessage, Unknown> {
        let customer = Author::Customer(self.chat(chat_id)?.customer_id);
        Ok(match line {
            Line::Customer(text) => NewMessage::text(customer, &text),
            Line::CustomerMedia(media) => NewMessage::media(customer, media),
            Line::Manager(user, text) => NewMessage::text(Author::User(user), &text),
            Line::ManagerMedia(user, media) => NewMessage::media(Author::User(user), media),
            Line::Note(user, text) => NewMessage::text(Author::User(user), &text).private(),
            Line::Bot(bot, text) => NewMessage::text(Author::Bot(bot), &text),
            Line::OrderCard(user, order) => NewMessage::order(Author::User(user), self.need(order)?),
            Line::Mass(user, text) => NewMessage::text(Author::User(user), &text).mass(),
            Line::CustomerKind(kind) => {
                NewMessage { kind: kind.to_owned(), content: None, ..NewMessage::text(customer, "") }
            }
        })
    }

    fn newest_dialog(&self, chat: Slot) -> Result<i64, Unknown> {
        let id = self.need(chat)?;
        self.last_dialog(id).map(|dialog| dialog.id).ok_or(Unknown { kind: "dialog of chat", id })
    }

    fn need(&self, slot: Slot) -> Result<i64, Unknown> {
        self.resolve(slot).ok_or(Unknown { kind: "planned slot", id: slot.0 as i64 })
    }

    fn fill(&mut self, slot: Slot, id: i64) {
        if let Some(place) = self.slots.get_mut(slot.0) {
            *place = Some(id);
        }
    }
}
