//! What a number means, from which data, and where its limits are: docs/metrics.md in a manager's words.

use super::Ask;
use crate::bot::args::{self, Found};
use crate::bot::cards::plain;
use crate::bot::reply::{Failure, Reply};
use crate::render::card::Card;
use crate::render::format;
use crate::settings::Settings;

/// Name, what it is, where it comes from.
type Term = (&'static str, &'static str, &'static str);

const CRM_CHATS: &str = "Откуда: чаты RetailCRM (диалоги и сообщения).";
const CRM_ORDERS: &str = "Откуда: заказы RetailCRM.";
const CRM_BOTH: &str = "Откуда: чаты и заказы RetailCRM.";
const TEXTS: &str =
    "Откуда: тексты чатов, разобранные программой; ошибки возможны, их доля измерена на размеченных чатах.";
const BOT: &str = "Откуда: события бота в его базе (user_events).";

const TERMS: &[Term] = &[
    (
        "диалоги",
        "Переписки, в которых за период клиент написал или сотрудник ответил. Рассылки и служебные сообщения не в счёт.",
        CRM_CHATS,
    ),
    (
        "ответили",
        "Доля диалогов с сообщением клиента, где после него ответил сотрудник. Ответ бота не считается.",
        CRM_CHATS,
    ),
    ("без ответа", "Диалоги, где клиент написал, а сотрудник к концу периода не ответил ни разу.", CRM_CHATS),
    (
        "первый ответ",
        "Рабочее время от первого сообщения клиента до первого ответа сотрудника. «Обычно» — медиана: половина ответов быстрее. Ночь и выходные не идут в счёт.",
        CRM_CHATS,
    ),
    ("долго ждали", "Диалоги, где первый ответ занял больше {slow} рабочего времени.", CRM_CHATS),
    (
        "ожидание",
        "То же время, но для каждой паузы: от первого неотвеченного сообщения до следующего ответа, а не от последнего, как в отчёте CRM.",
        CRM_CHATS,
    ),
    (
        "последнее слово за клиентом",
        "Диалоги, где последнее сообщение от клиента и с него прошло {gap} без ответа сотрудника.",
        CRM_CHATS,
    ),
    (
        "ждут ответа",
        "Открытые диалоги, где последнее слово за клиентом прямо сейчас. Показываются, если чаты прочитаны не раньше чем {age} назад.",
        CRM_CHATS,
    ),
    (
        "заказы",
        "Заказы, созданные за период, и их сумма. Удалённые не в счёт; заказы в другой валюте посчитаны, но не сложены.",
        CRM_ORDERS,
    ),
    (
        "оплачено",
        "Заказы, у которых CRM отметила полную оплату. Частичная оплата сюда не входит.",
        CRM_ORDERS,
    ),
    ("средний заказ", "Сумма заказов, делённая на их число.", CRM_ORDERS),
    (
        "конверсия",
        "Доля диалогов с сообщением клиента, из которых вышел заказ. Заказ привязан к диалогу: по номеру диалога, по сообщению с заказом или по клиенту, если заказ сделан не позже чем через {link}. За последние 30 дней ещё растёт.",
        CRM_BOTH,
    ),
    (
        "менеджер",
        "Диалог принадлежит тому, кто за него отвечает в CRM, иначе — автору первого ответа. Каждый ответ остаётся за своим автором.",
        CRM_CHATS,
    ),
    (
        "spin",
        "Какие вопросы задаёт менеджер: о ситуации, о трудностях, о последствиях и о пользе решения. Полнота — сколько видов из четырёх в среднем.",
        TEXTS,
    ),
    (
        "следующий шаг",
        "Доля диалогов, где последний ответ менеджера предлагает или закрепляет, что будет дальше.",
        TEXTS,
    ),
    (
        "dau",
        "Разные люди, которые за день открыли бота (событие session_start). За период — среднее по дням.",
        BOT,
    ),
    (
        "retention",
        "Доля людей, вернувшихся ровно на 1-й, 7-й или 30-й день после первого /start. Только те, чей день уже закончился.",
        BOT,
    ),
    ("gmv", "Сумма корзин, собранных ботом. Это оценка, а не продажи.", BOT),
    (
        "воронка",
        "Сколько разных людей было на каждом шаге бота; «шаг за шагом» — только тех, кто прошёл шаги по порядку за 14 дней.",
        BOT,
    ),
    (
        "неполные данные",
        "Источник прочитан не за весь период. Тогда счётчики — «не меньше», а доли и скорости не считаются.",
        "Откуда: отметки программы о том, что прочитано.",
    ),
];

/// `/why [NAME]`.
pub(super) fn why(ask: &Ask<'_>) -> Result<Reply, Failure> {
    let names = || TERMS.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ");
    if ask.args.is_empty() {
        let lines = vec![format!("О чём рассказать? {}.", names()), "Например: /why конверсия".to_owned()];
        return plain(&Card::new("Что значат числа", lines));
    }
    let (name, what, source) =
        match args::by_name(TERMS.iter().map(|term| (term, term.0.to_owned())), ask.args) {
            Found::One(term) => *term,
            Found::Several(names) => {
                return Err(Failure::Mistake(format!("Подходит несколько: {}.", names.join(", "))));
            }
            Found::Nothing => {
                return Err(Failure::Mistake(format!("Такого числа я не знаю. Есть: {}.", names())));
            }
        };
    let mut letters = name.chars();
    let title: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    plain(&Card::new(title, vec![limits(what, &ask.desk.settings), source.to_owned()]))
}

/// The text with the limits of the configuration in it.
fn limits(text: &str, settings: &Settings) -> String {
    let thresholds = &settings.thresholds;
    let words = |limit: std::time::Duration| format::duration(limit.as_secs_f64());
    text.replace("{slow}", &words(thresholds.slow_first_reply))
        .replace("{gap}", &words(thresholds.follow_up_gap))
        .replace("{age}", &words(thresholds.waiting_max_age))
        .replace("{link}", &words(thresholds.order_link_window))
}
