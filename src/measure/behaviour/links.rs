//! Orders of the last weeks with and without each kind of question.

use super::digest::StageLink;
use super::interval::difference;
use super::talk::Talk;
use crate::measure::Period;
use crate::measure::digest::Ratio;
use crate::measure::figures::Ground;

/// Conversions with and without each kind of question, over conversations with a customer's message and a person's reply.
pub(super) fn links(ground: &Ground<'_>, whole: &Period) -> Vec<StageLink> {
    let mut counts = [[(0_u64, 0_u64); 2]; 4];
    ground.visit(whole.from, whole.to, |conversation, tally, linked| {
        let talk = Talk::of(conversation, &ground.inputs.facts.marks, whole.to);
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
