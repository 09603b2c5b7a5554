//! Both databases give the same answer to every store method.
//!
//! Each scenario runs on a fresh SQLite file and on a fresh PostgreSQL database. A lease that has ended is made by a
//! length of zero: lease time is the database's, and nothing here sleeps.

mod attempts;
mod bot_days;
mod chat;
mod concurrency;
mod connections;
mod facts;
mod files;
mod incidents;
mod jobs;
mod llm;
mod marks;
mod outbox;
mod pollers;
mod quality;
mod receipts;
mod reconcile;
mod refinements;
mod runs;
mod silences;
mod sources;
mod texts;

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta};
use svodka::clock::Instant;
use svodka::store::outbox::{Action, NewDelivery, Policy};

use crate::support::postgres;

/// A lease long enough to never end during a test.
const LONG: i64 = 600;
/// A lease that has ended as soon as it is taken.
const ENDED: i64 = 0;

/// 2026-08-20 06:00 UTC plus so many minutes, with a fraction that both databases must keep.
fn at(minutes: i64) -> Instant {
    DateTime::from_timestamp(1_787_205_600, 123_456_000).unwrap() + TimeDelta::minutes(minutes)
}

/// A plain message for a chat.
fn message(key: &str, chat: &str) -> NewDelivery {
    NewDelivery {
        key: key.to_owned(),
        run_id: None,
        chat: chat.to_owned(),
        part: 1,
        part_count: 1,
        action: Action::Send,
        html: format!("<b>{key}</b>"),
        plain: key.to_owned(),
        public_id: "d-0820-k3f9".to_owned(),
        policy: Policy::AtLeastOnce,
        expires_at: None,
        is_silent: false,
        keyboard: None,
    }
}

fn sources_in(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "rs")).collect();
    assert!(!files.is_empty());
    files
}

#[test]
fn every_method_of_the_store_is_called_by_this_suite() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &PathBuf| fs::read_to_string(path).unwrap();
    let suite: String = sources_in(&root.join("tests/store_contract")).iter().map(read).collect();
    let mut methods = Vec::new();
    for path in sources_in(&root.join("src/store")) {
        let text = read(&path);
        let names = text.split("pub async fn ").skip(1);
        methods.extend(names.map(|rest| rest.split(['(', '<']).next().unwrap().to_owned()));
    }
    assert!(methods.len() > 50, "the guard found only {} methods", methods.len());
    let is_called =
        |name: &&String| suite.contains(&format!(".{name}(")) || suite.contains(&format!("::{name}("));
    let uncalled: Vec<_> = methods.iter().filter(|name| !is_called(name)).collect();
    assert!(uncalled.is_empty(), "no scenario calls {uncalled:?}");
}

#[test]
fn every_fixed_statement_comes_from_the_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    for path in sources_in(&folder) {
        let text = fs::read_to_string(&path).unwrap();
        let is_macro_file = path.ends_with("sql.rs");
        for call in ["sqlx::query(", "sqlx::query_as(", "sqlx::query_as::<", "AssertSqlSafe"] {
            assert!(
                is_macro_file || !text.contains(call),
                "{} runs a statement past `queries!`",
                path.display()
            );
        }
    }
}

#[test]
fn this_machine_says_whether_it_runs_the_scenarios_on_postgres() {
    match postgres::cluster() {
        Some(_) => postgres::say("the store's scenarios run on SQLite and on PostgreSQL"),
        None => postgres::say("POSTGRESQL TESTS NOT RUN: the store's scenarios ran on SQLite only"),
    }
}
