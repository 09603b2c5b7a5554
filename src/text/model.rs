//! The trained model: its parts, and how a sparse row and the neighbours' scores are made of a message.
//!
//! Two layers per sender. The first reads the message and the words around it; the second reads the same and the first layer's
//! scores of the neighbours, because a problem question usually follows a question about facts. Weights are eight bits each.
//! [`super::analyst`] applies it.

use std::sync::LazyLock;

use super::analyst::Analyst;
use super::corpus::{Conversation, Sender};
use super::features::{Feature, GROUPS, Group};
use super::form;
use super::labels::{COLUMNS, Labels};
use super::lexicon::Lexicon;
use super::words::HashedMap;

/// Scores of one message, −1 … 1 per column.
pub type Scores = [f32; COLUMNS];

/// Size of the table of known keys: 64 kB.
const KNOWN_BITS: u32 = 19;

/// Columns of both layers, the first layer's before the second's.
pub const BOTH: usize = 2 * COLUMNS;

/// [`COLUMNS`] filled up to a size that is round for the processor.
pub const ROUND: usize = 16;

/// Neighbour scores the second layer reads: itself, two before and one after of the same sender, one before and one after of the
/// other, the highest so far, the highest still to come.
pub const NEIGHBOURS: usize = 8;

/// The second layer's inputs besides the text.
pub type Around = [f32; NEIGHBOURS * COLUMNS];

static SHIPPED: LazyLock<Option<Model>> =
    LazyLock::new(|| Model::from_bytes(include_bytes!("../../config/model.bin")).ok());

/// Known features and how rare each is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vocabulary {
    pub(super) places: HashedMap<u32, u32>,
    /// Inverse document frequency times 16.
    pub(super) rarity: Vec<u8>,
}

impl Vocabulary {
    /// The message as a sparse row: each group is weighed by rarity and brought to its length.
    pub fn row(&self, features: &[Feature], row: &mut Vec<(u32, f32)>) {
        row.clear();
        let form = features.iter().filter(|feature| feature.group == Group::Form);
        row.extend(form.filter_map(|feature| Some((self.place(feature.key)?, feature.value))));
        for (group, length) in GROUPS {
            let first = row.len();
            let of_group = features.iter().filter(|feature| feature.group == group);
            let mut square = 0.0;
            for feature in of_group {
                let Some(place) = self.place(feature.key) else { continue };
                let value = self.rarity(place) * feature.value;
                square += value * value;
                row.push((place, value));
            }
            let factor = if square > 0.0 { length / square.sqrt() } else { 0.0 };
            row[first..].iter_mut().for_each(|(_, value)| *value *= factor);
        }
    }

    /// Place of a known feature.
    #[must_use]
    pub fn place(&self, key: u32) -> Option<u32> {
        self.places.get(&key).copied()
    }

    /// How much one occurrence weighs.
    #[must_use]
    pub fn rarity(&self, place: u32) -> f32 {
        f32::from(self.rarity[place as usize]) / 16.0
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.rarity.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rarity.is_empty()
    }
}

/// Weights of one feature for both layers, and its rarity beside them: one line of the processor's cache.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(32))]
pub struct Row {
    pub weights: [i8; BOTH],
    pub rarity: f32,
}

/// Weights of one sender's labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    pub vocabulary: Vocabulary,
    /// Per feature; weights times `scales` are the real ones.
    pub rows: Vec<Row>,
    pub scales: [f32; BOTH],
    /// The second layer's weights of the neighbours' scores.
    pub around: Vec<[f32; ROUND]>,
    /// A column is set when its score exceeds this.
    pub thresholds: Scores,
    /// Places of the numbered features.
    pub(super) form: Vec<Option<u32>>,
    /// A bit per [`Side::bit`] of a known key: most pairs of words are unknown, and this says so without a look into the map.
    known: Vec<u64>,
}

impl Side {
    /// Brings real weights, per layer and column, to eight bits.
    #[must_use]
    pub fn new(vocabulary: Vocabulary, first: &[Vec<f32>], second: &[Vec<f32>], thresholds: Scores) -> Self {
        let count = vocabulary.len();
        let mut weights = vec![[0; BOTH]; count];
        let mut scales = [1.0; BOTH];
        for (column, real) in first.iter().chain(second).enumerate() {
            let real = &real[..count];
            let largest = real.iter().fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
            scales[column] = if largest > 0.0 { largest / 127.0 } else { 1.0 };
            for (row, weight) in weights.iter_mut().zip(real) {
                row[column] = (weight / scales[column]).round() as i8;
            }
        }
        let around = (0..NEIGHBOURS * COLUMNS)
            .map(|input| {
                std::array::from_fn(|column| second.get(column).map_or(0.0, |column| column[count + input]))
            })
            .collect();
        Self::of_parts(vocabulary, &weights, scales, around, thresholds)
    }

    pub(super) fn of_parts(
        vocabulary: Vocabulary,
        weights: &[[i8; BOTH]],
        scales: [f32; BOTH],
        around: Vec<[f32; ROUND]>,
        thresholds: Scores,
    ) -> Self {
        let form = (0..form::NUMBERS).map(|number| vocabulary.place(form::key(number))).collect();
        let mut known = vec![0; 1 << (KNOWN_BITS - 6)];
        for key in vocabulary.places.keys() {
            let bit = Self::bit(*key);
            known[bit >> 6] |= 1 << (bit & 63);
        }
        let rows = weights.iter().zip(0..);
        let rows = rows.map(|(weights, place)| Row { weights: *weights, rarity: vocabulary.rarity(place) });
        let rows = rows.collect();
        Self { vocabulary, rows, scales, around, thresholds, form, known }
    }

    fn bit(key: u32) -> usize {
        (key >> (32 - KNOWN_BITS)) as usize
    }

    /// Can the key be known? False is certain.
    #[must_use]
    pub fn may_know(&self, key: u32) -> bool {
        let bit = Self::bit(key);
        self.known[bit >> 6] >> (bit & 63) & 1 == 1
    }
}

/// What is known of a model's origin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// As given to the trainer, `YYYY-MM-DD`.
    pub trained_on: String,
    /// Fingerprints of the conversations it has seen, sorted.
    pub conversations: Vec<u32>,
}

/// A trained model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub origin: Origin,
    pub manager: Side,
    pub customer: Side,
}

impl Model {
    /// The model that is compiled in; `None` only if its file is damaged, which a test excludes.
    #[must_use]
    pub fn shipped() -> Option<&'static Self> {
        SHIPPED.as_ref()
    }

    /// Was the model trained on this conversation?
    #[must_use]
    pub fn has_seen(&self, conversation: &Conversation) -> bool {
        self.origin.conversations.binary_search(&conversation.fingerprint()).is_ok()
    }

    /// Labels of every message of one conversation; for many, an [`Analyst`] is far faster, since it remembers words.
    #[must_use]
    pub fn label(&self, conversation: &Conversation, lexicon: &Lexicon) -> Vec<Labels> {
        let mut labels = Vec::new();
        Analyst::new(self, lexicon).label(conversation, &mut labels);
        labels
    }
}

/// A margin as −1 … 1.
#[must_use]
pub fn squash(margin: f32) -> f32 {
    margin / (2.0 + margin.abs())
}

/// Collects what the second layer reads around each message; zero where there is no neighbour.
pub fn around(senders: &[Sender], scores: &[Scores], all: &mut Vec<Around>) {
    all.clear();
    all.resize(senders.len(), [0.0; NEIGHBOURS * COLUMNS]);
    // Per side of the conversation: the last message, the one before it, the highest scores so far.
    let mut last: [Option<usize>; 2] = [None; 2];
    let mut second: [Option<usize>; 2] = [None; 2];
    let mut highest = [[f32::MIN; COLUMNS]; 2];
    let side = |sender: Sender| usize::from(sender == Sender::Manager);
    let put = |row: &mut Around, slot: usize, scores: &Scores| {
        for (input, score) in row[slot * COLUMNS..].iter_mut().zip(scores) {
            *input = score * 0.5;
        }
    };
    for (at, row) in all.iter_mut().enumerate() {
        let own = side(senders[at]);
        put(row, 0, &scores[at]);
        for (slot, index) in [(1, last[own]), (2, second[own]), (4, last[1 - own])] {
            if let Some(index) = index {
                put(row, slot, &scores[index]);
            }
        }
        if last[own].is_some() {
            put(row, 6, &highest[own]);
        }
        (second[own], last[own]) = (last[own], Some(at));
        highest[own].iter_mut().zip(scores[at]).for_each(|(best, score)| *best = best.max(score));
    }
    last = [None; 2];
    highest = [[f32::MIN; COLUMNS]; 2];
    for (at, row) in all.iter_mut().enumerate().rev() {
        let own = side(senders[at]);
        for (slot, index) in [(3, last[own]), (5, last[1 - own])] {
            if let Some(index) = index {
                put(row, slot, &scores[index]);
            }
        }
        if last[own].is_some() {
            put(row, 7, &highest[own]);
        }
        last[own] = Some(at);
        highest[own].iter_mut().zip(scores[at]).for_each(|(best, score)| *best = best.max(score));
    }
}

/// Scores to labels: thresholds, and at most one question and one tone.
#[must_use]
pub fn decide(sender: Sender, scores: &Scores, thresholds: &Scores) -> Labels {
    let mut labels = Labels::default();
    let exclusive: &[&[usize]] =
        if sender == Sender::Manager { &[&[4, 5, 6]] } else { &[&[11, 12, 13], &[8, 9]] };
    let over = |column: usize| scores[column] - thresholds[column];
    for column in 0..COLUMNS {
        let rivals = exclusive.iter().find(|group| group.contains(&column));
        let wins = rivals.is_none_or(|group| group.iter().all(|other| over(*other) <= over(column)));
        if over(column) > 0.0 && wins {
            labels.set(column);
        }
    }
    labels
}
