//! The first sentence of a week or a month: what happened, and what to do about it.

use super::words::Words;
use crate::facts::Money;
use crate::measure::digest::{Coverage, Headline};
use crate::measure::weekly::WeeklyDigest;
use crate::render::format::{self, DIALOGS, NBSP, Noun};
use crate::render::subjects::manager_name;

/// The verb of «остался 1 диалог».
const LEFT: Noun = Noun("остался", "осталось", "осталось");

/// The news and the advice that goes with it.
pub(super) fn headline(digest: &WeeklyDigest, words: &Words) -> (String, Option<String>) {
    let money = |amount| format::money(amount, &digest.currency);
    let times = |current: f64, usual: f64| {
        format!("{} против {}", format::working_time(current), format::working_time(usual))
    };
    let is_partial = matches!(digest.chat_coverage, Coverage::Partial { .. });
    match &digest.headline {
        Headline::NoData | Headline::Quiet | Headline::Steady if is_partial => (
            format!("Чаты за {} прочитаны не до конца.", words.this),
            Some("Выводов не делаем. Посмотрите чаты прямо в CRM.".to_owned()),
        ),
        Headline::NoData => (
            format!("О чатах за {} данных нет.", words.this),
            Some("Числа не показываем, чтобы не обмануть. Посмотрите чаты прямо в CRM.".to_owned()),
        ),
        Headline::Quiet => (
            "Никто не написал и ничего не заказал.".to_owned(),
            Some(format!("Если {}, проверьте, что каналы подключены.", words.was_working)),
        ),
        Headline::Unanswered { no_reply_chats, inbound_chats } => {
            let verb = format::plural(*no_reply_chats, LEFT);
            let dialogs = format::counted(*no_reply_chats, DIALOGS);
            let whole = format::count(*inbound_chats);
            (
                format!("Совсем без ответа {verb} {dialogs} из{NBSP}{whole}."),
                Some(help(digest).unwrap_or_else(|| {
                    "Решите, кто отвечает, когда менеджер занят: с чего начать — в примерах ниже.".to_owned()
                })),
            )
        }
        Headline::Slower { median_secs, usual_secs } => (
            format!("Отвечаем медленнее обычного: {}.", times(*median_secs, *usual_secs)),
            Some(help(digest).unwrap_or_else(|| {
                "Посмотрите ниже, кто из менеджеров не успевает, и разгрузите их.".to_owned()
            })),
        ),
        Headline::RatioDown { from, to } => (
            format!(
                "Отвечаем реже: в{NBSP}{}, {} — в{NBSP}{}.",
                format::share_of(*to, DIALOGS),
                words.earlier,
                format::share(*from)
            ),
            Some(help(digest).unwrap_or_else(|| {
                "Посмотрите ниже, у кого из менеджеров остались диалоги без ответа.".to_owned()
            })),
        ),
        Headline::RevenueDown { revenue: Money(..=0), usual } => (
            format!("Заказов не было, а обычно их на {}.", money(*usual)),
            Some("Напишите тем, кто спрашивал, но не заказал.".to_owned()),
        ),
        Headline::RevenueDown { revenue, usual } => (
            format!("Заказов на {} — меньше {} ({}).", money(*revenue), words.usual, money(*usual)),
            Some("Проверьте ниже, что упало: число диалогов, доля заказов или средний заказ.".to_owned()),
        ),
        Headline::Faster { median_secs, usual_secs } => {
            (format!("Отвечаем быстрее обычного: {}.", times(*median_secs, *usual_secs)), next(digest))
        }
        Headline::RevenueUp { revenue, usual } => (
            format!("Заказов на {} — больше {} ({}).", money(*revenue), words.usual, money(*usual)),
            next(digest),
        ),
        Headline::Steady => {
            let before = &digest.team.previous;
            let is_compared =
                before.chats.is_some() || before.orders.is_some() || digest.team.weekday.days > 0;
            let news = match digest.order_coverage {
                _ if !is_compared => "Сравнивать пока не с чем: истории до этого нет.".to_owned(),
                Coverage::Complete => format!("{} без больших изменений.", words.alone),
                _ => format!("В чатах {} без больших изменений.", words.alone.to_lowercase()),
            };
            (news, next(digest))
        }
    }
}

/// What to do when the news itself asks for nothing: whoever needs it comes first.
fn next(digest: &WeeklyDigest) -> Option<String> {
    let is_waiting = !digest.examples.no_reply.is_empty();
    help(digest)
        .or_else(|| is_waiting.then(|| "Начните с диалогов без ответа: они в примерах ниже.".to_owned()))
        .or_else(|| praise(digest))
        .or_else(|| Some("Срочных дел нет.".to_owned()).filter(|_| digest.chat_coverage.is_complete()))
}

/// Whom to help first.
fn help(digest: &WeeklyDigest) -> Option<String> {
    let (worst, others) = digest.movers.worst.split_first()?;
    let name = manager_name(Some(worst.id), &worst.name);
    Some(match others.len() as u64 {
        0 => format!("Помогите тому, у кого стало хуже: {name}, подробности ниже."),
        others => {
            let others = format::count(others);
            format!("Помогите тем, у кого стало хуже: {name} и ещё{NBSP}{others}, подробности ниже.")
        }
    })
}

fn praise(digest: &WeeklyDigest) -> Option<String> {
    let best = digest.movers.best.first()?;
    let name = manager_name(Some(best.id), &best.name);
    Some(format!("Похвалите, у кого стало лучше: {name}, подробности ниже."))
}
