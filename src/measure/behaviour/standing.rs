//! Whose conversations lead to orders more often, and less often, than the team's.
//!
//! A share over few conversations is mostly luck: of two managers with three conversations each, one will have sold in all of
//! them. So every share is drawn towards the team's before it is compared, by as much as [`PRIOR_CHATS`] conversations of the
//! team weigh, and nobody with fewer than ten is compared at all.

use serde::{Deserialize, Serialize};

use super::interval::{Verdict, difference};
use super::problems::MIN_CHATS;
use crate::facts::{Directory, ManagerId};
use crate::measure::digest::Ratio;
use crate::measure::figures::Figures;

/// Conversations of the team added to each manager's own.
pub const PRIOR_CHATS: f64 = 20.0;
/// Told at each end.
const MOST: usize = 3;

/// One manager's place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    pub id: ManagerId,
    pub name: String,
    /// Conversations with a linked order ÷ conversations with a customer's message.
    pub conversion: Ratio,
    /// The same drawn towards the team's, 0..=1: what the order is by.
    pub shrunk: f64,
    /// Whether the 95 % interval of the difference to everybody else leaves zero out.
    pub is_clear: bool,
}

/// Both ends of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standings {
    /// Of everybody together, those not ranked included.
    pub team: Ratio,
    /// Managers with enough conversations.
    pub ranked_count: u64,
    /// Above the team's, best first: at most three, and at most half of the ranked.
    pub top: Vec<Standing>,
    /// Below the team's, lowest first, as many at most.
    pub bottom: Vec<Standing>,
}

/// `None` when fewer than two managers have enough conversations, or nobody wrote.
pub(super) fn standings(figures: &Figures, directory: &Directory) -> Option<Standings> {
    let team = figures.team().chats?.conversion?;
    let of = |id: ManagerId| figures.manager(Some(id)).chats?.conversion;
    let ids = figures.managers.keys().copied().flatten();
    let mut ranked: Vec<Standing> = ids
        .filter_map(|id| Some((id, of(id).filter(|own| own.whole >= MIN_CHATS)?)))
        .map(|(id, conversion)| {
            let rest = Ratio::of(team.part - conversion.part, team.whole - conversion.whole);
            Standing {
                id,
                name: directory.name(id),
                conversion,
                shrunk: shrunk(conversion, team),
                is_clear: difference(Some(conversion), rest).verdict == Verdict::Seen,
            }
        })
        .collect();
    if ranked.len() < 2 {
        return None;
    }
    ranked.sort_by(|a, b| b.shrunk.total_cmp(&a.shrunk).then_with(|| (&a.name, a.id).cmp(&(&b.name, b.id))));
    let most = MOST.min(ranked.len() / 2);
    let top = ranked.iter().filter(|one| one.shrunk > team.value()).take(most).cloned().collect();
    let bottom = ranked.iter().rev().filter(|one| one.shrunk < team.value()).take(most).cloned().collect();
    Some(Standings { team, ranked_count: ranked.len() as u64, top, bottom })
}

/// The share as if the manager had had [`PRIOR_CHATS`] more conversations that went as the team's do.
fn shrunk(own: Ratio, team: Ratio) -> f64 {
    (own.part as f64 + PRIOR_CHATS * team.value()) / (own.whole as f64 + PRIOR_CHATS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_lucky_conversations_do_not_beat_many_good_ones() {
        let ratio = |part, whole| Ratio { part, whole };
        let team = ratio(300, 1_000);
        let (lucky, steady) = (shrunk(ratio(6, 10), team), shrunk(ratio(100, 200), team));
        assert!((lucky - 0.4).abs() < 1e-9, "{lucky}");
        assert!(steady > lucky, "{steady}");
        assert!((shrunk(team, team) - team.value()).abs() < 1e-9, "the team's own does not move");
    }
}
