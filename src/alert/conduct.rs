//! How ops want to be told: how long to wait for more, when to be left alone, whom to call when nobody answers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use crate::clock::Instant;

/// How ops want to be told.
#[derive(Debug, Clone)]
pub struct Conduct {
    /// A new incident waits this long for its cause to be found, or for its end, before it is told.
    pub group_wait: TimeDelta,
    /// When only what pages is told; the rest waits for the end.
    pub quiet_hours: Option<QuietHours>,
    /// Local time of the summary of warnings.
    pub summary_at: NaiveTime,
    /// Whom to call when nobody takes a page up, in the order of time.
    pub escalation: Vec<EscalationStep>,
}

impl Default for Conduct {
    fn default() -> Self {
        Self {
            group_wait: TimeDelta::zero(),
            quiet_hours: None,
            summary_at: NaiveTime::from_hms_opt(9, 0, 0).unwrap_or_default(),
            escalation: Vec::new(),
        }
    }
}

/// A daily stretch of local time; may cross midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    pub from: NaiveTime,
    /// Exclusive; never `from`.
    pub until: NaiveTime,
}

impl QuietHours {
    /// Whether ops are to be left alone at `at`.
    pub fn hold(&self, at: Instant, zone: Tz) -> bool {
        let time = at.with_timezone(&zone).time();
        match self.from < self.until {
            true => self.from <= time && time < self.until,
            false => self.from <= time || time < self.until,
        }
    }
}

/// Somebody else to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationStep {
    /// After a page was opened, if nobody has taken it up.
    pub after: TimeDelta,
    pub to: Way,
}

/// By which way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// A chat by its logical name.
    Chat(String),
    /// The webhook and the mail of `alerts.fallback`.
    Fallback,
}

/// What the checks need to know of the configuration besides thresholds.
#[derive(Debug, Clone, Default)]
pub struct Looks {
    /// By source, the jobs that read it: while one of them is not paused, the source must not grow stale.
    pub readers: BTreeMap<String, Vec<String>>,
    /// Jobs that make the note on data quality.
    pub quality_jobs: Vec<String>,
    pub is_priced: IsPriced,
    /// Name of this worker's machine, for what only it can see.
    pub host: String,
}

/// Whether a language model has a price on a day; `None` where nobody pays for models.
#[derive(Clone, Default)]
pub struct IsPriced(pub Option<Arc<AskPrice>>);

/// A model's name and a local day in, whether there is a price out.
pub type AskPrice = dyn Fn(&str, NaiveDate) -> bool + Send + Sync;

impl fmt::Debug for IsPriced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IsPriced({})", self.0.is_some())
    }
}

/// The last moment at or before `now` whose local time is `time`, and its day. In a gap of the clock the first moment
/// after it.
pub(super) fn last_daily(time: NaiveTime, zone: Tz, now: Instant) -> Option<(NaiveDate, Instant)> {
    let today = now.with_timezone(&zone).date_naive();
    [Some(today), today.pred_opt()].into_iter().flatten().find_map(|day| {
        let at = (0..=3).find_map(|hours| {
            zone.from_local_datetime(&(day.and_time(time) + TimeDelta::hours(hours))).earliest()
        })?;
        (at <= now).then(|| (day, at.to_utc()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Europe::{Berlin, Moscow};

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn time(hour: u32, minute: u32) -> NaiveTime {
        NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
    }

    #[test]
    fn quiet_hours_may_cross_midnight_and_end_with_their_last_minute() {
        let night = QuietHours { from: time(22, 0), until: time(8, 0) };
        let held = ["T18:59:59Z", "T19:00:00Z", "T04:59:59Z", "T05:00:00Z"]
            .map(|hour| night.hold(at(&format!("2026-08-20{hour}")), Moscow));
        assert_eq!(held, [false, true, true, false]);
        let lunch = QuietHours { from: time(12, 0), until: time(13, 0) };
        assert!(lunch.hold(at("2026-08-20T09:30:00Z"), Moscow));
        assert!(!lunch.hold(at("2026-08-20T10:00:00Z"), Moscow));
    }

    #[test]
    fn a_daily_moment_is_found_in_the_gap_of_the_clock_and_before_its_time_it_is_yesterdays() {
        let nine = last_daily(time(9, 0), Moscow, at("2026-08-20T05:59:59Z")).unwrap();
        assert_eq!(nine, ("2026-08-19".parse().unwrap(), at("2026-08-19T06:00:00Z")));
        let nine = last_daily(time(9, 0), Moscow, at("2026-08-20T06:00:00Z")).unwrap();
        assert_eq!(nine.0, "2026-08-20".parse().unwrap());
        // 02:30 does not exist on this day.
        let gap = last_daily(time(2, 30), Berlin, at("2026-03-29T05:00:00Z")).unwrap();
        assert_eq!(gap.1, at("2026-03-29T01:30:00Z"));
    }
}
