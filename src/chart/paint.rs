//! From shapes to a PNG.

use tiny_skia::{
    FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, PixmapMut, Rect, Stroke, Transform,
};

use super::ChartError;
use super::font::Fonts;
use super::scene::{Color, PAPER, Scene, Shape, WIDTH};

/// How far a control point lies from a corner for a quarter of a circle.
const ARC: f32 = 0.447_715_24;

/// The picture as PNG. The same scene gives the same bytes.
///
/// # Errors
/// When the picture has no size or cannot be encoded.
pub fn paint(scene: &Scene, fonts: &Fonts) -> Result<Vec<u8>, ChartError> {
    let mut pixels = Pixmap::new(WIDTH as u32, scene.height as u32).ok_or(ChartError::Size)?;
    pixels.fill(tiny_skia::Color::from_rgba8(PAPER.0, PAPER.1, PAPER.2, 255));
    for shape in &scene.shapes {
        draw(&mut pixels.as_mut(), shape, fonts);
    }
    pixels.encode_png().map_err(|error| ChartError::Encode(error.to_string()))
}

/// A shape without an extent draws nothing.
fn draw(pixels: &mut PixmapMut<'_>, shape: &Shape, fonts: &Fonts) {
    match shape {
        Shape::Rect { x, y, width, height, radius, fill } => {
            fill_path(pixels, rounded(*x, *y, *width, *height, *radius), *fill);
        }
        Shape::Dot { x, y, radius, fill } => {
            fill_path(pixels, PathBuilder::from_circle(*x, *y, *radius), *fill);
        }
        Shape::Line { points, width, color } => {
            let mut path = PathBuilder::new();
            for (index, (x, y)) in points.iter().enumerate() {
                if index == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
            }
            let stroke = Stroke {
                width: *width,
                line_cap: LineCap::Round,
                line_join: LineJoin::Round,
                ..Stroke::default()
            };
            if let Some(path) = path.finish() {
                pixels.stroke_path(&path, &ink(*color), &stroke, Transform::identity(), None);
            }
        }
        Shape::Text { x, y, size, weight, color, text, .. } => {
            fill_path(pixels, fonts.outline(text, *size, *weight, *x, *y), *color);
        }
    }
}

fn fill_path(pixels: &mut PixmapMut<'_>, path: Option<Path>, color: Color) {
    if let Some(path) = path {
        pixels.fill_path(&path, &ink(color), FillRule::Winding, Transform::identity(), None);
    }
}

fn ink(color: Color) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(color.0, color.1, color.2, 255);
    paint
}

fn rounded(x: f32, y: f32, width: f32, height: f32, radius: f32) -> Option<Path> {
    let rect = Rect::from_xywh(x, y, width, height)?;
    let r = radius.min(width / 2.0).min(height / 2.0);
    if r <= 0.0 {
        return Some(PathBuilder::from_rect(rect));
    }
    let (left, top, right, bottom) = (rect.left(), rect.top(), rect.right(), rect.bottom());
    let c = r * ARC;
    let mut path = PathBuilder::new();
    path.move_to(left + r, top);
    path.line_to(right - r, top);
    path.cubic_to(right - c, top, right, top + c, right, top + r);
    path.line_to(right, bottom - r);
    path.cubic_to(right, bottom - c, right - c, bottom, right - r, bottom);
    path.line_to(left + r, bottom);
    path.cubic_to(left + c, bottom, left, bottom - c, left, bottom - r);
    path.line_to(left, top + r);
    path.cubic_to(left, top + c, left + c, top, left + r, top);
    path.close();
    path.finish()
}
