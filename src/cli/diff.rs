//! `svodka diff RUN RUN`: what changed between two digests.

use std::process::ExitCode;

use super::replay::stored_digest;
use crate::jobs::diff::{changes, readable};
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Number of the older run
    old: i64,
    /// Number of the newer run
    new: i64,
    /// Print JSON: path, old, new, as stored
    #[arg(long)]
    json: bool,
}

/// Prints a line per field. Exit codes as of `diff`: 0 equal, 1 different, 2 trouble.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match compare(args).await {
        Ok(code) => Ok(code),
        Err(error) if super::is_broken_pipe(&error) => Err(error),
        // 1 would say that the digests differ.
        Err(error) => {
            eprintln!("svodka: {}", super::chain(&error));
            Ok(ExitCode::from(2))
        }
    }
}

async fn compare(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let store = super::open_store(&settings).await?;
    let old = stored_digest(&store, args.old).await?.body;
    let new = stored_digest(&store, args.new).await?.body;
    let changes = changes(&old, &new);
    if args.json {
        say!("{}", serde_json::to_string_pretty(&changes)?);
    } else {
        let currency = |body: &serde_json::Value| body["currency"].as_str().unwrap_or_default().to_owned();
        for change in &changes {
            say!(
                "{}: {} → {}",
                change.path,
                readable(&change.path, change.old.as_ref(), &currency(&old)),
                readable(&change.path, change.new.as_ref(), &currency(&new))
            );
        }
    }
    Ok(if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
