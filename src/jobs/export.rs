//! A period as a workbook or as tables: rows from the store, masked as the configuration says, into a file.
//!
//! Facts are read as for a digest, without texts; texts come in pages and are written at once. The writing is done on a thread
//! of its own.

use std::collections::HashMap;
use std::path::PathBuf;

use tokio::sync::mpsc;

use super::attach::MadeFile;
use super::daily::coverage;
use super::report::{self, Made};
use crate::clock::Instant;
use crate::collect::{SOURCE_CHATS, SOURCE_ORDERS};
use crate::export::{
    Book, ExportError, Folder, MESSAGES, Manners, MessageRow, TableWriter, after_messages, before_messages,
};
use crate::facts::{Author, Directory, Facts};
use crate::measure::daily::{self, DailyInputs};
use crate::measure::ledger::{Ledger, ledger};
use crate::measure::{Period, Span, first_name, weekly};
use crate::render::daily::Links;
use crate::render::format;
use crate::schedule::runner::JobError;
use crate::settings::Settings;
use crate::settings::exports::Texts;
use crate::store::Store;
use crate::store::files::{FileKind, MOST_BYTES};
use crate::store::texts::SpokenMessage;
use crate::text::lexicon::Lexicon;
use crate::text::mask::mask;

/// Messages read at once.
const PAGE: i64 = 2_000;
/// Pages that may wait for the writer.
const PAGES_AHEAD: usize = 2;

/// Where a period is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Xlsx,
    /// A file per sheet beside this path.
    Csv(PathBuf),
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// The bytes, and how many messages found no place on their sheet.
    Xlsx {
        content: Vec<u8>,
        left_out: u64,
    },
    Csv(Vec<PathBuf>),
}

/// Writes the day, week or month `period`, as of its end.
pub async fn export(
    settings: &Settings,
    store: &Store,
    span: Span,
    period: Period,
    now: Instant,
    target: Target,
) -> Result<Written, JobError> {
    let (ledger, mut names) = rows(settings, store, span, period, now).await?;
    let as_of = ledger.chat_coverage.as_of(&period).unwrap_or(period.from);
    names.texts = settings.exports.texts;
    let links = Links { chat_link: settings.retailcrm.chat_link.clone() };
    let (pages, received) = mpsc::channel(PAGES_AHEAD);
    let texts = settings.exports.texts;
    let writing = tokio::task::spawn_blocking(move || write(target, &ledger, texts, &links, received));
    let paged = send_pages(store, &names, period.from, as_of, pages).await;
    let written = writing.await.map_err(|error| failed(&error.to_string()))?;
    // A store that failed half-way leaves a file that is not whole; its error is the one to tell.
    paged?;
    written.map_err(|error| failed(&error.to_string()))
}

/// The workbook of a digest's period.
pub async fn workbook(settings: &Settings, store: &Store, made: &Made) -> Result<MadeFile, JobError> {
    let span = report::span(made.report);
    let written = export(settings, store, span, made.period, made.period.to, Target::Xlsx).await?;
    let content = match written {
        Written::Xlsx { content, .. } if content.len() <= MOST_BYTES => content,
        Written::Xlsx { .. } => {
            return Err(failed("the workbook is larger than Telegram takes; use `svodka export`"));
        }
        Written::Csv(_) => return Err(failed("not a workbook")),
    };
    let name = format!("svodka-{}.xlsx", made.period.from_on);
    Ok(MadeFile { name, title: "Таблицы за период", kind: FileKind::Document, content })
}

fn failed(why: &str) -> JobError {
    JobError { reason: "export_failed", note: why.to_owned(), is_permanent: true }
}

/// Facts of the same window as the digest's, so that the figures are the same.
async fn rows(
    settings: &Settings,
    store: &Store,
    span: Span,
    period: Period,
    now: Instant,
) -> Result<(Ledger, Names), JobError> {
    let chats = coverage(store, SOURCE_CHATS).await?;
    let orders = coverage(store, SOURCE_ORDERS).await?;
    let (from, until) = match span {
        Span::Day => daily::window(&period, &settings.thresholds, now.max(period.to)),
        Span::Week | Span::Month => weekly::window(span, &period, &settings.thresholds),
    };
    let facts = store.facts_between(from, until).await?;
    let (calendar, thresholds) = (settings.calendar(), settings.thresholds);
    report::measured(move || {
        let inputs = DailyInputs {
            facts: &facts,
            period,
            slot_at: period.to,
            now,
            public_id: String::new(),
            calendar: &calendar,
            thresholds,
            chats,
            orders,
            late_secs: None,
        };
        (ledger(&inputs), Names::of(&facts))
    })
    .await
}

/// Reads the messages and hands them over; a writer that failed takes no more.
async fn send_pages(
    store: &Store,
    names: &Names,
    from: Instant,
    until: Instant,
    pages: mpsc::Sender<Vec<MessageRow>>,
) -> Result<(), JobError> {
    let mut after = None;
    loop {
        let page = store.page_messages(from, until, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some((last.sent_at, last.id));
        let rows = page.into_iter().map(|message| names.row(message)).collect();
        if pages.send(rows).await.is_err() {
            return Ok(());
        }
    }
}

fn write(
    target: Target,
    ledger: &Ledger,
    texts: Texts,
    links: &Links,
    pages: mpsc::Receiver<Vec<MessageRow>>,
) -> Result<Written, ExportError> {
    let manners = Manners {
        customer: &|name| shown_name(texts, name),
        link: &|chat_id| links.chat(chat_id),
        texts: match texts {
            Texts::Masked => "скрыты телефоны, почта, карты, ссылки, адреса и фамилии",
            Texts::Full => "показаны целиком: это персональные данные",
            Texts::None => "не выгружаются",
        },
    };
    match target {
        Target::Xlsx => {
            let last_on = ledger.period.to_on.pred_opt().unwrap_or(ledger.period.to_on);
            let title = format!("Сводка, {}", format::short_days(ledger.period.from_on, last_on));
            let mut book = Book::new(&ledger.currency, &title, ledger.period.to)?;
            fill(&mut book, ledger, &manners, pages)?;
            let (content, left_out) = book.finish()?;
            Ok(Written::Xlsx { content, left_out })
        }
        Target::Csv(path) => {
            let mut folder = Folder::new(&path);
            fill(&mut folder, ledger, &manners, pages)?;
            Ok(Written::Csv(folder.finish()?))
        }
    }
}

fn fill(
    out: &mut dyn TableWriter,
    ledger: &Ledger,
    manners: &Manners<'_>,
    mut pages: mpsc::Receiver<Vec<MessageRow>>,
) -> Result<(), ExportError> {
    before_messages(out, ledger, manners)?;
    out.begin(&MESSAGES)?;
    while let Some(page) = pages.blocking_recv() {
        for message in page {
            out.row(&message.cells(ledger.period.zone))?;
        }
    }
    after_messages(out, ledger, manners)
}

fn shown_name(texts: Texts, name: &str) -> String {
    match texts {
        Texts::Masked => first_name(name),
        Texts::Full => name.to_owned(),
        Texts::None => String::new(),
    }
}

/// Who wrote, and how much of it is shown.
struct Names {
    customers: HashMap<i64, String>,
    directory: Directory,
    texts: Texts,
}

impl Names {
    fn of(facts: &Facts) -> Self {
        let customers = facts.chats.iter().map(|chat| (chat.id, chat.customer_name.clone())).collect();
        Self { customers, directory: facts.directory.clone(), texts: Texts::None }
    }

    fn row(&self, message: SpokenMessage) -> MessageRow {
        let (side, author) = match message.author {
            Author::Customer(_) => {
                let name = self.customers.get(&message.chat_id).map(String::as_str).unwrap_or_default();
                ("клиент", shown_name(self.texts, name))
            }
            Author::User(id) => ("менеджер", self.directory.name(self.directory.by_mg(id))),
            Author::Bot(_) => ("бот", String::new()),
            Author::Channel(_) | Author::System => ("канал", String::new()),
        };
        let text = message.text.and_then(|text| match self.texts {
            Texts::Masked => Some(mask(&text, Lexicon::shipped()).text),
            Texts::Full => Some(text),
            Texts::None => None,
        });
        MessageRow {
            at: message.sent_at,
            chat_id: message.chat_id,
            dialog_id: message.dialog_id,
            side,
            author,
            text,
        }
    }
}
