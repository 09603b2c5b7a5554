//! `svodka evaluate`: how well the text analysis agrees with people.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::text::corpus::read_labelled;
use crate::text::evaluate::{Scores, cross_validate, evaluate, evaluate_mask, target};
use crate::text::lexicon::Lexicon;
use crate::text::train::Options;
use crate::text::{Conversation, Model};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Labelled conversations, one JSON object a line
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Also train and measure this many times, each time on conversations the training has not seen
    #[arg(long, value_parser = clap::value_parser!(u8).range(2..=20))]
    folds: Option<u8>,
    /// Conversations that every training of the folds may use, and that are measured in none
    #[arg(long, requires = "folds")]
    with: Vec<PathBuf>,
}

/// Reads labelled conversations of several files.
pub(super) fn read_all(files: &[PathBuf]) -> anyhow::Result<Vec<Conversation>> {
    let mut all = Vec::new();
    for path in files {
        let text = read(path)?;
        all.extend(read_labelled(&text).with_context(|| path.display().to_string())?);
    }
    anyhow::ensure!(!all.is_empty(), "no conversations in these files");
    Ok(all)
}

pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Prints the tables.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let conversations = read_all(&args.files)?;
    let lexicon = Lexicon::shipped();
    let model = Model::shipped().context("the compiled-in text model is damaged")?;
    let (seen, unseen): (Vec<_>, Vec<_>) =
        conversations.iter().partition(|conversation| model.has_seen(conversation));
    if !unseen.is_empty() {
        say!("Shipped model ({}), conversations it was not trained on:", model.origin.trained_on);
        table(&evaluate(model, &unseen, lexicon))?;
    }
    if !seen.is_empty() {
        say!(
            "Shipped model ({}), conversations it WAS TRAINED ON: this shows its memory, not its skill:",
            model.origin.trained_on
        );
        table(&evaluate(model, &seen, lexicon))?;
    }
    if let Some(folds) = args.folds {
        say!("Cross-validation, {folds} folds by conversation, trained anew for each:");
        let more = if args.with.is_empty() { Vec::new() } else { read_all(&args.with)? };
        table(&cross_validate(&conversations, &more, lexicon, usize::from(folds), Options::default()))?;
    }
    let masking = evaluate_mask(&conversations.iter().collect::<Vec<_>>(), lexicon);
    say!(
        "Masking: a labelled piece counts as found when nothing of it is left, a masked one as right when it touches a labelled one:"
    );
    let is_reached =
        masking.recall().is_some_and(|r| r >= 0.99) && masking.precision().is_some_and(|p| p >= 0.95);
    say!(
        "{:<24} {:>7}  P {} (target 0.95)  R {} (target 0.99)  {}",
        "pii",
        masking.spans,
        share(masking.precision()),
        share(masking.recall()),
        if is_reached { "reached" } else { "not reached" }
    );
    Ok(ExitCode::SUCCESS)
}

fn table(scores: &Scores) -> anyhow::Result<()> {
    say!("{} conversations, {} messages", scores.conversations, scores.messages);
    say!("{:<24} {:>7}  {:>6}  {:>5}  {:>5}  {:>5}  reached", "label", "support", "target", "P", "R", "F1");
    let (mut reached, mut labels) = (0, 0);
    for (name, score) in scores.named() {
        let (precision, recall, f1) = (share(score.precision()), share(score.recall()), share(score.f1()));
        let target = target(&name);
        let is_reached = score.f1().is_some_and(|f1| f1 >= target);
        labels += 1;
        reached += usize::from(is_reached);
        let word = if is_reached { "yes" } else { "no" };
        say!("{name:<24} {:>7}  {target:>6.2}  {precision}  {recall}  {f1}  {word}", score.support);
    }
    say!("{reached} of {labels} labels reach their target");
    say!("");
    Ok(())
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "    –".to_owned(), |value| format!("{value:.3}"))
}
