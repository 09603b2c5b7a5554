//! Starts of the bot, and what crosses days: how far each start led within its days, which start came before it, who started
//! first when and by what, and who came back.
//!
//! A day that is rolled up again changes the entries of the days before it, the links of the next ones and the cohorts it belongs
//! to, and nothing else; only those are looked at. A day after which nothing is known only adds to them ([`append`]).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{Days, NaiveDate};

use super::Result;
use super::bot_days::stored;
use super::bulk::bulk;
use super::facts_save::clean;
use super::pool::Tx;
use super::sql::{execute, execute_of, fetch_all, fetch_of, queries, same};
use crate::facts::bot::BotStep;
use crate::facts::bot_days::{BotRollup, DayEntry, FUNNEL_DAYS, Path, Progress, Steps, offset};

macro_rules! columns {
    () => {
        "day_on, user_id, source, start_count, new_count, is_first, is_carted, cart_offset, progress"
    };
}

/// The last day before with a start of the user; `$more` narrows it.
macro_rules! previous {
    ($user:literal, $day:literal, $more:literal) => {
        concat!(
            "(SELECT max(earlier.day_on) FROM bot_entries AS earlier WHERE earlier.user_id = ",
            $user,
            " AND earlier.day_on < ",
            $day,
            $more,
            ")"
        )
    };
}

/// Links entries to those before them.
macro_rules! link {
    () => {
        concat!(
            "UPDATE bot_entries AS entry SET previous_on = ",
            previous!("entry.user_id", "entry.day_on", ""),
            ", source_previous_on = ",
            previous!("entry.user_id", "entry.day_on", " AND earlier.source = entry.source"),
            " WHERE "
        )
    };
}

/// A statement about the users that are its last parameter, between two texts.
macro_rules! of_users {
    ([$($before:expr),+], $parameter:literal, $after:literal) => {
        [
            concat!($($before,)+ " IN (SELECT value FROM json_each(", $parameter, "))", $after),
            concat!($($before,)+ " = ANY(", $parameter, ")", $after),
        ]
    };
}

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
    ENTRIES_OF = same!("SELECT ", columns!(), " FROM bot_entries WHERE day_on = $1");
    ENTRIES_BEFORE = of_users!(
        ["SELECT ", columns!(), " FROM bot_entries WHERE day_on > $1 AND day_on < $2 AND user_id"],
        "$3",
        ""
    );
    DAYS_OF = of_users!(
        ["SELECT user_id, day_on, steps, path FROM user_days WHERE day_on > $1 AND day_on < $2 AND user_id"],
        "$3",
        " ORDER BY user_id, day_on"
    );
    FIRST_STARTS = of_users!(
        [
            "SELECT entry.user_id, entry.day_on, entry.source, known.first_on AS known_on, \
             known.source AS known_source FROM bot_entries AS entry \
             LEFT JOIN bot_users AS known ON known.user_id = entry.user_id \
             WHERE entry.is_first AND NOT EXISTS (SELECT 1 FROM bot_entries AS earlier \
             WHERE earlier.user_id = entry.user_id AND earlier.day_on < entry.day_on) AND entry.user_id"
        ],
        "$1",
        ""
    );
    LINK_NEXT = of_users!(
        [
            link!(),
            "day_on > $1 AND (previous_on IS NULL OR previous_on <= $1 OR source_previous_on IS NULL \
             OR source_previous_on <= $1) AND user_id"
        ],
        "$2",
        ""
    );
    // Rows that a worker of a version without these columns wrote.
    LINK_UNLINKED = same!(
        link!(), "day_on = $1 AND (previous_on IS NULL AND ", previous!("entry.user_id", "entry.day_on", ""),
        " IS NOT NULL OR source_previous_on IS NULL AND ",
        previous!("entry.user_id", "entry.day_on", " AND earlier.source = entry.source"), " IS NOT NULL)",
    );
    DELETE_ENTRY = same!("DELETE FROM bot_entries WHERE day_on = $1 AND user_id = $2 AND source = $3");
    DELETE_USER = same!("DELETE FROM bot_users WHERE user_id = $1");
    // Entries that the day $1 leads on: it has the step that comes next for them (as `Progress` is stored, steps not reached are
    // the high fifteens), or their first cart.
    LED_ON = same!(
        "SELECT entry.day_on, entry.user_id, entry.source, entry.cart_offset, entry.progress, today.steps, today.path ",
        "FROM user_days AS today JOIN bot_entries AS entry ON entry.user_id = today.user_id ",
        "WHERE today.day_on = $1 AND entry.day_on > $2 AND entry.day_on < $1 AND (",
        "(today.steps & CASE WHEN entry.progress < 15728640 THEN 0 WHEN entry.progress < 16711680 THEN 32 ",
        "WHEN entry.progress < 16773120 THEN 16 WHEN entry.progress < 16776960 THEN 8 ",
        "WHEN entry.progress < 16777200 THEN 4 WHEN entry.progress < 16777215 THEN 2 ELSE 1 END) <> 0 ",
        "OR (entry.cart_offset IS NULL AND (today.steps & 8) <> 0))",
    );
    NEW_USERS = same!(
        "INSERT INTO bot_users (user_id, first_on, source) SELECT user_id, day_on, source FROM bot_entries ",
        "WHERE day_on = $1 AND is_first AND previous_on IS NULL ON CONFLICT (user_id) DO NOTHING",
    );
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
    let known = fetch_all!(EntryRow, *tx, ENTRIES_OF, day_on)?;
    let mut known: BTreeMap<_, EntryRow> = known.into_iter().map(|row| (row.key(), row)).collect();
    let (mut entered, mut rows, mut around) = (BTreeSet::new(), Vec::new(), Vec::new());
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
    let users: Vec<i64> = active.union(&entered).copied().collect();
    if !users.is_empty() {
        around.retain(|row| users.binary_search(&row.user_id).is_ok());
        around.extend(fetch_of!(EntryRow, tx, ENTRIES_BEFORE, [day_on - funnel(), day_on], &users)?);
        let days_of = days_around(tx, day_on, &users).await?;
        let days_of = |user_id| days_of.get(&user_id).map_or(&[][..], Vec::as_slice);
        for row in &mut rows {
            row.lead(days_of(row.user_id));
        }
        for mut row in around {
            let before = row.clone();
            row.lead(days_of(row.user_id));
            if row != before {
                rows.push(row);
            }
        }
        save(tx, &rows).await?;
    }
    if !entered.is_empty() {
        let entered: Vec<i64> = entered.iter().copied().collect();
        execute_of!(tx, LINK_NEXT, [day_on], &entered)?;
    }
    execute!(*tx, LINK_UNLINKED, day_on)?;
    let mut cohorts = first_starts(tx, &entered).await?;
    if !active.is_empty() {
        cohorts.extend(cohorts_of(day_on));
    }
    came_back(tx, &cohorts).await
}

/// Adds the starts of a day after which nothing is known, `user_days` included: what it leads to follows from the day and from
/// what is known, without the days in between.
pub(super) async fn append(tx: &mut Tx, rollup: &BotRollup) -> Result<()> {
    let day_on = rollup.day.day_on;
    let days: HashMap<i64, PlacedDay> =
        rollup.users.iter().map(|user| (user.user_id, (day_on, user.steps, user.path))).collect();
    let mut rows: Vec<EntryRow> = rollup.entries.iter().map(|entry| EntryRow::new(day_on, entry)).collect();
    for row in &mut rows {
        row.lead(days.get(&row.user_id).map_or(&[][..], std::slice::from_ref));
    }
    save(tx, &rows).await?;
    let mut led: Vec<LedRow> = fetch_all!(LedRow, *tx, LED_ON, day_on, day_on - funnel())?;
    for row in &mut led {
        row.lead(day_on);
    }
    bulk!(
        tx,
        led,
        "UPDATE bot_entries SET cart_offset = v.column4, progress = v.column5 FROM",
        |row| [
            "date": row.day_on,
            "bigint": row.user_id,
            "text": row.source.as_str(),
            "bigint": row.cart_offset,
            "bigint": row.progress,
        ],
        "WHERE bot_entries.day_on = v.column1 AND bot_entries.user_id = v.column2 AND bot_entries.source = v.column3"
    );
    execute!(*tx, NEW_USERS, day_on)?;
    came_back(tx, &cohorts_of(day_on).into()).await
}

/// An entry, and the day that leads it on.
#[derive(sqlx::FromRow)]
struct LedRow {
    day_on: NaiveDate,
    user_id: i64,
    source: String,
    cart_offset: Option<i64>,
    progress: i64,
    steps: i64,
    path: i64,
}

impl LedRow {
    fn lead(&mut self, today: NaiveDate) {
        let Some(offset) = offset(self.day_on, today) else { return };
        if Steps::from_bits(self.steps).has(BotStep::Cart) {
            self.cart_offset.get_or_insert(i64::from(offset));
        }
        let mut progress = Progress::from_bits(self.progress);
        progress.then(offset, Path::from_bits(self.path));
        self.progress = progress.to_bits();
    }
}

fn funnel() -> Days {
    Days::new(u64::from(FUNNEL_DAYS))
}

/// The cohorts of which a day may be the one to come back on.
fn cohorts_of(day_on: NaiveDate) -> [(NaiveDate, u64); 3] {
    [1, 7, 30].map(|days| (day_on - Days::new(days), days))
}

async fn save(tx: &mut Tx, rows: &[EntryRow]) -> Result<()> {
    bulk!(
        tx,
        rows,
        concat!(
            "INSERT INTO bot_entries (",
            columns!(),
            ", previous_on, source_previous_on) SELECT column1, column2, column3, column4, column5, column6, column7, \
             column8, column9, ",
            previous!("column2", "column1", ""),
            ", ",
            previous!("column2", "column1", " AND earlier.source = column3"),
            " FROM"
        ),
        |row| [
            "date": row.day_on,
            "bigint": row.user_id,
            "text": row.source.as_str(),
            "bigint": row.start_count,
            "bigint": row.new_count,
            "boolean": row.is_first,
            "boolean": row.is_carted,
            "bigint": row.cart_offset,
            "bigint": row.progress,
        ],
        "WHERE TRUE ON CONFLICT (day_on, user_id, source) DO UPDATE SET start_count = excluded.start_count, \
         new_count = excluded.new_count, is_first = excluded.is_first, is_carted = excluded.is_carted, \
         cart_offset = excluded.cart_offset, progress = excluded.progress, previous_on = excluded.previous_on, \
         source_previous_on = excluded.source_previous_on"
    );
    Ok(())
}

/// A day of a user, with its day.
type PlacedDay = (NaiveDate, Steps, Path);

/// The users' days that belong to an entry which `day_on` belongs to, ascending.
async fn days_around(tx: &mut Tx, day_on: NaiveDate, users: &[i64]) -> Result<HashMap<i64, Vec<PlacedDay>>> {
    type Row = (i64, NaiveDate, i64, i64);
    let rows = fetch_of!(Row, tx, DAYS_OF, [day_on - funnel(), day_on + funnel()], users)?;
    let mut days_of: HashMap<i64, Vec<PlacedDay>> = HashMap::new();
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
    if users.is_empty() {
        return Ok(BTreeSet::new());
    }
    let list: Vec<i64> = users.iter().copied().collect();
    let rows = fetch_of!(FirstRow, tx, FIRST_STARTS, [], &list)?;
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
    bulk!(
        tx,
        changed,
        "INSERT INTO bot_users (user_id, first_on, source) SELECT column1, column2, column3 FROM",
        |row| ["bigint": row.user_id, "date": row.day_on, "text": row.source.as_str()],
        "WHERE TRUE ON CONFLICT (user_id) DO UPDATE SET first_on = excluded.first_on, source = excluded.source"
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
