//! The views and the questions of `docs/metabase.md` tell the digest's figures.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate, TimeDelta, Weekday};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row as _, SqliteConnection};
use svodka::clock::ManualClock;
use svodka::facts::bot::{BotFigures, Retention};
use svodka::jobs::rollup::roll_range;
use svodka::measure::Period;

use super::database::{BotDatabase, Row, app};
use super::random::{DAYS, world};
use crate::support::stores::{Given, for_each_store};

const STEPS: [&str; 6] = ["start", "session", "search", "cart", "cart_limit", "survey"];
/// Columns of `bot_overview` that add up over days.
const SUMS: [&str; 14] = [
    "dau",
    "new_users",
    "starts",
    "sessions",
    "searches",
    "searches_empty",
    "carts_created",
    "carts_with_sum",
    "gmv",
    "cart_limits_hit",
    "surveys_completed",
    "errors",
    "llm_calls",
    "billable_tokens",
];

#[tokio::test]
async fn views_and_questions_tell_the_figures_of_the_digest() {
    for_each_store(async |given| {
        let world = world(1);
        let database = BotDatabase::beside(&given, world.metadata_type).await;
        let clock =
            ManualClock::new(Period::day(world.first_on, world.zone).from + TimeDelta::hours(DAYS * 24 + 36));
        let app = app(&given, &database.url(), &clock, &[("SVODKA__TIMEZONE", world.zone.name())]).await;
        let rows: Vec<Row> = world.written.iter().map(|event| event.row.clone()).collect();
        database.insert(&rows).await;
        let today = world.first_on + Days::new(DAYS as u64 + 1);
        roll_range(&app.work, world.first_on - Days::new(2), today, None).await.unwrap();
        given.execute(&tokens(world.first_on)).await;

        let monday = world.first_on - Days::new(world.first_on.weekday().num_days_from_monday().into());
        let mut ranges = vec![(world.first_on, today + Days::new(1))];
        for (days, back) in [(1, 0), (1, 9), (7, 0), (7, 20), (30, 1), (30, 5)] {
            ranges.push((today - Days::new(back + days), today - Days::new(back)));
        }
        for (from_on, until_on) in ranges {
            // As known now: the newest day still runs, its carts are known.
            let now = given.bot_figures(from_on, until_on, today + Days::new(1)).await.unwrap();
            overview(&given, &now).await;
            funnel(&given, &now).await;
            if given.backend() == "postgres" {
                questions(&given, &now).await;
            }
        }
        let by_day = world.first_on.iter_days().take_while(|day_on| *day_on <= today);
        let mut seen_carts = 0;
        for day_on in by_day {
            let day = given.bot_figures(day_on, day_on + Days::new(1), today + Days::new(1)).await.unwrap();
            seen_carts += sources(&given, &day).await;
        }
        assert!(seen_carts > 10, "no source led to a cart");
        let mut returned = 0;
        for week in 0..6 {
            let from_on = monday + Days::new(7 * week);
            let figures = given.bot_figures(from_on, from_on + Days::new(7), today).await.unwrap();
            returned += cohorts(&given, &figures).await;
        }
        assert!(returned > 0, "nobody came back");
        app.store.close().await;
        database.remove().await;
    })
    .await;
}

/// Calls and Langfuse on one day, Langfuse alone on the next.
fn tokens(day_on: NaiveDate) -> String {
    let next = day_on + Days::new(1);
    format!(
        "INSERT INTO llm_days (day_on, source, model, call_count, prompt_tokens, completion_tokens, precached_tokens, \
         billable_tokens) VALUES ('{day_on}', 'calls', 'a', 2, 10, 5, 1, 14), ('{day_on}', 'calls', 'b', 1, 7, 1, 0, 8), \
         ('{day_on}', 'langfuse', 'a', 9, 99, 99, 9, 189), ('{next}', 'langfuse', 'a', 3, 20, 4, 0, 24)"
    )
}

async fn overview(given: &Given, figures: &BotFigures) {
    let sums = SUMS.map(|column| format!("sum({column})")).join(", ");
    let found = numbers(given, &format!("{sums} FROM bot_overview WHERE {}", within(figures))).await;
    let sum = |value: fn(&svodka::facts::bot::BotDay) -> u64| -> f64 {
        figures.days.iter().map(value).sum::<u64>() as f64
    };
    let gmv = figures.days.iter().map(|day| day.gmv.0).sum::<i64>() as f64 / 100.0;
    let calls = figures.tokens.iter().map(|model| model.calls).sum::<u64>() as f64;
    let billable = figures.tokens.iter().map(|model| model.billable_tokens).sum::<u64>() as f64;
    let expected = [
        sum(|day| day.dau),
        sum(|day| day.new_users),
        sum(|day| day.starts),
        sum(|day| day.sessions),
        sum(|day| day.searches),
        sum(|day| day.searches_empty),
        sum(|day| day.carts_created),
        sum(|day| day.carts_with_sum),
        gmv,
        sum(|day| day.cart_limits_hit),
        sum(|day| day.surveys_completed),
        sum(|day| day.errors),
        calls,
        billable,
    ];
    for ((column, found), expected) in SUMS.iter().zip(&found[0]).zip(expected) {
        assert!((found.unwrap_or(0.0) - expected).abs() < 0.001, "{column}: {found:?}, not {expected}");
    }
    let ratios = format!(
        "searches_empty_ratio, average_cart, carts_per_user, error_ratio FROM bot_overview WHERE {} ORDER BY day_on",
        within(figures)
    );
    let found = numbers(given, &ratios).await;
    assert_eq!(found.len(), figures.days.len());
    let over = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    for (found, day) in found.iter().zip(&figures.days) {
        let gmv = u64::try_from(day.gmv.0).unwrap();
        let expected = [
            over(day.searches_empty, day.searches),
            over(gmv, day.carts_with_sum).map(|kopecks| kopecks.round() / 100.0),
            over(day.carts_created, day.cart_users),
            over(day.errors, day.errors + day.searches + day.carts_created),
        ];
        assert_same(found, &expected, &day.day_on.to_string());
    }
}

async fn funnel(given: &Given, figures: &BotFigures) {
    for (step, expected) in STEPS.iter().zip(figures.funnel_open) {
        let sql = format!(
            "count(DISTINCT user_id) FROM bot_funnel_users WHERE step = '{step}' AND {}",
            within(figures)
        );
        assert_eq!(numbers(given, &sql).await, [[Some(expected as f64)]], "{step}");
    }
}

async fn sources(given: &Given, day: &BotFigures) -> u64 {
    for source in &day.sources {
        let name = source.source.as_deref().unwrap_or_default().replace('\'', "''");
        let sql = format!(
            "starts, new_users, users, cart_users FROM bot_sources WHERE source = '{name}' AND {}",
            within(day)
        );
        let expected = [source.starts, source.new_users, source.users, source.cart_users];
        assert_eq!(numbers(given, &sql).await, [expected.map(|count| Some(count as f64))], "{source:?}");
    }
    let count = numbers(given, &format!("count(*) FROM bot_sources WHERE {}", within(day))).await;
    assert_eq!(count, [[Some(day.sources.len() as f64)]]);
    day.sources.iter().map(|source| source.cart_users).sum()
}

async fn cohorts(given: &Given, week: &BotFigures) -> u64 {
    let sums = [1, 7, 30].map(|n| format!("sum(d{n}_mature_users), sum(d{n}_returned_users)")).join(", ");
    let found = numbers(given, &format!("{sums} FROM bot_cohorts WHERE week_on = '{}'", week.from_on)).await;
    let expected: Vec<_> =
        week.retention.iter().flat_map(|one| [one.cohort_users, one.retained_users]).collect();
    let found: Vec<_> = found[0].iter().map(|value| value.unwrap_or(0.0) as u64).collect();
    assert_eq!(found, expected, "week of {}", week.from_on);
    week.retention.iter().map(|one| one.retained_users).sum()
}

/// The blocks of the page, as a reader would paste them.
async fn questions(given: &Given, figures: &BotFigures) {
    let page = include_str!("../../docs/metabase.md");
    let mut answers = BTreeMap::new();
    for section in page.split("\n### ").skip(1) {
        let (title, rest) = section.split_once('\n').unwrap();
        let sql = rest.split("```sql\n").nth(1).and_then(|rest| rest.split("```").next());
        let sql = sql.unwrap_or_else(|| panic!("«{title}» has no question"));
        let sql = sql
            .replace("{{from_on}}", &format!("DATE '{}'", figures.from_on))
            .replace("{{until_on}}", &format!("DATE '{}'", figures.until_on));
        let mut connection = PgConnection::connect(given.url()).await.unwrap();
        let sql = format!("SELECT CAST(to_jsonb(answer) AS TEXT) FROM ({sql}) AS answer");
        let rows: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
        let rows: Vec<Value> = rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        answers.insert(title.to_owned(), rows);
    }
    assert_eq!(answers.len(), 7);
    let column = |title: &str, name: &str| -> Vec<f64> {
        answers[title].iter().map(|row| row[name].as_f64().unwrap_or_default()).collect()
    };
    let days = |value: fn(&svodka::facts::bot::BotDay) -> f64| -> Vec<f64> {
        figures.days.iter().map(value).collect()
    };
    assert_eq!(column("Overview: DAU", "dau"), days(|day| day.dau as f64));
    assert_eq!(column("Overview: new users", "new_users"), days(|day| day.new_users as f64));
    assert_eq!(column("Overview: GMV", "gmv"), days(|day| day.gmv.0 as f64 / 100.0));
    assert_eq!(column("Overview: errors", "errors"), days(|day| day.errors as f64));
    let funnel: Vec<f64> =
        figures.funnel_open.iter().filter(|users| **users > 0).map(|users| *users as f64).collect();
    assert_eq!(column("Funnel", "users"), funnel);

    let told: BTreeMap<String, [f64; 4]> = answers["Sources"]
        .iter()
        .map(|row| {
            let counts =
                ["starts", "new_users", "users", "cart_users"].map(|name| row[name].as_f64().unwrap());
            (row["source"].as_str().unwrap().to_owned(), counts)
        })
        .collect();
    let expected: BTreeMap<String, [f64; 4]> = figures
        .sources
        .iter()
        .map(|of| {
            let counts = [of.starts, of.new_users, of.users, of.cart_users].map(|count| count as f64);
            (of.source.clone().unwrap_or_default(), counts)
        })
        .collect();
    assert_eq!(told, expected);

    let weeks = figures.from_on.iter_days().take_while(|day_on| *day_on < figures.until_on);
    let weeks = weeks.filter(|day_on| day_on.weekday() == Weekday::Mon).count();
    assert!(answers["Cohorts"].len() <= weeks && (weeks < 4 || !answers["Cohorts"].is_empty()));
    for row in &answers["Cohorts"] {
        let from_on: NaiveDate = row["week_on"].as_str().unwrap().parse().unwrap();
        let newest = numbers_of_newest(given).await;
        let week = given.bot_figures(from_on, from_on + Days::new(7), newest).await.unwrap();
        let ratio = |one: &Retention| {
            (one.cohort_users > 0).then(|| one.retained_users as f64 / one.cohort_users as f64)
        };
        let expected: Vec<_> = week.retention.iter().map(ratio).collect();
        assert_same(&["d1", "d7", "d30"].map(|name| row[name].as_f64()), &expected, "cohort");
    }
}

async fn numbers_of_newest(given: &Given) -> NaiveDate {
    let mut connection = PgConnection::connect(given.url()).await.unwrap();
    let newest = sqlx::query_scalar("SELECT max(day_on) FROM svodka.daily_stats");
    newest.fetch_one(&mut connection).await.unwrap()
}

fn within(figures: &BotFigures) -> String {
    format!("day_on >= '{}' AND day_on < '{}'", figures.from_on, figures.until_on)
}

fn assert_same(found: &[Option<f64>], expected: &[Option<f64>], what: &str) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let is_same = match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
            (found, expected) => found == expected,
        };
        assert!(is_same, "{what}: {found:?}, not {expected:?}");
    }
}

/// `SELECT {columns FROM …}`, everything as a number.
async fn numbers(given: &Given, select: &str) -> Vec<Vec<Option<f64>>> {
    let (columns, from) = select.split_once(" FROM ").unwrap();
    let columns: Vec<_> =
        columns.split(", ").map(|column| format!("CAST({column} AS DOUBLE PRECISION)")).collect();
    let count = columns.len();
    let prefix = if given.backend() == "sqlite" { "" } else { "svodka." };
    let sql = AssertSqlSafe(format!("SELECT {} FROM {prefix}{from}", columns.join(", ")));
    if given.backend() == "sqlite" {
        let mut connection = SqliteConnection::connect(given.url()).await.unwrap();
        let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
        rows.iter().map(|row| (0..count).map(|column| row.get(column)).collect()).collect()
    } else {
        let mut connection = PgConnection::connect(given.url()).await.unwrap();
        let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
        rows.iter().map(|row| (0..count).map(|column| row.get(column)).collect()).collect()
    }
}
