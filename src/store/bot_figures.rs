//! What a stretch of the bot's days adds up to, from the roll-ups alone: the cost goes by its length, not by the history.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::bot_days::{count, days_between};
use super::pool::Tx;
use super::sql::{fetch_all, fetch_one, queries, same};
use super::{Result, Store};
use crate::facts::bot::{
    BotDay, BotFigures, BotStep, LabelCount, Retention, SOURCE_BOT_EVENTS, SourceFigures,
};
use crate::facts::bot_days::Progress;

/// Queries shown.
const TOP_QUERIES: i64 = 20;

macro_rules! top_queries {
    ($count:literal) => {
        same!(
            "SELECT query_key, query, CAST(sum(",
            $count,
            ") AS BIGINT) FROM bot_queries ",
            "WHERE day_on >= $1 AND day_on < $2 AND ",
            $count,
            " > 0 AND query_key IN (",
            "SELECT query_key FROM bot_queries WHERE day_on >= $1 AND day_on < $2 AND ",
            $count,
            " > 0 ",
            "GROUP BY query_key ORDER BY sum(",
            $count,
            ") DESC, query_key LIMIT $3) GROUP BY query_key, query",
        )
    };
}

/// `$all` puts the steps of a user's days together; only PostgreSQL has an aggregate for it.
macro_rules! users_by_step {
    ($all:literal) => {
        concat!(
            "SELECT count(CASE WHEN (steps & 1) <> 0 THEN 1 END), count(CASE WHEN (steps & 2) <> 0 THEN 1 END), ",
            "count(CASE WHEN (steps & 4) <> 0 THEN 1 END), count(CASE WHEN (steps & 8) <> 0 THEN 1 END), ",
            "count(CASE WHEN (steps & 16) <> 0 THEN 1 END), count(CASE WHEN (steps & 32) <> 0 THEN 1 END) FROM (",
            "SELECT ",
            $all,
            " AS steps FROM user_days WHERE day_on >= $1 AND day_on < $2 GROUP BY user_id) AS users"
        )
    };
}

queries! {
    // A bit per step; each user counts once however many days they were there.
    USERS_BY_STEP = [
        users_by_step!(
            "max(steps & 1) | max(steps & 2) | max(steps & 4) | max(steps & 8) | max(steps & 16) | max(steps & 32)"
        ),
        users_by_step!("bit_or(steps)"),
    ];
    // A user's first entry in the window is the one whose predecessor lies before it.
    ENTRIES = same!(
        "SELECT day_on, progress, count(*) FROM bot_entries WHERE day_on >= $1 AND day_on < $2 AND is_first ",
        "AND (previous_on IS NULL OR previous_on < $1) GROUP BY day_on, progress",
    );
    STARTS_BY_SOURCE = same!(
        "SELECT source, CAST(sum(start_count) AS BIGINT), CAST(sum(new_count) AS BIGINT) FROM bot_starts ",
        "WHERE day_on >= $1 AND day_on < $2 GROUP BY source",
    );
    USERS_BY_SOURCE = same!(
        "SELECT source, day_on, cart_offset, count(*) FROM bot_entries WHERE day_on >= $1 AND day_on < $2 ",
        "AND (source_previous_on IS NULL OR source_previous_on < $1) GROUP BY source, day_on, cart_offset",
    );
    COHORTS = same!(
        "SELECT first_on, source, count(*), count(CASE WHEN is_d1 THEN 1 END), count(CASE WHEN is_d7 THEN 1 END), ",
        "count(CASE WHEN is_d30 THEN 1 END) FROM bot_users WHERE first_on >= $1 AND first_on < $2 ",
        "GROUP BY first_on, source",
    );
    LABELS = same!(
        "SELECT kind, label, CAST(sum(event_count) AS BIGINT) FROM bot_labels WHERE day_on >= $1 AND day_on < $2 ",
        "GROUP BY kind, label",
    );
    SURVEYS = same!(
        "SELECT day_on, user_id, pmf FROM bot_surveys WHERE day_on >= $1 AND day_on < $2 ORDER BY day_on",
    );
    QUERIES_ASKED = top_queries!("search_count");
    QUERIES_EMPTY = top_queries!("empty_count");
}

#[derive(sqlx::FromRow)]
struct CohortRow(NaiveDate, String, i64, i64, i64, i64);

impl Store {
    /// Figures of the local days `[from_on, until_on)`, as known at the start of `known_until_on`: what happened on that
    /// day or later (returns, steps and carts after an entry) does not count, so the same days always give the same
    /// figures. A cohort is mature for day `n` when that day ended before `known_until_on`.
    ///
    /// Days that were never rolled up are there with zeros; `events_coverage` says which days are known.
    pub async fn bot_figures(
        &self,
        from_on: NaiveDate,
        until_on: NaiveDate,
        known_until_on: NaiveDate,
    ) -> Result<BotFigures> {
        let events_coverage = self.find_source(SOURCE_BOT_EVENTS).await?.and_then(|source| source.coverage);
        let mut tx = self.begin_snapshot().await?;
        let window = Window { from_on, until_on, known_until_on };
        let funnel_open = window.users_by_step(&mut tx).await?;
        let cohorts = fetch_all!(CohortRow, tx, COHORTS, from_on, until_on)?;
        let [scenarios, error_types, unknown_types] = window.labels(&mut tx).await?;
        let asked = fetch_all!((String, String, i64), tx, QUERIES_ASKED, from_on, until_on, TOP_QUERIES)?;
        let empty = fetch_all!((String, String, i64), tx, QUERIES_EMPTY, from_on, until_on, TOP_QUERIES)?;
        let figures = BotFigures {
            from_on,
            until_on,
            days: window.days(&mut tx).await?,
            active_users: funnel_open[BotStep::Session as usize],
            cart_users: funnel_open[BotStep::Cart as usize],
            funnel_open,
            funnel_ordered: window.funnel_ordered(&mut tx).await?,
            retention: [1, 7, 30].map(|days| window.retention(&cohorts, days, |_| true)).to_vec(),
            sources: window.sources(&mut tx, &cohorts).await?,
            scenarios,
            error_types,
            unknown_types,
            top_queries: in_one_wording(asked),
            empty_queries: in_one_wording(empty),
            pmf_answers: window.last_answers(&mut tx).await?,
            events_coverage,
            ..BotFigures::default()
        };
        tx.commit().await?;
        let (tokens, tokens_coverage) = self.llm_figures(from_on, until_on).await?;
        Ok(BotFigures { tokens, tokens_coverage, ..figures })
    }
}

/// The days asked for.
#[derive(Debug, Clone, Copy)]
struct Window {
    from_on: NaiveDate,
    until_on: NaiveDate,
    known_until_on: NaiveDate,
}

impl Window {
    async fn days(self, tx: &mut Tx) -> Result<Vec<BotDay>> {
        let mut rows = days_between(tx, self.from_on, self.until_on).await?.into_iter().peekable();
        let days = self.from_on.iter_days().take_while(|day_on| *day_on < self.until_on);
        Ok(days
            .map(|day_on| match rows.next_if(|row| row.day_on == day_on) {
                Some(row) => row,
                None => BotDay { day_on, ..BotDay::default() },
            })
            .collect())
    }

    async fn users_by_step(self, tx: &mut Tx) -> Result<[u64; 6]> {
        type Row = (i64, i64, i64, i64, i64, i64);
        let (s1, s2, s3, s4, s5, s6) = fetch_one!(Row, *tx, USERS_BY_STEP, self.from_on, self.until_on)?;
        Ok([s1, s2, s3, s4, s5, s6].map(count))
    }

    async fn funnel_ordered(self, tx: &mut Tx) -> Result<[u64; 6]> {
        let mut reached = [0; 6];
        for (day_on, progress, users) in
            fetch_all!((NaiveDate, i64, i64), *tx, ENTRIES, self.from_on, self.until_on)?
        {
            let steps = Progress::from_bits(progress).steps_within(self.known_days_from(day_on));
            reached.iter_mut().take(steps).for_each(|sum| *sum += count(users));
        }
        Ok(reached)
    }

    fn retention(self, cohorts: &[CohortRow], day_n: u32, is_meant: impl Fn(&str) -> bool) -> Retention {
        let mut retention = Retention { day_n, cohort_users: 0, retained_users: 0 };
        for CohortRow(first_on, source, users, d1, d7, d30) in cohorts {
            if is_meant(source) && i64::from(day_n) < self.known_days_from(*first_on) {
                retention.cohort_users += count(*users);
                retention.retained_users += count(match day_n {
                    1 => *d1,
                    7 => *d7,
                    _ => *d30,
                });
            }
        }
        retention
    }

    async fn sources(self, tx: &mut Tx, cohorts: &[CohortRow]) -> Result<Vec<SourceFigures>> {
        type Users = (String, NaiveDate, Option<i64>, i64);
        let users = fetch_all!(Users, *tx, USERS_BY_SOURCE, self.from_on, self.until_on)?;
        let rows = fetch_all!((String, i64, i64), *tx, STARTS_BY_SOURCE, self.from_on, self.until_on)?;
        let is_carted =
            |day_on, days: Option<i64>| days.is_some_and(|days| days < self.known_days_from(day_on));
        let mut sources: Vec<_> = rows
            .into_iter()
            .map(|(source, starts, new_users)| {
                let of_it = || users.iter().filter(|(by, ..)| *by == source);
                let carted = of_it().filter(|(_, day_on, days, _)| is_carted(*day_on, *days));
                SourceFigures {
                    starts: count(starts),
                    new_users: count(new_users),
                    users: of_it().map(|(.., users)| count(*users)).sum(),
                    cart_users: carted.map(|(.., users)| count(*users)).sum(),
                    d1: self.retention(cohorts, 1, |by| by == source),
                    source: Some(source).filter(|source| !source.is_empty()),
                }
            })
            .collect();
        sources.sort_by(|a, b| b.starts.cmp(&a.starts).then_with(|| a.source.cmp(&b.source)));
        Ok(sources)
    }

    async fn labels(self, tx: &mut Tx) -> Result<[Vec<LabelCount>; 3]> {
        let mut lists = [const { Vec::new() }; 3];
        for (kind, label, events) in
            fetch_all!((String, String, i64), *tx, LABELS, self.from_on, self.until_on)?
        {
            let place = match kind.as_str() {
                "scenario" => 0,
                "error_type" => 1,
                _ => 2,
            };
            lists[place].push(LabelCount { label, count: count(events) });
        }
        lists.iter_mut().for_each(|list| most_first(list));
        Ok(lists)
    }

    async fn last_answers(self, tx: &mut Tx) -> Result<Vec<LabelCount>> {
        let mut last: BTreeMap<i64, String> = BTreeMap::new();
        for (_, user_id, pmf) in
            fetch_all!((NaiveDate, i64, String), *tx, SURVEYS, self.from_on, self.until_on)?
        {
            last.insert(user_id, pmf);
        }
        let mut answers: BTreeMap<String, u64> = BTreeMap::new();
        last.into_values().for_each(|pmf| *answers.entry(pmf).or_default() += 1);
        let mut answers: Vec<_> =
            answers.into_iter().map(|(label, count)| LabelCount { label, count }).collect();
        most_first(&mut answers);
        Ok(answers)
    }

    /// Days known from `day_on` on, itself included.
    fn known_days_from(self, day_on: NaiveDate) -> i64 {
        (self.known_until_on - day_on).num_days()
    }
}

fn most_first(list: &mut [LabelCount]) {
    list.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
}

/// Wordings of one query together, in the wording typed most often.
fn in_one_wording(rows: Vec<(String, String, i64)>) -> Vec<LabelCount> {
    let mut wordings: BTreeMap<String, BTreeSet<(i64, String)>> = BTreeMap::new();
    for (key, query, times) in rows {
        // Most first, then by the wording.
        wordings.entry(key).or_default().insert((-times, query));
    }
    let mut list: Vec<_> = wordings
        .into_values()
        .filter_map(|of_one| {
            let count = of_one.iter().map(|(times, _)| count(-times)).sum();
            of_one.into_iter().next().map(|(_, label)| LabelCount { label, count })
        })
        .collect();
    most_first(&mut list);
    list
}
