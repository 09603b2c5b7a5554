//! One period, counted for the team, each manager and each channel in one pass.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;

use super::Period;
use super::conversations::{Conversation, Voice, conversations};
use super::daily::DailyInputs;
use super::digest::{ChatSummary, Coverage, Summary};
use super::links::{Linked, Links};
use super::summary::{ChatTally, OrderTally, main_currency};
use crate::clock::Instant;
use crate::facts::{Channel, ManagerId};

/// The facts of a report, indexed once for all of its periods.
#[derive(Debug)]
pub struct Ground<'a> {
    pub inputs: &'a DailyInputs<'a>,
    pub conversations: Vec<Conversation<'a>>,
    pub channels: HashMap<i64, &'a Channel>,
    pub currency: String,
    links: Links<'a>,
}

/// What conversations and orders add to one subject.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Subject {
    pub chats: ChatTally,
    orders: OrderTally,
}

/// The counts of one period.
#[derive(Debug)]
pub struct Figures {
    pub chats: Coverage,
    pub orders: Coverage,
    pub team: Subject,
    /// `None` = nobody's.
    pub managers: BTreeMap<Option<ManagerId>, Subject>,
    /// `None` = the channel is not known.
    pub channels: BTreeMap<Option<i64>, ChatTally>,
}

impl<'a> Ground<'a> {
    /// Groups and links everything the inputs hold; periods are counted later.
    pub fn new(inputs: &'a DailyInputs<'a>) -> Self {
        let facts = inputs.facts;
        let conversations = conversations(facts);
        let window = TimeDelta::from_std(inputs.thresholds.order_link_window).unwrap_or(TimeDelta::MAX);
        let made = facts.orders.iter().filter(|order| !order.is_deleted);
        Self {
            inputs,
            links: Links::new(facts, &conversations, window),
            channels: facts.channels.iter().map(|channel| (channel.id, channel)).collect(),
            currency: main_currency(made.filter(|order| order.created_at < inputs.period.to)),
            conversations,
        }
    }

    /// Counts a period with its own `as_of`.
    pub fn figures(&self, period: &Period) -> Figures {
        let mut figures = Figures {
            chats: Coverage::of(self.inputs.chats, period),
            orders: Coverage::of(self.inputs.orders, period),
            team: Subject::default(),
            managers: BTreeMap::new(),
            channels: BTreeMap::new(),
        };
        if let Some(as_of) = figures.chats.as_of(period) {
            self.count_conversations(period.from, as_of, &mut figures);
        }
        if let Some(as_of) = figures.orders.as_of(period) {
            self.count_orders(period.from, as_of, &mut figures);
        }
        figures
    }

    fn count_orders(&self, from: Instant, as_of: Instant, figures: &mut Figures) {
        let made = self.inputs.facts.orders.iter().filter(|order| !order.is_deleted);
        for order in made.filter(|order| from <= order.created_at && order.created_at < as_of) {
            let manager = figures.managers.entry(order.manager_id.map(ManagerId::Crm)).or_default();
            manager.orders.add(order, as_of, &self.currency);
            figures.team.orders.add(order, as_of, &self.currency);
        }
    }

    fn count_conversations(&self, from: Instant, as_of: Instant, figures: &mut Figures) {
        self.visit(from, as_of, |conversation, tally, _| {
            figures.team.chats.absorb(&tally);
            let channel_id = conversation.chat.and_then(|chat| chat.channel_id);
            figures.channels.entry(channel_id).or_default().absorb(&tally);
            // The conversation is its holder's, each reply its author's.
            let held = ChatTally { outbound: 0, ..tally };
            let holder = conversation.manager(as_of, &self.inputs.facts.directory);
            figures.managers.entry(holder).or_default().chats.absorb(&held);
            for (at, voice) in conversation.words_before(as_of).iter().rev() {
                match voice {
                    _ if *at < from => break,
                    Voice::Human(author) => {
                        figures.managers.entry(Some(*author)).or_default().chats.outbound += 1;
                    }
                    Voice::Customer => {}
                }
            }
        });
    }

    /// Every conversation that adds something to the period `[from, as_of)`, in the order of the keys, with what it adds
    /// and the orders that came out of it.
    pub fn visit(
        &self,
        from: Instant,
        as_of: Instant,
        mut see: impl FnMut(&Conversation<'a>, ChatTally, Option<&Linked>),
    ) {
        let linked = self.links.as_of(as_of, &self.conversations);
        for (index, conversation) in self.conversations.iter().enumerate() {
            let linked = linked.get(&index);
            let tally = self.tally(conversation, linked, from, as_of);
            if tally != ChatTally::default() {
                see(conversation, tally, linked);
            }
        }
    }

    /// What one conversation adds to the period `[from, as_of)`.
    fn tally(
        &self,
        conversation: &Conversation<'_>,
        linked: Option<&Linked>,
        from: Instant,
        as_of: Instant,
    ) -> ChatTally {
        let thresholds = &self.inputs.thresholds;
        let known = conversation.words_before(as_of);
        let said = &known[known.partition_point(|(at, _)| *at < from)..];
        let unanswered = conversation.unanswered(as_of);
        let mut tally = ChatTally::default();
        if let Some(silent) = unanswered {
            let due_at = TimeDelta::from_std(thresholds.follow_up_gap)
                .ok()
                .and_then(|gap| silent.last_at.checked_add_signed(gap));
            tally.follow_up_gap_chats =
                u64::from(due_at.is_some_and(|due_at| from <= due_at && due_at < as_of));
        }
        if said.is_empty() {
            return tally;
        }
        tally.chats = 1;
        tally.inbound = said.iter().filter(|(_, voice)| *voice == Voice::Customer).count() as u64;
        tally.outbound = said.len() as u64 - tally.inbound;
        tally.unanswered_inbound = unanswered.map_or(0, |silent| silent.count);

        let answers = &conversation.answers;
        let known_answers = answers.partition_point(|answer| answer.replied_at < as_of);
        let earlier_answers = answers.partition_point(|answer| answer.replied_at < from);
        tally.wait_secs = answers[earlier_answers..known_answers]
            .iter()
            .map(|answer| self.inputs.calendar.secs_between(answer.since_at, answer.replied_at) as f64)
            .collect();
        if earlier_answers == 0 {
            tally.first_response_secs = tally.wait_secs.first().copied().into_iter().collect();
        }
        let limit_secs = thresholds.slow_first_reply.as_secs_f64();
        tally.slow_first_reply_chats =
            tally.first_response_secs.iter().filter(|secs| **secs > limit_secs).count() as u64;

        if let Some(asked_at) = conversation.first_inbound_at(as_of) {
            let is_replied = conversation.replies.first().is_some_and(|at| *at < as_of);
            tally.inbound_chats = 1;
            tally.responded_chats = u64::from(known_answers > 0);
            tally.no_reply_chats = u64::from(!is_replied);
            tally.ordered_chats = u64::from(linked.is_some());
            tally.paid_chats = u64::from(linked.is_some_and(|linked| linked.is_paid));
            let since = linked.map(|linked| linked.ordered_at - asked_at);
            tally.time_to_order_secs.extend(
                since.filter(|since| *since >= TimeDelta::zero()).map(|since| since.num_seconds() as f64),
            );
        }
        tally
    }
}

impl Figures {
    /// The team's summary.
    pub fn team(&self) -> Summary {
        self.summary(&self.team)
    }

    /// A manager's summary; zeros when the period is known and they have no share in it.
    pub fn manager(&self, id: Option<ManagerId>) -> Summary {
        self.managers.get(&id).map_or_else(|| self.summary(&Subject::default()), |own| self.summary(own))
    }

    /// A channel's summary; zeros when the period is known and the channel was silent.
    pub fn channel(&self, id: Option<i64>) -> Option<ChatSummary> {
        let silent = ChatTally::default();
        self.channels.get(&id).unwrap_or(&silent).summary(self.chats, self.orders)
    }

    /// Without what is known only in part: nothing to compare with.
    pub fn whole(&self, summary: Summary) -> Summary {
        Summary {
            chats: summary.chats.filter(|_| self.chats.is_complete()),
            orders: summary.orders.filter(|_| self.orders.is_complete()),
        }
    }

    fn summary(&self, subject: &Subject) -> Summary {
        Summary {
            chats: subject.chats.summary(self.chats, self.orders),
            orders: subject.orders.summary(self.orders),
        }
    }
}
