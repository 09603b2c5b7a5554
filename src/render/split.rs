//! Cuts a long text into messages that Telegram accepts and people can read one by one.
//!
//! Works on the tree, so a cut can never break markup. Nothing is dropped but the white space at a cut.

use super::Part;
use super::format::is_attached;
use super::tree::{Element, Node, Tree};

/// Code points of a part, id line included, with and without the addresses of links. Telegram's limit is 4096.
pub const MAX_CHARS: usize = 4_000;
/// UTF-16 units of a part: a second reading of Telegram's limit that costs us nothing.
pub const MAX_UTF16: usize = 4_096;
/// Entities of a part. Telegram silently drops what exceeds 100.
pub const MAX_ENTITIES: usize = 90;

pub(super) fn parts(tree: Tree, public_id: &str) -> Vec<Part> {
    // Room for the longest id line there can be: ids are ASCII, so characters and UTF-16 units are the same.
    let reserved = id_line(public_id, Some((9_999, 9_999))).chars().count();
    let mut bodies = Vec::new();
    let mut rest = trim_start(tree);
    loop {
        let at = cut(&rest, reserved);
        let (head, tail) = rest.split_at(at);
        bodies.push(trim_end(head));
        rest = trim_start(tail);
        if rest.nodes.is_empty() {
            break;
        }
    }
    let total = bodies.len();
    bodies
        .into_iter()
        .enumerate()
        .map(|(index, mut body)| {
            let line = id_line(public_id, (total > 1).then_some((index + 1, total)));
            let line = if body.nodes.is_empty() { line.trim_start().to_owned() } else { line };
            body.nodes.push(Node::Text(line));
            Part { html: body.html(), plain: body.plain() }
        })
        .collect()
}

/// `№ d-0820-k3f9 (2/3)` with the blank line before it.
fn id_line(public_id: &str, number: Option<(usize, usize)>) -> String {
    match number {
        Some((part, total)) => format!("\n\n№ {public_id} ({part}/{total})"),
        None => format!("\n\n№ {public_id}"),
    }
}

/// What a prefix of a text costs against each limit.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    /// Code points of the text, addresses left out: the position in the text.
    chars: usize,
    /// Code points with the addresses.
    plain: usize,
    utf16: usize,
    entities: usize,
}

impl Cost {
    fn fits(&self, reserved: usize) -> bool {
        self.plain + reserved <= MAX_CHARS
            && self.utf16 + reserved <= MAX_UTF16
            && self.entities <= MAX_ENTITIES
    }
}

/// One character of the text and whether it stands in bold.
#[derive(Debug, Clone, Copy)]
struct Seen {
    c: char,
    is_bold: bool,
}

/// Position, in code points of the text, at which the next part ends.
fn cut(tree: &Tree, reserved: usize) -> usize {
    let mut scan = Scan { cost: Cost::default(), reserved, seen: Vec::new() };
    if scan.walk(&tree.nodes, &mut Vec::new()) {
        return scan.cost.chars;
    }
    let seen = &scan.seen;
    // A border in the first third is no place to cut at: what follows it is long and has to be cut anyway.
    let least = seen.len() / 3;
    let blocks = borders(seen, |at| at >= 2 && seen[at - 1].c == '\n' && seen[at - 2].c == '\n');
    let lines = borders(seen, |at| seen[at - 1].c == '\n');
    let words = borders(seen, |at| seen[at - 1].c == ' ');
    let wanted = |borders: &[usize], least: usize| {
        borders.iter().rev().copied().find(|&at| at > least && !leaves_a_heading(seen, at))
    };
    wanted(&blocks, least)
        .or_else(|| wanted(&lines, least))
        .or_else(|| wanted(&blocks, 0))
        .or_else(|| wanted(&lines, 0))
        .or_else(|| words.last().copied())
        .unwrap_or_else(|| between_characters(seen))
}

fn borders(seen: &[Seen], is_border: impl Fn(usize) -> bool) -> Vec<usize> {
    (1..=seen.len()).filter(|&at| is_border(at)).collect()
}

/// Whether the last line before a border heads what comes after it: a line that begins bold and has more of its
/// block to come, or a block that is one bold line.
fn leaves_a_heading(seen: &[Seen], at: usize) -> bool {
    let is_newline = |seen: &&Seen| seen.c == '\n';
    let newlines = seen[..at].iter().rev().take_while(is_newline).count();
    let end = at - newlines;
    let start = seen[..end].iter().rposition(|seen| seen.c == '\n').map_or(0, |at| at + 1);
    // An emoji before the bold words does not make another line of it.
    let mut letters = seen[start..end].iter().filter(|seen| seen.c.is_alphanumeric()).peekable();
    let starts_bold = letters.peek().is_some_and(|seen| seen.is_bold);
    let is_bold = letters.all(|seen| seen.is_bold);
    let ends_block = newlines > 1;
    let begins_block = start < 2 || seen[start - 2].c == '\n';
    starts_bold && (!ends_block || (is_bold && begins_block))
}

/// The last place that does not tear a composed character apart, where there is one near.
fn between_characters(seen: &[Seen]) -> usize {
    let nearest = seen.len().saturating_sub(16).max(1);
    (nearest..seen.len())
        .rev()
        .find(|&at| !is_attached(seen[at].c) && seen[at - 1].c != '\u{200d}')
        .unwrap_or(seen.len())
        .max(1)
}

/// Walks a text until a limit is reached.
struct Scan {
    cost: Cost,
    reserved: usize,
    /// What was read so far.
    seen: Vec<Seen>,
}

impl Scan {
    /// `false` when the text does not fit to its end; `seen` then holds what does.
    fn walk<'a>(&mut self, nodes: &'a [Node], open: &mut Vec<&'a Element>) -> bool {
        for node in nodes {
            let goes_on = match node {
                Node::Marked(element, inner) => {
                    open.push(element);
                    let before = self.cost;
                    let goes_on = self.enter(element) && self.walk(inner, open);
                    if self.cost.chars == before.chars {
                        self.cost = before;
                    }
                    open.pop();
                    goes_on
                }
                Node::Text(text) => self.read(text, open),
            };
            if !goes_on {
                return false;
            }
        }
        true
    }

    fn enter(&mut self, element: &Element) -> bool {
        if let Element::Link { href } = element {
            self.cost.plain += href.chars().count() + " ()".len();
            self.cost.utf16 += href.encode_utf16().count() + " ()".len();
        }
        self.cost.entities += usize::from(!element.is_cut_by_overlap());
        self.cost.fits(self.reserved)
    }

    fn read(&mut self, text: &str, open: &[&Element]) -> bool {
        let is_bold = open.contains(&&Element::Bold);
        self.cost.entities += open.iter().filter(|element| element.is_cut_by_overlap()).count();
        for c in text.chars() {
            let next = Cost {
                chars: self.cost.chars + 1,
                plain: self.cost.plain + 1,
                utf16: self.cost.utf16 + c.len_utf16(),
                ..self.cost
            };
            if !next.fits(self.reserved) {
                return false;
            }
            self.cost = next;
            self.seen.push(Seen { c, is_bold });
        }
        true
    }
}

fn trim_start(tree: Tree) -> Tree {
    let white = tree.text().chars().take_while(|&c| c == '\n').count();
    tree.split_at(white).1
}

fn trim_end(tree: Tree) -> Tree {
    let text = tree.text();
    let kept = text.trim_end_matches([' ', '\n']).chars().count();
    tree.split_at(kept).0
}
