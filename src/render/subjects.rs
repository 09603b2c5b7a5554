//! Managers and channels in a line each: the words that all digests share.

use super::format::{self, DIALOGS, ORDERS};
use super::known::Known;
use crate::facts::ManagerId;
use crate::measure::digest::{ChannelBlock, ChatSummary, OrderSummary, Ratio};

/// Code points of a manager's or a channel's name.
pub(super) const OWN_NAME: usize = 32;

/// A share over fewer is told with its counts, as [`format::share`] does.
const SMALL_WHOLE: u64 = 20;

/// A manager's name, fit for a line.
pub(super) fn manager_name(id: Option<ManagerId>, name: &str) -> String {
    match id {
        Some(_) => format::name(name, OWN_NAME).unwrap_or_else(|| "Без имени".to_owned()),
        None => "Не назначен".to_owned(),
    }
}

/// `WhatsApp «Опт»`.
pub(super) fn channel_name(block: &ChannelBlock) -> String {
    channel_title(&block.kind, block.name.as_deref())
}

/// The same by its parts. A name that begins with the kind says it already.
pub fn channel_title(kind: &str, name: Option<&str>) -> String {
    let kind = format::channel(kind);
    match name.and_then(|name| format::name(name, OWN_NAME)) {
        Some(own) if own.to_lowercase().starts_with(&kind.to_lowercase()) => own,
        Some(own) => format!("{kind} {}", format::quoted(&own)),
        None => kind,
    }
}

/// `до заказа дошли 20 % диалогов`, `до заказа дошёл 1 из 7 диалогов`.
pub(super) fn reached_order(conversion: Ratio) -> String {
    let verb =
        if conversion.whole < SMALL_WHOLE && conversion.part == 1 { "дошёл" } else { "дошли" };
    format!("до заказа {verb} {}", format::share_of(conversion, DIALOGS))
}

/// What follows the values of a subject: ` (+12 %)`, or nothing.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub chats: String,
    pub answered: String,
    pub first_response: String,
    pub revenue: String,
}

/// `14 диалогов, с ответом 13 из 14, первый ответ за 5 мин`, each with its change.
pub(super) fn dialogs(chats: &Known<'_, ChatSummary>, changes: &Changes) -> Option<String> {
    let chats = match chats {
        Known::Whole(chats) if chats.chats == 0 => return Some(format!("диалогов не было{}", changes.chats)),
        Known::Whole(chats) => chats,
        Known::AtLeast(chats) => return (chats.chats > 0).then(|| format::at_least(chats.chats, DIALOGS)),
        Known::Nothing => return None,
    };
    let mut text = format!("{}{}", format::counted(chats.chats, DIALOGS), changes.chats);
    if let Some(ratio) = chats.response_ratio {
        text.push_str(&format!(", с ответом {}{}", format::share(ratio), changes.answered));
    }
    if let Some(secs) = chats.first_response_median_secs {
        let time = format::working_time(secs);
        text.push_str(&format!(", первый ответ за {time}{}", changes.first_response));
    }
    Some(text)
}

/// `3 заказа на 12 400 ₽`.
pub(super) fn made(orders: &Known<'_, OrderSummary>, currency: &str, changes: &Changes) -> Option<String> {
    let money = |orders: &OrderSummary| format::money(orders.revenue, currency);
    match orders {
        Known::Whole(orders) if orders.orders == 0 => Some("заказов не было".to_owned()),
        Known::Whole(orders) => {
            let count = format::counted(orders.orders, ORDERS);
            Some(format!("{count} на {}{}", money(orders), changes.revenue))
        }
        Known::AtLeast(orders) => (orders.orders > 0)
            .then(|| format!("{} на {}", format::at_least(orders.orders, ORDERS), money(orders))),
        Known::Nothing => None,
    }
}
