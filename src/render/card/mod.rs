//! Answers in the chat: one message each, whatever it tells.
//!
//! A card says in its notes how fresh its figures are. It has no visible id: nobody has to match it, since whoever misses
//! an answer asks again.

pub mod figures;

use askama::Template;

use super::tree::Tree;
use super::view::{Block, PersonView};
use super::{Part, RenderError};

/// Code points of a card; what is beyond is cut and says so.
const MOST_CHARS: usize = 3_900;

/// What a card says, top to bottom.
#[derive(Debug, Default, Template)]
#[template(path = "telegram/card.html")]
pub struct Card {
    pub title: String,
    pub lines: Vec<String>,
    pub sections: Vec<Section>,
    /// In italics at the end.
    pub notes: Vec<String>,
}

/// Lines under a name; without one they follow after a blank line.
#[derive(Debug, Default)]
pub struct Section {
    pub name: Option<String>,
    pub lines: Vec<String>,
    people: Vec<PersonView>,
}

impl Section {
    /// Lines under a name.
    pub fn of(name: impl Into<String>, lines: Vec<String>) -> Self {
        Self { name: Some(name.into()), lines, people: Vec::new() }
    }

    /// Lines after a blank one.
    pub fn plain(lines: Vec<String>) -> Self {
        Self { name: None, lines, people: Vec::new() }
    }

    fn of_block(name: &str, block: Block) -> Self {
        let name = block.remark.map_or_else(|| name.to_owned(), |remark| format!("{name} ({remark})"));
        Self::of(name, block.lines)
    }
}

impl Card {
    /// A title with lines under it.
    pub fn new(title: impl Into<String>, lines: Vec<String>) -> Self {
        Self { title: title.into(), lines, ..Self::default() }
    }

    /// As one message.
    ///
    /// # Errors
    /// Only for a fault in the template.
    pub fn part(&self) -> Result<Part, RenderError> {
        let mut tree = Tree::parse(&self.render()?)?;
        // Links show their address where markup is refused, so the longer form decides.
        if tree.plain().chars().count() > MOST_CHARS {
            let spare = tree.plain().chars().count() - tree.text().chars().count();
            let (head, _) = tree.split_at(MOST_CHARS.saturating_sub(spare).max(1));
            let mut nodes = head.nodes;
            nodes.push(super::tree::Node::Text("…".to_owned()));
            tree = Tree { nodes };
        }
        Ok(Part { html: tree.html(), plain: tree.plain() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_escaped_and_cut_to_one_message() {
        let lines = (0..400).map(|n| format!("строка {n} <&>")).collect();
        let card = Card {
            notes: vec!["Данные на 09:00.".to_owned()], ..Card::new("Очень <много>", lines)
        };
        let part = card.part().unwrap();
        assert!(
            part.html.starts_with("<b>Очень &lt;много&gt;</b>\nстрока 0 &lt;&amp;&gt;\n"),
            "{}",
            part.html
        );
        assert!(part.plain.chars().count() <= 4_000 && part.plain.ends_with('…'));
        let short =
            Card { sections: vec![Section::of("Ещё", vec!["раз".into()])], ..Card::new("Т", vec![]) };
        assert_eq!(short.part().unwrap().html, "<b>Т</b>\n\n<b>Ещё</b>\nраз");
    }
}
