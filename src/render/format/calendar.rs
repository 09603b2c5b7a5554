//! Days and times of day, in the cases Russian sentences need.

use chrono::{Datelike, NaiveDate, Weekday};
use chrono_tz::Tz;

use super::NBSP;
use crate::clock::Instant;

const MONTHS: [&str; 12] = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
];
const MONTHS_ALONE: [&str; 12] = [
    "январь",
    "февраль",
    "март",
    "апрель",
    "май",
    "июнь",
    "июль",
    "август",
    "сентябрь",
    "октябрь",
    "ноябрь",
    "декабрь",
];
const NOMINATIVE: [&str; 7] =
    ["понедельник", "вторник", "среда", "четверг", "пятница", "суббота", "воскресенье"];
const ACCUSATIVE: [&str; 7] =
    ["понедельник", "вторник", "среду", "четверг", "пятницу", "субботу", "воскресенье"];
const GENITIVE: [&str; 7] =
    ["понедельника", "вторника", "среды", "четверга", "пятницы", "субботы", "воскресенья"];
const DATIVE: [&str; 7] =
    ["понедельнику", "вторнику", "среде", "четвергу", "пятнице", "субботе", "воскресенью"];

fn pick(names: [&'static str; 7], weekday: Weekday) -> &'static str {
    names[weekday.num_days_from_monday() as usize]
}

/// `20 августа`.
pub fn date(on: NaiveDate) -> String {
    format!("{}{NBSP}{}", on.day(), MONTHS[on.month0() as usize])
}

/// `август`: of its own and after «за».
pub fn month(on: NaiveDate) -> &'static str {
    MONTHS_ALONE[on.month0() as usize]
}

/// `17–23 августа`, `29 июня – 5 июля`; with years where there are two: `28 декабря 2026 – 3 января 2027`.
pub fn days(first_on: NaiveDate, last_on: NaiveDate) -> String {
    if first_on.year() != last_on.year() {
        let with_year = |on: NaiveDate| format!("{}{NBSP}{}", date(on), on.year());
        return format!("{} – {}", with_year(first_on), with_year(last_on));
    }
    if first_on.month() != last_on.month() {
        return format!("{} – {}", date(first_on), date(last_on));
    }
    format!("{}–{}", first_on.day(), date(last_on))
}

/// `четверг, 20 августа`.
pub fn day(on: NaiveDate) -> String {
    format!("{}, {}", pick(NOMINATIVE, on.weekday()), date(on))
}

/// `среду, 19 августа`: after «за».
pub fn day_accusative(on: NaiveDate) -> String {
    format!("{}, {}", pick(ACCUSATIVE, on.weekday()), date(on))
}

/// `среды`: after «для».
pub fn weekday_genitive(weekday: Weekday) -> &'static str {
    pick(GENITIVE, weekday)
}

/// `среде`: after «к».
pub fn weekday_dative(weekday: Weekday) -> &'static str {
    pick(DATIVE, weekday)
}

/// `обычной среде`: after «к».
pub fn usual_weekday_dative(weekday: Weekday) -> String {
    let adjective = match weekday {
        Weekday::Wed | Weekday::Fri | Weekday::Sat => "обычной",
        _ => "обычному",
    };
    format!("{adjective} {}", weekday_dative(weekday))
}

/// `во вторник`, `в среду`: when it happened.
pub fn on_weekday(weekday: Weekday) -> String {
    let preposition = if weekday == Weekday::Tue { "во" } else { "в" };
    format!("{preposition}{NBSP}{}", pick(ACCUSATIVE, weekday))
}

/// `06.02 – 12.02`, with years where they differ: `29.12.2025 – 04.01.2026`.
pub fn short_days(first_on: NaiveDate, last_on: NaiveDate) -> String {
    let pattern = if first_on.year() == last_on.year() { "%d.%m" } else { "%d.%m.%Y" };
    format!("{} – {}", first_on.format(pattern), last_on.format(pattern))
}

/// `06.02`: where there is no room for a month in words.
pub fn short_date(on: NaiveDate) -> String {
    on.format("%d.%m").to_string()
}

/// `Пн`.
pub fn weekday_short(weekday: Weekday) -> &'static str {
    pick(["Пн", "Вт", "Ср", "Чт", "Пт", "Сб", "Вс"], weekday)
}

/// `21:40` by the clocks of the zone.
pub fn time(at: Instant, zone: Tz) -> String {
    at.with_timezone(&zone).format("%H:%M").to_string()
}

/// `21:40` on the day the text is read, `21:40 19 августа` on another one.
pub fn moment(at: Instant, zone: Tz, today_on: NaiveDate) -> String {
    let on = at.with_timezone(&zone).date_naive();
    if on == today_on { time(at, zone) } else { format!("{} {}", time(at, zone), date(on)) }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn on(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).unwrap()
    }

    #[test]
    fn days_stand_in_the_case_of_their_sentence() {
        let wednesday = on(2026, 8, 19);
        assert_eq!(day(wednesday), "среда, 19\u{a0}августа");
        assert_eq!(day_accusative(wednesday), "среду, 19\u{a0}августа");
        assert_eq!(day(on(2026, 1, 1)), "четверг, 1\u{a0}января");
        assert_eq!(weekday_genitive(Weekday::Wed), "среды");
        assert_eq!(usual_weekday_dative(Weekday::Wed), "обычной среде");
        assert_eq!(usual_weekday_dative(Weekday::Sun), "обычному воскресенью");
        assert_eq!(date(on(2026, 12, 31)), "31\u{a0}декабря");
        assert_eq!(month(on(2026, 8, 1)), "август");
        assert_eq!(days(on(2026, 8, 17), on(2026, 8, 23)), "17–23\u{a0}августа");
        assert_eq!(days(on(2026, 6, 29), on(2026, 7, 5)), "29\u{a0}июня – 5\u{a0}июля");
        assert_eq!(
            days(on(2026, 12, 28), on(2027, 1, 3)),
            "28\u{a0}декабря\u{a0}2026 – 3\u{a0}января\u{a0}2027"
        );
    }

    #[test]
    fn a_stretch_of_days_names_its_years_only_where_they_differ() {
        assert_eq!(short_days(on(2026, 2, 6), on(2026, 2, 12)), "06.02 – 12.02");
        assert_eq!(short_days(on(2025, 12, 29), on(2026, 1, 4)), "29.12.2025 – 04.01.2026");
        assert_eq!(on_weekday(Weekday::Tue), "во\u{a0}вторник");
        assert_eq!(on_weekday(Weekday::Wed), "в\u{a0}среду");
    }

    #[test]
    fn times_are_those_of_the_zone_and_name_another_day() {
        let zone = chrono_tz::Europe::Moscow;
        let at = chrono::Utc.with_ymd_and_hms(2026, 8, 20, 21, 40, 0).unwrap();
        assert_eq!(time(at, zone), "00:40");
        assert_eq!(moment(at, zone, on(2026, 8, 21)), "00:40");
        assert_eq!(moment(at, zone, on(2026, 8, 20)), "00:40 21\u{a0}августа");
    }
}
