//! Adding up: one conversation or order at a time into the counts and samples of a subject.

use std::collections::HashMap;

use super::digest::{ChatSummary, Coverage, OrderSummary, Ratio};
use super::percentile::{median, percentile};
use crate::clock::Instant;
use crate::facts::{Money, Order};

/// What conversations add to a subject in one period.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChatTally {
    pub chats: u64,
    pub inbound: u64,
    pub outbound: u64,
    pub inbound_chats: u64,
    pub responded_chats: u64,
    pub no_reply_chats: u64,
    pub slow_first_reply_chats: u64,
    pub unanswered_inbound: u64,
    pub follow_up_gap_chats: u64,
    pub ordered_chats: u64,
    pub paid_chats: u64,
    pub first_response_secs: Vec<f64>,
    pub wait_secs: Vec<f64>,
    pub time_to_order_secs: Vec<f64>,
}

impl ChatTally {
    /// Adds another tally to this one.
    pub fn absorb(&mut self, other: &Self) {
        self.chats += other.chats;
        self.inbound += other.inbound;
        self.outbound += other.outbound;
        self.inbound_chats += other.inbound_chats;
        self.responded_chats += other.responded_chats;
        self.no_reply_chats += other.no_reply_chats;
        self.slow_first_reply_chats += other.slow_first_reply_chats;
        self.unanswered_inbound += other.unanswered_inbound;
        self.follow_up_gap_chats += other.follow_up_gap_chats;
        self.ordered_chats += other.ordered_chats;
        self.paid_chats += other.paid_chats;
        self.first_response_secs.extend(&other.first_response_secs);
        self.wait_secs.extend(&other.wait_secs);
        self.time_to_order_secs.extend(&other.time_to_order_secs);
    }

    /// The summary under the given coverages; `None` when the chats are not known.
    pub fn summary(&self, chats: Coverage, orders: Coverage) -> Option<ChatSummary> {
        if chats == Coverage::Missing {
            return None;
        }
        let counts = ChatSummary {
            chats: self.chats,
            inbound: self.inbound,
            outbound: self.outbound,
            inbound_chats: self.inbound_chats,
            responded_chats: self.responded_chats,
            no_reply_chats: self.no_reply_chats,
            slow_first_reply_chats: self.slow_first_reply_chats,
            unanswered_inbound: self.unanswered_inbound,
            follow_up_gap_chats: self.follow_up_gap_chats,
            ..ChatSummary::default()
        };
        if !chats.is_complete() {
            return Some(counts);
        }
        let answered = ChatSummary {
            first_response_median_secs: median(&self.first_response_secs),
            first_response_p90_secs: percentile(&self.first_response_secs, 0.9),
            wait_median_secs: median(&self.wait_secs),
            wait_p90_secs: percentile(&self.wait_secs, 0.9),
            response_ratio: Ratio::of(self.responded_chats, self.inbound_chats),
            ..counts
        };
        if !orders.is_complete() {
            return Some(answered);
        }
        Some(ChatSummary {
            conversion: Ratio::of(self.ordered_chats, self.inbound_chats),
            paid_conversion: Ratio::of(self.paid_chats, self.inbound_chats),
            time_to_order_median_secs: median(&self.time_to_order_secs),
            ..answered
        })
    }
}

/// How much of an order is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payment {
    Paid,
    Partial,
    Unpaid,
    Unknown,
}

impl Payment {
    /// As of a moment. The CRM dates only the full payment; a part of it counts as of the last reading.
    pub fn of(order: &Order, as_of: Instant) -> Self {
        if order.full_paid_at.is_some_and(|paid_at| paid_at < as_of) {
            Self::Paid
        } else if order.prepaid > Money(0) {
            Self::Partial
        } else if order.total > Money(0) {
            Self::Unpaid
        } else {
            Self::Unknown
        }
    }
}

/// What orders add to a subject in one period.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderTally {
    counts: OrderSummary,
}

impl OrderTally {
    /// Adds one order; `currency` is the digest's.
    pub fn add(&mut self, order: &Order, as_of: Instant, currency: &str) {
        let counts = &mut self.counts;
        let payment = Payment::of(order, as_of);
        counts.orders += 1;
        match payment {
            Payment::Paid => counts.paid_orders += 1,
            Payment::Partial => counts.partial_orders += 1,
            Payment::Unpaid => counts.unpaid_orders += 1,
            Payment::Unknown => counts.unknown_orders += 1,
        }
        if stated_currency(order).is_some_and(|stated| stated != currency) {
            counts.foreign_currency_orders += 1;
            return;
        }
        counts.revenue = counts.revenue + order.total;
        if payment == Payment::Paid {
            counts.paid_revenue = counts.paid_revenue + order.total;
        }
    }

    /// The summary under the given coverage; `None` when the orders are not known.
    pub fn summary(&self, orders: Coverage) -> Option<OrderSummary> {
        let average_order = mean_money(
            self.counts.revenue,
            self.counts.orders.saturating_sub(self.counts.foreign_currency_orders),
        );
        match orders {
            Coverage::Missing => None,
            Coverage::Partial { .. } => Some(self.counts.clone()),
            Coverage::Complete => Some(OrderSummary { average_order, ..self.counts.clone() }),
        }
    }
}

/// Rounded to the minor unit, half away from zero; `None` of nothing.
fn mean_money(sum: Money, count: u64) -> Option<Money> {
    let count = i128::from(count);
    let doubled = i128::from(sum.0) * 2 + i128::from(sum.0.signum()) * count;
    i64::try_from(doubled.checked_div(count * 2)?).ok().map(Money)
}

/// The currency most orders state, the alphabetically first of equals; `RUB` when none does.
pub fn main_currency<'a>(orders: impl Iterator<Item = &'a Order>) -> String {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for currency in orders.filter_map(stated_currency) {
        *counts.entry(currency).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(currency, count)| (*count, std::cmp::Reverse(*currency)));
    most.map_or("RUB", |(currency, _)| currency).to_owned()
}

fn stated_currency(order: &Order) -> Option<&str> {
    order.currency.as_deref().filter(|currency| !currency.is_empty())
}
