//! Slots around every change of clocks of every zone, against a scan of the clock face minute by minute.
//!
//! The scan knows nothing of cron or of the library's rules: it walks real time and looks what the clock on the wall
//! shows. A zone's changes are found by looking at its offset twice a day and halving what differs.

use std::collections::BTreeMap;

use chrono::{DateTime, Offset, TimeZone, Utc};
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

#[test]
fn probe() {
    let started = std::time::Instant::now();
    let changes = zones_by_change();
    let pairs: usize = changes.values().map(Vec::len).sum();
    eprintln!("{} unique, {pairs} pairs, {:?}", changes.len(), started.elapsed());
    let s = Schedule::parse("30 2 * * *", chrono_tz::Europe::Berlin).unwrap();
    let n = s.after(instant(0)).take(2000).count();
    eprintln!("{n} slots {:?}", started.elapsed());
    let odd = changes
        .keys()
        .filter(|c| (c.at % 60 != 0) || (c.before - c.after) % 60 != 0 || c.before % 60 != 0)
        .count();
    let big: Vec<_> = changes.iter().filter(|(c, _)| (c.after - c.before).abs() > 7200).collect();
    eprintln!("odd {odd} big {big:?}");
}
