//! `svodka chats`: which chats the bot has seen, with the ids the configuration needs.

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;

use crate::app::poller_settings;
use crate::bot::list_chats_once;
use crate::clock::{SharedClock, SystemClock};
use crate::settings::Settings;
use crate::store::deliveries::SeenChat;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints stored chats and those of updates nobody has read yet.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let store = super::open_store(&settings).await?;
    let clock: SharedClock = Arc::new(SystemClock);
    match list_chats_once(&poller_settings(&settings)?, &clock).await {
        Ok(seen) => {
            for chat in &seen {
                store.save_seen_chat(chat).await?;
            }
        }
        Err(error) => eprintln!("new updates could not be read ({error}); these are the chats seen before"),
    }
    let chats = store.list_seen_chats().await?;
    if args.json {
        let list: Vec<_> = chats
            .iter()
            .map(|chat| {
                json!({ "id": chat.id, "kind": chat.kind, "title": chat.title, "topic": chat.topic,
                        "topic_title": chat.topic_title, "seen_at": chat.seen_at })
            })
            .collect();
        say!("{}", serde_json::to_string_pretty(&list)?);
        return Ok(ExitCode::SUCCESS);
    }
    if chats.is_empty() {
        say!("no chats yet: add the bot to a chat, write a word there, and run this again");
    }
    for chat in &chats {
        say!("{}", line(chat));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(chat: &SeenChat) -> String {
    let topic = chat.topic.map_or_else(String::new, |topic| {
        format!(
            "  topic {topic}{}",
            chat.topic_title.as_ref().map_or_else(String::new, |title| format!(" «{title}»"))
        )
    });
    format!("{:>16}  {:<10} {}{topic}", chat.id, chat.kind, chat.title)
}
