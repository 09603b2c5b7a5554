//! Telegram HTML as a typed tree: parse strictly, write back, cut anywhere without breaking markup.
//!
//! A template writes HTML, this reads it with Telegram's own rules and refuses what Telegram would refuse, before
//! anything is sent. The dialect is the part of Telegram's that our texts use; an element outside it is a fault in
//! a template.

use super::{Part, RenderError, Report};

/// Longest address of a link. Longer ones would leave no room for text in the plain rendering.
pub const LONGEST_HREF: usize = 2_000;

/// An element of the dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    Bold,
    Italic,
    Underline,
    Strike,
    Spoiler,
    Code,
    Pre,
    /// `http`, `https` or `tg` address.
    Link {
        href: String,
    },
    Quote {
        expandable: bool,
    },
}

impl Element {
    /// Name of the tag.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Bold => "b",
            Self::Italic => "i",
            Self::Underline => "u",
            Self::Strike => "s",
            Self::Spoiler => "tg-spoiler",
            Self::Code => "code",
            Self::Pre => "pre",
            Self::Link { .. } => "a",
            Self::Quote { .. } => "blockquote",
        }
    }

    /// Telegram cuts these where they overlap, and counts the pieces.
    pub(super) fn is_cut_by_overlap(&self) -> bool {
        matches!(self, Self::Bold | Self::Italic | Self::Underline | Self::Strike | Self::Spoiler)
    }
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Text(String),
    Marked(Element, Vec<Node>),
}

/// A text with markup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    pub nodes: Vec<Node>,
}

impl Tree {
    /// Reads Telegram HTML.
    ///
    /// # Errors
    /// [`RenderError::Markup`] with the byte offset, for what Telegram refuses and for elements outside the dialect.
    pub fn parse(html: &str) -> Result<Self, RenderError> {
        super::parse::parse(html)
    }

    /// Telegram HTML with `&`, `<`, `>` (and `"` in addresses) escaped by name.
    pub fn html(&self) -> String {
        let mut html = String::new();
        write_html(&self.nodes, &mut html);
        html
    }

    /// The text as a reader sees it, without markup: what Telegram's limits count.
    pub fn text(&self) -> String {
        let mut text = String::new();
        write_text(&self.nodes, false, &mut text);
        text
    }

    /// The text for a message without markup: the address of a link follows it in parentheses.
    pub fn plain(&self) -> String {
        let mut text = String::new();
        write_text(&self.nodes, true, &mut text);
        text
    }

    /// Number of entities Telegram makes of the markup, rounded up: overlapping styles are counted once per piece.
    pub fn entities(&self) -> usize {
        count_entities(&self.nodes, 0)
    }

    /// Cuts after `chars` code points of the text; elements open at the cut are closed and opened again.
    pub fn split_at(self, chars: usize) -> (Self, Self) {
        let (head, tail) = split_nodes(self.nodes, &mut { chars });
        (Self { nodes: head }, Self { nodes: tail })
    }
}

/// Cuts a report into messages: parts of at most 4000 code points and 90 entities, each valid HTML, cut at blank lines,
/// else between lines, else between words; every part ends with the id line «№ …» and, when there are several, «(2/3)».
///
/// # Errors
/// [`RenderError::Markup`] when the HTML is not the dialect Telegram reads.
pub fn parts(report: &Report) -> Result<Vec<Part>, RenderError> {
    let tree = Tree::parse(&report.html)?;
    Ok(super::split::parts(tree, &report.public_id))
}

fn write_html(nodes: &[Node], html: &mut String) {
    for node in nodes {
        match node {
            Node::Text(text) => escape(text, html),
            Node::Marked(element, inner) => {
                html.push('<');
                html.push_str(element.tag());
                match element {
                    Element::Link { href } => {
                        html.push_str(" href=\"");
                        escape(href, html);
                        html.push('"');
                    }
                    Element::Quote { expandable: true } => html.push_str(" expandable"),
                    _ => {}
                }
                html.push('>');
                write_html(inner, html);
                html.push_str("</");
                html.push_str(element.tag());
                html.push('>');
            }
        }
    }
}

fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            c => html.push(c),
        }
    }
}

fn write_text(nodes: &[Node], addresses: bool, text: &mut String) {
    for node in nodes {
        match node {
            Node::Text(piece) => text.push_str(piece),
            Node::Marked(element, inner) => {
                write_text(inner, addresses, text);
                if let Element::Link { href } = element
                    && addresses
                {
                    text.push_str(" (");
                    text.push_str(href);
                    text.push(')');
                }
            }
        }
    }
}

fn count_entities(nodes: &[Node], styles: usize) -> usize {
    nodes
        .iter()
        .map(|node| match node {
            Node::Text(_) => styles,
            Node::Marked(element, inner) if element.is_cut_by_overlap() => count_entities(inner, styles + 1),
            Node::Marked(_, inner) => 1 + count_entities(inner, styles),
        })
        .sum()
}

fn split_nodes(nodes: Vec<Node>, rest: &mut usize) -> (Vec<Node>, Vec<Node>) {
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    for node in nodes {
        if *rest == 0 {
            tail.push(node);
            continue;
        }
        match node {
            Node::Text(text) => match text.char_indices().nth(*rest) {
                Some((at, _)) => {
                    *rest = 0;
                    head.push(Node::Text(text[..at].to_owned()));
                    tail.push(Node::Text(text[at..].to_owned()));
                }
                None => {
                    *rest -= text.chars().count();
                    head.push(Node::Text(text));
                }
            },
            Node::Marked(element, inner) => {
                let (before, after) = split_nodes(inner, rest);
                if !after.is_empty() {
                    tail.push(Node::Marked(element.clone(), after));
                }
                if !before.is_empty() {
                    head.push(Node::Marked(element, before));
                }
            }
        }
    }
    (head, tail)
}
