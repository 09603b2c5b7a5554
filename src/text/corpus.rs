//! Conversations as JSON lines, with or without labels.

use serde::Deserialize;

use super::labels::MessageLabels;

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sender {
    Customer,
    Manager,
    /// Answers by itself; never labelled.
    Bot,
    /// Notes of the CRM; never labelled.
    System,
}

/// One message. Other keys of the line are ignored.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    /// Number within the conversation, as given.
    pub n: i64,
    #[serde(rename = "from")]
    pub sender: Sender,
    pub text: String,
    /// Present in a labelled corpus.
    #[serde(default)]
    pub labels: Option<MessageLabels>,
}

/// One conversation in the order of its messages.
#[derive(Debug, Clone, Deserialize)]
pub struct Conversation {
    pub id: String,
    pub messages: Vec<Message>,
}

impl Conversation {
    /// Recognises a conversation the model was trained on: a hash of the senders and the texts.
    #[must_use]
    pub fn fingerprint(&self) -> u32 {
        let mut hash = super::features::Hash::new(0);
        for message in &self.messages {
            hash.write(&[message.sender as u8]);
            hash.write(message.text.as_bytes());
        }
        hash.finish()
    }
}

/// A line that is not a conversation.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// The JSON error without the offending value: it may be a customer's text.
    #[error(
        "line {line}: not a conversation ({what} at column {column}); expected {{\"id\": …, \"messages\": [{{\"n\", \"from\", \"text\"}}]}}"
    )]
    Line { line: usize, column: usize, what: &'static str },
    #[error("line {line}: message {n} has no labels; `analyze` reads conversations without labels")]
    NoLabels { line: usize, n: i64 },
}

/// Reads conversations, one a line; empty lines are skipped, an empty text gives none.
///
/// # Errors
///
/// The first line that is not a conversation, with its number from 1.
pub fn read(text: &str) -> Result<Vec<Conversation>, CorpusError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(index, line)| read_line(index + 1, line)).collect()
}

/// The same for a corpus whose customers' and managers' messages must all carry labels.
///
/// # Errors
///
/// As [`read`], and the first such message without labels.
pub fn read_labelled(text: &str) -> Result<Vec<Conversation>, CorpusError> {
    let mut conversations = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let conversation = read_line(index + 1, line)?;
        let counted = |message: &&Message| matches!(message.sender, Sender::Customer | Sender::Manager);
        if let Some(message) = conversation.messages.iter().filter(counted).find(|m| m.labels.is_none()) {
            return Err(CorpusError::NoLabels { line: index + 1, n: message.n });
        }
        conversations.push(conversation);
    }
    Ok(conversations)
}

/// Reads one line; `line` is its number for the error.
///
/// # Errors
///
/// The line is not a conversation.
pub fn read_line(line: usize, text: &str) -> Result<Conversation, CorpusError> {
    serde_json::from_str(text).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "a key is missing or has a wrong type",
            serde_json::error::Category::Eof => "the line ends too early",
            _ => "broken JSON",
        };
        CorpusError::Line { line, column: error.column(), what }
    })
}
