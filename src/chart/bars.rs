//! Rows with a bar each: who or what, how much, and a remark below.

use super::scene::{Anchor, Color, INK, LABEL, PAD, SMALL, Shape, Sheet, Style, TRACK, WIDTH};

const BAR: f32 = 30.0;
/// Share of the width that a name may take.
const NAME: f32 = 0.62;

/// One row.
#[derive(Debug)]
pub struct Bar {
    pub name: String,
    /// In words, at the right.
    pub value: String,
    pub remark: String,
    /// 0..=1 of the width; `None` draws no bar.
    pub length: Option<f32>,
    pub color: Color,
}

/// Draws rows below everything so far; `mark` is a line across every bar, 0..=1.
pub fn draw(sheet: &mut Sheet<'_>, rows: &[Bar], mark: Option<f32>) {
    let whole = WIDTH - 2.0 * PAD;
    for row in rows {
        sheet.y += LABEL;
        sheet.text(PAD, sheet.y, &row.name, Style::label(), whole * NAME);
        let style = Style::label().at(Anchor::End);
        sheet.text(WIDTH - PAD, sheet.y, &row.value, style, whole * (1.0 - NAME) - 20.0);
        sheet.y += 18.0;
        let (y, height, radius) = (sheet.y, BAR, BAR / 2.0);
        sheet.push(Shape::Rect { x: PAD, y, width: whole, height, radius, fill: TRACK });
        if let Some(length) = row.length {
            let width = (whole * length.clamp(0.0, 1.0)).max(BAR);
            sheet.push(Shape::Rect { x: PAD, y, width, height, radius, fill: row.color });
        }
        if let Some(mark) = mark {
            let x = PAD + whole * mark.clamp(0.0, 1.0);
            let points = vec![(x, y - 7.0), (x, y + BAR + 7.0)];
            sheet.push(Shape::Line { points, width: 5.0, color: INK });
        }
        sheet.y += BAR + 10.0 + SMALL;
        sheet.text(PAD, sheet.y, &row.remark, Style::small(), whole);
        sheet.y += 34.0;
    }
}
