//! A row of `user_events` as an event. Nothing here fails: a type nobody knows is kept by its name, a field that makes no
//! sense is left out and counted.

use serde_json::{Number, Value};

use super::metadata::{self, Found};
use crate::clock::Instant;
use crate::facts::Money;
use crate::facts::bot::{BotEvent, BotEventKind};

/// Longer values are cut: they are shown as labels.
const LABEL_CHARS: usize = 200;
/// A cart above this is a mistake (ten thousand million roubles).
const MOST_MINOR: i64 = 1_000_000_000_000;

/// A row as read.
#[derive(Debug, Clone)]
pub(super) struct RawEvent {
    pub id: i64,
    pub user_id: Option<i64>,
    pub event_type: Option<String>,
    /// JSON in whatever column type.
    pub metadata: Option<String>,
    pub created_at: Instant,
}

impl RawEvent {
    pub fn decode(self) -> BotEvent {
        let event_type = self.event_type.unwrap_or_default();
        let mut fields = Fields::read(self.metadata.as_deref(), wanted(&event_type));
        let kind = match event_type.as_str() {
            "bot_start" => BotEventKind::Start {
                source: fields.label("source"),
                is_new_user: fields.flag("is_new_user"),
            },
            "session_start" => BotEventKind::Session,
            "product_search" => {
                BotEventKind::Search { query: fields.label("query"), had_results: fields.flag("had_results") }
            }
            "cart_created" => BotEventKind::Cart {
                total: fields.money("total_sum"),
                scenario: fields.label("scenario"),
                is_trial: fields.flag("trial_active"),
            },
            "cart_limit_reached" => BotEventKind::CartLimit,
            "survey_completed" => {
                BotEventKind::Survey { pmf: fields.label("pmf").map(|pmf| pmf.to_lowercase()) }
            }
            "bot_error" => BotEventKind::Error { error_type: fields.label("error_type") },
            "referral_linked" => BotEventKind::ReferralLinked,
            "referral_bonus_granted" => BotEventKind::ReferralBonus,
            "feedback_bonus_granted" => BotEventKind::FeedbackBonus,
            other => BotEventKind::Unknown(label(other).unwrap_or_default()),
        };
        BotEvent {
            id: self.id,
            user_id: self.user_id.unwrap_or_default(),
            created_at: self.created_at,
            kind,
            malformed: fields.malformed,
        }
    }
}

/// The fields that some figure needs; metadata of other types is not even read.
fn wanted(event_type: &str) -> &'static [&'static str] {
    match event_type {
        "bot_start" => &["source", "is_new_user"],
        "product_search" => &["query", "had_results"],
        "cart_created" => &["total_sum", "scenario", "trial_active"],
        "survey_completed" => &["pmf"],
        "bot_error" => &["error_type"],
        _ => &[],
    }
}

/// The metadata of one event, and what in it made no sense.
struct Fields {
    found: Found,
    malformed: u32,
}

impl Fields {
    fn read(text: Option<&str>, wanted: &'static [&'static str]) -> Self {
        let text = text.filter(|_| !wanted.is_empty());
        match text.map_or_else(|| Some(Found::new()), |text| metadata::read(text, wanted)) {
            Some(found) => Self { found, malformed: 0 },
            None => Self { found: Found::new(), malformed: 1 },
        }
    }

    /// The field's value by `understand`; a field that is there and not understood is counted.
    fn field<T>(&mut self, name: &str, understand: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let (_, value) = self.found.iter().find(|(known, value)| *known == name && !is_nothing(value))?;
        let understood = understand(value);
        self.malformed += u32::from(understood.is_none());
        understood
    }

    fn label(&mut self, name: &str) -> Option<String> {
        self.field(name, |value| match value {
            Value::String(text) => label(text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    }

    fn flag(&mut self, name: &str) -> Option<bool> {
        self.field(name, |value| match value {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) if number.as_f64() == Some(1.0) => Some(true),
            Value::Number(number) if number.as_f64() == Some(0.0) => Some(false),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" => Some(true),
                "false" | "0" | "no" => Some(false),
                _ => None,
            },
            _ => None,
        })
    }

    fn money(&mut self, name: &str) -> Option<Money> {
        self.field(name, |value| match value {
            Value::Number(number) => money(&plain(number)),
            Value::String(text) => money(text),
            _ => None,
        })
    }
}

/// Null and the empty text say as much as a field that is not there.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// One line without control characters (PostgreSQL holds no NUL), cut to [`LABEL_CHARS`]; `None` when nothing is left.
fn label(text: &str) -> Option<String> {
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let cut: String = line.chars().take(LABEL_CHARS).collect();
    Some(cut.trim_end().to_owned()).filter(|line| !line.is_empty())
}

/// Without an exponent, as long as the number may be an amount at all.
fn plain(number: &Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() && value.abs() < 1e15 => format!("{value}"),
        _ => number.to_string(),
    }
}

/// Roubles as a decimal: `1234`, `1 234,50`, `990.5`; rounded to kopecks, half up. Negative and absurd amounts are none.
fn money(text: &str) -> Option<Money> {
    let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    let text = text.replacen(',', ".", 1);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 15 || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let digit = |place: usize| i64::from(fraction.as_bytes().get(place).map_or(0, |byte| byte - b'0'));
    let kopecks = digit(0) * 10 + digit(1) + i64::from(digit(2) >= 5);
    let minor = whole.parse::<i64>().ok()?.checked_mul(100)? + kopecks;
    (minor <= MOST_MINOR).then_some(Money(minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(event_type: &str, metadata: &str) -> BotEvent {
        RawEvent {
            id: 1,
            user_id: Some(7),
            event_type: Some(event_type.to_owned()),
            metadata: Some(metadata.to_owned()),
            created_at: Instant::UNIX_EPOCH,
        }
        .decode()
    }

    fn cart(metadata: &str) -> (Option<Money>, Option<bool>, u32) {
        let event = event("cart_created", metadata);
        match event.kind {
            BotEventKind::Cart { total, is_trial, .. } => (total, is_trial, event.malformed),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn amounts_are_read_however_they_are_written() {
        for (written, minor) in [
            ("1234", 123_400),
            ("1234.5", 123_450),
            ("0.1", 10),
            ("1.005", 101),
            ("\"1 234,50\"", 123_450),
            ("\"990\"", 99_000),
            ("1e3", 100_000),
        ] {
            let metadata = format!(r#"{{"total_sum": {written}, "trial_active": "true"}}"#);
            assert_eq!(cart(&metadata), (Some(Money(minor)), Some(true), 0), "{written}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_left_out_and_counted_and_what_is_missing_is_not() {
        assert_eq!(cart(r#"{"total_sum": "много", "trial_active": 2}"#), (None, None, 2));
        assert_eq!(cart(r#"{"total_sum": -5, "trial_active": 0}"#), (None, Some(false), 1));
        assert_eq!(cart(r#"{"total_sum": 1e300}"#), (None, None, 1));
        assert_eq!(cart(r#"{"total_sum": null, "trial_active": ""}"#), (None, None, 0));
        for (metadata, malformed) in [("", 0), ("null", 0), ("{}", 0), ("{", 1), ("[1]", 1), ("\"x\"", 1)] {
            assert_eq!(cart(metadata), (None, None, malformed), "{metadata}");
        }
        assert_eq!(cart(r#""{\"total_sum\": 5}""#), (Some(Money(500)), None, 0));
    }

    #[test]
    fn a_label_is_one_line_and_an_unknown_type_keeps_its_name() {
        let error = event("bot_error", r#"{"error_type": " time\u0000out\n\n api "}"#);
        assert_eq!(error.kind, BotEventKind::Error { error_type: Some("time out api".to_owned()) });
        assert_eq!(event("rocket_launched", "{").kind, BotEventKind::Unknown("rocket_launched".to_owned()));
        assert_eq!(event("rocket_launched", "{").malformed, 0);
        assert_eq!(label(&"ж".repeat(500)).map(|label| label.chars().count()), Some(200));
    }
}
