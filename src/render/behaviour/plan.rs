//! What to do about each problem: an aim, two or three steps, and how one knows that it worked.

use crate::measure::behaviour::{Problem, ProblemKind};
use crate::render::format;

/// `Отвечать всем.`
pub(super) fn aim(kind: ProblemKind) -> &'static str {
    match kind {
        ProblemKind::NoReply => "Отвечать всем.",
        ProblemKind::SlowFirstReply => "Быстрее отвечать в первый раз.",
        ProblemKind::FewSituationQuestions => "Чаще спрашивать о ситуации клиента.",
        ProblemKind::FewQuestions => "Задавать больше вопросов.",
        ProblemKind::FewProblemQuestions => "Чаще спрашивать о трудностях.",
        ProblemKind::FewImplicationQuestions => "Чаще спрашивать о последствиях.",
        ProblemKind::FewNeedPayoffQuestions => "Чаще спрашивать о пользе решения.",
        ProblemKind::LowCompleteness => "Спрашивать обо всём: о ситуации, трудностях, последствиях и пользе.",
    }
}

/// `о трудностях спрашивает в 18 % диалогов, цель — 60 %`.
pub(in crate::render) fn problem(problem: &Problem) -> String {
    let (value, target) = (number(problem.kind, problem.value), number(problem.kind, problem.target));
    let critical = if problem.is_critical { " (очень мало)" } else { "" };
    match problem.kind {
        ProblemKind::NoReply => format!("без ответа осталось {value} диалогов, норма — до {target}"),
        ProblemKind::SlowFirstReply => format!("первый ответ обычно за {value}, норма — до {target}"),
        ProblemKind::FewQuestions => format!("вопросов на диалог — {value}{critical}, цель — {target}"),
        ProblemKind::LowCompleteness => {
            format!("из четырёх видов вопросов задаётся {value}{critical}, цель — {target}")
        }
        kind => format!("вопросы {} есть в {value} диалогов, цель — {target}", about(kind)),
    }
}

/// A problem that waits for its turn, with what to do about it: the first step of its own.
pub(super) fn later(problem: &Problem) -> String {
    let step = steps(problem.kind).into_iter().next().unwrap_or_default();
    format!("{}. {step}", capitalised(&self::problem(problem)))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The focus as two sentences: the aim, and what counts as done in two weeks.
pub(super) fn focus(problem: &Problem) -> String {
    let (value, target) = (number(problem.kind, problem.value), number(problem.kind, problem.target));
    let done = match problem.kind {
        ProblemKind::NoReply | ProblemKind::SlowFirstReply => format!("не больше {target}"),
        _ => format!("не меньше {target}"),
    };
    format!("{} Сейчас {value}, через две недели — {done}.", aim(problem.kind))
}

/// Two or three steps.
pub(super) fn steps(kind: ProblemKind) -> Vec<String> {
    let steps: &[&str] = match kind {
        ProblemKind::NoReply => &[
            "В начале и в конце смены открывайте список «ждут ответа» и отвечайте каждому.",
            "Не знаете ответа — напишите, когда узнаете, и поставьте себе напоминание.",
        ],
        ProblemKind::SlowFirstReply => &[
            "Держите под рукой короткий первый ответ: поздоровались, поняли, отвечу через 5 минут.",
            "Договоритесь, кто отвечает в обед и в первый час смены.",
        ],
        ProblemKind::FewSituationQuestions => &[
            "Прежде чем советовать, спросите: для кого, для какого случая, что уже пробовали.",
            "На «сколько стоит?» отвечайте ценой и одним вопросом.",
        ],
        ProblemKind::FewQuestions => &[
            "В каждом ответе, где это уместно, оставляйте один вопрос.",
            "Начинайте с «что», «как», «для чего»: на них не отвечают одним «да».",
            "Раз в день перечитайте один свой диалог и найдите место, где вопроса не хватило.",
        ],
        ProblemKind::FewProblemQuestions => &[
            "После вопроса о ситуации спросите, что в ней не устраивает.",
            "Например: «Что не понравилось в прошлом заказе?», «С чем обычно неудобно?»",
        ],
        ProblemKind::FewImplicationQuestions => &[
            "Услышали трудность — спросите, к чему она приводит.",
            "Например: «И что тогда приходится делать?», «Как это сказывается на гостях?»",
        ],
        ProblemKind::FewNeedPayoffQuestions => &[
            "Прежде чем назвать цену, спросите, что изменится, если трудность исчезнет.",
            "Например: «Было бы удобнее, если бы набор приходил раз в месяц сам?»",
        ],
        ProblemKind::LowCompleteness => &[
            "Идите по порядку: ситуация, трудность, последствия, польза.",
            "Выберите два диалога в день и пройдите в них весь путь.",
        ],
    };
    steps.iter().map(|step| (*step).to_owned()).collect()
}

fn about(kind: ProblemKind) -> &'static str {
    match kind {
        ProblemKind::FewSituationQuestions => "о ситуации клиента",
        ProblemKind::FewProblemQuestions => "о трудностях",
        ProblemKind::FewImplicationQuestions => "о последствиях",
        ProblemKind::FewNeedPayoffQuestions => "о пользе решения",
        ProblemKind::NoReply
        | ProblemKind::SlowFirstReply
        | ProblemKind::FewQuestions
        | ProblemKind::LowCompleteness => "",
    }
}

fn number(kind: ProblemKind, value: f64) -> String {
    match kind {
        ProblemKind::SlowFirstReply => format::working_time(value),
        ProblemKind::FewQuestions => format::decimal(value),
        _ => format::percent(value),
    }
}
