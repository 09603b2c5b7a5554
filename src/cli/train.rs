//! `svodka train`: the text model from labelled conversations. The same files give the same bytes.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use chrono::NaiveDate;

use super::evaluate::{read, read_all};
use crate::text::lexicon::Lexicon;
use crate::text::train::{Options, train};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Labelled conversations, one JSON object a line
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Where to write the model
    #[arg(long)]
    out: PathBuf,
    /// Date for the header of the model
    #[arg(long, value_parser = super::parse_day)]
    date: NaiveDate,
    /// Ids of conversations to leave out, one a line, so that the model can be measured on them
    #[arg(long)]
    hold_out: Option<PathBuf>,
}

/// Trains and writes the model.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut conversations = read_all(&args.files)?;
    if let Some(path) = &args.hold_out {
        let text = read(path)?;
        let ids: HashSet<&str> = text.lines().map(str::trim).collect();
        conversations.retain(|conversation| !ids.contains(conversation.id.as_str()));
    }
    anyhow::ensure!(!conversations.is_empty(), "nothing is left to train on");
    let model = train(&conversations, Lexicon::shipped(), Options::default(), &args.date.to_string());
    let bytes = model.to_bytes();
    std::fs::write(&args.out, &bytes).with_context(|| format!("cannot write {}", args.out.display()))?;
    say!("{}: {} conversations, {} kB", args.out.display(), conversations.len(), bytes.len() / 1000);
    Ok(ExitCode::SUCCESS)
}
