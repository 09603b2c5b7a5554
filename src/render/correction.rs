//! A report once more, with what changed since it was first told underlined and a last line that says so.
//!
//! Pure text work on two renderings, so it knows nothing of measures: a word with a digit in it is a figure. Lines are
//! matched by what they begin with; a mark in the wrong place would be a blemish, never a wrong number.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono_tz::Tz;

use super::tree::{Element, Node, Tree};
use super::{RenderError, Report, format};
use crate::clock::Instant;

/// What stands in a message that the corrected report no longer needs.
pub fn emptied(public_id: &str) -> String {
    format!("Исправленная сводка стала короче и поместилась выше.\n\n№ {public_id}")
}

/// `report` with its figures underlined where they differ from `before`, and a line that says when they changed.
///
/// # Errors
/// For a fault in the templates.
pub fn corrected(report: &Report, before: &Report, at: Instant, zone: Tz) -> Result<Report, RenderError> {
    let (tree, old) = (Tree::parse(&report.html)?, Tree::parse(&before.html)?.text());
    let marks = changed(&old, &tree.text());
    let on = at.with_timezone(&zone).date_naive();
    let mut note = format!("Исправлено {} в {}: данные дополнены.", format::date(on), format::time(at, zone));
    if !marks.is_empty() {
        note.push_str(" Изменившееся подчёркнуто.");
    }
    let mut nodes = mark(tree.nodes, &marks, &mut 0);
    nodes.push(Node::Text("\n\n".to_owned()));
    nodes.push(Node::Marked(Element::Italic, vec![Node::Text(note)]));
    Ok(Report { public_id: report.public_id.clone(), html: Tree { nodes }.html() })
}

/// The figures of a text, in order: two texts that differ in words only have the same.
pub fn figures(report: &Report) -> Result<Vec<String>, RenderError> {
    let text = Tree::parse(&report.html)?.text();
    let words = text.split([' ', '\n']).filter(|word| is_figure(word));
    Ok(words.map(|word| bare(word).to_owned()).collect())
}

fn is_figure(word: &str) -> bool {
    word.contains(|c: char| c.is_ascii_digit())
}

/// A word without the punctuation around it.
fn bare(word: &str) -> &str {
    word.trim_start_matches(['(', '«']).trim_end_matches([')', ',', '.', ';', ':', '»'])
}

/// Where figures of `new` differ from `old`: ranges in characters, ascending.
fn changed(old: &str, new: &str) -> Vec<Range<usize>> {
    let mut known: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (key, line) in keyed(old) {
        known.entry(key).or_default().push(line);
    }
    let (mut marks, mut at) = (Vec::new(), 0);
    for (key, line) in keyed(new) {
        let lines = known.entry(key).or_default();
        let counterpart = if lines.is_empty() { "" } else { lines.remove(0) };
        if counterpart != line {
            marks.extend(
                changed_words(counterpart, line).into_iter().map(|range| range.start + at..range.end + at),
            );
        }
        at += line.chars().count() + 1;
    }
    marks
}

/// Lines with what they are recognised by: their words before the first figure, under the last line that began with words.
fn keyed(text: &str) -> impl Iterator<Item = (String, &str)> {
    let mut above = String::new();
    text.split('\n').map(move |line| {
        let end = line.find(|c: char| c.is_ascii_digit()).unwrap_or(line.len());
        let head = line[..end].trim();
        let head = head.split(':').next().unwrap_or(head).to_owned();
        if head.is_empty() {
            return (format!("{above}/"), line);
        }
        above.clone_from(&head);
        (head, line)
    })
}

/// Figures of `new` that are not in the longest common row of words, as ranges of characters; neighbours are one range.
fn changed_words(old: &str, new: &str) -> Vec<Range<usize>> {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.split(' ').collect(), new.split(' ').collect());
    // The length of the longest common row from each pair of places on.
    let mut longest = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i][j] = match bare(a[i]) == bare(b[j]) {
                true => longest[i + 1][j + 1] + 1,
                false => longest[i + 1][j].max(longest[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut at) = (0, 0, 0);
    let mut ranges: Vec<Range<usize>> = Vec::new();
    while let Some(word) = b.get(j) {
        let is_same = a.get(i).is_some_and(|other| bare(other) == bare(word));
        if !is_same && i < a.len() && longest[i + 1][j] >= longest[i][j + 1] {
            i += 1;
            continue;
        }
        if is_same {
            i += 1;
        } else if is_figure(word) {
            let inner = bare(word);
            let before = word.find(inner).map_or(0, |bytes| word[..bytes].chars().count());
            let range = at + before..at + before + inner.chars().count();
            match ranges.last_mut() {
                Some(last) if last.end + 2 >= range.start => last.end = range.end,
                _ => ranges.push(range),
            }
        }
        at += word.chars().count() + 1;
        j += 1;
    }
    ranges
}

/// Underlines the ranges of characters; `at` is where the nodes begin.
fn mark(nodes: Vec<Node>, ranges: &[Range<usize>], at: &mut usize) -> Vec<Node> {
    let mut marked = Vec::new();
    for node in nodes {
        match node {
            Node::Marked(element @ (Element::Code | Element::Pre), inner) => {
                *at += Tree { nodes: inner.clone() }.text().chars().count();
                marked.push(Node::Marked(element, inner));
            }
            Node::Marked(element, inner) => marked.push(Node::Marked(element, mark(inner, ranges, at))),
            Node::Text(text) => {
                let begins = *at;
                let end = begins + text.chars().count();
                let mut rest = Tree { nodes: vec![Node::Text(text)] };
                for range in ranges.iter().filter(|range| range.start < end && range.end > begins) {
                    let (plain, tail) = rest.split_at(range.start.saturating_sub(*at));
                    let start = range.start.max(*at);
                    let (figure, tail) = tail.split_at(range.end.min(end) - start);
                    marked.extend(plain.nodes);
                    marked.push(Node::Marked(Element::Underline, figure.nodes));
                    *at = range.end.min(end);
                    rest = tail;
                }
                marked.extend(rest.nodes);
                *at = end;
            }
        }
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(html: &str) -> Report {
        Report { public_id: "d-1".to_owned(), html: html.to_owned() }
    }

    fn marked(old: &str, new: &str) -> String {
        let at = "2026-08-21T07:15:00Z".parse().unwrap();
        let text = corrected(&report(new), &report(old), at, chrono_tz::Europe::Moscow).unwrap().html;
        let note = "\n\n<i>Исправлено 21\u{a0}августа в 10:15: данные дополнены.";
        let (body, rest) = text.split_once(note).unwrap_or_else(|| panic!("no note in {text}"));
        assert_eq!(rest.contains("подчёркнуто"), body.contains("<u>"), "{text}");
        body.to_owned()
    }

    #[test]
    fn figures_that_changed_are_underlined_whole_and_nothing_else_is() {
        let old = "<b>Диалоги</b>: 19 (+19\u{a0}% / +15\u{a0}%)\nНа сумму: 10\u{a0}460\u{a0}₽, как всегда";
        let new = "<b>Диалоги</b>: 21 (+31\u{a0}% / +15\u{a0}%)\nНа сумму: 12\u{a0}000\u{a0}₽, как всегда";
        assert_eq!(
            marked(old, new),
            "<b>Диалоги</b>: <u>21 (+31\u{a0}%</u> / +15\u{a0}%)\nНа сумму: <u>12\u{a0}000\u{a0}₽</u>, как всегда"
        );
        assert_eq!(marked(old, old), old);
    }

    #[test]
    fn a_line_is_compared_with_its_own_former_self_wherever_it_stands_now() {
        let old = "<b>Анна</b>: 8 диалогов\n4 заказа\n\n<b>Пётр</b>: 5 диалогов\n1 заказ";
        let new = "<b>Пётр</b>: 9 диалогов\n1 заказ\n\n<b>Анна</b>: 8 диалогов\n4 заказа";
        assert_eq!(marked(old, new), new.replace("9", "<u>9</u>"));
        assert_eq!(marked("Нет данных.", "Заказы: 3 на 5\u{a0}₽"), "Заказы: <u>3</u> на <u>5\u{a0}₽</u>");
    }

    #[test]
    fn a_mark_inside_other_markup_keeps_it_valid() {
        assert_eq!(
            marked("<b>Без ответа 4 из 19</b>", "<b>Без ответа 5 из 19</b>"),
            "<b>Без ответа <u>5</u> из 19</b>"
        );
        let text = marked("a 1", "a <b>2</b> <i>3</i>");
        assert!(Tree::parse(&text).is_ok(), "{text}");
    }

    #[test]
    fn figures_are_what_has_a_digit_without_the_punctuation_around_it() {
        let of = |html| figures(&report(html)).unwrap();
        assert_eq!(of("<b>Всего</b>: 3 (из 7), на 1\u{a0}380\u{a0}₽."), ["3", "7", "1\u{a0}380\u{a0}₽"]);
        assert_eq!(of("Анна: 3"), of("Ольга: 3"));
    }
}
