//! Whole messages as people read them, in both renderings, and the limits of every one of them.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod bot;
mod daily;
mod quality;
mod split;
pub mod weekly;

use svodka::render::Part;
use svodka::render::tree::Tree;

/// Asserts what Telegram asks of every message.
fn assert_sendable(parts: &[Part], public_id: &str) {
    assert!(!parts.is_empty());
    for (index, part) in parts.iter().enumerate() {
        let tree = Tree::parse(&part.html).expect("Telegram can read it");
        let text = tree.text();
        for text in [&text, &part.plain] {
            assert!(text.chars().count() <= 4_000, "{} characters", text.chars().count());
            assert!(text.encode_utf16().count() <= 4_096, "{} UTF-16 units", text.encode_utf16().count());
        }
        assert!(tree.entities() <= 90, "{} entities", tree.entities());
        assert!(part.html.len() <= 32_768, "{} bytes", part.html.len());
        assert_eq!(part.plain, tree.plain());
        let number = match parts.len() {
            1 => String::new(),
            total => format!(" ({}/{total})", index + 1),
        };
        assert_eq!(text.lines().last(), Some(format!("№ {public_id}{number}").as_str()));
    }
}
