//! Who waits for an answer right now: the only list of a digest that is as of the run, not of the period.

use chrono::TimeDelta;

use super::digest::Waiting;
use super::figures::Ground;
use super::names::first_name;
use crate::facts::ManagerId;

/// Open conversations in which the customer has the last word, oldest first, each with its holder. `None` when the
/// chats are not known up to now: a list that misses the last replies would accuse the wrong people.
pub fn waiting(ground: &Ground<'_>) -> Option<Vec<(Option<ManagerId>, Waiting)>> {
    let inputs = ground.inputs;
    let (now, directory) = (inputs.now, &inputs.facts.directory);
    let max_age = TimeDelta::from_std(inputs.thresholds.waiting_max_age).unwrap_or(TimeDelta::MAX);
    inputs.chats.filter(|span| now - span.until <= max_age)?;

    let open = ground.conversations.iter().filter(|conversation| !conversation.is_closed(now));
    let mut waiting: Vec<_> = open
        .filter_map(|conversation| {
            let silent = conversation.unanswered(now)?;
            let chat = conversation.chat;
            let channel = chat.and_then(|chat| ground.channels.get(&chat.channel_id?));
            let holder = conversation.manager(now, directory);
            let entry = Waiting {
                chat_id: conversation.chat_id,
                dialog_id: conversation.dialog_id(),
                customer_name: chat.map(|chat| first_name(&chat.customer_name)).unwrap_or_default(),
                channel_kind: channel.map(|channel| channel.kind.clone()).unwrap_or_default(),
                manager: holder.map(|id| directory.name(id)),
                manager_id: holder,
                since_at: silent.since_at,
                age_secs: inputs.calendar.secs_between(silent.since_at, now),
                unanswered: silent.count,
            };
            Some((holder, entry))
        })
        .collect();
    waiting.sort_by_key(|(_, entry)| (entry.since_at, entry.chat_id, entry.dialog_id));
    Some(waiting)
}
