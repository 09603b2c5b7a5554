//! Sources: cursor, coverage, failures, and what was dropped.

use serde_json::json;
use svodka::facts::{CoverageSpan, FactBatch, SourceStep};
use svodka::store::sources::SourceRow;

use super::at;
use crate::support::stores::for_each_store;

#[tokio::test]
async fn a_source_advances_step_by_step_and_keeps_what_a_step_does_not_say() {
    for_each_store(async |given| {
        assert_eq!(given.find_source("chats").await.unwrap(), None);
        let batch = FactBatch::default();
        let step =
            SourceStep { source: "chats".into(), cursor: Some(json!({"since": 1})), ..SourceStep::default() };
        given.save_facts(&batch, &step, at(0)).await.unwrap();
        let mut expected = SourceRow {
            name: "chats".into(),
            cursor: Some(json!({"since": 1})),
            coverage: None,
            last_success_at: None,
            last_failure_at: None,
            failure_reason: None,
            failing_since: None,
        };
        assert_eq!(given.find_source("chats").await.unwrap(), Some(expected.clone()));

        given.save_source_failure("chats", "timeout", at(1)).await.unwrap();
        given.save_source_failure("chats", "server_error", at(2)).await.unwrap();
        // A step in the middle of a round is no success yet.
        let bare = SourceStep { source: "chats".into(), ..SourceStep::default() };
        given.save_facts(&batch, &bare, at(3)).await.unwrap();
        expected.last_failure_at = Some(at(2));
        expected.failure_reason = Some("server_error".into());
        expected.failing_since = Some(at(1));
        assert_eq!(given.find_source("chats").await.unwrap(), Some(expected.clone()));

        let coverage = Some(CoverageSpan { from: at(-60), until: at(4) });
        given
            .save_facts(&batch, &SourceStep { coverage, is_complete: true, ..bare.clone() }, at(4))
            .await
            .unwrap();
        expected.coverage = coverage;
        expected.last_success_at = Some(at(4));
        expected.failure_reason = None;
        expected.failing_since = None;
        assert_eq!(given.find_source("chats").await.unwrap(), Some(expected.clone()));
        given.save_facts(&batch, &bare, at(5)).await.unwrap();
        assert_eq!(given.find_source("chats").await.unwrap(), Some(expected.clone()));

        given.save_source_failure("Orders", "unauthorized", at(6)).await.unwrap();
        let listed = given.list_sources().await.unwrap();
        assert_eq!(listed.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["Orders", "chats"]);
        assert_eq!((listed[0].last_success_at, listed[0].failing_since), (None, Some(at(6))));
    })
    .await;
}

#[tokio::test]
async fn dropped_records_are_summed_by_source_and_reason() {
    for_each_store(async |given| {
        for (source, minutes, dropped) in [
            ("chats", 0, vec![("no_id", 1)]),
            ("chats", 1, vec![("no_id", 2), ("bad_date", 5)]),
            ("Orders", 2, vec![("no_id", 4), ("nothing", 0)]),
        ] {
            let dropped = dropped.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect();
            let step = SourceStep { source: source.into(), dropped, ..SourceStep::default() };
            given.save_facts(&FactBatch::default(), &step, at(minutes)).await.unwrap();
        }
        let sum = |source: &str, reason: &str, count| (source.to_owned(), reason.to_owned(), count);
        let recent = given.dropped_since(at(1)).await.unwrap();
        assert_eq!(
            recent,
            [sum("Orders", "no_id", 4), sum("chats", "bad_date", 5), sum("chats", "no_id", 2)]
        );
        assert_eq!(given.dropped_since(at(0)).await.unwrap()[2], sum("chats", "no_id", 3));
        assert!(given.dropped_since(at(3)).await.unwrap().is_empty());
    })
    .await;
}
