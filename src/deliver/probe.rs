//! One look for a message in a chat, by an edit that changes nothing.
//!
//! Telegram lets a bot neither read a chat nor ask for a message by its id; but an edit tells whether the message is
//! there (`message is not modified`), is not, or is somebody else's. An edit with other content would overwrite, so a
//! look is only taken where no other message of ours can be hit, and never where the bot may edit what others wrote.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::Value;

use super::outcome::{Observed, classify};
use super::telegram::{Answer, ChatId, NoAnswer, TelegramClient, Text};
use super::transport::ChatTarget;
use crate::clock::{Clock, Instant};
use crate::store::reconcile::{Doubt, Search};

/// Ids looked at for one message, known ones not counted.
const MOST_IDS: usize = 10;
/// Another message is being sent to the chat: its id will be known soon.
const IN_FLIGHT_WAIT: TimeDelta = TimeDelta::seconds(5);

/// What a look showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// It is there.
    Found { message_id: i64 },
    /// It is not under this id; there may be others to look at.
    NotUnder { message_id: i64 },
    /// All ids it could have were looked at.
    Nowhere,
    /// Looking would prove nothing or could do harm.
    CannotLook,
    /// Ask again; no answer, or not now.
    Later { reason: &'static str, wait: TimeDelta },
}

/// Whom to ask, and for how long.
#[derive(Debug)]
pub struct Prober<'a> {
    pub client: &'a TelegramClient,
    pub clock: &'a dyn Clock,
    /// The chats of the config: one chat under two kinds of id is not looked into.
    pub targets: &'a BTreeMap<String, ChatTarget>,
    /// The message is a file: its caption is looked at.
    pub is_file: bool,
    /// The edit starts before this moment or not at all: the lease must outlast it.
    pub until: Instant,
}

impl Prober<'_> {
    /// Looks at the next id. Also returns what the edit met, when there was one: it counts for the limits.
    pub async fn look(&self, bot_id: i64, search: &Search, text: &Text) -> (Look, Option<Observed>) {
        let address = search.sent_to.as_deref().and_then(|text| text.parse::<ChatId>().ok());
        let Some(chat) = address else { return (Look::CannotLook, None) };
        match search.doubt {
            Doubt::Unresolved => return (Look::CannotLook, None),
            Doubt::InFlight => {
                return (Look::Later { reason: "unknown_outcome", wait: IN_FLIGHT_WAIT }, None);
            }
            Doubt::Nothing => {}
        }
        let Some(message_id) = next_id(search) else { return (Look::Nowhere, None) };
        match self.is_harmless(&chat, bot_id).await {
            Ok(true) => {}
            Ok(false) => return (Look::CannotLook, None),
            Err(observed) => return (later(&observed), Some(observed)),
        }
        if self.clock.now() > self.until {
            return (Look::Later { reason: "held_up", wait: TimeDelta::zero() }, None);
        }
        let edited = match self.is_file {
            true => self.client.edit_message_caption(&chat, message_id, text).await,
            false => self.client.edit_message_text(&chat, message_id, text).await,
        };
        let observed = classify(&edited);
        let look = match observed {
            // Changed all the same: ours, since nothing else of ours can be here, and the same text now.
            Observed::NotModified | Observed::Sent { .. } => Look::Found { message_id },
            Observed::EditGone => Look::NotUnder { message_id },
            // Moved, closed or forbidden: sending will say so better.
            Observed::Migrated { .. } | Observed::Refused { .. } | Observed::BadMarkup => Look::CannotLook,
            _ => later(&observed),
        };
        (look, Some(observed))
    }

    /// Whether an edit can hit nothing but the bot's own messages, as far as can be found out.
    async fn is_harmless(&self, chat: &ChatId, bot_id: i64) -> Result<bool, Observed> {
        if !chat.has_own_ids() {
            return Ok(true);
        }
        let Some(info) = read(self.client.get_chat(chat).await)? else { return Ok(false) };
        if self.has_another_name(chat, &info) {
            return Ok(false);
        }
        match info["type"].as_str() {
            Some("private" | "group" | "supergroup") => Ok(true),
            Some("channel") => {
                let member = read(self.client.get_chat_member(chat, bot_id).await)?;
                Ok(member.is_some_and(|member| {
                    member["status"] == "administrator" && member["can_edit_messages"] == false
                }))
            }
            _ => Ok(false),
        }
    }

    /// The config also names the chat in the other way, so its messages are kept apart in the store.
    fn has_another_name(&self, chat: &ChatId, info: &Value) -> bool {
        let ids = self.targets.values().map(|target| &target.id).filter(|id| *id != chat);
        let usernames = info["active_usernames"].as_array().into_iter().flatten();
        let usernames: Vec<&str> =
            usernames.chain([&info["username"]]).filter_map(|name| name.as_str()).collect();
        ids.into_iter().any(|id| match id {
            ChatId::Id(id) => info["id"] == *id,
            ChatId::Name(name) => {
                usernames.iter().any(|known| known.eq_ignore_ascii_case(name.trim_start_matches('@')))
            }
        })
    }
}

/// The lowest id between floor and ceiling that is neither known as ours nor looked at.
fn next_id(search: &Search) -> Option<i64> {
    let floor_id = search.floor_id?;
    let last_known = search.own_ids.last().copied();
    (floor_id + 1..)
        .filter(|id| search.own_ids.binary_search(id).is_err())
        .take(MOST_IDS)
        .take_while(|id| !search.is_cut || Some(*id) < last_known)
        .take_while(|id| search.ceiling_id.is_none_or(|ceiling_id| *id < ceiling_id))
        .find(|id| search.probed_id.is_none_or(|probed| *id > probed))
}

/// The result of a question; `None` when it was refused.
fn read(asked: Result<Answer, NoAnswer>) -> Result<Option<Value>, Observed> {
    match classify(&asked) {
        Observed::Sent { .. } => Ok(asked.ok().map(|answer| answer.result)),
        Observed::Refused { .. } => Ok(None),
        other => Err(other),
    }
}

/// When to ask again after something that is no answer.
pub fn later(observed: &Observed) -> Look {
    let (reason, secs) = match *observed {
        Observed::RetryAfter { secs } => ("rate_limited", secs),
        Observed::Unauthorized { reason } | Observed::NotSent { reason } | Observed::Unknown { reason } => {
            (reason, 0)
        }
        _ => ("refused", 0),
    };
    Look::Later { reason, wait: TimeDelta::seconds(secs) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(floor_id: i64, own_ids: &[i64], probed_id: Option<i64>) -> Search {
        let own_ids = own_ids.to_vec();
        let sent_to = Some("-1001".to_owned());
        Search {
            sent_to,
            floor_id: Some(floor_id),
            probed_id,
            own_ids,
            is_cut: false,
            ceiling_id: None,
            doubt: Doubt::Nothing,
        }
    }

    #[test]
    fn ten_ids_above_the_floor_are_looked_at_and_known_ones_are_neither_touched_nor_counted() {
        let mut at = search(100, &[101, 104, 105], None);
        let mut seen = Vec::new();
        while let Some(id) = next_id(&at) {
            seen.push(id);
            at.probed_id = Some(id);
        }
        assert_eq!(seen, [102, 103, 106, 107, 108, 109, 110, 111, 112, 113]);
    }

    #[test]
    fn without_a_floor_and_beyond_a_list_that_was_cut_nothing_is_looked_at() {
        assert_eq!(next_id(&Search { floor_id: None, ..search(0, &[], None) }), None);
        let cut = Search { is_cut: true, ..search(100, &[101, 103], None) };
        assert_eq!(next_id(&cut), Some(102));
        assert_eq!(next_id(&Search { probed_id: Some(102), ..cut }), None);
    }

    #[test]
    fn what_was_sent_after_it_had_settled_is_above_it_and_ends_the_search() {
        let mut at = Search { ceiling_id: Some(104), ..search(100, &[101, 104, 105], None) };
        assert_eq!(next_id(&at), Some(102));
        at.probed_id = Some(103);
        assert_eq!(next_id(&at), None);
    }
}
