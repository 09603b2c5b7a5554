//! `svodka backup` and `svodka restore`: a copy of the database, there and back.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use secrecy::ExposeSecret;

use super::UsageError;
use crate::clock::{Clock, SystemClock};
use crate::jobs::backup;
use crate::settings::Settings;
use crate::store::backup::{BackupError, restore};

#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// Folder to write to (default: backup.folder and backup.s3)
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// A file that `svodka backup` wrote
    file: PathBuf,
    /// Set the present contents of the database aside instead of refusing
    #[arg(long)]
    overwrite: bool,
}

/// Writes a backup and proves it by reading it back.
pub(super) async fn backup(args: BackupArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let (url, now) = (settings.database_url.expose_secret(), SystemClock.now());
    let said = match args.to {
        Some(folder) => backup::describe(&backup::write(url, &folder, now).await.map_err(usage)?),
        None if settings.backup.folder.is_none() && settings.backup.s3.is_none() => {
            let fix = "there is no folder to write to; add --to FOLDER, or set SVODKA__BACKUP__FOLDER";
            return Err(UsageError(fix.to_owned()).into());
        }
        None => backup::make(url, &settings.backup, now).await.map_err(usage)?,
    };
    say!("{said}");
    Ok(ExitCode::SUCCESS)
}

/// Fills the database from a backup.
pub(super) async fn run_restore(args: RestoreArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let mut input = backup::open(&args.file).with_context(|| format!("{}", args.file.display()))?;
    let url = settings.database_url.expose_secret();
    let (summary, aside) =
        restore(url, &mut input, args.overwrite, SystemClock.now()).await.map_err(usage)?;
    if let Some(aside) = aside {
        say!("what was there is now {aside}");
    }
    say!(
        "{} rows in {} tables restored, as of {}",
        summary.rows(),
        summary.tables.len(),
        summary.created_at().with_timezone(&settings.zone).format("%Y-%m-%d %H:%M:%S")
    );
    Ok(ExitCode::SUCCESS)
}

/// What another call mends is a wrong usage, not a failure.
fn usage(error: BackupError) -> anyhow::Error {
    match error {
        BackupError::NotEmpty | BackupError::Unfit(_) => UsageError(error.to_string()).into(),
        error => error.into(),
    }
}
