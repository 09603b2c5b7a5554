//! Reading a list of the Bot API completely without knowing in which order it comes.
//!
//! The lists have neither pages nor a documented order, only bounds (`since`/`until` on the last change,
//! `since_id`/`until_id`) of unknown inclusivity, and a limit. So one thing alone counts as proof: *an answer that is
//! not full held everything between its bounds*. A full one proves nothing and is asked again with narrower bounds.
//! Time runs forward, so that a record changed meanwhile moves into a stretch not yet read, never out of sight.

use chrono::{DurationRound, TimeDelta};
use serde_json::Value;

use super::http::{Api, Asker, Query};
use super::wire::{id, mg};
use crate::clock::Instant;
use crate::collect::CollectError;

/// Bounds are whole seconds; that is also as narrow as a stretch of time gets.
const SECOND: TimeDelta = TimeDelta::seconds(1);

/// Walks one list forward along the last change of its records.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    api: &'a Api,
    asker: Asker,
    path: &'static str,
    /// Most records an answer may hold.
    limit: usize,
    /// Everything changed before this is read; a whole second.
    at: Instant,
    /// No stretch is cut later than this: the present moment.
    now: Instant,
    /// How far to look back behind `at`, against bounds that exclude and against late commits.
    lead: TimeDelta,
    /// How long a stretch is expected to be well filled.
    width: Option<TimeDelta>,
    /// Up to here there is known to be about an answer's worth or more: to ask for all of it would be asking in vain.
    full_until: Option<Instant>,
}

/// A stretch that was read completely.
#[derive(Debug)]
pub(super) struct Stretch {
    /// In no particular order; may repeat what an earlier stretch held.
    pub records: Vec<Value>,
    /// Everything changed before this is read now; `None` when the list is read to its end.
    pub until: Option<Instant>,
}

impl<'a> Walk<'a> {
    /// Starts at `at`, looking back by `overlap` once.
    pub fn new(api: &'a Api, asker: Asker, path: &'static str, at: Instant, overlap: TimeDelta) -> Self {
        let (at, limit) = (whole_second(at), api.batch.clamp(10, 1000));
        Self {
            api,
            asker,
            path,
            limit,
            at,
            now: api.clock.now(),
            lead: overlap.max(SECOND),
            width: None,
            full_until: None,
        }
    }

    /// Goes on with the width an earlier walk had come to.
    pub fn at_width(self, width: Option<TimeDelta>) -> Self {
        Self { width, ..self }
    }

    /// How long a stretch is expected to be well filled, once something is known about that.
    pub fn width(&self) -> Option<TimeDelta> {
        self.width
    }

    /// How full the next answer is meant to be: room for a busier stretch, without many more requests.
    fn wanted(&self) -> usize {
        self.limit * 7 / 10
    }

    /// Reads the next stretch. After one with `until == None` there is nothing more.
    pub async fn next(&mut self) -> Result<Stretch, CollectError> {
        let since = self.at - self.lead;
        let mut until = self.width.map(|width| self.at + width).filter(|until| *until < self.now);
        if let Some(full_until) = self.full_until {
            let middle = whole_second(self.at + (full_until - self.at) / 2).max(self.at + SECOND);
            until = Some(until.map_or(middle, |until| until.min(middle)));
        }
        loop {
            let records = self.ask(time_bounds(since, until)).await?;
            if records.len() < self.limit {
                // The emptier this part, the fuller the rest of what was too much.
                let is_rest_full =
                    |end: &Instant| records.len() < self.limit / 5 && until.is_some_and(|until| until < *end);
                self.full_until = self.full_until.filter(is_rest_full);
                return Ok(self.close(records, until));
            }
            let mut times: Vec<Instant> = records.iter().filter_map(mg::updated_at).collect();
            times.sort_unstable();
            let end = until.unwrap_or_else(|| times.last().copied().unwrap_or(self.now).max(self.now));
            if end - self.at <= SECOND {
                self.full_until = None;
                // More changed in one second than an answer holds, as when a mass of dialogs is closed at once.
                let until = Some(until.unwrap_or(self.at + SECOND));
                let records = self.split_by_id(time_bounds(since, until)).await?;
                return Ok(self.close(records, until));
            }
            self.full_until = Some(end);
            // If the answer began at the old end, this cut is right at once; if at the new one, halving gets there.
            let middle = self.at + (end - self.at) / 2;
            let cut = times.get(self.wanted()).map_or(middle, |time| middle.min(*time));
            until = Some(whole_second(cut).max(self.at + SECOND));
        }
    }

    fn close(&mut self, records: Vec<Value>, until: Option<Instant>) -> Stretch {
        if let Some(until) = until {
            // Eight times as long at most: a quiet night says little about the morning.
            let filled = i32::try_from(records.len().max(self.wanted() / 8).max(1)).unwrap_or(i32::MAX);
            let width =
                (until - self.at).max(SECOND) * i32::try_from(self.wanted()).unwrap_or(i32::MAX) / filled;
            self.width = Some(TimeDelta::seconds(width.num_seconds()).max(SECOND));
            self.at = until;
        }
        self.lead = SECOND;
        Stretch { records, until }
    }

    async fn ask(&self, mut bounds: Query) -> Result<Vec<Value>, CollectError> {
        bounds.push(("limit", self.limit.to_string()));
        match self.api.get(self.asker, self.path, &bounds).await? {
            Value::Array(records) => Ok(records),
            _ => Err(self.unexpected("is not a list")),
        }
    }

    async fn split_by_id(&self, bounds: Query) -> Result<Vec<Value>, CollectError> {
        let mut found = Vec::new();
        let mut open: Vec<(Option<i64>, Option<i64>)> = vec![(None, None)];
        while let Some((from, to)) = open.pop() {
            let mut query = bounds.clone();
            query.extend(from.map(|from| ("since_id", from.to_string())));
            query.extend(to.map(|to| ("until_id", to.to_string())));
            let records = self.ask(query).await?;
            if records.len() < self.limit {
                found.extend(records);
                continue;
            }
            let mut ids: Vec<i64> = records.iter().filter_map(|record| id(&record["id"])).collect();
            ids.sort_unstable();
            let pivot = ids.get(ids.len() / 2).copied();
            // Each half must be smaller than the whole, or the server does not look at the bounds.
            let Some(pivot) = pivot
                .filter(|pivot| from.is_none_or(|from| *pivot > from) && to.is_none_or(|to| pivot + 1 < to))
            else {
                return Err(self.unexpected("does not keep to since_id and until_id"));
            };
            // Exclusive or inclusive, the two halves meet.
            open.push((from, Some(pivot + 1)));
            open.push((Some(pivot), to));
        }
        Ok(found)
    }

    fn unexpected(&self, what: &str) -> CollectError {
        CollectError {
            source_name: self.asker.source,
            reason: "unexpected_shape",
            message: format!("the answer of the chat API to {} {what}", self.path),
            is_permanent: false,
        }
    }
}

/// Reads a whole list, whatever its size: for users and channels, of which there are few.
pub(super) async fn read_all(
    api: &Api,
    asker: Asker,
    path: &'static str,
) -> Result<Vec<Value>, CollectError> {
    Walk::new(api, asker, path, api.clock.now(), SECOND).split_by_id(Query::new()).await
}

fn whole_second(at: Instant) -> Instant {
    at.duration_trunc(SECOND).unwrap_or(at)
}

fn time_bounds(since: Instant, until: Option<Instant>) -> Query {
    let whole = |at: Instant| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut bounds = vec![("since", whole(since))];
    bounds.extend(until.map(|until| ("until", whole(until))));
    bounds
}
