//! What managers do in their chats, in words: one text for the lead, one for each manager.
//!
//! The four kinds of question are called by what they ask about; nobody needs to have read a book about selling. A text names
//! what to work on first, then the numbers behind it.

mod more;
mod numbers;
mod orders;
pub(super) mod plan;

use askama::Template;
use chrono::{Datelike, Days};

use super::daily::Links;
use super::format::{self, DIALOGS};
use super::subjects::OWN_NAME;
use super::view::{Block, PersonView};
use super::{RenderError, Report};
use crate::measure::behaviour::{Advice, BehaviourDigest, MIN_CHATS, ManagerBehaviour, Problem, TalkExample};
use crate::measure::digest::Coverage;
use numbers::{channels, numbers};

/// Managers told; more than this is not read.
const MOST_MANAGERS: usize = 20;

/// What each kind of question asks about.
const STAGES: [&str; 4] = ["о ситуации клиента", "о трудностях", "о последствиях", "о пользе решения"];

#[derive(Debug, Template)]
#[template(path = "telegram/behaviour.html")]
struct TeamView {
    week: String,
    news: String,
    team: Block,
    managers: Vec<(String, String)>,
    small: Option<String>,
    channels: Vec<String>,
    links: Block,
    standings: Option<Block>,
    trends: Option<Block>,
    best: Vec<PersonView>,
    scripts: Vec<PersonView>,
    notes: Vec<String>,
}

#[derive(Debug, Template)]
#[template(path = "telegram/behaviour_own.html")]
struct OwnView {
    name: String,
    week: String,
    focus: String,
    steps: Vec<String>,
    numbers: Block,
    problems: Vec<String>,
    examples: Vec<(String, Vec<PersonView>)>,
    good: Vec<PersonView>,
    notes: Vec<String>,
}

/// The lead's text.
///
/// # Errors
/// Only for a fault in the templates.
pub fn render(digest: &BehaviourDigest, links: &Links) -> Result<Report, RenderError> {
    let (judged, small): (Vec<_>, Vec<_>) =
        digest.managers.iter().partition(|one| one.numbers.current.chats >= MIN_CHATS);
    // By a week that is known in part nobody is judged.
    let is_whole = digest.chat_coverage.is_complete();
    let (judged, small) = if is_whole { (judged, small) } else { (Vec::new(), Vec::new()) };
    let view = TeamView {
        week: week(digest),
        news: news(digest, &judged),
        team: numbers(&digest.team, digest.chat_coverage),
        managers: judged.iter().take(MOST_MANAGERS).map(|one| (name(&one.name), in_a_line(one))).collect(),
        small: (!small.is_empty()).then(|| {
            let names: Vec<String> = small.iter().take(MOST_MANAGERS).map(|one| name(&one.name)).collect();
            format!("Меньше {MIN_CHATS} разобранных диалогов, без оценки: {}.", names.join(", "))
        }),
        channels: if digest.chat_coverage.is_complete() { channels(&digest.channels) } else { Vec::new() },
        links: orders::stage_links(digest),
        standings: orders::standings(digest),
        trends: more::trends(&digest.trends),
        best: digest.best.iter().map(|one| person(one, digest, links, true)).collect(),
        scripts: more::scripts(&digest.scripts),
        notes: notes(digest),
    };
    Ok(Report { public_id: digest.public_id.clone(), html: view.render()? })
}

/// The plan for a problem in one piece, without a name: what a language model may be asked to say in other words.
pub fn plan_text(problem: &Problem) -> String {
    let mut text = vec![plan::focus(problem)];
    text.extend(plan::steps(problem.kind));
    text.join(" ")
}

/// One manager's own text: their conversations only.
///
/// # Errors
/// Only for a fault in the templates.
pub fn render_own(
    one: &ManagerBehaviour,
    digest: &BehaviourDigest,
    links: &Links,
) -> Result<Report, RenderError> {
    let rest = one.problems.iter().filter(|problem| Some(problem.kind) != one.focus.map(|focus| focus.kind));
    let (focus, steps) = match &one.focus {
        Some(problem) => (plan::focus(problem), plan::steps(problem.kind)),
        None if !digest.chat_coverage.is_complete() => {
            ("Чаты за неделю прочитаны не до конца, выводов не делаем.".to_owned(), Vec::new())
        }
        None if one.numbers.current.chats < MIN_CHATS => {
            (format!("Пока выводов нет: разобрано меньше {MIN_CHATS} ваших диалогов."), Vec::new())
        }
        None => ("Все цели выполнены. Поделитесь с коллегами, как вы это делаете.".to_owned(), Vec::new()),
    };
    let steps = one.wording.clone().map_or(steps, |wording| vec![wording]);
    let view = OwnView {
        name: name(&one.name),
        week: week(digest),
        focus,
        steps,
        numbers: numbers(&one.numbers, digest.chat_coverage),
        problems: rest.map(plan::later).collect(),
        examples: advised(&one.examples, digest, links),
        good: one.good.iter().map(|example| person(example, digest, links, false)).collect(),
        notes: notes(digest),
    };
    Ok(Report { public_id: digest.public_id.clone(), html: view.render()? })
}

fn name(name: &str) -> String {
    format::name(name, OWN_NAME).unwrap_or_else(|| "Без имени".to_owned())
}

fn week(digest: &BehaviourDigest) -> String {
    let period = &digest.period;
    let last_on = period.to_on.checked_sub_days(Days::new(1)).unwrap_or(period.from_on);
    format!("неделю {}", format::days(period.from_on, last_on))
}

fn news(digest: &BehaviourDigest, judged: &[&ManagerBehaviour]) -> String {
    let team = &digest.team.current;
    match digest.chat_coverage {
        Coverage::Missing => return "За эту неделю нет данных: чаты не прочитаны.".to_owned(),
        Coverage::Partial { .. } => {
            return "Чаты за неделю прочитаны не до конца, выводов не делаем.".to_owned();
        }
        Coverage::Complete => {}
    }
    if team.chats == 0 {
        return "Разбирать нечего: диалогов с ответом менеджера и с текстом не было.".to_owned();
    }
    // What most managers have to begin with; of several the most basic.
    let mut kinds: Vec<_> = judged.iter().filter_map(|one| one.focus).map(|focus| focus.kind).collect();
    kinds.sort_unstable();
    let common = kinds.iter().copied().max_by_key(|kind| {
        let count = kinds.iter().filter(|other| *other == kind).count();
        (count, std::cmp::Reverse(*kind))
    });
    match common {
        Some(kind) => {
            let count = kinds.iter().filter(|other| **other == kind).count() as u64;
            let all = judged.len() as u64;
            let whom = if count == all {
                "у всех, кого можно оценить".to_owned()
            } else {
                let managers = format::plural(all, format::Noun("менеджера", "менеджеров", "менеджеров"));
                format!("у {} из {} {managers}", format::count(count), format::count(all))
            };
            format!("{} Это главное на неделю {whom}.", plan::aim(kind))
        }
        None if judged.is_empty() => {
            format!("Ни у кого нет {MIN_CHATS} разобранных диалогов: числа ниже только для сведения.")
        }
        None => "Все, кого можно оценить, выполнили цели.".to_owned(),
    }
}

fn in_a_line(one: &ManagerBehaviour) -> String {
    match &one.focus {
        Some(problem) => plan::problem(problem),
        None => "все цели выполнены".to_owned(),
    }
}

/// Conversations by what is to be done about them, in the order of the advice.
fn advised(
    examples: &[TalkExample],
    digest: &BehaviourDigest,
    links: &Links,
) -> Vec<(String, Vec<PersonView>)> {
    let mut groups: Vec<(String, Vec<PersonView>)> = Vec::new();
    for (example, advice) in examples.iter().filter_map(|example| Some((example, example.advice?))) {
        let (title, view) = (advise(advice), person(example, digest, links, false));
        match groups.last_mut().filter(|(last, _)| last == title) {
            Some((_, people)) => people.push(view),
            None => groups.push((title.to_owned(), vec![view])),
        }
    }
    groups
}

/// `has_manager`: the text is read by others than the manager.
fn person(example: &TalkExample, digest: &BehaviourDigest, links: &Links, has_manager: bool) -> PersonView {
    let zone = digest.period.zone;
    let mut details = vec![
        format::date(example.at.with_timezone(&zone).date_naive()),
        format::channel(&example.channel_kind),
    ];
    details.extend(example.manager.as_deref().filter(|_| has_manager).map(name));
    if example.advice.is_none() {
        details.push(done(example));
    }
    let name = format::name(&example.customer_name, 24).unwrap_or_else(|| "Без имени".to_owned());
    PersonView { name, link: links.chat(example.chat_id), details: details.join(", ") }
}

/// `спросил о ситуации клиента и о пользе решения, предложил ещё, закончил шагом`: what led to the order.
fn done(example: &TalkExample) -> String {
    let asked: Vec<&str> =
        STAGES.into_iter().zip(example.spin).filter(|(_, is_used)| *is_used).map(|(what, _)| what).collect();
    let mut done = match asked.split_last() {
        Some(_) if asked.len() == STAGES.len() => vec!["все четыре вида вопросов".to_owned()],
        Some((last, [])) => vec![format!("вопросы {last}")],
        Some((last, rest)) => vec![format!("вопросы {} и {last}", rest.join(", "))],
        None => Vec::new(),
    };
    if example.has_upsell {
        done.push("предложение добавить к заказу".to_owned());
    }
    if example.ends_with_step {
        done.push("следующий шаг в конце".to_owned());
    }
    done.join(", ")
}

fn advise(advice: Advice) -> &'static str {
    match advice {
        Advice::NoReply => "Остался без ответа: напишите, если ещё не поздно",
        Advice::SlowFirstReply => {
            "Первый ответ дольше нормы: начните с короткого «вижу, отвечу через 5 минут»"
        }
        Advice::LeftUnanswered => "Последнее слово за клиентом: проверьте, ждёт ли он ответа",
        Advice::NoQuestions => "В первых ответах ни одного вопроса: спросите, для чего и для кого",
        Advice::NoNextStep => "Интерес был, шага не было: предложите оформить, отложить или созвониться",
    }
}

fn notes(digest: &BehaviourDigest) -> Vec<String> {
    let mut notes = Vec::new();
    let zone = digest.period.zone;
    let today_on = digest.computed_at.with_timezone(&zone).date_naive();
    match digest.chat_coverage {
        Coverage::Complete => {}
        Coverage::Partial { until } => {
            notes.push(format!("Неполные данные: чаты до {}.", format::moment(until, zone, today_on)));
        }
        Coverage::Missing => notes.push("За эту неделю нет данных: чаты.".to_owned()),
    }
    if let (true, Some(since)) = (digest.waiting > 0, digest.analysed_since) {
        let since_on = since.with_timezone(&zone).date_naive();
        notes.push(format!(
            "Правила разбора обновлены {}{}: ещё не пересмотрено {}.",
            format::date(since_on),
            if since_on.year() == today_on.year() { String::new() } else { format!(" {}", since_on.year()) },
            format::counted(digest.waiting, DIALOGS)
        ));
    }
    if let Some(from) = digest.counts_from {
        notes.push(format!(
            "Диалоги до {} разобраны по прежним правилам: их тексты уже удалены, с ними не сравниваем.",
            format::date(from.with_timezone(&zone).date_naive())
        ));
    }
    if let Some(refined) = digest.refined {
        let messages = format::share_of(refined, format::MESSAGES);
        notes.push(format!("Языковая модель уточнила разбор {messages}, остальное — по правилам программы."));
    }
    notes.push(
        "Вопросы и шаги находит программа по тексту и иногда ошибается: смотрите на доли, а не на отдельное сообщение."
            .to_owned(),
    );
    notes
}
