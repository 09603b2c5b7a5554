//! Reading what RetailCRM really sends: numbers as strings, empty maps as lists, dates as empty strings.
//!
//! Each record is read from a loose [`Value`] by itself, so that one odd record costs one record. What cannot be done
//! without makes the record an `Err` with a bounded reason; everything else that is odd is `None`. Unknown fields and
//! unknown words are no error: the APIs grow.

pub(super) mod mg;
pub(super) mod v5;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use crate::clock::{Instant, to_micros};
use crate::facts::Money;

/// A record that could not be used, by its bounded reason.
pub(super) type Decoded<T> = Result<T, &'static str>;

/// A whole number, also when written as a string; `None` for anything else.
pub(super) fn id(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Trimmed and not empty. A number becomes its digits: numeric-looking codes come both ways.
pub(super) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// `true`, `1`, `"1"` and `"true"` are true, what is missing is `None`.
pub(super) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => number.as_i64().map(|number| number != 0),
        Value::String(text) => match text.as_str() {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// The elements of a list or of a map, with the map's keys; nothing for anything else.
pub(super) fn entries(value: &Value) -> Vec<(Option<&str>, &Value)> {
    match value {
        Value::Array(list) => list.iter().map(|element| (None, element)).collect(),
        Value::Object(map) => map.iter().map(|(key, element)| (Some(key.as_str()), element)).collect(),
        _ => Vec::new(),
    }
}

/// An amount in roubles as minor units, exact; a third digit after the point rounds half away from zero.
pub(super) fn money(value: &Value) -> Option<Money> {
    let digits = match value {
        // The shortest text that reads back as the same float is what the server wrote, as long as it has at most
        // 15 digits; an `f64` multiplied by 100 is not.
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.to_string(),
            None => number.as_f64()?.to_string(),
        },
        Value::String(text) => text.trim().replace(',', "."),
        _ => return None,
    };
    let (is_negative, digits) = digits.strip_prefix('-').map_or((false, &*digits), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let digit = |at: usize| fraction.as_bytes().get(at).map_or(0, |digit| i64::from(digit - b'0'));
    let cents = digit(0) * 10 + digit(1) + i64::from(digit(2) >= 5);
    let minor = whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(cents)?;
    Some(Money(if is_negative { -minor } else { minor }))
}

/// A moment with an offset, of any precision, cut to microseconds. `""`, `null` and Go's zero time are `None`.
pub(super) fn moment(value: &Value) -> Option<Instant> {
    let text = value.as_str()?.trim();
    let at = match DateTime::parse_from_rfc3339(text) {
        Ok(at) => at.with_timezone(&Utc),
        // Without an offset the Bot API means UTC, as everywhere else in it.
        Err(_) => text.parse::<NaiveDateTime>().ok()?.and_utc(),
    };
    (at > DateTime::UNIX_EPOCH).then(|| to_micros(at))
}

/// A moment of API v5: local time of the account without an offset.
pub(super) fn local_moment(value: &Value, zone: Tz) -> Option<Instant> {
    let text = value.as_str()?.trim();
    let naive = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN)));
    match naive {
        Some(naive) => from_local(naive, zone).filter(|at| *at > DateTime::UNIX_EPOCH),
        None => moment(value),
    }
}

/// The instant of a local time: the earlier one where the clocks ran twice; where they skipped it, as much later.
fn from_local(naive: NaiveDateTime, zone: Tz) -> Option<Instant> {
    let at = zone.from_local_datetime(&naive).earliest().or_else(|| {
        let day_before = zone.from_local_datetime(&naive.checked_sub_days(Days::new(1))?).earliest()?;
        Some(day_before + chrono::TimeDelta::days(1))
    })?;
    Some(at.with_timezone(&Utc))
}

/// How API v5 wants a moment in a filter.
pub(super) fn to_local(at: Instant, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// First and last name joined by a space; `None` when there is neither.
fn full_name(first: &Value, last: &Value) -> Option<String> {
    let parts: Vec<String> = [first, last].into_iter().filter_map(text).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// Undoes the HTML escaping the Bot API does when it stores a text. Once: what a person typed as `&amp;` comes back
/// as `&amp;amp;`. Unknown entities stay as they are.
fn unescape(escaped: &str) -> String {
    let mut plain = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let decoded = after.split_once(';').and_then(|(name, tail)| Some((entity(name)?, tail)));
        match decoded {
            Some((character, tail)) => {
                plain.push(character);
                rest = tail;
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// What an escaper writes: the five characters of markup by name, anything by number.
fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn money_is_exact_whatever_the_number_looks_like() {
        for (value, minor) in [
            (json!(0), 0),
            (json!(60), 6000),
            (json!(681.63), 68163),
            (json!(30470.4), 3_047_040),
            (json!(1.005), 101),
            (json!(-12.5), -1250),
            (json!("681.63"), 68163),
            (json!("1 "), 100),
            (json!(0.29), 29),
        ] {
            assert_eq!(money(&value), Some(Money(minor)), "{value}");
        }
        for value in [json!(null), json!(""), json!("много"), json!([1]), json!(1e30), json!(".5")] {
            assert_eq!(money(&value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn every_amount_with_two_digits_survives_the_float_of_json(minor in -1_000_000_000_000_i64..1_000_000_000_000) {
            let sign = if minor < 0 { "-" } else { "" };
            let written = format!("{sign}{}.{:02}", minor.abs() / 100, minor.abs() % 100);
            let value: Value = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(money(&value), Some(Money(minor)));
        }

        #[test]
        fn unescaping_undoes_escaping_and_never_panics(text in "\\PC*") {
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
                .replace('"', "&#34;").replace('\'', "&#39;");
            prop_assert_eq!(unescape(&escaped), text.clone());
            unescape(&text);
        }
    }

    #[test]
    fn an_unknown_entity_and_a_lonely_ampersand_stay() {
        assert_eq!(unescape("чай & мёд &nbsp; &amp;amp; &#x2014;"), "чай & мёд &nbsp; &amp; —");
    }

    #[test]
    fn moments_come_with_any_precision_and_sometimes_not_at_all() {
        let at = |text: &str| moment(&json!(text)).map(|at| at.to_rfc3339());
        assert_eq!(at("2019-05-20T17:17:28+03:00").unwrap(), "2019-05-20T14:17:28+00:00");
        assert_eq!(at("2026-03-02T08:17:28.7111Z").unwrap(), "2026-03-02T08:17:28.711100+00:00");
        assert_eq!(at("2026-03-02T08:20:00.123456789Z").unwrap(), "2026-03-02T08:20:00.123456+00:00");
        for missing in [json!(""), json!(null), json!("0001-01-01T00:00:00Z"), json!("вчера"), json!(5)]
        {
            assert_eq!(moment(&missing), None, "{missing}");
        }
    }

    #[test]
    fn local_times_take_the_earlier_instant_of_a_fold_and_move_forward_out_of_a_gap() {
        let at = |text: &str| local_moment(&json!(text), Tz::Europe__Berlin).map(|at| at.to_rfc3339());
        assert_eq!(at("2026-03-02 11:20:05").unwrap(), "2026-03-02T10:20:05+00:00");
        assert_eq!(at("2026-10-25 02:30:00").unwrap(), "2026-10-25T00:30:00+00:00");
        assert_eq!(at("2026-03-29 02:30:00").unwrap(), "2026-03-29T01:30:00+00:00");
        assert_eq!(at("2026-03-02").unwrap(), "2026-03-01T23:00:00+00:00");
        assert_eq!(at("2026-03-02T11:20:05+03:00").unwrap(), "2026-03-02T08:20:05+00:00");
        assert_eq!(at(""), None);
    }
}
