//! `svodka deliveries`: what became of the messages, and what a person may do about one. Never shows a text.

use std::process::ExitCode;

use anyhow::bail;
use chrono::TimeDelta;
use clap::Subcommand;
use serde_json::json;

use crate::clock::{Clock, Instant, SystemClock};
use crate::settings::Settings;
use crate::store::Store;
use crate::store::operator::{Changed, DeliveryChange};
use crate::store::outbox::{DeliveryRow, DeliveryState};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    change: Option<Change>,
    /// Only those in this state: pending, sending, sent, dead, unknown
    #[arg(long)]
    state: Option<DeliveryState>,
    /// How many, latest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=1000))]
    limit: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Change {
    /// Send a dead delivery after all
    #[command(after_help = "Example: svodka deliveries retry 42 --by Anna")]
    Retry(Which),
    /// Give up a delivery that waits
    #[command(after_help = "Example: svodka deliveries drop 42 --by Anna")]
    Drop(Which),
    /// Send a sent message once more, marked «повтор»
    #[command(after_help = "Example: svodka deliveries resend 42 --by Anna")]
    Resend(Which),
}

#[derive(Debug, clap::Args)]
struct Which {
    /// Number from `svodka deliveries`
    id: i64,
    /// Who does it, for the record
    #[arg(long, env = "USER", hide_env_values = true, value_parser = super::parse_author)]
    by: String,
}

/// Lists deliveries or changes one.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let store = super::open_store(&settings).await?;
    let now = SystemClock.now();
    match args.change {
        None => list(&store, args.state, args.limit, args.json, now).await,
        Some(change) => {
            say!("{}", apply(&store, change, now).await?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Makes the change; says what follows, or fails with why it cannot be.
async fn apply(store: &Store, change: Change, now: Instant) -> anyhow::Result<String> {
    let (changed, id, done) = match &change {
        Change::Retry(which) => {
            (store.retry_delivery(which.id, &which.by, now).await?, which.id, "is retried")
        }
        Change::Drop(which) => (store.drop_delivery(which.id, &which.by, now).await?, which.id, "is dropped"),
        Change::Resend(which) => {
            (store.resend_delivery(which.id, &which.by, now).await?, which.id, "is sent once more")
        }
    };
    match changed {
        Changed::Done { id: new } if new != id => Ok(format!("delivery {id} {done}, as delivery {new}")),
        Changed::Done { .. } => Ok(format!("delivery {id} {done}")),
        Changed::NotFound => bail!("there is no delivery {id}; `svodka deliveries` lists them"),
        Changed::Refused { state } => bail!("delivery {id} {}", refusal(&change, state)),
    }
}

/// Why a change is not for this state, and what is.
fn refusal(change: &Change, state: DeliveryState) -> &'static str {
    match (change, state) {
        (_, DeliveryState::Sending) => "is being sent right now; look again in a minute",
        (Change::Retry(_), DeliveryState::Pending) => "waits already and goes by itself",
        (Change::Retry(_), DeliveryState::Unknown) => {
            "is being looked for in the chat and goes on by itself; `drop` gives it up"
        }
        (Change::Retry(_), _) => "was sent; `resend` sends it once more",
        (Change::Drop(_), DeliveryState::Sent) => "was sent; there is nothing to drop",
        (Change::Drop(_), _) => "is dead already",
        (Change::Resend(_), DeliveryState::Dead) => "never arrived as far as is known; use `retry`",
        (Change::Resend(_), _) => "is not sent yet and goes by itself",
    }
}

async fn list(
    store: &Store,
    state: Option<DeliveryState>,
    limit: i64,
    as_json: bool,
    now: Instant,
) -> anyhow::Result<ExitCode> {
    let states: Vec<_> = state.into_iter().collect();
    let mut table = Vec::new();
    for row in store.list_deliveries(&states, limit).await? {
        let changes = store.list_delivery_changes(row.id).await?;
        table.push((row, changes));
    }
    if as_json {
        let list: Vec<_> = table.iter().map(|(row, changes)| as_value(row, changes, now)).collect();
        say!("{}", serde_json::to_string_pretty(&list)?);
    } else if table.is_empty() {
        say!("no deliveries");
    } else {
        for (row, changes) in &table {
            say!("{}", line(row, changes, now));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn as_value(row: &DeliveryRow, changes: &[DeliveryChange], now: Instant) -> serde_json::Value {
    let changes: Vec<_> = changes
        .iter()
        .map(|one| json!({ "change": one.change, "by": one.changed_by, "at": one.changed_at }))
        .collect();
    json!({
        "delivery": row.id, "key": row.key, "chat": row.chat, "state": row.state.as_str(), "reason": row.reason,
        "attempts": row.attempt_count, "age_secs": (now - row.created_at).num_seconds(),
        "number": row.public_id, "part": row.part, "parts": row.part_count, "message_id": row.message_id,
        "created_at": row.created_at, "finished_at": row.finished_at, "expires_at": row.expires_at,
        "repeat": row.is_repeat, "changes": changes,
    })
}

fn line(row: &DeliveryRow, changes: &[DeliveryChange], now: Instant) -> String {
    let by =
        changes.last().map_or_else(String::new, |last| format!(" ({} by {})", last.change, last.changed_by));
    format!(
        "{:>6} {:<28} {:<12} {:<8} attempts {:<3} age {:<7} {}{by}",
        row.id,
        row.key,
        row.chat,
        row.state.as_str(),
        row.attempt_count,
        age(now - row.created_at),
        row.reason.as_deref().unwrap_or_default(),
    )
    .trim_end()
    .to_owned()
}

/// `45s`, `12m`, `3h`, `8d`: the largest unit that is not 0.
fn age(age: TimeDelta) -> String {
    match age.num_seconds().max(0) {
        secs @ 0..60 => format!("{secs}s"),
        secs @ 60..3600 => format!("{}m", secs / 60),
        secs @ 3600..86400 => format!("{}h", secs / 3600),
        secs => format!("{}d", secs / 86400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_one_unit() {
        let shown = [0, 59, 60, 3599, 3600, 86_399, 86_400 * 8].map(|secs| age(TimeDelta::seconds(secs)));
        assert_eq!(shown, ["0s", "59s", "1m", "59m", "1h", "23h", "8d"]);
    }

    #[test]
    fn a_refusal_names_the_way_that_is_open() {
        let which = || Which { id: 1, by: "Анна".to_owned() };
        let told = |change, state| refusal(&change, state);
        assert!(told(Change::Retry(which()), DeliveryState::Sent).contains("resend"));
        assert!(told(Change::Resend(which()), DeliveryState::Dead).contains("retry"));
        assert!(told(Change::Retry(which()), DeliveryState::Unknown).contains("drop"));
        assert!(super::super::parse_author(" \n").is_err());
    }
}
