//! What a daily digest warns of: the team asks clearly less than on the same weekday of the last weeks, or too little at all.

use super::summary::BehaviourSummary;
use super::week::team;
use crate::measure::Period;
use crate::measure::baseline::WEEKS;
use crate::measure::digest::{Coverage, Ratio, Warning};
use crate::measure::figures::Ground;

/// Analysed conversations on each side. A day brings few, and marks are right only most of the time.
const MIN_SIDE: u64 = 20;
/// Kinds of question whose fall is told: about difficulties, and about the value of a solution.
const KINDS: [usize; 2] = [1, 3];

/// Every threshold that the day crosses. A low value that is told by its fall is not told twice.
pub(in crate::measure) fn warnings(ground: &Ground<'_>) -> Vec<Warning> {
    let inputs = ground.inputs;
    let (period, limits) = (inputs.period, inputs.thresholds);
    let is_known = |period: &Period| Coverage::of(inputs.chats, period).is_complete();
    if inputs.facts.marks.is_empty() || !is_known(&period) {
        return Vec::new();
    }
    let day = team(ground, &period);
    if day.chats < MIN_SIDE {
        return Vec::new();
    }
    let mut usual = BehaviourSummary::default();
    for earlier in (1..=WEEKS).map(|weeks| period.earlier(7 * weeks)).filter(is_known) {
        usual.absorb(&team(ground, &earlier));
    }
    let usual = Some(usual).filter(|usual| usual.chats >= MIN_SIDE);
    let fall = |of: fn(&BehaviourSummary) -> Option<f64>, limit: f64| {
        let (from, to) = (of(usual.as_ref()?)?, of(&day)?);
        (from - to > limit).then_some((from, to))
    };
    let mut warnings = Vec::new();
    match fall(BehaviourSummary::spin_completeness, limits.spin_completeness_drop) {
        Some((from, to)) => warnings.push(Warning::CompletenessDown { from, to }),
        None => warnings.extend(
            day.spin_completeness()
                .filter(|value| *value < limits.spin_completeness_low)
                .map(|value| Warning::CompletenessLow { value }),
        ),
    }
    for stage in KINDS {
        let sides = usual.as_ref().and_then(|usual| usual.spin_ratio(stage)).zip(day.spin_ratio(stage));
        let is_fall = |(from, to): &(Ratio, Ratio)| from.value() - to.value() > limits.spin_stage_drop;
        let sides = sides.filter(is_fall);
        warnings.extend(sides.map(|(from, to)| Warning::QuestionKindDown { stage, from, to }));
    }
    match fall(BehaviourSummary::questions_per_chat, limits.questions_drop) {
        Some((from, to)) => warnings.push(Warning::QuestionsDown { from, to }),
        None => warnings.extend(
            day.questions_per_chat()
                .filter(|value| *value < limits.questions_low)
                .map(|value| Warning::QuestionsLow { value, limit: limits.questions_low }),
        ),
    }
    warnings
}
