//! Token usage: a call once, sums by day, coverage, and what is forgotten.

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Europe::Moscow;
use svodka::facts::bot::ModelTokens;
use svodka::facts::llm::{LlmDay, LlmUsage};
use svodka::facts::{CoverageSpan, SourceStep};
use svodka::store::llm::UsageSaved;

use super::at;
use crate::support::stores::for_each_store;

fn on(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 8, day).unwrap()
}

fn call(key: &str, minutes: i64, model: &str, user: Option<&str>) -> LlmUsage {
    LlmUsage {
        key: key.to_owned(),
        used_at: at(minutes),
        user: user.map(str::to_owned),
        model: model.to_owned(),
        prompt_tokens: 100,
        completion_tokens: 20,
        precached_tokens: 30,
        billable_tokens: 90,
        duration_ms: Some(500),
    }
}

fn sum(model: &str, calls: u64) -> ModelTokens {
    ModelTokens {
        model: model.to_owned(),
        calls,
        prompt_tokens: 100 * calls,
        completion_tokens: 20 * calls,
        precached_tokens: 30 * calls,
        billable_tokens: 90 * calls,
    }
}

fn step(coverage: Option<(i64, i64)>) -> SourceStep {
    SourceStep {
        source: "llm_usage".to_owned(),
        cursor: coverage.map(|(_, until)| serde_json::json!({"files": [], "until": until})),
        coverage: coverage.map(|(from, until)| CoverageSpan { from: at(from), until: at(until) }),
        is_complete: coverage.is_some(),
        ..SourceStep::default()
    }
}

#[tokio::test]
async fn a_call_counts_once_on_its_local_day() {
    for_each_store(async |given| {
        let store = &given.store;
        let figures = store.llm_figures(on(1), on(30)).await.unwrap();
        assert_eq!(figures, (vec![], None), "never read");
        // 06:00 UTC is 09:00 in Moscow; 15 hours later is the next day there.
        let batch = [
            call("a", 0, "pro", Some("1")),
            call("b", 1, "pro", Some("1")),
            call("c", 15 * 60, "lite", Some("2")),
            call("a", 0, "pro", Some("1")),
        ];
        let saved = store.save_llm_usage(&batch, Moscow, &step(None), at(0)).await.unwrap();
        assert_eq!(saved, UsageSaved { accepted: 3, duplicates: 1 });
        let more = [call("b", 1, "pro", Some("1")), call("d", 2, "pro", None)];
        let saved = store.save_llm_usage(&more, Moscow, &step(Some((0, 100))), at(0)).await.unwrap();
        assert_eq!(saved, UsageSaved { accepted: 1, duplicates: 1 });

        let days = store.llm_days(on(20), on(22)).await.unwrap();
        let day = |day, tokens| LlmDay { day_on: on(day), tokens };
        assert_eq!(days, [day(20, sum("pro", 3)), day(21, sum("lite", 1))]);
        let (models, coverage) = store.llm_figures(on(20), on(22)).await.unwrap();
        assert_eq!(models, [sum("pro", 3), sum("lite", 1)]);
        assert_eq!(coverage, Some(CoverageSpan { from: at(0), until: at(100) }));
        assert_eq!(store.llm_figures(on(21), on(22)).await.unwrap().0, [sum("lite", 1)]);
        assert_eq!(store.count_llm_users(on(20), on(22)).await.unwrap(), 2);
        assert_eq!(store.count_llm_users(on(20), on(21)).await.unwrap(), 1);

        // Coverage grows on both sides and never shrinks.
        for (next, from, until) in [((50, 60), 0, 100), ((-5, 110), -5, 110), ((500, 600), -5, 600)] {
            store.save_llm_usage(&[], Moscow, &step(Some(next)), at(0)).await.unwrap();
            let coverage = store.llm_figures(on(20), on(21)).await.unwrap().1;
            assert_eq!(coverage, Some(CoverageSpan { from: at(from), until: at(until) }));
        }
    })
    .await;
}

#[tokio::test]
async fn calls_are_forgotten_and_their_sums_stay() {
    for_each_store(async |given| {
        let store = &given.store;
        let batch: Vec<_> = (0..1_203).map(|n| call(&format!("k{n}"), n, "pro", None)).collect();
        store.save_llm_usage(&batch, Moscow, &step(None), at(0)).await.unwrap();
        let before = store.llm_days(on(20), on(22)).await.unwrap();
        assert_eq!(before.iter().map(|day| day.tokens.calls).sum::<u64>(), 1_203);
        assert_eq!(store.forget_llm_usage(at(700), 500).await.unwrap(), 500);
        assert_eq!(store.forget_llm_usage(at(700), 500).await.unwrap(), 200);
        assert_eq!(store.forget_llm_usage(at(700), 500).await.unwrap(), 0);
        assert_eq!(store.llm_days(on(20), on(22)).await.unwrap(), before);
        // What is still kept is still known.
        let saved = store.save_llm_usage(&batch[700..], Moscow, &step(None), at(0)).await.unwrap();
        assert_eq!(saved, UsageSaved { accepted: 0, duplicates: 503 });
    })
    .await;
}

#[tokio::test]
async fn langfuse_days_are_replaced_and_count_only_where_no_call_is_known() {
    for_each_store(async |given| {
        let store = &given.store;
        let day = |day, calls| LlmDay { day_on: on(day), tokens: sum("pro", calls) };
        let step = |until| SourceStep {
            source: "llm_langfuse".to_owned(),
            coverage: Some(CoverageSpan { from: at(-10_000), until: at(until) }),
            is_complete: true,
            ..SourceStep::default()
        };
        let days = [day(18, 5), day(19, 6), day(20, 7), day(25, 1)];
        store.save_langfuse_days(on(18), on(21), &days, &step(0), at(0)).await.unwrap();
        store.save_langfuse_days(on(19), on(21), &[day(19, 8)], &step(10), at(10)).await.unwrap();
        assert_eq!(store.llm_days(on(1), on(31)).await.unwrap(), [day(18, 5), day(19, 8)]);
        store.save_langfuse_days(on(20), on(21), &[day(20, 7)], &step(10), at(10)).await.unwrap();
        let calls = SourceStep { source: "llm_usage".to_owned(), ..SourceStep::default() };
        store.save_llm_usage(&[call("a", 0, "lite", None)], Moscow, &calls, at(0)).await.unwrap();
        let days = store.llm_days(on(1), on(31)).await.unwrap();
        assert_eq!(days, [day(18, 5), day(19, 8), LlmDay { day_on: on(20), tokens: sum("lite", 1) }]);
        let coverage = store.llm_figures(on(1), on(2)).await.unwrap().1;
        assert_eq!(coverage.map(|span| span.until), Some(at(10)));
    })
    .await;
}

#[tokio::test]
async fn two_workers_with_the_same_calls_count_them_once() {
    for_each_store(async |given| {
        let other = given.another().await;
        let one: Vec<_> = (0..300).map(|n| call(&format!("k{n:03}"), 0, "pro", Some("1"))).collect();
        let mut two = one.clone();
        two.reverse();
        let (none, now) = (step(None), at(0) + TimeDelta::hours(1));
        let (first, second) = futures::join!(
            given.store.save_llm_usage(&one, Moscow, &none, now),
            other.save_llm_usage(&two, Moscow, &none, now),
        );
        assert_eq!(first.unwrap().accepted + second.unwrap().accepted, 300);
        assert_eq!(given.llm_figures(on(20), on(21)).await.unwrap().0, [sum("pro", 300)]);
        other.close().await;
    })
    .await;
}
