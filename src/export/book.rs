//! XLSX, written row by row: what is on disk already is not in memory.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet};

use super::ExportError;
use super::table::{Cell, Column, Kind, SheetKind, TableWriter};
use crate::clock::Instant;
use chrono::{Datelike, NaiveDateTime, Timelike};

/// Excel's own limit, the header included.
const MOST_ROWS: u32 = 1_048_576;
/// Characters of a cell; Excel refuses a file with more.
const MOST_CHARS: usize = 32_767;

/// Height of a line in points.
const LINE: f64 = 15.0;
/// Lines of a row; Excel takes no row higher than 409 points.
const MOST_LINES: u32 = 27;
/// Width of a wrapped column in characters.
const LONG: f64 = 70.0;

/// A workbook under construction.
pub struct Book {
    workbook: Workbook,
    header: Format,
    /// By column of the present sheet.
    formats: Vec<Format>,
    columns: &'static [Column],
    /// ISO code.
    currency: String,
    sheet: Option<usize>,
    next_row: u32,
    /// Rows that did not fit.
    left_out: u64,
}

impl Book {
    /// `made_at` stands in the file's properties, so that the same data give the same bytes.
    ///
    /// # Errors
    /// The moment is before Excel's calendar.
    pub fn new(currency: &str, title: &str, made_at: Instant) -> Result<Self, ExportError> {
        let mut workbook = Workbook::new();
        let made_at = ExcelDateTime::from_timestamp(made_at.timestamp())?;
        workbook.set_properties(&DocProperties::new().set_title(title).set_creation_datetime(&made_at));
        let header = Format::new()
            .set_bold()
            .set_text_wrap()
            .set_align(FormatAlign::Top)
            .set_background_color("#E8EDF3")
            .set_border_bottom(FormatBorder::Thin);
        let currency = currency.to_owned();
        Ok(Self {
            workbook,
            header,
            formats: Vec::new(),
            columns: &[],
            currency,
            sheet: None,
            next_row: 0,
            left_out: 0,
        })
    }

    /// The file, and how many rows found no place in it (more than a million on one sheet).
    ///
    /// # Errors
    /// The rows written so far cannot be read back or packed.
    pub fn finish(mut self) -> Result<(Vec<u8>, u64), ExportError> {
        self.end_sheet()?;
        Ok((self.workbook.save_to_buffer()?, self.left_out))
    }

    fn end_sheet(&mut self) -> Result<(), ExportError> {
        let Some(sheet) = self.sheet.take() else { return Ok(()) };
        let last_column = self.columns.len().saturating_sub(1) as u16;
        let last_row = self.next_row.saturating_sub(1);
        self.workbook.worksheet_from_index(sheet)?.autofilter(0, 0, last_row, last_column)?;
        Ok(())
    }

    fn money_format(&self) -> String {
        let sign = if matches!(self.currency.as_str(), "" | "RUB") { "₽" } else { self.currency.as_str() };
        format!("#,##0.00\\ \"{sign}\"")
    }

    fn format(&self, kind: Kind) -> Format {
        let top = Format::new().set_align(FormatAlign::Top);
        match kind {
            // Apart from the number that may stand to the left.
            Kind::Text | Kind::Link => top.set_indent(1),
            Kind::Long => top.set_text_wrap().set_indent(1),
            Kind::Id => top.set_num_format("0"),
            Kind::Count => top.set_num_format("#,##0"),
            Kind::Decimal => top.set_num_format("#,##0.0"),
            Kind::Share => top.set_num_format("0.0%"),
            Kind::Money => top.set_num_format(self.money_format()),
            Kind::At => top.set_num_format("dd.mm.yyyy hh:mm"),
        }
    }
}

impl TableWriter for Book {
    fn begin(&mut self, sheet: &SheetKind) -> Result<(), ExportError> {
        self.end_sheet()?;
        self.formats = sheet.columns.iter().map(|column| self.format(column.kind)).collect();
        self.columns = sheet.columns;
        let index = self.workbook.worksheets().len();
        let page = self.workbook.add_worksheet_with_constant_memory()?;
        page.set_name(sheet.title)?;
        page.set_freeze_panes(1, 0)?;
        page.set_row_height(0, 48)?;
        page.set_landscape().set_print_fit_to_pages(1, 0).set_repeat_rows(0, 0)?;
        for (place, column) in (0..).zip(sheet.columns) {
            page.set_column_width(place, width(column))?;
            page.write_string_with_format(0, place, column.title, &self.header)?;
        }
        (self.sheet, self.next_row) = (Some(index), 1);
        Ok(())
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), ExportError> {
        let Some(sheet) = self.sheet else { return Ok(()) };
        if self.next_row >= MOST_ROWS {
            self.left_out += 1;
            return Ok(());
        }
        let page = self.workbook.worksheet_from_index(sheet)?;
        let lines = cells.iter().zip(self.columns).map(|(cell, column)| lines(cell, column.kind));
        let lines = lines.max().unwrap_or(1);
        // Excel finds the height by itself, LibreOffice does not.
        if lines > 1 {
            page.set_row_height(self.next_row, LINE * f64::from(lines.min(MOST_LINES)))?;
        }
        for (place, (cell, format)) in (0..).zip(cells.iter().zip(&self.formats)) {
            write(page, self.next_row, place, cell, format)?;
        }
        self.next_row += 1;
        Ok(())
    }
}

fn write(
    page: &mut Worksheet,
    row: u32,
    column: u16,
    cell: &Cell,
    format: &Format,
) -> Result<(), ExportError> {
    match cell {
        Cell::Empty => {}
        // Always as a string: what a customer wrote is never a formula.
        Cell::Text(text) => {
            let text: String = text.chars().take(MOST_CHARS).collect();
            page.write_string_with_format(row, column, text, format)?;
        }
        Cell::Number(number) => {
            page.write_number_with_format(row, column, *number, format)?;
        }
        Cell::At(at) => {
            page.write_datetime_with_format(row, column, &excel(*at)?, format)?;
        }
    }
    Ok(())
}

/// Lines of a wrapped cell; letters are narrower than digits, so some rows are a line too high.
fn lines(cell: &Cell, kind: Kind) -> u32 {
    match (cell, kind) {
        (Cell::Text(text), Kind::Long) => {
            let lines =
                text.lines().map(|line| (line.chars().count() as f64 / (LONG * 0.9)).ceil().max(1.0) as u32);
            lines.fold(0, u32::saturating_add).max(1)
        }
        _ => 1,
    }
}

fn excel(at: NaiveDateTime) -> Result<ExcelDateTime, ExportError> {
    let day = ExcelDateTime::from_ymd(at.year() as u16, at.month() as u8, at.day() as u8)?;
    Ok(day.and_hms(at.hour() as u16, at.minute() as u8, f64::from(at.second()))?)
}

fn width(column: &Column) -> f64 {
    match column.kind {
        Kind::Long => LONG,
        Kind::Link => 40.0,
        Kind::Text if column.title.chars().count() < 10 => 26.0,
        Kind::At | Kind::Money => 17.0,
        Kind::Text | Kind::Id | Kind::Count | Kind::Decimal | Kind::Share => 13.0,
    }
}
