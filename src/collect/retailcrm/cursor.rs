//! Where reading stands, as JSON in the store. Opaque to everybody else.
//!
//! A cursor this version cannot read starts its source anew: facts are kept by their ids, so reading twice does no harm.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Instant;

/// Shape of the cursors below.
const VERSION: u32 = 1;
/// Most entries [`Mark::seen`] keeps; without them a few records are only handed over twice.
const SEEN_CAP: usize = 2000;

/// Reads a stored cursor; `None` when there is none, or none of this version.
pub(super) fn read<T: DeserializeOwned>(source: &str, stored: Option<Value>) -> Option<T> {
    let stored = stored?;
    let is_ours = stored["v"] == VERSION;
    let cursor = is_ours.then(|| serde_json::from_value(stored).ok()).flatten();
    if cursor.is_none() {
        tracing::warn!(source.name = source, "the stored cursor is not readable, the source is read anew");
    }
    cursor
}

/// Writes a cursor with its version.
pub(super) fn write(cursor: &impl Serialize) -> Value {
    let mut written = serde_json::to_value(cursor).unwrap_or_default();
    if let Some(map) = written.as_object_mut() {
        map.insert("v".to_owned(), VERSION.into());
    }
    written
}

/// How far one list of the Bot API has been read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Every change before this is read. By the server's clock wherever the server showed it.
    pub at: Instant,
    /// Last change seen anywhere; where `at` settles when the list is read to its end.
    newest: Option<Instant>,
    /// Seconds a stretch may last to be well filled, while the list is not read to its end.
    pub width_secs: Option<i64>,
    /// `id@updated_at` of the records close before `at`, which the next reading meets again.
    seen: BTreeSet<String>,
}

impl Mark {
    pub fn new(at: Instant) -> Self {
        Self { at, newest: None, width_secs: None, seen: BTreeSet::new() }
    }

    /// Whether this version of the record was handed over already.
    pub fn has_seen(&self, key: &str) -> bool {
        self.seen.contains(key)
    }

    /// Notes a stretch that was read completely: `found` are its new records, `until` its end, `None` for the end of
    /// the list. A clock of ours that is ahead cannot push the mark past what the server has shown.
    pub fn advance(
        &mut self,
        found: Vec<(String, Option<Instant>)>,
        until: Option<Instant>,
        now: Instant,
        overlap: TimeDelta,
    ) {
        self.newest = found.iter().filter_map(|(_, at)| *at).chain(self.newest).max();
        let reached = until.or(self.newest).unwrap_or(self.at);
        self.at = reached.min(now).max(self.at);
        let edge = self.at - overlap - TimeDelta::seconds(2);
        let is_near = |at: Option<Instant>| at.is_none_or(|at| at >= edge);
        self.seen.retain(|key| is_near(key_time(key)));
        self.seen.extend(found.into_iter().filter(|(_, at)| is_near(*at)).map(|(key, _)| key));
        if self.seen.len() > SEEN_CAP {
            self.seen.clear();
        }
    }

    /// Goes back to `at` to read everything changed since then once more.
    pub fn rewind(&mut self, at: Instant) {
        self.at = self.at.min(at);
        self.seen.clear();
    }
}

/// The key of a record's version.
pub(super) fn key(id: i64, updated_at: Option<Instant>) -> String {
    updated_at.map_or_else(|| format!("{id}@"), |at| format!("{id}@{}", at.timestamp_micros()))
}

fn key_time(key: &str) -> Option<Instant> {
    let (_, micros) = key.split_once('@')?;
    chrono::DateTime::from_timestamp_micros(micros.parse().ok()?)
}

/// Cursor of the chats.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ChatsCursor {
    /// Start of the coverage, once a round is through.
    pub from: Instant,
    pub messages: Mark,
    pub dialogs: Mark,
    pub chats: Mark,
}

/// Cursor of the orders.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct OrdersCursor {
    /// Start of the coverage, once a round is through.
    pub from: Instant,
    /// A walk over all orders of a window, while there is one.
    pub load: Option<Load>,
    pub history: History,
    /// Customers up to this id have been asked for their chat identities.
    pub links_after: i64,
    /// Customers of orders changed since, to be asked again.
    pub recheck: BTreeSet<i64>,
}

/// A page walk over the orders made in a window.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Load {
    pub from: Instant,
    /// Fixed when the walk begins.
    pub until: Instant,
    /// Next page to read, from 1.
    pub page: u64,
    /// Ask for the chat identities of all these orders' customers again: one may have got a second since.
    pub relinks: bool,
    /// Number of orders by the last answer.
    pub total: Option<u64>,
}

/// A place in the orders' change feed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct History {
    /// The last record processed; `None` before the first.
    pub since_id: Option<i64>,
    /// A moment before the first unread record, in the account's local time as the API writes it.
    pub start: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Instant {
        chrono::DateTime::from_timestamp(1_772_400_000 + secs, 0).unwrap()
    }

    #[test]
    fn the_mark_follows_the_server_and_never_our_clock() {
        let overlap = TimeDelta::seconds(60);
        let mut mark = Mark::new(at(0));
        mark.advance(vec![(key(1, Some(at(50))), Some(at(50)))], None, at(500), overlap);
        assert_eq!(mark.at, at(50));
        assert!(mark.has_seen(&key(1, Some(at(50)))) && !mark.has_seen(&key(1, Some(at(51)))));
        mark.advance(vec![], None, at(900), overlap);
        assert_eq!(mark.at, at(50), "a quiet list keeps its mark");
        mark.advance(vec![(key(2, Some(at(5000))), Some(at(5000)))], None, at(1000), overlap);
        assert_eq!(mark.at, at(1000), "a change dated ahead does not push the mark past now");
    }

    #[test]
    fn a_cursor_survives_the_store_and_one_of_another_version_starts_anew() {
        let cursor = ChatsCursor {
            from: at(0),
            messages: Mark::new(at(1)),
            dialogs: Mark::new(at(2)),
            chats: Mark::new(at(3)),
        };
        let mut stored = write(&cursor);
        let back: ChatsCursor = read("x", Some(stored.clone())).unwrap();
        assert_eq!((back.from, back.chats.at), (at(0), at(3)));
        stored["v"] = 99.into();
        assert!(read::<ChatsCursor>("x", Some(stored)).is_none());
    }
}
