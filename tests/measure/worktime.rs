use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Weekday};
use chrono_tz::Tz;
use proptest::prelude::*;
use svodka::clock::Instant;
use svodka::measure::WorkCalendar;
use svodka::measure::worktime::WorkHours;

use crate::support::facts::*;

const BERLIN: Tz = Tz::Europe__Berlin;

fn secs(calendar: &WorkCalendar, from: &str, to: &str) -> i64 {
    calendar.secs_between(local(from, calendar.zone), local(to, calendar.zone))
}

#[test]
fn the_clock_ticks_inside_the_window_only() {
    let calendar = calendar("10:00-23:00", MOSCOW);
    assert_eq!(secs(&calendar, "2026-03-10 12:00", "2026-03-10 12:00:07"), 7);
    assert_eq!(secs(&calendar, "2026-03-10 09:00", "2026-03-10 10:00:01"), 1);
    assert_eq!(secs(&calendar, "2026-03-10 22:59:58", "2026-03-11 09:00"), 2);
    assert_eq!(secs(&calendar, "2026-03-10 00:00", "2026-03-13 00:00"), 3 * 13 * 3600);
    assert_eq!(secs(&calendar, "2026-03-10 12:00", "2026-03-10 11:00"), 0);
    assert_eq!(secs(&calendar, "2026-03-10 23:00", "2026-03-11 10:00"), 0);
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_it_began_on() {
    let mut calendar = calendar("22:00-06:00", MOSCOW);
    assert_eq!(secs(&calendar, "2026-03-10 00:00", "2026-03-11 00:00"), 8 * 3600);
    assert_eq!(secs(&calendar, "2026-03-10 05:59", "2026-03-10 22:01"), 120);
    calendar.holidays.insert(date("2026-03-10"));
    // The night before still runs until six; the evening of the holiday does not open.
    assert_eq!(secs(&calendar, "2026-03-10 00:00", "2026-03-11 12:00"), 6 * 3600);
}

#[test]
fn weekdays_have_their_own_windows_and_days_off() {
    let mut calendar = calendar("10:00-20:00", MOSCOW);
    calendar.weekdays.insert(Weekday::Sat, Some("11:00-15:00".parse().expect("a window")));
    calendar.weekdays.insert(Weekday::Sun, None);
    // Friday 13 March to Tuesday 17 March: 10 + 4 + 0 + 10 hours.
    assert_eq!(secs(&calendar, "2026-03-13 00:00", "2026-03-17 00:00"), 24 * 3600);
    calendar.holidays.insert(date("2026-03-16"));
    assert_eq!(secs(&calendar, "2026-03-13 00:00", "2026-03-17 00:00"), 14 * 3600);
}

#[test]
fn windows_that_overlap_count_once() {
    let mut calendar = calendar("10:00-20:00", MOSCOW);
    calendar.weekdays.insert(Weekday::Mon, Some("18:00-12:00".parse().expect("a window")));
    // Monday 18:00 to Tuesday 20:00 without a break.
    assert_eq!(secs(&calendar, "2026-03-16 00:00", "2026-03-18 00:00"), 26 * 3600);
}

#[test]
fn a_round_the_clock_day_has_23_hours_in_spring_and_25_in_autumn() {
    let calendar = calendar("00:00-24:00", BERLIN);
    assert_eq!(secs(&calendar, "2026-03-29 00:00", "2026-03-30 00:00"), 23 * 3600);
    assert_eq!(secs(&calendar, "2026-10-25 00:00", "2026-10-26 00:00"), 25 * 3600);
}

#[test]
fn a_window_over_the_clock_change_follows_the_wall_clock() {
    let calendar = calendar("01:30-02:30", BERLIN);
    // Spring: 02:00 becomes 03:00, so half an hour is left. Autumn: the clock shows 02:00-02:30 twice.
    assert_eq!(secs(&calendar, "2026-03-29 00:00", "2026-03-29 12:00"), 1800);
    assert_eq!(secs(&calendar, "2026-10-25 00:00", "2026-10-25 12:00"), 5400);
    assert_eq!(secs(&calendar, "2026-10-24 00:00", "2026-10-24 12:00"), 3600);
}

#[test]
fn the_clock_change_is_found_to_the_second_wherever_the_search_begins() {
    let calendar = calendar("02:01-03:01", BERLIN);
    // The spring change skips 02:01-03:00; of the window one minute is left.
    for start in ["2026-03-28 23:59:23", "2026-03-29 01:59:59", "2026-03-28 03:01:01"] {
        assert_eq!(secs(&calendar, start, "2026-03-29 12:00"), 60, "{start}");
        let from = local(start, BERLIN) + TimeDelta::microseconds(123_457);
        assert_eq!(calendar.secs_between(from, local("2026-03-29 12:00", BERLIN)), 60, "{start} and a bit");
    }
}

#[test]
fn years_are_counted_without_walking_through_their_seconds() {
    let calendar = calendar("10:00-23:00", BERLIN);
    assert_eq!(secs(&calendar, "1996-01-01 00:00", "2026-01-01 00:00"), 10_958 * 13 * 3600);
}

/// The definition, read off the wall clock: is this moment inside a window of its day, or of the day before?
pub fn ticks(calendar: &WorkCalendar, at: Instant) -> bool {
    let wall = at.with_timezone(&calendar.zone).naive_local();
    let window = |day: NaiveDate| match calendar.weekdays.get(&day.weekday()) {
        _ if calendar.holidays.contains(&day) => None,
        Some(own) => *own,
        None => Some(calendar.default),
    };
    let today = window(wall.date()).is_some_and(|hours| {
        let crosses = hours.end.is_none_or(|end| end < hours.start);
        wall.time() >= hours.start && (crosses || hours.end.is_some_and(|end| wall.time() < end))
    });
    let yesterday = window(wall.date() - Days::new(1))
        .is_some_and(|hours| hours.end.is_some_and(|end| end < hours.start && wall.time() < end));
    today || yesterday
}

/// Counts steps one by one. Exact when everything falls on a multiple of the step.
fn count_steps(calendar: &WorkCalendar, from: Instant, to: Instant, step_secs: i64) -> i64 {
    let steps = (to - from).num_seconds().max(0) / step_secs;
    let worked = (0..steps).filter(|step| ticks(calendar, from + TimeDelta::seconds(step * step_secs)));
    worked.count() as i64 * step_secs
}

pub fn any_hours(step_minutes: u32) -> impl Strategy<Value = WorkHours> {
    let steps = 24 * 60 / step_minutes;
    let time = move |step: u32| {
        NaiveTime::from_num_seconds_from_midnight_opt(step * step_minutes * 60, 0).expect("a time of day")
    };
    (0..steps, 0..=steps).prop_filter_map("an empty window", move |(start, end)| {
        (start != end).then(|| WorkHours { start: time(start), end: (end < steps).then(|| time(end)) })
    })
}

/// A calendar in a zone whose days around `near` are of every kind.
pub fn any_calendar(zone: Tz, near: NaiveDate, step_minutes: u32) -> impl Strategy<Value = WorkCalendar> {
    let own = proptest::option::weighted(0.7, any_hours(step_minutes));
    let weekdays = proptest::collection::hash_map((0u8..7).prop_map(weekday), own, 0..4);
    let holidays =
        proptest::collection::btree_set((0u64..5).prop_map(move |ago| near - Days::new(ago)), 0..2);
    (any_hours(step_minutes), weekdays, holidays)
        .prop_map(move |(default, weekdays, holidays)| WorkCalendar { zone, default, weekdays, holidays })
}

fn weekday(number: u8) -> Weekday {
    Weekday::try_from(number).expect("a weekday")
}

/// Zones with a day on which their clocks change; Lord Howe moves by half an hour, Havana changes at midnight.
pub fn any_zone_and_day() -> impl Strategy<Value = (Tz, NaiveDate)> {
    let days = [
        (MOSCOW, "2026-03-10"),
        (BERLIN, "2026-03-29"),
        (BERLIN, "2026-10-25"),
        (Tz::Australia__Lord_Howe, "2026-10-04"),
        (Tz::Australia__Lord_Howe, "2026-04-05"),
        (Tz::America__Havana, "2026-03-08"),
        (Tz::Asia__Kathmandu, "2026-01-01"),
    ];
    proptest::sample::select(days.to_vec()).prop_map(|(zone, day)| (zone, date(day)))
}

fn calendar_and_start(step_minutes: u32) -> impl Strategy<Value = (WorkCalendar, Instant)> {
    any_zone_and_day().prop_flat_map(move |(zone, day)| {
        let start = svodka::measure::period::start_of_day(day, zone);
        (any_calendar(zone, day, step_minutes), Just(start))
    })
}

proptest! {
    #![proptest_config(super::quick(48))]

    #[test]
    fn working_time_equals_a_count_of_single_seconds(
        (calendar, start) in calendar_and_start(1), before in 0i64..14_400, length in 0i64..28_800,
    ) {
        let from = start - TimeDelta::seconds(before);
        let to = from + TimeDelta::seconds(length);
        prop_assert_eq!(calendar.secs_between(from, to), count_steps(&calendar, from, to, 1));
    }

    #[test]
    fn working_time_over_days_equals_a_count_of_single_minutes(
        (calendar, start) in calendar_and_start(1), before in 0i64..2_880, length in 0i64..10_000,
    ) {
        let from = start - TimeDelta::minutes(before);
        let to = from + TimeDelta::minutes(length);
        prop_assert_eq!(calendar.secs_between(from, to), count_steps(&calendar, from, to, 60));
    }

    #[test]
    fn working_time_adds_up_and_never_shrinks(
        (calendar, start) in calendar_and_start(1), first in 0i64..500_000, second in 0i64..500_000,
    ) {
        let (middle, end) = (start + TimeDelta::seconds(first), start + TimeDelta::seconds(first + second));
        let (whole, head) = (calendar.secs_between(start, end), calendar.secs_between(start, middle));
        prop_assert_eq!(whole, head + calendar.secs_between(middle, end));
        prop_assert!(head <= whole && whole <= first + second);
    }
}
