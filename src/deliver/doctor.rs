//! Can the bot write where it is told to? Questions only; nothing is sent.

use std::collections::BTreeMap;

use serde_json::Value;

use super::telegram::{Answer, NoAnswer, TelegramClient};
use super::transport::ChatTarget;

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// `telegram bot`, `telegram chat managers`.
    pub name: String,
    /// What was seen, or what to fix; never the token.
    pub result: Result<String, String>,
}

/// Looks at the token, then at the bot's rights in every chat.
pub async fn check(client: &TelegramClient, targets: &BTreeMap<String, ChatTarget>) -> Vec<Check> {
    let me = match read(client.get_me().await) {
        Ok(me) => me,
        Err(why) => {
            let fix = format!("{why}; check TELEGRAM_BOT_TOKEN and telegram.api_url (and telegram.proxy)");
            return vec![Check { name: "telegram bot".into(), result: Err(fix) }];
        }
    };
    let username = me["username"].as_str().unwrap_or("?");
    let mut checks =
        vec![Check { name: "telegram bot".into(), result: Ok(format!("the token is @{username}'s")) }];
    let bot_id = me["id"].as_i64().unwrap_or_default();
    for (name, target) in targets {
        let result = check_chat(client, target, bot_id).await;
        checks.push(Check { name: format!("telegram chat {name}"), result });
    }
    checks
}

async fn check_chat(client: &TelegramClient, target: &ChatTarget, bot_id: i64) -> Result<String, String> {
    let chat = read(client.get_chat(&target.id).await).map_err(|why| {
        format!("{why}; add the bot to the chat and correct the id ({}); `svodka chats` lists ids", target.id)
    })?;
    let kind = chat["type"].as_str().unwrap_or("?");
    let title = chat["title"].as_str().or(chat["username"].as_str()).unwrap_or("a private chat");
    if target.topic.is_some() && chat["is_forum"].as_bool() != Some(true) {
        return Err(format!(
            "«{title}» has no topics, but `topic` is set; remove it, or messages land in the whole chat"
        ));
    }
    if kind == "private" {
        return Ok(format!("«{title}», private"));
    }
    let member = read(client.get_chat_member(&target.id, bot_id).await)
        .map_err(|why| format!("{why}; make sure the bot is a member of «{title}»"))?;
    let may = |right: &str| member[right].as_bool();
    match member["status"].as_str().unwrap_or("?") {
        "left" | "kicked" => Err(format!("the bot is not in «{title}»; add it")),
        "restricted" if may("can_send_messages") == Some(false) => {
            Err(format!("the bot may not write in «{title}»; give it the right to send messages"))
        }
        "administrator" if kind == "channel" && may("can_post_messages") == Some(false) => {
            Err(format!("the bot may not post in the channel «{title}»; give it the right to post"))
        }
        "member" if kind == "channel" => {
            Err(format!("in the channel «{title}» the bot must be an administrator"))
        }
        status => Ok(format!("«{title}», {kind}, the bot is {status}")),
    }
}

/// The result of an answer, or why there is none.
fn read(asked: Result<Answer, NoAnswer>) -> Result<Value, String> {
    match asked {
        Ok(answer) if answer.ok == Some(true) => Ok(answer.result),
        Ok(answer) if answer.description.is_empty() => {
            Err(format!("HTTP {} and not the Bot API", answer.status))
        }
        Ok(answer) => Err(answer.description),
        Err(error) => Err(error.to_string()),
    }
}
