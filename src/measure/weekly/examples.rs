//! Conversations worth opening: what went wrong, and what went well.

use std::cmp::Reverse;

use super::digest::{Example, Examples};
use crate::clock::Instant;
use crate::facts::Marks;
use crate::measure::conversations::{Conversation, Voice};
use crate::measure::figures::{Figures, Ground};
use crate::measure::first_name;

/// Of each kind.
const MOST: usize = 2;
/// A first response as quick as this is worth copying, in working seconds.
const QUICK_SECS: f64 = 300.0;

/// The examples of a period as of its end. Empty when the chats are not wholly known; without good ones when the orders
/// are not, without interested ones when nothing was analysed.
pub fn examples(ground: &Ground<'_>, current: &Figures) -> Examples {
    let inputs = ground.inputs;
    let (from, as_of) = (inputs.period.from, inputs.period.to);
    if !current.chats.is_complete() {
        return Examples::default();
    }
    let limit_secs = inputs.thresholds.slow_first_reply.as_secs_f64();
    let (mut no_reply, mut slow) = (Vec::new(), Vec::new());
    let (mut lost_intent, mut good) = (Vec::new(), Vec::new());
    ground.visit(from, as_of, |conversation, tally, linked| {
        let example = |asked_at, first_response_secs| {
            let chat = conversation.chat;
            let channel = chat.and_then(|chat| ground.channels.get(&chat.channel_id?));
            let directory = &inputs.facts.directory;
            Example {
                chat_id: conversation.chat_id,
                dialog_id: conversation.dialog_id(),
                customer_name: chat.map(|chat| first_name(&chat.customer_name)).unwrap_or_default(),
                channel_kind: channel.map(|channel| channel.kind.clone()).unwrap_or_default(),
                manager: conversation.manager(as_of, directory).map(|id| directory.name(id)),
                asked_at,
                first_response_secs,
            }
        };
        let key = conversation.key;
        if tally.no_reply_chats > 0
            && let Some(silent) = conversation.unanswered(as_of)
        {
            no_reply.push((Reverse(silent.count), silent.since_at, key, example(silent.since_at, None)));
        }
        if let (Some(&secs), Some(asked_at)) =
            (tally.first_response_secs.first(), conversation.first_inbound_at(as_of))
        {
            let is_order_new = linked.is_some_and(|linked| linked.ordered_at >= from);
            if secs > limit_secs {
                slow.push((Reverse(secs as i64), asked_at, key, example(asked_at, Some(secs))));
            } else if secs <= QUICK_SECS && is_order_new && current.orders.is_complete() {
                good.push((secs as i64, asked_at, key, example(asked_at, Some(secs))));
            }
        }
        // Who ordered was not lost, whatever was said.
        if linked.is_none()
            && let Some(asked_at) = lost_intent_at(ground, conversation, from, as_of)
        {
            lost_intent.push((Reverse(asked_at), asked_at, key, example(asked_at, None)));
        }
    });
    Examples {
        no_reply: first(no_reply),
        slow: first(slow),
        lost_intent: first(lost_intent),
        good: first(good),
    }
}

/// The last message of the period in which the customer showed interest, when a person replied in the conversation and
/// no reply of theirs offers a next step.
fn lost_intent_at(
    ground: &Ground<'_>,
    conversation: &Conversation<'_>,
    from: Instant,
    as_of: Instant,
) -> Option<Instant> {
    let marks = &ground.inputs.facts.marks;
    let words = conversation.words_before(as_of);
    let (mut asked_at, mut is_replied) = (None, false);
    for ((at, voice), id) in words.iter().zip(&conversation.word_ids) {
        let said = marks.get(id);
        match voice {
            Voice::Customer if said.is_some_and(|said| said.any(Marks::HIGH_INTENT)) => asked_at = Some(*at),
            Voice::Customer => {}
            // A reply that was not analysed may have offered one.
            Voice::Human(_) if said.is_none_or(|said| said.any(Marks::NEXT_STEP)) => return None,
            Voice::Human(_) => is_replied = true,
        }
    }
    asked_at.filter(|at| is_replied && *at >= from)
}

fn first<R: Ord, K: Ord>(mut found: Vec<(R, Instant, K, Example)>) -> Vec<Example> {
    found.sort_by(|a, b| (&a.0, a.1, &a.2).cmp(&(&b.0, b.1, &b.2)));
    found.into_iter().take(MOST).map(|(.., example)| example).collect()
}
