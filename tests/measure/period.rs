use chrono_tz::Tz;
use svodka::measure::Period;
use svodka::measure::worktime::WorkHours;

use crate::support::facts::*;

#[test]
fn a_day_with_a_clock_change_has_23_or_25_hours_and_the_next_begins_where_it_ends() {
    let hours = |day: &str, zone| {
        let day = Period::day(date(day), zone);
        assert_eq!((day.len_days(), day.to), (1, Period::day(day.to_on, zone).from));
        (day.to - day.from).num_minutes() as f64 / 60.0
    };
    assert_eq!(hours("2026-03-10", MOSCOW), 24.0);
    assert_eq!(hours("2026-03-29", Tz::Europe__Berlin), 23.0);
    assert_eq!(hours("2026-10-25", Tz::Europe__Berlin), 25.0);
    assert_eq!(hours("2026-10-04", Tz::Australia__Lord_Howe), 23.5);
    // Havana skips the first hour of the day in spring and repeats it in autumn.
    assert_eq!(hours("2026-03-08", Tz::America__Havana), 23.0);
    assert_eq!(hours("2026-11-01", Tz::America__Havana), 25.0);
}

#[test]
fn a_daily_report_speaks_of_the_local_day_before_its_slot() {
    let slot = local("2026-03-10 00:30", MOSCOW);
    assert_eq!(Period::day_before(slot, MOSCOW), Period::day(date("2026-03-09"), MOSCOW));
    // In UTC it is still the 9th.
    assert_eq!(Period::day_before(slot, Tz::UTC), Period::day(date("2026-03-08"), Tz::UTC));
}

#[test]
fn a_week_runs_from_monday_to_sunday_and_shifts_by_local_days() {
    let week = Period::week_of(date("2026-03-29"), Tz::Europe__Berlin);
    assert_eq!((week.from_on, week.to_on, week.len_days()), (date("2026-03-23"), date("2026-03-30"), 7));
    assert_eq!(week.from, local("2026-03-23 00:00", Tz::Europe__Berlin));
    assert_eq!(week.earlier(7), Period::week_of(date("2026-03-22"), Tz::Europe__Berlin));
    assert!(week.contains(week.from) && !week.contains(week.to));
}

#[test]
fn working_windows_are_read_and_written_the_same_and_nonsense_is_named() {
    for text in ["10:00-23:00", "22:00-06:00", "00:00-24:00", "10:30-00:00"] {
        let hours: WorkHours = text.parse().expect(text);
        assert_eq!(String::from(hours), text);
    }
    for text in ["", "10-23", "10:00", "10:00-25:00", "24:00-10:00", "10:00-10:00"] {
        let message = text.parse::<WorkHours>().expect_err(text);
        assert!(message.contains(&format!("`{text}`")), "{message}");
    }
}
