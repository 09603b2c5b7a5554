//! What a chart shows, before it is pixels: shapes and measured texts. Tests read a scene: that nothing is clipped and no
//! two texts meet is checked on it, not guessed from pixels.

use super::font::{Fonts, Weight};

/// Width of every chart in pixels; Telegram shows it across a phone.
pub const WIDTH: f32 = 1080.0;
/// Free margin.
pub const PAD: f32 = 48.0;
/// The smallest letters: more than 10 pixels in a bubble on a phone 390 wide.
pub const SMALL: f32 = 36.0;
/// Letters of labels that matter.
pub const LABEL: f32 = 40.0;
const TITLE: f32 = 54.0;

/// Red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

/// The colours hold on a light and on a dark screen: the picture brings its own calm ground.
pub const PAPER: Color = Color(0xf2, 0xf4, 0xf7);
pub const INK: Color = Color(0x1f, 0x29, 0x33);
pub const MUTED: Color = Color(0x55, 0x62, 0x70);
pub const GRID: Color = Color(0xd3, 0xda, 0xe2);
pub const TRACK: Color = Color(0xdf, 0xe5, 0xec);
pub const BLUE: Color = Color(0x2c, 0x6c, 0xb3);
pub const GREEN: Color = Color(0x25, 0x88, 0x6f);

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// Something to draw. Pixels, y downwards.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    Rect {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        radius: f32,
        fill: Color,
    },
    /// Through these points.
    Line {
        points: Vec<(f32, f32)>,
        width: f32,
        color: Color,
    },
    Dot {
        x: f32,
        y: f32,
        radius: f32,
        fill: Color,
    },
    /// `x` is the left edge, `y` the baseline.
    Text {
        x: f32,
        y: f32,
        /// Measured.
        width: f32,
        size: f32,
        weight: Weight,
        color: Color,
        text: String,
    },
}

/// A chart as shapes, in the order of drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// The width is [`WIDTH`].
    pub height: f32,
    pub shapes: Vec<Shape>,
}

/// A scene being composed from top to bottom.
#[derive(Debug)]
pub struct Sheet<'a> {
    pub fonts: &'a Fonts,
    shapes: Vec<Shape>,
    /// The next thing goes below this.
    pub y: f32,
}

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    pub size: f32,
    pub weight: Weight,
    pub color: Color,
    pub anchor: Anchor,
}

impl Style {
    pub const fn small() -> Self {
        Self { size: SMALL, weight: Weight::Regular, color: MUTED, anchor: Anchor::Start }
    }

    pub const fn label() -> Self {
        Self { size: LABEL, weight: Weight::Bold, color: INK, anchor: Anchor::Start }
    }

    pub const fn at(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }
}

impl<'a> Sheet<'a> {
    /// Begins with the title and what it is of.
    pub fn new(fonts: &'a Fonts, title: &str, subtitle: &str) -> Self {
        let mut sheet = Self { fonts, shapes: Vec::new(), y: PAD };
        let title_style = Style { size: TITLE, ..Style::label() };
        sheet.line(title, title_style);
        sheet.line(subtitle, Style::small());
        sheet.y += 20.0;
        sheet
    }

    /// A line of text across the sheet, below everything so far; cut where it is too long.
    pub fn line(&mut self, text: &str, style: Style) {
        self.y += style.size;
        self.text(PAD, self.y, text, style, WIDTH - 2.0 * PAD);
        self.y += style.size * 0.45;
    }

    /// A text at a point, at most `most` wide, moved inside the sheet where it would stand out of it.
    pub fn text(&mut self, x: f32, y: f32, text: &str, style: Style, most: f32) {
        let Style { size, weight, color, anchor } = style;
        let text = self.fonts.fit(text, size, weight, most);
        if text.is_empty() {
            return;
        }
        let width = self.fonts.width(&text, size, weight);
        let left = match anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width / 2.0,
            Anchor::End => x - width,
        };
        let x = left.min(WIDTH - PAD / 2.0 - width).max(PAD / 2.0);
        self.shapes.push(Shape::Text { x, y, width, size, weight, color, text });
    }

    pub fn push(&mut self, shape: Shape) {
        self.shapes.push(shape);
    }

    pub fn finish(self) -> Scene {
        Scene { height: (self.y + PAD * 0.7).ceil(), shapes: self.shapes }
    }
}
