//! Slots across changes of clocks.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use svodka::schedule::Schedule;

fn slots(line: &str, zone: Tz, after: &str, count: usize) -> Vec<String> {
    let after: DateTime<Utc> = after.parse().unwrap();
    let schedule = Schedule::parse(line, zone).unwrap();
    schedule
        .after(after)
        .take(count)
        .map(|slot| slot.with_timezone(&zone).format("%m-%d %H:%M%z").to_string())
        .collect()
}

#[test]
fn nine_in_the_morning_stays_nine_when_the_clocks_change() {
    let berlin = chrono_tz::Europe::Berlin;
    assert_eq!(
        slots("0 9 * * *", berlin, "2026-03-27T12:00:00Z", 3),
        ["03-28 09:00+0100", "03-29 09:00+0200", "03-30 09:00+0200"]
    );
    assert_eq!(
        slots("0 9 * * *", berlin, "2026-10-23T12:00:00Z", 3),
        ["10-24 09:00+0200", "10-25 09:00+0100", "10-26 09:00+0100"]
    );
}

#[test]
fn a_time_inside_the_gap_fires_at_its_end_and_one_inside_the_overlap_fires_once_at_first() {
    let berlin = chrono_tz::Europe::Berlin;
    assert_eq!(
        slots("30 2 * * *", berlin, "2026-03-28T12:00:00Z", 2),
        ["03-29 03:00+0200", "03-30 02:30+0200"]
    );
    assert_eq!(
        slots("30 2 * * *", berlin, "2026-10-24T12:00:00Z", 2),
        ["10-25 02:30+0200", "10-26 02:30+0100"]
    );
}

#[test]
fn an_interval_follows_real_time_through_the_overlap() {
    let schedule = Schedule::parse("*/15 * * * *", chrono_tz::Europe::Berlin).unwrap();
    let slots: Vec<_> = schedule.after("2026-10-24T22:00:00Z".parse().unwrap()).take(24).collect();
    assert!(slots.windows(2).all(|pair| pair[1] - pair[0] == TimeDelta::minutes(15)), "{slots:?}");
}

#[test]
fn day_of_month_and_day_of_week_are_joined_by_or() {
    let slots = slots("0 9 1 * MON", chrono_tz::UTC, "2026-03-30T12:00:00Z", 2);
    assert_eq!(slots, ["04-01 09:00+0000", "04-06 09:00+0000"]);
}

#[test]
fn lines_that_cannot_be_meant_are_refused_with_an_example() {
    for line in ["", "daily", "* * * *", "0 0 9 * * *", "61 * * * *", "0 9 31 2 *"] {
        let text = Schedule::parse(line, chrono_tz::UTC).unwrap_err();
        assert!(text.contains(&format!("`{line}`")), "{text}");
    }
}
