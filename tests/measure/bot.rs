//! The bot's measures on random figures, against a slow second computation.

use proptest::prelude::*;
use svodka::facts::Money;
use svodka::facts::bot::{BotDay, BotFigures, LabelCount, Retention};
use svodka::measure::bot::news::news;
use svodka::measure::bot::{BotInputs, BotWindow, Windows, bot_digest};
use svodka::measure::{Period, Span};

use super::quick;
use crate::support::bot::{Shop, on};

fn any_days(count: usize) -> impl Strategy<Value = Vec<BotDay>> {
    let day = (0_u64..40, 0_u64..40, 0_u64..9, 0_u64..30, 0_u64..5, 0_i64..900_000);
    prop::collection::vec(day, count).prop_map(|days| {
        let of = |(index, (dau, searches, carts, new_users, errors, sum)): (usize, _)| BotDay {
            day_on: on(2026, 6, 1) + chrono::Days::new(index as u64),
            dau,
            searches,
            searches_empty: searches / 3,
            carts_created: carts,
            carts_with_sum: carts / 2,
            gmv: Money(if carts > 1 { sum } else { 0 }),
            new_users,
            errors,
            ..BotDay::default()
        };
        days.into_iter().enumerate().map(of).collect()
    })
}

proptest! {
    #![proptest_config(quick(128))]

    #[test]
    fn measures_of_a_week_equal_a_slow_computation(
        days in any_days(7), users in 0_u64..50, cart_users in 0_u64..9, best in 0_u64..9, other in 0_u64..9,
        cohort in 0_u64..30, retained in 0_u64..30,
    ) {
        let shop = Shop::new(Span::Week, on(2026, 6, 1));
        let period = shop.period();
        let retention = vec![Retention { day_n: 7, cohort_users: cohort, retained_users: retained.min(cohort) }];
        let figures = BotFigures {
            from_on: period.from_on,
            until_on: period.to_on,
            days: days.clone(),
            active_users: users,
            cart_users,
            pmf_answers: [("very", best), ("not", other)]
                .map(|(label, count)| LabelCount { label: label.to_owned(), count }).to_vec(),
            events_coverage: shop.events,
            ..BotFigures::default()
        };
        let seventh = BotFigures { retention, ..figures.clone() };
        let month = BotFigures { from_on: on(2026, 5, 9), ..figures.clone() };
        let returning = [BotFigures::default(), seventh, BotFigures::default()];
        let window = BotWindow { figures, returning, month, cost: None };
        let digest = bot_digest(&BotInputs {
            span: Span::Week,
            period,
            slot_at: period.to,
            now: period.to,
            public_id: "b".to_owned(),
            late_secs: None,
            current: &window,
            previous: &BotWindow::default(),
            history: &BotFigures::default(),
            cohorts: &[],
            currency: "RUB".to_owned(),
            conversion_estimate: Some(0.5),
        });
        let found = digest.current.expect("the week is known");

        let (mut dau, mut searches, mut empty, mut carts, mut sums, mut errors, mut gmv) = (0, 0, 0, 0, 0, 0, 0);
        for day in &days {
            dau += day.dau;
            searches += day.searches;
            empty += day.searches_empty;
            carts += day.carts_created;
            sums += day.carts_with_sum;
            errors += day.errors;
            gmv += day.gmv.0;
        }
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let value = |ratio: Option<svodka::measure::digest::Ratio>| ratio.map(|ratio| ratio.value());
        prop_assert_eq!(found.dau_mean, share(dau, 7));
        prop_assert_eq!(found.stickiness, share(dau, 7).and_then(|mean| (users > 0).then(|| mean / users as f64)));
        prop_assert_eq!(value(found.searches_empty_ratio), share(empty, searches));
        prop_assert_eq!(value(found.error_ratio), share(errors, searches + carts + errors));
        prop_assert_eq!(found.carts_per_user, share(carts, cart_users));
        prop_assert_eq!(value(found.pmf_score), share(best, best + other));
        prop_assert_eq!(value(found.retention_d7), share(retained.min(cohort), cohort));
        prop_assert_eq!(found.retention_d1, None);
        prop_assert_eq!(found.gmv, Money(gmv));
        prop_assert_eq!(found.expected_orders, Some(Money((gmv as f64 / 2.0).round() as i64)));
        match found.average_cart {
            None => prop_assert_eq!(sums, 0),
            Some(average) => {
                // Nearest whole number: twice the distance is no more than the divisor.
                prop_assert!((gmv - average.0 * sums as i64).unsigned_abs() * 2 <= sums);
            }
        }
    }

    #[test]
    fn what_is_news_does_not_depend_on_the_order_of_days_nor_on_days_after(days in any_days(80), cut in 60_usize..79) {
        let day_on = days[cut].day_on;
        let known = news(&days[..=cut], day_on);
        let mut reversed = days.clone();
        reversed.reverse();
        prop_assert_eq!(news(&reversed, day_on), known);
    }
}

#[test]
fn retention_looks_at_the_cohorts_whose_day_fell_into_the_period() {
    let period = Period::week_of(on(2026, 8, 20), chrono_tz::UTC);
    let windows = Windows::of(Span::Week, &period).current;
    let days = windows.returning.map(|window| (window.from_on, window.until_on));
    assert_eq!(days[0], (on(2026, 8, 16), on(2026, 8, 23)), "the day after each of them is in the week");
    assert_eq!(days[1], (on(2026, 8, 10), on(2026, 8, 17)));
    assert_eq!(days[2], (on(2026, 7, 18), on(2026, 7, 25)));
    assert!(windows.returning.iter().all(|window| window.known_until_on == on(2026, 8, 24)));
    assert_eq!((windows.month.from_on, windows.month.until_on), (on(2026, 7, 25), on(2026, 8, 24)));
}
