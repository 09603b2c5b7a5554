//! Charts: what stands on them, that it can be read, and that the same data give the same bytes.

use chrono::Days;
use proptest::prelude::*;
use svodka::chart::scene::{Color, PAPER, Scene, Shape, WIDTH};
use svodka::chart::{Chart, DayPoint, Fonts, of_bot, of_weekly, paint};
use svodka::measure::digest::Coverage;
use svodka::measure::load::Load;
use svodka::measure::weekly::{TrendMeasure, WeeklyDigest};
use svodka::measure::{Period, Span};

use crate::render::weekly::{empty, manager, ordinary};
use crate::support::bot::{Shop, on};

fn fonts() -> Fonts {
    Fonts::embedded().unwrap()
}

fn busy() -> Load {
    let mut load = Load::default();
    for (day, hours) in load.counts.iter_mut().enumerate() {
        for (hour, count) in hours.iter_mut().enumerate().filter(|(hour, _)| (9..23).contains(hour)) {
            *count = (day * 3 + hour) as u64 % 17;
        }
    }
    load.counts[1][14] = 38;
    load
}

fn days() -> Vec<DayPoint> {
    let point = |day: u64| DayPoint {
        day_on: on(2026, 7, 27) + Days::new(day),
        dau: (day != 9).then_some(900 + day * 37 % 400),
        carts_created: (day != 9).then_some(day * 53 % 190),
    };
    (0..28).map(point).collect()
}

fn all() -> Vec<Chart> {
    let fonts = fonts();
    let mut charts = of_weekly(&ordinary(), Some(&busy()), &fonts);
    charts.extend(of_bot(&Shop::new(Span::Week, on(2026, 8, 20)).digest(), &days(), &fonts));
    charts
}

fn texts(scene: &Scene) -> Vec<String> {
    let text = |shape: &Shape| match shape {
        Shape::Text { text, .. } => Some(text.replace('\u{a0}', " ")),
        _ => None,
    };
    scene.shapes.iter().filter_map(text).collect()
}

/// Left, top, right, bottom of every text.
fn boxes(scene: &Scene) -> Vec<(String, [f32; 4])> {
    let of = |shape: &Shape| match shape {
        Shape::Text { x, y, width, size, text, .. } => {
            Some((text.clone(), [*x, y - size * 0.75, x + width, y + size * 0.22]))
        }
        _ => None,
    };
    scene.shapes.iter().filter_map(of).collect()
}

/// Nothing stands out of the picture, no two texts meet, and no text is too small for a phone.
fn assert_readable(scene: &Scene) {
    let boxes = boxes(scene);
    assert!(boxes.len() > 3);
    for (index, (text, [left, top, right, bottom])) in boxes.iter().enumerate() {
        let is_inside = *left >= 0.0 && *top >= 0.0 && *right <= WIDTH && *bottom <= scene.height;
        assert!(is_inside, "«{text}» is clipped: {left} {top} {right} {bottom} of {}", scene.height);
        for (other, [l, t, r, b]) in &boxes[index + 1..] {
            let apart = right <= l || r <= left || bottom <= t || b <= top;
            assert!(apart, "«{text}» and «{other}» meet");
        }
    }
    for shape in &scene.shapes {
        match shape {
            Shape::Rect { x, y, width, height, .. } => {
                assert!(*x >= 0.0 && *y >= 0.0 && x + width <= WIDTH && y + height <= scene.height);
            }
            Shape::Text { size, .. } => assert!(*size >= 36.0),
            Shape::Line { points, .. } => {
                assert!(
                    points.iter().all(|(x, y)| *x >= 0.0 && *x <= WIDTH && *y >= 0.0 && *y <= scene.height)
                );
            }
            Shape::Dot { .. } => {}
        }
    }
}

#[test]
fn every_chart_can_be_read() {
    let charts = all();
    let names: Vec<&str> = charts.iter().map(|chart| chart.name).collect();
    assert_eq!(names, ["dinamika", "menedzhery", "nagruzka", "voronka", "bot-po-dnyam"]);
    for chart in &charts {
        assert_readable(&chart.scene);
        let cut: Vec<String> = texts(&chart.scene).into_iter().filter(|text| text.ends_with('…')).collect();
        assert!(cut.is_empty(), "{} cuts {cut:?}", chart.name);
    }
}

#[test]
fn a_chart_says_the_figures_of_the_digest_in_russian_with_units() {
    let charts = all();
    let all: Vec<Vec<String>> = charts.iter().map(|chart| texts(&chart.scene)).collect();
    let has = |chart: usize, words: &str| {
        assert!(all[chart].iter().any(|text| text.contains(words)), "«{words}» is not in {:#?}", all[chart]);
    };
    has(0, "Первый ответ, медиана");
    has(0, "17.08");
    has(1, "Анна Петрова");
    has(1, "126 диалогов · с ответом 98 %");
    has(1, "черта — команда: 9 мин");
    has(2, "Пик — во вторник с 14 до 15 ч: 38 сообщений");
    has(3, "корзина");
    has(4, "Активные за день");
    assert!(!all[1].iter().any(|text| text.contains("Не назначен")), "nobody is no manager");
    assert!(all[4].iter().any(|text| text == "1 000"), "thousands are set apart: {:#?}", all[4]);
}

#[test]
fn an_unknown_week_is_a_gap_in_the_line_and_never_a_zero() {
    let mut digest = ordinary();
    for trend in &mut digest.trends {
        trend.values[5] = None;
    }
    let charts = of_weekly(&digest, None, &fonts());
    let thick = |shape: &&Shape| matches!(shape, Shape::Line { width, .. } if *width > 5.0);
    let lines: Vec<&Shape> = charts[0].scene.shapes.iter().filter(thick).collect();
    let lengths: Vec<usize> = lines
        .iter()
        .map(|line| match line {
            Shape::Line { points, .. } => points.len(),
            _ => 0,
        })
        .collect();
    assert_eq!(lengths, [5, 6, 5, 6], "two pieces in each panel");
}

#[test]
fn nothing_is_drawn_of_what_is_not_wholly_known_or_not_there() {
    let fonts = fonts();
    assert!(of_weekly(&empty(), Some(&Load::default()), &fonts).is_empty());
    let until = ordinary().period.to - chrono::TimeDelta::days(2);
    let partial = WeeklyDigest { chat_coverage: Coverage::Partial { until }, ..ordinary() };
    let names: Vec<&str> =
        of_weekly(&partial, Some(&busy()), &fonts).iter().map(|chart| chart.name).collect();
    assert_eq!(names, ["dinamika"], "the trend shows earlier weeks; its own is unknown there");
    let alone = WeeklyDigest { managers: vec![manager(1, "Анна", (126, 2, 42), 110)], ..ordinary() };
    assert!(of_weekly(&alone, None, &fonts).iter().all(|chart| chart.name != "menedzhery"));
    let few = [manager(1, "Анна", (126, 2, 42), 110), manager(2, "Борис", (9, 0, 1), 4)];
    let few = WeeklyDigest { managers: few.to_vec(), ..ordinary() };
    assert!(of_weekly(&few, None, &fonts).iter().all(|chart| chart.name != "menedzhery"));
    assert!(
        of_bot(&Shop { size: 0, ..Shop::new(Span::Week, on(2026, 8, 20)) }.digest(), &[], &fonts).is_empty()
    );
}

#[test]
fn the_same_data_give_the_same_bytes_and_the_picture_is_what_telegram_takes() {
    let fonts = fonts();
    for chart in all() {
        let png = paint(&chart.scene, &fonts).unwrap();
        assert_eq!(png, paint(&chart.scene, &Fonts::embedded().unwrap()).unwrap(), "{}", chart.name);
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
        let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        let (width, height) = (side(16), side(20));
        assert_eq!((width as f32, height as f32), (WIDTH, chart.scene.height));
        assert!(height < 2 * width, "{} is too tall for a phone: {height}", chart.name);
        assert!(png.len() < 200_000, "{} weighs {}", chart.name, png.len());
    }
}

#[test]
fn the_busiest_hour_is_the_darkest_field_and_letters_are_on_the_paper() {
    let fonts = fonts();
    let charts = of_weekly(&ordinary(), Some(&busy()), &fonts);
    let load = &charts.iter().find(|chart| chart.name == "nagruzka").unwrap().scene;
    let fields: Vec<(f32, f32, Color)> = load
        .shapes
        .iter()
        .filter_map(|shape| match shape {
            Shape::Rect { x, y, fill, .. } => Some((*x, *y, *fill)),
            _ => None,
        })
        .collect();
    let dark = |color: &Color| u32::from(color.0) + u32::from(color.1) + u32::from(color.2);
    let darkest = fields[..7 * 24].iter().map(|(.., fill)| dark(fill)).min().unwrap();
    let busiest: Vec<usize> = (0..7 * 24).filter(|place| dark(&fields[*place].2) == darkest).collect();
    assert_eq!(busiest, [24 + 14], "Tuesday, 14 o'clock");

    let image = tiny_skia::Pixmap::decode_png(&paint(load, &fonts).unwrap()).unwrap();
    let (x, y, fill) = fields[24 + 14];
    let pixel = image.pixel(x as u32 + 15, y as u32 + 25).unwrap();
    assert_eq!((pixel.red(), pixel.green(), pixel.blue()), (fill.0, fill.1, fill.2));
    let corner = image.pixel(2, 2).unwrap();
    assert_eq!(
        (corner.red(), corner.green(), corner.blue(), corner.alpha()),
        (PAPER.0, PAPER.1, PAPER.2, 255)
    );
    let title = (48..700).flat_map(|x| (50..100).map(move |y| (x, y)));
    let inked = title.filter(|(x, y)| image.pixel(*x, *y).is_some_and(|pixel| pixel.red() < 90)).count();
    assert!(inked > 2_000, "{inked} dark pixels where the title stands");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_figures_nothing_is_clipped_and_no_two_texts_meet(
        values in proptest::collection::vec(proptest::option::of(0.0_f64..1.0), 12),
        scale in 1.0_f64..400_000.0,
        names in proptest::collection::vec("[А-Яа-яЁё<&\u{1f600} ]{0,60}", 2..14),
        counts in proptest::collection::vec(10_u64..3_000_000, 14),
        busiest in 1_u64..9_000_000,
        is_month in any::<bool>(),
    ) {
        let span = if is_month { Span::Month } else { Span::Week };
        let period: Period = span.containing(on(2026, 12, 30), chrono_tz::Europe::Moscow);
        let mut digest = WeeklyDigest { span, period, ..ordinary() };
        for trend in &mut digest.trends {
            let factor = if trend.measure == TrendMeasure::FirstResponseMedianSecs { scale } else { 1.0 };
            trend.values = values.iter().map(|value| value.map(|value| value * factor)).collect();
        }
        digest.managers = (1..).zip(&names).zip(&counts)
            .map(|((id, name), count)| manager(id * 1_000, name, (*count, count / 3, count / 5), 7))
            .collect();
        let mut load = busy();
        load.counts[6][23] = busiest;
        let fonts = fonts();
        for chart in of_weekly(&digest, Some(&load), &fonts) {
            assert_readable(&chart.scene);
        }
        let days: Vec<DayPoint> = (0..31).map(|day| DayPoint {
            day_on: on(2026, 12, 1) + Days::new(day),
            dau: Some(counts[day as usize % 14]),
            carts_created: values[day as usize % 12].map(|value| (value * scale) as u64),
        }).collect();
        for chart in of_bot(&Shop::new(Span::Month, on(2026, 8, 1)).digest(), &days, &fonts) {
            assert_readable(&chart.scene);
        }
    }
}
