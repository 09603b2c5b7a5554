use chrono::TimeDelta;
use svodka::facts::CoverageSpan;
use svodka::measure::Period;
use svodka::measure::daily::window;
use svodka::measure::digest::{Coverage, Headline, Ratio};

use crate::support::facts::*;

fn span(from: &str, until: &str) -> Option<CoverageSpan> {
    Some(CoverageSpan { from: msk(from), until: msk(until) })
}

fn busy_day() -> Shop {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 12:00", None);
    shop.asks(10, "2026-03-10 12:00").replies(10, ANNA, "2026-03-10 12:05");
    shop.dialog(2, 20, "2026-03-10 21:00", None);
    shop.asks(20, "2026-03-10 21:00").replies(20, ANNA, "2026-03-10 22:00");
    shop.order(1, "2026-03-10 13:00", 10_000).dialog_id = Some(10);
    shop.order(2, "2026-03-10 22:30", 10_000).dialog_id = Some(20);
    shop
}

#[test]
fn a_period_is_known_wholly_up_to_a_moment_or_not_at_all() {
    let period = Shop::on("2026-03-10").period;
    let until = msk("2026-03-10 21:40");
    for (span, expected) in [
        (span("2026-03-10 00:00", "2026-03-11 00:00"), Coverage::Complete),
        (span("2026-03-10 00:00", "2026-03-10 21:40"), Coverage::Partial { until }),
        (span("2026-03-10 00:01", "2026-03-11 00:00"), Coverage::Missing),
        (span("2026-03-01 00:00", "2026-03-10 00:00"), Coverage::Missing),
        (None, Coverage::Missing),
    ] {
        assert_eq!(Coverage::of(span, &period), expected, "{span:?}");
    }
}

#[test]
fn a_day_known_in_part_has_counts_up_to_that_moment_and_no_ratios() {
    let mut shop = busy_day();
    shop.chats = span("2026-01-01 00:00", "2026-03-10 21:40");
    shop.orders = shop.chats;
    let digest = shop.digest();
    assert_eq!(digest.chat_coverage, Coverage::Partial { until: msk("2026-03-10 21:40") });
    let chats = digest.team.current.chats.expect("counts");
    assert_eq!((chats.chats, chats.inbound, chats.outbound, chats.no_reply_chats), (2, 2, 1, 1));
    assert_eq!((chats.response_ratio, chats.conversion, chats.time_to_order_median_secs), (None, None, None));
    assert_eq!((chats.first_response_median_secs, chats.first_response_p90_secs), (None, None));
    assert_eq!((chats.wait_median_secs, chats.wait_p90_secs), (None, None));
    let orders = digest.team.current.orders.expect("counts");
    assert_eq!((orders.orders, orders.average_order), (1, None));
    assert_eq!((digest.headline, digest.warnings), (Headline::Steady, vec![]));
}

#[test]
fn a_source_that_was_not_read_gives_no_numbers_at_all() {
    let mut shop = busy_day();
    shop.chats = None;
    shop.orders = span("2026-03-10 10:00", "2026-03-11 09:00");
    let digest = shop.digest();
    assert_eq!((digest.team.current.chats, digest.team.current.orders), (None, None));
    assert_eq!((digest.managers, digest.channels, digest.waiting), (vec![], vec![], None));
    assert_eq!((digest.headline, digest.chats_known_until), (Headline::NoData, None));
    assert_eq!(digest.orders_known_until, Some(msk("2026-03-11 09:00")));
}

#[test]
fn conversion_needs_both_sources_whole() {
    let mut shop = busy_day();
    let both = shop.digest().team.current.chats.expect("covered");
    assert_eq!(both.conversion, Some(Ratio { part: 2, whole: 2 }));
    shop.orders = span("2026-01-01 00:00", "2026-03-10 23:59");
    let one = shop.digest().team.current.chats.expect("covered");
    assert_eq!((one.conversion, one.paid_conversion, one.time_to_order_median_secs), (None, None, None));
    assert_eq!(one.response_ratio, both.response_ratio);
}

#[test]
fn each_baseline_day_is_told_as_of_its_own_end_and_an_unknown_one_takes_no_part() {
    let mut shop = Shop::on("2026-03-31");
    for (index, day) in ["03-03", "03-10", "03-17", "03-24"].into_iter().enumerate() {
        for nth in 0..=index as i64 {
            let dialog = 10 * (index as i64 + 1) + nth;
            shop.dialog(dialog, dialog, &format!("2026-{day} 12:00"), None);
            shop.asks(dialog, &format!("2026-{day} 12:00"));
        }
        // Only the first of each day is answered in time; the others the day after.
        let first = 10 * (index as i64 + 1);
        shop.replies(first, ANNA, &format!("2026-{day} 12:{:02}", index + 1));
        shop.order(first, &format!("2026-{day} 13:00"), 100).dialog_id = Some(first);
    }
    shop.replies(41, ANNA, "2026-03-25 12:00");
    let all = shop.digest().team.weekday;
    assert_eq!((all.days, all.chats, all.inbound), (4, Some(2.5), Some(2.5)));
    assert_eq!(all.first_response_median_secs, Some(150.0));
    assert_eq!((all.response_ratio, all.conversion), (Some(0.4), Some(0.4)));
    assert_eq!((all.orders, all.revenue), (Some(1.0), Some(100.0)));

    shop.chats = span("2026-03-17 00:00", "2026-04-01 09:00");
    let two = shop.digest().team.weekday;
    assert_eq!((two.days, two.chats, two.response_ratio), (4, Some(3.5), Some(2.0 / 7.0)));
    shop.orders = None;
    let two = shop.digest().team.weekday;
    assert_eq!((two.days, two.orders, two.conversion), (2, None, None));
    shop.chats = span("2026-03-30 00:00", "2026-04-01 09:00");
    assert_eq!(shop.digest().team.weekday, svodka::measure::digest::WeekdayMean::default());
}

#[test]
fn the_window_reaches_back_four_weeks_and_the_order_link() {
    let period = Period::day(date("2026-03-31"), MOSCOW);
    let now = period.to + TimeDelta::hours(9);
    assert_eq!(window(&period, &thresholds(), now), (msk("2026-02-01 00:00"), now));
}
