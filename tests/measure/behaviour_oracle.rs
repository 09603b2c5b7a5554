//! The behaviour digest computed a second time: every figure is read off the raw messages and their marks by its definition,
//! each by a pass of its own.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::sample::select;
use svodka::facts::{ManagerId, Marks, MarksOf, Message, Responsible};
use svodka::measure::behaviour::{
    Advice, Analysis, Behaviour, BehaviourDigest, BehaviourMeasure, BehaviourSummary, Problem, ProblemKind,
    Stage, TalkExample, Verdict, behaviour, focus, problems,
};
use svodka::measure::digest::{ChatSummary, Coverage, Ratio};
use svodka::measure::{Period, Span};

use super::oracle::{Key, Oracle, Talk, coverage, end, human, is_customer, name};
use super::random::{World, any_world};
use super::weekly_oracle::{before, near, widened};
use crate::support::facts::{ANNA, BORIS, Shop, TELEGRAM, VERA, WHATSAPP};

const SPIN: [Marks; 4] = [Marks::SPIN_S, Marks::SPIN_P, Marks::SPIN_I, Marks::SPIN_N];
const STAGES: [Marks; 5] = [
    Marks::STAGE_GREETING,
    Marks::STAGE_NEEDS,
    Marks::STAGE_PRESENTATION,
    Marks::STAGE_OBJECTION,
    Marks::STAGE_CLOSING,
];
const QUESTIONS: [Marks; 3] = [Marks::OPEN_QUESTION, Marks::CLOSED_QUESTION, Marks::OTHER_QUESTION];

/// A conversation of a week, with whose it is.
struct Case<'a> {
    talk: Talk<'a>,
    holder: Option<ManagerId>,
    channel: Option<i64>,
}

struct Slow<'a> {
    world: &'a World,
    oracle: Oracle<'a>,
}

impl<'a> Slow<'a> {
    fn said(&self, message: &Message) -> Marks {
        self.world.facts.marks.get(&message.id).copied().unwrap_or_default()
    }

    /// Conversations with a word in the period, as of its end or of the end of what is known.
    fn cases(&self, period: &Period) -> Vec<Case<'a>> {
        let Some(as_of) = end(coverage(self.world.chats, period), period) else { return Vec::new() };
        let talks = self.oracle.talks(Some(as_of)).into_iter();
        talks
            .filter(|talk| talk.is_active_since(period.from))
            .map(|talk| Case {
                holder: self.oracle.holder(&talk, as_of),
                channel: self.oracle.channel_of(&talk),
                talk,
            })
            .collect()
    }

    fn replies(&self, talk: &Talk<'a>) -> Vec<Marks> {
        talk.words.iter().filter(|word| human(word).is_some()).map(|word| self.said(word)).collect()
    }

    fn inbound(&self, talk: &Talk<'a>) -> Vec<Marks> {
        talk.words.iter().filter(|word| is_customer(word)).map(|word| self.said(word)).collect()
    }

    fn is_analysed(&self, talk: &Talk<'a>) -> bool {
        talk.words.iter().any(|word| self.world.facts.marks.contains_key(&word.id))
    }

    fn uses(&self, talk: &Talk<'a>, mark: Marks) -> bool {
        self.replies(talk).iter().any(|said| said.any(mark))
    }

    fn spin(&self, talk: &Talk<'a>) -> [bool; 4] {
        SPIN.map(|mark| self.uses(talk, mark))
    }

    fn spin_count(&self, talk: &Talk<'a>) -> u64 {
        self.spin(talk).into_iter().filter(|is_used| *is_used).count() as u64
    }

    fn questions(&self, talk: &Talk<'a>) -> u64 {
        let of = |mark| self.replies(talk).iter().filter(|said| said.any(mark)).count() as u64;
        QUESTIONS.into_iter().map(of).sum()
    }

    fn has_intent(&self, talk: &Talk<'a>) -> bool {
        self.inbound(talk).iter().any(|said| said.any(Marks::HIGH_INTENT))
    }

    fn is_lost(&self, talk: &Talk<'a>) -> bool {
        self.has_intent(talk) && !self.replies(talk).is_empty() && !self.uses(talk, Marks::NEXT_STEP)
    }

    fn is_consultation(&self, talk: &Talk<'a>) -> bool {
        let opens_by_buying = self.inbound(talk).first().is_some_and(|said| said.any(Marks::BUY));
        let is_served_at_once = opens_by_buying && self.replies(talk).len() < 3;
        talk.words.len() >= 5 && self.questions(talk) >= 2 && !is_served_at_once
    }

    fn first_secs(&self, talk: &Talk<'a>) -> Option<i64> {
        talk.first_response().map(|times| self.oracle.work(times))
    }

    fn quality(&self, talk: &Talk<'a>) -> u64 {
        let points = [5, 15, 15, 10, 5];
        let stages = STAGES.iter().zip(points).filter(|(mark, _)| self.uses(talk, **mark));
        let mut score: u64 = stages.map(|(_, points)| points).sum();
        score += [5, 10, 15, 20].into_iter().filter(|least| talk.words.len() >= *least).count() as u64 * 5;
        score += [3, 5, 8].into_iter().filter(|least| self.questions(talk) >= *least).count() as u64 * 5;
        score += [60, 300]
            .into_iter()
            .filter(|most| self.first_secs(talk).is_some_and(|secs| secs <= *most))
            .count() as u64
            * 5;
        score + if self.is_consultation(talk) { 5 } else { 0 }
    }

    fn mood(&self, talk: &Talk<'a>) -> Option<usize> {
        let said = *self.inbound(talk).last()?;
        Some(match (said.any(Marks::POSITIVE), said.any(Marks::NEGATIVE)) {
            (false, true) => 0,
            (true, false) => 2,
            _ => 1,
        })
    }

    fn summary(&self, cases: &[Case<'a>], mine: &dyn Fn(&Case<'a>) -> bool) -> BehaviourSummary {
        let replied: Vec<&Talk<'a>> = cases
            .iter()
            .filter(|case| mine(case))
            .map(|case| &case.talk)
            .filter(|talk| !self.replies(talk).is_empty())
            .collect();
        let known: Vec<&Talk<'a>> = replied.iter().copied().filter(|talk| self.is_analysed(talk)).collect();
        let count =
            |which: &dyn Fn(&Talk<'a>) -> bool| known.iter().filter(|talk| which(talk)).count() as u64;
        let sum = |of: &dyn Fn(&Talk<'a>) -> u64| known.iter().map(|talk| of(talk)).sum::<u64>();
        BehaviourSummary {
            replied_chats: replied.len() as u64,
            chats: known.len() as u64,
            questions: sum(&|talk| self.questions(talk)),
            open_questions: sum(&|talk| {
                self.replies(talk).iter().filter(|said| said.any(Marks::OPEN_QUESTION)).count() as u64
            }),
            spin_chats: SPIN.map(|mark| count(&|talk| self.uses(talk, mark))),
            spin_stages: sum(&|talk| self.spin_count(talk)),
            full_spin_chats: count(&|talk| SPIN.iter().all(|mark| self.uses(talk, *mark))),
            stage_chats: STAGES.map(|mark| count(&|talk| self.uses(talk, mark))),
            next_step_chats: count(&|talk| {
                self.replies(talk).last().is_some_and(|said| said.any(Marks::NEXT_STEP))
            }),
            upsell_chats: count(&|talk| self.uses(talk, Marks::UPSELL)),
            high_intent_chats: count(&|talk| self.has_intent(talk)),
            lost_intent_chats: count(&|talk| self.is_lost(talk)),
            consultations: count(&|talk| self.is_consultation(talk)),
            quality_points: sum(&|talk| self.quality(talk)),
            moods: [0, 1, 2].map(|mood| count(&|talk| self.mood(talk) == Some(mood))),
        }
    }

    fn advice(&self, talk: &Talk<'a>, from: svodka::clock::Instant) -> Option<Advice> {
        let limit = self.world.thresholds.slow_first_reply.as_secs() as i64;
        let is_slow = talk.first_response().is_some_and(|(_, at)| at >= from)
            && self.first_secs(talk).is_some_and(|secs| secs > limit);
        let replies = self.replies(talk);
        let asks_early =
            replies.iter().take(6).any(|said| QUESTIONS.iter().any(|question| said.any(*question)));
        let found = [
            (talk.first_inbound().is_some() && replies.is_empty(), Advice::NoReply),
            (is_slow, Advice::SlowFirstReply),
            (!talk.silent().is_empty(), Advice::LeftUnanswered),
            (self.is_analysed(talk) && !asks_early, Advice::NoQuestions),
            (self.is_analysed(talk) && self.is_lost(talk), Advice::NoNextStep),
        ];
        found.into_iter().find(|(applies, _)| *applies).map(|(_, advice)| advice)
    }

    fn first_said(talk: &Talk<'a>, from: svodka::clock::Instant) -> svodka::clock::Instant {
        talk.words.iter().map(|word| word.sent_at).filter(|at| *at >= from).min().unwrap()
    }

    fn ordered(&self, as_of: svodka::clock::Instant) -> BTreeSet<Key> {
        let made = self.oracle.orders().filter(|order| order.created_at < as_of);
        made.filter_map(|order| self.oracle.link(order, as_of)).map(|(_, key)| key).collect()
    }

    /// The weeks that orders can be compared over.
    fn linked(&self, analysis: &Analysis) -> Option<(Period, u64)> {
        let mut found = None;
        for ago in 0..8 {
            let week = before(&self.world.period, Span::Week, ago);
            let is_known = [self.world.chats, self.world.orders]
                .into_iter()
                .all(|span| coverage(span, &week) == Coverage::Complete);
            if !is_known || analysis.counts_from.is_some_and(|from| from >= week.from) {
                break;
            }
            let period = self.world.period;
            found = Some((Period::of_days(week.from_on, period.to_on, period.zone), ago as u64 + 1));
        }
        found
    }
}

/// Targets by hand: a share at least, or at most; severity is the distance in parts of the target.
fn slow_problems(talk: &BehaviourSummary, chats: &ChatSummary) -> Vec<(ProblemKind, f64, bool)> {
    use ProblemKind as K;
    let mut found: Vec<(K, f64, bool)> = Vec::new();
    let mut at_most = |kind, value: f64, target: f64| {
        if value > target {
            found.push((kind, (value - target) / target, false));
        }
    };
    if chats.inbound_chats >= 10 {
        at_most(K::NoReply, chats.no_reply_chats as f64 / chats.inbound_chats as f64, 0.05);
        if let Some(median) = chats.first_response_median_secs {
            at_most(K::SlowFirstReply, median, 600.0);
        }
    }
    if talk.chats >= 10 {
        let all = talk.chats as f64;
        let share = |place: usize| talk.spin_chats[place] as f64 / all;
        let mut at_least = |kind, value: f64, target: f64, critical: f64| {
            if value < target {
                let severity = (target - value) / target;
                found.push((kind, severity + if value < critical { 1.0 } else { 0.0 }, value < critical));
            }
        };
        at_least(K::FewSituationQuestions, share(0), 0.8, 0.0);
        at_least(K::FewQuestions, talk.questions as f64 / all, 5.0, 3.0);
        at_least(K::FewProblemQuestions, share(1), 0.6, 0.0);
        at_least(K::FewImplicationQuestions, share(2), 0.4, 0.0);
        at_least(K::FewNeedPayoffQuestions, share(3), 0.6, 0.0);
        at_least(K::LowCompleteness, talk.spin_stages as f64 / (4.0 * all), 0.75, 0.3);
    }
    let basic = found.iter().map(|one| one.0).min();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let basic = basic.and_then(|basic| found.iter().find(|one| one.0 == basic).copied());
    found.truncate(5);
    if let Some(basic) = basic.filter(|basic| found.iter().all(|one| one.0 != basic.0)) {
        found[4] = basic;
    }
    found
}

fn same_problems(told: &[Problem], expected: &[(ProblemKind, f64, bool)]) -> bool {
    told.len() == expected.len()
        && told.iter().zip(expected).all(|(told, (kind, severity, is_critical))| {
            told.kind == *kind && told.is_critical == *is_critical && (told.severity - severity).abs() < 1e-9
        })
}

/// Wilson's bound by bisection on its definition: the share whose own deviation just reaches the one seen.
fn wilson(part: u64, whole: u64, is_upper: bool) -> f64 {
    let (seen, n) = (part as f64 / whole as f64, whole as f64);
    let is_beyond =
        |share: f64| (seen - share).abs() > 1.959_963_984_540_054 * (share * (1.0 - share) / n).sqrt();
    let (mut inner, mut outer) = (seen, if is_upper { 1.0 } else { 0.0 });
    for _ in 0..100 {
        let middle = f64::midpoint(inner, outer);
        if is_beyond(middle) { outer = middle } else { inner = middle }
    }
    inner
}

fn interval(a: Ratio, b: Ratio) -> (f64, f64) {
    let share = |ratio: Ratio| ratio.part as f64 / ratio.whole as f64;
    let low = |ratio: Ratio| share(ratio) - wilson(ratio.part, ratio.whole, false);
    let high = |ratio: Ratio| wilson(ratio.part, ratio.whole, true) - share(ratio);
    let between = share(a) - share(b);
    (between - low(a).hypot(high(b)), between + high(a).hypot(low(b)))
}

fn verdict(a: Ratio, b: Ratio) -> Verdict {
    let (low, high) = interval(a, b);
    match () {
        () if a.whole.min(b.whole) < 20 => Verdict::TooFew,
        () if low > 0.0 || high < 0.0 => Verdict::Seen,
        () => Verdict::NotSeen,
    }
}

fn ratio(part: usize, whole: usize) -> Option<Ratio> {
    (whole > 0).then_some(Ratio { part: part as u64, whole: whole as u64 })
}

fn told(example: &TalkExample) -> (i64, svodka::clock::Instant, Option<Advice>, [bool; 4], bool, bool) {
    let TalkExample { chat_id, at, advice, spin, has_upsell, ends_with_step, .. } = example;
    (*chat_id, *at, *advice, *spin, *has_upsell, *ends_with_step)
}

/// Compares the digest of the world's week with the slow reading of it.
fn check(world: &World, analysis: &Analysis) -> Result<(), TestCaseError> {
    let Behaviour { digest, candidates } = behaviour(&world.inputs(), analysis);
    let slow = Slow { world, oracle: Oracle::new(world) };
    let period = world.period;
    let state = coverage(world.chats, &period);
    let cases = slow.cases(&period);
    let last = before(&period, Span::Week, 1);
    let reaches = |week: &Period| analysis.counts_from.is_none_or(|from| from < week.from);
    let is_comparable =
        state == Coverage::Complete && coverage(world.chats, &last) == Coverage::Complete && reaches(&last);
    let last_cases = if is_comparable { slow.cases(&last) } else { Vec::new() };
    let same = |told: &svodka::measure::behaviour::BehaviourCompared, mine: &dyn Fn(&Case<'_>) -> bool| {
        let previous = Some(slow.summary(&last_cases, mine)).filter(|previous| previous.chats > 0);
        prop_assert_eq!(&told.current, &slow.summary(&cases, mine));
        prop_assert_eq!(&told.previous, &previous);
        Ok(())
    };
    same(&digest.team, &|_| true)?;
    let known: Vec<Marks> = cases
        .iter()
        .flat_map(|case| &case.talk.words)
        .filter(|word| word.sent_at >= period.from)
        .filter_map(|word| world.facts.marks.get(&word.id).copied())
        .collect();
    let refined = known.iter().filter(|said| said.any(Marks::REFINED)).count();
    prop_assert_eq!(digest.refined, ratio(refined, known.len()).filter(|refined| refined.part > 0));

    let ids: BTreeSet<ManagerId> = cases.iter().filter_map(|case| case.holder).collect();
    prop_assert_eq!(digest.managers.iter().map(|one| one.id).collect::<BTreeSet<_>>(), ids);
    let ordered = slow.ordered(end(state, &period).unwrap_or(period.from));
    for one in &digest.managers {
        same(&one.numbers, &|case| case.holder == Some(one.id))?;
        prop_assert_eq!(&one.name, &name(Some(one.id)));
        let chats = slow.oracle.manager(&period, Some(one.id)).chats.unwrap_or_default();
        let expected = match state {
            Coverage::Complete => slow_problems(&one.numbers.current, &chats),
            _ => Vec::new(),
        };
        prop_assert!(same_problems(&one.problems, &expected), "{:?} is not {:?}", &one.problems, &expected);
        let basic = expected.iter().map(|problem| problem.0).min();
        prop_assert_eq!(one.focus.map(|focus| focus.kind), basic);

        let mut advised: Vec<_> = cases
            .iter()
            .filter(|case| case.holder == Some(one.id))
            .filter_map(|case| Some((slow.advice(&case.talk, period.from)?, &case.talk)))
            .map(|(advice, talk)| {
                (advice, Reverse(Slow::first_said(talk, period.from)), talk.key, talk.all[0].chat_id)
            })
            .collect();
        advised.sort();
        let expected: Vec<_> =
            advised.iter().take(3).map(|found| (found.3, Some(found.0), found.1.0)).collect();
        let found: Vec<_> = one.examples.iter().map(|one| (one.chat_id, one.advice, one.at)).collect();
        prop_assert_eq!(found, expected);
    }

    let channels: BTreeSet<Option<i64>> = cases.iter().map(|case| case.channel).collect();
    prop_assert_eq!(digest.channels.iter().map(|one| one.id).collect::<BTreeSet<_>>(), channels);
    for one in &digest.channels {
        same(&one.numbers, &|case| case.channel == one.id)?;
    }

    let limit = world.thresholds.slow_first_reply.as_secs() as i64;
    let mut good: Vec<_> = cases
        .iter()
        .filter(|case| ordered.contains(&case.talk.key) && slow.spin_count(&case.talk) >= 2)
        .filter(|case| slow.first_secs(&case.talk).is_none_or(|secs| secs <= limit))
        .map(|case| {
            let at = Slow::first_said(&case.talk, period.from);
            (Reverse(slow.spin_count(&case.talk)), Reverse(at), case.talk.key, case)
        })
        .collect();
    good.sort_by_key(|(count, at, key, _)| (*count, *at, *key));
    let expected: Vec<_> = good
        .iter()
        .map(|(_, at, _, case)| {
            let talk = &case.talk;
            let is_step = slow.replies(talk).last().is_some_and(|said| said.any(Marks::NEXT_STEP));
            (talk.all[0].chat_id, at.0, None, slow.spin(talk), slow.uses(talk, Marks::UPSELL), is_step)
        })
        .collect();
    prop_assert_eq!(
        digest.best.iter().map(told).collect::<Vec<_>>(),
        expected[..expected.len().min(10)].to_vec()
    );
    for one in &digest.managers {
        let own = good.iter().position(|(.., case)| case.holder == Some(one.id));
        prop_assert_eq!(one.good.as_ref().map(told), own.map(|place| expected[place]));
    }
    check_orders(&digest, &candidates, &slow, analysis)?;
    check_trends(&digest, &slow, analysis)
}

fn check_orders(
    digest: &BehaviourDigest,
    candidates: &[(Stage, Vec<svodka::measure::behaviour::Candidate>)],
    slow: &Slow<'_>,
    analysis: &Analysis,
) -> Result<(), TestCaseError> {
    let Some((whole, weeks)) = slow.linked(analysis) else {
        prop_assert_eq!(digest.link_weeks, 0);
        prop_assert!(digest.links.is_empty() && digest.standings.is_none() && candidates.is_empty());
        return Ok(());
    };
    prop_assert_eq!(digest.link_weeks, weeks);
    let cases = slow.cases(&whole);
    let ordered = slow.ordered(whole.to);
    let written: Vec<&Case<'_>> = cases.iter().filter(|case| case.talk.first_inbound().is_some()).collect();
    let conversion = |of: &[&&Case<'_>]| {
        ratio(of.iter().filter(|case| ordered.contains(&case.talk.key)).count(), of.len())
    };
    let served: Vec<&&Case<'_>> = written
        .iter()
        .filter(|case| !slow.replies(&case.talk).is_empty() && slow.is_analysed(&case.talk))
        .collect();
    prop_assert_eq!(digest.links.len(), 4);
    for (stage, link) in digest.links.iter().enumerate() {
        let side = |is_used: bool| {
            let of: Vec<_> =
                served.iter().copied().filter(|case| slow.spin(&case.talk)[stage] == is_used).collect();
            conversion(&of)
        };
        let (with, without) = (side(true), side(false));
        let found = &link.difference;
        prop_assert_eq!((link.stage, found.with, found.without), (stage, with, without));
        let expected = with.zip(without);
        prop_assert_eq!(found.verdict, expected.map_or(Verdict::TooFew, |(a, b)| verdict(a, b)));
        match (found.interval, expected.map(|(a, b)| interval(a, b))) {
            (Some(found), Some(expected)) => {
                prop_assert!((found.0 - expected.0).abs() < 1e-9 && (found.1 - expected.1).abs() < 1e-9);
            }
            (found, expected) => prop_assert_eq!(found, expected),
        }
    }

    let all: Vec<&&Case<'_>> = written.iter().collect();
    let team = conversion(&all);
    let ids: BTreeSet<ManagerId> = written.iter().filter_map(|case| case.holder).collect();
    let mut ranked: Vec<(f64, ManagerId, Ratio)> = ids
        .into_iter()
        .filter_map(|id| {
            let own: Vec<_> = written.iter().filter(|case| case.holder == Some(id)).collect();
            let (own, team) = (conversion(&own)?, team?);
            let pulled = 20.0 * team.part as f64 / team.whole as f64;
            let shrunk = (own.part as f64 + pulled) / (own.whole as f64 + 20.0);
            (own.whole >= 10).then_some((shrunk, id, own))
        })
        .collect();
    prop_assert_eq!(digest.standings.is_some(), ranked.len() >= 2);
    if let (Some(found), Some(team)) = (&digest.standings, team) {
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| name(Some(a.1)).cmp(&name(Some(b.1)))));
        let most = 3.min(ranked.len() / 2);
        let mean = team.part as f64 / team.whole as f64;
        let top: Vec<_> = ranked.iter().filter(|one| one.0 > mean).take(most).collect();
        let bottom: Vec<_> = ranked.iter().rev().filter(|one| one.0 < mean).take(most).collect();
        prop_assert_eq!((found.team, found.ranked_count), (team, ranked.len() as u64));
        for (told, expected) in [(&found.top, &top), (&found.bottom, &bottom)] {
            prop_assert_eq!(told.len(), expected.len());
            for (told, (shrunk, id, own)) in told.iter().zip(expected) {
                prop_assert_eq!((told.id, told.conversion), (*id, *own));
                prop_assert!((told.shrunk - shrunk).abs() < 1e-9);
                let rest = Ratio { part: team.part - own.part, whole: team.whole - own.whole };
                let is_clear = rest.whole > 0 && verdict(*own, rest) == Verdict::Seen;
                prop_assert_eq!(told.is_clear, is_clear);
            }
        }
    }

    prop_assert_eq!(candidates.len(), 5);
    for ((_, found), mark) in candidates.iter().zip(STAGES) {
        let mut expected: Vec<_> = cases
            .iter()
            .filter(|case| ordered.contains(&case.talk.key))
            .flat_map(|case| case.talk.words.iter().map(move |word| (case, *word)))
            .filter(|(_, word)| {
                human(word).is_some() && word.sent_at >= whole.from && slow.said(word).any(mark)
            })
            .map(|(case, word)| {
                let stages = STAGES.iter().filter(|stage| slow.said(word).any(**stage)).count();
                (stages, Reverse(slow.spin_count(&case.talk)), Reverse(word.sent_at), word.id)
            })
            .collect();
        expected.sort_unstable();
        expected.truncate(40);
        let ids: Vec<i64> = found.iter().map(|one| one.message_id).collect();
        prop_assert_eq!(ids, expected.iter().map(|one| one.3).collect::<Vec<_>>());
    }
    Ok(())
}

fn check_trends(digest: &BehaviourDigest, slow: &Slow<'_>, analysis: &Analysis) -> Result<(), TestCaseError> {
    let weeks: Vec<Option<BehaviourSummary>> = (0..12)
        .rev()
        .map(|ago| {
            let week = before(&slow.world.period, Span::Week, ago);
            let is_known = coverage(slow.world.chats, &week) == Coverage::Complete
                && analysis.counts_from.is_none_or(|from| from < week.from);
            is_known.then(|| slow.summary(&slow.cases(&week), &|_| true)).filter(|week| week.chats >= 10)
        })
        .collect();
    prop_assert_eq!(digest.trends.len(), 4);
    for trend in &digest.trends {
        let value = |week: &BehaviourSummary| {
            let all = week.chats as f64;
            match trend.measure {
                BehaviourMeasure::QuestionsPerChat => week.questions as f64 / all,
                BehaviourMeasure::SpinCompleteness => week.spin_stages as f64 / (4.0 * all),
                BehaviourMeasure::NextStepRatio => week.next_step_chats as f64 / all,
                BehaviourMeasure::QualityScore => week.quality_points as f64 / all,
            }
        };
        let values: Vec<Option<f64>> = weeks.iter().map(|week| week.as_ref().map(value)).collect();
        prop_assert!(trend.values.iter().zip(&values).all(|(left, right)| near(*left, *right)));
        let lengths: Vec<u64> = [4usize, 8, 12]
            .into_iter()
            .filter(|length| values[12 - length..].iter().all(Option::is_some))
            .map(|length| length as u64)
            .collect();
        prop_assert_eq!(trend.windows.iter().map(|window| window.periods).collect::<Vec<_>>(), lengths);
    }
    Ok(())
}

/// About a quarter of the statements are made of each message; some messages were not analysed.
fn any_marks(count: usize) -> impl Strategy<Value = MarksOf> {
    let one = proptest::option::weighted(0.85, (any::<u32>(), any::<u32>()));
    proptest::collection::vec(one, count..=count).prop_map(|marks| {
        let all = (0..).zip(marks);
        all.filter_map(|(id, said)| said.map(|(a, b)| (id, Marks(a & b & 0x03FF_FFFF)))).collect()
    })
}

/// How far the present analysis reaches: mostly everywhere.
fn any_reach() -> impl Strategy<Value = Option<i64>> {
    proptest::option::weighted(0.3, -20i64..90)
}

fn analysis(world: &World, reach: Option<i64>) -> Analysis {
    let counts_from = reach.map(|days| world.period.to - TimeDelta::days(days));
    Analysis { counts_from, ..Analysis::default() }
}

/// A customer's conversation: whose, weeks ago, minute of the week, minutes to the reply, further replies, whether an order came.
type Told = (usize, i64, i64, Option<i64>, u8, bool);

fn any_talks() -> impl Strategy<Value = Vec<Told>> {
    select(vec![1i64, 2, 4, 10]).prop_flat_map(|spread| {
        let talk = (
            0usize..3,
            0..spread,
            0i64..7 * 24 * 4 - 30,
            proptest::option::weighted(0.9, 1i64..10),
            0u8..4,
            proptest::bool::weighted(0.3),
        );
        proptest::collection::vec(talk, 40..90)
    })
}

/// Conversations enough to judge people by, on the quarter-hour grid that the slow reading counts in.
fn dense(talks: &[Told]) -> World {
    let mut shop = Shop::on("2026-03-10");
    shop.calendar.default = "00:00-24:00".parse().unwrap();
    let week = Span::Week.containing(shop.period.from_on, shop.calendar.zone);
    let people = [ANNA, BORIS, VERA];
    for (id, (person, ago, step, reply, more, has_order)) in (1..).zip(talks) {
        let start = week.from - TimeDelta::days(7 * ago);
        let at = |step: i64| {
            let at = start + TimeDelta::minutes(15 * step);
            at.with_timezone(&week.zone).format("%Y-%m-%d %H:%M").to_string()
        };
        shop.chat(id, if id % 3 == 0 { WHATSAPP } else { TELEGRAM });
        shop.dialog(id, id, &at(*step), Some(Responsible::User(people[*person])));
        shop.asks(id, &at(*step));
        if let Some(delay) = reply {
            shop.replies(id, people[*person], &at(step + delay));
            for place in 0..i64::from(*more) {
                shop.asks(id, &at(step + delay + 1 + 2 * place));
                shop.replies(id, people[*person], &at(step + delay + 2 + 2 * place));
            }
        }
        if *has_order {
            shop.order(id, &at(step + 20), 100_000).dialog_id = Some(id);
        }
    }
    for known in [&mut shop.chats, &mut shop.orders].into_iter().flatten() {
        (known.from, known.until) = (week.from - TimeDelta::days(200), week.to);
    }
    let mut world = World {
        facts: shop.facts,
        period: week,
        now: week.to,
        calendar: shop.calendar,
        thresholds: shop.thresholds,
        chats: shop.chats,
        orders: shop.orders,
    };
    world.sort();
    world
}

fn any_summary() -> impl Strategy<Value = (BehaviourSummary, ChatSummary)> {
    let spin = proptest::collection::vec(0.0..=1.0f64, 4);
    let chats = (0u64..25, 0u64..25, proptest::option::of(0.0..1500.0f64));
    (0u64..25, spin, 0u64..8, chats).prop_map(|(count, spin, questions, (inbound, no_reply, median))| {
        let spin_chats: [u64; 4] = std::array::from_fn(|place| (spin[place] * count as f64).round() as u64);
        let talk = BehaviourSummary {
            replied_chats: count,
            chats: count,
            questions: questions * count,
            spin_chats,
            spin_stages: spin_chats.iter().sum(),
            ..BehaviourSummary::default()
        };
        let chats = ChatSummary {
            inbound_chats: inbound,
            no_reply_chats: no_reply.min(inbound),
            first_response_median_secs: median,
            ..ChatSummary::default()
        };
        (talk, chats)
    })
}

proptest! {
    #![proptest_config(super::quick(32))]

    #[test]
    fn every_figure_of_a_week_of_behaviour_equals_its_slow_second_computation(
        world in any_world(), marks in any_marks(160), reach in any_reach(),
    ) {
        let mut world = widened(world, Span::Week);
        world.facts.marks = marks;
        check(&world, &analysis(&world, reach))?;
    }

    #[test]
    fn problems_and_the_focus_equal_their_definition((talk, chats) in any_summary()) {
        let found = problems(&talk, &chats);
        let expected = slow_problems(&talk, &chats);
        prop_assert!(same_problems(&found, &expected), "{:?} is not {:?}", found, expected);
        prop_assert_eq!(focus(&found).map(|one| one.kind), expected.iter().map(|one| one.0).min());
    }
}

proptest! {
    #![proptest_config(super::quick(10))]

    #[test]
    fn people_with_enough_conversations_are_judged_ranked_and_followed_as_the_slow_computation_does(
        talks in any_talks(), marks in any_marks(700), reach in any_reach(),
    ) {
        let mut world = dense(&talks);
        world.facts.marks = marks;
        check(&world, &analysis(&world, reach))?;
    }
}
