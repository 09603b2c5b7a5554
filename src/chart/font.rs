//! The letters of the charts: Noto Sans, cut down to Latin and Cyrillic, in two weights. `font/README.md` has source and
//! licence. Nothing is looked for on the machine, so a chart looks the same everywhere.

use tiny_skia::{Path, PathBuilder, Transform};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

use super::ChartError;

const REGULAR: &[u8] = include_bytes!("font/NotoSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("font/NotoSans-Bold.ttf");
/// Stands for a letter the font lacks.
const UNKNOWN: char = '·';

/// How heavy letters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    Regular,
    Bold,
}

/// Both weights.
#[derive(Debug)]
pub struct Fonts {
    regular: Face<'static>,
    bold: Face<'static>,
}

impl Fonts {
    /// # Errors
    /// The compiled-in font cannot be read.
    pub fn embedded() -> Result<Self, ChartError> {
        let read = |bytes| Face::parse(bytes, 0).map_err(|_| ChartError::Font);
        Ok(Self { regular: read(REGULAR)?, bold: read(BOLD)? })
    }

    /// Width of a line of text in pixels.
    pub fn width(&self, text: &str, size: f32, weight: Weight) -> f32 {
        let face = self.face(weight);
        glyphs(face, text).map(|glyph| advance(face, glyph)).sum::<f32>() * scale(face, size)
    }

    /// The text, cut with «…» where it is wider than `most` pixels.
    pub fn fit(&self, text: &str, size: f32, weight: Weight, most: f32) -> String {
        if self.width(text, size, weight) <= most {
            return text.to_owned();
        }
        let mut letters: Vec<char> = text.chars().collect();
        while letters.pop().is_some() {
            let cut: String = letters.iter().collect::<String>().trim_end().to_owned() + "…";
            if self.width(&cut, size, weight) <= most {
                return cut;
            }
        }
        String::new()
    }

    /// The outline of a line of text whose baseline begins at `(x, y)`; `None` when there is nothing to draw.
    pub(super) fn outline(&self, text: &str, size: f32, weight: Weight, x: f32, y: f32) -> Option<Path> {
        let face = self.face(weight);
        let mut pen = Pen { path: PathBuilder::new(), at: 0.0 };
        for glyph in glyphs(face, text) {
            face.outline_glyph(glyph, &mut pen);
            pen.at += advance(face, glyph);
        }
        let scale = scale(face, size);
        // Fonts count upwards, pictures downwards.
        pen.path.finish()?.transform(Transform::from_row(scale, 0.0, 0.0, -scale, x, y))
    }

    fn face(&self, weight: Weight) -> &Face<'static> {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }
}

fn scale(face: &Face<'_>, size: f32) -> f32 {
    size / f32::from(face.units_per_em())
}

fn advance(face: &Face<'_>, glyph: GlyphId) -> f32 {
    f32::from(face.glyph_hor_advance(glyph).unwrap_or_default())
}

fn glyphs(face: &Face<'_>, text: &str) -> impl Iterator<Item = GlyphId> {
    text.chars().map(|letter| {
        let similar = match letter {
            '\u{2212}' => '–',
            '\t' | '\n' => ' ',
            _ => UNKNOWN,
        };
        let known = face.glyph_index(letter).or_else(|| face.glyph_index(similar));
        known.unwrap_or(GlyphId(0))
    })
}

struct Pen {
    path: PathBuilder,
    at: f32,
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(x + self.at, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(x + self.at, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.path.quad_to(x1 + self.at, y1, x + self.at, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.path.cubic_to(x1 + self.at, y1, x2 + self.at, y2, x + self.at, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}
