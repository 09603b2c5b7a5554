//! Cutting a report into messages: nothing lost, nothing broken, nothing too long.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use svodka::render::tree::{Element, Node, Tree, parts};
use svodka::render::{Part, Report};

use super::assert_sendable;

const ID: &str = "w-2026-34-abcdef";

fn cut(html: &str) -> Vec<Part> {
    let report = Report { public_id: ID.to_owned(), html: html.to_owned() };
    let parts = parts(&report).unwrap();
    assert_sendable(&parts, ID);
    assert_nothing_lost(&Tree::parse(html).unwrap(), &parts);
    parts
}

/// The text of a part without its id line.
fn body(part: &Part) -> String {
    let text = Tree::parse(&part.html).unwrap().text();
    text[..text.rfind("№ ").unwrap()].trim_end_matches('\n').to_owned()
}

/// Every visible character with the elements around it, outermost first, as one number.
fn styled(nodes: &[Node], around: u64, seen: &mut Vec<(char, u64)>) {
    for node in nodes {
        match node {
            Node::Text(text) => {
                seen.extend(text.chars().filter(|c| !c.is_whitespace()).map(|c| (c, around)));
            }
            Node::Marked(element, inner) => styled(inner, around * 16 + code(element), seen),
        }
    }
}

fn code(element: &Element) -> u64 {
    match element {
        Element::Bold => 1,
        Element::Italic => 2,
        Element::Underline => 3,
        Element::Strike => 4,
        Element::Spoiler => 5,
        Element::Code => 6,
        Element::Pre => 7,
        Element::Link { .. } => 8,
        Element::Quote { expandable: false } => 9,
        Element::Quote { expandable: true } => 10,
    }
}

/// The parts together are the text: in order, with the same markup, and only white space is gone at the cuts.
fn assert_nothing_lost(tree: &Tree, parts: &[Part]) {
    let mut original = Vec::new();
    styled(&tree.nodes, 0, &mut original);
    let mut together = Vec::new();
    for part in parts {
        let tree = Tree::parse(&part.html).unwrap();
        let mut seen = Vec::new();
        styled(&tree.nodes, 0, &mut seen);
        let line = tree.text().lines().last().unwrap().chars().filter(|c| !c.is_whitespace()).count();
        seen.truncate(seen.len() - line);
        together.append(&mut seen);
    }
    assert!(original == together, "the visible characters or their markup differ");

    let text = tree.text();
    let mut rest = text.as_str();
    for part in parts {
        let body = body(part);
        let body = body.trim_matches([' ', '\n']);
        let at = rest.find(body).expect("the part is a piece of the text");
        assert!(rest[..at].chars().all(|c| matches!(c, ' ' | '\n')), "lost: {:?}", &rest[..at]);
        rest = &rest[at + body.len()..];
    }
    assert!(rest.chars().all(|c| matches!(c, ' ' | '\n')), "lost at the end: {rest:?}");
}

#[test]
fn a_short_text_is_one_message_without_a_number() {
    let parts = cut("<b>Привет</b>\n\nтекст\n\n\n");
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].html, format!("<b>Привет</b>\n\nтекст\n\n№ {ID}"));
}

#[test]
fn an_empty_text_is_its_id_line() {
    for html in ["", "\n\n", "<b></b>", "<b>\n</b>\n"] {
        assert_eq!(cut(html)[0].html, format!("№ {ID}"), "{html:?}");
    }
}

#[test]
fn blocks_stay_whole_where_they_can() {
    let block = |n: usize| format!("<b>Блок {n}</b>\n{}", "строка текста\n".repeat(60));
    let html = (1..=9).map(block).collect::<Vec<_>>().join("\n");
    let parts = cut(&html);
    assert!(parts.len() > 2);
    for part in &parts {
        assert!(part.html.starts_with("<b>Блок "), "{}", part.html);
    }
}

#[test]
fn a_block_of_five_thousand_lines_is_cut_between_lines() {
    let lines: Vec<String> = (0..5_000).map(|n| format!("{n}: &lt;{}&gt;", "слово ".repeat(n % 9))).collect();
    let parts = cut(&format!("<blockquote expandable>{}</blockquote>", lines.join("\n")));
    for part in &parts {
        let body = body(part);
        let first = body.lines().next().unwrap();
        assert!(first.split(':').next().unwrap().parse::<u32>().is_ok(), "{first}");
    }
    let mean = parts.iter().map(|part| part.plain.chars().count()).sum::<usize>() / parts.len();
    assert!(mean > 3_500, "parts are filled, not scattered: {mean}");
}

#[test]
fn words_are_cut_only_when_they_are_longer_than_a_message() {
    let words = "слово ".repeat(3_000);
    for part in cut(&words) {
        assert!(body(&part).split(' ').all(|word| word == "слово"));
    }
    assert_eq!(cut(&"ы".repeat(20_000)).len(), 6);
    assert_eq!(cut(&"&lt;".repeat(20_000)).len(), 6);
    assert_eq!(cut(&"😀".repeat(10_000)).len(), 5);
}

#[test]
fn a_composed_character_is_not_torn_apart() {
    let family = "👩\u{200d}👩\u{200d}👧\u{200d}👦";
    for part in cut(&family.repeat(2_000)) {
        let body = body(&part);
        assert!(body.starts_with("👩\u{200d}👩") && body.ends_with('👦'), "{body}");
    }
}

#[test]
fn a_heading_goes_with_what_it_heads() {
    // Every length of the text before the heading, so that the cut falls on each place around it.
    for length in 3_850..3_990 {
        let before = "а".repeat(length);
        let html = format!("{before}\n\n<b>Каналы</b>\nWhatsApp\nTelegram");
        let parts = cut(&html);
        assert!(!body(&parts[0]).ends_with("Каналы"), "{length}");

        let html = format!("{before}\n\n⚠️ <b>Обратите внимание</b>\nМного диалогов без ответа");
        assert!(!body(&cut(&html)[0]).ends_with("внимание"), "{length}");

        let html = format!("{before}\n\n<b>Каналы</b>\n\nWhatsApp: много слов про канал\nTelegram");
        assert!(!body(&cut(&html)[0]).ends_with("Каналы"), "{length}");

        let html =
            format!("{before}\n\n<b>Анна</b>: 14 диалогов\n6 заказов\n\n<b>Борис</b>: 2 диалога\n1 заказ");
        let parts = cut(&html);
        assert!(!body(&parts[0]).ends_with("диалогов") && !body(&parts[0]).ends_with("диалога"), "{length}");
    }
}

#[test]
fn dense_markup_is_spread_over_messages() {
    let html = (0..500).map(|n| format!("<b>{n}</b> <i>x<u>y</u>z</i>\n")).collect::<String>();
    // Five entities a line: bold, and italic and underline counted once per piece.
    assert!(cut(&html).len() >= 500 * 5 / 90);
}

#[test]
fn a_link_cut_in_two_keeps_its_address_in_both_messages() {
    let href = format!("https://shop.example/?q={}", "x".repeat(1_900));
    let parts = cut(&format!("<a href=\"{href}\">{}</a>", "слово ".repeat(700)));
    assert!(parts.len() >= 3);
    assert!(parts.iter().all(|part| part.html.starts_with(&format!("<a href=\"{href}\">"))));
}

#[test]
fn a_broken_text_is_refused_before_anything_is_sent() {
    let report = Report { public_id: ID.to_owned(), html: "<b>не закрыто".to_owned() };
    assert!(parts(&report).unwrap_err().to_string().contains("<b> is never closed (byte 0)"));
}

fn text() -> impl Strategy<Value = Node> {
    let word = prop_oneof![
        12 => "[а-яА-Я]{1,12}",
        6 => "[<>&\"'/=;#a-z0-9]{1,10}",
        3 => prop::sample::select(vec!["😀", "👩\u{200d}👧", "&lt;", "№ 5", "1\u{a0}380\u{a0}₽"]).prop_map(str::to_owned),
        1 => (500..4_500_usize).prop_map(|length| "ю".repeat(length)),
    ];
    let gap = prop::sample::select(vec![" ", " ", " ", "\n", "\n\n", ""]);
    prop::collection::vec((word, gap), 1..60)
        .prop_map(|words| Node::Text(words.into_iter().map(|(word, gap)| word + gap).collect()))
}

fn node() -> impl Strategy<Value = Node> {
    let elements = vec![
        Element::Bold,
        Element::Italic,
        Element::Underline,
        Element::Strike,
        Element::Spoiler,
        Element::Link { href: "https://shop.example/?a=1&b=\"2\"".to_owned() },
    ];
    let alone = vec![Element::Code, Element::Pre];
    let quotes = vec![Element::Quote { expandable: true }, Element::Quote { expandable: false }];
    let inline = text().prop_recursive(3, 12, 4, move |inner| {
        (prop::sample::select(elements.clone()), prop::collection::vec(inner, 1..4))
            .prop_map(|(element, inner)| Node::Marked(element, inner))
    });
    prop_oneof![
        6 => inline.clone(),
        1 => (prop::sample::select(alone), text()).prop_map(|(element, text)| Node::Marked(element, vec![text])),
        1 => (prop::sample::select(quotes), prop::collection::vec(inline, 1..4))
            .prop_map(|(element, inner)| Node::Marked(element, inner)),
    ]
}

/// Telegram has no links within links.
fn without_nested_links(nodes: Vec<Node>, in_link: bool) -> Vec<Node> {
    let mut kept = Vec::new();
    for node in nodes {
        match node {
            Node::Marked(Element::Link { .. }, inner) if in_link => {
                kept.extend(without_nested_links(inner, true))
            }
            Node::Marked(element, inner) => {
                let in_link = in_link || matches!(element, Element::Link { .. });
                kept.push(Node::Marked(element, without_nested_links(inner, in_link)));
            }
            text => kept.push(text),
        }
    }
    kept
}

proptest! {
    #![proptest_config(Config { cases: 64, rng_seed: RngSeed::Fixed(820), failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_text_comes_through_whole(nodes in prop::collection::vec(node(), 1..16)) {
        let tree = Tree { nodes: without_nested_links(nodes, false) };
        let html = tree.html();
        prop_assert_eq!(Tree::parse(&html).unwrap().html(), html.clone());
        prop_assert_eq!(Tree::parse(&html).unwrap().text(), tree.text());
        cut(&html);
    }
}
