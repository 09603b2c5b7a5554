//! Orders that look made twice: counted twice, they double the revenue of a customer.

use std::collections::HashMap;

use chrono::TimeDelta;

use super::{Finding, NUMBERS};
use crate::clock::Instant;
use crate::facts::{Money, Order};

/// A second order of the same customer over the same amount within this time looks like the first one once more.
pub const DOUBLE_ORDER_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// Orders of the period (`made`) that repeat an earlier one; `all` are the orders known.
pub(super) fn double_orders(made: &[&Order], all: &[Order]) -> Option<Finding> {
    // Of each customer and amount, the moments in order. An order over nothing is a gift or a draft.
    let mut moments: HashMap<(i64, Money), Vec<(Instant, i64)>> = HashMap::new();
    for order in all.iter().filter(|order| !order.is_deleted && order.total > Money(0)) {
        if let Some(customer_id) = order.customer_id {
            moments.entry((customer_id, order.total)).or_default().push((order.created_at, order.id));
        }
    }
    moments.values_mut().for_each(|moments| moments.sort_unstable());
    let repeats = |order: &Order| {
        let Some(moments) = order.customer_id.and_then(|id| moments.get(&(id, order.total))) else {
            return false;
        };
        let at = moments.partition_point(|moment| *moment < (order.created_at, order.id));
        at > 0 && order.created_at - moments[at - 1].0 <= DOUBLE_ORDER_WITHIN
    };
    let doubles: Vec<&&Order> = made.iter().filter(|order| repeats(order)).collect();
    let numbers = doubles.iter().take(NUMBERS).map(|order| order.number.clone()).collect();
    (!doubles.is_empty()).then_some(Finding::DoubleOrders { count: doubles.len() as u64, numbers })
}
