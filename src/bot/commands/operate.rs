//! How the program is doing, for those who run it.

use chrono::TimeDelta;

use super::Ask;
use crate::bot::cards::plain;
use crate::bot::reply::{Failure, Reply};
use crate::clock::Instant;
use crate::jobs::report::title;
use crate::render::card::{Card, Section};
use crate::render::format;
use crate::render::notices::{reason_in_words, source_in_words};
use crate::schedule::Job;
use crate::store::jobs::JobRow;
use crate::store::outbox::{DeliveryRow, DeliveryState};
use crate::store::sources::SourceRow;

/// Fire times told by /status, deliveries by /deliveries.
const MOST_FIRES: usize = 5;
const MOST_DELIVERIES: i64 = 200;
const MOST_SHOWN: usize = 10;

/// `/status`: sources with their lag, the next fires, open incidents.
pub(super) async fn status(ask: &Ask<'_>) -> Result<Reply, Failure> {
    let desk = ask.desk;
    let sources = desk.store.list_sources().await?;
    let sources: Vec<String> = sources.iter().map(|source| source_line(ask, source)).collect();
    let sources = if sources.is_empty() {
        vec!["ещё ничего не прочитано".to_owned()]
    } else {
        sources
    };
    let paused = desk.store.list_jobs().await?;
    let is_paused = |job: &Job| paused.iter().any(|row| row.name == job.name && row.paused_at.is_some());
    let mut fires: Vec<(Instant, &Job)> = desk
        .settings
        .jobs
        .values()
        .filter(|job| job.report.has_messages() && !is_paused(job))
        .filter_map(|job| Some((job.schedule.next_after(ask.now)?, job)))
        .collect();
    fires.sort_by_key(|(at, job)| (*at, job.name.clone()));
    let fires: Vec<String> = fires
        .into_iter()
        .take(MOST_FIRES)
        .map(|(at, job)| format!("{} — {}", moment(ask, at), title(job.report)))
        .collect();
    let incidents = match desk.alerts.open_in_words().await {
        Ok(lines) if lines.is_empty() => vec!["нет".to_owned()],
        Ok(lines) => lines,
        Err(crate::alert::AlertError::Store(error)) => return Err(error.into()),
        Err(crate::alert::AlertError::Render(error)) => return Err(error.into()),
    };
    let sections = vec![
        Section::of("Открытые неполадки", incidents),
        Section::of("Источники", sources),
        Section::of("Ближайшие отчёты", if fires.is_empty() { vec!["нет".to_owned()] } else { fires }),
    ];
    let version = format!("Версия {}, база {}.", env!("CARGO_PKG_VERSION"), desk.store.backend());
    plain(&Card {
        sections, notes: vec![version], ..Card::new("Как дела у программы", Vec::new())
    })
}

/// `/jobs`: the cron table with pauses, the next fire and the last end.
pub(super) async fn jobs(ask: &Ask<'_>) -> Result<Reply, Failure> {
    let desk = ask.desk;
    let (rows, ends) = (desk.store.list_jobs().await?, desk.store.last_successes().await?);
    let section = |job: &Job| {
        let row = rows.iter().find(|row| row.name == job.name);
        let next = job.schedule.next_after(ask.now).map(|at| format!("следующий раз {}", moment(ask, at)));
        let mut lines = vec![match row.and_then(|row| pause_words(ask, row)) {
            Some(paused) => paused,
            None => next.unwrap_or_else(|| "больше не сработает".to_owned()),
        }];
        let last = ends.iter().find(|run| run.job == job.name).and_then(|run| run.finished_at);
        lines.extend(last.map(|at| format!("последний успех {}", moment(ask, at))));
        Section::of(format!("{} · {}", job.name, title(job.report)), lines)
    };
    let sections: Vec<Section> = desk.settings.jobs.values().map(section).collect();
    plain(&Card { sections, ..Card::new("Задания", Vec::new()) })
}

/// `/deliveries`: how the latest messages ended, and those that did not arrive one by one.
pub(super) async fn deliveries(ask: &Ask<'_>) -> Result<Reply, Failure> {
    let rows = ask.desk.store.list_deliveries(&[], MOST_DELIVERIES).await?;
    // Answers in chats are not what is asked about.
    let rows: Vec<DeliveryRow> = rows.into_iter().filter(|row| !row.is_answer()).collect();
    let states = [
        (DeliveryState::Sent, "дошли"),
        (DeliveryState::Pending, "ждут отправки"),
        (DeliveryState::Sending, "отправляются"),
        (DeliveryState::Unknown, "неизвестно, дошли ли"),
        (DeliveryState::Dead, "не дошли"),
    ];
    let count = |state| rows.iter().filter(|row| row.state == state).count();
    let lines: Vec<String> = states
        .into_iter()
        .filter(|(state, _)| count(*state) > 0)
        .map(|(state, words)| format!("{words}: {}", format::count(count(state) as u64)))
        .collect();
    let lines =
        if lines.is_empty() { vec!["Сообщений ещё не было.".to_owned()] } else { lines };
    let mut card = Card::new("Последние сообщения", lines);
    let bad = rows.iter().filter(|row| row.state != DeliveryState::Sent).take(MOST_SHOWN);
    let bad: Vec<String> = bad
        .map(|row| {
            let why = row.reason.as_deref().map(reason_in_words).unwrap_or("в очереди");
            format!("№ {} в «{}» ({}): {why}", row.public_id, row.chat, moment(ask, row.created_at))
        })
        .collect();
    if !bad.is_empty() {
        card.sections.push(Section::of("Что не дошло или ждёт", bad));
        card.notes.push("Отправить ещё раз или снять: svodka deliveries retry или drop.".to_owned());
    }
    plain(&card)
}

fn source_line(ask: &Ask<'_>, source: &SourceRow) -> String {
    let name = source_in_words(&source.name);
    if let (Some(since), Some(reason)) = (source.failing_since, &source.failure_reason) {
        return format!("🔴 {name}: не читаются с {}, {}", moment(ask, since), reason_in_words(reason));
    }
    match source.coverage.map(|span| span.until).or(source.last_success_at) {
        Some(until) => {
            let lag = (ask.now - until).max(TimeDelta::zero());
            format!("🟢 {name}: известны до {}, отставание {}", moment(ask, until), lag_words(lag))
        }
        None => format!("⚪ {name}: первая загрузка ещё идёт"),
    }
}

fn lag_words(lag: TimeDelta) -> String {
    if lag < TimeDelta::minutes(1) {
        "меньше минуты".to_owned()
    } else {
        format::duration(lag.as_seconds_f64())
    }
}

/// `на паузе с 14:05, Анна: отпуск`; `None` for a job that is not paused.
pub(super) fn pause_words(ask: &Ask<'_>, row: &JobRow) -> Option<String> {
    let at = row.paused_at?;
    let by = row.paused_by.as_deref().unwrap_or("кто-то");
    let reason = row.pause_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    Some(format!("⏸ на паузе с {}, {by}{reason}", moment(ask, at)))
}

/// `14:05`, or with the day when that is not today.
pub(super) fn moment(ask: &Ask<'_>, at: Instant) -> String {
    format::moment(at, ask.desk.settings.zone, ask.desk.today(ask.now))
}
