//! What managers do in their conversations, week by week: questions, stages, next steps, and what to work on.
//!
//! Counted from the marks that the text analysis left; a conversation it has not seen is not counted, and the digest says how
//! many it has. Marks are right most of the time, not always (`docs/text-analysis.md`): they are added up over at least ten
//! conversations before a person is judged by them, and no single message is.

mod digest;
mod interval;
mod links;
mod problems;
mod scripts;
mod standing;
mod summary;
mod talk;
mod trends;
mod warnings;
mod week;

use std::cmp::Reverse;
use std::collections::BTreeMap;

pub use digest::{
    Analysis, BehaviourCompared, BehaviourDigest, ChannelBehaviour, ManagerBehaviour, StageLink, TalkExample,
};
pub use interval::{Difference, Verdict, difference};
pub use problems::{MIN_CHATS, Problem, ProblemKind, focus, problems};
pub use scripts::{Candidate, Quote, Stage, StageScript};
pub use standing::{PRIOR_CHATS, Standing, Standings};
pub use summary::BehaviourSummary;
pub use talk::{Advice, Mood, Talk};
pub use trends::{BehaviourMeasure, BehaviourTrend};

use super::daily::{DailyInputs, Thresholds};
use super::digest::{Coverage, Ratio};
use super::figures::{Figures, Ground};
use super::{Period, Span};
use crate::clock::Instant;
use crate::facts::ManagerId;
pub(in crate::measure) use warnings::warnings;
use week::{Week, week};

/// Examples of one manager.
const EXAMPLES: usize = 3;
/// Conversations worth copying.
const BEST: usize = 10;
/// Weeks over which orders are compared.
const LINK_WEEKS: usize = 8;

/// The window of facts that the digest of `period` needs.
pub fn window(period: &Period, thresholds: &Thresholds) -> (Instant, Instant) {
    let first = trends::weeks(period).last().map_or(period.from, |first| first.from);
    let link = chrono::TimeDelta::from_std(thresholds.order_link_window).unwrap_or(chrono::TimeDelta::MAX);
    (first.checked_sub_signed(link).unwrap_or(first), period.to)
}

/// The digest without the texts of its scripts, and the messages these may be taken from.
#[derive(Debug, Clone)]
pub struct Behaviour {
    pub digest: BehaviourDigest,
    pub candidates: Vec<(Stage, Vec<Candidate>)>,
}

/// Computes the digest.
pub fn behaviour(inputs: &DailyInputs<'_>, analysis: &Analysis) -> Behaviour {
    let ground = Ground::new(inputs);
    let period = inputs.period;
    let figures = ground.figures(&period);
    let mut current = week(&ground, &period);
    let before = Span::Week.previous(&period);
    let is_comparable = figures.chats.is_complete()
        && Coverage::of(inputs.chats, &before).is_complete()
        && analysis.reaches(before.from);
    let previous = is_comparable.then(|| week(&ground, &before));

    let linked_weeks = linked_weeks(&ground, analysis);
    let linked = linked_weeks
        .last()
        .map(|first| Period::of_days(first.from_on, period.to_on, period.zone))
        .map(|whole| (ground.figures(&whole), whole));
    current.good.sort_by_key(|good| (Reverse(good.spin_count), Reverse(good.at), good.key));
    let managers = managers(inputs, &figures, &mut current, previous.as_ref());
    let channels = channels(&ground, &current, previous.as_ref());
    let digest = BehaviourDigest {
        public_id: inputs.public_id.clone(),
        period,
        computed_at: inputs.now,
        chat_coverage: figures.chats,
        chats_known_until: inputs.chats.map(|span| span.until),
        team: compared(&current.team, previous.as_ref().map(|week| &week.team)),
        managers,
        channels,
        trends: trends::trends(&ground, analysis),
        links: linked.as_ref().map(|(_, whole)| links::links(&ground, whole)).unwrap_or_default(),
        standings: linked
            .as_ref()
            .and_then(|(figures, _)| standing::standings(figures, &inputs.facts.directory)),
        link_weeks: linked_weeks.len() as u64,
        best: current.good.into_iter().map(|good| good.example).take(BEST).collect(),
        scripts: Vec::new(),
        refined: Ratio::of(current.refined_messages, current.analysed_messages)
            .filter(|refined| refined.part > 0),
        waiting: analysis.waiting,
        analysed_since: analysis.since,
        counts_from: analysis.counts_from,
    };
    let candidates = linked.map(|(_, whole)| scripts::candidates(&ground, &whole)).unwrap_or_default();
    Behaviour { digest, candidates }
}

/// The last weeks over which orders can be compared, newest first: chats and orders wholly read, one version of the analysis.
/// None at all when the reported week is not among them.
fn linked_weeks(ground: &Ground<'_>, analysis: &Analysis) -> Vec<Period> {
    let is_known = |period: &Period| {
        let sources = [ground.inputs.chats, ground.inputs.orders];
        sources.into_iter().all(|span| Coverage::of(span, period).is_complete())
            && analysis.reaches(period.from)
    };
    trends::weeks(&ground.inputs.period).into_iter().take(LINK_WEEKS).take_while(is_known).collect()
}

fn compared(current: &BehaviourSummary, previous: Option<&BehaviourSummary>) -> BehaviourCompared {
    BehaviourCompared {
        current: current.clone(),
        previous: previous.filter(|previous| previous.chats > 0).cloned(),
    }
}

/// What each manager has to begin with, by the same rules, for the digest of a week; nobody when it is known only in part.
pub(in crate::measure) fn focuses(ground: &Ground<'_>, figures: &Figures) -> BTreeMap<ManagerId, Problem> {
    if !figures.chats.is_complete() {
        return BTreeMap::new();
    }
    let focus_of = |(id, summary): (ManagerId, BehaviourSummary)| {
        let chats = figures.manager(Some(id)).chats.unwrap_or_default();
        Some((id, focus(&problems(&summary, &chats))?))
    };
    week::managers(ground, &ground.inputs.period).into_iter().filter_map(focus_of).collect()
}

/// Nobody is judged by a week that is known only in part.
fn managers(
    inputs: &DailyInputs<'_>,
    figures: &Figures,
    current: &mut Week,
    previous: Option<&Week>,
) -> Vec<ManagerBehaviour> {
    let ids: Vec<ManagerId> = current.managers.keys().copied().collect();
    let mut managers: Vec<ManagerBehaviour> = ids
        .into_iter()
        .map(|id| {
            let summary = current.managers.get(&id).cloned().unwrap_or_default();
            let chats = figures.manager(Some(id)).chats.unwrap_or_default();
            let problems = if figures.chats.is_complete() { problems(&summary, &chats) } else { Vec::new() };
            let mut examples = current.examples.remove(&id).unwrap_or_default();
            examples.sort_by_key(|(advice, at, key, _)| (*advice, Reverse(*at), *key));
            let good = current.good.iter().find(|good| good.holder == Some(id));
            ManagerBehaviour {
                id,
                name: inputs.facts.directory.name(id),
                numbers: compared(&summary, previous.and_then(|week| week.managers.get(&id))),
                focus: focus(&problems),
                problems,
                examples: examples.into_iter().map(|(.., example)| example).take(EXAMPLES).collect(),
                good: good.map(|good| good.example.clone()),
                wording: None,
            }
        })
        .collect();
    managers.sort_by_key(|one| (Reverse(one.numbers.current.replied_chats), one.name.clone(), one.id));
    managers
}

fn channels(ground: &Ground<'_>, current: &Week, previous: Option<&Week>) -> Vec<ChannelBehaviour> {
    let mut channels: Vec<ChannelBehaviour> = current
        .channels
        .iter()
        .map(|(id, summary)| {
            let channel = id.and_then(|id| ground.channels.get(&id));
            ChannelBehaviour {
                id: *id,
                kind: channel.map(|channel| channel.kind.clone()).unwrap_or_default(),
                name: channel.and_then(|channel| channel.name.clone()),
                numbers: compared(summary, previous.and_then(|week| week.channels.get(id))),
            }
        })
        .collect();
    channels.sort_by_key(|one| (Reverse(one.numbers.current.replied_chats), one.kind.clone(), one.id));
    channels
}
