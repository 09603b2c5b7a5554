//! A round over log files: rotated, compressed, renamed, cut — each line once.
//!
//! First every file is placed: by inode and beginning, or, when it has a new inode, by the digest of all that was read of
//! it. Then each is read from its place on. A last line without its end waits for the next round.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;

use super::cursor::{Chain, Cursor, FileMark};
use super::lines::{LineLength, Lines, head};
use super::record::{Line, hex, parse_line};
use super::{SOURCE_LLM_USAGE, UsageBatch};
use crate::clock::Instant;
use crate::collect::CollectError;

/// Calls per step.
const BATCH_RECORDS: usize = 2_000;
/// Bytes per step, for logs in which calls are rare.
const BATCH_BYTES: u64 = 32 << 20;
/// A file that is gone may come back compressed; after this long nobody waits for it.
const FORGET_AFTER: TimeDelta = TimeDelta::days(14);

/// One round under way. Its steps block on the disk.
pub struct Round {
    cursor: Cursor,
    queue: VecDeque<Planned>,
    open: Option<Lines>,
    now: Instant,
    /// Calls before this are not taken any more, once the first load is through.
    oldest: Instant,
    is_through: bool,
}

/// A file and its place in `cursor.files`.
struct Planned {
    path: PathBuf,
    mark: usize,
}

struct Found {
    path: PathBuf,
    metadata: Metadata,
}

impl Round {
    /// Lists and places the files. `path` is a folder, or a file whose rotated siblings (`bot.log.1`, `bot.log-20260101.gz`)
    /// are read with it.
    ///
    /// # Errors
    /// `not_found`, `unreadable` or `unreachable` when the path cannot be listed.
    pub fn plan(path: &Path, known: Cursor, oldest: Instant, now: Instant) -> Result<Self, CollectError> {
        let found = list(path).map_err(|error| failure(path, &error))?;
        let mut round = Self {
            cursor: Cursor { is_loaded: known.is_loaded, files: Vec::new() },
            queue: VecDeque::new(),
            open: None,
            now,
            oldest,
            is_through: true,
        };
        let mut continued = BTreeSet::new();
        for file in found {
            match place(&file, &known.files, now) {
                Ok(placed) => {
                    continued.extend(placed.of);
                    let mark = round.cursor.files.len();
                    if placed.has_news {
                        round.queue.push_back(Planned { path: file.path, mark });
                    }
                    round.cursor.files.push(placed.mark);
                }
                // Renamed under our eyes: the next round finds it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => round.is_through = false,
                Err(error) => return Err(failure(&file.path, &error)),
            }
        }
        let gone = known.files.into_iter().enumerate().filter(|(index, _)| !continued.contains(index));
        let gone =
            gone.map(|(_, mark)| mark).filter(|mark| mark.offset > 0 && mark.seen_at + FORGET_AFTER > now);
        let gone: Vec<_> = gone.map(|mark| FileMark { ino: 0, ..mark }).collect();
        round.cursor.files.extend(gone);
        Ok(round)
    }

    /// The next calls; `None` when everything was read. Keep them together with [`Round::cursor`].
    pub fn next_batch(&mut self) -> Result<Option<UsageBatch>, CollectError> {
        let mut batch = UsageBatch::default();
        let mut bytes = 0;
        while let Some(planned) = self.queue.front() {
            let (path, mark) = (planned.path.clone(), planned.mark);
            match self.read(&path, mark, &mut batch, &mut bytes) {
                Ok(true) => {}
                Ok(false) => return Ok(Some(batch)),
                // Still being compressed: what is whole was read.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) =>
                {
                    batch.drop_one("bad_gzip");
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.is_through = false,
                Err(error) => return Err(failure(&path, &error)),
            }
            self.open = None;
            self.queue.pop_front();
        }
        let is_empty = batch == UsageBatch::default();
        Ok(if is_empty { None } else { Some(batch) })
    }

    /// What to keep with the calls handed out so far.
    pub fn cursor(&self) -> Cursor {
        self.cursor.clone()
    }

    /// The cursor at the end, and whether nothing was missed on the way.
    pub fn finish(mut self) -> (Cursor, bool) {
        self.cursor.is_loaded |= self.is_through;
        (self.cursor, self.is_through)
    }

    /// Reads on; whether the end was reached.
    fn read(
        &mut self,
        path: &Path,
        mark: usize,
        batch: &mut UsageBatch,
        bytes: &mut u64,
    ) -> io::Result<bool> {
        let known = &mut self.cursor.files[mark];
        let lines = match &mut self.open {
            Some(lines) => lines,
            None => {
                let file = File::open(path)?;
                let metadata = file.metadata()?;
                if (metadata.dev(), metadata.ino()) != (known.dev, known.ino) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                self.open.insert(Lines::resume(file, known.offset, known.chain().unwrap_or_default())?)
            }
        };
        let beginning = head(path)?;
        let mut line = Vec::new();
        let is_loaded = self.cursor.is_loaded;
        let end = loop {
            let from = lines.offset;
            match lines.next_line(&mut line) {
                Ok(None) => break Ok(true),
                Ok(Some(LineLength::TooLong)) => batch.drop_one("line_too_long"),
                Ok(Some(LineLength::Fits)) => match parse_line(&line, &hex(&lines.chain), self.now) {
                    Line::Usage(usage) if is_loaded && usage.used_at < self.oldest => {
                        batch.drop_one("too_old")
                    }
                    Line::Usage(usage) => batch.records.push(usage),
                    Line::Other => {}
                    Line::Unusable(reason) => batch.drop_one(reason),
                },
                Err(error) => break Err(error),
            }
            *bytes += lines.offset - from;
            if batch.records.len() >= BATCH_RECORDS || *bytes >= BATCH_BYTES {
                break Ok(false);
            }
        };
        known.advance(lines.offset, lines.chain, &beginning);
        end
    }
}

/// Where reading of a file goes on.
struct Placed {
    mark: FileMark,
    /// The mark it continues, if it was known.
    of: Option<usize>,
    has_news: bool,
}

fn place(file: &Found, known: &[FileMark], now: Instant) -> io::Result<Placed> {
    let metadata = &file.metadata;
    let (dev, ino, size) = (metadata.dev(), metadata.ino(), metadata.len());
    let modified_micros = metadata.mtime() * 1_000_000 + metadata.mtime_nsec() / 1_000;
    let fresh = FileMark {
        dev,
        ino,
        size,
        modified_micros,
        offset: 0,
        chain: String::new(),
        head: String::new(),
        seen_at: now,
    };
    let beginning = head(&file.path).or_else(|error| match error.kind() {
        // Not readable yet, or never: reading it says which.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            Ok(Vec::new())
        }
        _ => Err(error),
    })?;
    let own = known.iter().position(|mark| (mark.dev, mark.ino) == (dev, ino) && mark.begins(&beginning));
    if let Some(index) = own {
        let mark = &known[index];
        let is_same = (mark.size, mark.modified_micros) == (size, modified_micros);
        let moved =
            FileMark { offset: mark.offset, chain: mark.chain.clone(), head: mark.head.clone(), ..fresh };
        // A compressed file is smaller than its text; one that changed is placed by its content.
        if is_same || size >= mark.offset {
            return Ok(Placed { mark: moved, of: own, has_news: !is_same });
        }
        return by_content(file, known, &beginning, fresh);
    }
    by_content(file, known, &beginning, fresh)
}

/// The known file that this one continues, by the digest of all that was read of it; else from the beginning.
fn by_content(file: &Found, known: &[FileMark], beginning: &[u8], fresh: FileMark) -> io::Result<Placed> {
    let candidates: Vec<(usize, u64, Chain)> = known
        .iter()
        .enumerate()
        .filter(|(_, mark)| mark.offset > 0 && mark.begins(beginning))
        .filter_map(|(index, mark)| Some((index, mark.offset, mark.chain()?)))
        .collect();
    let mut best = Placed { mark: fresh, of: None, has_news: true };
    let Some(furthest) = candidates.iter().map(|(_, offset, _)| *offset).max() else { return Ok(best) };
    let mut lines = Lines::open(&file.path)?;
    let mut line = Vec::new();
    // A damaged file is placed by what of it can be read.
    while lines.offset < furthest && matches!(lines.next_line(&mut line), Ok(Some(_))) {
        if let Some((index, ..)) =
            candidates.iter().find(|(_, offset, chain)| (*offset, *chain) == (lines.offset, lines.chain))
        {
            best.mark.advance(lines.offset, lines.chain, beginning);
            best.of = Some(*index);
        }
    }
    Ok(best)
}

/// Files to read, oldest first; each inode once.
fn list(path: &Path) -> io::Result<Vec<Found>> {
    let is_folder = fs::metadata(path).map(|metadata| metadata.is_dir());
    // Between two files of a rotation the file itself may be missing; its folder may not.
    let (folder, prefix) = match is_folder {
        Ok(true) => (path, None),
        _ => (
            path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")),
            path.file_name(),
        ),
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_ours = match prefix {
            Some(prefix) => name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes()),
            None => !name.as_encoded_bytes().starts_with(b"."),
        };
        match fs::metadata(entry.path()) {
            Ok(metadata) if is_ours && metadata.is_file() => {
                found.push(Found { path: entry.path(), metadata })
            }
            _ => {}
        }
    }
    if found.is_empty() && is_folder.is_err() {
        return Err(io::ErrorKind::NotFound.into());
    }
    found.sort_by_key(|file| (file.metadata.mtime(), file.metadata.mtime_nsec(), file.path.clone()));
    let mut seen = BTreeSet::new();
    found.retain(|file| seen.insert((file.metadata.dev(), file.metadata.ino())));
    Ok(found)
}

fn failure(path: &Path, error: &io::Error) -> CollectError {
    let (reason, fix) = match error.kind() {
        io::ErrorKind::NotFound => ("not_found", "correct LLM_LOG_PATH, or mount the folder"),
        io::ErrorKind::PermissionDenied => ("unreadable", "let the worker's user read it"),
        _ => ("unreachable", "check the disk"),
    };
    let message = format!("cannot read the log {} ({}); {fix}", path.display(), error.kind());
    CollectError { source_name: SOURCE_LLM_USAGE, reason, message, is_permanent: reason != "unreachable" }
}
