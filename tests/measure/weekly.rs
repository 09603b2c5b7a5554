//! Weeks and months by hand: examples, trends from facts and from history, the headline of a week.

use svodka::facts::{Marks, Money, Responsible};
use svodka::measure::Span;
use svodka::measure::digest::Headline;
use svodka::measure::weekly::{PastValue, Trend, TrendMeasure, WeeklyDigest};

use crate::support::facts::{ANNA, BORIS, Shop, date};

/// The week of Monday, 9 March 2026.
fn shop() -> Shop {
    let mut shop = Shop::on("2026-03-10");
    // The day's shop is known until the next morning; a week needs all of it.
    let until = shop.now + chrono::TimeDelta::days(30);
    for known in [&mut shop.chats, &mut shop.orders].into_iter().flatten() {
        known.until = until;
    }
    shop
}

fn trend(digest: &WeeklyDigest, measure: TrendMeasure) -> &Trend {
    digest.trends.iter().find(|trend| trend.measure == measure).expect("every measure has a trend")
}

fn names(examples: &[svodka::measure::weekly::Example]) -> Vec<i64> {
    examples.iter().map(|one| one.chat_id).collect()
}

#[test]
fn examples_are_the_worst_and_the_best_of_the_week_and_not_of_another() {
    let mut shop = shop();
    let anna = Some(Responsible::User(ANNA));
    for (id, asked, replied) in [
        (1, "2026-03-09 12:00", Some("2026-03-09 12:30")),
        (2, "2026-03-10 12:00", Some("2026-03-10 13:00")),
        (3, "2026-03-11 12:00", Some("2026-03-11 12:11")),
        (4, "2026-03-12 12:00", Some("2026-03-12 12:02")),
        (5, "2026-03-13 12:00", Some("2026-03-13 12:01")),
        (6, "2026-03-14 12:00", None),
        (7, "2026-03-15 12:00", None),
        (8, "2026-03-08 12:00", None),
        (9, "2026-03-16 12:00", None),
        (10, "2026-03-15 13:00", None),
    ] {
        shop.dialog(id, id, asked, anna).closed_at = None;
        shop.asks(id, asked);
        if let Some(replied) = replied {
            shop.replies(id, ANNA, replied);
        }
    }
    shop.asks(7, "2026-03-15 12:05");
    shop.order(40, "2026-03-12 13:00", 100_000).dialog_id = Some(4);
    shop.order(50, "2026-03-20 13:00", 100_000).dialog_id = Some(5);
    let examples = shop.weekly(Span::Week, &[]).examples;
    assert_eq!(names(&examples.no_reply), [7, 6], "most words first, then the longest wait");
    assert_eq!(names(&examples.slow), [2, 1], "the slowest two");
    assert_eq!(names(&examples.good), [4], "the other order came after the week");
    assert_eq!(names(&examples.lost_intent), [0; 0], "nothing was analysed");
    let good = &examples.good[0];
    assert_eq!((good.customer_name.as_str(), good.manager.as_deref()), ("Покупатель", Some("Анна")));
    assert_eq!(good.first_response_secs, Some(120.0));
}

#[test]
fn interest_is_lost_only_when_a_person_replied_offered_nothing_and_no_order_came() {
    let mut shop = shop();
    let days = ["2026-03-09", "2026-03-10", "2026-03-11", "2026-03-12", "2026-03-13", "2026-03-14"];
    for (id, day) in (1..).zip(days) {
        shop.dialog(id, id, &format!("{day} 12:00"), Some(Responsible::User(BORIS)));
        let asked = shop.says(id, svodka::facts::Author::Customer(1), &format!("{day} 12:00")).id;
        let replied =
            (id != 5).then(|| shop.says(id, svodka::facts::Author::User(BORIS), &format!("{day} 12:05")).id);
        let interest = if id == 6 { Marks::COMPLAINT } else { Marks::PRICE };
        shop.facts.marks.insert(asked, interest);
        match (id, replied) {
            (2, Some(reply)) => drop(shop.facts.marks.insert(reply, Marks::NEXT_STEP)),
            (4, _) | (_, None) => {}
            (_, Some(reply)) => drop(shop.facts.marks.insert(reply, Marks::STAGE_GREETING)),
        }
    }
    shop.order(30, "2026-03-12 10:00", 5_000).dialog_id = Some(3);
    let examples = shop.weekly(Span::Week, &[]).examples;
    // 2 was offered a step, 3 ordered, 4 has a reply nobody analysed, 5 has none, 6 showed no interest.
    assert_eq!(names(&examples.lost_intent), [1]);
}

#[test]
fn a_trend_takes_from_the_history_what_the_facts_do_not_reach() {
    let mut shop = shop();
    let known_from = crate::support::facts::msk("2026-02-16 00:00");
    for known in [&mut shop.chats, &mut shop.orders].into_iter().flatten() {
        known.from = known_from;
    }
    for (id, (day, total)) in
        (1..).zip([("2026-02-16", 4), ("2026-02-23", 3), ("2026-03-02", 2), ("2026-03-09", 1)])
    {
        shop.order(id, &format!("{day} 12:00"), total * 1_000);
    }
    let past = |on: &str, value| PastValue { measure: "revenue".to_owned(), period_on: date(on), value };
    let history = [
        past("2026-02-09", 5_000.0),
        past("2026-02-02", 6_000.0),
        past("2026-01-26", 7_000.0),
        past("2026-01-19", 8_000.0),
        // Weeks that the facts tell themselves, the reported one among them.
        past("2026-03-02", 99.0),
        past("2026-03-09", 99.0),
    ];
    let digest = shop.weekly(Span::Week, &history);
    let revenue = trend(&digest, TrendMeasure::Revenue);
    let known: Vec<f64> = revenue.values.iter().flatten().copied().collect();
    assert_eq!(known, [8_000.0, 7_000.0, 6_000.0, 5_000.0, 4_000.0, 3_000.0, 2_000.0, 1_000.0]);
    let streak = revenue.streak.expect("seven weeks of less");
    assert_eq!((streak.steps, streak.is_up, streak.from), (7, false, 8_000.0));
    let lengths: Vec<u64> = revenue.windows.iter().map(|window| window.periods).collect();
    assert_eq!(lengths, [4, 8], "twelve weeks are not known");
    let orders = trend(&digest, TrendMeasure::Orders);
    assert_eq!(orders.windows.len(), 1, "of the number of orders the history says nothing");
}

#[test]
fn one_customer_without_an_answer_is_no_news_of_a_week_but_many_are() {
    let mut shop = shop();
    for id in 1..=40 {
        let asked = format!("2026-03-{:02} 12:{:02}", 9 + id % 6, id);
        shop.dialog(id, id, &asked, Some(Responsible::User(ANNA)));
        shop.asks(id, &asked);
        if id > 1 {
            shop.replies(id, ANNA, &format!("2026-03-{:02} 13:{:02}", 9 + id % 6, id));
        }
    }
    assert_eq!(shop.weekly(Span::Week, &[]).headline, Headline::Steady);
    for id in 41..=43 {
        shop.dialog(id, id, "2026-03-13 12:00", Some(Responsible::User(ANNA)));
        shop.asks(id, "2026-03-13 12:00");
    }
    assert_eq!(
        shop.weekly(Span::Week, &[]).headline,
        Headline::Unanswered { no_reply_chats: 4, inbound_chats: 43 }
    );
}

#[test]
fn a_month_is_compared_with_the_calendar_month_before_whatever_its_length() {
    let mut shop = shop();
    for (id, (day, total)) in (1..).zip([
        ("2026-01-31", 1),
        ("2026-02-01", 2),
        ("2026-02-28", 4),
        ("2026-03-01", 8),
        ("2026-03-31", 16),
    ]) {
        shop.order(id, &format!("{day} 12:00"), total);
    }
    let digest = shop.weekly(Span::Month, &[]);
    let revenue = |summary: &svodka::measure::digest::Summary| summary.orders.as_ref().map(|of| of.revenue);
    assert_eq!(revenue(&digest.team.current), Some(Money(24)));
    assert_eq!(revenue(&digest.team.previous), Some(Money(6)));
    assert_eq!((digest.period.from_on, digest.period.to_on), (date("2026-03-01"), date("2026-04-01")));
}

#[test]
fn a_week_that_is_not_known_to_its_end_has_no_movers_no_examples_and_no_comparison() {
    let mut shop = shop();
    shop.dialog(1, 1, "2026-03-09 12:00", None);
    shop.asks(1, "2026-03-09 12:00");
    for known in [&mut shop.chats, &mut shop.orders].into_iter().flatten() {
        known.until = crate::support::facts::msk("2026-03-12 00:00");
    }
    let digest = shop.weekly(Span::Week, &[]);
    assert_eq!(digest.team.current.chats.as_ref().map(|chats| chats.chats), Some(1));
    assert_eq!((digest.movers.ranked_count, names(&digest.examples.no_reply).len()), (0, 0));
    assert!(digest.trends.iter().all(|trend| trend.values.last() == Some(&None)));
}

#[test]
fn what_is_noise_on_a_day_is_news_of_a_week() {
    let mut shop = shop();
    let mondays = ["2026-02-09", "2026-02-16", "2026-02-23", "2026-03-02", "2026-03-09"];
    for (id, (monday, total)) in (1..).zip(mondays.into_iter().zip([100, 110, 90, 100, 84])) {
        shop.order(id, &format!("{monday} 12:00"), total * 100);
        // Somebody wrote, so that the chats are not silent.
        shop.dialog(id, id, &format!("{monday} 12:00"), None);
        shop.replies(id, ANNA, &format!("{monday} 12:00"));
    }
    let headline = shop.weekly(Span::Week, &[]).headline;
    assert_eq!(headline, Headline::RevenueDown { revenue: Money(8_400), usual: Money(10_000) });
    shop.facts.orders[4].total = Money(8_600);
    assert_eq!(shop.weekly(Span::Week, &[]).headline, Headline::Steady);
    let day = Shop { period: svodka::measure::Period::day(date("2026-03-09"), shop.calendar.zone), ..shop };
    assert_eq!(day.digest().headline, Headline::Steady);
}
