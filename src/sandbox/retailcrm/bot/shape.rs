//! How the Bot API writes values.

use chrono::{FixedOffset, SecondsFormat};
use serde_json::{Value, json};

use crate::clock::Instant;

/// A date of the "second" kind. Where `shifted`, as old data has it: with the offset of Moscow.
pub(super) fn seconds(at: Instant, shifted: bool) -> String {
    match FixedOffset::east_opt(3 * 3600).filter(|_| shifted) {
        Some(offset) => at.with_timezone(&offset).to_rfc3339_opts(SecondsFormat::Secs, false),
        None => at.to_rfc3339_opts(SecondsFormat::Secs, true),
    }
}

/// A date of the "micro" kind: trailing zeros of the fraction are left out, and the point with them.
pub(super) fn micros(at: Instant) -> String {
    let full = at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
    format!("{}Z", full.trim_end_matches('0').trim_end_matches('.'))
}

/// A date that may be missing; where `is_blank`, "missing" is written `""` instead of `null`.
pub(super) fn micros_or_nothing(at: Option<Instant>, is_blank: bool) -> Value {
    match at {
        Some(at) => json!(micros(at)),
        None if is_blank => json!(""),
        None => Value::Null,
    }
}

/// Escapes as the service does on writing.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_trimmed_and_vanish_when_zero() {
        let at = |text: &str| text.parse::<Instant>().unwrap();
        assert_eq!(micros(at("2026-03-02T08:17:28.711100Z")), "2026-03-02T08:17:28.7111Z");
        assert_eq!(micros(at("2026-03-02T08:17:20Z")), "2026-03-02T08:17:20Z");
        assert_eq!(seconds(at("2026-03-02T22:17:20.5Z"), true), "2026-03-03T01:17:20+03:00");
    }
}
