//! Sample digests: an ordinary Thursday of a tea shop, and its variations.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use chrono::{NaiveDate, TimeDelta, TimeZone};
use chrono_tz::Tz;
use svodka::clock::Instant;
use svodka::facts::{ManagerId, Money};
use svodka::measure::Period;
use svodka::measure::chat_lists::ChatLists;
use svodka::measure::digest::{
    ChannelBlock, ChatSummary, Compared, Coverage, DailyDigest, Headline, ManagerBlock, OrderSummary, Ratio,
    Summary, Waiting, WeekdayMean,
};

pub const ZONE: Tz = chrono_tz::Europe::Moscow;

/// A moment of 2026 by the shop's clocks.
pub fn at(month: u32, day: u32, hour: u32, minute: u32) -> Instant {
    ZONE.with_ymd_and_hms(2026, month, day, hour, minute, 0).unwrap().to_utc()
}

/// Conversations of a subject: some answered, the others not.
pub fn chats(inbound_chats: u64, no_reply_chats: u64, median_secs: f64) -> ChatSummary {
    let responded_chats = inbound_chats - no_reply_chats;
    ChatSummary {
        chats: inbound_chats,
        inbound: inbound_chats * 7 + 3,
        outbound: inbound_chats * 5,
        inbound_chats,
        responded_chats,
        no_reply_chats,
        first_response_median_secs: (responded_chats > 0).then_some(median_secs),
        first_response_p90_secs: (responded_chats > 0).then_some(median_secs * 4.5),
        response_ratio: Ratio::of(responded_chats, inbound_chats),
        conversion: Ratio::of(inbound_chats / 5, inbound_chats),
        ..ChatSummary::default()
    }
}

/// Orders of a subject: two thirds paid.
pub fn orders(orders: u64, revenue_roubles: i64) -> OrderSummary {
    let paid_orders = orders * 2 / 3;
    OrderSummary {
        orders,
        revenue: Money(revenue_roubles * 100),
        paid_revenue: Money(revenue_roubles * 66),
        average_order: (orders > 0).then(|| Money(revenue_roubles * 100 / orders as i64)),
        paid_orders,
        partial_orders: orders / 6,
        unpaid_orders: orders - paid_orders - orders / 6,
        unknown_orders: 0,
        foreign_currency_orders: 0,
    }
}

pub fn manager(id: i64, name: &str, conversations: u64, no_reply: u64, made: u64) -> ManagerBlock {
    let current = Summary {
        chats: Some(chats(conversations, no_reply, 200.0 + id as f64 * 45.0)),
        orders: Some(orders(made, made as i64 * 4_130)),
    };
    let numbers = Compared { current, ..Compared::default() };
    ManagerBlock { id: Some(ManagerId::Crm(id)), name: name.to_owned(), numbers, waiting_now: no_reply }
}

pub fn channel(kind: &str, name: Option<&str>, conversations: u64, before: u64) -> ChannelBlock {
    ChannelBlock {
        id: Some(conversations as i64),
        kind: kind.to_owned(),
        name: name.map(str::to_owned),
        current: Some(chats(conversations, conversations / 12, 340.0)),
        previous: Some(chats(before, before / 12, 340.0)),
    }
}

/// A customer who has waited for so many working minutes.
pub fn waiting(chat_id: i64, customer: &str, minutes: i64, manager: Option<&str>) -> Waiting {
    Waiting {
        chat_id,
        dialog_id: Some(chat_id * 10),
        customer_name: customer.to_owned(),
        channel_kind: if chat_id % 2 == 0 { "whatsapp" } else { "instagram" }.to_owned(),
        manager: manager.map(str::to_owned),
        manager_id: None,
        since_at: at(8, 20, 22, 30) - TimeDelta::minutes(minutes),
        age_secs: minutes * 60,
        unanswered: 1 + chat_id as u64 % 3,
    }
}

/// Thursday, 20 August 2026: four managers, three channels, everything known.
pub fn ordinary() -> DailyDigest {
    let day_on = NaiveDate::from_ymd_opt(2026, 8, 20).unwrap();
    let current = Summary { chats: Some(chats(42, 3, 380.0)), orders: Some(orders(12, 49_560)) };
    let previous = Summary { chats: Some(chats(37, 1, 300.0)), orders: Some(orders(10, 44_000)) };
    let weekday = WeekdayMean {
        days: 4,
        chats: Some(40.0),
        inbound: Some(300.5),
        first_response_median_secs: Some(400.0),
        response_ratio: Some(0.951),
        orders: Some(11.0),
        revenue: Some(5_200_000.0),
        conversion: Some(0.21),
    };
    DailyDigest {
        public_id: "d-0820-k3f9".to_owned(),
        period: Period::day(day_on, ZONE),
        day_on,
        slot_at: at(8, 21, 9, 0),
        computed_at: at(8, 21, 9, 0) + TimeDelta::seconds(12),
        late_secs: None,
        currency: "RUB".to_owned(),
        chat_coverage: Coverage::Complete,
        order_coverage: Coverage::Complete,
        chats_known_until: Some(at(8, 21, 9, 0)),
        orders_known_until: Some(at(8, 21, 9, 0)),
        headline: Headline::Unanswered { no_reply_chats: 3, inbound_chats: 42 },
        team: Compared { current, previous, weekday },
        managers: vec![
            manager(1, "Анна Петрова", 18, 0, 6),
            manager(2, "Борис Ким", 14, 1, 4),
            manager(3, "Вера Соколова", 8, 0, 2),
            ManagerBlock { id: None, ..manager(9, "Не назначен", 2, 2, 0) },
        ],
        channels: vec![
            channel("whatsapp", None, 24, 20),
            channel("instagram", Some("tea.shop"), 12, 12),
            channel("telegram", Some("Опт"), 6, 5),
        ],
        waiting: Some(vec![
            waiting(501, "Мария К.", 185, Some("Борис Ким")),
            waiting(502, "", 95, None),
            waiting(504, "Сергей", 0, Some("Анна Петрова")),
        ]),
        warnings: Vec::new(),
        lists: ChatLists::default(),
    }
}

/// Nobody wrote, nothing was ordered, nothing to compare with but the day before.
pub fn empty() -> DailyDigest {
    let nothing = Summary { chats: Some(ChatSummary::default()), orders: Some(OrderSummary::default()) };
    DailyDigest {
        headline: Headline::Quiet,
        team: Compared { current: nothing.clone(), previous: nothing, weekday: WeekdayMean::default() },
        managers: Vec::new(),
        channels: Vec::new(),
        waiting: Some(Vec::new()),
        ..ordinary()
    }
}

/// The same day without one source, or with both.
pub fn covered(chats: Coverage, orders: Coverage) -> DailyDigest {
    let mut digest = DailyDigest { chat_coverage: chats, order_coverage: orders, ..ordinary() };
    let parts = digest.managers.iter_mut().map(|manager| &mut manager.numbers).chain([&mut digest.team]);
    for numbers in parts {
        if chats == Coverage::Missing {
            numbers.current.chats = None;
        }
        if orders == Coverage::Missing {
            numbers.current.orders = None;
        }
        if (chats, orders) != (Coverage::Complete, Coverage::Complete)
            && let Some(chats) = &mut numbers.current.chats
        {
            chats.conversion = None;
        }
    }
    digest
}
