//! A copy of the database in a folder, proven by reading it back.
//!
//! The file gets its name only after it was read back into a scratch database and compared row by row, so whatever bears
//! the name is a backup. The folder should be on another disk than the database; [`super::offsite`] sends it to a bucket.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use chrono::{NaiveDateTime, TimeDelta};
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use secrecy::ExposeSecret;

use super::Work;
use super::offsite::Offsite;
use crate::clock::Instant;
use crate::schedule::runner::{JobContext, JobError};
use crate::settings::BackupSettings;
use crate::store::backup::{self, BackupError, Summary};
use crate::store::runs::RunResult;

const PREFIX: &str = "svodka-";
const SUFFIX: &str = ".jsonl.gz";
const STAMP: &str = "%Y%m%dt%H%M%Sz";

/// A backup that was written and read back.
#[derive(Debug, Clone)]
pub struct Backup {
    pub path: PathBuf,
    pub summary: Summary,
    /// Of the file.
    pub bytes: u64,
}

/// The job: one more backup, and the oldest ones go.
pub async fn run(work: &Work, context: &JobContext) -> Result<RunResult, JobError> {
    let settings = &work.settings.backup;
    if settings.folder.is_none() && settings.s3.is_none() {
        let note = "backup.folder: there is no folder to write to; set SVODKA__BACKUP__FOLDER".to_owned();
        return Err(JobError { reason: "not_configured", note, is_permanent: true });
    }
    let url = work.settings.database_url.expose_secret();
    let note = make(url, settings, context.now).await.map_err(failed)?;
    Ok(RunResult { note: Some(note), ..RunResult::default() })
}

/// One more backup wherever the settings want one, and the oldest go there. One sentence about it.
///
/// # Errors
/// As [`write`] and [`Offsite::keep`]. A copy in the folder stays when the bucket fails.
pub async fn make(url: &str, settings: &BackupSettings, now: Instant) -> Result<String, BackupError> {
    let offsite = settings.s3.as_ref().map(Offsite::new).transpose()?;
    let passing = settings.folder.is_none().then(|| std::env::temp_dir().join("svodka-backup"));
    let folder = settings.folder.as_deref().or(passing.as_deref()).unwrap_or(Path::new("."));
    let made = write(url, folder, now).await?;
    let mut words = describe(&made);
    if let Some(offsite) = &offsite {
        let kept = offsite.keep(&made.path).await;
        if passing.is_some() {
            fs::remove_file(&made.path)?;
        }
        kept?;
        words.push_str(&format!(
            "; sent to the bucket, {} old ones removed there",
            offsite.prune(settings, now).await?
        ));
    }
    if passing.is_none() {
        words.push_str(&format!("; {} old ones removed", prune(folder, settings, now)?));
    }
    Ok(words)
}

/// Writes a backup of the database at `url` into `folder` and proves it.
///
/// # Errors
/// As [`backup::write`] and [`backup::check`]; nothing is left behind then.
pub async fn write(url: &str, folder: &Path, now: Instant) -> Result<Backup, BackupError> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("{PREFIX}{}{SUFFIX}", now.format(STAMP)));
    let part = path.with_extension("part");
    let made = write_and_check(url, &part, now).await;
    match made {
        Ok(summary) => {
            let bytes = fs::metadata(&part)?.len();
            fs::rename(&part, &path)?;
            Ok(Backup { path, summary, bytes })
        }
        Err(error) => {
            // Whatever is there is no backup.
            let _ = fs::remove_file(&part);
            Err(error)
        }
    }
}

async fn write_and_check(url: &str, part: &Path, now: Instant) -> Result<Summary, BackupError> {
    let mut out = GzEncoder::new(BufWriter::new(File::create(part)?), Compression::default());
    let written = backup::write(url, &mut out, now).await?;
    let mut file = out.finish()?;
    file.flush()?;
    file.get_ref().sync_all()?;
    let read = backup::check(url, &mut open(part)?).await?;
    if read != written {
        return Err(BackupError::Differs("the file does not say what was written into it".to_owned()));
    }
    Ok(written)
}

/// Opens a backup for reading.
pub fn open(path: &Path) -> io::Result<BufReader<GzDecoder<BufReader<File>>>> {
    Ok(BufReader::new(GzDecoder::new(BufReader::new(File::open(path)?))))
}

/// One sentence about a backup.
pub fn describe(made: &Backup) -> String {
    format!(
        "{}: {} rows in {} tables, {} KiB, read back and compared",
        made.path.display(),
        made.summary.rows(),
        made.summary.tables.len(),
        made.bytes.div_ceil(1024)
    )
}

/// Removes backups that are both older than the settings keep and not among the newest they keep; how many.
fn prune(folder: &Path, settings: &BackupSettings, now: Instant) -> io::Result<usize> {
    let backups: Vec<(Instant, PathBuf)> = fs::read_dir(folder)?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((made_at(path.file_name()?.to_str()?)?, path))
        })
        .collect();
    let surplus = surplus(backups, settings, now);
    for path in &surplus {
        fs::remove_file(path)?;
    }
    Ok(surplus.len())
}

/// Which of the backups made then need not be kept.
pub(super) fn surplus<T: Ord>(
    mut backups: Vec<(Instant, T)>,
    settings: &BackupSettings,
    now: Instant,
) -> Vec<T> {
    backups.sort();
    let keep_for = TimeDelta::from_std(settings.keep_for).unwrap_or(TimeDelta::MAX);
    let old = backups.len().saturating_sub(settings.keep_count);
    let old = backups.into_iter().take(old).filter(|(made_at, _)| now - *made_at > keep_for);
    old.map(|(_, which)| which).collect()
}

/// When a file of this name was made; `None` for files that are not ours.
pub(super) fn made_at(name: &str) -> Option<Instant> {
    let stamp = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    Some(NaiveDateTime::parse_from_str(stamp, STAMP).ok()?.and_utc())
}

fn failed(error: BackupError) -> JobError {
    let is_permanent = matches!(error, BackupError::Unfit(_) | BackupError::Differs(_));
    JobError { reason: error.reason(), note: error.to_string(), is_permanent }
}
