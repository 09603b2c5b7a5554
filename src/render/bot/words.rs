//! Titles and the forms of «день», «неделя» and «месяц» that the sentences need.

use chrono::{Datelike, Days, NaiveDate};

use crate::measure::Span;
use crate::measure::bot::BotDigest;
use crate::render::format::{self, DAYS, NBSP};

/// `субботу, 21 ноября`, `7 дней (06.02 – 12.02)`, `ноябрь 2026 года (01.11 – 30.11)`: after «за».
pub(super) fn title(digest: &BotDigest) -> String {
    let (first_on, last_on) = (digest.period.from_on, last_day(digest));
    match digest.span {
        Span::Day => {
            let today_on = digest.computed_at.with_timezone(&digest.period.zone).date_naive();
            let day = format::day_accusative(first_on);
            // Early in January nobody needs to be told which December is meant.
            if first_on.year() == today_on.year() || (today_on - first_on).num_days() <= 31 {
                day
            } else {
                format!("{day} {}{NBSP}года", first_on.year())
            }
        }
        Span::Week => {
            let days = format::counted(digest.period.len_days().unsigned_abs(), DAYS);
            format!("{days} ({})", format::short_days(first_on, last_on))
        }
        Span::Month => {
            let month = format!("{} {}{NBSP}года", format::month(first_on), first_on.year());
            format!("{month} ({})", format::short_days(first_on, last_on))
        }
    }
}

/// Days that are no calendar day, week or month: the last so many.
fn is_odd(digest: &BotDigest) -> bool {
    let calendar = digest.span.containing(digest.period.from_on, digest.period.zone);
    (calendar.from_on, calendar.to_on) != (digest.period.from_on, digest.period.to_on)
}

pub(super) fn last_day(digest: &BotDigest) -> NaiveDate {
    digest.period.to_on.checked_sub_days(Days::new(1)).unwrap_or(digest.period.from_on)
}

/// `к прошлой неделе`: what the numbers in parentheses are differences to.
pub(super) fn against(digest: &BotDigest) -> String {
    match digest.span {
        _ if is_odd(digest) => {
            let days = format::counted(digest.period.len_days().unsigned_abs(), DAYS);
            format!("к таким же по счёту дням до этого ({days})")
        }
        Span::Day => {
            let before = digest.period.from_on.checked_sub_days(Days::new(1));
            format!("к {}", format::weekday_dative(before.unwrap_or(digest.period.from_on).weekday()))
        }
        Span::Week => "к прошлой неделе".to_owned(),
        Span::Month => "к прошлому месяцу".to_owned(),
    }
}

/// `этот день`: after «за».
pub(super) fn this(digest: &BotDigest) -> &'static str {
    match digest.span {
        _ if is_odd(digest) => "эти дни",
        Span::Day => "этот день",
        Span::Week => "эту неделю",
        Span::Month => "этот месяц",
    }
}

/// `День`: before «без заметных изменений».
pub(super) fn alone(digest: &BotDigest) -> &'static str {
    match digest.span {
        _ if is_odd(digest) => "дни",
        Span::Day => "день",
        Span::Week => "неделя",
        Span::Month => "месяц",
    }
}

/// Over whom «active users» count.
pub(super) fn different_people(digest: &BotDigest) -> &'static str {
    match digest.span {
        _ if is_odd(digest) => "Разных людей за эти дни",
        Span::Day => "Разных людей за день",
        Span::Week => "Разных людей за неделю",
        Span::Month => "Разных людей за месяц",
    }
}

/// `неделей раньше`.
pub(super) fn earlier(digest: &BotDigest) -> &'static str {
    match digest.span {
        _ if is_odd(digest) => "до этого",
        Span::Day => "днём раньше",
        Span::Week => "неделей раньше",
        Span::Month => "месяцем раньше",
    }
}
