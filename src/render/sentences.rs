//! The first sentence of a digest and its warnings: what happened, and what to do about it.

use super::compare::Baselines;
use super::format::{self, DIALOGS, NBSP, Noun};
use crate::facts::Money;
use crate::measure::digest::{Coverage, DailyDigest, Headline, Ratio, Warning};

/// The verb of «остался 1 диалог».
const LEFT: Noun = Noun("остался", "осталось", "осталось");

/// The news and the advice that goes with it.
pub(super) fn headline(digest: &DailyDigest, baselines: &Baselines) -> (String, Option<String>) {
    let waiting = digest.waiting.as_ref().map(|waiting| waiting.len() as u64);
    let money = |amount| format::money(amount, &digest.currency);
    let weekday = baselines.weekday_genitive();
    match &digest.headline {
        Headline::NoData | Headline::Quiet | Headline::Steady if is_partial(digest.chat_coverage) => (
            "Чаты за этот день прочитаны не до конца.".to_owned(),
            Some("Выводов не делаем. Посмотрите чаты прямо в CRM.".to_owned()),
        ),
        Headline::NoData => (
            "О чатах за этот день данных нет.".to_owned(),
            Some("Числа не показываем, чтобы не обмануть. Посмотрите чаты прямо в CRM.".to_owned()),
        ),
        Headline::Quiet => (
            "Никто не написал и ничего не заказал.".to_owned(),
            Some("Если день был рабочим, проверьте, что каналы подключены.".to_owned()),
        ),
        Headline::Unanswered { no_reply_chats, inbound_chats } => {
            let verb = format::plural(*no_reply_chats, LEFT);
            let dialogs = format::counted(*no_reply_chats, DIALOGS);
            let whole = format::count(*inbound_chats);
            let action = match waiting {
                Some(0) => "Сейчас никто не ждёт. Проверьте в CRM, что все получили ответ.",
                Some(_) => "Ответьте, пока клиент не ушёл к другим: кто ждёт сейчас — ниже.",
                None => "Найдите такие диалоги в CRM и ответьте, пока клиент не ушёл к другим.",
            };
            (format!("Без ответа {verb} {dialogs} из{}{whole}.", NBSP), Some(action.to_owned()))
        }
        Headline::Slower { median_secs, usual_secs } => (
            format!("Отвечаем медленнее обычного: {}.", against(*median_secs, *usual_secs)),
            Some("Посмотрите ниже, кто из менеджеров не успевает, и помогите.".to_owned()),
        ),
        Headline::RatioDown { from, to } => (
            format!("Отвечаем реже: {}.", fall(*from, *to)),
            Some(match waiting {
                Some(1..) => "Начните с тех, кто ждёт сейчас: список ниже.".to_owned(),
                _ => "Посмотрите ниже, у кого из менеджеров остались диалоги без ответа.".to_owned(),
            }),
        ),
        Headline::RevenueDown { revenue: Money(..=0), usual } => (
            format!("Заказов не было, а обычно для {weekday} их на {}.", money(*usual)),
            Some("Напишите тем, кто спрашивал, но не заказал.".to_owned()),
        ),
        Headline::RevenueDown { revenue, usual } => (
            format!("Заказов на {} — меньше обычного для {weekday} ({}).", money(*revenue), money(*usual)),
            Some("Напишите тем, кто спрашивал, но не заказал.".to_owned()),
        ),
        Headline::Faster { median_secs, usual_secs } => (
            format!("Отвечаем быстрее обычного: {}.", against(*median_secs, *usual_secs)),
            Some(begin_with_waiting(waiting).unwrap_or_else(|| "Так держать!".to_owned())),
        ),
        Headline::RevenueUp { revenue, usual } => (
            format!("Заказов на {} — больше обычного для {weekday} ({}).", money(*revenue), money(*usual)),
            Some(begin_with_waiting(waiting).unwrap_or_else(|| "Так держать!".to_owned())),
        ),
        Headline::Steady => (
            steady(digest).to_owned(),
            match waiting {
                Some(0) => Some("Срочных дел нет: ответа никто не ждёт.".to_owned()),
                waiting => begin_with_waiting(waiting),
            },
        ),
    }
}

/// A warning in one line; `None` when the headline has said it already.
pub(super) fn warning(warning: &Warning, headline: &Headline) -> Option<String> {
    match (warning, headline) {
        (Warning::ResponseRatioDown { .. }, Headline::RatioDown { .. })
        | (Warning::NoReplyHigh { .. }, Headline::Unanswered { .. }) => None,
        (Warning::ResponseRatioDown { from, to }, _) => Some(format!("Отвечаем реже: {}.", fall(*from, *to))),
        (Warning::NoReplyHigh { no_reply }, _) => {
            Some(format!("Много диалогов совсем без ответа: {}.", format::share(*no_reply)))
        }
        (Warning::FirstResponseSlow { median_secs, limit_secs }, _) => Some(format!(
            "Первый ответ обычно за {}, а нужно не дольше {}.",
            format::working_time(*median_secs),
            format::working_time(*limit_secs as f64)
        )),
        (Warning::CompletenessDown { from, to }, _) => Some(format!(
            "Реже выясняют всё нужное: из четырёх видов вопросов задали {}, обычно {}.",
            format::percent(*to),
            format::percent(*from)
        )),
        (Warning::CompletenessLow { value }, _) => Some(format!(
            "Мало выясняют: из четырёх видов вопросов (ситуация, трудности, последствия, польза) задали {}.",
            format::percent(*value)
        )),
        (Warning::QuestionKindDown { stage, from, to }, _) => {
            let what = if *stage == 1 { "о трудностях" } else { "о пользе решения" };
            let (to, from) = (format::share_of(*to, DIALOGS), format::share(*from));
            Some(format!("Реже спрашивают {what}: в{NBSP}{to}, обычно — в{NBSP}{from}."))
        }
        (Warning::QuestionsDown { from, to }, _) => Some(format!(
            "Меньше вопросов клиенту: {} на диалог, обычно {}.",
            format::decimal(*to),
            format::decimal(*from)
        )),
        (Warning::QuestionsLow { value, limit }, _) => Some(format!(
            "Мало вопросов клиенту: {} на диалог, нужно хотя бы {}. Напомните: сначала вопрос, потом цена.",
            format::decimal(*value),
            format::decimal(*limit)
        )),
    }
}

fn is_partial(coverage: Coverage) -> bool {
    matches!(coverage, Coverage::Partial { .. })
}

/// «Ничего не изменилось» may be said only of what is known and compared.
fn steady(digest: &DailyDigest) -> &'static str {
    let before = &digest.team.previous;
    let is_compared = before.chats.is_some() || before.orders.is_some() || digest.team.weekday.days > 0;
    match digest.order_coverage {
        _ if !is_compared => "Первая сводка: сравнивать пока не с чем.",
        Coverage::Complete => "День без заметных изменений.",
        Coverage::Partial { .. } | Coverage::Missing => "В чатах день без заметных изменений.",
    }
}

fn begin_with_waiting(waiting: Option<u64>) -> Option<String> {
    let waiting = waiting.filter(|&waiting| waiting > 0)?;
    Some(format!("Начните с тех, кто ждёт ответа сейчас: {}.", format::count(waiting)))
}

/// `12 мин против 6 мин`.
fn against(current_secs: f64, usual_secs: f64) -> String {
    format!("{} против {}", format::working_time(current_secs), format::working_time(usual_secs))
}

/// `в 80 % диалогов, днём раньше — в 92 %`.
fn fall(from: Ratio, to: Ratio) -> String {
    let (to, from) = (format::share_of(to, DIALOGS), format::share(from));
    format!("в{NBSP}{to}, днём раньше — в{NBSP}{from}")
}
