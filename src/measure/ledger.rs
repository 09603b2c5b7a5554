//! A period conversation by conversation, for tables that people sort and filter themselves.
//!
//! Made by the same pass that makes the digests, so a table adds up to the figures people were told.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Period;
use super::behaviour::{Advice, BehaviourSummary, Problem, Talk, focus, problems};
use super::daily::{DailyInputs, NOBODY, channels};
use super::digest::{ChannelBlock, Coverage, Summary};
use super::figures::Ground;
use crate::clock::Instant;
use crate::facts::ManagerId;

/// One conversation of the period.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerChat {
    pub chat_id: i64,
    pub dialog_id: Option<i64>,
    /// The CRM's word; empty when the channel is not known.
    pub channel_kind: String,
    pub channel_name: Option<String>,
    /// As the CRM has it: whoever shows it decides how much of it.
    pub customer_name: String,
    pub manager: Option<String>,
    /// First word of the customer or of a person.
    pub started_at: Option<Instant>,
    /// Of the period.
    pub inbound: u64,
    pub outbound: u64,
    /// Working seconds; `None` when the first response was not given in the period.
    pub first_response_secs: Option<f64>,
    pub is_slow: bool,
    /// A customer wrote by the end of the period; else nobody waits and nothing is due.
    pub has_inbound: bool,
    pub is_answered: bool,
    pub unanswered_inbound: u64,
    pub is_follow_up_gap: bool,
    /// `None` when orders are not covered.
    pub has_order: Option<bool>,
    pub is_paid: Option<bool>,
    /// Up to the end of the period; `None` when the text analysis has not seen it.
    pub talk: Option<Talk>,
    /// 0..=100; `None` without `talk`.
    pub quality_score: Option<u32>,
    pub advice: Option<Advice>,
}

/// One manager's share.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerManager {
    /// `None` for what nobody holds.
    pub id: Option<ManagerId>,
    pub name: String,
    pub numbers: Summary,
    pub behaviour: BehaviourSummary,
    /// Worst first; empty for few conversations.
    pub problems: Vec<Problem>,
    pub focus: Option<Problem>,
}

/// A period in rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    pub period: Period,
    pub currency: String,
    pub chat_coverage: Coverage,
    pub order_coverage: Coverage,
    pub team: Summary,
    /// Most conversations first, «Не назначен» last.
    pub managers: Vec<LedgerManager>,
    pub channels: Vec<ChannelBlock>,
    /// By start. Empty when chats are not known.
    pub chats: Vec<LedgerChat>,
}

/// Computes the rows of `inputs.period`.
pub fn ledger(inputs: &DailyInputs<'_>) -> Ledger {
    let ground = Ground::new(inputs);
    let period = inputs.period;
    let figures = ground.figures(&period);
    let mut chats = Vec::new();
    let mut behaviours: BTreeMap<Option<ManagerId>, BehaviourSummary> = BTreeMap::new();
    if let Some(as_of) = figures.chats.as_of(&period) {
        let are_orders_known = figures.orders.is_complete() && figures.chats.is_complete();
        ground.visit(period.from, as_of, |conversation, tally, linked| {
            if tally.chats == 0 {
                return;
            }
            let directory = &inputs.facts.directory;
            let holder = conversation.manager(as_of, directory);
            let talk = Talk::of(conversation, &inputs.facts.marks, as_of);
            let first_response_secs = tally.first_response_secs.first().copied();
            behaviours.entry(holder).or_default().add(&talk, first_response_secs);
            let is_slow = tally.slow_first_reply_chats > 0;
            let chat = conversation.chat;
            let channel = chat.and_then(|chat| ground.channels.get(&chat.channel_id?));
            let seen = (talk.analysed > 0).then_some(talk);
            chats.push(LedgerChat {
                chat_id: conversation.chat_id,
                dialog_id: conversation.dialog_id(),
                channel_kind: channel.map(|channel| channel.kind.clone()).unwrap_or_default(),
                channel_name: channel.and_then(|channel| channel.name.clone()),
                customer_name: chat.map(|chat| chat.customer_name.clone()).unwrap_or_default(),
                manager: holder.map(|id| directory.name(id)),
                started_at: conversation.started_at(),
                inbound: tally.inbound,
                outbound: tally.outbound,
                first_response_secs,
                is_slow,
                has_inbound: tally.inbound_chats > 0,
                is_answered: tally.responded_chats > 0,
                unanswered_inbound: tally.unanswered_inbound,
                is_follow_up_gap: tally.follow_up_gap_chats > 0,
                has_order: are_orders_known.then_some(linked.is_some()),
                is_paid: are_orders_known.then_some(linked.is_some_and(|linked| linked.is_paid)),
                quality_score: seen.map(|talk| talk.quality_score(first_response_secs)),
                talk: seen,
                advice: talk.advice(is_slow, conversation.unanswered(as_of).is_some()),
            });
        });
    }
    chats.sort_by_key(|chat| (chat.started_at, chat.chat_id, chat.dialog_id));
    let mut managers: Vec<LedgerManager> = figures
        .managers
        .keys()
        .map(|&id| {
            let numbers = figures.manager(id);
            let behaviour = behaviours.remove(&id).unwrap_or_default();
            let whole = numbers.chats.clone().filter(|_| id.is_some() && figures.chats.is_complete());
            let problems = whole.map(|chats| problems(&behaviour, &chats)).unwrap_or_default();
            let name = id.map_or_else(|| NOBODY.to_owned(), |id| inputs.facts.directory.name(id));
            LedgerManager { id, name, numbers, behaviour, focus: focus(&problems), problems }
        })
        .collect();
    managers.sort_by_cached_key(|one| {
        let chats = one.numbers.chats.as_ref().map_or(0, |chats| chats.chats);
        (one.id.is_none(), Reverse(chats), one.name.clone(), one.id)
    });
    Ledger {
        period,
        chat_coverage: figures.chats,
        order_coverage: figures.orders,
        team: figures.team(),
        managers,
        channels: channels(&ground, &figures, &figures),
        chats,
        currency: ground.currency,
    }
}
