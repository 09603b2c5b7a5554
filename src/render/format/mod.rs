//! The only formatter: money, counts, shares, times, names and plural forms, in Russian.
//!
//! Everything a person reads goes through here, so that one thing looks the same in every text. Numbers stick to
//! their units with a no-break space. Nothing in here escapes HTML: that is the template's work, done once.

mod calendar;
mod duration;
mod name;
mod number;

pub use calendar::{
    date, day, day_accusative, days, moment, month, on_weekday, short_date, short_days, time,
    usual_weekday_dative, weekday_dative, weekday_genitive, weekday_short,
};
pub use duration::{duration, faster_or_slower, working_time};
pub(super) use name::is_attached;
pub use name::{channel, name, quoted};
pub use number::{
    Noun, at_least, count, counted, decimal, money, percent, plural, points, relative, round_u64, share,
    share_of,
};

/// Keeps a number and its unit on one line.
pub const NBSP: char = '\u{a0}';
/// The minus of a negative number; the hyphen is for words.
pub const MINUS: char = '\u{2212}';
/// What stands where there is no value.
pub const NONE: &str = "—";

/// Conversations.
pub const DIALOGS: Noun = Noun("диалог", "диалога", "диалогов");
/// Orders.
pub const ORDERS: Noun = Noun("заказ", "заказа", "заказов");
/// Messages.
pub const MESSAGES: Noun = Noun("сообщение", "сообщения", "сообщений");
/// Weeks, after «за».
pub const WEEKS: Noun = Noun("неделю", "недели", "недель");
/// Months, after «за».
pub const MONTHS: Noun = Noun("месяц", "месяца", "месяцев");
/// Days.
pub const DAYS: Noun = Noun("день", "дня", "дней");
