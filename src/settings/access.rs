//! The section `[access]`: who may ask what in a chat.
//!
//! A role is given to a chat (then to everybody in it) or to a person (in private, and for changes anywhere). What is
//! shown in a group is bounded by the group's role, whoever asks: all of them read the answer.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::validate::Problems;
use crate::deliver::{ChatId, ChatTarget};
use crate::facts::ManagerId;
use crate::schedule::{Job, ReportKind};

/// What somebody is to the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sees the team's and the bot's figures.
    Viewer,
    /// Sees their own conversations and figures, and nobody else's.
    Manager(ManagerId),
    /// Sees every manager and every conversation; chooses what the chat reads.
    Lead,
    /// Everything.
    Admin,
    /// Runs the program; sees no figures of the shop.
    Ops,
}

/// What a command or a button takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: it tells only what whoever asks knows already.
    Nothing,
    /// To be known at all.
    Known,
    /// Figures of the team.
    Numbers,
    /// Figures of single managers, and conversations.
    Team,
    /// Figures of the shop's bot.
    Bot,
    /// How the program is doing.
    Operate,
    /// To change what the chat reads.
    Subscribe,
    /// To change what the program does.
    Change,
}

impl Need {
    /// Whether it changes something. What only reads is bounded by who else reads the answer.
    pub fn is_change(self) -> bool {
        matches!(self, Self::Subscribe | Self::Change)
    }
}

impl Role {
    /// Whether the role may do it; a manager only as far as it is about themselves.
    pub fn allows(self, need: Need) -> bool {
        match need {
            Need::Nothing | Need::Known => true,
            Need::Numbers => self != Self::Ops,
            Need::Team => matches!(self, Self::Manager(_) | Self::Lead | Self::Admin),
            Need::Bot => matches!(self, Self::Viewer | Self::Lead | Self::Admin),
            Need::Operate => matches!(self, Self::Admin | Self::Ops),
            Need::Subscribe => !matches!(self, Self::Viewer),
            Need::Change => matches!(self, Self::Admin | Self::Ops),
        }
    }

    /// Whether the role may read a report as it is sent.
    pub fn may_read(self, report: ReportKind) -> bool {
        match report {
            ReportKind::Daily | ReportKind::Weekly | ReportKind::Monthly => {
                matches!(self, Self::Lead | Self::Admin)
            }
            ReportKind::Behaviour => self.allows(Need::Team),
            ReportKind::BotDaily | ReportKind::BotWeekly | ReportKind::BotMonthly => self.allows(Need::Bot),
            ReportKind::Quality | ReportKind::Receipt => self.allows(Need::Operate),
            _ => false,
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        match text.split_whitespace().collect::<Vec<_>>()[..] {
            ["viewer"] => Ok(Self::Viewer),
            ["lead"] => Ok(Self::Lead),
            ["admin"] => Ok(Self::Admin),
            ["ops"] => Ok(Self::Ops),
            ["manager", id] => id.parse().map(Self::Manager),
            _ => Err(format!("`{text}` is no role; write viewer, manager crm:28, lead, admin or ops")),
        }
    }
}

/// Who may ask what.
#[derive(Debug, Clone, Default)]
pub struct AccessSettings {
    /// Of every chat of the configuration.
    pub chats: BTreeMap<String, Role>,
    /// By Telegram user id.
    pub users: BTreeMap<i64, Role>,
    /// Commands and presses of one person in a minute.
    pub per_minute: u32,
}

impl AccessSettings {
    /// What everybody in a chat is, by its name in the outbox; `None` = a stranger.
    pub fn role_of(&self, chat: &str) -> Option<Role> {
        let person = || match ChatTarget::of_name(chat)?.id {
            ChatId::Id(id) => self.users.get(&id),
            ChatId::Name(_) => None,
        };
        self.chats.get(chat).or_else(person).copied()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAccess {
    pub per_minute: u32,
    #[serde(default)]
    pub chats: BTreeMap<String, String>,
    #[serde(default)]
    pub users: BTreeMap<String, String>,
}

/// What the section is checked against.
pub(super) struct Around<'a> {
    pub chats: &'a BTreeMap<String, ChatTarget>,
    pub jobs: &'a BTreeMap<String, Job>,
    pub ops_chat: &'a str,
}

/// Checks and completes; managers' private chats join `chat_managers`, so that they can read their own part of a report.
pub(super) fn validate(
    raw: RawAccess,
    around: &Around<'_>,
    chat_managers: &mut BTreeMap<String, ManagerId>,
    problems: &mut Problems,
) -> AccessSettings {
    problems.require(
        (1..=600).contains(&raw.per_minute),
        "access.per_minute",
        "write a number from 1 to 600",
    );
    let mut access = AccessSettings { per_minute: raw.per_minute, ..AccessSettings::default() };
    for (name, text) in &raw.chats {
        let path = format!("access.chats.{name}");
        if !around.chats.contains_key(name) {
            problems.require(
                false,
                &path,
                &format!("there is no chat `{name}`; add a section [chats.{name}] with its id"),
            );
            continue;
        }
        let role = match (text.trim(), chat_managers.get(name)) {
            ("manager", Some(id)) => Ok(Role::Manager(*id)),
            ("manager", None) => {
                Err(format!("whose chat is it? write manager crm:28, or chats.{name}.manager"))
            }
            (text, _) => Role::parse(text),
        };
        access.chats.extend(problems.check(&path, role).map(|role| (name.clone(), role)));
    }
    let leads: BTreeSet<&String> = around
        .jobs
        .values()
        .filter(|job| Role::Lead.may_read(job.report))
        .flat_map(|job| &job.chats)
        .collect();
    for name in around.chats.keys() {
        let role = match chat_managers.get(name) {
            Some(id) => Role::Manager(*id),
            None if name == around.ops_chat => Role::Ops,
            // It is sent all that already.
            None if leads.contains(name) => Role::Lead,
            None => Role::Viewer,
        };
        access.chats.entry(name.clone()).or_insert(role);
    }
    for (id, text) in &raw.users {
        let path = format!("access.users.{id}");
        let id = id.parse::<i64>().ok().filter(|id| *id > 0).ok_or(
            "this is no Telegram user; write the number that the command /id tells in private, such as 123456789",
        );
        let (id, role) = (problems.check(&path, id), problems.check(&path, Role::parse(text)));
        if let Some((id, role)) = id.zip(role) {
            if let Role::Manager(manager) = role {
                chat_managers.insert(ChatTarget::name_of(id, None), manager);
            }
            access.users.insert(id, role);
        }
    }
    access
}
