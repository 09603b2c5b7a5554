//! The parameters all lists share: `id`, `since`, `until`, `since_id`, `until_id`, `limit`.

use chrono::DateTime;
use serde_json::Value;

use crate::clock::Instant;
use crate::sandbox::retailcrm::answer::Request;
use crate::sandbox::retailcrm::{ListOrder, Oddities};

const COMMON: [&str; 6] = ["id", "since", "until", "since_id", "until_id", "limit"];

/// Which part of a list is wanted.
pub(super) struct Selection<'a> {
    request: &'a Request,
    ids: Vec<i64>,
    since: Option<Instant>,
    until: Option<Instant>,
    since_id: Option<i64>,
    until_id: Option<i64>,
    limit: usize,
    is_descending: bool,
    ids_are_inclusive: bool,
}

impl<'a> Selection<'a> {
    /// Reads the shared parameters and refuses names that are neither shared nor in `own`.
    pub fn read(request: &'a Request, own: &[&str], oddities: &Oddities) -> Result<Self, String> {
        let query = &request.query;
        if oddities.refuse_unknown_parameters
            && let Some(name) = query.names().find(|name| !COMMON.contains(name) && !own.contains(name))
        {
            return Err(format!("{name} is not a parameter of this method"));
        }
        let ids: Vec<i64> = query.all("id").map(|id| natural("id", id)).collect::<Result<_, _>>()?;
        if ids.len() > 1 && !request.path.ends_with("/messages") {
            return Err("id must be given once".to_owned());
        }
        let limit = match query.get("limit") {
            None => 100,
            Some(text) => match text.parse() {
                Ok(limit @ 1..=1000) => limit,
                _ => return Err("limit must be between 1 and 1000".to_owned()),
            },
        };
        let (since, until) = (date(query.get("since"), "since")?, date(query.get("until"), "until")?);
        let since_id = query.get("since_id").map(|id| natural("since_id", id)).transpose()?;
        let until_id = query.get("until_id").map(|id| natural("until_id", id)).transpose()?;
        let is_descending = match oddities.mg_order {
            ListOrder::Ascending => false,
            ListOrder::Descending => true,
            ListOrder::ReversedByUntil => until.is_some() || until_id.is_some(),
        };
        let ids_are_inclusive = oddities.ids_are_inclusive;
        Ok(Self { request, ids, since, until, since_id, until_id, limit, is_descending, ids_are_inclusive })
    }

    /// A parameter of the method's own.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.request.query.get(name)
    }

    /// All values of a repeatable parameter.
    pub fn all(&self, name: &'a str) -> Vec<&'a str> {
        self.request.query.all(name).collect()
    }

    /// A positive number.
    pub fn number(&self, name: &str) -> Result<Option<i64>, String> {
        self.get(name).map(|text| natural(name, text)).transpose()
    }

    /// `true`, `false`, `1` or `0`.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        match self.get(name) {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(_) => Err(format!("{name} must be one of true, false, 1, 0")),
        }
    }

    /// Cuts the wanted part out of a list that ascends by id and shows it. `key` gives id and last update.
    pub fn cut<T: Copy>(
        &self,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(T) -> (i64, Instant),
        show: impl Fn(T) -> Value,
    ) -> Vec<Value> {
        let before = |bound: i64| if self.ids_are_inclusive { bound + 1 } else { bound };
        let first_id = self.first_id();
        let wanted = items.into_iter().filter(|&item| {
            let (id, updated_at) = key(item);
            id >= first_id
                && (self.ids.is_empty() || self.ids.contains(&id))
                && self.until_id.is_none_or(|bound| id < before(bound))
                && self.since.is_none_or(|bound| updated_at >= bound)
                && self.until.is_none_or(|bound| updated_at <= bound)
        });
        if self.is_descending {
            let all: Vec<T> = wanted.collect();
            all.into_iter().rev().take(self.limit).map(show).collect()
        } else {
            wanted.take(self.limit).map(show).collect()
        }
    }

    /// No wanted object has a lower id.
    pub fn first_id(&self) -> i64 {
        match self.since_id {
            None => i64::MIN,
            Some(bound) if self.ids_are_inclusive => bound,
            Some(bound) => bound + 1,
        }
    }
}

fn natural(name: &str, text: &str) -> Result<i64, String> {
    match text.parse() {
        Ok(number) if number >= 1 => Ok(number),
        _ => Err(format!("{name} must be a number of 1 or more")),
    }
}

fn date(text: Option<&str>, name: &str) -> Result<Option<Instant>, String> {
    text.map(|text| {
        DateTime::parse_from_rfc3339(text)
            .map(|at| at.to_utc())
            .map_err(|_| format!("{name} must be a date in RFC 3339"))
    })
    .transpose()
}
