//! CSV, a file per sheet, as Excel with Russian settings reads it: UTF-8 with a byte-order mark, semicolons, a decimal comma,
//! `20.08.2026 14:05`, CRLF.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};

use super::ExportError;
use super::table::{Cell, Column, Kind, SheetKind, TableWriter};

/// Says that the bytes are UTF-8; without it Excel guesses, and guesses wrong.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Files `week-dialogi.csv`, `week-soobshcheniya.csv` … beside the path asked for.
pub struct Folder {
    stem: PathBuf,
    out: Option<Writer<BufWriter<File>>>,
    columns: &'static [Column],
    files: Vec<PathBuf>,
}

impl Folder {
    /// `path`: `reports/week.csv`; the ending may be left out.
    pub fn new(path: &Path) -> Self {
        Self { stem: path.with_extension(""), out: None, columns: &[], files: Vec::new() }
    }

    /// Writes what is left; the files made.
    ///
    /// # Errors
    /// The disk is full or gone.
    pub fn finish(mut self) -> Result<Vec<PathBuf>, ExportError> {
        self.flush()?;
        Ok(self.files)
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        match self.out.take() {
            Some(mut out) => Ok(out.flush()?),
            None => Ok(()),
        }
    }
}

impl TableWriter for Folder {
    fn begin(&mut self, sheet: &SheetKind) -> Result<(), ExportError> {
        self.flush()?;
        let mut name = self.stem.clone().into_os_string();
        name.push(format!("-{}.csv", sheet.file));
        let path = PathBuf::from(name);
        let mut file = BufWriter::new(File::create(&path)?);
        file.write_all(MARK)?;
        let mut out = WriterBuilder::new()
            .delimiter(b';')
            .terminator(Terminator::CRLF)
            .quote_style(QuoteStyle::Necessary)
            .from_writer(file);
        out.write_record(sheet.columns.iter().map(|column| column.title))?;
        self.files.push(path);
        (self.columns, self.out) = (sheet.columns, Some(out));
        Ok(())
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), ExportError> {
        let Some(out) = &mut self.out else { return Ok(()) };
        Ok(out.write_record(cells.iter().zip(self.columns).map(|(cell, column)| text(cell, column.kind)))?)
    }
}

fn text(cell: &Cell, kind: Kind) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) => harmless(text),
        Cell::At(at) => at.format("%d.%m.%Y %H:%M").to_string(),
        Cell::Number(number) => match kind {
            Kind::Id | Kind::Count => format!("{number:.0}"),
            Kind::Share => format!("{number:.4}").replace('.', ","),
            Kind::Text | Kind::Long | Kind::Link | Kind::Decimal | Kind::Money | Kind::At => {
                format!("{number:.2}").replace('.', ",")
            }
        },
    }
}

/// A spreadsheet takes a text that begins like a formula for one; an apostrophe makes it a text again.
fn harmless(text: &str) -> String {
    let begins_a_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if begins_a_formula { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customers_words_are_never_a_formula_and_numbers_have_a_comma() {
        let word = |said: &str| text(&Cell::Text(said.to_owned()), Kind::Long);
        assert_eq!(word("=HYPERLINK(\"http://x\")"), "'=HYPERLINK(\"http://x\")");
        assert_eq!(word("+7 скидка?"), "'+7 скидка?");
        assert_eq!(word("Здравствуйте"), "Здравствуйте");
        assert_eq!(text(&Cell::Number(1_380.5), Kind::Money), "1380,50");
        assert_eq!(text(&Cell::Number(0.4286), Kind::Share), "0,4286");
        assert_eq!(text(&Cell::Number(412.0), Kind::Id), "412");
        assert_eq!(text(&Cell::Empty, Kind::Count), "");
    }
}
