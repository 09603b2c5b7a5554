//! Values over time: a line with gaps where nothing is known, or columns.

use super::axis::{Axis, Unit};
use super::font::Weight;
use super::scene::{Anchor, Color, GRID, INK, LABEL, PAD, PAPER, SMALL, Shape, Sheet, Style, WIDTH};

/// Height of the field of values.
const FIELD: f32 = 300.0;
/// Room for the marks' texts at least, so that panels below each other begin at one line.
const GUTTER: f32 = 100.0;
/// Free above the highest mark: the label of the last value stands there.
const HEADROOM: f32 = 58.0;

/// How values are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Line,
    Columns,
}

/// Values over periods that follow each other.
#[derive(Debug)]
pub struct Panel<'a> {
    pub name: &'a str,
    pub unit: Unit,
    pub kind: Kind,
    pub color: Color,
    /// Oldest first; `None` = not known.
    pub values: &'a [Option<f64>],
    /// One per value.
    pub labels: &'a [String],
}

impl Panel<'_> {
    /// Whether there is anything to see: two values make a line.
    pub fn is_worth_showing(&self) -> bool {
        self.values.iter().flatten().count() >= 2
    }

    /// Draws below everything so far.
    pub fn draw(&self, sheet: &mut Sheet<'_>) {
        sheet.line(self.name, Style::label());
        sheet.y += HEADROOM;
        let axis = Axis::of(self.unit, self.values.iter().copied().flatten());
        let bottom = sheet.y + FIELD;
        let marks: Vec<(f64, String)> = axis.marks().map(|mark| (mark, self.unit.text(mark))).collect();
        let widths = marks.iter().map(|(_, text)| sheet.fonts.width(text, SMALL, Weight::Regular));
        let left = PAD + widths.fold(GUTTER, f32::max) + 18.0;
        let right = WIDTH - PAD;
        for (mark, text) in marks {
            let y = bottom - axis.place(mark) * FIELD;
            let points = vec![(left, y), (right, y)];
            sheet.push(Shape::Line { points, width: 2.0, color: GRID });
            let style = Style::small().at(Anchor::End);
            sheet.text(left - 18.0, y + SMALL * 0.35, &text, style, left);
        }
        let slot = (right - left) / self.values.len().max(1) as f32;
        let x = |index: usize| left + slot * (index as f32 + 0.5);
        let points: Vec<Option<(f32, f32)>> = (self.values.iter().enumerate())
            .map(|(index, value)| value.map(|value| (x(index), bottom - axis.place(value) * FIELD)))
            .collect();
        match self.kind {
            Kind::Line => self.line(sheet, &points),
            Kind::Columns => self.columns(sheet, &points, slot, bottom),
        }
        if let Some(Some(value)) = self.values.last() {
            self.label(sheet, &points, *value, bottom);
        }
        sheet.y = bottom + 14.0;
        self.names(sheet, slot, x);
        sheet.y += 26.0;
    }

    /// The last value, above its point; below it where the line comes down from above, and beside no other point.
    fn label(&self, sheet: &mut Sheet<'_>, points: &[Option<(f32, f32)>], value: f64, bottom: f32) {
        let mut last = points.iter().rev().copied();
        let Some(Some((x, y))) = last.next() else { return };
        let before = last.next().flatten().map_or(y, |(_, before)| before);
        let is_below = self.kind == Kind::Line && before < y - 24.0 && bottom - y > 80.0;
        let y = if is_below { y + LABEL * 0.75 + 24.0 } else { y.min(before) - 24.0 };
        let style = Style { color: INK, ..Style::label() }.at(Anchor::Middle);
        sheet.text(x, y, &self.unit.text(value), style, 400.0);
    }

    fn line(&self, sheet: &mut Sheet<'_>, points: &[Option<(f32, f32)>]) {
        for piece in points.split(Option::is_none) {
            let points: Vec<(f32, f32)> = piece.iter().copied().flatten().collect();
            if points.len() > 1 {
                sheet.push(Shape::Line { points, width: 7.0, color: self.color });
            }
        }
        let last = points.len().saturating_sub(1);
        for (index, point) in points.iter().enumerate() {
            let Some((x, y)) = *point else { continue };
            sheet.push(Shape::Dot { x, y, radius: 11.0, fill: self.color });
            // The last one stays full: it is what the label says.
            if index != last {
                sheet.push(Shape::Dot { x, y, radius: 5.0, fill: PAPER });
            }
        }
    }

    fn columns(&self, sheet: &mut Sheet<'_>, points: &[Option<(f32, f32)>], slot: f32, bottom: f32) {
        let width = slot * 0.68;
        for (x, y) in points.iter().copied().flatten() {
            let (x, height) = (x - width / 2.0, bottom - y);
            sheet.push(Shape::Rect { x, y, width, height, radius: 6.0, fill: self.color });
        }
    }

    /// As many names of periods as fit, the last one always.
    fn names(&self, sheet: &mut Sheet<'_>, slot: f32, x: impl Fn(usize) -> f32) {
        let widths = self.labels.iter().map(|label| sheet.fonts.width(label, SMALL, Weight::Regular));
        let widest = widths.fold(0.0, f32::max) + 30.0;
        let step = (widest / slot).ceil().max(1.0) as usize;
        sheet.y += SMALL;
        for (index, label) in self.labels.iter().enumerate() {
            if (self.labels.len() - 1 - index).is_multiple_of(step) {
                let style = Style::small().at(Anchor::Middle);
                sheet.text(x(index), sheet.y, label, style, widest);
            }
        }
        sheet.y += SMALL * 0.4;
    }
}
