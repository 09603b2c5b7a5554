//! What this chat reads: reports its role may have, chosen in the chat itself.

use super::Ask;
use crate::bot::args::{self, Found};
use crate::bot::desk::words;
use crate::bot::reply::{Failure, Reply};
use crate::jobs::readers::{is_reader, may_read};
use crate::jobs::report::title;
use crate::schedule::Job;
use crate::store::subscriptions::Subscription;

/// `/subscribe [JOB]`, `/unsubscribe [JOB]`; without a name what there is to choose from.
pub(super) async fn change(ask: &Ask<'_>, is_on: bool) -> Result<Reply, Failure> {
    let desk = ask.desk;
    let chat = &ask.caller.chat;
    let choices = desk.store.list_subscriptions().await?;
    let open: Vec<&Job> =
        desk.settings.jobs.values().filter(|job| may_read(&desk.settings, chat, job)).collect();
    if open.is_empty() {
        return Ok(words("Для этого чата нет отчётов, на которые можно подписаться."));
    }
    let reads = |job: &Job| is_reader(&desk.settings, &choices, chat, job);
    if ask.args.is_empty() {
        let line = |job: &&Job| {
            let mark = if reads(job) { "✅" } else { "▫️" };
            format!("{mark} {} — {}", job.name, title(job.report))
        };
        let lines: Vec<String> = open.iter().map(line).collect();
        let example = format!("Подписать: /subscribe {0}. Отписать: /unsubscribe {0}.", open[0].name);
        return Ok(words(&format!("Отчёты для этого чата:\n{}\n\n{example}", lines.join("\n"))));
    }
    let known = || open.iter().map(|job| job.name.as_str()).collect::<Vec<_>>().join(", ");
    let job = match args::by_name(open.iter().map(|job| (*job, job.name.clone())), ask.args) {
        Found::One(job) => job,
        Found::Several(names) => {
            return Err(Failure::Mistake(format!("Так начинается несколько отчётов: {}.", names.join(", "))));
        }
        Found::Nothing => {
            return Err(Failure::Mistake(format!("Такого отчёта для этого чата нет. Есть: {}.", known())));
        }
    };
    let name = format!("{} ({})", title(job.report), job.name);
    if reads(job) == is_on {
        let state = if is_on { "и так приходит" } else { "и так не приходит" };
        return Ok(words(&format!("{name} сюда {state}.")));
    }
    let choice = Subscription { chat: chat.clone(), job: job.name.clone(), is_on };
    desk.store.save_subscription(&choice, ask.now).await?;
    desk.audit(ask.asked, ask.command, Some(&job.name), None).await?;
    Ok(words(&match is_on {
        true => format!("{name} будет приходить сюда. Передумаете: /unsubscribe {}", job.name),
        false => format!("{name} больше не будет приходить сюда. Вернуть: /subscribe {}", job.name),
    }))
}
