//! Conversations from messages: who spoke when, who was answered when, who held it when.
//!
//! Everything here is a history without an end; each question names the moment (`as_of`) up to which it looks, so
//! that a report on a past day cannot see what came later.

use std::collections::HashMap;

use crate::clock::Instant;
use crate::facts::{Author, Chat, Dialog, DialogEvent, Directory, Facts, ManagerId, Message, Responsible};

/// What makes messages one conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// An MG dialog.
    Dialog(i64),
    /// What was said in a chat before its first known dialog.
    Chat(i64),
}

/// Whose words a message is. Bots, channels, notes and the CRM itself have no voice here: they neither ask nor answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    Customer,
    Human(ManagerId),
}

/// A burst of customer messages and the human reply that ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// First message of the burst.
    pub since_at: Instant,
    pub replied_at: Instant,
}

/// Customer messages after the last human reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unanswered {
    pub since_at: Instant,
    pub last_at: Instant,
    pub count: u64,
}

/// One conversation; every list ascends in time.
#[derive(Debug)]
pub struct Conversation<'a> {
    pub key: Key,
    pub chat_id: i64,
    pub chat: Option<&'a Chat>,
    pub dialog: Option<&'a Dialog>,
    /// Customer messages and human replies, never empty, by `(sent_at, id)`.
    pub words: Vec<(Instant, Voice)>,
    /// The message behind each of the words.
    pub word_ids: Vec<i64>,
    /// Each ended burst. The first one is the first response.
    pub answers: Vec<Answer>,
    /// Moments of the human replies.
    pub replies: Vec<Instant>,
    /// When it was given to a person, or (`None`) to a bot or to nobody.
    handovers: Vec<(Instant, Option<ManagerId>)>,
    /// Orders shown in it.
    pub shown_orders: Vec<(Instant, i64)>,
    closed_at: Option<Instant>,
}

impl Conversation<'_> {
    /// The dialog it is, unless it is a chat's own.
    pub fn dialog_id(&self) -> Option<i64> {
        match self.key {
            Key::Dialog(id) => Some(id),
            Key::Chat(_) => None,
        }
    }

    /// When the customer or a person first spoke.
    pub fn started_at(&self) -> Option<Instant> {
        self.words.first().map(|(at, _)| *at)
    }

    /// Words said before `as_of`.
    pub fn words_before(&self, as_of: Instant) -> &[(Instant, Voice)] {
        &self.words[..self.words.partition_point(|(at, _)| *at < as_of)]
    }

    /// First customer message before `as_of`.
    pub fn first_inbound_at(&self, as_of: Instant) -> Option<Instant> {
        let inbound = self.words_before(as_of).iter().find(|(_, voice)| *voice == Voice::Customer)?;
        Some(inbound.0)
    }

    /// What the customer said since the last human reply; `None` when a person has the last word.
    pub fn unanswered(&self, as_of: Instant) -> Option<Unanswered> {
        let words = self.words_before(as_of);
        let count = words.iter().rev().take_while(|(_, voice)| *voice == Voice::Customer).count();
        let (first, last) = (words.get(words.len() - count)?, words.last()?);
        Some(Unanswered { since_at: first.0, last_at: last.0, count: count as u64 })
    }

    /// Whether it was closed by `now`.
    pub fn is_closed(&self, now: Instant) -> bool {
        self.closed_at.is_some_and(|closed_at| closed_at <= now)
    }

    /// Who answers for it at `as_of`: the person it was last given to, else the author of the first human reply,
    /// else nobody.
    pub fn manager(&self, as_of: Instant, directory: &Directory) -> Option<ManagerId> {
        let told = self.handovers[..self.handovers.partition_point(|(at, _)| *at < as_of)].last().copied();
        let recorded = self
            .dialog
            .and_then(|dialog| Some((dialog.assigned_at.unwrap_or(dialog.created_at), dialog.responsible?)))
            .filter(|(at, _)| *at < as_of)
            .map(|(at, responsible)| (at, person(responsible, directory)));
        // The dialog's own record is of today; it speaks for `as_of` when its holder took over before.
        let latest = match (told, recorded) {
            (Some(told), Some(recorded)) if recorded.0 > told.0 => recorded.1,
            (Some(told), _) => told.1,
            (None, recorded) => recorded.and_then(|(_, holder)| holder),
        };
        latest.or_else(|| {
            self.words_before(as_of).iter().find_map(|(_, voice)| match voice {
                Voice::Human(author) => Some(*author),
                Voice::Customer => None,
            })
        })
    }
}

/// All conversations of the facts, in the order of their keys.
///
/// A message without a dialog joins the dialog that was its chat's newest at that moment; before the first known
/// dialog it belongs to the chat's own conversation.
pub fn conversations(facts: &Facts) -> Vec<Conversation<'_>> {
    let chats: HashMap<i64, &Chat> = facts.chats.iter().map(|chat| (chat.id, chat)).collect();
    let dialogs: HashMap<i64, &Dialog> = facts.dialogs.iter().map(|dialog| (dialog.id, dialog)).collect();
    let mut openings: HashMap<i64, Vec<(Instant, i64)>> = HashMap::new();
    for dialog in &facts.dialogs {
        openings.entry(dialog.chat_id).or_default().push((dialog.created_at, dialog.id));
    }
    openings.values_mut().for_each(|dialogs| dialogs.sort_unstable());

    let mut messages_of: HashMap<Key, Vec<&Message>> = HashMap::new();
    for message in &facts.messages {
        let key = message.dialog_id.map_or_else(
            || {
                let dialogs = openings.get(&message.chat_id).map_or(&[][..], Vec::as_slice);
                let begun = dialogs.partition_point(|(opened_at, _)| *opened_at <= message.sent_at);
                dialogs[..begun].last().map_or(Key::Chat(message.chat_id), |(_, id)| Key::Dialog(*id))
            },
            Key::Dialog,
        );
        messages_of.entry(key).or_default().push(message);
    }

    let mut conversations: Vec<Conversation<'_>> = messages_of
        .into_iter()
        .filter_map(|(key, mut messages)| {
            messages.sort_by_key(|message| (message.sent_at, message.id));
            let dialog = match key {
                Key::Dialog(id) => dialogs.get(&id).copied(),
                Key::Chat(_) => None,
            };
            let chat_id = messages.first()?.chat_id;
            conversation(key, chat_id, chats.get(&chat_id).copied(), dialog, &messages, &facts.directory)
        })
        .collect();
    conversations.sort_by_key(|conversation| conversation.key);
    conversations
}

/// `None` when neither the customer nor a person said anything.
fn conversation<'a>(
    key: Key,
    chat_id: i64,
    chat: Option<&'a Chat>,
    dialog: Option<&'a Dialog>,
    messages: &[&Message],
    directory: &Directory,
) -> Option<Conversation<'a>> {
    let (mut words, mut answers, mut replies) = (Vec::new(), Vec::new(), Vec::new());
    let mut word_ids = Vec::new();
    let (mut handovers, mut shown_orders) = (Vec::new(), Vec::new());
    let mut closed_at = None;
    let mut asked_at = None;
    for message in messages {
        let at = message.sent_at;
        match message.event {
            Some(DialogEvent::Assigned(to)) => handovers.push((at, person(to, directory))),
            Some(DialogEvent::Unassigned) => handovers.push((at, None)),
            Some(DialogEvent::Closed) => closed_at = Some(at),
            None => {}
        }
        if let Some(order_id) = message.order_id {
            shown_orders.push((at, order_id));
        }
        let Some(voice) = voice(message, directory) else { continue };
        words.push((at, voice));
        word_ids.push(message.id);
        if voice == Voice::Customer {
            asked_at.get_or_insert(at);
        } else {
            replies.push(at);
            if let Some(since_at) = asked_at.take() {
                answers.push(Answer { since_at, replied_at: at });
            }
        }
    }
    let closed_at = dialog.and_then(|dialog| dialog.closed_at).or(closed_at);
    (!words.is_empty()).then_some(Conversation {
        key,
        chat_id,
        chat,
        dialog,
        words,
        word_ids,
        answers,
        replies,
        handovers,
        shown_orders,
        closed_at,
    })
}

fn voice(message: &Message, directory: &Directory) -> Option<Voice> {
    match message.author {
        Author::Customer(_) if message.is_inbound() => Some(Voice::Customer),
        Author::User(id) if message.is_human_reply() => {
            person(Responsible::User(id), directory).map(Voice::Human)
        }
        _ => None,
    }
}

/// The manager behind a responsible; bots and technical accounts are nobody.
fn person(responsible: Responsible, directory: &Directory) -> Option<ManagerId> {
    let Responsible::User(id) = responsible else { return None };
    let id = directory.by_mg(id);
    let is_technical = directory.get(id).is_some_and(|manager| manager.is_technical);
    (!is_technical).then_some(id)
}
