//! A digest as flat values, for trends that outlive the facts.

use super::digest::{ChannelBlock, ChatSummary, Coverage, DailyDigest, OrderSummary, Ratio, Summary};
use super::weekly::WeeklyDigest;
use crate::facts::ManagerId;

/// Subject, metric id, value, whether the sources of the value covered the whole period.
pub type Row = (String, &'static str, Option<f64>, bool);

/// Rows of a digest: subject (`team`, `manager/crm:28`, `channel/7`; `none` in place of an id for what is nobody's),
/// metric id, value, and whether the sources of the value covered the whole period. Sums are in minor units, ratios
/// 0..=1. A subject has every one of its measures each time, with `None` for those without a value.
pub fn history_rows(digest: &DailyDigest) -> Vec<Row> {
    let managers = digest.managers.iter().map(|manager| (manager.id, &manager.numbers.current));
    let coverages = (digest.chat_coverage, digest.order_coverage);
    rows(coverages, &digest.team.current, managers, &digest.channels)
}

/// The same rows of a week or a month.
pub fn weekly_rows(digest: &WeeklyDigest) -> Vec<Row> {
    let managers = digest.managers.iter().map(|manager| (manager.id, &manager.numbers.current));
    let coverages = (digest.chat_coverage, digest.order_coverage);
    rows(coverages, &digest.team.current, managers, &digest.channels)
}

fn rows<'a>(
    (chats, orders): (Coverage, Coverage),
    team: &'a Summary,
    managers: impl Iterator<Item = (Option<ManagerId>, &'a Summary)>,
    channels: &'a [ChannelBlock],
) -> Vec<Row> {
    let (chats, orders) = (chats.is_complete(), orders.is_complete());
    let mut rows = Vec::new();
    let mut add = |subject: &str, values: Vec<(&'static str, Option<f64>, bool)>| {
        rows.extend(values.into_iter().map(|(id, value, whole)| (subject.to_owned(), id, value, whole)));
    };
    let both = |summary: &Summary| {
        let mut values = chat_values(summary.chats.as_ref(), chats, orders);
        values.extend(order_values(summary.orders.as_ref(), orders));
        values
    };
    add("team", both(team));
    for (id, summary) in managers {
        let id = id.map_or("none".to_owned(), |id| id.to_string());
        add(&format!("manager/{id}"), both(summary));
    }
    for channel in channels {
        let id = channel.id.map_or("none".to_owned(), |id| id.to_string());
        add(&format!("channel/{id}"), chat_values(channel.current.as_ref(), chats, orders));
    }
    rows
}

fn chat_values(
    summary: Option<&ChatSummary>,
    chats: bool,
    orders: bool,
) -> Vec<(&'static str, Option<f64>, bool)> {
    let count = |value: fn(&ChatSummary) -> u64| summary.map(|summary| value(summary) as f64);
    let value = |value: fn(&ChatSummary) -> Option<f64>| summary.and_then(value);
    let ratio = |value: fn(&ChatSummary) -> Option<Ratio>| summary.and_then(value).map(Ratio::value);
    vec![
        ("chats", count(|of| of.chats), chats),
        ("inbound", count(|of| of.inbound), chats),
        ("outbound", count(|of| of.outbound), chats),
        ("inbound_chats", count(|of| of.inbound_chats), chats),
        ("responded_chats", count(|of| of.responded_chats), chats),
        ("no_reply_chats", count(|of| of.no_reply_chats), chats),
        ("slow_first_reply_chats", count(|of| of.slow_first_reply_chats), chats),
        ("unanswered_inbound", count(|of| of.unanswered_inbound), chats),
        ("follow_up_gap_chats", count(|of| of.follow_up_gap_chats), chats),
        ("first_response_median_secs", value(|of| of.first_response_median_secs), chats),
        ("first_response_p90_secs", value(|of| of.first_response_p90_secs), chats),
        ("wait_median_secs", value(|of| of.wait_median_secs), chats),
        ("wait_p90_secs", value(|of| of.wait_p90_secs), chats),
        ("response_ratio", ratio(|of| of.response_ratio), chats),
        ("conversion", ratio(|of| of.conversion), chats && orders),
        ("paid_conversion", ratio(|of| of.paid_conversion), chats && orders),
        ("time_to_order_median_secs", value(|of| of.time_to_order_median_secs), chats && orders),
    ]
}

fn order_values(summary: Option<&OrderSummary>, orders: bool) -> Vec<(&'static str, Option<f64>, bool)> {
    let value = |value: fn(&OrderSummary) -> f64| summary.map(value);
    let average = summary.and_then(|of| of.average_order).map(|average| average.0 as f64);
    vec![
        ("orders", value(|of| of.orders as f64), orders),
        ("revenue", value(|of| of.revenue.0 as f64), orders),
        ("paid_revenue", value(|of| of.paid_revenue.0 as f64), orders),
        ("average_order", average, orders),
        ("paid_orders", value(|of| of.paid_orders as f64), orders),
        ("partial_orders", value(|of| of.partial_orders as f64), orders),
        ("unpaid_orders", value(|of| of.unpaid_orders as f64), orders),
        ("unknown_orders", value(|of| of.unknown_orders as f64), orders),
        ("foreign_currency_orders", value(|of| of.foreign_currency_orders as f64), orders),
    ]
}
