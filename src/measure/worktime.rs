//! Working time: the clock that ticks only while the shop answers.

use std::collections::BTreeSet;
use std::str::FromStr;

use chrono::{NaiveDate, NaiveTime, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::clock::Instant;

/// A daily window, such as `10:00-23:00`. May cross midnight (`22:00-06:00`): the part after midnight belongs to
/// the day it began on. `00:00-24:00` is the whole day. Start is included, end is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkHours {
    pub start: NaiveTime,
    /// `None` = 24:00.
    pub end: Option<NaiveTime>,
}

impl FromStr for WorkHours {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("`{text}` is not a working window; write it as 10:00-23:00");
        let (start, end) = text.split_once('-').ok_or_else(bad)?;
        let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").map_err(|_| bad());
        let start = time(start)?;
        let end = if end.trim() == "24:00" { None } else { Some(time(end)?) };
        if end == Some(start) {
            return Err(format!("`{text}` is an empty window; for round the clock write 00:00-24:00"));
        }
        Ok(Self { start, end })
    }
}

impl TryFrom<String> for WorkHours {
    type Error = String;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<WorkHours> for String {
    fn from(hours: WorkHours) -> Self {
        let end = hours.end.map_or("24:00".to_owned(), |end| end.format("%H:%M").to_string());
        format!("{}-{end}", hours.start.format("%H:%M"))
    }
}

/// When the response clock ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkCalendar {
    /// The business zone.
    pub zone: Tz,
    /// Window of a day that has no entry of its own.
    pub default: WorkHours,
    /// Windows per weekday; `None` = day off.
    pub weekdays: std::collections::HashMap<Weekday, Option<WorkHours>>,
    /// Days off.
    pub holidays: BTreeSet<NaiveDate>,
}

impl WorkCalendar {
    /// Working seconds in `[from, to)`; 0 when `to <= from`.
    pub fn secs_between(&self, _from: Instant, _to: Instant) -> i64 {
        todo!()
    }
}
