//! What was asked of the stand-in, for assertions.

use std::sync::Mutex;

use super::lock;
use crate::clock::Instant;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    pub at: Instant,
    pub method: String,
    pub path: String,
    /// As sent, without `?` and without the key; empty when there was none.
    pub query: String,
    /// `None` while the request hangs.
    pub status: Option<u16>,
}

/// All requests, oldest first.
#[derive(Debug, Default)]
pub(super) struct Journal(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    records: Vec<RequestRecord>,
    dropped: usize,
}

impl Journal {
    /// The journal of a long-lived sandbox must not grow for ever.
    const MOST: usize = 40_000;

    /// Notes a request; the number is for [`Journal::finish`].
    pub fn begin(&self, record: RequestRecord) -> usize {
        let mut kept = lock(&self.0);
        if kept.records.len() >= Self::MOST {
            kept.records.drain(..Self::MOST / 2);
            kept.dropped += Self::MOST / 2;
        }
        kept.records.push(record);
        kept.dropped + kept.records.len() - 1
    }

    pub fn finish(&self, number: usize, status: u16) {
        let mut kept = lock(&self.0);
        let index = number.checked_sub(kept.dropped);
        if let Some(record) = index.and_then(|index| kept.records.get_mut(index)) {
            record.status = Some(status);
        }
    }

    pub fn records(&self) -> Vec<RequestRecord> {
        lock(&self.0).records.clone()
    }
}
