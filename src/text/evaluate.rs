//! Precision, recall and F1 per label, and of the mask.

use super::analyst::Analyst;
use super::corpus::{Conversation, Sender};
use super::labels::{CUSTOMER, Labels, MANAGER};
use super::lexicon::Lexicon;
use super::mask::mask;
use super::model::Model;
use super::train::{Options, train};

/// Agreement on one label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Score {
    pub hits: u32,
    pub found: u32,
    /// Labelled so by a human.
    pub support: u32,
}

impl Score {
    /// Of what was found, the share that is right; `None` when nothing was found.
    #[must_use]
    pub fn precision(self) -> Option<f64> {
        (self.found > 0).then(|| f64::from(self.hits) / f64::from(self.found))
    }

    /// Of what is there, the share that was found; `None` when nothing is there.
    #[must_use]
    pub fn recall(self) -> Option<f64> {
        (self.support > 0).then(|| f64::from(self.hits) / f64::from(self.support))
    }

    /// Harmonic mean of the two; `None` when the label neither exists nor was found.
    #[must_use]
    pub fn f1(self) -> Option<f64> {
        let sum = self.found + self.support;
        (sum > 0).then(|| 2.0 * f64::from(self.hits) / f64::from(sum))
    }

    /// Counts one message.
    pub fn add(&mut self, is_found: bool, is_there: bool) {
        self.hits += u32::from(is_found && is_there);
        self.found += u32::from(is_found);
        self.support += u32::from(is_there);
    }
}

/// Agreement on all labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scores {
    pub manager: [Score; MANAGER.len()],
    pub customer: [Score; CUSTOMER.len()],
    pub conversations: usize,
    pub messages: usize,
}

impl Scores {
    /// Adds a labelled conversation and what was found in it.
    pub fn add(&mut self, conversation: &Conversation, found: &[Labels]) {
        self.conversations += 1;
        for (message, found) in conversation.messages.iter().zip(found) {
            let side = match message.sender {
                Sender::Manager => &mut self.manager,
                Sender::Customer => &mut self.customer,
                Sender::Bot | Sender::System => continue,
            };
            self.messages += 1;
            let gold =
                message.labels.as_ref().map(|labels| labels.to_columns(message.sender)).unwrap_or_default();
            side.iter_mut()
                .enumerate()
                .for_each(|(column, score)| score.add(found.has(column), gold.has(column)));
        }
    }

    /// `manager.spin_s`, its score, and so on.
    pub fn named(&self) -> impl Iterator<Item = (String, Score)> {
        let manager =
            MANAGER.iter().zip(self.manager).map(|(name, score)| (format!("manager.{name}"), score));
        manager.chain(
            CUSTOMER.iter().zip(self.customer).map(|(name, score)| (format!("customer.{name}"), score)),
        )
    }
}

/// F1 we want of a label: more where a manager is judged by it.
#[must_use]
pub fn target(name: &str) -> f64 {
    let is_harder = [
        "manager.upsell",
        "manager.greeting",
        "manager.needs",
        "manager.presentation",
        "manager.objection_stage",
        "manager.closing",
        "customer.neg",
        "customer.pos",
        "customer.objection",
    ];
    if is_harder.contains(&name) { 0.75 } else { 0.85 }
}

/// Scores of a model on labelled conversations.
#[must_use]
pub fn evaluate(model: &Model, conversations: &[&Conversation], lexicon: &Lexicon) -> Scores {
    let mut scores = Scores::default();
    let mut analyst = Analyst::new(model, lexicon);
    let mut found = Vec::new();
    for conversation in conversations {
        analyst.label(conversation, &mut found);
        scores.add(conversation, &found);
    }
    scores
}

/// Scores by `folds` models, each trained without the conversations it is measured on: the i-th conversation is in fold i mod `folds`.
/// `more` conversations are trained on in every fold and measured in none.
#[must_use]
pub fn cross_validate(
    conversations: &[Conversation],
    more: &[Conversation],
    lexicon: &Lexicon,
    folds: usize,
    options: Options,
) -> Scores {
    let mut scores = Scores::default();
    for fold in 0..folds {
        let kept = conversations.iter().enumerate().filter(|(index, _)| index % folds != fold);
        let kept: Vec<_> = kept.map(|(_, conversation)| conversation).chain(more).cloned().collect();
        let model = train(&kept, lexicon, options, "");
        let mut analyst = Analyst::new(&model, lexicon);
        let mut found = Vec::new();
        for conversation in conversations.iter().skip(fold).step_by(folds) {
            analyst.label(conversation, &mut found);
            scores.add(conversation, &found);
        }
    }
    scores
}

/// How the mask met the labelled spans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MaskScores {
    /// Labelled spans, and those of them wholly masked.
    pub spans: u32,
    pub masked: u32,
    /// Spans the mask found, and those of them that touch a labelled one.
    pub found: u32,
    pub right: u32,
}

impl MaskScores {
    /// Share of labelled spans no letter of which is left; `None` without a span.
    #[must_use]
    pub fn recall(self) -> Option<f64> {
        (self.spans > 0).then(|| f64::from(self.masked) / f64::from(self.spans))
    }

    /// Share of masked spans that hide something labelled; `None` when nothing was masked.
    #[must_use]
    pub fn precision(self) -> Option<f64> {
        (self.found > 0).then(|| f64::from(self.right) / f64::from(self.found))
    }

    /// Adds one message.
    pub fn add(&mut self, text: &str, pii: &[String], lexicon: &Lexicon) {
        let found = mask(text, lexicon).spans;
        let mut is_right = vec![false; found.len()];
        for piece in pii {
            self.spans += 1;
            let mut is_masked = false;
            for (start, _) in text.match_indices(piece.as_str()) {
                let end = start + piece.len();
                // A span may be cut in two by a rule; together they must cover the piece, blanks and commas aside.
                let is_open = |at: usize, letter: char| {
                    letter.is_alphanumeric()
                        && !found.iter().any(|span| span.start <= start + at && start + at < span.end)
                };
                is_masked |= !piece.char_indices().any(|(at, letter)| is_open(at, letter));
                for (span, is_right) in found.iter().zip(&mut is_right) {
                    *is_right |= span.start < end && start < span.end;
                }
            }
            self.masked += u32::from(is_masked);
        }
        self.found += found.len() as u32;
        self.right += is_right.iter().filter(|is| **is).count() as u32;
    }
}

/// The mask on labelled conversations.
#[must_use]
pub fn evaluate_mask(conversations: &[&Conversation], lexicon: &Lexicon) -> MaskScores {
    let mut scores = MaskScores::default();
    for message in conversations.iter().flat_map(|conversation| &conversation.messages) {
        if let Some(labels) = &message.labels {
            scores.add(&message.text, &labels.pii, lexicon);
        }
    }
    scores
}
