//! What was asked and what came of it. Tokens and texts are not written down.

use super::fault::Effect;
use crate::clock::Instant;

/// One request to a method of the Bot API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// When its last byte was read.
    pub received_at: Instant,
    /// The method in Telegram's spelling; as it was written when there is no such method.
    pub method: String,
    /// The chat it named, when that chat exists.
    pub chat: Option<i64>,
    pub thread_id: Option<i64>,
    /// Status of the answer; `None` while there is none, and for ever when the connection was cut.
    pub status: Option<u16>,
    /// `description` of a refusal.
    pub description: Option<String>,
    /// The message it created, changed or deleted. Stays `None` when nothing was committed.
    pub message_id: Option<i64>,
    /// When that happened: later than `received_at` for a late commit or an absorbed flood wait.
    pub committed_at: Option<Instant>,
    /// The ordered fault that struck it.
    pub fault: Option<Effect>,
    /// It wrote to a chat before the `retry_after` of a former 429 was over.
    pub too_early: bool,
    /// Arguments that no method knows. Telegram passes over them, so a misspelt one is easily missed.
    pub unknown_arguments: Vec<String>,
}

/// Requests in the order of their arrival.
#[derive(Debug, Default)]
pub(super) struct Journal(Vec<RequestRecord>);

impl Journal {
    /// Opens a record and returns its place.
    pub fn open(&mut self, record: RequestRecord) -> usize {
        self.0.push(record);
        self.0.len() - 1
    }

    pub fn at(&mut self, place: usize) -> Option<&mut RequestRecord> {
        self.0.get_mut(place)
    }

    pub fn records(&self) -> &[RequestRecord] {
        &self.0
    }
}
