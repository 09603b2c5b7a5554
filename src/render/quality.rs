//! The note on data quality in words, for ops: what is doubtful, how much of it, and what to do.

use askama::Template;

use super::format::{self, MESSAGES, NBSP, Noun, ORDERS};
use super::{RenderError, Report};
use crate::measure::digest::Coverage;
use crate::measure::quality::{Finding, QualityNote, Silence, Source};

const FINDINGS: Noun = Noun("замечание", "замечания", "замечаний");
const RECORDS: Noun = Noun("запись", "записи", "записей");
/// After «у».
const OF_MESSAGES: Noun = Noun("сообщения", "сообщений", "сообщений");
/// After «в».
const IN_CHATS: Noun = Noun("чате", "чатах", "чатах");
const ALIKE: Noun = Noun("похож", "похожи", "похожи");
/// Code points of an order's number or of a source's name.
const NAME: usize = 24;

const READ_AGAIN: &str = "Перечитать последние 30 дней: svodka run reconcile. Если замечание останется, права ключа проверит svodka doctor.";

#[derive(Template)]
#[template(path = "telegram/quality.html")]
struct View {
    day: String,
    news: String,
    findings: Vec<FindingView>,
}

/// What is doubtful, and what it means or what to do about it.
struct FindingView {
    what: String,
    action: &'static str,
}

/// Renders the note in Telegram HTML.
///
/// # Errors
/// Only for a fault in the template.
pub fn render(note: &QualityNote) -> Result<Report, RenderError> {
    let findings: Vec<FindingView> = note.findings.iter().map(|finding| view(finding, note)).collect();
    let news = match findings.len() as u64 {
        0 => "Замечаний нет.".to_owned(),
        count => format!("{}. Числа за этот день читайте с оговоркой.", format::counted(count, FINDINGS)),
    };
    let view = View { day: format::day_accusative(note.period.from_on), news, findings };
    Ok(Report { public_id: note.public_id.clone(), html: view.render()? })
}

fn view(finding: &Finding, note: &QualityNote) -> FindingView {
    let zone = note.period.zone;
    let today_on = note.computed_at.with_timezone(&zone).date_naive();
    let (what, action) = match finding {
        Finding::NotRead { source, coverage: Coverage::Partial { until } } => (
            format!("{} прочитаны только до {}", name(source), format::moment(*until, zone, today_on)),
            "Сводка за этот день неполна. Что мешает чтению, покажет svodka doctor.",
        ),
        Finding::NotRead { source, .. } => (
            format!("{} за этот день не прочитаны", name(source)),
            "В сводке за этот день их нет. Что мешает чтению, покажет svodka doctor; прочитать: svodka sync.",
        ),
        Finding::StaleSource { source, read_at } => (
            match read_at {
                Some(at) => {
                    format!("{} не обновлялись с {}", name(source), format::moment(*at, zone, today_on))
                }
                None => format!("{} ещё ни разу не прочитаны до конца", name(source)),
            },
            "Обычно они обновляются не реже раза в час. Что мешает чтению, покажет svodka doctor.",
        ),
        Finding::SilentHours { stretches } => (
            format!("Тишина в рабочее время: {}", silences(stretches, note)),
            "В эти часы в тот же день недели всегда писали. Проверьте в CRM, подключены ли каналы.",
        ),
        Finding::DroppedRecords { source, count, ratio } => {
            let whole = ratio.map_or_else(String::new, |ratio| format!(" из {}", format::count(ratio.whole)));
            (
                format!("{}: не удалось разобрать {}{whole}", name(source), format::counted(*count, RECORDS)),
                "Они не попали в числа. Причины стоят в журнале рядом со словом dropped.",
            )
        }
        Finding::UnknownChats { messages, chats } => (
            format!(
                "{} из чатов, о которых ничего не известно (чатов — {})",
                format::counted(*messages, MESSAGES),
                format::count(*chats)
            ),
            READ_AGAIN,
        ),
        Finding::OrderDrift { ours, crm } => (
            format!("Заказов за день: в CRM {}, у нас {}", format::count(*crm), format::count(*ours)),
            READ_AGAIN,
        ),
        Finding::OrdersWithoutManager { ratio, numbers } => (
            format!(
                "Без менеджера {} из {}{}",
                format::counted(ratio.part, ORDERS),
                format::count(ratio.whole),
                named(numbers, ratio.part)
            ),
            "Они не засчитаны никому. Назначьте менеджеров в CRM.",
        ),
        Finding::DoubleOrders { count, numbers } => (
            format!(
                "{} {} на повтор{}",
                format::counted(*count, ORDERS),
                format::plural(*count, ALIKE),
                named(numbers, *count)
            ),
            "Тот же покупатель и та же сумма не позже чем через 10 минут. Лишние удалите в CRM: они завышают выручку.",
        ),
        Finding::DuplicateMessages { messages, chats } => (
            format!(
                "Пришли дважды: {} в {}",
                format::counted(*messages, MESSAGES),
                format::counted(*chats, IN_CHATS)
            ),
            "Тот же текст в ту же секунду. Проверьте в CRM, не подключён ли канал два раза.",
        ),
        Finding::ChannelAhead { messages, worst_secs } => (
            format!(
                "Часы канала спешат: у {} время позже записи в CRM, самое большее на {}",
                format::counted(*messages, OF_MESSAGES),
                format::duration(*worst_secs as f64)
            ),
            "Скорость ответа в таких диалогах неверна. Сообщите тем, кто подключал канал.",
        ),
        Finding::CrmAhead { secs } => (
            format!("Часы CRM впереди часов сервера, самое меньшее на {}", format::duration(*secs as f64)),
            "Проверьте, сверяет ли сервер время по сети (NTP) и верен ли часовой пояс в настройках CRM.",
        ),
    };
    FindingView { what, action }
}

/// The name of a source, at the start of a sentence and in the plural.
fn name(source: &Source) -> String {
    match source {
        Source::Chats => "Чаты".to_owned(),
        Source::Orders => "Заказы".to_owned(),
        Source::People => "Сотрудники и каналы".to_owned(),
        Source::Other(name) if name == "bot_events" => "События бота".to_owned(),
        Source::Other(name) => {
            let name = format::name(name, NAME).unwrap_or_default();
            format!("Данные источника {}", format::quoted(&name))
        }
    }
}

/// `13:00–15:00 (обычно 24 сообщения)`.
fn silences(stretches: &[Silence], note: &QualityNote) -> String {
    let zone = note.period.zone;
    let told = stretches.iter().map(|silence| {
        let usual = format::counted(silence.usual.round() as u64, MESSAGES);
        let (from, to) = (format::time(silence.from, zone), format::time(silence.to, zone));
        format!("{from}–{to} (обычно {usual})")
    });
    told.collect::<Vec<_>>().join(", ")
}

/// ` (№ 101A, 102A и ещё 3)`; nothing without a usable number.
fn named(numbers: &[String], count: u64) -> String {
    let numbers: Vec<String> = numbers.iter().filter_map(|number| format::name(number, NAME)).collect();
    if numbers.is_empty() {
        return String::new();
    }
    let rest = count.saturating_sub(numbers.len() as u64);
    let more = if rest > 0 { format!(" и ещё {}", format::count(rest)) } else { String::new() };
    format!(" (№{NBSP}{}{more})", numbers.join(", "))
}
