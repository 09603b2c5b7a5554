//! The behaviour digest of a week as data.

use serde::{Deserialize, Serialize};

use super::interval::Difference;
use super::problems::Problem;
use super::scripts::StageScript;
use super::standing::Standings;
use super::summary::BehaviourSummary;
use super::talk::Advice;
use super::trends::BehaviourTrend;
use crate::clock::Instant;
use crate::facts::ManagerId;
use crate::measure::Period;
use crate::measure::digest::{Coverage, Ratio};

/// A conversation to look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TalkExample {
    pub chat_id: i64,
    /// First name alone; may be empty.
    pub customer_name: String,
    /// The CRM's word; empty when the channel is not known.
    pub channel_kind: String,
    pub manager: Option<String>,
    /// The customer's or manager's first message of the period.
    pub at: Instant,
    /// What to tell; `None` of a good one.
    pub advice: Option<Advice>,
    /// Kinds of question used, 0..=4.
    pub spin_count: u64,
    /// Which of them: situation, problem, implication, need-payoff.
    #[serde(default)]
    pub spin: [bool; 4],
    #[serde(default)]
    pub has_upsell: bool,
    /// The last human reply offers a next step.
    #[serde(default)]
    pub ends_with_step: bool,
}

/// One subject in two periods.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BehaviourCompared {
    pub current: BehaviourSummary,
    /// `None` when the period before was not wholly read, or not analysed by the same rules.
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
    /// The advice of the focus in words of its own, when the optional language model gave them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wording: Option<String>,
}

/// One channel's week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelBehaviour {
    /// `None` when the channel is not known.
    pub id: Option<i64>,
    /// The CRM's word; empty when the channel is not known.
    pub kind: String,
    pub name: Option<String>,
    pub numbers: BehaviourCompared,
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
    /// Most conversations first.
    #[serde(default)]
    pub channels: Vec<ChannelBehaviour>,
    /// Of the team, over twelve weeks.
    #[serde(default)]
    pub trends: Vec<BehaviourTrend>,
    /// Over the conversations of the last weeks; empty when chats or orders are not covered.
    pub links: Vec<StageLink>,
    /// Whose conversations of the same weeks lead to orders; `None` when fewer than two can be ranked.
    #[serde(default)]
    pub standings: Option<Standings>,
    /// Weeks behind `links` and `standings`.
    pub link_weeks: u64,
    /// Best conversations that led to an order, most kinds of question first.
    pub best: Vec<TalkExample>,
    /// What the team itself wrote in conversations of those weeks that led to an order, masked.
    #[serde(default)]
    pub scripts: Vec<StageScript>,
    /// Conversations that still wait for the present version of the analysis, and since when it is the present one.
    pub waiting: u64,
    pub analysed_since: Option<Instant>,
    /// Messages of the week that the optional language model refined, of all analysed ones; `None` when it refined none.
    #[serde(default)]
    pub refined: Option<Ratio>,
    /// Conversations before this were analysed by older rules for good: their texts are gone.
    #[serde(default)]
    pub counts_from: Option<Instant>,
}

/// Where the analysis stands at the time of the digest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Analysis {
    /// Conversations that wait for the present version.
    pub waiting: u64,
    /// When the present version came.
    pub since: Option<Instant>,
    /// What was said before this will never be analysed by it; `None` = everything is.
    pub counts_from: Option<Instant>,
    /// History still waits for it: earlier weeks are partly of another version, and compared with nothing.
    pub is_mixed: bool,
}

impl Analysis {
    /// Whether everything since `from` is analysed by one version.
    pub(super) fn reaches(&self, from: Instant) -> bool {
        !self.is_mixed && self.counts_from.is_none_or(|counts_from| counts_from < from)
    }
}
