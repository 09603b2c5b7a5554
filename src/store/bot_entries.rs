//! Starts of the bot, and what crosses days: how far each start led within its days, who started first when and by
//! what, and who came back.
//!
//! A day that is rolled up again changes the entries of the days before it and the cohorts it belongs to, and nothing
//! else; only those are looked at.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use sqlx::{Postgres, QueryBuilder, Sqlite};

use super::Result;
use super::bot_days::stored;
use super::facts_save::{ROWS_PER_STATEMENT, clean, upsert};
use super::pool::{Dual, Tx};
use super::sql::{execute, fetch_all, queries, same};
use crate::facts::bot::BotStep;
use crate::facts::bot_days::{DayEntry, FUNNEL_DAYS, Path, Progress, Steps, offset};

macro_rules! came_back {
    ($flag:literal) => {
        same!(
            "UPDATE bot_users SET ",
            $flag,
            " = NOT ",
            $flag,
            " WHERE first_on = $1 AND ",
            $flag,
            " <> EXISTS (",
            // The second bit is the session.
            "SELECT 1 FROM user_days WHERE user_days.user_id = bot_users.user_id AND user_days.day_on = $2 ",
            "AND (user_days.steps & 2) <> 0)",
        )
    };
}

queries! {
    ENTRIES_BETWEEN = same!(
        "SELECT day_on, user_id, source, start_count, new_count, is_first, is_carted, cart_offset, progress ",
        "FROM bot_entries WHERE day_on > $1 AND day_on <= $2",
    );
    DELETE_ENTRY = same!("DELETE FROM bot_entries WHERE day_on = $1 AND user_id = $2 AND source = $3");
    DELETE_USER = same!("DELETE FROM bot_users WHERE user_id = $1");
    D1 = came_back!("is_d1");
    D7 = came_back!("is_d7");
    D30 = came_back!("is_d30");
}

#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
struct EntryRow {
    day_on: NaiveDate,
    user_id: i64,
    source: String,
    start_count: i64,
    new_count: i64,
    is_first: bool,
    is_carted: bool,
    cart_offset: Option<i64>,
    progress: i64,
}

impl EntryRow {
    fn new(day_on: NaiveDate, entry: &DayEntry) -> Self {
        Self {
            day_on,
            user_id: entry.user_id,
            source: clean(entry.source.as_deref().unwrap_or_default()).into_owned(),
            start_count: stored(entry.starts),
            new_count: stored(entry.new_users),
            is_first: entry.is_first,
            is_carted: entry.is_carted,
            cart_offset: None,
            progress: Progress::default().to_bits(),
        }
    }

    fn key(&self) -> (i64, String) {
        (self.user_id, self.source.clone())
    }

    /// What follows from the user's days, put into the row.
    fn lead(&mut self, days: &[(NaiveDate, Steps, Path)]) {
        let later_cart = || {
            let carts = days.iter().filter(|(_, steps, _)| steps.has(BotStep::Cart));
            carts.filter_map(|(day_on, ..)| offset(self.day_on, *day_on)).find(|days| *days > 0)
        };
        let cart_offset = if self.is_carted { Some(0) } else { later_cart() };
        self.cart_offset = cart_offset.map(i64::from);
        let paths = days.iter().map(|(day_on, _, path)| (*day_on, *path));
        self.progress = Progress::of(self.day_on, paths).to_bits();
    }
}

/// Replaces the starts of a day. `active` are the users whose day changed in any way.
pub(super) async fn replace(
    tx: &mut Tx,
    day_on: NaiveDate,
    entries: &[DayEntry],
    active: BTreeSet<i64>,
) -> Result<()> {
    let days = Days::new(u64::from(FUNNEL_DAYS));
    let mut around = fetch_all!(EntryRow, *tx, ENTRIES_BETWEEN, day_on - days, day_on)?;
    let mut known: BTreeMap<_, EntryRow> =
        around.extract_if(.., |row| row.day_on == day_on).map(|row| (row.key(), row)).collect();
    let (mut entered, mut rows) = (BTreeSet::new(), Vec::new());
    for mut row in entries.iter().map(|entry| EntryRow::new(day_on, entry)) {
        if let Some(known) = known.remove(&row.key()) {
            (row.cart_offset, row.progress) = (known.cart_offset, known.progress);
            if row == known {
                around.push(row);
                continue;
            }
        }
        entered.insert(row.user_id);
        rows.push(row);
    }
    for row in known.into_values() {
        execute!(*tx, DELETE_ENTRY, day_on, row.user_id, row.source)?;
        entered.insert(row.user_id);
    }
    around.retain(|row| active.contains(&row.user_id) || entered.contains(&row.user_id));
    let users = around.iter().chain(&rows).map(|row| row.user_id).collect();
    let days_of = days_around(tx, day_on, &users).await?;
    let none = Vec::new();
    for row in &mut rows {
        row.lead(days_of.get(&row.user_id).unwrap_or(&none));
    }
    for mut row in around {
        let before = row.clone();
        row.lead(days_of.get(&row.user_id).unwrap_or(&none));
        if row != before {
            rows.push(row);
        }
    }
    save(tx, &rows).await?;
    let mut cohorts = first_starts(tx, &entered).await?;
    if !active.is_empty() {
        cohorts.extend([1, 7, 30].map(|days| (day_on - Days::new(days), days)));
    }
    came_back(tx, &cohorts).await
}

async fn save(tx: &mut Tx, rows: &[EntryRow]) -> Result<()> {
    upsert!(
        tx,
        rows,
        "INSERT INTO bot_entries (day_on, user_id, source, start_count, new_count, is_first, is_carted, cart_offset, \
         progress) ",
        |row| {} [
            row.day_on,
            row.user_id,
            &row.source,
            row.start_count,
            row.new_count,
            row.is_first,
            row.is_carted,
            row.cart_offset,
            row.progress,
        ],
        " ON CONFLICT (day_on, user_id, source) DO UPDATE SET start_count = excluded.start_count, \
         new_count = excluded.new_count, is_first = excluded.is_first, is_carted = excluded.is_carted, \
         cart_offset = excluded.cart_offset, progress = excluded.progress"
    );
    Ok(())
}

/// Fetches what a select says of these users, in groups; their ids stand between its texts with values and its end.
macro_rules! fetch_of_users {
    ($tx:expr, $row:ty, $users:expr, [$($text:literal $(, $value:expr)?);+], $tail:literal) => {{
        let mut found: Vec<$row> = Vec::new();
        let users: Vec<i64> = $users.iter().copied().collect();
        for users in users.chunks(ROWS_PER_STATEMENT) {
            match &mut $tx.db {
                Dual::Sqlite(db) => {
                    let mut select = QueryBuilder::<Sqlite>::new("");
                    $(select.push($text)$(.push_bind($value))?;)+
                    let mut ids = select.separated(", ");
                    for user_id in users {
                        ids.push_bind(*user_id);
                    }
                    select.push($tail);
                    found.extend(select.build_query_as::<$row>().persistent(false).fetch_all(&mut **db).await?);
                }
                Dual::Postgres(db) => {
                    let mut select = QueryBuilder::<Postgres>::new("");
                    $(select.push($text)$(.push_bind($value))?;)+
                    let mut ids = select.separated(", ");
                    for user_id in users {
                        ids.push_bind(*user_id);
                    }
                    select.push($tail);
                    found.extend(select.build_query_as::<$row>().persistent(false).fetch_all(&mut **db).await?);
                }
            }
        }
        found
    }};
}

/// A day of a user, with its day.
type PlacedDay = (NaiveDate, Steps, Path);

/// The users' days that belong to an entry which `day_on` belongs to, ascending.
async fn days_around(
    tx: &mut Tx,
    day_on: NaiveDate,
    users: &BTreeSet<i64>,
) -> Result<BTreeMap<i64, Vec<PlacedDay>>> {
    let days = Days::new(u64::from(FUNNEL_DAYS));
    let rows = fetch_of_users!(
        tx,
        (i64, NaiveDate, i64, i64),
        users,
        ["SELECT user_id, day_on, steps, path FROM user_days WHERE day_on > ", day_on - days;
         " AND day_on < ", day_on + days; " AND user_id IN ("],
        ") ORDER BY user_id, day_on"
    );
    let mut days_of: BTreeMap<i64, Vec<PlacedDay>> = BTreeMap::new();
    for (user_id, day_on, steps, path) in rows {
        let day = (day_on, Steps::from_bits(steps), Path::from_bits(path));
        days_of.entry(user_id).or_default().push(day);
    }
    Ok(days_of)
}

#[derive(sqlx::FromRow)]
struct FirstRow {
    user_id: i64,
    day_on: NaiveDate,
    source: String,
    known_on: Option<NaiveDate>,
    known_source: Option<String>,
}

/// Brings the first starts of the users up to date; gives the cohorts whose returns have to be looked at again.
async fn first_starts(tx: &mut Tx, users: &BTreeSet<i64>) -> Result<BTreeSet<(NaiveDate, u64)>> {
    let rows = fetch_of_users!(
        tx,
        FirstRow,
        users,
        ["SELECT entry.user_id, entry.day_on, entry.source, known.first_on AS known_on, \
          known.source AS known_source FROM bot_entries AS entry \
          LEFT JOIN bot_users AS known ON known.user_id = entry.user_id \
          WHERE entry.is_first AND NOT EXISTS (SELECT 1 FROM bot_entries AS earlier \
          WHERE earlier.user_id = entry.user_id AND earlier.day_on < entry.day_on) AND entry.user_id IN ("],
        ")"
    );
    let mut gone = users.clone();
    for row in &rows {
        gone.remove(&row.user_id);
    }
    for user_id in gone {
        execute!(*tx, DELETE_USER, user_id)?;
    }
    let is_changed =
        |row: &&FirstRow| (row.known_on, row.known_source.as_ref()) != (Some(row.day_on), Some(&row.source));
    let changed: Vec<&FirstRow> = rows.iter().filter(is_changed).collect();
    upsert!(
        tx,
        changed,
        "INSERT INTO bot_users (user_id, first_on, source) ",
        |row| {} [row.user_id, row.day_on, &row.source],
        " ON CONFLICT (user_id) DO UPDATE SET first_on = excluded.first_on, source = excluded.source"
    );
    Ok(changed.iter().flat_map(|row| [1, 7, 30].map(|days| (row.day_on, days))).collect())
}

/// Whether the users of a cohort had a session on its day `n`.
async fn came_back(tx: &mut Tx, cohorts: &BTreeSet<(NaiveDate, u64)>) -> Result<()> {
    for &(first_on, days) in cohorts {
        let day_on = first_on + Days::new(days);
        match days {
            1 => execute!(*tx, D1, first_on, day_on)?,
            7 => execute!(*tx, D7, first_on, day_on)?,
            _ => execute!(*tx, D30, first_on, day_on)?,
        };
    }
    Ok(())
}
