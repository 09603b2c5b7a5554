//! What managers do in their conversations, week by week: questions, stages, next steps, and what to work on.
//!
//! Counted from the marks that the text analysis left; a conversation it has not seen is not counted, and the digest says how
//! many it has. Marks are right most of the time, not always (`docs/text-analysis.md`): they are added up over at least ten
//! conversations before a person is judged by them, and no single message is.

mod interval;
mod problems;
mod summary;
mod talk;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use interval::{Difference, Verdict, difference};
pub use problems::{MIN_CHATS, Problem, ProblemKind, focus, problems};
pub use summary::BehaviourSummary;
pub use talk::{Advice, Mood, Talk};

use super::daily::DailyInputs;
use super::digest::{ChatSummary, Coverage, Ratio};
use super::figures::Ground;
use super::{Period, Span};
use crate::clock::Instant;
use crate::facts::ManagerId;

/// Examples of one manager.
const EXAMPLES: usize = 3;
/// Conversations worth copying.
const BEST: usize = 10;
/// Of the four kinds of question, in a conversation worth copying.
const BEST_STAGES: u64 = 2;

/// A conversation to look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TalkExample {
    pub chat_id: i64,
    /// First name alone; may be empty.
    pub customer_name: String,
    /// The CRM's word; empty when the channel is not known.
    pub channel_kind: String,
    pub manager: Option<String>,
    /// The customer's first message of the period.
    pub at: Instant,
    /// What to tell; `None` of a good one.
    pub advice: Option<Advice>,
    /// Kinds of question used, 0..=4.
    pub spin_count: u64,
}

/// One subject in two periods.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BehaviourCompared {
    pub current: BehaviourSummary,
    /// `None` when the period before was not wholly read or not analysed.
    pub previous: Option<BehaviourSummary>,
}

/// One manager's week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManagerBehaviour {
    pub id: ManagerId,
    pub name: String,
    pub numbers: BehaviourCompared,
    /// Worst first.
    pub problems: Vec<Problem>,
    /// What to work on this week; `None` when every target is met or too little is known.
    pub focus: Option<Problem>,
    /// Conversations with an advice, the most basic first.
    pub examples: Vec<TalkExample>,
    /// A good one of theirs.
    pub good: Option<TalkExample>,
}

/// Conversion with and without a kind of question.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StageLink {
    /// Place among situation, problem, implication, need-payoff.
    pub stage: usize,
    pub difference: Difference,
}

/// The behaviour digest of a week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BehaviourDigest {
    /// Short visible id.
    pub public_id: String,
    pub period: Period,
    pub computed_at: Instant,
    pub chat_coverage: Coverage,
    pub chats_known_until: Option<Instant>,
    pub team: BehaviourCompared,
    /// Those with a conversation; most first.
    pub managers: Vec<ManagerBehaviour>,
    /// Over the conversations of the last weeks; empty when orders are not covered.
    pub links: Vec<StageLink>,
    /// Weeks behind `links`.
    pub link_weeks: u64,
    /// Best conversations that led to an order, most kinds of question first.
    pub best: Vec<TalkExample>,
    /// Conversations that still wait for the present version of the analysis, and since when it counts.
    pub waiting: u64,
    pub analysed_since: Option<Instant>,
}

/// Weeks over which orders are compared.
const LINK_WEEKS: u64 = 8;

/// The window of facts that the digest of `period` needs.
pub fn window(period: &Period, thresholds: &super::daily::Thresholds) -> (Instant, Instant) {
    let first = period.earlier(7 * LINK_WEEKS).from;
    let link = chrono::TimeDelta::from_std(thresholds.order_link_window).unwrap_or(chrono::TimeDelta::MAX);
    (first.checked_sub_signed(link).unwrap_or(first), period.to)
}

/// Subjects of one period.
struct Week {
    team: BehaviourSummary,
    managers: BTreeMap<ManagerId, BehaviourSummary>,
    examples: BTreeMap<ManagerId, Vec<TalkExample>>,
    good: Vec<(u64, TalkExample, Option<ManagerId>)>,
}

/// Computes the digest. `analysis` = conversations waiting, and since when the version counts.
pub fn behaviour(inputs: &DailyInputs<'_>, analysis: (u64, Option<Instant>)) -> BehaviourDigest {
    let ground = Ground::new(inputs);
    let period = inputs.period;
    let figures = ground.figures(&period);
    let mut current = week(&ground, &period);
    let before = Span::Week.previous(&period);
    let previous = ground.figures(&before).chats.is_complete().then(|| week(&ground, &before));
    let compared = |current: &BehaviourSummary, previous: Option<&BehaviourSummary>| BehaviourCompared {
        current: current.clone(),
        previous: previous.filter(|previous| previous.chats > 0).cloned(),
    };
    let mut managers: Vec<ManagerBehaviour> = current
        .managers
        .iter()
        .map(|(&id, summary)| {
            let chats: ChatSummary = figures.manager(Some(id)).chats.unwrap_or_default();
            let problems = problems(summary, &chats);
            let mut examples = current.examples.remove(&id).unwrap_or_default();
            examples.sort_by_key(|example| (example.advice, Reverse(example.at), example.chat_id));
            examples.truncate(EXAMPLES);
            let own = current.good.iter().filter(|(.., holder)| *holder == Some(id));
            let good = own.max_by_key(|(rank, example, _)| (*rank, Reverse(example.at)));
            ManagerBehaviour {
                id,
                name: inputs.facts.directory.name(id),
                numbers: compared(summary, previous.as_ref().and_then(|week| week.managers.get(&id))),
                focus: focus(&problems),
                problems,
                examples,
                good: good.map(|(_, example, _)| example.clone()),
            }
        })
        .collect();
    managers.sort_by_key(|one| (Reverse(one.numbers.current.replied_chats), one.name.clone(), one.id));
    current.good.sort_by_key(|(rank, example, _)| (Reverse(*rank), example.at, example.chat_id));
    BehaviourDigest {
        public_id: inputs.public_id.clone(),
        period,
        computed_at: inputs.now,
        chat_coverage: figures.chats,
        chats_known_until: inputs.chats.map(|span| span.until),
        team: compared(&current.team, previous.as_ref().map(|week| &week.team)),
        managers,
        links: links(&ground),
        link_weeks: LINK_WEEKS,
        best: current.good.into_iter().map(|(_, example, _)| example).take(BEST).collect(),
        waiting: analysis.0,
        analysed_since: analysis.1,
    }
}

fn week(ground: &Ground<'_>, period: &Period) -> Week {
    let inputs = ground.inputs;
    let (from, as_of) = (period.from, period.to);
    let limit_secs = inputs.thresholds.slow_first_reply.as_secs_f64();
    let mut week = Week {
        team: BehaviourSummary::default(),
        managers: BTreeMap::new(),
        examples: BTreeMap::new(),
        good: Vec::new(),
    };
    ground.visit(from, as_of, |conversation, tally, linked| {
        if tally.chats == 0 {
            return;
        }
        let talk = Talk::of(conversation, &inputs.facts.marks, as_of);
        let first_response_secs = tally.first_response_secs.first().copied();
        let holder = conversation.manager(as_of, &inputs.facts.directory);
        week.team.add(&talk, first_response_secs);
        let example = |advice| {
            let chat = conversation.chat;
            let channel = chat.and_then(|chat| ground.channels.get(&chat.channel_id?));
            let said = conversation.words_before(as_of);
            TalkExample {
                chat_id: conversation.chat_id,
                customer_name: chat.map(|chat| super::first_name(&chat.customer_name)).unwrap_or_default(),
                channel_kind: channel.map(|channel| channel.kind.clone()).unwrap_or_default(),
                manager: holder.map(|id| inputs.facts.directory.name(id)),
                at: said.iter().map(|(at, _)| *at).find(|at| *at >= from).unwrap_or(from),
                advice,
                spin_count: talk.spin_count(),
            }
        };
        let is_slow = first_response_secs.is_some_and(|secs| secs > limit_secs);
        let advice = talk.advice(is_slow, conversation.unanswered(as_of).is_some());
        if let Some(id) = holder {
            week.managers.entry(id).or_default().add(&talk, first_response_secs);
            if advice.is_some() {
                week.examples.entry(id).or_default().push(example(advice));
            }
        }
        if linked.is_some() && talk.spin_count() >= BEST_STAGES && !is_slow {
            week.good.push((talk.spin_count(), example(None), holder));
        }
    });
    week
}

/// Conversions of the last weeks with and without each kind of question.
fn links(ground: &Ground<'_>) -> Vec<StageLink> {
    let inputs = ground.inputs;
    let period = inputs.period;
    let first = period.earlier(7 * (LINK_WEEKS - 1));
    let whole = Period::of_days(first.from_on, period.to_on, period.zone);
    let figures = ground.figures(&whole);
    if !figures.chats.is_complete() || !figures.orders.is_complete() {
        return Vec::new();
    }
    let mut counts = [[(0_u64, 0_u64); 2]; 4];
    ground.visit(whole.from, whole.to, |conversation, tally, linked| {
        let talk = Talk::of(conversation, &inputs.facts.marks, whole.to);
        if tally.inbound_chats == 0 || talk.replies == 0 || talk.analysed == 0 {
            return;
        }
        for (stage, is_used) in talk.spin.into_iter().enumerate() {
            let (ordered, all) = &mut counts[stage][usize::from(is_used)];
            *ordered += u64::from(linked.is_some());
            *all += 1;
        }
    });
    let share = |(ordered, all): (u64, u64)| Ratio::of(ordered, all);
    let link = |(stage, sides): (usize, [(u64, u64); 2])| StageLink {
        stage,
        difference: difference(share(sides[1]), share(sides[0])),
    };
    counts.into_iter().enumerate().map(link).collect()
}
