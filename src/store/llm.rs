//! Token usage of language models.
//!
//! A call is stored once by its key and added to the sums of its day in the same transaction. The calls go after a while, the
//! sums stay. Langfuse's days are kept beside and count where no call of the day is known.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use chrono_tz::Tz;
use sqlx::{Postgres, QueryBuilder, Sqlite};

use super::pool::{Dual, Tx};
use super::sources::advance;
use super::sql::{execute, fetch_all, fetch_one, fetch_optional, queries, same};
use super::{Result, Store};
use crate::clock::{Instant, to_micros};
use crate::facts::bot::ModelTokens;
use crate::facts::llm::{LlmDay, LlmUsage};
use crate::facts::{CoverageSpan, SourceStep};

/// Sources of token usage, in the table `sources`.
const SOURCES: [&str; 2] = ["llm_usage", "llm_langfuse"];

/// Rows per statement: 9 columns × 500 stays under the 32,766 parameters that SQLite takes.
const ROWS_PER_STATEMENT: usize = 500;

queries! {
    ADD_DAY = same!(
        "INSERT INTO llm_days (day_on, source, model, call_count, prompt_tokens, completion_tokens, ",
        "precached_tokens, billable_tokens) VALUES ($1, 'calls', $2, $3, $4, $5, $6, $7) ",
        "ON CONFLICT (day_on, source, model) DO UPDATE SET ",
        "call_count = llm_days.call_count + excluded.call_count, ",
        "prompt_tokens = llm_days.prompt_tokens + excluded.prompt_tokens, ",
        "completion_tokens = llm_days.completion_tokens + excluded.completion_tokens, ",
        "precached_tokens = llm_days.precached_tokens + excluded.precached_tokens, ",
        "billable_tokens = llm_days.billable_tokens + excluded.billable_tokens",
    );
    ADD_USER = same!("INSERT INTO llm_users (day_on, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    CLEAR_DAYS = same!("DELETE FROM llm_days WHERE source = 'langfuse' AND day_on >= $1 AND day_on < $2");
    PUT_DAY = same!(
        "INSERT INTO llm_days (day_on, source, model, call_count, prompt_tokens, completion_tokens, ",
        "precached_tokens, billable_tokens) VALUES ($1, 'langfuse', $2, $3, $4, $5, $6, $7)",
    );
    // Calls know more than Langfuse's sums of the same day; both together would count twice.
    DAYS = same!(
        "SELECT day_on, model, call_count, prompt_tokens, completion_tokens, precached_tokens, billable_tokens ",
        "FROM llm_days WHERE day_on >= $1 AND day_on < $2 AND (source = 'calls' OR NOT EXISTS ",
        "(SELECT 1 FROM llm_days known WHERE known.day_on = llm_days.day_on AND known.source = 'calls')) ",
        "ORDER BY day_on",
    );
    COUNT_USERS = same!("SELECT count(DISTINCT user_id) FROM llm_users WHERE day_on >= $1 AND day_on < $2");
    COVERAGE = same!("SELECT coverage_from, coverage_until FROM sources WHERE name = $1");
    FORGET = same!(
        "DELETE FROM llm_usage WHERE key IN (SELECT key FROM llm_usage WHERE used_at < $1 LIMIT $2)",
    );
}

/// What became of the calls of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsageSaved {
    pub accepted: u64,
    /// Were known before, or stood in the batch twice.
    pub duplicates: u64,
}

#[derive(sqlx::FromRow)]
struct DayRecord {
    day_on: NaiveDate,
    model: String,
    call_count: i64,
    prompt_tokens: i64,
    completion_tokens: i64,
    precached_tokens: i64,
    billable_tokens: i64,
}

impl From<DayRecord> for LlmDay {
    fn from(row: DayRecord) -> Self {
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        let tokens = ModelTokens {
            model: row.model,
            calls: count(row.call_count),
            prompt_tokens: count(row.prompt_tokens),
            completion_tokens: count(row.completion_tokens),
            precached_tokens: count(row.precached_tokens),
            billable_tokens: count(row.billable_tokens),
        };
        Self { day_on: row.day_on, tokens }
    }
}

impl Store {
    /// One transaction: stores the calls that are new, adds them to the sums of their days in `zone`, and advances the
    /// source. The step's coverage extends what is known; it never shortens it.
    pub async fn save_llm_usage(
        &self,
        records: &[LlmUsage],
        zone: Tz,
        step: &SourceStep,
        now: Instant,
    ) -> Result<UsageSaved> {
        // By key, so that two workers with the same calls wait for each other instead of locking each other out.
        let by_key: BTreeMap<&str, &LlmUsage> =
            records.iter().map(|record| (record.key.as_str(), record)).collect();
        let rows: Vec<&LlmUsage> = by_key.values().copied().collect();
        let mut tx = self.begin().await?;
        let new_keys = insert_calls(&mut tx, &rows).await?;
        let (mut days, mut users) = (BTreeMap::<(NaiveDate, &str), ModelTokens>::new(), BTreeSet::new());
        for record in new_keys.iter().filter_map(|key| by_key.get(key.as_str())) {
            let day_on = record.used_at.with_timezone(&zone).date_naive();
            let day = days.entry((day_on, &record.model)).or_default();
            day.calls += 1;
            day.prompt_tokens += record.prompt_tokens;
            day.completion_tokens += record.completion_tokens;
            day.precached_tokens += record.precached_tokens;
            day.billable_tokens += record.billable_tokens;
            users.extend(record.user.as_deref().map(|user| (day_on, user)));
        }
        for ((day_on, model), sum) in &days {
            let [calls, prompt, completion, precached, billable] = counts(sum);
            execute!(tx, ADD_DAY, day_on, model, calls, prompt, completion, precached, billable)?;
        }
        for (day_on, user) in users {
            execute!(tx, ADD_USER, day_on, user)?;
        }
        let step = SourceStep { coverage: extended(&mut tx, step).await?, ..step.clone() };
        advance(&mut tx, &step, now).await?;
        tx.commit().await?;
        let accepted = new_keys.len() as u64;
        Ok(UsageSaved { accepted, duplicates: records.len() as u64 - accepted })
    }

    /// One transaction: replaces Langfuse's sums of the days `[from_on, until_on)` and advances the source.
    pub async fn save_langfuse_days(
        &self,
        from_on: NaiveDate,
        until_on: NaiveDate,
        days: &[LlmDay],
        step: &SourceStep,
        now: Instant,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        execute!(tx, CLEAR_DAYS, from_on, until_on)?;
        for day in days.iter().filter(|day| day.day_on >= from_on && day.day_on < until_on) {
            let [calls, prompt, completion, precached, billable] = counts(&day.tokens);
            let model = &day.tokens.model;
            execute!(tx, PUT_DAY, day.day_on, model, calls, prompt, completion, precached, billable)?;
        }
        advance(&mut tx, step, now).await?;
        tx.commit().await
    }

    /// Tokens by day and model of the local days `[from_on, until_on)`, ascending; days without a call are not in it.
    pub async fn llm_days(&self, from_on: NaiveDate, until_on: NaiveDate) -> Result<Vec<LlmDay>> {
        let mut db = self.conn().await?;
        let mut days: Vec<LlmDay> =
            fetch_all!(DayRecord, db, DAYS, from_on, until_on)?.into_iter().map(LlmDay::from).collect();
        days.sort_by(|a, b| (a.day_on, &a.tokens.model).cmp(&(b.day_on, &b.tokens.model)));
        Ok(days)
    }

    /// Tokens by model of the local days `[from_on, until_on)`, most charged first, and the stretch known completely:
    /// `None` when usage was never read.
    pub async fn llm_figures(
        &self,
        from_on: NaiveDate,
        until_on: NaiveDate,
    ) -> Result<(Vec<ModelTokens>, Option<CoverageSpan>)> {
        let mut sums: BTreeMap<String, ModelTokens> = BTreeMap::new();
        for day in self.llm_days(from_on, until_on).await? {
            let sum = sums.entry(day.tokens.model.clone()).or_default();
            sum.model = day.tokens.model;
            sum.calls += day.tokens.calls;
            sum.prompt_tokens += day.tokens.prompt_tokens;
            sum.completion_tokens += day.tokens.completion_tokens;
            sum.precached_tokens += day.tokens.precached_tokens;
            sum.billable_tokens += day.tokens.billable_tokens;
        }
        let mut models: Vec<ModelTokens> = sums.into_values().collect();
        models.sort_by_key(|sum| std::cmp::Reverse(sum.billable_tokens));
        let mut coverage: Option<CoverageSpan> = None;
        for source in SOURCES {
            let found = self.find_source(source).await?.and_then(|row| row.coverage);
            coverage = match (coverage, found) {
                (Some(known), Some(more)) => Some(joined(known, more)),
                (known, more) => known.or(more),
            };
        }
        Ok((models, coverage))
    }

    /// Distinct users on whose behalf a model was called on the local days `[from_on, until_on)`. Langfuse's sums name nobody.
    pub async fn count_llm_users(&self, from_on: NaiveDate, until_on: NaiveDate) -> Result<u64> {
        let mut db = self.conn().await?;
        let (count,) = fetch_one!((i64,), db, COUNT_USERS, from_on, until_on)?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Deletes calls before `before`, at most `limit` of them; the sums stay. Returns how many.
    pub async fn forget_llm_usage(&self, before: Instant, limit: i64) -> Result<u64> {
        let mut db = self.conn().await?;
        execute!(db, FORGET, before, limit)
    }
}

/// The step's coverage together with the stored one.
async fn extended(tx: &mut Tx, step: &SourceStep) -> Result<Option<CoverageSpan>> {
    let Some(more) = step.coverage else { return Ok(None) };
    let known = fetch_optional!((Option<Instant>, Option<Instant>), *tx, COVERAGE, &step.source)?;
    Ok(Some(match known {
        Some((Some(from), Some(until))) => {
            CoverageSpan { from: from.min(more.from), until: until.max(more.until) }
        }
        _ => more,
    }))
}

/// Two stretches as one when they touch; else the later, for a hole is not known completely.
fn joined(one: CoverageSpan, other: CoverageSpan) -> CoverageSpan {
    if one.from <= other.until && other.from <= one.until {
        CoverageSpan { from: one.from.min(other.from), until: one.until.max(other.until) }
    } else if one.until > other.until {
        one
    } else {
        other
    }
}

fn counts(sum: &ModelTokens) -> [i64; 5] {
    [sum.calls, sum.prompt_tokens, sum.completion_tokens, sum.precached_tokens, sum.billable_tokens]
        .map(signed)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Inserts in groups; gives the keys that were new.
async fn insert_calls(tx: &mut Tx, rows: &[&LlmUsage]) -> Result<Vec<String>> {
    const HEAD: &str = "INSERT INTO llm_usage (key, used_at, user_id, model, prompt_tokens, completion_tokens, \
                        precached_tokens, billable_tokens, duration_ms) ";
    const TAIL: &str = " ON CONFLICT (key) DO NOTHING RETURNING key";
    macro_rules! insert {
        ($database:ty, $db:expr, $rows:expr) => {{
            let mut insert = QueryBuilder::<$database>::new(HEAD);
            insert.push_values($rows, |mut tuple, row: &&LlmUsage| {
                tuple.push_bind(&row.key).push_bind(to_micros(row.used_at)).push_bind(&row.user);
                tuple.push_bind(&row.model).push_bind(signed(row.prompt_tokens));
                tuple.push_bind(signed(row.completion_tokens)).push_bind(signed(row.precached_tokens));
                tuple.push_bind(signed(row.billable_tokens)).push_bind(row.duration_ms.map(signed));
            });
            insert.push(TAIL).build_query_scalar::<String>().persistent(false).fetch_all(&mut **$db).await?
        }};
    }
    let mut new_keys = Vec::new();
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        let keys = match &mut tx.db {
            Dual::Sqlite(db) => insert!(Sqlite, db, rows),
            Dual::Postgres(db) => insert!(Postgres, db, rows),
        };
        new_keys.extend(keys);
    }
    Ok(new_keys)
}
