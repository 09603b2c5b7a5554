//! When ops are told, when they are left alone, and whom to call when nobody answers.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveTime;

use super::raw::RawEscalation;

/// The word for the webhook and the mail of `alerts.fallback` in place of a chat.
const FALLBACK: &str = "fallback";

/// How ops want to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConductSettings {
    pub group_wait: Duration,
    /// From, until; local time, may cross midnight.
    pub quiet_hours: Option<(NaiveTime, NaiveTime)>,
    pub summary_at: NaiveTime,
    /// In the order of time.
    pub escalation: Vec<Escalation>,
}

/// Whom to call next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    pub after: Duration,
    /// `None` = past Telegram, by `alerts.fallback`.
    pub chat: Option<String>,
}

/// What was written.
pub(super) struct Written {
    pub group_wait: Duration,
    pub quiet_hours: String,
    pub summary_at: String,
    pub escalation: BTreeMap<String, RawEscalation>,
}

/// Checks; a problem names the key and the fix.
pub(super) fn conduct(
    raw: Written,
    is_chat: impl Fn(&str) -> bool,
    has_fallback: bool,
    problems: &mut Vec<String>,
) -> ConductSettings {
    let quiet_hours = match raw.quiet_hours.trim() {
        "" => None,
        text => {
            let read = text.split_once('-').and_then(|(from, until)| Some((time(from)?, time(until)?)));
            let read = read.filter(|(from, until)| from != until);
            if read.is_none() {
                problems.push(format!(
                    "alerts.quiet_hours: `{text}` is not a stretch of the day; write it as 22:00-08:00, or leave it empty"
                ));
            }
            read
        }
    };
    let summary_at = time(&raw.summary_at).unwrap_or_else(|| {
        problems
            .push(format!("alerts.summary_at: `{}` is not a time of day; write it as 09:00", raw.summary_at));
        NaiveTime::default()
    });
    if raw.group_wait > Duration::from_secs(60) {
        problems.push(
            "alerts.group_wait: write 60s or less; whoever is on call should not wait longer".to_owned(),
        );
    }
    let mut escalation = Vec::new();
    for (name, step) in raw.escalation {
        let path = format!("alerts.escalation.{name}");
        let is_fallback = step.chat == FALLBACK;
        if is_fallback && !has_fallback {
            problems.push(format!(
                "{path}.chat: there is no second way to ops; set alerts.fallback.webhook or alerts.fallback.smtp_url"
            ));
        } else if !is_fallback && !is_chat(&step.chat) {
            problems.push(format!(
                "{path}.chat: the chat `{0}` is not defined; add a section [chats.{0}] with its id, or write \"fallback\"",
                step.chat
            ));
        }
        escalation
            .push(Escalation { after: step.after, chat: Some(step.chat).filter(|chat| chat != FALLBACK) });
    }
    escalation.sort_by_key(|step| step.after);
    ConductSettings { group_wait: raw.group_wait, quiet_hours, summary_at, escalation }
}

fn time(text: &str) -> Option<NaiveTime> {
    NaiveTime::parse_from_str(text.trim(), "%H:%M").ok()
}
