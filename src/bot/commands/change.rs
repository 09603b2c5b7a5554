//! What changes the work of the program: run, pause, resume. Each is written down with who asked.

use chrono::NaiveDate;

use super::Ask;
use super::operate::{moment, pause_words};
use crate::bot::args::{self, Found};
use crate::bot::desk::words;
use crate::bot::reply::{Failure, Reply};
use crate::jobs::report::{slot_for, title};
use crate::render::format;
use crate::schedule::Job;

/// Code points of a reason and of a name.
const REASON: usize = 200;
const NAME: usize = 32;

/// `/run JOB [DAY]`: one run beside the cron table.
pub(super) async fn run(ask: &Ask<'_>) -> Result<Reply, Failure> {
    let (job, rest) = named_job(ask)?;
    let day = named_day(ask, rest)?;
    if day.is_some() && !job.report.has_messages() {
        return Err(Failure::Mistake(format!(
            "Задание «{}» не говорит ни о каком дне, день не нужен.",
            job.name
        )));
    }
    let desk = ask.desk;
    let slot_at = slot_for(job, day, ask.now);
    let run_id = desk.store.insert_manual_run(&job.name, slot_at, None, ask.now).await?;
    note(ask, job).await?;
    desk.wake_runs.notify_one();
    // A hint to the other workers; without it they come at their tick.
    let _ = desk.store.wake_workers().await;
    let where_to = match job.chats.as_slice() {
        [] => String::new(),
        chats => format!(" Получат чаты: {}.", chats.join(", ")),
    };
    Ok(words(&format!(
        "Запуск № {run_id}: {} ({}). Начну в ближайшие секунды.{where_to}",
        title(job.report),
        job.name
    )))
}

/// `/pause JOB [REASON]`.
pub(super) async fn pause(ask: &Ask<'_>) -> Result<Reply, Failure> {
    let (job, rest) = named_job(ask)?;
    let (desk, now) = (ask.desk, ask.now);
    let rows = desk.store.list_jobs().await?;
    let row = rows.iter().find(|row| row.name == job.name);
    if let Some(paused) = row.and_then(|row| pause_words(ask, row)) {
        return Ok(words(&format!("Задание {} уже {}.", job.name, paused.trim_start_matches("⏸ "))));
    }
    if row.is_none() {
        // No worker has planned it yet.
        let next = job.schedule.next_after(now);
        desk.store.register_job(&job.name, &job.schedule.fingerprint(), next, now).await?;
    }
    let reason = format::name(rest, REASON).unwrap_or_else(|| "без причины".to_owned());
    desk.store.pause_job(&job.name, &by(ask), &reason, now).await?;
    note(ask, job).await?;
    Ok(words(&format!(
        "Задание {} на паузе ({}). Его сроки пропускаются, пока не наберут: /resume {}",
        job.name,
        title(job.report),
        job.name
    )))
}

/// `/resume JOB`.
pub(super) async fn resume(ask: &Ask<'_>) -> Result<Reply, Failure> {
    let (job, _) = named_job(ask)?;
    let desk = ask.desk;
    let is_paused =
        desk.store.list_jobs().await?.iter().any(|row| row.name == job.name && row.paused_at.is_some());
    if !is_paused {
        return Ok(words(&format!("Задание {} и так не на паузе.", job.name)));
    }
    desk.store.resume_job(&job.name, ask.now).await?;
    note(ask, job).await?;
    let next = job.schedule.next_after(ask.now).map(|at| format!(" Следующий раз: {}.", moment(ask, at)));
    let next = next.unwrap_or_default();
    Ok(words(&format!("Задание {} продолжает работу.{next} Пропущенное само не догоняется.", job.name)))
}

async fn note(ask: &Ask<'_>, job: &Job) -> Result<(), Failure> {
    let command = ask.command;
    Ok(ask.desk.audit(ask.asked, command, Some(&job.name), None).await?)
}

/// As they call themselves, with the number that cannot be made up.
fn by(ask: &Ask<'_>) -> String {
    let name = ask.asked.user_name.as_deref().and_then(|name| format::name(name, NAME));
    match (name, ask.asked.user) {
        (Some(name), Some(id)) => format!("{name} (Telegram {id})"),
        _ => format!("чат {}", ask.asked.place.id),
    }
}

/// The job named first, and what follows.
pub(super) fn named_job<'a>(ask: &Ask<'a>) -> Result<(&'a Job, &'a str), Failure> {
    let jobs = &ask.desk.settings.jobs;
    let known = || jobs.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let (name, rest) = ask.args.split_once(' ').unwrap_or((ask.args, ""));
    if name.is_empty() {
        return Err(Failure::Mistake(format!("Какое задание? Есть: {}.", known())));
    }
    match args::by_name(jobs.values().map(|job| (job, job.name.clone())), name) {
        Found::One(job) => Ok((job, rest)),
        Found::Several(names) => {
            Err(Failure::Mistake(format!("Так начинается несколько заданий: {}.", names.join(", "))))
        }
        Found::Nothing => Err(Failure::Mistake(format!("Такого задания нет. Есть: {}.", known()))),
    }
}

fn named_day(ask: &Ask<'_>, text: &str) -> Result<Option<NaiveDate>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    let day = args::day(text, ask.desk.today(ask.now));
    day.map(Some).ok_or_else(|| {
        Failure::Mistake("Не понял, за какой день. Назовите его так: вчера, 12 ноября или 12.11.".to_owned())
    })
}
