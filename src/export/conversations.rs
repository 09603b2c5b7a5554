//! Sheets with a row per conversation or message.

use chrono::NaiveDateTime;
use chrono_tz::Tz;

use super::table::{Cell, SheetKind, TableWriter};
use super::{ExportError, Manners};
use crate::clock::Instant;
use crate::measure::ledger::{Ledger, LedgerChat};
use crate::render::behaviour::advise;
use crate::render::subjects::channel_title;

macro_rules! columns {
    ($($kind:ident $title:literal),+ $(,)?) => {
        &[$($crate::export::table::Column { title: $title, kind: $crate::export::table::Kind::$kind }),+]
    };
}
pub(super) use columns;

const CHATS: SheetKind = SheetKind {
    title: "Диалоги",
    file: "dialogi",
    columns: columns![
        Id "Чат", Id "Диалог", Text "Канал", Text "Клиент", Text "Менеджер", At "Начат",
        Count "Сообщений клиента", Count "Ответов менеджера", Decimal "Первый ответ, мин (рабочее время)",
        Text "Первый ответ долгий", Text "Клиенту ответили", Count "Сообщений без ответа",
        Text "Забыт дольше нормы", Text "Есть заказ", Text "Заказ оплачен", Link "Ссылка",
    ],
};

/// The messages; filled page by page with [`MessageRow::cells`].
pub const MESSAGES: SheetKind = SheetKind {
    title: "Сообщения",
    file: "soobshcheniya",
    columns: columns![At "Время", Id "Чат", Id "Диалог", Text "Кто", Text "Автор", Long "Текст"],
};

const ADVICE: SheetKind = SheetKind {
    title: "Советы",
    file: "sovety",
    columns: columns![
        Text "Менеджер", Text "Клиент", Text "Канал", At "Начат", Long "Что сделать", Id "Чат", Id "Диалог", Link "Ссылка",
    ],
};

const SPIN: SheetKind = SheetKind {
    title: "SPIN по диалогам",
    file: "spin-dialogi",
    columns: columns![
        Id "Чат", Id "Диалог", Text "Менеджер", Text "Клиент", At "Начат",
        Text "О ситуации", Text "О трудностях", Text "О последствиях", Text "О пользе", Share "Полнота",
        Count "Вопросов менеджера", Count "Открытых вопросов", Text "Приветствие", Text "Потребности",
        Text "Презентация", Text "Возражения", Text "Завершение", Text "Следующий шаг в конце",
        Text "Доп. предложение", Text "Интерес клиента", Text "Интерес упущен", Count "Оценка, 0–100",
    ],
};

/// A message as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    pub at: Instant,
    pub chat_id: i64,
    pub dialog_id: Option<i64>,
    /// `клиент`, `менеджер`, `бот`.
    pub side: &'static str,
    /// Empty where it is not known or not to be shown.
    pub author: String,
    /// `None` for media, and where texts are not kept or not to be shown.
    pub text: Option<String>,
}

impl MessageRow {
    /// The row of [`MESSAGES`].
    pub fn cells(self, zone: Tz) -> [Cell; 6] {
        let text = self.text.map_or(Cell::Empty, Cell::text);
        let (dialog, author) = (self.dialog_id.map_or(Cell::Empty, Cell::id), Cell::text(self.author));
        [Cell::At(local(self.at, zone)), Cell::id(self.chat_id), dialog, Cell::text(self.side), author, text]
    }
}

pub(super) fn chats(
    out: &mut dyn TableWriter,
    ledger: &Ledger,
    manners: &Manners<'_>,
) -> Result<(), ExportError> {
    out.begin(&CHATS)?;
    for chat in &ledger.chats {
        let (chat_id, dialog_id, at) = ids(chat, ledger);
        out.row(&[
            chat_id,
            dialog_id,
            channel(chat),
            customer(chat, manners),
            manager(chat),
            at,
            Cell::count(chat.inbound),
            Cell::count(chat.outbound),
            Cell::minutes(chat.first_response_secs),
            chat.first_response_secs.map_or(Cell::Empty, |_| Cell::yes(chat.is_slow)),
            if chat.has_inbound { Cell::yes(chat.is_answered) } else { Cell::Empty },
            Cell::count(chat.unanswered_inbound),
            Cell::yes(chat.is_follow_up_gap),
            chat.has_order.map_or(Cell::Empty, Cell::yes),
            chat.is_paid.map_or(Cell::Empty, Cell::yes),
            link(chat, manners),
        ])?;
    }
    Ok(())
}

pub(super) fn advice(
    out: &mut dyn TableWriter,
    ledger: &Ledger,
    manners: &Manners<'_>,
) -> Result<(), ExportError> {
    out.begin(&ADVICE)?;
    let mut advised: Vec<_> = ledger.chats.iter().filter_map(|chat| Some((chat, chat.advice?))).collect();
    advised.sort_by_key(|(chat, advice)| (chat.manager.clone(), *advice, chat.started_at));
    for (chat, advice) in advised {
        let (chat_id, dialog_id, at) = ids(chat, ledger);
        out.row(&[
            manager(chat),
            customer(chat, manners),
            channel(chat),
            at,
            Cell::text(advise(advice)),
            chat_id,
            dialog_id,
            link(chat, manners),
        ])?;
    }
    Ok(())
}

pub(super) fn spin(
    out: &mut dyn TableWriter,
    ledger: &Ledger,
    manners: &Manners<'_>,
) -> Result<(), ExportError> {
    out.begin(&SPIN)?;
    for chat in &ledger.chats {
        let Some(talk) = chat.talk.filter(|talk| talk.replies > 0) else { continue };
        let (chat_id, dialog_id, at) = ids(chat, ledger);
        let mut cells = vec![chat_id, dialog_id, manager(chat), customer(chat, manners), at];
        cells.extend(talk.spin.map(Cell::yes));
        cells.push(Cell::Number(talk.spin_count() as f64 / 4.0));
        cells.extend([Cell::count(talk.questions()), Cell::count(talk.open_questions)]);
        cells.extend(talk.stages.map(Cell::yes));
        cells.extend(
            [talk.ends_with_step, talk.has_upsell, talk.has_intent, talk.is_intent_lost()].map(Cell::yes),
        );
        cells.push(chat.quality_score.map_or(Cell::Empty, |score| Cell::count(u64::from(score))));
        out.row(&cells)?;
    }
    Ok(())
}

fn ids(chat: &LedgerChat, ledger: &Ledger) -> (Cell, Cell, Cell) {
    let at = chat.started_at.map_or(Cell::Empty, |at| Cell::At(local(at, ledger.period.zone)));
    (Cell::id(chat.chat_id), chat.dialog_id.map_or(Cell::Empty, Cell::id), at)
}

fn channel(chat: &LedgerChat) -> Cell {
    Cell::text(channel_title(&chat.channel_kind, chat.channel_name.as_deref()))
}

fn customer(chat: &LedgerChat, manners: &Manners<'_>) -> Cell {
    Cell::text((manners.customer)(&chat.customer_name))
}

fn manager(chat: &LedgerChat) -> Cell {
    Cell::text(chat.manager.clone().unwrap_or_else(|| "Не назначен".to_owned()))
}

fn link(chat: &LedgerChat, manners: &Manners<'_>) -> Cell {
    (manners.link)(chat.chat_id).map_or(Cell::Empty, Cell::text)
}

fn local(at: Instant, zone: Tz) -> NaiveDateTime {
    at.with_timezone(&zone).naive_local()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::table::{Column, Kind};

    #[test]
    fn every_sheet_has_columns_with_different_titles() {
        for sheet in [CHATS, MESSAGES, ADVICE, SPIN] {
            let mut titles: Vec<&str> = sheet.columns.iter().map(|Column { title, .. }| *title).collect();
            titles.sort_unstable();
            titles.dedup();
            assert_eq!(titles.len(), sheet.columns.len(), "{}", sheet.title);
            assert!(sheet.columns.iter().any(|column| column.kind == Kind::Id));
        }
    }
}
