//! Which conversations stand behind a count of a digest, kept with it: a list made later could differ from the number it
//! explains.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::figures::{Figures, Ground};
use super::first_name;
use crate::clock::Instant;
use crate::facts::ManagerId;

/// Conversations kept of a kind; the count itself is the digest's.
const MOST: usize = 100;

/// One conversation of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListedChat {
    pub chat_id: i64,
    pub dialog_id: Option<i64>,
    /// First name alone; empty when there is none that looks like one.
    pub customer_name: String,
    /// The CRM's word: `whatsapp`, …; empty when the channel is not known.
    pub channel_kind: String,
    pub manager_id: Option<ManagerId>,
    /// `None`: nobody is assigned.
    pub manager: Option<String>,
    /// The customer's first message without an answer; of an answered conversation, their first.
    pub since_at: Instant,
    /// Working seconds of a slow first response.
    pub waited_secs: Option<i64>,
}

/// The conversations behind three counts of the team. Empty where the chats are not known at all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChatLists {
    /// Behind `no_reply_chats`; the longest silent first.
    pub no_reply: Vec<ListedChat>,
    /// Behind `slow_first_reply_chats`; the slowest first.
    pub slow: Vec<ListedChat>,
    /// Behind `follow_up_gap_chats`; the longest silent first.
    pub gap: Vec<ListedChat>,
}

impl ChatLists {
    pub fn is_empty(&self) -> bool {
        self.no_reply.is_empty() && self.slow.is_empty() && self.gap.is_empty()
    }
}

/// The lists of the inputs' period, as of what is known of it.
pub fn chat_lists(ground: &Ground<'_>, current: &Figures) -> ChatLists {
    let (period, directory) = (&ground.inputs.period, &ground.inputs.facts.directory);
    let mut lists = ChatLists::default();
    let Some(as_of) = current.chats.as_of(period) else { return lists };
    ground.visit(period.from, as_of, |conversation, tally, _| {
        let listed = |since_at, waited_secs| {
            let chat = conversation.chat;
            let channel = chat.and_then(|chat| ground.channels.get(&chat.channel_id?));
            let manager_id = conversation.manager(as_of, directory);
            ListedChat {
                chat_id: conversation.chat_id,
                dialog_id: conversation.dialog_id(),
                customer_name: chat.map(|chat| first_name(&chat.customer_name)).unwrap_or_default(),
                channel_kind: channel.map(|channel| channel.kind.clone()).unwrap_or_default(),
                manager_id,
                manager: manager_id.map(|id| directory.name(id)),
                since_at,
                waited_secs,
            }
        };
        let silent_since = conversation.unanswered(as_of).map(|silent| silent.since_at);
        let asked_at = conversation.first_inbound_at(as_of);
        if tally.no_reply_chats > 0 {
            lists.no_reply.extend(silent_since.or(asked_at).map(|at| listed(at, None)));
        }
        if tally.follow_up_gap_chats > 0 {
            lists.gap.extend(silent_since.map(|at| listed(at, None)));
        }
        if tally.slow_first_reply_chats > 0
            && let (Some(secs), Some(at)) = (tally.first_response_secs.first(), asked_at)
        {
            lists.slow.push(listed(at, Some(secs.round() as i64)));
        }
    });
    lists.no_reply.sort_by_key(|one| (one.since_at, one.chat_id, one.dialog_id));
    lists.gap.sort_by_key(|one| (one.since_at, one.chat_id, one.dialog_id));
    lists.slow.sort_by_key(|one| (Reverse(one.waited_secs), one.chat_id, one.dialog_id));
    for list in [&mut lists.no_reply, &mut lists.gap, &mut lists.slow] {
        list.truncate(MOST);
    }
    lists
}
