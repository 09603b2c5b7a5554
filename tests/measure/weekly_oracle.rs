//! The digest of a week or a month computed a second time, by the slow reading of the raw messages that checks the days,
//! and the ranking of managers from the conversations that a generator wrote down.

use std::cmp::Reverse;

use chrono::{NaiveDate, TimeDelta};
use proptest::prelude::*;
use svodka::facts::{CoverageSpan, ManagerId, Responsible};
use svodka::measure::behaviour::{BehaviourSummary, focus, problems};
use svodka::measure::digest::{ChannelBlock, ChatSummary, Compared, Coverage, Summary};
use svodka::measure::weekly::{PastValue, WeeklyDigest, WeeklyInputs, WeeklyManager, weekly};
use svodka::measure::{Period, Span};

use super::oracle::{Oracle, coverage, difference, interpolated, name};
use super::random::{World, any_world};
use crate::support::facts::{ANNA, BORIS, Shop, VERA};

const MEASURES: [&str; 6] =
    ["first_response_median_secs", "response_ratio", "chats", "orders", "revenue", "conversion"];

/// The same facts, reported on by the week or month of the day; coverage moves with the end of it.
pub fn widened(world: World, span: Span) -> World {
    let period = span.containing(world.period.from_on, world.period.zone);
    let longer = period.to - world.period.to;
    let wide = |known: Option<CoverageSpan>| {
        known
            .map(|known| CoverageSpan { from: known.from - TimeDelta::days(30), until: known.until + longer })
    };
    World { period, now: period.to, chats: wide(world.chats), orders: wide(world.orders), ..world }
}

fn digest(world: &World, span: Span, history: &[PastValue]) -> WeeklyDigest {
    weekly(&WeeklyInputs { base: world.inputs(), span, history })
}

pub fn before(period: &Period, span: Span, count: usize) -> Period {
    let first = (0..count).fold(period.from_on, |on, _| match span {
        Span::Month => {
            let last = on.pred_opt().unwrap();
            NaiveDate::from_ymd_opt(chrono::Datelike::year(&last), chrono::Datelike::month(&last), 1).unwrap()
        }
        _ => on - TimeDelta::days(7),
    });
    span.containing(first, period.zone)
}

/// Compared with the period before and with the mean of the usual ones.
fn compared(
    oracle: &Oracle<'_>,
    world: &World,
    span: Span,
    summary: &dyn Fn(&Period) -> Summary,
) -> Compared {
    let count = if span == Span::Month { 3 } else { 4 };
    let usual: Vec<Period> = (1..=count).map(|ago| before(&world.period, span, ago)).collect();
    let days = oracle.whole(&usual, summary);
    Compared { current: summary(&world.period), previous: days[0].clone(), weekday: oracle.mean(&days) }
}

/// Twelve values of a measure, oldest first.
fn values(
    oracle: &Oracle<'_>,
    world: &World,
    span: Span,
    measure: &str,
    history: &[PastValue],
) -> Vec<Option<f64>> {
    let is_whole = |span: Option<CoverageSpan>, period: &Period| coverage(span, period) == Coverage::Complete;
    let counted = if span == Span::Month { 4 } else { 12 };
    (0..12)
        .rev()
        .map(|ago| {
            let period = before(&world.period, span, ago);
            let (chats, orders) = (is_whole(world.chats, &period), is_whole(world.orders, &period));
            let is_known = match measure {
                "orders" | "revenue" => orders,
                "conversion" => chats && orders,
                _ => chats,
            };
            if !is_known || ago >= counted {
                let told =
                    history.iter().find(|past| past.measure == measure && past.period_on == period.from_on);
                return told.filter(|_| ago > 0).map(|past| past.value);
            }
            let team = oracle.team(&period);
            let chats = || team.chats.as_ref().unwrap();
            let orders = || team.orders.as_ref().unwrap();
            match measure {
                "first_response_median_secs" => chats().first_response_median_secs,
                "response_ratio" => {
                    chats().response_ratio.map(|ratio| ratio.part as f64 / ratio.whole as f64)
                }
                "chats" => Some(chats().chats as f64),
                "orders" => Some(orders().orders as f64),
                "revenue" => Some(orders().revenue.0 as f64),
                _ => chats().conversion.map(|ratio| ratio.part as f64 / ratio.whole as f64),
            }
        })
        .collect()
}

/// Some periods of the past, told by earlier digests.
fn any_history() -> impl Strategy<Value = Vec<(usize, usize, f64)>> {
    proptest::collection::vec((0usize..6, 0usize..12, 0.0..1000.0f64), 0..30)
}

fn json(value: impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("a digest is data")
}

pub fn near(left: Option<f64>, right: Option<f64>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => (left - right).abs() <= 1e-9 * left.abs().max(1.0),
        (left, right) => left == right,
    }
}

proptest! {
    #![proptest_config(super::quick(32))]

    #[test]
    fn every_figure_of_a_week_or_month_equals_its_slow_second_computation(
        world in any_world(), is_month: bool, told in any_history(),
    ) {
        let span = if is_month { Span::Month } else { Span::Week };
        let world = widened(world, span);
        let mut history: Vec<PastValue> = Vec::new();
        for (measure, ago, value) in told {
            let past = PastValue {
                measure: MEASURES[measure].to_owned(),
                period_on: before(&world.period, span, ago).from_on,
                value,
            };
            // The store keeps one value per measure and period.
            if !history.iter().any(|one| one.measure == past.measure && one.period_on == past.period_on) {
                history.push(past);
            }
        }
        let digest = digest(&world, span, &history);
        let oracle = Oracle::new(&world);

        prop_assert_eq!(&digest.currency, &oracle.currency());
        let team = compared(&oracle, &world, span, &|period| oracle.team(period));
        prop_assert_eq!(difference(&json(&digest.team), &json(&team)), None);

        let (managers, channels) = oracle.listed();
        let is_known_whole = coverage(world.chats, &world.period) == Coverage::Complete;
        let mut managers: Vec<WeeklyManager> = managers.into_iter().map(|id| WeeklyManager {
            id,
            name: name(id),
            numbers: compared(&oracle, &world, span, &|period| oracle.manager(period, id)),
            focus: id.filter(|_| span == Span::Week && is_known_whole).and_then(|id| {
                // Nothing was analysed here, so only answering counts.
                let chats = oracle.manager(&world.period, Some(id)).chats.unwrap_or_default();
                focus(&problems(&BehaviourSummary::default(), &chats))
            }),
        }).collect();
        let chats = |summary: &Option<ChatSummary>| Reverse(summary.as_ref().map_or(0, |chats| chats.chats));
        managers.sort_by_key(|one| (one.id.is_none(), chats(&one.numbers.current.chats), one.name.clone(), one.id));
        prop_assert_eq!(difference(&json(&digest.managers), &json(&managers)), None);

        let last = before(&world.period, span, 1);
        let is_known = coverage(world.chats, &last) == Coverage::Complete;
        for ChannelBlock { id, current, previous, .. } in &digest.channels {
            prop_assert!(channels.contains(id));
            prop_assert_eq!(difference(&json(current), &json(oracle.channel(&world.period, *id))), None);
            let expected = oracle.channel(&last, *id).filter(|_| is_known);
            prop_assert_eq!(difference(&json(previous), &json(&expected)), None);
        }
        prop_assert_eq!(digest.channels.len(), channels.len());

        prop_assert_eq!(digest.trends.len(), MEASURES.len());
        for (trend, measure) in digest.trends.iter().zip(MEASURES) {
            prop_assert_eq!(trend.measure.id(), measure);
            let expected = values(&oracle, &world, span, measure, &history);
            prop_assert!(
                trend.values.iter().zip(&expected).all(|(left, right)| near(*left, *right)),
                "{}: {:?} is not {:?}", measure, &trend.values, &expected
            );
            for length in [4u64, 8, 12] {
                let last = &trend.values[12 - length as usize..];
                let half = |part: &[Option<f64>]| {
                    part.iter().map(|value| value.unwrap()).sum::<f64>() / part.len() as f64
                };
                let told = trend.windows.iter().find(|window| window.periods == length);
                prop_assert_eq!(told.is_some(), last.iter().all(Option::is_some));
                if let Some(window) = told {
                    let (earlier, later) = last.split_at(last.len() / 2);
                    prop_assert!(near(Some(window.earlier), Some(half(earlier))));
                    prop_assert!(near(Some(window.later), Some(half(later))));
                }
            }
        }
        // The days' own invariants hold for the rows of the history too.
        for (_, _, value, _) in svodka::measure::history::weekly_rows(&digest) {
            prop_assert!(value.is_none_or(f64::is_finite));
        }
    }

    #[test]
    fn what_comes_after_the_week_changes_nothing_of_it(world in any_world(), late in 0i64..400) {
        let world = widened(world, Span::Week);
        let mut seen = world.clone();
        seen.facts.messages.retain(|message| message.sent_at < world.period.to);
        seen.facts.orders.retain(|order| order.created_at < world.period.to);
        let later = World { now: world.now + TimeDelta::hours(late), ..world.clone() };
        let told = |world: &World| WeeklyDigest { computed_at: world.period.to, slot_at: world.period.to, ..digest(world, Span::Week, &[]) };
        prop_assert_eq!(told(&world), told(&seen));
        prop_assert_eq!(told(&world), told(&later));
    }

    #[test]
    fn managers_are_ranked_by_the_formula_from_ten_conversations_on(
        talks in proptest::collection::vec(
            (0usize..3, any::<bool>(), 0i64..7 * 24 * 60 - 300, proptest::option::weighted(0.8, 1i64..200)), 30..110,
        ),
    ) {
        let mut shop = Shop::on("2026-03-10");
        shop.calendar.default = "00:00-24:00".parse().unwrap();
        let week = Span::Week.containing(shop.period.from_on, shop.calendar.zone);
        for known in [&mut shop.chats, &mut shop.orders].into_iter().flatten() {
            known.until = week.to;
        }
        let people = [ANNA, BORIS, VERA];
        let ids = [ManagerId::Crm(1), ManagerId::Crm(2), ManagerId::Mg(VERA)];
        for (id, (person, is_last, minute, reply)) in (1..).zip(&talks) {
            let start = if *is_last { week.from } else { week.from - TimeDelta::days(7) };
            let at = |minutes: i64| (start + TimeDelta::minutes(minutes)).with_timezone(&week.zone).format("%Y-%m-%d %H:%M").to_string();
            shop.dialog(id, id, &at(*minute), Some(Responsible::User(people[*person])));
            shop.asks(id, &at(*minute));
            if let Some(delay) = reply {
                shop.replies(id, people[*person], &at(minute + delay));
            }
        }
        let digest = shop.weekly(Span::Week, &[]);

        let mut ranked: Vec<(f64, ManagerId)> = Vec::new();
        for (index, id) in ids.iter().enumerate() {
            let side = |is_last: bool| {
                let mine: Vec<_> = talks.iter().filter(|talk| (talk.0, talk.1) == (index, is_last)).collect();
                let whole = mine.len() as f64;
                let open = mine.iter().filter(|talk| talk.3.is_none()).count() as f64;
                // Silent for a day within the week: those of its last day fall due in the next one.
                let due = |talk: &&(usize, bool, i64, Option<i64>)| talk.3.is_none() && talk.0 == index;
                let day = 24 * 60;
                let in_week = talks.iter().filter(due).filter(|talk| {
                    let due = talk.2 + day + if talk.1 == is_last { 0 } else if is_last { -7 * day } else { 7 * day };
                    (0..7 * day).contains(&due)
                }).count() as f64;
                let p90 = interpolated(mine.iter().filter_map(|talk| talk.3).map(|mins| mins * 60).collect(), 0.9);
                (mine.len(), open / whole, in_week / whole, p90)
            };
            let (now, then) = (side(true), side(false));
            if now.0 < 10 || then.0 < 10 {
                continue;
            }
            let slower = now.3.zip(then.3).map_or(0.0, |(now, then)| (now - then) / 60.0);
            ranked.push((100.0 * (now.1 - then.1) + 100.0 * (now.2 - then.2) + 0.2 * slower, *id));
        }
        prop_assert_eq!(digest.movers.ranked_count, ranked.len() as u64);
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        let best: Vec<_> = ranked.iter().filter(|(score, _)| *score <= -1.0).collect();
        let worst: Vec<_> = ranked.iter().rev().filter(|(score, _)| *score >= 1.0).collect();
        for (told, expected) in [(&digest.movers.best, &best), (&digest.movers.worst, &worst)] {
            prop_assert_eq!(told.len(), expected.len());
            for (told, (score, id)) in told.iter().zip(expected) {
                prop_assert!((told.score - score).abs() < 1e-6, "{} is not {}", told.score, score);
                prop_assert_eq!(told.id, *id);
            }
        }
    }
}
