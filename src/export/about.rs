//! The last sheet: what the file speaks about and what is missing in it.

use super::conversations::columns;
use super::table::{Cell, SheetKind, TableWriter};
use super::{ExportError, Manners};
use crate::measure::digest::Coverage;
use crate::measure::ledger::Ledger;
use crate::render::format;

const ABOUT: SheetKind =
    SheetKind {
        title: "О файле", file: "o-fayle", columns: columns![Text "Что", Long "Значение"]
    };

pub(super) fn about(
    out: &mut dyn TableWriter,
    ledger: &Ledger,
    manners: &Manners<'_>,
) -> Result<(), ExportError> {
    let period = &ledger.period;
    let last_on = period.to_on.pred_opt().unwrap_or(period.to_on);
    let days =
        if period.from_on == last_on { format::date(last_on) } else { format::days(period.from_on, last_on) };
    let known = |coverage| match coverage {
        Coverage::Complete => "полностью".to_owned(),
        Coverage::Partial { until } => {
            format!("неполные данные, до {}; доли не считаем", format::moment(until, period.zone, last_on))
        }
        Coverage::Missing => "нет данных".to_owned(),
    };
    out.begin(&ABOUT)?;
    for (name, value) in [
        ("Период", format!("{days} {}", last_on.format("%Y"))),
        ("Часовой пояс", period.zone.name().to_owned()),
        ("Валюта", ledger.currency.clone()),
        ("Переписка прочитана", known(ledger.chat_coverage)),
        ("Заказы прочитаны", known(ledger.order_coverage)),
        ("Тексты и имена", manners.texts.to_owned()),
        ("Пустая ячейка", "значения нет или оно неизвестно; это не ноль".to_owned()),
        ("Первый ответ и ожидание", "в минутах рабочего времени".to_owned()),
        ("Разбор вопросов", "автоматический, по меткам сообщений; ошибается в отдельных репликах".to_owned()),
    ] {
        out.row(&[Cell::text(name), Cell::text(value)])?;
    }
    Ok(())
}
