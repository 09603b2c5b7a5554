//! Where a manager is short of the target, and what to begin with.

use serde::{Deserialize, Serialize};

use super::summary::BehaviourSummary;
use crate::measure::digest::ChatSummary;

/// A manager with fewer conversations is not judged.
pub const MIN_CHATS: u64 = 10;
/// Told of one manager.
const MOST: usize = 5;

/// What is short of its target. The order is that of learning: whoever does not answer need not ask better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// Share of conversations without any reply, at most 5 %.
    NoReply,
    /// Median of the first response, at most 10 working minutes.
    SlowFirstReply,
    /// Share of conversations with questions about the customer's situation, at least 80 %.
    FewSituationQuestions,
    /// Questions per conversation, at least 5.
    FewQuestions,
    /// Share of conversations with questions about difficulties, at least 60 %.
    FewProblemQuestions,
    /// … about consequences, at least 40 %.
    FewImplicationQuestions,
    /// … about the value of a solution, at least 60 %.
    FewNeedPayoffQuestions,
    /// Mean share of the four kinds of question, at least 75 %.
    LowCompleteness,
}

/// A target missed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    pub kind: ProblemKind,
    /// A share 0..=1, seconds, or questions per conversation, by kind.
    pub value: f64,
    pub target: f64,
    /// Below the critical limit, where the kind has one.
    pub is_critical: bool,
    /// How far from the target, relative to it; a critical one weighs one more.
    pub severity: f64,
}

/// The problems of a manager, worst first, at most five, the most basic always among them. Empty for fewer than [`MIN_CHATS`] conversations.
pub fn problems(talk: &BehaviourSummary, chats: &ChatSummary) -> Vec<Problem> {
    use ProblemKind as K;
    let ratio = |place: usize| talk.spin_ratio(place).map(|ratio| ratio.value());
    let is_judged = talk.chats >= MIN_CHATS;
    let no_reply =
        (chats.inbound_chats >= MIN_CHATS).then(|| chats.no_reply_chats as f64 / chats.inbound_chats as f64);
    let values = [
        (K::NoReply, no_reply, 0.05, None, false),
        (
            K::SlowFirstReply,
            chats.first_response_median_secs.filter(|_| chats.inbound_chats >= MIN_CHATS),
            600.0,
            None,
            false,
        ),
        (K::FewSituationQuestions, ratio(0).filter(|_| is_judged), 0.8, None, true),
        (K::FewQuestions, talk.questions_per_chat().filter(|_| is_judged), 5.0, Some(3.0), true),
        (K::FewProblemQuestions, ratio(1).filter(|_| is_judged), 0.6, None, true),
        (K::FewImplicationQuestions, ratio(2).filter(|_| is_judged), 0.4, None, true),
        (K::FewNeedPayoffQuestions, ratio(3).filter(|_| is_judged), 0.6, None, true),
        (K::LowCompleteness, talk.spin_completeness().filter(|_| is_judged), 0.75, Some(0.3), true),
    ];
    let mut problems: Vec<Problem> = values
        .into_iter()
        .filter_map(|(kind, value, target, critical, is_floor)| {
            let value = value?;
            let short = if is_floor { target - value } else { value - target };
            let is_critical = critical.is_some_and(|critical| value < critical);
            let severity = short / target + if is_critical { 1.0 } else { 0.0 };
            (short > 0.0).then_some(Problem { kind, value, target, is_critical, severity })
        })
        .collect();
    problems.sort_by(|a, b| b.severity.total_cmp(&a.severity).then(a.kind.cmp(&b.kind)));
    // The focus is told even when five others are worse.
    if let Some(basic) = focus(&problems)
        && problems.iter().position(|problem| problem.kind == basic.kind) >= Some(MOST)
    {
        problems.truncate(MOST - 1);
        problems.push(basic);
    }
    problems.truncate(MOST);
    problems
}

/// What to work on this week: the most basic of the problems, not the worst.
pub fn focus(problems: &[Problem]) -> Option<Problem> {
    problems.iter().copied().min_by_key(|problem| problem.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(chats: u64, spin: [u64; 4], questions: u64) -> BehaviourSummary {
        let spin_stages = spin.iter().sum();
        BehaviourSummary { chats, spin_chats: spin, spin_stages, questions, ..BehaviourSummary::default() }
    }

    #[test]
    fn nobody_is_judged_on_fewer_than_ten_conversations() {
        assert!(problems(&summary(9, [0; 4], 0), &ChatSummary::default()).is_empty());
        assert!(!problems(&summary(10, [0; 4], 0), &ChatSummary::default()).is_empty());
    }

    #[test]
    fn the_worst_comes_first_and_the_focus_is_the_most_basic() {
        let chats = ChatSummary {
            inbound_chats: 20,
            no_reply_chats: 1,
            first_response_median_secs: Some(660.0),
            ..ChatSummary::default()
        };
        let found = problems(&summary(20, [15, 0, 8, 12], 50), &chats);
        let kinds: Vec<ProblemKind> = found.iter().map(|problem| problem.kind).collect();
        use ProblemKind as K;
        assert_eq!(kinds[0], K::FewQuestions, "critical: {found:?}");
        assert_eq!(kinds[1], K::FewProblemQuestions);
        // 5 % without a reply and 40 % with questions about consequences meet their targets exactly.
        assert!(!kinds.contains(&K::NoReply) && !kinds.contains(&K::FewImplicationQuestions), "{kinds:?}");
        assert_eq!(focus(&found).map(|problem| problem.kind), Some(K::SlowFirstReply));
    }

    #[test]
    fn the_focus_is_the_most_basic_even_when_five_others_are_worse() {
        let chats = ChatSummary {
            inbound_chats: 100,
            no_reply_chats: 6,
            first_response_median_secs: Some(60.0),
            ..ChatSummary::default()
        };
        let found = problems(&summary(20, [0; 4], 0), &chats);
        assert_eq!(found.len(), MOST);
        assert_eq!(focus(&found).map(|problem| problem.kind), Some(ProblemKind::NoReply));
    }
}
