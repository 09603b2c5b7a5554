use svodka::facts::Money;
use svodka::measure::digest::{Headline, Ratio, Warning};

use crate::support::facts::*;

/// Adds `count` conversations of `day`, each answered after `minutes`; dialogs from `first` on.
fn answered(shop: &mut Shop, day: &str, first: i64, count: i64, minutes: i64) {
    for dialog in first..first + count {
        shop.dialog(dialog, dialog, &format!("{day} 12:00"), None);
        shop.asks(dialog, &format!("{day} 12:00"));
        shop.replies(dialog, ANNA, &format!("{day} 12:{minutes:02}"));
    }
}

/// Two Tuesdays before with five answers after `usual_minutes`, and orders of `revenue` in total on each.
fn tuesday(usual_minutes: i64, revenue: i64) -> Shop {
    let mut shop = Shop::on("2026-03-10");
    answered(&mut shop, "2026-03-03", 100, 5, usual_minutes);
    answered(&mut shop, "2026-02-24", 200, 5, usual_minutes);
    shop.order(100, "2026-03-03 12:00", revenue);
    shop.order(200, "2026-02-24 12:00", revenue);
    // Two weeks are known, no more.
    shop.chats.as_mut().expect("set").from = msk("2026-02-24 00:00");
    shop.orders = shop.chats;
    shop
}

fn headline(shop: &Shop) -> Headline {
    shop.digest().headline
}

#[test]
fn a_day_on_which_nothing_happened_is_quiet() {
    assert_eq!(headline(&Shop::on("2026-03-10")), Headline::Quiet);
    let unknown_orders = Shop { orders: None, ..Shop::on("2026-03-10") };
    assert_eq!(headline(&unknown_orders), Headline::Steady, "nobody knows whether something was ordered");
}

#[test]
fn customers_without_any_answer_come_first() {
    let mut shop = tuesday(2, 10_000);
    answered(&mut shop, "2026-03-10", 1, 5, 30);
    shop.dialog(6, 6, "2026-03-10 12:00", None);
    shop.asks(6, "2026-03-10 12:00");
    assert_eq!(headline(&shop), Headline::Unanswered { no_reply_chats: 1, inbound_chats: 6 });
}

#[test]
fn slower_takes_half_as_long_again_and_two_minutes_and_five_answers() {
    let case = |count, usual, minutes| {
        let mut shop = tuesday(usual, 0);
        answered(&mut shop, "2026-03-10", 1, count, minutes);
        headline(&shop)
    };
    assert_eq!(case(5, 4, 6), Headline::Slower { median_secs: 360.0, usual_secs: 240.0 });
    assert_eq!(case(4, 4, 6), Headline::Steady, "too few answers");
    assert_eq!(case(5, 2, 3), Headline::Steady, "half as long again, but one minute");
    assert_eq!(case(5, 20, 25), Headline::Steady, "five minutes more, but a quarter as long again");
}

#[test]
fn one_day_is_not_usual() {
    let mut shop = tuesday(4, 10_000);
    shop.chats.as_mut().expect("set").from = msk("2026-03-03 00:00");
    shop.orders = shop.chats;
    answered(&mut shop, "2026-03-10", 1, 5, 30);
    assert_eq!(headline(&shop), Headline::Steady);
}

#[test]
fn faster_takes_seven_tenths_of_the_usual_time() {
    let mut shop = tuesday(10, 0);
    answered(&mut shop, "2026-03-10", 1, 5, 7);
    assert_eq!(headline(&shop), Headline::Faster { median_secs: 420.0, usual_secs: 600.0 });
    let mut shop = tuesday(10, 0);
    answered(&mut shop, "2026-03-10", 1, 5, 8);
    assert_eq!(headline(&shop), Headline::Steady);
}

#[test]
fn revenue_stands_out_from_seven_tenths_down_and_thirteen_tenths_up() {
    let case = |revenue| {
        let mut shop = tuesday(5, 100_000);
        shop.order(1, "2026-03-10 12:00", revenue);
        headline(&shop)
    };
    let usual = Money(100_000);
    assert_eq!(case(70_000), Headline::RevenueDown { revenue: Money(70_000), usual });
    assert_eq!(case(70_001), Headline::Steady);
    assert_eq!(case(129_999), Headline::Steady);
    assert_eq!(case(130_000), Headline::RevenueUp { revenue: Money(130_000), usual });
}

/// Ten conversations a day in which a manager wrote first; on the day `silent` customers get no answer to theirs.
fn ratio_day(before: i64, silent: i64) -> Shop {
    let mut shop = Shop::on("2026-03-10");
    answered(&mut shop, "2026-03-09", 100, before, 5);
    answered(&mut shop, "2026-03-10", 1, 10 - silent, 5);
    for dialog in 20..20 + silent {
        shop.dialog(dialog, dialog, "2026-03-10 12:00", None);
        shop.replies(dialog, ANNA, "2026-03-10 12:00").asks(dialog, "2026-03-10 12:01");
    }
    shop
}

#[test]
fn a_fall_of_the_response_ratio_is_news_and_a_warning_from_ten_conversations_on() {
    let (from, to) = (Ratio { part: 10, whole: 10 }, Ratio { part: 9, whole: 10 });
    let digest = ratio_day(10, 1).digest();
    assert_eq!(digest.headline, Headline::RatioDown { from, to });
    assert_eq!(digest.warnings, [Warning::ResponseRatioDown { from, to }]);
    let few = ratio_day(9, 1).digest();
    assert_eq!((few.headline, few.warnings), (Headline::Steady, vec![]));
    let mut within = ratio_day(10, 1);
    within.thresholds.response_ratio_drop = 0.11;
    assert_eq!(headline(&within), Headline::Steady);
}

#[test]
fn a_high_share_without_reply_and_a_slow_median_are_warnings() {
    let mut shop = Shop::on("2026-03-10");
    answered(&mut shop, "2026-03-10", 1, 9, 11);
    shop.dialog(50, 50, "2026-03-10 12:00", None);
    shop.asks(50, "2026-03-10 12:00");
    let no_reply = Warning::NoReplyHigh { no_reply: Ratio { part: 1, whole: 10 } };
    let slow = Warning::FirstResponseSlow { median_secs: 660.0, limit_secs: 600 };
    assert_eq!(shop.digest().warnings, [no_reply, slow]);
    shop.thresholds.no_reply_ratio = 0.1;
    shop.thresholds.first_response_median = std::time::Duration::from_secs(660);
    assert_eq!(shop.digest().warnings, [], "at the limit is not above it");
}
