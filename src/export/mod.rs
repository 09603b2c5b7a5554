//! Tables of a period for people who go on counting in a spreadsheet.
//!
//! | file | does |
//! |---|---|
//! | `table` | cells with a type, columns, and whoever takes rows one by one |
//! | `conversations`, `people`, `about` | the nine sheets: which columns, and what stands in them |
//! | `book`, `folder` | XLSX, or a CSV file per sheet |
//!
//! Rows come one by one and are not kept, so a month of messages needs no more memory than a day. What may be shown of customers is
//! decided by whoever brings names and texts; nothing in here reads a store.

mod about;
mod book;
mod conversations;
mod folder;
mod people;
mod table;

pub use book::Book;
pub use conversations::{MESSAGES, MessageRow};
pub use folder::Folder;
pub use table::{Cell, Column, Kind, SheetKind, TableWriter};

use std::io;

use crate::measure::ledger::Ledger;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("the workbook cannot be made: {0}")]
    Xlsx(#[from] rust_xlsxwriter::XlsxError),
    #[error("the table cannot be written: {0}")]
    Csv(#[from] csv::Error),
    #[error("the file cannot be written: {0}")]
    Io(#[from] io::Error),
}

/// What of a customer's name is shown, and where a chat is found.
pub struct Manners<'a> {
    pub customer: &'a dyn Fn(&str) -> String,
    pub link: &'a dyn Fn(i64) -> Option<String>,
    /// What the file says of texts and names: `скрыты телефоны, …`.
    pub texts: &'static str,
}

/// Writes every sheet but the messages, which come in pages: first those before them, then those after.
///
/// # Errors
/// Whatever the writer reports.
pub fn before_messages(
    out: &mut dyn TableWriter,
    ledger: &Ledger,
    manners: &Manners<'_>,
) -> Result<(), ExportError> {
    conversations::chats(out, ledger, manners)
}

/// As [`before_messages`].
///
/// # Errors
/// Whatever the writer reports.
pub fn after_messages(
    out: &mut dyn TableWriter,
    ledger: &Ledger,
    manners: &Manners<'_>,
) -> Result<(), ExportError> {
    people::managers(out, ledger)?;
    people::channels(out, ledger)?;
    conversations::advice(out, ledger, manners)?;
    people::spin(out, ledger)?;
    conversations::spin(out, ledger, manners)?;
    people::plans(out, ledger)?;
    about::about(out, ledger, manners)
}
