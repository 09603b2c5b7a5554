//! Labels a message can carry, and the order in which the model knows them.
//!
//! The definitions, with examples, are in `tests/data/README.md`. Only customers' and managers' messages carry labels.

use serde::{Deserialize, Serialize};

use super::corpus::Sender;

/// Labels of a manager's message, in the order of the model's columns.
pub const MANAGER: [&str; 14] = [
    "spin_s",
    "spin_p",
    "spin_i",
    "spin_n",
    "open",
    "closed",
    "other",
    "next_step",
    "upsell",
    "greeting",
    "needs",
    "presentation",
    "objection_stage",
    "closing",
];

/// Labels of a customer's message, in the order of the model's columns.
pub const CUSTOMER: [&str; 14] = [
    "price",
    "availability",
    "delivery",
    "size",
    "buy",
    "payment",
    "complaint",
    "return",
    "neg",
    "pos",
    "objection",
    "open",
    "closed",
    "other",
];

/// Of the messages the model gives a manager's label, the share people gave it too: cross-validated, see `docs/text-analysis.md`.
/// A report that judges a manager by a label shows its figure.
pub const MANAGER_PRECISION: [f64; COLUMNS] =
    [0.791, 0.652, 0.799, 0.947, 0.878, 0.868, 0.908, 0.869, 0.754, 0.949, 0.964, 0.732, 0.535, 0.803];

/// Columns per sender: the same for both, so that the scores of neighbours line up.
pub const COLUMNS: usize = 14;

const SPIN: [&str; 4] = ["S", "P", "I", "N"];
const STAGES: [&str; 5] = ["greeting", "needs", "presentation", "objection", "closing"];
const INTENTS: usize = 8;
const QUESTIONS: [Question; 3] = [Question::Open, Question::Closed, Question::Other];

/// Does the message ask for information?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Question {
    /// A question word or an incomplete question about a value.
    Open,
    /// Yes or no.
    Closed,
    /// A choice, a tag («да?»), a rhetorical question.
    Other,
    #[default]
    None,
}

/// Tone of a customer's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sentiment {
    Neg,
    #[default]
    Neu,
    Pos,
}

/// One bit per column of [`MANAGER`] or [`CUSTOMER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Labels(pub u16);

impl Labels {
    #[must_use]
    pub fn has(self, column: usize) -> bool {
        self.0 >> column & 1 == 1
    }

    pub fn set(&mut self, column: usize) {
        self.0 |= 1 << column;
    }
}

/// Labels of one message by name; the fields of the other side are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageLabels {
    pub spin: Vec<String>,
    pub question: Question,
    pub next_step: bool,
    pub upsell: bool,
    pub stages: Vec<String>,
    pub intent: Vec<String>,
    pub sentiment: Sentiment,
    pub objection: bool,
    /// Exact pieces of personal data; only in a labelled corpus.
    #[serde(skip_serializing)]
    pub pii: Vec<String>,
}

impl MessageLabels {
    /// The columns for a message of this sender. Unknown names are left out.
    #[must_use]
    pub fn to_columns(&self, sender: Sender) -> Labels {
        let mut labels = Labels::default();
        let question = QUESTIONS.iter().position(|question| *question == self.question);
        match sender {
            Sender::Manager => {
                for (column, name) in
                    SPIN.iter().enumerate().filter(|(_, name)| self.spin.iter().any(|l| l == *name))
                {
                    debug_assert!(!name.is_empty());
                    labels.set(column);
                }
                question.inspect(|index| labels.set(4 + index));
                [self.next_step, self.upsell]
                    .iter()
                    .enumerate()
                    .filter(|(_, is)| **is)
                    .for_each(|(i, _)| labels.set(7 + i));
                for (index, _) in
                    STAGES.iter().enumerate().filter(|(_, name)| self.stages.iter().any(|l| l == *name))
                {
                    labels.set(9 + index);
                }
            }
            Sender::Customer => {
                for (column, _) in CUSTOMER[..INTENTS]
                    .iter()
                    .enumerate()
                    .filter(|(_, name)| self.intent.iter().any(|l| l == *name))
                {
                    labels.set(column);
                }
                match self.sentiment {
                    Sentiment::Neg => labels.set(8),
                    Sentiment::Pos => labels.set(9),
                    Sentiment::Neu => {}
                }
                if self.objection {
                    labels.set(10);
                }
                question.inspect(|index| labels.set(11 + index));
            }
            Sender::Bot | Sender::System => {}
        }
        labels
    }

    /// The labels by name, from columns.
    #[must_use]
    pub fn from_columns(labels: Labels, sender: Sender) -> Self {
        let named = |names: &[&str], first: usize| {
            names
                .iter()
                .enumerate()
                .filter(|(i, _)| labels.has(first + i))
                .map(|(_, name)| (*name).to_owned())
                .collect()
        };
        let question = |first: usize| {
            QUESTIONS
                .iter()
                .enumerate()
                .find(|(i, _)| labels.has(first + i))
                .map_or(Question::None, |(_, q)| *q)
        };
        match sender {
            Sender::Manager => Self {
                spin: named(&SPIN, 0),
                question: question(4),
                next_step: labels.has(7),
                upsell: labels.has(8),
                stages: named(&STAGES, 9),
                ..Self::default()
            },
            Sender::Customer => Self {
                intent: named(&CUSTOMER[..INTENTS], 0),
                sentiment: match (labels.has(8), labels.has(9)) {
                    (true, _) => Sentiment::Neg,
                    (_, true) => Sentiment::Pos,
                    _ => Sentiment::Neu,
                },
                objection: labels.has(10),
                question: question(11),
                ..Self::default()
            },
            Sender::Bot | Sender::System => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_reports_show_are_those_of_the_table() {
        let table = include_str!("../../docs/text-analysis.md");
        for (name, precision) in MANAGER.iter().zip(MANAGER_PRECISION) {
            let row = table.lines().find(|line| line.starts_with(&format!("| manager.{name} |"))).unwrap();
            assert_eq!(row.split('|').nth(3).unwrap().trim(), format!("{precision:.3}"), "{name}");
        }
    }
}
