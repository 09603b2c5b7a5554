//! Which order came out of which conversation.
//!
//! Best evidence first: the dialog that the order names, a message that shows the order, the customer's order soon
//! after a conversation of theirs. An order links to one conversation at most; a conversation may have several orders.

use std::collections::{BTreeSet, HashMap};

use chrono::TimeDelta;

use super::conversations::{Conversation, Key};
use super::summary::Payment;
use crate::clock::Instant;
use crate::facts::{Facts, Order};

/// How an order is known to belong to a conversation; the better evidence is the lesser value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Evidence {
    Dialog,
    ShownInChat,
    Customer,
}

/// The orders of one conversation, as of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linked {
    rank: (Evidence, Instant, i64),
    /// Creation of the order with the best evidence; of several, the first.
    pub ordered_at: Instant,
    /// At least one of the orders is fully paid.
    pub is_paid: bool,
}

/// Indexes of orders and conversations, made once for all periods of a report.
#[derive(Debug)]
pub struct Links<'a> {
    facts: &'a Facts,
    window: TimeDelta,
    by_dialog: HashMap<i64, usize>,
    /// Conversations that show an order, with the moment of each showing.
    by_shown_order: HashMap<i64, Vec<(Instant, usize)>>,
    by_crm_customer: HashMap<i64, BTreeSet<usize>>,
}

impl<'a> Links<'a> {
    /// `window`: how long after its start a conversation may bring an order of the same customer.
    pub fn new(facts: &'a Facts, conversations: &[Conversation<'_>], window: TimeDelta) -> Self {
        let mut crm_ids: HashMap<i64, Vec<i64>> = HashMap::new();
        for link in &facts.customer_links {
            crm_ids.entry(link.mg_customer_id).or_default().push(link.crm_customer_id);
        }
        let mut links = Self {
            facts,
            window,
            by_dialog: HashMap::new(),
            by_shown_order: HashMap::new(),
            by_crm_customer: HashMap::new(),
        };
        for (index, conversation) in conversations.iter().enumerate() {
            if let Key::Dialog(id) = conversation.key {
                links.by_dialog.insert(id, index);
            }
            for (shown_at, order_id) in &conversation.shown_orders {
                links.by_shown_order.entry(*order_id).or_default().push((*shown_at, index));
            }
            let customer_id = conversation.chat.and_then(|chat| chat.customer_id);
            for crm_id in customer_id.and_then(|id| crm_ids.get(&id)).into_iter().flatten() {
                links.by_crm_customer.entry(*crm_id).or_default().insert(index);
            }
        }
        links
    }

    /// The orders made before `as_of`, by the index of their conversation.
    pub fn as_of(&self, as_of: Instant, conversations: &[Conversation<'_>]) -> HashMap<usize, Linked> {
        let mut linked: HashMap<usize, Linked> = HashMap::new();
        let known = self.facts.orders.iter().filter(|order| !order.is_deleted && order.created_at < as_of);
        for order in known {
            let Some((evidence, index)) = self.conversation_of(order, as_of, conversations) else { continue };
            let is_paid = Payment::of(order, as_of) == Payment::Paid;
            let rank = (evidence, order.created_at, order.id);
            let entry = linked.entry(index).or_insert(Linked { rank, ordered_at: order.created_at, is_paid });
            entry.is_paid |= is_paid;
            if rank < entry.rank {
                (entry.rank, entry.ordered_at) = (rank, order.created_at);
            }
        }
        linked
    }

    fn conversation_of(
        &self,
        order: &Order,
        as_of: Instant,
        conversations: &[Conversation<'_>],
    ) -> Option<(Evidence, usize)> {
        if let Some(dialog_id) = order.dialog_id {
            // A dialog that is not known here is still the right one: guessing another would be worse.
            return self.by_dialog.get(&dialog_id).map(|index| (Evidence::Dialog, *index));
        }
        // Of several conversations the one wins in which a person spoke last before the order.
        let nearest = |candidates: &mut dyn Iterator<Item = usize>| {
            candidates
                .filter(|index| conversations[*index].started_at().is_some_and(|at| at <= order.created_at))
                .max_by_key(|index| {
                    let replies = &conversations[*index].replies;
                    let before = replies.partition_point(|at| *at <= order.created_at);
                    (replies[..before].last(), conversations[*index].started_at(), *index)
                })
        };
        let shown = self.by_shown_order.get(&order.id).into_iter().flatten();
        let mut showing = shown.filter(|(shown_at, _)| *shown_at < as_of).map(|(_, index)| *index);
        if let Some(index) = nearest(&mut showing) {
            return Some((Evidence::ShownInChat, index));
        }
        let theirs = order.customer_id.and_then(|id| self.by_crm_customer.get(&id)).into_iter().flatten();
        let mut recent = theirs.copied().filter(|index| {
            conversations[*index].started_at().is_some_and(|at| order.created_at - at <= self.window)
        });
        nearest(&mut recent).map(|index| (Evidence::Customer, index))
    }
}
