//! `svodka replay RUN`: what a past run said.

use std::process::ExitCode;

use anyhow::bail;

use super::Format;
use super::preview::print_parts;
use crate::jobs::replay;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::runs::StoredDigest;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Number of the run, as `svodka runs` shows it
    run: i64,
    /// text: as people read it; html: as Telegram gets it
    #[arg(long, default_value = "text")]
    format: Format,
}

/// Prints the messages; sends nothing and writes nothing.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let store = super::open_store(&settings).await?;
    let parts = replay::of_stored(&store, &stored_digest(&store, args.run).await?, &settings).await?;
    match args.format {
        Format::Text => print_parts(&parts)?,
        Format::Html => {
            for part in &parts {
                say!("{}\n", part.html);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The digest of a run, or why there is none.
pub(super) async fn stored_digest(store: &Store, run_id: i64) -> anyhow::Result<StoredDigest> {
    if let Some(digest) = store.find_digest(run_id).await? {
        return Ok(digest);
    }
    match store.find_run(run_id).await? {
        Some(run) => bail!(
            "run {run_id} of `{}` left no digest ({}); see: svodka runs --job {0}",
            run.job,
            super::jobs::state(run.state)
        ),
        None => bail!("there is no run {run_id}; see: svodka runs"),
    }
}
