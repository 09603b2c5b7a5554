//! Who serves customers better or worse than in the period before.

use super::digest::{Mover, MoverSide, Movers, WeeklyManager};
use crate::measure::digest::Summary;
use crate::measure::figures::Figures;

/// Conversations with an inbound message below which nobody is ranked, in either period.
pub const MIN_CHATS: u64 = 10;
/// Best and worst told.
const MOST: usize = 3;
/// A lesser score is no move: one percentage point, or five minutes of the slowest tenth.
const MIN_SCORE: f64 = 1.0;

/// The best and the worst. Empty when the chats are not wholly known.
pub fn movers(current: &Figures, managers: &[WeeklyManager]) -> Movers {
    if !current.chats.is_complete() {
        return Movers::default();
    }
    let mut ranked: Vec<Mover> = managers.iter().filter_map(mover).collect();
    ranked.sort_by(|a, b| a.score.total_cmp(&b.score).then_with(|| (&a.name, a.id).cmp(&(&b.name, b.id))));
    let best = ranked.iter().filter(|one| one.score <= -MIN_SCORE).take(MOST).cloned().collect();
    let mut worst: Vec<Mover> = ranked.iter().filter(|one| one.score >= MIN_SCORE).cloned().collect();
    worst.sort_by(|a, b| b.score.total_cmp(&a.score));
    worst.truncate(MOST);
    Movers { ranked_count: ranked.len() as u64, best, worst }
}

/// `None` for «Не назначен» and for whoever had too few conversations.
fn mover(manager: &WeeklyManager) -> Option<Mover> {
    let (current, previous) = (side(&manager.numbers.current)?, side(&manager.numbers.previous)?);
    let share = |count: u64, side: &MoverSide| count as f64 / side.inbound_chats as f64;
    let no_reply = share(current.no_reply_chats, &current) - share(previous.no_reply_chats, &previous);
    let gap = share(current.follow_up_gap_chats, &current) - share(previous.follow_up_gap_chats, &previous);
    let slowest = current.first_response_p90_secs.zip(previous.first_response_p90_secs);
    let slower_mins = slowest.map_or(0.0, |(current, previous)| (current - previous) / 60.0);
    let score = 100.0 * no_reply + 100.0 * gap + 0.2 * slower_mins;
    Some(Mover { id: manager.id?, name: manager.name.clone(), score, current, previous })
}

fn side(summary: &Summary) -> Option<MoverSide> {
    let chats = summary.chats.as_ref().filter(|chats| chats.inbound_chats >= MIN_CHATS)?;
    Some(MoverSide {
        inbound_chats: chats.inbound_chats,
        no_reply_chats: chats.no_reply_chats,
        follow_up_gap_chats: chats.follow_up_gap_chats,
        first_response_p90_secs: chats.first_response_p90_secs,
    })
}
