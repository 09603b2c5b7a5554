//! How API v5 writes values.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use crate::clock::Instant;

/// A date without offset, in the account's zone.
pub(super) fn naive(at: Instant, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// An amount in whole units or with kopecks, never as text.
pub(super) fn money(minor: i64) -> Value {
    if minor % 100 == 0 { json!(minor / 100) } else { json!(minor as f64 / 100.0) }
}

/// A PHP map: `[]` when empty, `{…}` otherwise.
pub(super) fn map_or_empty_list(map: Map<String, Value>) -> Value {
    if map.is_empty() { json!([]) } else { Value::Object(map) }
}

/// Reads `Y-m-d` or `Y-m-d H:i:s` in the zone. A date alone means its first second, or its last one when `is_end`.
pub(super) fn parse_naive(text: &str, zone: Tz, is_end: bool) -> Option<Instant> {
    let local = match NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S") {
        Ok(local) => local,
        Err(_) => {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            day.and_hms_opt(
                if is_end { 23 } else { 0 },
                if is_end { 59 } else { 0 },
                if is_end { 59 } else { 0 },
            )?
        }
    };
    // In a gap of the clock the hour after it is meant, in an overlap the first pass.
    let resolved = zone.from_local_datetime(&local).earliest();
    resolved
        .or_else(|| zone.from_local_datetime(&(local + TimeDelta::hours(1))).earliest())
        .map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back_in_a_zone_with_daylight_saving() {
        let zone = chrono_tz::Europe::Berlin;
        let at = parse_naive("2026-03-29 02:30:00", zone, false).unwrap();
        assert_eq!(naive(at, zone), "2026-03-29 03:30:00");
        let end = parse_naive("2026-07-01", zone, true).unwrap();
        assert_eq!(naive(end, zone), "2026-07-01 23:59:59");
        assert_eq!(parse_naive("2026-07-01T00:00:00Z", zone, false), None);
    }

    #[test]
    fn money_is_a_number_with_kopecks_only_where_there_are_any() {
        assert_eq!(money(555_050).to_string(), "5550.5");
        assert_eq!(money(520_000).to_string(), "5200");
    }
}
