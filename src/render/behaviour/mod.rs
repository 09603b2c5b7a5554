//! What managers do in their chats, in words: one text for the lead, one for each manager.
//!
//! The four kinds of question are called by what they ask about; nobody needs to have read a book about selling. A text names
//! what to work on first, then the numbers behind it.

pub mod plan;

use askama::Template;
use chrono::{Datelike, Days};

use super::compare::relative;
use super::daily::Links;
use super::format::{self, DIALOGS};
use super::subjects::OWN_NAME;
use super::view::{Block, PersonView};
use super::{RenderError, Report};
use crate::measure::behaviour::{
    Advice, BehaviourCompared, BehaviourDigest, BehaviourSummary, MIN_CHATS, ManagerBehaviour, StageLink,
    TalkExample, Verdict,
};
use crate::measure::digest::{Coverage, Ratio};

/// Managers told; more than this is not read.
const MOST_MANAGERS: usize = 20;
/// Best conversations told.
const MOST_BEST: usize = 3;

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
    links: Block,
    best: Vec<PersonView>,
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
    examples: Vec<PersonView>,
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
    let view = TeamView {
        week: week(digest),
        news: news(digest, &judged),
        team: numbers(&digest.team),
        managers: judged.iter().take(MOST_MANAGERS).map(|one| (name(&one.name), in_a_line(one))).collect(),
        small: (!small.is_empty()).then(|| {
            let names: Vec<String> = small.iter().take(MOST_MANAGERS).map(|one| name(&one.name)).collect();
            format!("Меньше {MIN_CHATS} разобранных диалогов, без оценки: {}.", names.join(", "))
        }),
        links: stage_links(digest),
        best: digest.best.iter().take(MOST_BEST).map(|one| person(one, digest, links)).collect(),
        notes: notes(digest),
    };
    Ok(Report { public_id: digest.public_id.clone(), html: view.render()? })
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
        None if one.numbers.current.chats < MIN_CHATS => (
            format!("Разобрано меньше {MIN_CHATS} ваших диалогов, выводов на этой неделе не делаем."),
            Vec::new(),
        ),
        None => ("Все цели выполнены. Поделитесь с коллегами, как вы это делаете.".to_owned(), Vec::new()),
    };
    let view = OwnView {
        name: name(&one.name),
        week: week(digest),
        focus,
        steps,
        numbers: numbers(&one.numbers),
        problems: rest.map(plan::problem).collect(),
        examples: one.examples.iter().map(|example| person(example, digest, links)).collect(),
        good: one.good.iter().map(|example| person(example, digest, links)).collect(),
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
    if digest.chat_coverage == Coverage::Missing {
        return "За эту неделю нет данных: чаты не прочитаны.".to_owned();
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
            let of = format!("{} из {}", format::count(count), format::count(judged.len() as u64));
            format!("{} Это главное на неделю у {of} менеджеров.", plan::aim(kind))
        }
        None if judged.is_empty() => {
            format!("Ни у кого нет {MIN_CHATS} разобранных диалогов: числа ниже только для сведения.")
        }
        None => "Все, кого можно оценить, выполнили цели.".to_owned(),
    }
}

/// ` (+3 п. п.)` where both sides are large enough to mean something.
fn change(current: Option<Ratio>, previous: Option<Ratio>) -> String {
    const LEAST_WHOLE: u64 = 20;
    match (current, previous) {
        (Some(current), Some(previous)) if current.whole.min(previous.whole) >= LEAST_WHOLE => {
            format!(" ({})", format::points(current.value(), previous.value()))
        }
        _ => String::new(),
    }
}

fn numbers(compared: &BehaviourCompared) -> Block {
    let (now, before) = (&compared.current, compared.previous.as_ref());
    let mut block = Block::default();
    if now.chats == 0 {
        block.lines.push("разобранных диалогов нет".to_owned());
        return block;
    }
    block.remark = before.map(|_| "в скобках — к прошлой неделе".to_owned());
    let lines = &mut block.lines;
    lines.push(match Ratio::of(now.chats, now.replied_chats) {
        Some(ratio) if ratio.part < ratio.whole => format!(
            "Разобрано диалогов: {} из {}",
            format::count(now.chats),
            format::count(now.replied_chats)
        ),
        _ => format!("Разобрано диалогов: {}", format::count(now.chats)),
    });
    if let Some(questions) = now.questions_per_chat() {
        let change = before.and_then(BehaviourSummary::questions_per_chat);
        let change = change.and_then(|before| relative(questions, before));
        let change = change.map_or_else(String::new, |change| format!(" ({change})"));
        let open = now.open_question_ratio();
        let open = open.map_or_else(String::new, |open| format!(", открытых — {}", format::share(open)));
        lines.push(format!("Вопросов на диалог: {}{change}{open}", format::decimal(questions)));
    }
    for (place, what) in STAGES.into_iter().enumerate() {
        if let Some(ratio) = now.spin_ratio(place) {
            let change = change(Some(ratio), before.and_then(|before| before.spin_ratio(place)));
            lines.push(format!("Спрашивали {what}: в {}{change}", format::share_of(ratio, IN_DIALOGS)));
        }
    }
    if let Some(ratio) = now.next_step_ratio() {
        let change = change(Some(ratio), before.and_then(BehaviourSummary::next_step_ratio));
        lines.push(format!("Закончили следующим шагом: {}{change}", format::share(ratio)));
    }
    if now.lost_intent_chats > 0 {
        lines.push(format!(
            "Клиент интересовался, а следующего шага не предложили: {}",
            format::counted(now.lost_intent_chats, DIALOGS)
        ));
    }
    if let Some(ratio) = now.upsell_ratio() {
        let change = change(Some(ratio), before.and_then(BehaviourSummary::upsell_ratio));
        lines.push(format!("Предложили что-то ещё: {}{change}", format::share(ratio)));
    }
    if let Some(quality) = now.quality() {
        let before = before.and_then(BehaviourSummary::quality);
        let before = before.map_or_else(String::new, |before| {
            format!(", неделей раньше {}", format::count(format::round_u64(before)))
        });
        let points = format::count(format::round_u64(quality));
        lines.push(format!("Оценка диалога в среднем: {points} из 100{before}"));
    }
    block
}

/// After «в».
const IN_DIALOGS: format::Noun = format::Noun("диалоге", "диалогах", "диалогов");

fn in_a_line(one: &ManagerBehaviour) -> String {
    match &one.focus {
        Some(problem) => plan::problem(problem),
        None => "все цели выполнены".to_owned(),
    }
}

fn stage_links(digest: &BehaviourDigest) -> Block {
    let weeks = format::counted(digest.link_weeks, format::WEEKS);
    let lines: Vec<String> = digest.links.iter().map(stage_link).collect();
    if lines.is_empty() {
        let line = "заказы за эти недели прочитаны не полностью, не сравниваем".to_owned();
        return Block { remark: Some(format!("за {weeks}")), lines: vec![line] };
    }
    Block { remark: Some(format!("за {weeks}; связь ещё не причина")), lines }
}

fn stage_link(link: &StageLink) -> String {
    let what = STAGES.get(link.stage).copied().unwrap_or_default();
    let found = &link.difference;
    let words = match (found.verdict, found.interval) {
        (Verdict::TooFew, _) | (_, None) => "мало данных".to_owned(),
        (Verdict::NotSeen, _) => "разницы не видно".to_owned(),
        (Verdict::Seen, Some((low, high))) => {
            format!("связь видна, разница от {} до {}", format::points(low, 0.0), format::points(high, 0.0))
        }
    };
    match (found.with, found.without) {
        (Some(with), Some(without)) => format!(
            "Спрашивали {what}: заказали {}, не спрашивали: {} — {words}",
            format::share(with),
            format::share(without)
        ),
        _ => format!("Спрашивали {what}: {words}"),
    }
}

fn person(example: &TalkExample, digest: &BehaviourDigest, links: &Links) -> PersonView {
    let zone = digest.period.zone;
    let mut details = vec![
        format::date(example.at.with_timezone(&zone).date_naive()),
        format::channel(&example.channel_kind),
    ];
    details.push(match example.advice {
        Some(advice) => advise(advice).to_owned(),
        None => {
            let kinds = format::Noun("вид вопросов", "вида вопросов", "видов вопросов");
            format!("{}, дошёл до заказа", format::counted(example.spin_count, kinds))
        }
    });
    let name = format::name(&example.customer_name, 24).unwrap_or_else(|| "Без имени".to_owned());
    PersonView { name, link: links.chat(example.chat_id), details: details.join(", ") }
}

/// What to do about one conversation.
pub fn advise(advice: Advice) -> &'static str {
    match advice {
        Advice::NoReply => "остался без ответа: напишите, если ещё не поздно",
        Advice::SlowFirstReply => {
            "первый ответ дольше нормы: начните с короткого «вижу, отвечу через 5 минут»"
        }
        Advice::LeftUnanswered => "последнее слово за клиентом: проверьте, ждёт ли он ответа",
        Advice::NoQuestions => "в первых ответах ни одного вопроса: спросите, для чего и для кого",
        Advice::NoNextStep => "интерес был, шага не было: предложите оформить, отложить или созвониться",
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
    notes.push(
        "Вопросы и шаги находит программа по тексту и иногда ошибается: смотрите на доли, а не на отдельное сообщение."
            .to_owned(),
    );
    notes
}
