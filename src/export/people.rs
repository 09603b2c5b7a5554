//! Sheets with a row per manager or channel.

use super::ExportError;
use super::conversations::columns;
use super::table::{Cell, SheetKind, TableWriter};
use crate::facts::Money;
use crate::measure::behaviour::{BehaviourSummary, Problem, ProblemKind};
use crate::measure::digest::{ChatSummary, OrderSummary, Summary};
use crate::measure::ledger::Ledger;
use crate::render::behaviour::plan;
use crate::render::subjects::channel_title;

/// The row that is everybody's.
const TEAM: &str = "Вся команда";

const MANAGERS: SheetKind = SheetKind {
    title: "Менеджеры",
    file: "menedzhery",
    columns: columns![
        Text "Менеджер", Count "Диалогов", Count "Сообщений клиентов", Count "Ответов", Count "Диалогов с обращением",
        Count "С ответом", Share "Доля с ответом", Count "Без ответа", Count "Долгих первых ответов",
        Count "Забытых", Decimal "Первый ответ, медиана, мин", Decimal "Первый ответ, 90 %, мин",
        Decimal "Ожидание, медиана, мин", Share "Доля с заказом", Share "Доля с оплатой",
        Count "Заказов", Money "Сумма заказов", Money "Оплачено", Money "Средний заказ",
    ],
};

const CHANNELS: SheetKind = SheetKind {
    title: "Каналы",
    file: "kanaly",
    columns: columns![
        Text "Канал", Count "Диалогов", Count "Сообщений клиентов", Count "Ответов", Count "Диалогов с обращением",
        Count "С ответом", Share "Доля с ответом", Count "Без ответа", Count "Долгих первых ответов",
        Count "Забытых", Decimal "Первый ответ, медиана, мин", Decimal "Первый ответ, 90 %, мин",
        Decimal "Ожидание, медиана, мин", Share "Доля с заказом", Share "Доля с оплатой",
    ],
};

const SPIN: SheetKind = SheetKind {
    title: "SPIN по менеджерам",
    file: "spin-menedzhery",
    columns: columns![
        Text "Менеджер", Count "Диалогов с ответом", Count "Из них разобрано", Decimal "Вопросов на диалог",
        Share "Доля открытых вопросов", Share "О ситуации", Share "О трудностях", Share "О последствиях",
        Share "О пользе", Share "Полнота", Count "Все четыре вида", Share "Следующий шаг в конце",
        Share "Доп. предложение", Count "Диалогов с интересом", Count "Интерес упущен",
        Decimal "Средняя оценка, 0–100", Share "Ушли недовольными",
    ],
};

const PLANS: SheetKind = SheetKind {
    title: "Планы улучшений",
    file: "plany",
    columns: columns![
        Text "Менеджер", Count "Место", Text "Главное на неделю", Long "Что не так", Long "Цель", Long "Шаги",
        Text "Срок", Decimal "Сейчас", Decimal "Норма", Text "Единица",
    ],
};

pub(super) fn managers(out: &mut dyn TableWriter, ledger: &Ledger) -> Result<(), ExportError> {
    out.begin(&MANAGERS)?;
    let people = ledger.managers.iter().map(|one| (one.name.as_str(), &one.numbers));
    for (name, Summary { chats, orders }) in [(TEAM, &ledger.team)].into_iter().chain(people) {
        let mut cells = vec![Cell::text(name)];
        cells.extend(chat_cells(chats.as_ref()));
        cells.extend(order_cells(orders.as_ref()));
        out.row(&cells)?;
    }
    Ok(())
}

pub(super) fn channels(out: &mut dyn TableWriter, ledger: &Ledger) -> Result<(), ExportError> {
    out.begin(&CHANNELS)?;
    for channel in &ledger.channels {
        let mut cells = vec![Cell::text(channel_title(&channel.kind, channel.name.as_deref()))];
        cells.extend(chat_cells(channel.current.as_ref()));
        out.row(&cells)?;
    }
    Ok(())
}

pub(super) fn spin(out: &mut dyn TableWriter, ledger: &Ledger) -> Result<(), ExportError> {
    out.begin(&SPIN)?;
    for manager in ledger.managers.iter().filter(|one| one.behaviour.replied_chats > 0) {
        let mut cells = vec![Cell::text(manager.name.as_str())];
        cells.extend(behaviour_cells(&manager.behaviour));
        out.row(&cells)?;
    }
    Ok(())
}

pub(super) fn plans(out: &mut dyn TableWriter, ledger: &Ledger) -> Result<(), ExportError> {
    out.begin(&PLANS)?;
    for manager in &ledger.managers {
        for (place, problem) in (1..).zip(&manager.problems) {
            let is_focus = manager.focus.is_some_and(|focus| focus.kind == problem.kind);
            let (value, target, unit) = in_unit(problem);
            out.row(&[
                Cell::text(manager.name.as_str()),
                Cell::count(place),
                Cell::yes(is_focus),
                Cell::text(plan::problem(problem)),
                Cell::text(plan::focus(problem)),
                Cell::text(plan::steps(problem.kind).join("\n")),
                Cell::text("две недели"),
                Cell::Number(value),
                Cell::Number(target),
                Cell::text(unit),
            ])?;
        }
    }
    Ok(())
}

/// Value and target as people read them.
fn in_unit(problem: &Problem) -> (f64, f64, &'static str) {
    let (factor, unit) = match problem.kind {
        ProblemKind::SlowFirstReply => (1.0 / 60.0, "мин"),
        ProblemKind::FewQuestions => (1.0, "вопросов на диалог"),
        _ => (100.0, "%"),
    };
    (problem.value * factor, problem.target * factor, unit)
}

/// Empty cells where the chats are not known.
fn chat_cells(chats: Option<&ChatSummary>) -> [Cell; 14] {
    let Some(chats) = chats else { return std::array::from_fn(|_| Cell::Empty) };
    [
        Cell::count(chats.chats),
        Cell::count(chats.inbound),
        Cell::count(chats.outbound),
        Cell::count(chats.inbound_chats),
        Cell::count(chats.responded_chats),
        Cell::share(chats.response_ratio),
        Cell::count(chats.no_reply_chats),
        Cell::count(chats.slow_first_reply_chats),
        Cell::count(chats.follow_up_gap_chats),
        Cell::minutes(chats.first_response_median_secs),
        Cell::minutes(chats.first_response_p90_secs),
        Cell::minutes(chats.wait_median_secs),
        Cell::share(chats.conversion),
        Cell::share(chats.paid_conversion),
    ]
}

fn order_cells(orders: Option<&OrderSummary>) -> [Cell; 4] {
    let Some(orders) = orders else { return std::array::from_fn(|_| Cell::Empty) };
    let major = |money: Money| Cell::Number(money.0 as f64 / 100.0);
    [
        Cell::count(orders.orders),
        major(orders.revenue),
        major(orders.paid_revenue),
        orders.average_order.map_or(Cell::Empty, major),
    ]
}

fn behaviour_cells(summary: &BehaviourSummary) -> [Cell; 16] {
    [
        Cell::count(summary.replied_chats),
        Cell::count(summary.chats),
        Cell::number(summary.questions_per_chat()),
        Cell::share(summary.open_question_ratio()),
        Cell::share(summary.spin_ratio(0)),
        Cell::share(summary.spin_ratio(1)),
        Cell::share(summary.spin_ratio(2)),
        Cell::share(summary.spin_ratio(3)),
        Cell::number(summary.spin_completeness()),
        Cell::count(summary.full_spin_chats),
        Cell::share(summary.next_step_ratio()),
        Cell::share(summary.upsell_ratio()),
        Cell::count(summary.high_intent_chats),
        Cell::count(summary.lost_intent_chats),
        Cell::number(summary.quality()),
        Cell::share(summary.negative_ratio()),
    ]
}
