//! Copies of the database: there and back, and what is refused.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sqlx::Connection;
use svodka::jobs::backup::{open, write};
use svodka::schedule::runner::RunOutcome;
use svodka::store::Store;
use svodka::store::backup::{BackupError, check, restore};
use svodka::store::runs::RunState;

use crate::support::postgres;
use crate::support::stores::{Given, for_each_store};
use crate::support::worker::{World, at};

/// A worker's life so far: facts, a digest, its deliveries.
async fn lived(given: &Given) -> World {
    let world = World::open(given.url()).await;
    let worker = world.worker(1).await;
    world.clock.advance(chrono::TimeDelta::minutes(2));
    let outcomes = worker.work().await;
    assert!(outcomes.iter().any(|outcome| matches!(outcome, RunOutcome::Succeeded { .. })), "{outcomes:?}");
    world
}

/// Runs `scenario` with the address of an empty database of the same kind.
async fn with_empty(given: &Given, folder: &Path, scenario: impl AsyncFnOnce(String)) {
    if given.backend() == "sqlite" {
        return scenario(format!("sqlite://{}/other.db", folder.display())).await;
    }
    let database = postgres::cluster().expect("this scenario runs on PostgreSQL").database().await;
    // Databases of the cluster are born with our schema.
    let mut connection = sqlx::PgConnection::connect(&database.url()).await.unwrap();
    sqlx::raw_sql("DROP SCHEMA IF EXISTS svodka CASCADE").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    scenario(database.url()).await;
    database.remove().await;
}

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

fn repacked(folder: &Path, text: &str) -> std::path::PathBuf {
    let path = folder.join("changed.jsonl.gz");
    let mut out = GzEncoder::new(std::fs::File::create(&path).unwrap(), flate2::Compression::fast());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap();
    path
}

#[tokio::test]
async fn a_backup_restores_every_row_and_ids_go_on_where_they_stood() {
    for_each_store(async |given| {
        lived(&given).await;
        let folder = tempfile::tempdir().unwrap();
        let now = at("2026-08-20T23:30:00Z");
        let made = write(given.url(), folder.path(), now).await.unwrap();
        assert_eq!(made.path.file_name().unwrap(), "svodka-20260820t233000z.jsonl.gz");
        let rows = |table: &str| made.summary.tables.iter().find(|sum| sum.table == table).unwrap().rows;
        assert!(rows("messages") > 5 && rows("runs") > 0 && rows("deliveries") > 0 && rows("history") > 0);

        with_empty(&given, folder.path(), async |other| {
            let restored = restore(&other, &mut open(&made.path).unwrap(), false, now).await.unwrap();
            assert_eq!(restored, (made.summary.clone(), None));
            let again = write(&other, &folder.path().join("again"), now).await.unwrap();
            assert_eq!(again.summary, made.summary);

            let (before, after) = (given.store.clone(), Store::connect(&other).await.unwrap());
            after.migrate().await.unwrap();
            let ids = async |store: &Store| store.insert_manual_run("daily", now, None, now).await.unwrap();
            assert_eq!(ids(&after).await, ids(&before).await);
            assert_eq!(after.count_facts().await.unwrap(), before.count_facts().await.unwrap());
            after.close().await;
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_not_empty_is_refused_or_set_aside_but_never_lost() {
    for_each_store(async |given| {
        lived(&given).await;
        let folder = tempfile::tempdir().unwrap();
        let now = at("2026-08-20T23:30:00Z");
        let made = write(given.url(), folder.path(), now).await.unwrap();
        with_empty(&given, folder.path(), async |other| {
            let input = || open(&made.path).unwrap();
            restore(&other, &mut input(), false, now).await.unwrap();
            let refused = restore(&other, &mut input(), false, now).await;
            assert!(matches!(refused, Err(BackupError::NotEmpty)), "{refused:?}");
            let (_, aside) = restore(&other, &mut input(), true, now).await.unwrap();
            let aside = aside.expect("what was there has a name");
            let again = write(&other, &folder.path().join("again"), now).await.unwrap();
            assert_eq!(again.summary, made.summary);
            if given.backend() == "sqlite" {
                let old = write(&format!("sqlite://{aside}"), &folder.path().join("old"), now).await.unwrap();
                assert_eq!(old.summary, made.summary);
            } else {
                assert_eq!(aside, "schema svodka_before_20260820t233000z");
            }
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_backup_that_was_cut_or_changed_is_refused_with_its_line() {
    for_each_store(async |given| {
        lived(&given).await;
        let folder = tempfile::tempdir().unwrap();
        let made = write(given.url(), folder.path(), at("2026-08-20T23:30:00Z")).await.unwrap();
        let text = unpacked(&made.path);
        assert!(text.contains("Чабрецова"), "the name to be changed is not there");
        let cut: String = text.lines().take(20).map(|line| format!("{line}\n")).collect();
        for (changed, words) in [
            (cut, "breaks off"),
            (text.replace("Чабрецова", "Чабрецов"), "do not add up"),
            ("{\"name\":1}\n".to_owned(), "not a backup"),
            (text.replace("\"migration\":", "\"migration\":9"), "newer version"),
        ] {
            let path = repacked(folder.path(), &changed);
            let error = check(given.url(), &mut open(&path).unwrap()).await.unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        // The scratch of a failed check is gone, and the next one works.
        let summary = check(given.url(), &mut open(&made.path).unwrap()).await.unwrap();
        assert_eq!(summary, made.summary);
        let other = if given.backend() == "sqlite" { "postgres" } else { "sqlite" };
        let text = text.replacen(&format!("\"{}\"", given.backend()), &format!("\"{other}\""), 1);
        let path = repacked(folder.path(), &text);
        let error = check(given.url(), &mut open(&path).unwrap()).await.unwrap_err();
        assert!(matches!(error, BackupError::Unfit(_)), "{error}");
    })
    .await;
}

#[tokio::test]
async fn the_job_keeps_the_newest_backups_and_those_not_yet_old() {
    for_each_store(async |given| {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::open(given.url()).await;
        for (name, value) in
            [("FOLDER", folder.path().to_str().unwrap()), ("KEEP_COUNT", "2"), ("KEEP_FOR", "36h")]
        {
            world.set(&format!("SVODKA__BACKUP__{name}"), value);
        }
        world.set("SVODKA__JOBS__BACKUP__ENABLED", "true");
        world.set("SVODKA__JOBS__SYNC__ENABLED", "false");
        world.set("SVODKA__JOBS__DAILY__ENABLED", "false");
        let worker = world.worker(1).await;
        std::fs::write(folder.path().join("svodka-notes.txt"), "somebody's own").unwrap();
        for _ in 0..5 {
            world.clock.advance(chrono::TimeDelta::days(1));
            worker.work().await;
        }
        let mut names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let days: Vec<&str> =
            names.iter().filter_map(|name| name.strip_prefix("svodka-202608")?.get(..2)).collect();
        assert_eq!(days, ["24", "25"], "{names:?}");
        assert!(names.contains(&"svodka-notes.txt".to_owned()));
        let runs = worker.app.store.list_runs(Some("backup"), 10).await.unwrap();
        assert!(runs.len() >= 5 && runs.iter().all(|run| run.state == RunState::Succeeded), "{runs:?}");
        assert!(runs[0].note.as_ref().unwrap().contains("read back and compared"), "{runs:?}");
    })
    .await;
}

#[tokio::test]
async fn the_commands_say_what_is_missing_and_how_to_mend_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/svodka.db", folder.path().display());
    let store = Store::connect(&url).await.unwrap();
    store.migrate().await.unwrap();
    let svodka = |arguments: &[&str]| {
        let program = Command::new(env!("CARGO_BIN_EXE_svodka"))
            .args(arguments)
            .env_clear()
            .env("DATABASE_URL", &url)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let text = String::from_utf8(program.stdout).unwrap() + &String::from_utf8(program.stderr).unwrap();
        (program.status.code().unwrap(), text)
    };
    let (code, text) = svodka(&["backup"]);
    assert!(code == 2 && text.contains("--to FOLDER"), "{code} {text}");
    let (code, text) = svodka(&["backup", "--to", "copies"]);
    assert!(code == 0 && text.contains("read back and compared"), "{code} {text}");
    let file = text.split(": ").next().unwrap().to_owned();
    let (code, text) = svodka(&["restore", &file]);
    assert!(code == 2 && text.contains("--overwrite"), "{code} {text}");
    let (code, text) = svodka(&["restore", &file, "--overwrite"]);
    assert!(code == 0 && text.contains("what was there is now"), "{code} {text}");
    let (code, text) = svodka(&["restore", "nowhere.jsonl.gz"]);
    assert!(code == 1 && text.contains("nowhere.jsonl.gz"), "{code} {text}");
    store.close().await;
}
