//! Slots around every change of clocks of every zone, against a scan of the clock face minute by minute.
//!
//! The scan knows nothing of cron or of the library's rules: it walks real time and looks what the clock on the wall
//! shows. A zone's changes are found by looking at its offset every four days and halving the stretch where it differs.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Offset, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use svodka::schedule::Schedule;

const DAY: i64 = 86_400;

/// A change of clocks: the first second of the new offset, and both offsets in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    at: i64,
    before: i64,
    after: i64,
}

impl Change {
    /// What the clock on the wall shows, as seconds of an imagined UTC.
    fn wall(self, at: i64) -> i64 {
        at + if at < self.at { self.before } else { self.after }
    }
}

fn instant(secs: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(secs, 0).unwrap()
}

fn offset(zone: Tz, at: i64) -> i64 {
    i64::from(zone.offset_from_utc_datetime(&instant(at).naive_utc()).fix().local_minus_utc())
}

/// Every change of offset from 1970 to 2037.
fn all_changes(zone: Tz) -> Vec<Change> {
    let end = "2038-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap().timestamp();
    let mut found = Vec::new();
    let (mut from, mut before) = (0, offset(zone, 0));
    while from < end {
        let to = from + 4 * DAY;
        let after = offset(zone, to);
        if after != before {
            let (mut low, mut high) = (from, to);
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if offset(zone, middle) == before { low = middle } else { high = middle }
            }
            found.push(Change { at: high, before, after: offset(zone, high) });
            (from, before) = (high, offset(zone, high));
        } else {
            from = to;
        }
    }
    found
}

fn zones_by_change() -> BTreeMap<Change, Vec<Tz>> {
    let mut changes: BTreeMap<Change, Vec<Tz>> = BTreeMap::new();
    for zone in TZ_VARIANTS {
        for change in all_changes(zone) {
            changes.entry(change).or_default().push(zone);
        }
    }
    changes
}

/// Days on which a line at one time fires.
#[derive(Debug, Clone, Copy)]
enum Days {
    Each,
    /// Days since a Sunday.
    Week(i64),
    Month(u32),
}

impl Days {
    fn cron(self) -> String {
        match self {
            Self::Each => "* * *".to_owned(),
            Self::Week(day) => format!("* * {day}"),
            Self::Month(day) => format!("{day} * *"),
        }
    }

    fn shows(self, wall: i64) -> bool {
        match self {
            Self::Each => true,
            Self::Week(day) => weekday(wall) == day,
            Self::Month(day) => instant(wall).day() == day,
        }
    }
}

/// The first of January 1970 was a Thursday.
fn weekday(wall: i64) -> i64 {
    (wall.div_euclid(DAY) + 4).rem_euclid(7)
}

/// How a line is read: at one time of some days, every hour, or every quarter of an hour.
#[derive(Debug, Clone, Copy)]
enum Line {
    At { hour: i64, minute: i64, days: Days },
    EachHour { minute: i64 },
    EachQuarter,
}

impl Line {
    fn cron(self) -> String {
        match self {
            Self::At { hour, minute, days } => format!("{minute} {hour} {}", days.cron()),
            Self::EachHour { minute } => format!("{minute} * * * *"),
            Self::EachQuarter => "*/15 * * * *".to_owned(),
        }
    }

    fn shows(self, wall: i64) -> bool {
        let (hour, minute) = (wall.rem_euclid(DAY) / 3600, wall.rem_euclid(3600) / 60);
        match self {
            Self::At { hour: h, minute: m, days } => (hour, minute) == (h, m) && days.shows(wall),
            Self::EachHour { minute: m } => minute == m,
            Self::EachQuarter => minute % 15 == 0,
        }
    }
}

/// The stretch looked at: long enough to see the change from both sides.
fn around(change: Change) -> (i64, i64) {
    let reach = (change.after - change.before).abs() + 2 * 3600;
    (change.at - reach, change.at + reach)
}

/// When the line should fire within the stretch, by walking real time.
fn scan(change: Change, line: Line) -> Vec<i64> {
    let (from, to) = around(change);
    let mut fired: Vec<i64> = Vec::new();
    let mut seen: Vec<i64> = Vec::new();
    let mut at = from + 1;
    while at <= to {
        let wall = change.wall(at);
        if at == change.at && change.after > change.before && matches!(line, Line::At { .. }) {
            let is_skipped = (change.wall(at - 1) + 1..wall).step_by(60).any(|skipped| line.shows(skipped));
            if is_skipped {
                fired.push(at);
            }
        }
        if wall % 60 == 0 && line.shows(wall) {
            let is_again = matches!(line, Line::At { .. }) && seen.contains(&wall);
            if !is_again && fired.last() != Some(&at) {
                fired.push(at);
            }
            seen.push(wall);
        }
        // From one full minute of the wall clock to the next, but never past the change.
        let step = 60 - wall.rem_euclid(60);
        at = if at < change.at { (at + step).min(change.at) } else { at + step };
    }
    fired
}

fn planned(change: Change, zone: Tz, line: Line) -> Vec<i64> {
    let (from, to) = around(change);
    let schedule = Schedule::parse(&line.cron(), zone).unwrap();
    schedule.after(instant(from)).map(|slot| slot.timestamp()).take_while(|slot| *slot <= to).collect()
}

/// Lines at the edges of the gap or the overlap, inside it, and a minute outside.
fn lines(change: Change) -> Vec<Line> {
    let (a, b) = (change.at + change.before, change.at + change.after);
    let (a, b) = (a.min(b), a.max(b));
    let on = |wall: i64, days: Days| {
        let (hour, minute) = (wall.rem_euclid(DAY) / 3600, wall.rem_euclid(3600) / 60);
        Line::At { hour, minute, days }
    };
    let at = |wall: i64| on(wall, Days::Each);
    let middle = (a + b) / 2;
    vec![
        at(middle),
        at(a - 60),
        at(a),
        at(b - 60),
        at(b),
        Line::EachQuarter,
        on(middle, Days::Week(weekday(middle))),
        on(middle, Days::Month(instant(middle).day())),
        Line::At { hour: 2, minute: 30, days: Days::Each },
        Line::EachHour { minute: 30 },
    ]
}

type Deviation = (Change, Tz, Line, Vec<i64>, Vec<i64>);

/// One zone of each change: the others turn their clocks at the same moment between the same offsets.
fn deviations(changes: &[(Change, Vec<Tz>)]) -> (usize, Vec<Deviation>) {
    let (mut count, mut found) = (0, Vec::new());
    for (number, (change, zones)) in changes.iter().enumerate() {
        let all = lines(*change);
        // Long gaps with every line; ordinary changes take turns at the edges.
        let lines = match (change.after - change.before).abs() > 3600 {
            true => all,
            false => vec![all[0], all[1 + number % 4], all[5], all[6 + number % 4]],
        };
        let expected: Vec<_> = lines.iter().map(|line| scan(*change, *line)).collect();
        for zone in &zones[..1] {
            let (from, to) = around(*change);
            let is_alone = offset(*zone, from) == change.before && offset(*zone, to) == change.after;
            assert!(is_alone, "{zone} changes twice around {}", instant(change.at));
            for (line, expected) in lines.iter().zip(&expected) {
                let planned = planned(*change, *zone, *line);
                count += 1;
                if planned != *expected {
                    found.push((*change, *zone, *line, expected.clone(), planned));
                }
            }
        }
    }
    (count, found)
}

#[test]
fn slots_follow_the_stated_rules_around_every_change_of_clocks_of_every_zone() {
    let changes: Vec<_> = zones_by_change().into_iter().collect();
    assert!(changes.len() > 5000, "only {} changes were found", changes.len());
    let (one, two) = changes.split_at(changes.len() / 2);
    let ((a, mut found), (b, more)) = std::thread::scope(|scope| {
        let other = scope.spawn(|| deviations(two));
        (deviations(one), other.join().unwrap())
    });
    found.extend(more);
    assert!(a + b > 20_000, "only {} lines were tried", a + b);
    for (change, zone, line, expected, planned) in found.iter().take(20) {
        let local = |slots: &[i64]| {
            slots.iter().map(|at| instant(*at).with_timezone(zone).to_string()).collect::<Vec<_>>()
        };
        eprintln!("{zone} {change:?} {line:?}: {:?} instead of {:?}", local(planned), local(expected));
    }
    assert_eq!(found.len(), 0);
}
