//! Where the team's questions and next steps are heading over twelve weeks.

use serde::{Deserialize, Serialize};

use super::digest::Analysis;
use super::problems::MIN_CHATS;
use super::summary::BehaviourSummary;
use super::week::team;
use crate::measure::digest::{Coverage, Ratio};
use crate::measure::figures::Ground;
use crate::measure::weekly::{Streak, TrendWindow, streak, windows};
use crate::measure::{Period, Span};

/// Weeks of the longest window.
pub(super) const WEEKS: usize = 12;

/// A measure that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BehaviourMeasure {
    QuestionsPerChat,
    SpinCompleteness,
    NextStepRatio,
    QualityScore,
}

impl BehaviourMeasure {
    /// All of them, in the order of the text.
    pub const ALL: [Self; 4] =
        [Self::QuestionsPerChat, Self::SpinCompleteness, Self::NextStepRatio, Self::QualityScore];

    /// Its value of a week; `None` where too few conversations were analysed to mean something.
    pub fn of(self, summary: &BehaviourSummary) -> Option<f64> {
        if summary.chats < MIN_CHATS {
            return None;
        }
        match self {
            Self::QuestionsPerChat => summary.questions_per_chat(),
            Self::SpinCompleteness => summary.spin_completeness(),
            Self::NextStepRatio => summary.next_step_ratio().map(Ratio::value),
            Self::QualityScore => summary.quality(),
        }
    }
}

/// Where a measure is heading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BehaviourTrend {
    pub measure: BehaviourMeasure,
    /// Twelve weeks, oldest first, the reported one last. `None`: not wholly read, analysed by older rules, or too few
    /// conversations.
    pub values: Vec<Option<f64>>,
    pub streak: Option<Streak>,
    /// Only those in which every week has a value.
    pub windows: Vec<TrendWindow>,
}

/// The weeks up to the reported one, newest first.
pub(super) fn weeks(period: &Period) -> Vec<Period> {
    std::iter::successors(Some(*period), |later| Some(Span::Week.previous(later))).take(WEEKS).collect()
}

/// One trend per measure.
pub(super) fn trends(ground: &Ground<'_>, analysis: &Analysis) -> Vec<BehaviourTrend> {
    let inputs = ground.inputs;
    let summaries: Vec<Option<BehaviourSummary>> = weeks(&inputs.period)
        .iter()
        .rev()
        .map(|period| {
            let is_known = Coverage::of(inputs.chats, period).is_complete() && analysis.reaches(period.from);
            is_known.then(|| team(ground, period))
        })
        .collect();
    BehaviourMeasure::ALL
        .into_iter()
        .map(|measure| {
            let values: Vec<_> = summaries.iter().map(|summary| measure.of(summary.as_ref()?)).collect();
            BehaviourTrend { measure, streak: streak(&values), windows: windows(&values), values }
        })
        .collect()
}
