//! What the marks make of a day and of a week, by hand.

use svodka::facts::Marks;
use svodka::measure::Span;
use svodka::measure::behaviour::{Analysis, BehaviourDigest, behaviour};
use svodka::measure::daily::DailyInputs;
use svodka::measure::digest::{Ratio, Warning};

use crate::support::facts::*;

const ALL_KINDS: Marks = Marks(Marks::SPIN_S.0 | Marks::SPIN_P.0 | Marks::SPIN_I.0 | Marks::SPIN_N.0);
const MANY: Marks = Marks(Marks::OPEN_QUESTION.0 | Marks::CLOSED_QUESTION.0 | Marks::OTHER_QUESTION.0);

/// Adds `count` conversations of `day`, each with one reply that has these marks; dialogs from `first` on.
fn marked(shop: &mut Shop, day: &str, first: i64, count: i64, marks: Marks) {
    for dialog in first..first + count {
        shop.dialog(dialog, dialog, &format!("{day} 12:00"), None);
        shop.asks(dialog, &format!("{day} 12:00"));
        shop.replies(dialog, ANNA, &format!("{day} 12:01"));
        let id = shop.facts.messages.last().expect("just said").id;
        shop.facts.marks.insert(id, marks);
    }
}

fn warnings(shop: &Shop) -> Vec<Warning> {
    shop.digest().warnings
}

#[test]
fn a_day_on_which_the_team_asks_less_than_usual_is_warned_of() {
    let mut shop = Shop::on("2026-03-10");
    marked(&mut shop, "2026-03-03", 100, 20, ALL_KINDS.with(MANY));
    let usual = shop.clone();
    // Half of the conversations with everything, half with questions alone.
    marked(&mut shop, "2026-03-10", 1, 10, ALL_KINDS.with(MANY));
    marked(&mut shop, "2026-03-10", 11, 10, MANY);
    let ratio = |part| Ratio { part, whole: 20 };
    let kind = |stage| Warning::QuestionKindDown { stage, from: ratio(20), to: ratio(10) };
    let down = Warning::CompletenessDown { from: 1.0, to: 0.5 };
    assert_eq!(warnings(&shop), [down, kind(1), kind(3)], "three questions each are enough");

    let mut fewer = usual.clone();
    marked(&mut fewer, "2026-03-10", 1, 20, ALL_KINDS.with(Marks::OPEN_QUESTION));
    assert_eq!(warnings(&fewer), [Warning::QuestionsDown { from: 3.0, to: 1.0 }]);
    let mut same = usual.clone();
    marked(&mut same, "2026-03-10", 1, 20, ALL_KINDS.with(MANY));
    assert_eq!(warnings(&same), []);
    let mut small = usual;
    marked(&mut small, "2026-03-10", 1, 19, Marks(0));
    assert_eq!(warnings(&small), [], "nineteen conversations say nothing");
}

#[test]
fn too_little_is_warned_of_even_when_it_is_usual_and_zero_turns_that_off() {
    let mut shop = Shop::on("2026-03-10");
    for (day, first) in [("2026-03-03", 100), ("2026-03-10", 1)] {
        marked(&mut shop, day, first, 20, Marks::SPIN_S.with(Marks::OPEN_QUESTION));
    }
    let low = [Warning::CompletenessLow { value: 0.25 }, Warning::QuestionsLow { value: 1.0, limit: 3.0 }];
    assert_eq!(warnings(&shop), low);
    (shop.thresholds.spin_completeness_low, shop.thresholds.questions_low) = (0.0, 0.0);
    assert_eq!(warnings(&shop), []);
}

#[test]
fn a_day_that_is_known_in_part_and_one_without_marks_are_warned_of_nothing() {
    let mut shop = Shop::on("2026-03-10");
    marked(&mut shop, "2026-03-10", 1, 20, Marks::SPIN_S);
    let mut partial = shop.clone();
    partial.chats.as_mut().expect("known").until = msk("2026-03-10 20:00");
    assert_eq!(warnings(&partial), []);
    shop.facts.marks.clear();
    assert_eq!(warnings(&shop), []);
}

fn week(shop: &Shop, analysis: &Analysis) -> BehaviourDigest {
    let period = Span::Week.containing(shop.period.from_on, MOSCOW);
    let mut facts = shop.facts.clone();
    facts.messages.sort_by_key(|message| (message.sent_at, message.id));
    let inputs = DailyInputs {
        facts: &facts,
        period,
        slot_at: period.to,
        now: period.to,
        public_id: "b-0309-test".to_owned(),
        calendar: &shop.calendar,
        thresholds: shop.thresholds,
        chats: shop.chats,
        orders: shop.orders,
        late_secs: None,
    };
    behaviour(&inputs, analysis).digest
}

fn two_weeks() -> Shop {
    let mut shop = Shop::on("2026-03-15");
    marked(&mut shop, "2026-03-03", 100, 12, ALL_KINDS);
    marked(&mut shop, "2026-03-10", 1, 12, MANY);
    shop
}

#[test]
fn while_history_is_analysed_anew_nothing_is_compared() {
    let shop = two_weeks();
    let whole = week(&shop, &Analysis::default());
    assert!(whole.team.previous.is_some() && whole.links.len() == 4 && whole.link_weeks == 8);
    let mixed = week(&shop, &Analysis { is_mixed: true, waiting: 3, ..Analysis::default() });
    assert_eq!(mixed.team.current, whole.team.current, "the week itself is analysed first");
    assert!(mixed.team.previous.is_none() && mixed.links.is_empty() && mixed.standings.is_none());
    assert!(
        mixed.trends.iter().all(|trend| trend.windows.is_empty() && trend.values.iter().all(Option::is_none))
    );
}

#[test]
fn weeks_before_the_reach_of_the_present_rules_are_compared_with_nothing() {
    let shop = two_weeks();
    let analysis = Analysis { counts_from: Some(msk("2026-03-05 12:00")), ..Analysis::default() };
    let digest = week(&shop, &analysis);
    assert!(digest.team.previous.is_none());
    assert_eq!(digest.link_weeks, 1, "this week is all there is of them");
    assert_eq!(digest.counts_from, analysis.counts_from, "and the digest says so");
    let earlier = Analysis { counts_from: Some(msk("2026-03-01 12:00")), ..Analysis::default() };
    assert_eq!(week(&shop, &earlier).link_weeks, 2);
}

#[test]
fn the_speed_of_an_earlier_week_counts_in_the_score_and_is_not_told_again() {
    let mut shop = Shop::on("2026-03-15");
    shop.dialog(1, 1, "2026-03-06 12:00", None);
    shop.asks(1, "2026-03-06 12:00").replies(1, ANNA, "2026-03-06 12:30");
    shop.asks(1, "2026-03-10 12:00").replies(1, ANNA, "2026-03-10 12:01");
    shop.dialog(2, 2, "2026-03-06 12:00", None);
    shop.asks(2, "2026-03-06 12:00").replies(2, ANNA, "2026-03-06 12:01");
    shop.asks(2, "2026-03-10 12:00").replies(2, ANNA, "2026-03-10 12:01");
    for message in &shop.facts.messages {
        shop.facts.marks.insert(message.id, Marks::OPEN_QUESTION);
    }
    let digest = week(&shop, &Analysis::default());
    assert_eq!(digest.team.current.quality_points, 10, "one of two was quick");
    assert_eq!(digest.managers[0].examples, [], "what was slow was slow last week");
    let then = Shop { period: svodka::measure::Period::day(date("2026-03-07"), MOSCOW), ..shop };
    assert_eq!(week(&then, &Analysis::default()).managers[0].examples.len(), 1);
}
