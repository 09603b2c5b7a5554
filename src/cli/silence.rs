//! `svodka silence`: what ops do not want to hear of for a while, with an author, a reason and an end.

use std::process::ExitCode;

use anyhow::bail;
use chrono::TimeDelta;
use clap::Subcommand;
use serde_json::json;

use crate::clock::{Clock, SystemClock};
use crate::settings::Settings;
use crate::store::silences::{Covers, Silence};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, Subcommand)]
enum Word {
    /// Silence a kind or a key for a while
    #[command(
        after_help = "Example: svodka silence add --kind source_down --for 3h --by Anna --reason 'переезд CRM'"
    )]
    Add {
        #[command(flatten)]
        covers: What,
        /// For how long: 30m, 2h, up to 7d
        #[arg(long = "for", value_name = "TIME", value_parser = super::parse_span)]
        span: TimeDelta,
        /// Who silences
        #[arg(long, env = "USER", hide_env_values = true, value_parser = super::parse_author)]
        by: String,
        /// Why
        #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        reason: String,
    },
    /// Show the silences that hold
    #[command(after_help = "Example: svodka silence list --json")]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End a silence before its time
    #[command(after_help = "Example: svodka silence end 3 --by Anna")]
    End {
        /// Number from `svodka silence list`
        id: i64,
        /// Who ends it
        #[arg(long, env = "USER", hide_env_values = true, value_parser = super::parse_author)]
        by: String,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Incidents of this kind, as in docs/operations.md
    #[arg(long)]
    kind: Option<String>,
    /// The incident with this key, as in `svodka incidents`; `*` at its end stands for anything
    #[arg(long)]
    key: Option<String>,
}

/// Adds, lists or ends.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let store = super::open_store(&settings).await?;
    let now = SystemClock.now();
    let local =
        |at: crate::clock::Instant| at.with_timezone(&settings.zone).format("%Y-%m-%d %H:%M").to_string();
    match args.word {
        Word::Add { covers, span, by, reason } => {
            let covers = match (covers.kind, covers.key) {
                (Some(kind), _) => Covers::Kind(kind),
                (None, key) => Covers::Key(key.unwrap_or_default()),
            };
            let id = store.add_silence(&covers, &by, &reason, now + span, now).await?;
            say!(
                "silence {id}: {} until {}; end it with: svodka silence end {id}",
                words(&covers),
                local(now + span)
            );
        }
        Word::List { json: true } => {
            let list: Vec<_> = store.list_silences(now).await?.iter().map(as_value).collect();
            say!("{}", serde_json::to_string_pretty(&list)?);
        }
        Word::List { json: false } => {
            let held = store.list_silences(now).await?;
            if held.is_empty() {
                say!("nothing is silenced");
            }
            for one in held {
                let (what, until) = (words(&one.covers), local(one.ends_at));
                say!("{:>4} {what:<36} until {until}  by {}: {}", one.id, one.author, one.reason);
            }
        }
        Word::End { id, by } => {
            if !store.end_silence(id, &by, now).await? {
                bail!("there is no silence {id} that holds; `svodka silence list` shows them");
            }
            say!("silence {id} is ended");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn words(covers: &Covers) -> String {
    match covers {
        Covers::Kind(kind) => format!("kind {kind}"),
        Covers::Key(key) => format!("key {key}"),
    }
}

fn as_value(one: &Silence) -> serde_json::Value {
    let (kind, key) = match &one.covers {
        Covers::Kind(kind) => (Some(kind), None),
        Covers::Key(key) => (None, Some(key)),
    };
    json!({
        "silence": one.id, "kind": kind, "key": key, "by": one.author, "reason": one.reason,
        "created_at": one.created_at, "ends_at": one.ends_at,
    })
}
