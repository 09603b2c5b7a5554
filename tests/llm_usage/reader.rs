//! Whatever happens to the log files between two readings, the totals are those of the lines.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use svodka::clock::Instant;
use svodka::collect::llm_usage::UsageBatch;
use svodka::collect::llm_usage::cursor::Cursor;
use svodka::collect::llm_usage::files::Round;
use tempfile::TempDir;

fn now() -> Instant {
    DateTime::from_timestamp(1_787_216_400, 0).unwrap()
}

/// What may happen to a log.
#[derive(Debug, Clone)]
enum Event {
    /// So many calls, among other lines.
    Append(u8),
    /// The previous line once more: another call of the same second.
    Repeat,
    /// A line is written in two pieces; the second follows with the next event.
    Torn,
    Rename,
    CopyAndTruncate,
    Compress,
    /// The compressor is caught in the middle.
    CompressHalf,
    Read,
    /// The reader is killed after its first step of a round.
    ReadAndLoseCursor,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (1_u8..30).prop_map(Event::Append),
        2 => Just(Event::Repeat),
        2 => Just(Event::Torn),
        2 => Just(Event::Rename),
        1 => Just(Event::CopyAndTruncate),
        2 => Just(Event::Compress),
        1 => Just(Event::CompressHalf),
        4 => Just(Event::Read),
        1 => Just(Event::ReadAndLoseCursor),
    ];
    prop::collection::vec(event, 1..40)
}

/// A folder with a log, its reader, and what both should agree on.
struct World {
    folder: TempDir,
    is_file: bool,
    line_count: u64,
    rotation_count: u32,
    last_line: String,
    torn: Option<String>,
    cursor: Cursor,
    expected_tokens: u64,
    expected_calls: u64,
    read: BTreeMap<String, u64>,
}

impl World {
    fn new(is_file: bool) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            is_file,
            line_count: 0,
            rotation_count: 0,
            last_line: String::new(),
            torn: None,
            cursor: Cursor::default(),
            expected_tokens: 0,
            expected_calls: 0,
            read: BTreeMap::new(),
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("bot.log")
    }

    fn write(&self, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn new_line(&mut self) -> String {
        self.line_count += 1;
        let at = now() - TimeDelta::seconds(100_000 - self.line_count as i64);
        format!(
            r#"{{"type":"llm_usage","ts":"{}","user_id":{},"model":"m","prompt":{},"completion":1}}"#,
            at.to_rfc3339(),
            self.line_count % 7,
            self.line_count
        )
    }

    fn counted(&mut self, line: &str) {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        self.expected_calls += 1;
        self.expected_tokens += record["prompt"].as_u64().unwrap() + 1;
        self.last_line = line.to_owned();
    }

    fn mend(&mut self) {
        if let Some(rest) = self.torn.take() {
            self.write(&format!("{rest}\n"));
        }
    }

    /// Names of rotated files that are not compressed.
    fn rotated(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut plain: Vec<_> =
            entries.filter(|path| *path != self.log() && path.extension().unwrap() != "gz").collect();
        plain.sort();
        plain
    }

    fn live(&mut self, event: &Event) {
        self.mend();
        match event {
            Event::Append(count) => {
                for _ in 0..*count {
                    let line = self.new_line();
                    self.write(&format!("{line}\nINFO something else\n{{\"type\":\"other\"}}\n"));
                    self.counted(&line);
                }
            }
            // As the first line of a file it would make the file a copy of another.
            Event::Repeat => {
                if !self.last_line.is_empty() && fs::metadata(self.log()).is_ok_and(|file| file.len() > 0) {
                    let line = self.last_line.clone();
                    self.write(&format!("{line}\n"));
                    self.counted(&line);
                }
            }
            Event::Torn => {
                let line = self.new_line();
                let (first, rest) = line.split_at(line.len() / 2);
                self.write(first);
                self.torn = Some(rest.to_owned());
                self.counted(&line);
            }
            Event::Rename | Event::CopyAndTruncate => {
                if !self.log().exists() {
                    return;
                }
                self.rotation_count += 1;
                let aside = self.folder.path().join(format!("bot.log.{}", self.rotation_count));
                if matches!(event, Event::Rename) {
                    fs::rename(self.log(), aside).unwrap();
                } else {
                    fs::copy(self.log(), aside).unwrap();
                    File::create(self.log()).unwrap();
                }
            }
            Event::Compress | Event::CompressHalf => {
                let Some(plain) = self.rotated().into_iter().next() else { return };
                let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
                packed.write_all(&fs::read(&plain).unwrap()).unwrap();
                let packed = packed.finish().unwrap();
                let target = PathBuf::from(format!("{}.gz", plain.display()));
                if matches!(event, Event::Compress) {
                    fs::write(target, packed).unwrap();
                    fs::remove_file(plain).unwrap();
                } else {
                    fs::write(target, &packed[..packed.len() * 2 / 3]).unwrap();
                }
            }
            Event::Read => self.read(false),
            Event::ReadAndLoseCursor => self.read(true),
        }
    }

    fn read(&mut self, loses_cursor: bool) {
        let path = if self.is_file { self.log() } else { self.folder.path().to_owned() };
        if fs::read_dir(self.folder.path()).unwrap().next().is_none() {
            return;
        }
        let oldest = now() - TimeDelta::days(30);
        let mut round = Round::plan(&path, self.cursor.clone(), oldest, now()).unwrap();
        while let Some(batch) = round.next_batch().unwrap() {
            self.keep(&batch);
        }
        let (cursor, is_through) = round.finish();
        assert!(is_through);
        // Through JSON, as the store keeps it.
        let text = serde_json::to_string(&cursor).unwrap();
        self.cursor = if loses_cursor { Cursor::default() } else { serde_json::from_str(&text).unwrap() };
    }

    fn keep(&mut self, batch: &UsageBatch) {
        assert!(batch.dropped.is_empty(), "{:?}", batch.dropped);
        for record in &batch.records {
            self.read.insert(record.key.clone(), record.billable_tokens);
        }
    }

    fn check(&self) {
        assert_eq!(self.read.len() as u64, self.expected_calls, "calls");
        assert_eq!(self.read.values().sum::<u64>(), self.expected_tokens, "tokens");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn any_rotation_compression_and_re_reading_gives_the_totals_of_the_lines(
        events in events(),
        is_file in any::<bool>(),
    ) {
        let mut world = World::new(is_file);
        world.live(&Event::Append(1));
        for event in &events {
            world.live(event);
        }
        world.mend();
        world.read(false);
        world.check();
        // Nothing new: nothing is read again.
        let path = if is_file { world.log() } else { world.folder.path().to_owned() };
        let mut round = Round::plan(&path, world.cursor.clone(), now(), now()).unwrap();
        prop_assert_eq!(round.next_batch().unwrap(), None);
    }
}

#[test]
fn a_line_without_its_end_waits_and_a_renamed_file_goes_on_where_it_was() {
    let mut world = World::new(true);
    world.live(&Event::Append(3));
    world.live(&Event::Torn);
    world.read(false);
    assert_eq!(world.read.len(), 3);
    world.live(&Event::Rename);
    world.live(&Event::Append(2));
    world.read(false);
    world.check();
    assert_eq!(world.read.len(), 6);
}

#[test]
fn a_call_that_comes_after_its_time_is_dropped_except_at_the_first_load() {
    let folder = tempfile::tempdir().unwrap();
    let old = r#"{"type":"llm_usage","ts":"2026-05-01T00:00:00Z","model":"m","prompt":5}"#;
    fs::write(folder.path().join("a.log"), format!("{old}\n")).unwrap();
    let read = |cursor: Cursor| {
        let mut round = Round::plan(folder.path(), cursor, now() - TimeDelta::days(30), now()).unwrap();
        let batch = round.next_batch().unwrap().unwrap_or_default();
        (batch.records.len(), batch.dropped, round.finish().0)
    };
    let (count, dropped, cursor) = read(Cursor::default());
    assert_eq!((count, dropped.len()), (1, 0));
    fs::write(folder.path().join("b.log"), format!("{{}}\n{old}\n")).unwrap();
    let (count, dropped, _) = read(cursor);
    assert_eq!((count, dropped), (0, BTreeMap::from([("too_old".to_owned(), 1)])));
}

#[test]
fn a_damaged_archive_is_told_once_and_keeps_no_other_file_from_being_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.gz"), [&[0x1f, 0x8b, 8, 0][..], &[0xff; 60]].concat()).unwrap();
    let line = r#"{"type":"llm_usage","ts":"2026-08-19T00:00:00Z","model":"m","prompt":5}"#;
    fs::write(folder.path().join("b.log"), format!("{line}\n")).unwrap();
    let mut round = Round::plan(folder.path(), Cursor::default(), now(), now()).unwrap();
    let batch = round.next_batch().unwrap().unwrap();
    assert_eq!((batch.records.len(), batch.dropped), (1, BTreeMap::from([("bad_gzip".to_owned(), 1)])));
    let (cursor, _) = round.finish();
    let mut round = Round::plan(folder.path(), cursor, now(), now()).unwrap();
    assert_eq!(round.next_batch().unwrap(), None);
}

#[test]
fn a_path_that_is_not_there_is_a_failure_with_its_fix() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("bot.log"), folder.path().join("no/bot.log")] {
        let error = Round::plan(&path, Cursor::default(), now(), now()).err().unwrap();
        assert_eq!(error.reason, "not_found", "{path:?}");
        assert!(error.message.contains("LLM_LOG_PATH"), "{}", error.message);
    }
    assert!(Round::plan(Path::new("/"), Cursor::default(), now(), now()).is_ok());
}
