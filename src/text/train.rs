//! Training: labelled conversations in, a model out. The same input gives the same model.
//!
//! The second layer and the thresholds must see first-layer scores as bad as they will be in use, so those come from
//! inner folds that never share a conversation with the row they score.

use std::collections::HashMap;

use super::corpus::{Conversation, Sender};
use super::document::Reading;
use super::features::{Feature, Group, extract};
use super::labels::{COLUMNS, Labels};
use super::lexicon::Lexicon;
use super::linear::{Penalty, Rows, dot, fit};
use super::model::{Around, Model, NEIGHBOURS, Origin, Scores, Side, Vocabulary, around, squash};

/// Inner folds.
const FOLDS: usize = 5;
/// A feature must occur in this many messages; a pair in one more, because there are many and they cost time in use.
const RARE: u32 = 2;
/// Share of a feature's log-ratio in its scale; the rest is 1.
const CONTRAST: f32 = 0.5;

/// What the trainer may vary.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub first: Penalty,
    pub second: Penalty,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            first: Penalty { cost: 2.0, positive: 4.0, passes: 12 },
            second: Penalty { cost: 0.7, positive: 4.0, passes: 12 },
        }
    }
}

/// One message of the corpus on its way through the training.
struct Item {
    conversation: usize,
    at: usize,
    features: Vec<Feature>,
    gold: Labels,
}

/// Senders of the counted messages of one conversation.
type Course = Vec<Sender>;

/// Trains a model. `trained_on` is written to its header.
#[must_use]
pub fn train(conversations: &[Conversation], lexicon: &Lexicon, options: Options, trained_on: &str) -> Model {
    let mut items: HashMap<Sender, Vec<Item>> = HashMap::new();
    let mut courses: Vec<Course> = Vec::new();
    let mut reading = Reading::default();
    for (index, conversation) in conversations.iter().enumerate() {
        reading.read(conversation, lexicon);
        let documents = &reading.documents;
        courses.push(documents.iter().map(|document| document.sender).collect());
        for (at, document) in documents.iter().enumerate() {
            let mut features = Vec::new();
            extract(&reading, at, &mut features);
            let labels = conversation.messages[document.index].labels.as_ref();
            let gold = labels.map(|labels| labels.to_columns(document.sender)).unwrap_or_default();
            items.entry(document.sender).or_default().push(Item { conversation: index, at, features, gold });
        }
    }
    let mut conversations: Vec<u32> = conversations.iter().map(Conversation::fingerprint).collect();
    conversations.sort_unstable();
    conversations.dedup();
    let origin = Origin { trained_on: trained_on.to_owned(), conversations };
    let mut scores: Vec<Vec<Scores>> =
        courses.iter().map(|course| vec![Scores::default(); course.len()]).collect();
    let mut half = |sender| {
        let items = items.remove(&sender).unwrap_or_default();
        let half = first_layer(items, options.first);
        for (item, score) in half.items.iter().zip(&half.outside) {
            scores[item.conversation][item.at] = *score;
        }
        half
    };
    let (manager, customer) = (half(Sender::Manager), half(Sender::Customer));
    let inputs: Vec<Vec<Around>> = courses
        .iter()
        .zip(&scores)
        .map(|(course, scores)| {
            let mut inputs = Vec::new();
            around(course, scores, &mut inputs);
            inputs
        })
        .collect();
    let finish = |half| second_layer(half, &inputs, options.second);
    Model { origin, manager: finish(manager), customer: finish(customer) }
}

/// A side after its first layer.
struct Half {
    items: Vec<Item>,
    vocabulary: Vocabulary,
    rows: Vec<Vec<(u32, f32)>>,
    first: Vec<Vec<f32>>,
    /// Scores by models that have not seen the item's conversation.
    outside: Vec<Scores>,
}

fn first_layer(items: Vec<Item>, penalty: Penalty) -> Half {
    let vocabulary = vocabulary(&items);
    let mut rows = vec![Vec::new(); items.len()];
    rows.iter_mut().zip(&items).for_each(|(row, item)| vocabulary.row(&item.features, row));
    let sparse = gather(&rows);
    let columns = vocabulary.len();
    let first = fit_all(&sparse, &all(&items), &items, columns, penalty);
    let outside = outside(&sparse, &items, columns, penalty);
    Half { items, vocabulary, rows, first, outside }
}

fn second_layer(half: Half, inputs: &[Vec<Around>], penalty: Penalty) -> Side {
    let Half { items, vocabulary, mut rows, first, .. } = half;
    for (row, item) in rows.iter_mut().zip(&items) {
        let inputs = &inputs[item.conversation][item.at];
        let column = |input: usize| (vocabulary.len() + input) as u32;
        let given = inputs.iter().enumerate().filter(|(_, value)| **value != 0.0);
        row.extend(given.map(|(input, value)| (column(input), *value)));
    }
    let sparse = gather(&rows);
    let columns = vocabulary.len() + NEIGHBOURS * COLUMNS;
    let second = fit_all(&sparse, &all(&items), &items, columns, penalty);
    let outside = outside(&sparse, &items, columns, penalty);
    let mut thresholds = Scores::default();
    for (column, threshold) in thresholds.iter_mut().enumerate() {
        *threshold = best_threshold(
            items.iter().zip(&outside).map(|(item, s)| (s[column], item.gold.has(column))).collect(),
        );
    }
    Side::new(vocabulary, &first, &second, thresholds)
}

fn all(items: &[Item]) -> Vec<usize> {
    (0..items.len()).collect()
}

fn gather(rows: &[Vec<(u32, f32)>]) -> Rows {
    let mut gathered = Rows::default();
    rows.iter().for_each(|row| gathered.push(row));
    gathered
}

/// Features that occur in at least [`RARE`] messages, in the order of their keys.
fn vocabulary(items: &[Item]) -> Vocabulary {
    let mut counts: HashMap<u32, (u32, u32)> = HashMap::new();
    let mut seen = Vec::new();
    for item in items {
        seen.clear();
        seen.extend(
            item.features.iter().map(|feature| (feature.key, u32::from(feature.group == Group::Pairs))),
        );
        seen.sort_unstable();
        seen.dedup();
        seen.iter().for_each(|(key, extra)| counts.entry(*key).or_insert((0, *extra)).0 += 1);
    }
    let often = counts.into_iter().filter(|(_, (count, extra))| *count >= RARE + extra);
    let mut kept: Vec<(u32, u32)> = often.map(|(key, (count, _))| (key, count)).collect();
    kept.sort_unstable();
    let rarity = |count: u32| {
        let idf = ((items.len() + 1) as f32 / (count + 1) as f32).ln() + 1.0;
        (idf * 16.0).round().clamp(1.0, 255.0) as u8
    };
    Vocabulary {
        places: kept.iter().enumerate().map(|(place, (key, _))| (*key, place as u32)).collect(),
        rarity: kept.iter().map(|(_, count)| rarity(*count)).collect(),
    }
}

/// One set of weights per column, two threads: one label does not depend on another.
fn fit_all(rows: &Rows, chosen: &[usize], items: &[Item], columns: usize, penalty: Penalty) -> Vec<Vec<f32>> {
    let one = |column: usize| {
        let is_positive = |row: usize| items[row].gold.has(column);
        let scales = scales(rows, chosen, is_positive, columns);
        let mut weights = fit(&rows.scaled(&scales), chosen, is_positive, columns, penalty);
        weights.iter_mut().zip(&scales).for_each(|(weight, scale)| *weight *= scale);
        weights
    };
    let mut weights = Vec::with_capacity(COLUMNS);
    std::thread::scope(|scope| {
        let one = &one;
        let half = scope.spawn(move || (0..COLUMNS / 2).map(one).collect::<Vec<_>>());
        let rest: Vec<_> = (COLUMNS / 2..COLUMNS).map(one).collect();
        // A panic of the thread is a bug of the trainer; it is passed on, not hidden.
        weights.extend(half.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        weights.extend(rest);
    });
    weights
}

/// How much each feature may say about a label: its log-ratio of frequencies with and without the label (Wang and Manning, 2012),
/// mixed with a constant, so that a feature is not lost by a chance.
fn scales(rows: &Rows, chosen: &[usize], is_positive: impl Fn(usize) -> bool, columns: usize) -> Vec<f32> {
    let mut counts = vec![[1.0_f32; 2]; columns];
    let mut totals = [0.0_f32; 2];
    for &row in chosen {
        let side = usize::from(is_positive(row));
        totals[side] += 1.0;
        for &(column, value) in rows.row(row) {
            if value > 0.0 {
                counts[column as usize][side] += 1.0;
            }
        }
    }
    let base = [totals[0] + 2.0, totals[1] + 2.0];
    let ratio = |[without, with]: &[f32; 2]| ((with / base[1]) / (without / base[0])).ln().abs();
    counts.iter().map(|counts| 1.0 - CONTRAST + CONTRAST * ratio(counts)).collect()
}

/// Scores of every row by a model of the folds the row's conversation is not in.
fn outside(rows: &Rows, items: &[Item], columns: usize, penalty: Penalty) -> Vec<Scores> {
    let mut scores = vec![Scores::default(); items.len()];
    for fold in 0..FOLDS {
        let is_inside = |index: &usize| items[*index].conversation % FOLDS != fold;
        let chosen: Vec<usize> = (0..items.len()).filter(is_inside).collect();
        let weights = fit_all(rows, &chosen, items, columns, penalty);
        for index in (0..items.len()).filter(|index| !is_inside(index)) {
            for (column, weights) in weights.iter().enumerate() {
                scores[index][column] = squash(dot(weights, rows.row(index)));
            }
        }
    }
    scores
}

/// The threshold with the best F1 on these scores; 0 when there is no positive.
fn best_threshold(mut scored: Vec<(f32, bool)>) -> f32 {
    scored.sort_by(|left, right| right.0.total_cmp(&left.0));
    let positives = scored.iter().filter(|(_, is)| *is).count();
    let (mut best, mut threshold, mut hits) = (0.0, 0.0, 0);
    for (index, (score, is)) in scored.iter().enumerate() {
        hits += usize::from(*is);
        let f1 = 2.0 * hits as f32 / (index + 1 + positives) as f32;
        if f1 > best {
            best = f1;
            threshold = scored.get(index + 1).map_or(*score - 1e-3, |next| (score + next.0) / 2.0);
        }
    }
    threshold
}
