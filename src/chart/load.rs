//! When customers write: a field per hour of each weekday, the darker the more.

use chrono::Weekday;

use super::font::{Fonts, Weight};
use super::scene::{Anchor, BLUE, Color, PAD, SMALL, Scene, Shape, Sheet, Style, TRACK, WIDTH};
use crate::measure::load::Load;
use crate::render::format::{self, MESSAGES};

const ROW: f32 = 66.0;
const GAP: f32 = 4.0;
const DAYS: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

/// `None` when nobody wrote. `dates` says of which days.
pub fn load(load: &Load, dates: &str, fonts: &Fonts) -> Option<Scene> {
    let (busiest, most) = load.busiest()?;
    let (weekday, hour) = (DAYS[busiest.0], busiest.1);
    let peak = format!(
        "Пик — {} с {hour} до {} ч: {}",
        format::on_weekday(weekday),
        hour + 1,
        format::counted(most, MESSAGES)
    );
    let mut sheet = Sheet::new(fonts, "Когда пишут клиенты", &format!("Сообщения по часам, {dates}"));
    sheet.line(&peak, Style { weight: Weight::Bold, ..Style::label() });
    sheet.y += 16.0;
    let names = DAYS.map(format::weekday_short);
    let widest = names.iter().map(|name| fonts.width(name, SMALL, Weight::Regular)).fold(0.0, f32::max);
    let left = PAD + widest + 16.0;
    let column = (WIDTH - PAD - left) / 24.0;
    for (day, name) in names.iter().enumerate() {
        sheet.text(PAD, sheet.y + ROW * 0.5 + SMALL * 0.35, name, Style::small(), left);
        for (hour, count) in load.counts[day].iter().enumerate() {
            let fill = shade(*count as f32 / most as f32);
            let (x, y) = (left + column * hour as f32, sheet.y);
            let (width, height) = (column - GAP, ROW - GAP);
            sheet.push(Shape::Rect { x, y, width, height, radius: 6.0, fill });
        }
        sheet.y += ROW;
    }
    sheet.y += SMALL + 4.0;
    for hour in (0..24).step_by(3) {
        let x = left + column * hour as f32 + (column - GAP) / 2.0;
        sheet.text(x, sheet.y, &hour.to_string(), Style::small().at(Anchor::Middle), column * 3.0);
    }
    sheet.y += SMALL * 0.7;
    legend(&mut sheet, most);
    Some(sheet.finish())
}

fn legend(sheet: &mut Sheet<'_>, most: u64) {
    let size = 40.0;
    sheet.y += 14.0;
    let (y, steps) = (sheet.y, 6);
    sheet.text(PAD, y + size * 0.5 + SMALL * 0.35, "0", Style::small(), 100.0);
    for step in 0..steps {
        let x = PAD + 34.0 + (size + GAP) * step as f32;
        let fill = shade(step as f32 / (steps - 1) as f32);
        sheet.push(Shape::Rect { x, y, width: size, height: size, radius: 6.0, fill });
    }
    let x = PAD + 34.0 + (size + GAP) * steps as f32 + 12.0;
    let text = format!("{} за час", format::counted(most, MESSAGES));
    sheet.text(x, y + size * 0.5 + SMALL * 0.35, &text, Style::small(), WIDTH - x - PAD);
    sheet.y += size;
}

/// From the empty track to the full blue; little is still told from nothing.
fn shade(part: f32) -> Color {
    if part <= 0.0 {
        return TRACK;
    }
    let part = 0.18 + 0.82 * part.min(1.0);
    let mix = |from: u8, to: u8| (f32::from(from) + (f32::from(to) - f32::from(from)) * part).round() as u8;
    Color(mix(TRACK.0, BLUE.0), mix(TRACK.1, BLUE.1), mix(TRACK.2, BLUE.2))
}
