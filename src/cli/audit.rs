//! `svodka audit`: who was refused in a chat, and who changed what there.

use std::process::ExitCode;

use serde_json::json;

use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many, latest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=1000))]
    limit: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints the rows; texts were never kept.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let store = super::open_store(&settings).await?;
    let rows = store.list_audit(args.limit).await?;
    if args.json {
        let list: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({ "at": row.asked_at, "chat": row.chat_id, "user": row.user_id, "command": row.command,
                        "subject": row.subject, "outcome": row.outcome, "reason": row.reason, "update": row.update_id })
            })
            .collect();
        say!("{}", serde_json::to_string_pretty(&list)?);
        return Ok(ExitCode::SUCCESS);
    }
    if rows.is_empty() {
        say!("nothing was refused and nothing changed from a chat so far");
    }
    for row in &rows {
        say!(
            "{}  chat {:<15} user {:<12} {:<8} /{} {} {}",
            row.asked_at.with_timezone(&settings.zone).format("%Y-%m-%d %H:%M:%S"),
            row.chat_id,
            row.user_id.map_or_else(|| "—".to_owned(), |id| id.to_string()),
            row.outcome,
            row.command,
            row.subject.as_deref().unwrap_or_default(),
            row.reason.as_deref().unwrap_or_default(),
        );
    }
    Ok(ExitCode::SUCCESS)
}
