//! Every different word of a corpus once: what is known of it without its neighbours.
//!
//! Chats repeat their words, so folding, stemming and looking up families is done once a word and not once an occurrence.
//! The table is bounded by its user: see [`Words::len`].

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::features::Hash;
use super::lexicon::Lexicon;
use super::token::{TokenKind, stem};

/// A hasher for keys that are hashes already.
#[derive(Debug, Default, Clone, Copy)]
pub struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u32(&mut self, key: u32) {
        self.0 = u64::from(key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

/// A map whose keys are hashes.
pub type HashedMap<K, V> = HashMap<K, V, BuildHasherDefault<Ready>>;

/// What is known of one word.
#[derive(Debug, Clone)]
pub struct Word {
    pub kind: TokenKind,
    /// Lower case, «ё» as «е».
    pub folded: Box<str>,
    /// Hash of the Snowball stem; of the count of digits for a number.
    pub stem: u32,
    /// Hash of the folded word.
    pub form: u32,
    /// One bit per family of the lexicon.
    pub families: u128,
    pub letters: u8,
    pub is_comma: bool,
    /// Markers this word is a whole phrase of.
    pub markers: u64,
    /// Does a longer phrase of a marker begin with this word?
    pub may_begin: bool,
}

/// Words by number.
#[derive(Debug, Default)]
pub struct Words {
    numbers: HashedMap<u64, u32>,
    list: Vec<Word>,
}

impl Words {
    /// Number of the word, which is entered when it is new.
    pub fn number(&mut self, folded: &str, kind: TokenKind, lexicon: &Lexicon) -> u32 {
        let key = long_hash(folded);
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let number = self.list.len() as u32;
        self.list.push(word(folded, kind, lexicon));
        self.numbers.insert(key, number);
        number
    }

    #[must_use]
    pub fn get(&self, number: u32) -> &Word {
        &self.list[number as usize]
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Forgets all words; numbers given out before mean nothing any more.
    pub fn clear(&mut self) {
        self.numbers.clear();
        self.list.clear();
    }
}

fn word(folded: &str, kind: TokenKind, lexicon: &Lexicon) -> Word {
    let stem = match kind {
        TokenKind::Word => stem(folded),
        TokenKind::Number => format!("#{}", folded.len().min(9)),
        TokenKind::Mark => folded.to_owned(),
    };
    let mut word = Word {
        kind,
        stem: short_hash(&stem),
        form: short_hash(folded),
        families: lexicon.families(folded),
        letters: folded.chars().count().min(255) as u8,
        is_comma: folded == ",",
        markers: 0,
        may_begin: lexicon.may_begin(&stem, folded),
        folded: folded.into(),
    };
    word.markers = lexicon.markers_at(std::iter::once(&word));
    word
}

/// Hash of a stem or a form.
#[must_use]
pub fn short_hash(text: &str) -> u32 {
    let mut hash = Hash::new(b'.');
    hash.write(text.as_bytes());
    hash.finish()
}

/// Eight bytes at a step: a word is looked up for each of its occurrences.
fn long_hash(text: &str) -> u64 {
    let mut hash = text.len() as u64;
    for part in text.as_bytes().chunks(8) {
        let mut bytes = [0; 8];
        bytes[..part.len()].copy_from_slice(part);
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(bytes)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^= hash >> 29;
    }
    hash
}
