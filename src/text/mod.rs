//! What a message of a sales chat does: SPIN stage, question, next step, intent, tone; and a copy of it without personal data.
//!
//! Pure: text in, labels out. No store, no network, no clock; the model and the word lists are compiled in. Labels come from a
//! small linear model over words, letters and the neighbouring messages ([`features`], [`train`]), masking comes from rules
//! ([`mask`]), because a mask must be explainable and a missed phone is worse than a missed label.
//! `docs/text-analysis.md` says how well each label is recognised; nothing here explains *why* a customer did something.

pub mod analyst;
pub mod codec;
pub mod corpus;
pub mod document;
pub mod evaluate;
pub mod features;
pub mod form;
pub mod labels;
pub mod lexicon;
pub mod linear;
pub mod mask;
pub mod model;
pub mod names;
pub mod token;
pub mod train;
pub mod words;

pub use analyst::Analyst;
pub use corpus::{Conversation, CorpusError, Message, Sender};
pub use labels::{Labels, MessageLabels, Question, Sentiment};
pub use mask::{Mask, PiiKind, Span, mask};
pub use model::Model;
