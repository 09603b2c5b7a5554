//! One week of conversations, counted for the team, each manager and each channel in one pass.

use std::collections::BTreeMap;

use super::digest::TalkExample;
use super::summary::BehaviourSummary;
use super::talk::{Advice, Talk};
use crate::clock::Instant;
use crate::facts::{ManagerId, Marks};
use crate::measure::Period;
use crate::measure::conversations::{Conversation, Key};
use crate::measure::digest::Coverage;
use crate::measure::figures::Ground;
use crate::measure::first_name;

/// Of the four kinds of question, in a conversation worth copying.
const GOOD_STAGES: u64 = 2;

/// A conversation worth copying. The order is: most kinds of question, then the latest.
#[derive(Debug)]
pub(super) struct Good {
    pub spin_count: u64,
    pub at: Instant,
    pub key: Key,
    pub holder: Option<ManagerId>,
    pub example: TalkExample,
}

/// Subjects of one period.
#[derive(Debug, Default)]
pub(super) struct Week {
    pub team: BehaviourSummary,
    pub managers: BTreeMap<ManagerId, BehaviourSummary>,
    pub channels: BTreeMap<Option<i64>, BehaviourSummary>,
    /// With an advice, by manager.
    pub examples: BTreeMap<ManagerId, Vec<(Advice, Instant, Key, TalkExample)>>,
    pub good: Vec<Good>,
    /// Messages of the week with marks, and those of them that the language model refined.
    pub analysed_messages: u64,
    pub refined_messages: u64,
}

/// Counts a week as of its end, or of the end of what is known of it; empty when nothing is.
pub(super) fn week(ground: &Ground<'_>, period: &Period) -> Week {
    let inputs = ground.inputs;
    let mut week = Week::default();
    let Some(as_of) = Coverage::of(inputs.chats, period).as_of(period) else { return week };
    let limit_secs = inputs.thresholds.slow_first_reply.as_secs_f64();
    ground.visit(period.from, as_of, |conversation, tally, linked| {
        if tally.chats == 0 {
            return;
        }
        let talk = Talk::of(conversation, &inputs.facts.marks, as_of);
        let words = conversation.words_before(as_of).iter().zip(&conversation.word_ids);
        for said in words.filter(|((at, _), _)| *at >= period.from) {
            if let Some(marks) = inputs.facts.marks.get(said.1) {
                week.analysed_messages += 1;
                week.refined_messages += u64::from(marks.any(Marks::REFINED));
            }
        }
        let first_response_secs = first_response_secs(ground, conversation, as_of);
        let holder = conversation.manager(as_of, &inputs.facts.directory);
        let channel_id = conversation.chat.and_then(|chat| chat.channel_id);
        week.team.add(&talk, first_response_secs);
        week.channels.entry(channel_id).or_default().add(&talk, first_response_secs);
        if let Some(id) = holder {
            week.managers.entry(id).or_default().add(&talk, first_response_secs);
        }
        let at = said_at(conversation, period.from, as_of);
        let example = |advice| example(ground, conversation, &talk, holder, at, advice);
        // A slow first reply is told in the week in which it was given.
        let is_slow_now = tally.slow_first_reply_chats > 0;
        let advice = talk.advice(is_slow_now, conversation.unanswered(as_of).is_some());
        if let (Some(id), Some(advice)) = (holder, advice) {
            let found = (advice, at, conversation.key, example(Some(advice)));
            week.examples.entry(id).or_default().push(found);
        }
        let is_slow = first_response_secs.is_some_and(|secs| secs > limit_secs);
        if linked.is_some() && talk.spin_count() >= GOOD_STAGES && !is_slow {
            let (spin_count, key) = (talk.spin_count(), conversation.key);
            week.good.push(Good { spin_count, at, key, holder, example: example(None) });
        }
    });
    week
}

/// The team's part of [`week`], without looking at orders: for comparisons over many periods.
pub(super) fn team(ground: &Ground<'_>, period: &Period) -> BehaviourSummary {
    let mut team = BehaviourSummary::default();
    talks(ground, period, |_, talk, first_response_secs, _| team.add(talk, first_response_secs));
    team
}

/// The managers' part of [`week`].
pub(super) fn managers(ground: &Ground<'_>, period: &Period) -> BTreeMap<ManagerId, BehaviourSummary> {
    let mut managers: BTreeMap<ManagerId, BehaviourSummary> = BTreeMap::new();
    talks(ground, period, |conversation, talk, first_response_secs, as_of| {
        if let Some(id) = conversation.manager(as_of, &ground.inputs.facts.directory) {
            managers.entry(id).or_default().add(talk, first_response_secs);
        }
    });
    managers
}

/// Conversations with a word in the period, as of its end or of the end of what is known of it.
fn talks(
    ground: &Ground<'_>,
    period: &Period,
    mut see: impl FnMut(&Conversation<'_>, &Talk, Option<f64>, Instant),
) {
    let Some(as_of) = Coverage::of(ground.inputs.chats, period).as_of(period) else { return };
    for conversation in &ground.conversations {
        let last_at = conversation.words_before(as_of).last().map(|(at, _)| *at);
        if last_at.is_some_and(|at| at >= period.from) {
            let talk = Talk::of(conversation, &ground.inputs.facts.marks, as_of);
            see(conversation, &talk, first_response_secs(ground, conversation, as_of), as_of);
        }
    }
}

/// Working seconds of the first response given before `as_of`, be it in an earlier week.
fn first_response_secs(ground: &Ground<'_>, conversation: &Conversation<'_>, as_of: Instant) -> Option<f64> {
    let first = conversation.answers.first().filter(|answer| answer.replied_at < as_of)?;
    Some(ground.inputs.calendar.secs_between(first.since_at, first.replied_at) as f64)
}

/// The first word of the period.
fn said_at(conversation: &Conversation<'_>, from: Instant, as_of: Instant) -> Instant {
    let said = conversation.words_before(as_of).iter().map(|(at, _)| *at);
    said.into_iter().find(|at| *at >= from).unwrap_or(from)
}

fn example(
    ground: &Ground<'_>,
    conversation: &Conversation<'_>,
    talk: &Talk,
    holder: Option<ManagerId>,
    at: Instant,
    advice: Option<Advice>,
) -> TalkExample {
    let chat = conversation.chat;
    let channel = chat.and_then(|chat| ground.channels.get(&chat.channel_id?));
    TalkExample {
        chat_id: conversation.chat_id,
        customer_name: chat.map(|chat| first_name(&chat.customer_name)).unwrap_or_default(),
        channel_kind: channel.map(|channel| channel.kind.clone()).unwrap_or_default(),
        manager: holder.map(|id| ground.inputs.facts.directory.name(id)),
        at,
        advice,
        spin_count: talk.spin_count(),
        spin: talk.spin,
        has_upsell: talk.has_upsell,
        ends_with_step: talk.ends_with_step,
    }
}
