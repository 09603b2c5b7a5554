//! What is usual: the mean of the same weekday over the weeks before.

use super::digest::{ChatSummary, OrderSummary, Ratio, Summary, WeekdayMean};
use super::percentile::mean;

/// Weeks of the weekday baseline.
pub const WEEKS: u64 = 4;

/// The mean of the given days; a side that is `None` was not wholly known on that day and takes no part.
pub fn weekday_mean(days: &[Summary]) -> WeekdayMean {
    let chats = |value: fn(&ChatSummary) -> Option<f64>| {
        mean(&days.iter().filter_map(|day| day.chats.as_ref().and_then(value)).collect::<Vec<_>>())
    };
    let orders = |value: fn(&OrderSummary) -> f64| {
        mean(&days.iter().filter_map(|day| day.orders.as_ref().map(value)).collect::<Vec<_>>())
    };
    let ratio = |value: fn(&ChatSummary) -> Option<Ratio>| {
        let ratios = days.iter().filter_map(|day| day.chats.as_ref().and_then(value));
        let (part, whole) =
            ratios.fold((0, 0), |(part, whole), ratio| (part + ratio.part, whole + ratio.whole));
        Ratio::of(part, whole).map(Ratio::value)
    };
    WeekdayMean {
        days: days.iter().filter(|day| day.chats.is_some() || day.orders.is_some()).count() as u64,
        chats: chats(|day| Some(day.chats as f64)),
        inbound: chats(|day| Some(day.inbound as f64)),
        first_response_median_secs: chats(|day| day.first_response_median_secs),
        response_ratio: ratio(|day| day.response_ratio),
        orders: orders(|day| day.orders as f64),
        revenue: orders(|day| day.revenue.0 as f64),
        conversion: ratio(|day| day.conversion),
    }
}
