//! Silences: what nobody wants to hear of for a while, who said so, and why.
//!
//! A silence hides the telling, never the incident: it is opened, kept and resolved as always, and told after the end of
//! the silence if it is still there.

use super::incidents::IncidentRow;
use super::sql::{execute, fetch_all, fetch_one, queries, same};
use super::{Result, Store};
use crate::clock::Instant;

queries! {
    ADD = same!(
        "INSERT INTO silences (kind, key, author, reason, created_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6) ",
        "RETURNING id",
    );
    LIST = same!(
        "SELECT id, kind, key, author, reason, created_at, ends_at, ended_by FROM silences ",
        "WHERE ends_at > $1 ORDER BY id",
    );
    END = same!("UPDATE silences SET ends_at = $3, ended_by = $2 WHERE id = $1 AND ends_at > $3");
}

/// What a silence covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Covers {
    /// Incidents of a kind: `source_down`.
    Kind(String),
    /// Incidents with a key: `run_failed/daily`; one that ends in `*` stands for all that begin so.
    Key(String),
}

impl Covers {
    /// Whether the incident is among them.
    pub fn holds(&self, incident: &IncidentRow) -> bool {
        match self {
            Self::Kind(kind) => incident.kind == *kind,
            Self::Key(key) => match key.strip_suffix('*') {
                Some(beginning) => incident.key.starts_with(beginning),
                None => incident.key == *key,
            },
        }
    }
}

/// A silence as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    pub id: i64,
    pub covers: Covers,
    pub author: String,
    pub reason: String,
    pub created_at: Instant,
    pub ends_at: Instant,
    /// Who ended it before its time.
    pub ended_by: Option<String>,
}

#[derive(sqlx::FromRow)]
struct SilenceRecord {
    id: i64,
    kind: Option<String>,
    key: Option<String>,
    author: String,
    reason: String,
    created_at: Instant,
    ends_at: Instant,
    ended_by: Option<String>,
}

impl From<SilenceRecord> for Silence {
    fn from(row: SilenceRecord) -> Self {
        let covers = match (row.kind, row.key) {
            (Some(kind), _) => Covers::Kind(kind),
            // The table holds one of the two.
            (None, key) => Covers::Key(key.unwrap_or_default()),
        };
        let SilenceRecord { id, author, reason, created_at, ends_at, ended_by, .. } = row;
        Self { id, covers, author, reason, created_at, ends_at, ended_by }
    }
}

impl Store {
    /// Silences what it covers until `ends_at`; returns its number.
    pub async fn add_silence(
        &self,
        covers: &Covers,
        author: &str,
        reason: &str,
        ends_at: Instant,
        now: Instant,
    ) -> Result<i64> {
        let (kind, key) = match covers {
            Covers::Kind(kind) => (Some(kind), None),
            Covers::Key(key) => (None, Some(key)),
        };
        let mut db = self.conn().await?;
        let (id,) = fetch_one!((i64,), db, ADD, kind, key, author, reason, now, ends_at)?;
        Ok(id)
    }

    /// Silences that end after `since`, oldest first: with the present moment those that hold.
    pub async fn list_silences(&self, since: Instant) -> Result<Vec<Silence>> {
        let mut db = self.conn().await?;
        Ok(fetch_all!(SilenceRecord, db, LIST, since)?.into_iter().map(Silence::from).collect())
    }

    /// Ends a silence now. `false` when there is none with this number, or it has ended.
    pub async fn end_silence(&self, id: i64, by: &str, now: Instant) -> Result<bool> {
        let mut db = self.conn().await?;
        Ok(execute!(db, END, id, by, now)? == 1)
    }
}
