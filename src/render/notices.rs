//! Short notices: incidents for ops, and the one polite note to readers when a digest is late.
//!
//! Ops learn what broke, since when, whom it concerns, what the program does by itself and what is left to a human.
//! Readers learn why in plain words, and when to expect their digest. Pure: a trouble and the time in, one message out.

mod reasons;
mod trouble;
mod words;

use std::collections::BTreeMap;

use askama::Template;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::format::Noun;
use super::format::{MESSAGES, counted, duration, moment, name, time};
use super::{Part, RenderError, Report, tree};
use crate::clock::Instant;
pub use reasons::for_ops as reason_in_words;
pub use trouble::{Trouble, Vital};
use words::Told;
pub use words::source as source_in_words;

/// Longest list in a notice that tells several troubles.
const MOST_LINES: usize = 10;

/// What is needed to speak: the clocks of the business, and what people call the jobs.
#[derive(Debug, Clone)]
pub struct Speech {
    pub zone: Tz,
    /// «Ежедневная сводка» by job name; a job without an entry is called by its name.
    pub job_titles: BTreeMap<String, String>,
    /// Chats that read a job's report, by job name.
    pub job_chats: BTreeMap<String, Vec<String>>,
}

/// An incident as far as a text needs it.
#[derive(Debug, Clone)]
pub struct Incident<'a> {
    /// Negative for one that only this process knows, because the store is what is broken.
    pub id: i64,
    pub trouble: &'a Trouble,
    pub opened_at: Instant,
    pub is_over: bool,
    pub life: Life,
}

/// What became of an incident besides its trouble.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// Who has taken it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
    /// Until when nobody wants to hear of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<Instant>,
    /// How often it was over and came back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reopened_count: i64,
    /// One sentence about what was made up for; said at the end.
    #[serde(skip)]
    pub caught_up: Option<String>,
}

fn is_zero(count: &i64) -> bool {
    *count == 0
}

/// A digest that will not come in time.
#[derive(Debug, Clone)]
pub struct LateDigest<'a> {
    pub run_id: i64,
    pub job: &'a str,
    /// It tells of the bot, not of the CRM.
    pub is_about_bot: bool,
    pub slot_at: Instant,
    /// Bounded reason of the last failure, if there was one.
    pub reason: Option<&'a str>,
    /// When the next attempt starts; `None` when it runs now.
    pub next_at: Option<Instant>,
    /// There will be no further attempt.
    pub is_given_up: bool,
}

#[derive(Template)]
#[template(path = "telegram/incident_opened.html")]
struct Opened<'a> {
    title: &'a str,
    what: &'a str,
    since: &'a str,
    affected: Option<&'a str>,
    automatic: &'a str,
    human: &'a str,
    life: Option<String>,
}

#[derive(Template)]
#[template(path = "telegram/incident_news.html")]
struct News<'a> {
    title: &'a str,
    what: &'a str,
    affected: Option<&'a str>,
    automatic: &'a str,
    human: &'a str,
}

#[derive(Template)]
#[template(path = "telegram/incident_resolved.html")]
struct Resolved<'a> {
    title: &'a str,
    lasted: String,
    since: String,
    until: String,
    caught_up: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "telegram/incident_reminder.html")]
struct Reminder {
    icon: &'static str,
    heading: &'static str,
    lines: Vec<Line>,
    rest: Option<String>,
}

#[derive(Template)]
#[template(path = "telegram/incident_digest.html")]
struct Storm {
    count: String,
    lines: Vec<Line>,
    rest: Option<String>,
}

#[derive(Template)]
#[template(path = "telegram/incident_summary.html")]
struct Summary {
    heading: &'static str,
    lines: Vec<Line>,
    rest: Option<String>,
}

#[derive(Template)]
#[template(path = "telegram/notice_late.html")]
struct Late {
    title: String,
    reason: String,
    expect: String,
}

struct Line {
    title: String,
    lasted: String,
    human: String,
    is_over: bool,
}

impl Speech {
    /// The message that opens an incident, and that is edited while it lasts.
    pub fn opened(&self, incident: &Incident<'_>, now: Instant) -> Result<Part, RenderError> {
        let Told { title, what, since, affected, automatic, human } =
            &words::tell(self, incident.trouble, now);
        let affected = affected.as_deref();
        let html = if incident.trouble.is_news() {
            News { title, what, affected, automatic, human }.render()?
        } else {
            let since = &self.moment(since.unwrap_or(incident.opened_at), now);
            let life = self.life(&incident.life, now);
            Opened { title, what, since, affected, automatic, human, life }.render()?
        };
        part(incident_id(incident.id), html)
    }

    /// What the message says once the trouble is over.
    pub fn resolved(&self, incident: &Incident<'_>, now: Instant) -> Result<Part, RenderError> {
        let told = words::tell(self, incident.trouble, now);
        let since = told.since.unwrap_or(incident.opened_at).min(incident.opened_at);
        let html = Resolved {
            title: &told.title,
            lasted: duration((now - since).as_seconds_f64()),
            since: self.moment(since, now),
            until: self.moment(now, now),
            caught_up: incident.life.caught_up.as_deref(),
        }
        .render()?;
        part(incident_id(incident.id), html)
    }

    /// Says again what is still broken.
    ///
    /// # Errors
    /// Also when `incidents` is empty: there is nothing to say.
    pub fn reminder(&self, incidents: &[Incident<'_>], now: Instant) -> Result<Part, RenderError> {
        let (lines, rest) = self.lines(incidents, now);
        let (icon, heading) = ("⏰", "Всё ещё не починено");
        part(first_id("rem", incidents)?, Reminder { icon, heading, lines, rest }.render()?)
    }

    /// Says aloud that what was over is broken again.
    ///
    /// # Errors
    /// Also when `incidents` is empty: there is nothing to say.
    pub fn again(&self, incidents: &[Incident<'_>], now: Instant) -> Result<Part, RenderError> {
        let (lines, rest) = self.lines(incidents, now);
        let (icon, heading) = ("🔁", "Снова не работает");
        part(first_id("rem", incidents)?, Reminder { icon, heading, lines, rest }.render()?)
    }

    /// For those who are called because nobody answered in the ops chat.
    ///
    /// # Errors
    /// Also when `incidents` is empty: there is nothing to say.
    pub fn escalated(&self, incidents: &[Incident<'_>], now: Instant) -> Result<Part, RenderError> {
        let (lines, rest) = self.lines(incidents, now);
        let (icon, heading) = ("🆘", "Неполадка, на которую никто не ответил");
        part(first_id("esc", incidents)?, Reminder { icon, heading, lines, rest }.render()?)
    }

    /// What could wait: warnings in the morning, or what came in the quiet hours.
    ///
    /// # Errors
    /// Also when `incidents` is empty: there is nothing to say.
    pub fn summary(
        &self,
        incidents: &[Incident<'_>],
        is_morning: bool,
        now: Instant,
    ) -> Result<Part, RenderError> {
        let (lines, rest) = self.lines(incidents, now);
        let heading = if is_morning {
            "Предупреждения за сутки"
        } else {
            "Пока было тихо"
        };
        part(first_id("sum", incidents)?, Summary { heading, lines, rest }.render()?)
    }

    /// One message for many incidents; the first is the most important.
    ///
    /// # Errors
    /// Also when `incidents` is empty: there is nothing to say.
    pub fn storm(&self, incidents: &[Incident<'_>], now: Instant) -> Result<Part, RenderError> {
        let (lines, rest) = self.lines(incidents, now);
        let noun = Noun("неполадка", "неполадки", "неполадок");
        let count = counted(incidents.len() as u64, noun);
        part(first_id("sum", incidents)?, Storm { count, lines, rest }.render()?)
    }

    /// The note to the readers of a digest that is late.
    pub fn late(&self, digest: &LateDigest<'_>, now: Instant) -> Result<Part, RenderError> {
        let usual = time(digest.slot_at, self.zone);
        let reason = match digest.reason.and_then(|reason| reasons::for_readers(reason, digest.is_about_bot))
        {
            Some(words) => format!("Отправка была назначена на {usual}, но {words}."),
            None => format!("Отправка была назначена на {usual}, но подготовка заняла больше времени."),
        };
        let expect = match (digest.is_given_up, digest.next_at) {
            (true, _) => {
                "Сегодня само уже не придёт: ответственные знают и пришлют после починки.".to_owned()
            }
            (false, Some(at)) if at > now => {
                format!("Следующая попытка в {}; пришлём сразу, как получится.", self.moment(at, now))
            }
            (false, _) => "Пришлём в ближайшие минуты, сразу как получится.".to_owned(),
        };
        let title = self.job_titles.get(digest.job).cloned().unwrap_or_else(|| "Сводка".to_owned());
        part(format!("late-{:04}", digest.run_id), Late { title, reason, expect }.render()?)
    }

    /// What was sent after all; `None` when that was nothing.
    pub fn sent_since(&self, count: u64) -> Option<String> {
        (count > 0).then(|| format!("Отправлено по порядку: {}.", counted(count, MESSAGES)))
    }

    /// How far a source is known again.
    pub fn read_until(&self, until: Instant, now: Instant) -> String {
        format!("Догружено, данные известны до {}.", self.moment(until, now))
    }

    /// A run that came out after all.
    pub fn came_out(&self, slot_at: Instant, finished_at: Instant, now: Instant) -> String {
        format!("Запуск на {} готов в {}.", self.moment(slot_at, now), self.moment(finished_at, now))
    }

    /// «Вернулось, уже 2-й раз. Взялся: Анна.»; `None` when nothing happened to it.
    fn life(&self, life: &Life, now: Instant) -> Option<String> {
        let again =
            (life.reopened_count > 0).then(|| format!("Вернулось, уже {}-й раз.", life.reopened_count));
        let taken =
            life.acknowledged_by.as_deref().and_then(|by| name(by, 40)).map(|by| format!("Взялся: {by}."));
        let snoozed = life.snoozed_until.filter(|until| life.acknowledged_by.is_none() && *until > now);
        let snoozed = snoozed.map(|until| format!("Отложено до {}.", self.moment(until, now)));
        let words: Vec<String> = [again, taken, snoozed].into_iter().flatten().collect();
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// What is still broken and for how long, a line each.
    pub fn brief(&self, incidents: &[Incident<'_>], now: Instant) -> Vec<String> {
        let (lines, rest) = self.lines(incidents, now);
        lines.into_iter().map(|line| format!("{}, уже {}", line.title, line.lasted)).chain(rest).collect()
    }

    fn lines(&self, incidents: &[Incident<'_>], now: Instant) -> (Vec<Line>, Option<String>) {
        let shown = incidents.iter().take(MOST_LINES).map(|incident| {
            let told = words::tell(self, incident.trouble, now);
            let lasted = duration((now - incident.opened_at).as_seconds_f64());
            Line { title: told.title, lasted, human: told.human, is_over: incident.is_over }
        });
        let rest = incidents.len().saturating_sub(MOST_LINES);
        let rest = (rest > 0)
            .then(|| format!("…и ещё {}", counted(rest as u64, Noun("неполадка", "неполадки", "неполадок"))));
        (shown.collect(), rest)
    }

    fn moment(&self, at: Instant, now: Instant) -> String {
        moment(at, self.zone, now.with_timezone(&self.zone).date_naive())
    }

    fn job(&self, job: &str) -> String {
        self.job_titles.get(job).map_or_else(|| format!("«{job}»"), |title| format!("«{title}»"))
    }
}

fn incident_id(id: i64) -> String {
    match id {
        0.. => format!("inc-{id:04}"),
        _ => format!("db-{:06}", id.unsigned_abs() % 1_000_000),
    }
}

fn first_id(prefix: &str, incidents: &[Incident<'_>]) -> Result<String, RenderError> {
    let first = incidents.first().ok_or_else(|| RenderError::Markup("a notice about nothing".to_owned()))?;
    Ok(format!("{prefix}-{:04}", first.id))
}

/// A notice is one message: what does not fit was too long to be read anyway.
fn part(public_id: String, html: String) -> Result<Part, RenderError> {
    let parts = tree::parts(&Report { public_id, html })?;
    parts.into_iter().next().ok_or_else(|| RenderError::Markup("an empty notice".to_owned()))
}

/// A sentence from elsewhere, on one line and short.
fn short(text: &str) -> Option<String> {
    name(text, 300)
}
