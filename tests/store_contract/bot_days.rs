//! The bot's days: replaced whole, and read as figures of a stretch.

use chrono::NaiveDate;
use svodka::facts::bot::{BotDay, BotStep, LabelCount};
use svodka::facts::bot_days::{BotRollup, DayEntry, DayLabel, DayQuery, LabelKind, Path, Steps, UserDay};
use svodka::facts::{Money, SourceStep};

use super::at;
use crate::support::stores::for_each_store;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn user(user_id: i64, taken: &[BotStep]) -> UserDay {
    let (mut steps, mut path) = (Steps::default(), Path::default());
    for step in taken {
        steps.add(*step);
        path.then(*step);
    }
    UserDay { user_id, steps, path }
}

fn entry(user_id: i64, source: Option<&str>) -> DayEntry {
    let source = source.map(str::to_owned);
    DayEntry { user_id, source, starts: 1, new_users: 1, is_first: true, is_carted: false }
}

fn rollup(day_on: &str, users: Vec<UserDay>, entries: Vec<DayEntry>) -> BotRollup {
    let dau = users.iter().filter(|user| user.steps.has(BotStep::Session)).count() as u64;
    let counts = BotDay {
        day_on: day(day_on),
        dau,
        starts: entries.len() as u64,
        gmv: Money(12_345),
        ..BotDay::default()
    };
    BotRollup { day: counts, users, entries, ..BotRollup::default() }
}

fn step() -> SourceStep {
    SourceStep { source: "bot_events".into(), ..SourceStep::default() }
}

#[tokio::test]
async fn a_day_replaces_what_was_known_of_it_and_of_what_crosses_days() {
    use BotStep::{Cart, Search, Session, Start};
    for_each_store(async |given| {
        let first = rollup(
            "2026-08-01",
            vec![user(1, &[Start, Session]), user(2, &[Start])],
            vec![entry(1, Some("ads")), entry(2, None)],
        );
        let second = rollup("2026-08-02", vec![user(1, &[Session, Search, Cart])], vec![]);
        // The later day first: a late event comes before the days around it as well as after.
        for day in [&second, &first, &first] {
            given.save_bot_day(day, &step(), at(0)).await.unwrap();
        }
        assert_eq!(given.find_bot_day(day("2026-08-01")).await.unwrap(), Some(first.day.clone()));
        assert_eq!(given.find_bot_day(day("2026-08-03")).await.unwrap(), None);
        let figures = async || {
            given.bot_figures(day("2026-08-01"), day("2026-08-03"), day("2026-08-03")).await.unwrap()
        };
        let found = figures().await;
        assert_eq!((found.active_users, found.cart_users), (1, 1));
        assert_eq!(found.funnel_open, [2, 1, 1, 1, 0, 0]);
        assert_eq!(found.funnel_ordered, [2, 1, 1, 1, 0, 0]);
        assert_eq!((found.retention[0].cohort_users, found.retention[0].retained_users), (2, 1));
        assert_eq!(found.retention[1].cohort_users, 0, "day 7 has not ended");
        let sources: Vec<_> =
            found.sources.iter().map(|by| (by.source.as_deref(), by.users, by.cart_users)).collect();
        assert_eq!(sources, [(None, 1, 0), (Some("ads"), 1, 1)]);

        // Less than before: what is no longer there goes, in the days around as well.
        let again = rollup("2026-08-01", vec![user(2, &[Start])], vec![entry(2, Some("ads"))]);
        given.save_bot_day(&again, &step(), at(1)).await.unwrap();
        let found = figures().await;
        assert_eq!((found.funnel_open, found.funnel_ordered), ([1, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0]));
        assert_eq!((found.retention[0].cohort_users, found.retention[0].retained_users), (1, 0));
        assert_eq!(found.sources.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn labels_are_summed_and_queries_told_in_the_wording_typed_most_often() {
    for_each_store(async |given| {
        for (day_on, wording, times) in [("2026-08-01", "Чай", 2), ("2026-08-02", "чай", 3)] {
            let query = |key: &str, query: &str, searches, empty| DayQuery {
                key: key.into(),
                query: query.into(),
                searches,
                empty,
            };
            let mut day = rollup(day_on, vec![], vec![]);
            day.surveys = vec![(7, wording.to_lowercase()), (8, format!("{times}\0"))];
            let label = "gift".into();
            day.labels = vec![DayLabel { kind: LabelKind::Scenario, label, count: times }];
            day.queries = vec![query("ча", wording, times, 1), query("кофе", "кофе", 4, 0)];
            // More than are shown, all asked once.
            day.queries
                .extend((10..40).map(|number| query(&format!("k{number}"), &format!("q{number}"), 1, 0)));
            given.save_bot_day(&day, &step(), at(0)).await.unwrap();
        }
        let (from, until) = (day("2026-08-01"), day("2026-08-03"));
        let found = given.bot_figures(from, until, until).await.unwrap();
        let count = |label: &str, count| LabelCount { label: label.into(), count };
        assert_eq!(found.scenarios, [count("gift", 5)]);
        assert_eq!(found.top_queries.len(), 20);
        assert_eq!(found.top_queries[..3], [count("кофе", 8), count("чай", 5), count("q10", 2)]);
        assert_eq!(found.empty_queries, [count("Чай", 2)], "once each: the first in the order of letters");
        assert_eq!(found.pmf_answers, [count("3", 1), count("чай", 1)]);
        assert_eq!(found.days.iter().map(|day| day.gmv).sum::<Money>(), Money(24_690));
        assert_eq!(found.events_coverage, None);
    })
    .await;
}
