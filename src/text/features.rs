//! What the model sees of a message: its letters, words, form, and the messages around it.
//!
//! A feature is a 32-bit hash; a group says how it is weighed. The same code serves training and use, so the two cannot
//! drift apart. Text of other conversations, names of shops and times of day are left out on purpose: they are not in every CRM.

use super::corpus::{Conversation, Message, Sender};
use super::lexicon::Lexicon;
use super::token::{Token, TokenKind, fold, tokens};

/// Groups of features; each is brought to its own length before they are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Letter sequences of 2 to 5 inside a word with its borders.
    Letters,
    /// Stems, pairs of stems, words at the edges.
    Words,
    /// Stems of the messages before.
    Before,
    /// Stems of the messages after.
    After,
    /// Position, length, marks, lexicon. Taken as they are.
    Form,
}

/// Groups, and the length each has in a row.
pub const GROUPS: [(Group, f32); 5] = [
    (Group::Letters, 1.0),
    (Group::Words, 1.0),
    (Group::Before, 0.6),
    (Group::After, 0.4),
    (Group::Form, 1.0),
];

/// One feature of one message.
#[derive(Debug, Clone, Copy)]
pub struct Feature {
    pub key: u32,
    pub group: Group,
    /// Occurrences, or the value itself in [`Group::Form`].
    pub value: f32,
}

/// FNV-1a in 64 bits folded to 32: fixed for ever, unlike the hasher of the standard library.
#[derive(Debug, Clone, Copy)]
pub struct Hash(u64);

impl Hash {
    #[must_use]
    pub fn new(space: u8) -> Self {
        let mut hash = Self(0xcbf2_9ce4_8422_2325);
        hash.write(&[space]);
        hash
    }

    pub fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    #[must_use]
    pub fn finish(self) -> u32 {
        (self.0 ^ self.0 >> 32) as u32
    }
}

/// A customer's or manager's message, read once.
#[derive(Debug)]
pub struct Document {
    /// Place in the conversation's list of messages.
    pub index: usize,
    pub sender: Sender,
    tokens: Vec<Token>,
    markers: u64,
    folded: String,
}

/// The messages of customers and managers, in order; bots and the system say nothing about a conversation's course.
#[must_use]
pub fn documents(conversation: &Conversation, lexicon: &Lexicon) -> Vec<Document> {
    let counted = conversation.messages.iter().enumerate();
    counted
        .filter(|(_, message)| matches!(message.sender, Sender::Customer | Sender::Manager))
        .map(|(index, message)| document(index, message, lexicon))
        .collect()
}

fn document(index: usize, message: &Message, lexicon: &Lexicon) -> Document {
    let tokens = tokens(&message.text);
    let markers = lexicon.markers(&tokens);
    Document { index, sender: message.sender, markers, folded: fold(&message.text), tokens }
}

/// All features of the message at `at`. `features` is cleared first, so that one buffer serves a whole corpus.
pub fn extract(documents: &[Document], at: usize, features: &mut Vec<Feature>) {
    features.clear();
    let document = &documents[at];
    letters(document, features);
    words(document, features);
    form(documents, at, features);
    let before = documents[..at].iter().rev();
    context(before.clone().take(1), b'p', Group::Before, features);
    context(before.clone().skip(1).take(1), b'q', Group::Before, features);
    context(before.filter(|other| other.sender != document.sender).take(1), b'o', Group::Before, features);
    context(documents[at + 1..].iter().take(1), b'n', Group::After, features);
    let reply = documents[at + 1..].iter().filter(|other| other.sender != document.sender);
    context(reply.take(1), b'r', Group::After, features);
}

fn letters(document: &Document, features: &mut Vec<Feature>) {
    let mut bounds = Vec::with_capacity(32);
    let mut word = String::with_capacity(32);
    for token in &document.tokens {
        word.clear();
        word.push(' ');
        match token.kind {
            TokenKind::Number => word.push_str(&token.stem),
            _ => word.push_str(&token.folded),
        }
        word.push(' ');
        bounds.clear();
        bounds.extend(word.char_indices().map(|(at, _)| at).chain([word.len()]));
        for length in 2..=5 {
            for pair in bounds.windows(length + 1) {
                let mut hash = Hash::new(b'c');
                hash.write(&word.as_bytes()[pair[0]..pair[length]]);
                features.push(Feature { key: hash.finish(), group: Group::Letters, value: 1.0 });
            }
        }
    }
}

fn words(document: &Document, features: &mut Vec<Feature>) {
    let mut push = |space: u8, parts: [&str; 2]| {
        let mut hash = Hash::new(space);
        hash.write(parts[0].as_bytes());
        hash.write(&[0]);
        hash.write(parts[1].as_bytes());
        features.push(Feature { key: hash.finish(), group: Group::Words, value: 1.0 });
    };
    let mut previous = "^";
    for token in &document.tokens {
        push(b'w', [&token.stem, ""]);
        push(b'b', [previous, &token.stem]);
        previous = &token.stem;
    }
    push(b'b', [previous, "$"]);
    for window in document.tokens.windows(3) {
        push(b's', [&window[0].stem, &window[2].stem]);
    }
    let spoken = || document.tokens.iter().filter(|token| token.kind == TokenKind::Word);
    if let (Some(first), Some(last)) = (spoken().next(), spoken().next_back()) {
        push(b'f', [&first.folded, ""]);
        push(b'l', [&last.folded, ""]);
        push(b'f', [&first.folded, spoken().nth(1).map_or("", |token| &token.folded)]);
    }
}

fn context<'a>(
    others: impl Iterator<Item = &'a Document>,
    space: u8,
    group: Group,
    features: &mut Vec<Feature>,
) {
    for other in others {
        for token in &other.tokens {
            let mut hash = Hash::new(space);
            hash.write(&[other.sender as u8]);
            hash.write(token.stem.as_bytes());
            features.push(Feature { key: hash.finish(), group, value: 1.0 });
        }
    }
}

fn form(documents: &[Document], at: usize, features: &mut Vec<Feature>) {
    let document = &documents[at];
    let mut flag = |name: &str, number: usize, value: f32| {
        let mut hash = Hash::new(b'#');
        hash.write(name.as_bytes());
        hash.write(&number.to_le_bytes());
        features.push(Feature { key: hash.finish(), group: Group::Form, value });
    };
    flag("always", 0, 1.0);
    let same =
        |other: Option<&Document>| other.map_or(2, |other| usize::from(other.sender == document.sender));
    let before = at.checked_sub(1).and_then(|index| documents.get(index));
    let after = documents.get(at + 1);
    flag("before", same(before), 0.4);
    flag("after", same(after), 0.4);
    flag("place", at.min(8), 0.3);
    flag("to the end", (documents.len() - 1 - at).min(5), 0.3);
    flag("tenth", at * 6 / documents.len(), 0.3);
    let own = documents[..at].iter().filter(|other| other.sender == document.sender).count();
    flag("own", own.min(6), 0.3);
    flag("length", document.tokens.len().min(40).isqrt(), 0.3);
    let asks = |other: &Document| other.folded.contains('?');
    let ends = |other: &Document| other.folded.trim_end_matches([')', ' ', '!', '(']).ends_with('?');
    for (name, is) in [
        ("asks", asks(document)),
        ("ends asking", ends(document)),
        ("asks twice", document.folded.matches('?').count() > 1),
        ("before asks", before.is_some_and(asks)),
        ("before ends asking", before.is_some_and(ends)),
        ("after asks", after.is_some_and(asks)),
        ("number", document.tokens.iter().any(|token| token.kind == TokenKind::Number)),
        (
            "long number",
            document.tokens.iter().any(|token| token.kind == TokenKind::Number && token.folded.len() > 3),
        ),
        ("link", document.folded.contains("://") || document.folded.contains('@')),
        ("shout", document.folded.contains('!')),
        ("smile", document.folded.contains(')')),
        ("sad", document.folded.contains('(') && !document.folded.contains(')')),
    ] {
        if is {
            flag(name, 0, 0.5);
        }
    }
    for (name, markers, value) in [
        ("marker", document.markers, 0.6),
        ("marker before", before.map_or(0, |other| other.markers), 0.3),
        ("marker after", after.map_or(0, |other| other.markers), 0.2),
    ] {
        for bit in (0..64).filter(|bit| markers >> bit & 1 == 1) {
            flag(name, bit, value);
            if name == "marker" && asks(document) {
                flag("marker asks", bit, value);
            }
        }
    }
}
