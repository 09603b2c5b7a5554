//! Applies the model to conversations, many in a row, without an allocation per message or rule.
//!
//! Every group of features but the pairs and the form is a sum over words, so the weights of a word in each of its roles
//! are summed once and kept. The sums are bounded: at [`WORDS_LIMIT`] different words everything is forgotten.

use super::corpus::{Conversation, Sender};
use super::document::{Document, Occurrence, Reading};
use super::features::{GROUPS, Group, Role, of_pairs, of_word, opening};
use super::form;
use super::labels::{COLUMNS, Labels};
use super::lexicon::Lexicon;
use super::model::{Around, BOTH, Model, ROUND, Scores, Side, around, decide, squash};
use super::words::Words;

/// Different words remembered at most: some 15 MB.
const WORDS_LIMIT: usize = 16_384;

/// Sums of both layers and, behind them, the sum of squares.
type Sum = [f32; BOTH + 4];
const SQUARE: usize = BOTH;

/// A word's sum in one role, small enough for one line of the processor's cache.
#[derive(Debug, Clone, Copy)]
struct Kept {
    weights: [i16; BOTH],
    square: f32,
}

/// Kept sums added up.
#[derive(Debug, Clone, Copy)]
struct Total {
    weights: [i32; BOTH],
    square: f32,
}

impl Total {
    const ZERO: Self = Self { weights: [0; BOTH], square: 0.0 };

    fn add(&mut self, kept: &Kept) {
        for (total, weight) in self.weights.iter_mut().zip(&kept.weights) {
            *total += i32::from(*weight);
        }
        self.square += kept.square;
    }
}

/// A kept weight is a quarter of the real one: the largest sums of a long word just fit.
const KEPT: f32 = 4.0;

/// Ways a word can matter: one per role.
const WAYS: usize = 7;

/// Reads conversations one after another.
#[derive(Debug)]
pub struct Analyst<'a> {
    model: &'a Model,
    lexicon: &'a Lexicon,
    reading: Reading,
    sums: [Sums; 2],
    senders: Vec<Sender>,
    first: Vec<Scores>,
    second: Vec<Scores>,
    around: Vec<Around>,
}

impl<'a> Analyst<'a> {
    #[must_use]
    pub fn new(model: &'a Model, lexicon: &'a Lexicon) -> Self {
        Self {
            model,
            lexicon,
            reading: Reading::default(),
            sums: Default::default(),
            senders: Vec::new(),
            first: Vec::new(),
            second: Vec::new(),
            around: Vec::new(),
        }
    }

    /// Labels of every message, in order; messages of bots and of the system carry none. `labels` is cleared first.
    pub fn label(&mut self, conversation: &Conversation, labels: &mut Vec<Labels>) {
        labels.clear();
        labels.resize(conversation.messages.len(), Labels::default());
        self.score(conversation);
        for (document, scores) in self.reading.documents.iter().zip(&self.second) {
            let side = side_of(self.model, document.sender);
            labels[document.index] = decide(document.sender, scores, &side.thresholds);
        }
    }

    fn score(&mut self, conversation: &Conversation) {
        if self.reading.words.len() > WORDS_LIMIT {
            self.reading.words.clear();
            self.sums.iter_mut().for_each(Sums::clear);
        }
        self.reading.read(conversation, self.lexicon);
        self.senders.clear();
        self.senders.extend(self.reading.documents.iter().map(|document| document.sender));
        self.first.clear();
        self.second.clear();
        let mut openings: [Option<Total>; 2] = [None; 2];
        for at in 0..self.reading.documents.len() {
            let sender = self.senders[at];
            let number = usize::from(sender == Sender::Manager);
            let side = side_of(self.model, sender);
            let margins = margins(&self.reading, at, side, &mut self.sums[number], &mut openings[number]);
            self.first.push(std::array::from_fn(|column| squash(margins[column])));
            self.second.push(std::array::from_fn(|column| margins[COLUMNS + column]));
        }
        around(&self.senders, &self.first, &mut self.around);
        for ((sender, scores), inputs) in self.senders.iter().zip(&mut self.second).zip(&self.around) {
            let side = side_of(self.model, *sender);
            let mut margins = [0.0; ROUND];
            margins[..COLUMNS].copy_from_slice(scores);
            for (input, weights) in inputs.iter().zip(&side.around) {
                for column in 0..ROUND {
                    margins[column] += input * weights[column];
                }
            }
            *scores = std::array::from_fn(|column| squash(margins[column]));
        }
    }
}

fn side_of(model: &Model, sender: Sender) -> &Side {
    if sender == Sender::Manager { &model.manager } else { &model.customer }
}

/// Margins of both layers, the second still without its neighbours.
fn margins(
    reading: &Reading,
    at: usize,
    side: &Side,
    sums: &mut Sums,
    opening_total: &mut Option<Total>,
) -> [f32; BOTH] {
    let document = &reading.documents[at];
    let words = &reading.words;
    let mut groups = [Total::ZERO; GROUPS.len()];
    let mut pairs = [0.0; BOTH + 4];
    of_pairs(reading, document, |key| add_feature(side, key, 1.0, &mut pairs));
    let mut add = |occurrences: &[Occurrence], role: Role| {
        let sum = &mut groups[role.group() as usize];
        occurrences.iter().for_each(|occurrence| sums.add(words, occurrence.word, role, side, sum));
    };
    add(reading.of(document), Role::Own);
    for sentence in reading.sentences_of(document).iter().filter(|sentence| sentence.in_focus) {
        add(&reading.occurrences[sentence.first as usize..sentence.last as usize], Role::Focus);
    }
    let mut beside = |other: Option<&Document>, role: fn(bool) -> Role| {
        if let Some(other) = other {
            add(reading.of(other), role(other.sender == document.sender));
        }
    };
    beside(at.checked_sub(1).and_then(|before| reading.documents.get(before)), Role::Before);
    beside(reading.documents.get(at + 1), Role::After);
    if let Some(first) = opening(reading, at) {
        // The same for all later messages of this sender.
        groups[Group::Opening as usize] = *opening_total.get_or_insert_with(|| {
            let mut total = Total::ZERO;
            let occurrences = reading.of(first).iter();
            occurrences
                .for_each(|occurrence| sums.add(words, occurrence.word, Role::Opening, side, &mut total));
            total
        });
    }
    let mut margins = [0.0; BOTH + 4];
    form::of_message(reading, at, |number, value| {
        if let Some(place) = side.form.get(number as usize).copied().flatten() {
            add_weights(&side.rows[place as usize].weights, value, &mut margins);
        }
    });
    for ((group, length), total) in GROUPS.iter().zip(&groups) {
        let square = if *group == Group::Pairs { pairs[SQUARE] } else { total.square };
        if square <= 0.0 {
            continue;
        }
        let factor = length / square.sqrt();
        if *group == Group::Pairs {
            (0..BOTH).for_each(|column| margins[column] += pairs[column] * factor);
        } else {
            let factor = factor * KEPT;
            (0..BOTH).for_each(|column| margins[column] += total.weights[column] as f32 * factor);
        }
    }
    std::array::from_fn(|column| margins[column] * side.scales[column])
}

fn add_feature(side: &Side, key: u32, value: f32, sum: &mut Sum) {
    if !side.may_know(key) {
        return;
    }
    if let Some(place) = side.vocabulary.place(key) {
        let row = &side.rows[place as usize];
        let value = row.rarity * value;
        add_weights(&row.weights, value, sum);
        sum[SQUARE] += value * value;
    }
}

fn add_weights(weights: &[i8; BOTH], value: f32, sum: &mut Sum) {
    for column in 0..BOTH {
        sum[column] += f32::from(weights[column]) * value;
    }
}

/// For one side: the sums of each word in each of its ways, made when first needed.
#[derive(Debug, Default)]
struct Sums {
    /// Per word and way, 1 + the place in `list`; 0 when not yet made.
    places: Vec<[u32; WAYS]>,
    list: Vec<Kept>,
}

impl Sums {
    fn clear(&mut self) {
        self.places.clear();
        self.list.clear();
    }

    fn add(&mut self, words: &Words, number: u32, role: Role, side: &Side, total: &mut Total) {
        if self.places.len() <= number as usize {
            self.places.resize(words.len(), [0; WAYS]);
        }
        let way = match role {
            Role::Own => 0,
            Role::Focus => 1,
            Role::Before(is_own) => 2 + usize::from(is_own),
            Role::After(is_own) => 4 + usize::from(is_own),
            Role::Opening => 6,
        };
        let place = match self.places[number as usize][way] {
            0 => {
                self.list.push(kept(words, number, role, side));
                let place = self.list.len() as u32;
                self.places[number as usize][way] = place;
                place
            }
            place => place,
        };
        total.add(&self.list[place as usize - 1]);
    }
}

fn kept(words: &Words, number: u32, role: Role, side: &Side) -> Kept {
    let mut sum = [0.0; BOTH + 4];
    of_word(words.get(number), role, |key, value| add_feature(side, key, value, &mut sum));
    let weights = std::array::from_fn(|column| (sum[column] / KEPT).round() as i16);
    Kept { weights, square: sum[SQUARE] }
}
