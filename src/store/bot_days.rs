//! Days of the bot as roll-ups: a day is replaced whole, in one transaction with what crosses days.
//!
//! Written is only what differs from the day as known: yesterday is rolled up every hour, and mostly nothing changed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::bulk::bulk;
use super::facts_save::clean;
use super::pool::Tx;
use super::sql::{execute, fetch_all, fetch_one, fetch_optional, queries, same};
use super::{Result, Store, bot_entries, sources};
use crate::clock::Instant;
use crate::facts::bot::BotDay;
use crate::facts::bot_days::{BotRollup, DayLabel, DayQuery, LabelKind, UserDay};
use crate::facts::{Money, SourceStep};

macro_rules! columns {
    () => {
        "day_on, dau, starts, new_users, sessions, searches, searches_empty, carts_created, carts_with_sum, gmv_minor, \
         cart_users, trial_carts, cart_limits_hit, surveys_completed, referral_links, referral_bonuses, \
         feedback_bonuses, errors, unknown_events, malformed_fields"
    };
}

queries! {
    SAVE_DAY = same!(
        "INSERT INTO daily_stats (", columns!(), ", updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, ",
        "$12, $13, $14, $15, $16, $17, $18, $19, $20, $21) ON CONFLICT (day_on) DO UPDATE SET dau = excluded.dau, ",
        "starts = excluded.starts, new_users = excluded.new_users, sessions = excluded.sessions, ",
        "searches = excluded.searches, searches_empty = excluded.searches_empty, ",
        "carts_created = excluded.carts_created, carts_with_sum = excluded.carts_with_sum, ",
        "gmv_minor = excluded.gmv_minor, cart_users = excluded.cart_users, trial_carts = excluded.trial_carts, ",
        "cart_limits_hit = excluded.cart_limits_hit, surveys_completed = excluded.surveys_completed, ",
        "referral_links = excluded.referral_links, referral_bonuses = excluded.referral_bonuses, ",
        "feedback_bonuses = excluded.feedback_bonuses, errors = excluded.errors, ",
        "unknown_events = excluded.unknown_events, malformed_fields = excluded.malformed_fields, ",
        "updated_at = excluded.updated_at",
    );
    FIND_DAY = same!("SELECT ", columns!(), " FROM daily_stats WHERE day_on = $1");
    DAYS_BETWEEN = same!(
        "SELECT ", columns!(), " FROM daily_stats WHERE day_on >= $1 AND day_on < $2 ORDER BY day_on",
    );
    USERS_OF = same!("SELECT user_id, steps, path FROM user_days WHERE day_on = $1");
    DELETE_USER = same!("DELETE FROM user_days WHERE user_id = $1 AND day_on = $2");
    // Whether anything is known of the day or of a later one.
    IS_KNOWN_FROM = same!(
        "SELECT CAST(count(*) AS BIGINT) FROM (SELECT 1 FROM user_days WHERE day_on >= $1 ",
        "UNION ALL SELECT 1 FROM bot_entries WHERE day_on >= $1 LIMIT 1) AS known",
    );
    SURVEYS_OF = same!("SELECT user_id, pmf FROM bot_surveys WHERE day_on = $1");
    LABELS_OF = same!("SELECT kind, label, event_count FROM bot_labels WHERE day_on = $1");
    QUERIES_OF = same!("SELECT query_key, query, search_count, empty_count FROM bot_queries WHERE day_on = $1");
    STARTS_OF = same!("SELECT source, start_count, new_count FROM bot_starts WHERE day_on = $1");
    DELETE_SURVEYS = same!("DELETE FROM bot_surveys WHERE day_on = $1");
    DELETE_LABELS = same!("DELETE FROM bot_labels WHERE day_on = $1");
    DELETE_QUERIES = same!("DELETE FROM bot_queries WHERE day_on = $1");
    DELETE_STARTS = same!("DELETE FROM bot_starts WHERE day_on = $1");
}

/// A row of `daily_stats`.
#[derive(sqlx::FromRow)]
pub(super) struct DayRow {
    day_on: NaiveDate,
    dau: i64,
    starts: i64,
    new_users: i64,
    sessions: i64,
    searches: i64,
    searches_empty: i64,
    carts_created: i64,
    carts_with_sum: i64,
    gmv_minor: i64,
    cart_users: i64,
    trial_carts: i64,
    cart_limits_hit: i64,
    surveys_completed: i64,
    referral_links: i64,
    referral_bonuses: i64,
    feedback_bonuses: i64,
    errors: i64,
    unknown_events: i64,
    malformed_fields: i64,
}

impl From<DayRow> for BotDay {
    fn from(row: DayRow) -> Self {
        Self {
            day_on: row.day_on,
            dau: count(row.dau),
            starts: count(row.starts),
            new_users: count(row.new_users),
            sessions: count(row.sessions),
            searches: count(row.searches),
            searches_empty: count(row.searches_empty),
            carts_created: count(row.carts_created),
            carts_with_sum: count(row.carts_with_sum),
            gmv: Money(row.gmv_minor),
            cart_users: count(row.cart_users),
            trial_carts: count(row.trial_carts),
            cart_limits_hit: count(row.cart_limits_hit),
            surveys_completed: count(row.surveys_completed),
            referral_links: count(row.referral_links),
            referral_bonuses: count(row.referral_bonuses),
            feedback_bonuses: count(row.feedback_bonuses),
            errors: count(row.errors),
            unknown_events: count(row.unknown_events),
            malformed_fields: count(row.malformed_fields),
        }
    }
}

impl Store {
    /// One transaction: replaces the day, brings the figures that cross days up to date around it, and notes the step at
    /// its source. The same roll-up again changes nothing.
    pub async fn save_bot_day(&self, rollup: &BotRollup, step: &SourceStep, now: Instant) -> Result<()> {
        let day_on = rollup.day.day_on;
        let mut tx = self.begin().await?;
        // First: the row of the source keeps two workers from rolling up one day at the same time.
        sources::advance(&mut tx, step, now).await?;
        save_day(&mut tx, &rollup.day, now).await?;
        replace_values(&mut tx, rollup).await?;
        if is_known_from(&mut tx, day_on).await? {
            let changed = replace_users(&mut tx, rollup).await?;
            bot_entries::replace(&mut tx, day_on, &rollup.entries, changed).await?;
        } else {
            save_users(&mut tx, day_on, &rollup.users.iter().collect::<Vec<_>>()).await?;
            bot_entries::append(&mut tx, rollup).await?;
        }
        tx.commit().await
    }

    /// The counts of one day; `None` when it was never rolled up.
    pub async fn find_bot_day(&self, day_on: NaiveDate) -> Result<Option<BotDay>> {
        let mut db = self.conn().await?;
        Ok(fetch_optional!(DayRow, db, FIND_DAY, day_on)?.map(BotDay::from))
    }
}

/// The rolled-up days of `[from_on, until_on)`, ascending.
pub(super) async fn days_between(
    tx: &mut Tx,
    from_on: NaiveDate,
    until_on: NaiveDate,
) -> Result<Vec<BotDay>> {
    let rows = fetch_all!(DayRow, *tx, DAYS_BETWEEN, from_on, until_on)?;
    Ok(rows.into_iter().map(BotDay::from).collect())
}

async fn save_day(tx: &mut Tx, day: &BotDay, now: Instant) -> Result<()> {
    execute!(
        *tx,
        SAVE_DAY,
        day.day_on,
        stored(day.dau),
        stored(day.starts),
        stored(day.new_users),
        stored(day.sessions),
        stored(day.searches),
        stored(day.searches_empty),
        stored(day.carts_created),
        stored(day.carts_with_sum),
        day.gmv.0,
        stored(day.cart_users),
        stored(day.trial_carts),
        stored(day.cart_limits_hit),
        stored(day.surveys_completed),
        stored(day.referral_links),
        stored(day.referral_bonuses),
        stored(day.feedback_bonuses),
        stored(day.errors),
        stored(day.unknown_events),
        stored(day.malformed_fields),
        now
    )?;
    Ok(())
}

async fn is_known_from(tx: &mut Tx, day_on: NaiveDate) -> Result<bool> {
    let (known,) = fetch_one!((i64,), *tx, IS_KNOWN_FROM, day_on)?;
    Ok(known > 0)
}

/// Replaces rows of the day of one table, if they are others than those known.
macro_rules! replace_rows {
    ($tx:expr, $day_on:expr, $row:ty, $find:expr, $delete:expr, $rows:expr, $insert:expr, |$one:ident| [$($value:tt)+]) => {
        let (mut known, mut rows): (Vec<$row>, Vec<$row>) = (fetch_all!($row, *$tx, $find, $day_on)?, $rows);
        known.sort_unstable();
        rows.sort_unstable();
        if known != rows {
            if !known.is_empty() {
                execute!(*$tx, $delete, $day_on)?;
            }
            bulk!($tx, rows, $insert, |$one| ["date": $day_on, $($value)+], "WHERE TRUE");
        }
    };
}

/// What stands for itself on each day.
async fn replace_values(tx: &mut Tx, rollup: &BotRollup) -> Result<()> {
    replace_surveys(tx, rollup).await?;
    replace_labels(tx, rollup).await?;
    replace_queries(tx, rollup).await?;
    replace_starts(tx, rollup).await
}

async fn replace_surveys(tx: &mut Tx, rollup: &BotRollup) -> Result<()> {
    let day_on = rollup.day.day_on;
    replace_rows!(
        tx,
        day_on,
        (i64, String),
        SURVEYS_OF,
        DELETE_SURVEYS,
        rollup.surveys.iter().map(|(user_id, pmf)| (*user_id, clean(pmf).into_owned())).collect(),
        "INSERT INTO bot_surveys (day_on, user_id, pmf) SELECT column1, column2, column3 FROM",
        |row| ["bigint": row.0, "text": row.1.as_str()]
    );
    Ok(())
}

async fn replace_labels(tx: &mut Tx, rollup: &BotRollup) -> Result<()> {
    let day_on = rollup.day.day_on;
    let label = |label: &DayLabel| {
        (word(label.kind).to_owned(), clean(&label.label).into_owned(), stored(label.count))
    };
    replace_rows!(
        tx,
        day_on,
        (String, String, i64),
        LABELS_OF,
        DELETE_LABELS,
        rollup.labels.iter().map(label).collect(),
        "INSERT INTO bot_labels (day_on, kind, label, event_count) SELECT column1, column2, column3, column4 FROM",
        |row| ["text": row.0.as_str(), "text": row.1.as_str(), "bigint": row.2]
    );
    Ok(())
}

async fn replace_queries(tx: &mut Tx, rollup: &BotRollup) -> Result<()> {
    let day_on = rollup.day.day_on;
    let query = |query: &DayQuery| {
        let (key, wording) = (clean(&query.key).into_owned(), clean(&query.query).into_owned());
        (key, wording, stored(query.searches), stored(query.empty))
    };
    replace_rows!(
        tx,
        day_on,
        (String, String, i64, i64),
        QUERIES_OF,
        DELETE_QUERIES,
        rollup.queries.iter().map(query).collect(),
        "INSERT INTO bot_queries (day_on, query_key, query, search_count, empty_count) \
         SELECT column1, column2, column3, column4, column5 FROM",
        |row| ["text": row.0.as_str(), "text": row.1.as_str(), "bigint": row.2, "bigint": row.3]
    );
    Ok(())
}

async fn replace_starts(tx: &mut Tx, rollup: &BotRollup) -> Result<()> {
    let day_on = rollup.day.day_on;
    let mut sources: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for entry in &rollup.entries {
        let source = clean(entry.source.as_deref().unwrap_or_default()).into_owned();
        let (starts, new) = sources.entry(source).or_default();
        *starts += stored(entry.starts);
        *new += stored(entry.new_users);
    }
    replace_rows!(
        tx,
        day_on,
        (String, i64, i64),
        STARTS_OF,
        DELETE_STARTS,
        sources.into_iter().map(|(source, (starts, new))| (source, starts, new)).collect(),
        "INSERT INTO bot_starts (day_on, source, start_count, new_count) SELECT column1, column2, column3, column4 FROM",
        |row| ["text": row.0.as_str(), "bigint": row.1, "bigint": row.2]
    );
    Ok(())
}

/// Gives the users whose day is another than before.
async fn replace_users(tx: &mut Tx, rollup: &BotRollup) -> Result<BTreeSet<i64>> {
    let day_on = rollup.day.day_on;
    let mut known: BTreeMap<i64, (i64, i64)> = fetch_all!((i64, i64, i64), *tx, USERS_OF, day_on)?
        .into_iter()
        .map(|(user_id, steps, path)| (user_id, (steps, path)))
        .collect();
    let mut changed = BTreeSet::new();
    let mut rows = Vec::new();
    for user in &rollup.users {
        if known.remove(&user.user_id) != Some((user.steps.to_bits(), user.path.to_bits())) {
            changed.insert(user.user_id);
            rows.push(user);
        }
    }
    save_users(tx, day_on, &rows).await?;
    // Whoever is left did something on the day as known and nothing any more.
    for user_id in known.into_keys() {
        execute!(*tx, DELETE_USER, user_id, day_on)?;
        changed.insert(user_id);
    }
    Ok(changed)
}

async fn save_users(tx: &mut Tx, day_on: NaiveDate, users: &[&UserDay]) -> Result<()> {
    bulk!(
        tx,
        users,
        "INSERT INTO user_days (user_id, day_on, steps, path) SELECT column1, column2, column3, column4 FROM",
        |user| [
            "bigint": user.user_id,
            "date": day_on,
            "bigint": user.steps.to_bits(),
            "bigint": user.path.to_bits(),
        ],
        "WHERE TRUE ON CONFLICT (user_id, day_on) DO UPDATE SET steps = excluded.steps, path = excluded.path"
    );
    Ok(())
}

/// The word stored for a kind of label.
pub(super) fn word(kind: LabelKind) -> &'static str {
    match kind {
        LabelKind::Scenario => "scenario",
        LabelKind::ErrorType => "error_type",
        LabelKind::UnknownType => "unknown_type",
    }
}

/// As the databases hold it.
pub(super) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Counts are never negative: the columns hold what [`stored`] wrote.
pub(super) fn count(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}
