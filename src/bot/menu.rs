//! The menus of commands that Telegram shows: in each chat of the configuration, and for each person in it, what they may
//! use there; everywhere else nothing but /id.

use serde_json::{Value, json};

use super::commands::TABLE;
use super::desk::Desk;
use crate::deliver::ChatId;
use crate::settings::{Need, Role};

impl Desk {
    /// Tells Telegram. A menu that could not be set is no harm: /help says the same.
    pub async fn set_menus(&self) {
        let access = &self.settings.access;
        let mut menus = vec![(json!({ "type": "default" }), menu(&[]))];
        let mut chats: std::collections::BTreeMap<ChatId, Vec<Role>> = std::collections::BTreeMap::new();
        for (name, target) in &self.settings.chats {
            chats.entry(target.id.clone()).or_default().extend(access.chats.get(name));
        }
        for (id, role) in &access.users {
            chats.entry(ChatId::Id(*id)).or_default().push(*role);
        }
        for (id, roles) in chats {
            menus.push((json!({ "type": "chat", "chat_id": id }), menu(&roles)));
        }
        let mut failed = 0;
        for (scope, commands) in &menus {
            let answer = self.client.set_my_commands(commands, scope).await;
            failed += usize::from(!answer.is_ok_and(|answer| answer.ok == Some(true)));
        }
        if failed > 0 {
            // Whoever never wrote to the bot has no chat yet.
            tracing::info!("{failed} of {} menus of commands could not be set", menus.len());
        }
    }
}

/// The commands of somebody with these roles, as the Bot API takes them.
fn menu(roles: &[Role]) -> Value {
    let is_open = |need: Need| need == Need::Nothing || roles.iter().any(|role| role.allows(need));
    let open = TABLE.iter().filter(|command| command.name != "start" && is_open(command.need));
    open.map(|command| json!({ "command": command.name, "description": command.says })).collect()
}
