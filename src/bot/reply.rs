//! What is answered, and why something is not.

use serde_json::{Value, json};

use super::callback::{Action, ButtonKey};
use crate::render::card::Card;
use crate::render::{Part, RenderError};
use crate::schedule::runner::JobError;
use crate::store::StoreError;

/// An answer: messages, the last with buttons.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub parts: Vec<Part>,
    pub keyboard: Keyboard,
}

impl Reply {
    /// One message without buttons.
    ///
    /// # Errors
    /// Only for a fault in the template.
    pub fn card(card: &Card) -> Result<Self, RenderError> {
        Ok(Self { parts: vec![card.part()?], keyboard: Keyboard::default() })
    }

    #[must_use]
    pub fn with(self, keyboard: Keyboard) -> Self {
        Self { keyboard, ..self }
    }
}

/// Buttons, row by row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Keyboard(pub Vec<Vec<(String, Action)>>);

impl Keyboard {
    /// As the Bot API takes it; `None` without buttons.
    pub fn to_json(&self, key: &ButtonKey, today: chrono::NaiveDate) -> Option<Value> {
        let row = |row: &Vec<(String, Action)>| -> Vec<Value> {
            row.iter()
                .map(|(text, action)| json!({ "text": text, "callback_data": key.write(action, today) }))
                .collect()
        };
        let rows: Vec<_> = self.0.iter().filter(|row| !row.is_empty()).map(row).collect();
        (!rows.is_empty()).then(|| json!({ "inline_keyboard": rows }))
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What was asked makes no sense: a sentence for whoever asked, with an example.
    #[error("asked wrongly")]
    Mistake(String),
    #[error(transparent)]
    Job(#[from] JobError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Render(#[from] RenderError),
}

impl Failure {
    /// Bounded word for the log.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Mistake(_) => "mistake",
            Self::Job(error) => error.reason,
            Self::Store(error) => error.reason(),
            Self::Render(_) => "render_failed",
        }
    }
}
