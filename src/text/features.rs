//! What the model sees of a message: its letters, words, form, and the messages around it.
//!
//! A feature is a 32-bit hash; a group says how it is weighed. The same code serves training and use, so the two cannot
//! drift apart. Text of other conversations, names of shops and times of day are left out on purpose: they are not in every CRM.
//! Whatever depends on one word alone comes from [`of_word`], so that its weights can be summed once a word.

use super::corpus::Sender;
use super::document::{Document, Reading};
use super::form;
use super::token::TokenKind;
use super::words::{Word, short_hash};

/// Groups of features; each but [`Group::Form`] is brought to its own length before they are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Letter sequences of 2 to 5 inside a word with its borders, stems, families.
    Own,
    /// Stems and families of the sentences that ask.
    Focus,
    /// Pairs of stems and of families, words at the edges.
    Pairs,
    /// Stems and families of the message before.
    Before,
    /// Stems and families of the message after.
    After,
    /// Families of the customer's first message.
    Opening,
    /// Position, length, marks, lexicon. Taken as they are.
    Form,
}

/// Groups that are weighed by rarity, in the order of [`Group`], and the length each has in a row.
pub const GROUPS: [(Group, f32); 6] = [
    (Group::Own, 1.4),
    (Group::Focus, 0.8),
    (Group::Pairs, 1.0),
    (Group::Before, 0.6),
    (Group::After, 0.4),
    (Group::Opening, 0.3),
];

/// A word has some forty sequences of letters and a few features of its own; these weigh more.
const OF_LETTERS: f32 = 1.0;
const OF_WORDS: f32 = 3.0;

/// One feature of one message.
#[derive(Debug, Clone, Copy)]
pub struct Feature {
    pub key: u32,
    pub group: Group,
    /// How much it counts before its rarity; in [`Group::Form`] the value itself.
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

/// A key made of two numbers.
#[must_use]
pub fn key_of(space: u8, left: u32, right: u32) -> u32 {
    let mut mixed = (u64::from(left) << 32 | u64::from(right)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^= mixed >> 31;
    mixed = (mixed ^ u64::from(space)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (mixed >> 32) as u32
}

/// What a word is to the message in question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It stands in it.
    Own,
    /// It stands in a sentence of it that asks.
    Focus,
    /// It stands in the message before, by the same sender or by another.
    Before(bool),
    After(bool),
    /// It stands in the customer's first message.
    Opening,
}

impl Role {
    /// Group of the features a word has in this role.
    #[must_use]
    pub fn group(self) -> Group {
        match self {
            Self::Own => Group::Own,
            Self::Focus => Group::Focus,
            Self::Before(_) => Group::Before,
            Self::After(_) => Group::After,
            Self::Opening => Group::Opening,
        }
    }
}

/// Features of one word in a role, and how much each counts.
pub fn of_word(word: &Word, role: Role, mut push: impl FnMut(u32, f32)) {
    let space = match role {
        Role::Own => b'w',
        Role::Focus => b'q',
        Role::Before(false) => b'p',
        Role::Before(true) => b'P',
        Role::After(false) => b'n',
        Role::After(true) => b'N',
        Role::Opening => b'o',
    };
    if role == Role::Own {
        letters(word, |key| push(key, OF_LETTERS));
    }
    if role != Role::Opening {
        push(key_of(space, word.stem, 0), OF_WORDS);
    }
    families(word.families, |family| push(key_of(space, family, 1), OF_WORDS));
}

fn families(mut bits: u128, mut each: impl FnMut(u32)) {
    while bits != 0 {
        each(bits.trailing_zeros());
        bits &= bits - 1;
    }
}

fn letters(word: &Word, mut push: impl FnMut(u32)) {
    if word.kind == TokenKind::Number {
        push(key_of(b'c', word.stem, 0));
        return;
    }
    let text = format!(" {} ", word.folded);
    let bounds: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    for length in 2..=5 {
        for pair in bounds.windows(length + 1) {
            push(short_hash(&text[pair[0]..pair[length]]));
        }
    }
}

/// Features of neighbouring words, and of the words at the edges.
pub fn of_pairs(reading: &Reading, document: &Document, mut push: impl FnMut(u32)) {
    const EDGE: u32 = u32::MAX;
    let occurrences = reading.of(document);
    let word = |at: usize| reading.words.get(occurrences[at].word);
    let mut previous = EDGE;
    for at in 0..occurrences.len() {
        let stem = word(at).stem;
        push(key_of(b'b', previous, stem));
        previous = stem;
        if at >= 2 {
            push(key_of(b's', word(at - 2).stem, stem));
        }
        if at >= 1 {
            families(word(at - 1).families, |left| {
                families(word(at).families, |right| push(key_of(b'f', left, right)));
            });
        }
    }
    push(key_of(b'b', previous, EDGE));
    for sentence in reading.sentences_of(document).iter().filter(|sentence| sentence.in_focus) {
        let mut spoken = reading.words_in(*sentence).filter(|word| word.kind == TokenKind::Word);
        let (first, second, last) = (spoken.next(), spoken.next(), spoken.next_back());
        if let Some(first) = first {
            push(key_of(b'1', first.form, 0));
            push(key_of(b'2', first.form, second.map_or(EDGE, |word| word.form)));
            families(first.families, |family| push(key_of(b'3', family, 0)));
            let last = last.or(second).unwrap_or(first);
            push(key_of(b'4', last.form, 0));
            families(last.families, |family| push(key_of(b'5', family, 0)));
        }
    }
}

/// The message the words of [`Role::Opening`] come from; none for itself.
#[must_use]
pub fn opening(reading: &Reading, at: usize) -> Option<&Document> {
    let first = reading.documents.iter().position(|document| document.sender == Sender::Customer)?;
    (first < at).then(|| &reading.documents[first])
}

/// All features of the message at `at`. `features` is cleared first, so that one buffer serves a whole corpus.
pub fn extract(reading: &Reading, at: usize, features: &mut Vec<Feature>) {
    features.clear();
    let document = &reading.documents[at];
    let mut word_in = |number: u32, role: Role| {
        let group = role.group();
        of_word(reading.words.get(number), role, |key, value| features.push(Feature { key, group, value }));
    };
    for occurrence in reading.of(document) {
        word_in(occurrence.word, Role::Own);
        if occurrence.in_focus {
            word_in(occurrence.word, Role::Focus);
        }
    }
    let mut around = |other: Option<&Document>, role: fn(bool) -> Role| {
        let Some(other) = other else { return };
        let role = role(other.sender == document.sender);
        reading.of(other).iter().for_each(|occurrence| word_in(occurrence.word, role));
    };
    around(at.checked_sub(1).and_then(|before| reading.documents.get(before)), Role::Before);
    around(reading.documents.get(at + 1), Role::After);
    around(opening(reading, at), |_| Role::Opening);
    of_pairs(reading, document, |key| features.push(Feature { key, group: Group::Pairs, value: 1.0 }));
    form::of_message(reading, at, |number, value| {
        features.push(Feature { key: form::key(number), group: Group::Form, value });
    });
}
