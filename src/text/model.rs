//! The trained model: how it is applied, and how it is written to a file.
//!
//! Two layers per sender. The first reads the message and the words around it; the second reads the same and the first layer's
//! scores of the neighbours, because a problem question usually follows a question about facts. Weights are eight bits each.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::corpus::{Conversation, Sender};
use super::features::{Document, Feature, GROUPS, documents, extract};
use super::labels::{COLUMNS, Labels};
use super::lexicon::Lexicon;
use super::linear::{dot, squash};

/// Scores of one message, −1 … 1 per column.
pub type Scores = [f32; COLUMNS];

/// Neighbour scores the second layer reads: itself, two before and one after of the same sender, one before and one after of the
/// other, the highest so far, the highest still to come.
pub const NEIGHBOURS: usize = 8;

static SHIPPED: LazyLock<Option<Model>> =
    LazyLock::new(|| Model::from_bytes(include_bytes!("../../config/model.bin")).ok());

/// Known features and how rare each is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vocabulary {
    pub(super) places: HashMap<u32, u32>,
    /// Inverse document frequency times 16.
    pub(super) rarity: Vec<u8>,
}

impl Vocabulary {
    /// The message as a sparse row: each group is weighed by rarity and brought to its length.
    pub fn row(&self, features: &[Feature], row: &mut Vec<(u32, f32)>) {
        row.clear();
        for (group, length) in GROUPS {
            let first = row.len();
            let of_group = features.iter().filter(|feature| feature.group == group);
            row.extend(of_group.filter_map(|feature| Some((*self.places.get(&feature.key)?, feature.value))));
            if group == super::features::Group::Form {
                continue;
            }
            let part = &mut row[first..];
            part.sort_unstable_by_key(|(place, _)| *place);
            let mut kept = first;
            for index in first..row.len() {
                if kept > first && row[kept - 1].0 == row[index].0 {
                    row[kept - 1].1 += row[index].1;
                } else {
                    row[kept] = row[index];
                    kept += 1;
                }
            }
            row.truncate(kept);
            let mut square = 0.0;
            for (place, value) in &mut row[first..] {
                *value = (1.0 + value.ln()) * f32::from(self.rarity[*place as usize]) / 16.0;
                square += *value * *value;
            }
            let factor = if square > 0.0 { length / square.sqrt() } else { 0.0 };
            row[first..].iter_mut().for_each(|(_, value)| *value *= factor);
        }
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

/// Weights of one sender's labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Side {
    pub vocabulary: Vocabulary,
    /// Per column; the second layer's are longer by [`NEIGHBOURS`] × [`COLUMNS`].
    pub first: Vec<Vec<f32>>,
    pub second: Vec<Vec<f32>>,
    /// A column is set when its score exceeds this.
    pub thresholds: Scores,
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
#[derive(Debug, Clone, Default, PartialEq)]
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

    /// The weights for this sender; `None` for bots and the system.
    #[must_use]
    pub fn side(&self, sender: Sender) -> Option<&Side> {
        match sender {
            Sender::Manager => Some(&self.manager),
            Sender::Customer => Some(&self.customer),
            Sender::Bot | Sender::System => None,
        }
    }

    /// Was the model trained on this conversation?
    #[must_use]
    pub fn has_seen(&self, conversation: &Conversation) -> bool {
        self.origin.conversations.binary_search(&conversation.fingerprint()).is_ok()
    }

    /// Labels of every message, in order; messages of bots and of the system carry none.
    #[must_use]
    pub fn label(&self, conversation: &Conversation, lexicon: &Lexicon) -> Vec<Labels> {
        let documents = documents(conversation, lexicon);
        let mut labels = vec![Labels::default(); conversation.messages.len()];
        for (document, scores) in documents.iter().zip(self.scores(&documents)) {
            if let Some(side) = self.side(document.sender) {
                labels[document.index] = decide(document.sender, &scores, &side.thresholds);
            }
        }
        labels
    }

    fn scores(&self, documents: &[Document]) -> Vec<Scores> {
        let mut features = Vec::new();
        let mut rows = Vec::with_capacity(documents.len());
        let mut first = Vec::with_capacity(documents.len());
        for (at, document) in documents.iter().enumerate() {
            let mut row = Vec::new();
            let mut scores = Scores::default();
            if let Some(side) = self.side(document.sender) {
                extract(documents, at, &mut features);
                side.vocabulary.row(&features, &mut row);
                scores = apply(&side.first, &row);
            }
            rows.push(row);
            first.push(scores);
        }
        let senders: Vec<_> = documents.iter().map(|document| document.sender).collect();
        let mut second = Vec::with_capacity(documents.len());
        for (at, mut row) in rows.into_iter().enumerate() {
            let mut scores = Scores::default();
            if let Some(side) = self.side(senders[at]) {
                neighbours(&senders, &first, at, side.vocabulary.len(), &mut row);
                scores = apply(&side.second, &row);
            }
            second.push(scores);
        }
        second
    }
}

fn apply(weights: &[Vec<f32>], row: &[(u32, f32)]) -> Scores {
    let mut scores = Scores::default();
    scores.iter_mut().zip(weights).for_each(|(score, weights)| *score = squash(dot(weights, row)));
    scores
}

/// Appends the first layer's scores around `at`, from column `first_column` on.
pub fn neighbours(
    senders: &[Sender],
    scores: &[Scores],
    at: usize,
    first_column: usize,
    row: &mut Vec<(u32, f32)>,
) {
    let own = senders[at];
    let before = |is_own: bool| (0..at).rev().filter(move |index| (senders[*index] == own) == is_own);
    let after =
        |is_own: bool| (at + 1..senders.len()).filter(move |index| (senders[*index] == own) == is_own);
    let single = [
        Some(at),
        before(true).next(),
        before(true).nth(1),
        after(true).next(),
        before(false).next(),
        after(false).next(),
    ];
    for (slot, index) in single.into_iter().enumerate() {
        if let Some(index) = index {
            push(slot, &scores[index], first_column, row);
        }
    }
    let highest = |indexes: &mut dyn Iterator<Item = usize>| {
        indexes.fold(None, |best: Option<Scores>, index| {
            let mut best = best.unwrap_or(scores[index]);
            best.iter_mut().zip(scores[index]).for_each(|(best, score)| *best = best.max(score));
            Some(best)
        })
    };
    for (slot, best) in [(6, highest(&mut before(true))), (7, highest(&mut after(true)))] {
        if let Some(best) = best {
            push(slot, &best, first_column, row);
        }
    }
}

fn push(slot: usize, scores: &Scores, first_column: usize, row: &mut Vec<(u32, f32)>) {
    let first = first_column + slot * COLUMNS;
    row.extend(scores.iter().enumerate().map(|(column, score)| ((first + column) as u32, score * 0.5)));
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
