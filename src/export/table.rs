//! Cells that keep their type on the way into a file.

use chrono::NaiveDateTime;

use super::ExportError;
use crate::measure::digest::Ratio;

/// What a column holds: decides number format and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Names and short words.
    Text,
    /// Sentences: wide, wrapped.
    Long,
    /// An address.
    Link,
    /// Ids: numbers nobody adds up.
    Id,
    Count,
    /// With one decimal place.
    Decimal,
    /// A share 0..=1, shown in per cent.
    Share,
    /// In the currency of the file, with kopecks.
    Money,
    /// Local date and time.
    At,
}

/// A column: what its header says, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    pub title: &'static str,
    pub kind: Kind,
}

/// A sheet: the tab's title, the name of its CSV file, its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetKind {
    pub title: &'static str,
    pub file: &'static str,
    pub columns: &'static [Column],
}

/// What stands in a cell. Its type follows the column's kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// No value, or not known. Never 0.
    Empty,
    Text(String),
    /// A number in the unit of its column.
    Number(f64),
    At(NaiveDateTime),
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }

    pub fn count(count: u64) -> Self {
        Self::Number(count as f64)
    }

    pub fn id(id: i64) -> Self {
        Self::Number(id as f64)
    }

    pub fn share(ratio: Option<Ratio>) -> Self {
        Self::number(ratio.map(Ratio::value))
    }

    pub fn number(value: Option<f64>) -> Self {
        value.filter(|value| value.is_finite()).map_or(Self::Empty, Self::Number)
    }

    /// Seconds as minutes: people add and average them.
    pub fn minutes(secs: Option<f64>) -> Self {
        Self::number(secs.map(|secs| secs / 60.0))
    }

    pub fn yes(holds: bool) -> Self {
        Self::Text(if holds { "да" } else { "нет" }.to_owned())
    }
}

/// Takes sheets one after the other, row by row.
pub trait TableWriter {
    /// Begins a sheet; what came before is complete.
    ///
    /// # Errors
    /// The file cannot be written.
    fn begin(&mut self, sheet: &SheetKind) -> Result<(), ExportError>;
    /// One row of the sheet, a cell per column.
    ///
    /// # Errors
    /// The file cannot be written.
    fn row(&mut self, cells: &[Cell]) -> Result<(), ExportError>;
}
