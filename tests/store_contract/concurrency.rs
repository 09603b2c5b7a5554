//! Many workers on one database: nothing is done twice, no job overlaps itself, no chat gets two messages at once.
//!
//! Each worker has a handle of its own, as a process of its own would have.

use std::collections::BTreeSet;

use serde_json::json;
use svodka::clock::Instant;
use svodka::store::jobs::PlannedRun;
use svodka::store::outbox::DeliveryState;
use svodka::store::runs::RunResult;
use svodka::store::{Result, Store};

use super::{LONG, at, message};
use crate::support::stores::{Given, for_each_store};

const WORKERS: usize = 6;

/// Runs the same work on as many handles as there are workers, at once.
async fn at_once<T, F>(given: &Given, work: impl Fn(usize, Store) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let mut workers = Vec::new();
    for number in 0..WORKERS {
        // SQLite: two processes are the case to support; more would only wait for each other.
        let store = if number % 2 == 0 { given.store.clone() } else { given.another().await };
        workers.push(tokio::spawn(work(number, store)));
    }
    let mut results = Vec::new();
    for worker in workers {
        results.push(worker.await.unwrap().unwrap());
    }
    results
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_run_is_done_by_exactly_one_worker_and_no_job_overlaps_itself() {
    for_each_store(async |given| {
        for number in 0..60 {
            given.insert_manual_run(&format!("job{}", number % 4), at(0), None, at(0)).await.unwrap();
        }
        let done = at_once(&given, |number, store| async move {
            let mut done: Vec<i64> = Vec::new();
            let mut idle = 0;
            while idle < 20 {
                let Some(claimed) = store.claim_run(&format!("w{number}"), LONG, at(1)).await? else {
                    idle += 1;
                    tokio::task::yield_now().await;
                    continue;
                };
                idle = 0;
                let running = store.list_runs(Some(&claimed.run.job), 100).await?;
                let running = running.iter().filter(|run| run.state.as_str() == "running").count();
                assert_eq!(running, 1, "{} overlaps itself", claimed.run.job);
                let deliveries = vec![message(&format!("run:{}", claimed.run.id), "m")];
                let result = RunResult { deliveries, ..RunResult::default() };
                store.finish_run(&claimed.lease, &result, at(2)).await?;
                done.push(claimed.run.id);
            }
            Ok(done)
        })
        .await;
        let mut all: Vec<i64> = done.concat();
        // A worker may give up while the others hold all jobs; what is left must still be claimable.
        while let Some(claimed) = given.claim_run("last", LONG, at(1)).await.unwrap() {
            given.finish_run(&claimed.lease, &RunResult::default(), at(2)).await.unwrap();
            all.push(claimed.run.id);
        }
        assert_eq!(all.len(), 60);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 60, "no run twice");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_message_is_sent_once_and_each_chat_gets_its_parts_in_order() {
    for_each_store(async |given| {
        let all: Vec<_> =
            (0..60).map(|number| message(&format!("{number:02}"), ["a", "b", "c"][number % 3])).collect();
        given.enqueue(&all, at(0)).await.unwrap();
        let sent = at_once(&given, |number, store| async move {
            let mut sent = Vec::new();
            let mut idle = 0;
            while idle < 20 {
                let Some(claimed) = store.claim_delivery(&format!("w{number}"), LONG, at(1)).await? else {
                    idle += 1;
                    tokio::task::yield_now().await;
                    continue;
                };
                idle = 0;
                let sending = store.list_deliveries(&[DeliveryState::Sending], 100).await?;
                let in_chat = sending.iter().filter(|row| row.chat == claimed.delivery.chat).count();
                assert_eq!(in_chat, 1, "two messages in flight to one chat");
                let older = store.list_deliveries(&[DeliveryState::Pending], 100).await?;
                let chat = &claimed.delivery.chat;
                let is_older = |row: &svodka::store::outbox::DeliveryRow| {
                    row.chat == *chat && row.id < claimed.delivery.id
                };
                assert!(!older.iter().any(is_older), "out of order");
                store.record_sent(&claimed.lease, Some(claimed.delivery.id), at(2)).await?;
                sent.push(claimed.delivery.key);
            }
            Ok(sent)
        })
        .await;
        let mut sent: Vec<String> = sent.concat();
        while let Some(claimed) = given.claim_delivery("last", LONG, at(1)).await.unwrap() {
            given.record_sent(&claimed.lease, None, at(2)).await.unwrap();
            sent.push(claimed.delivery.key);
        }
        assert_eq!(sent.len(), 60);
        assert_eq!(sent.into_iter().collect::<BTreeSet<_>>().len(), 60);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_run_wanted_by_all_is_got_by_one() {
    for_each_store(async |given| {
        for round in 0..10 {
            let id = given.insert_manual_run(&format!("job{round}"), at(0), None, at(0)).await.unwrap();
            let claimed = at_once(&given, |number, store| async move {
                store.claim_run_by_id(id, &format!("w{number}"), LONG, at(0)).await
            })
            .await;
            assert_eq!(claimed.into_iter().flatten().count(), 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_dead_workers_run_is_taken_over_by_one() {
    for_each_store(async |given| {
        given.insert_manual_run("daily", at(0), None, at(0)).await.unwrap();
        given.claim_run("dead", 0, at(0)).await.unwrap().unwrap();
        let claimed = at_once(&given, |number, store| async move {
            store.claim_run(&format!("w{number}"), LONG, at(0)).await
        })
        .await;
        let claimed: Vec<_> = claimed.into_iter().flatten().collect();
        assert_eq!(claimed.len(), 1);
        assert_eq!((claimed[0].taken_over_from.as_deref(), claimed[0].run.attempt_count), (Some("dead"), 2));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_occurrence_one_incident_one_late_note_and_one_lost_send_whoever_is_there() {
    for_each_store(async |given| {
        given.register_job("daily", "f", Some(at(0)), at(0)).await.unwrap();
        let run = given.insert_manual_run("late", at(0), Some(at(1)), at(0)).await.unwrap();
        given.enqueue(&[message("lost", "m")], at(0)).await.unwrap();
        given.claim_delivery("dead", 0, at(0)).await.unwrap().unwrap();
        let outcomes = at_once(&given, |number, store| async move {
            let planned = PlannedRun { slot_at: at(0), deadline_at: None, skipped: None };
            let is_planned = store.plan("daily", at(0), Some(at(60)), &[planned], at(1)).await?;
            let notice =
                |_: &svodka::store::incidents::IncidentRow| vec![message(&format!("i{number}"), "ops")];
            let detail = json!({"worker": number});
            let opened = store.open_incident("k", "kind", &detail, None, at(1), &notice).await?;
            let note = [message(&format!("late{number}"), "m")];
            let is_marked = store.mark_deadline_missed(run, &note, at(2)).await?;
            let swept = store.sweep_lost_sends(0, at(1)).await?;
            Ok((is_planned, opened, is_marked, swept))
        })
        .await;
        assert_eq!(outcomes.iter().filter(|(is_planned, ..)| *is_planned).count(), 1);
        assert_eq!(outcomes.iter().filter(|(_, (_, is_new), ..)| *is_new).count(), 1);
        let ids: BTreeSet<i64> = outcomes.iter().map(|(_, (row, _), ..)| row.id).collect();
        assert_eq!(ids.len(), 1, "the others got the same incident");
        assert_eq!(outcomes.iter().filter(|(_, _, is_marked, _)| *is_marked).count(), 1);
        assert_eq!(outcomes.iter().map(|(.., swept)| swept).sum::<u64>(), 1);
        assert_eq!(given.list_runs(Some("daily"), 9).await.unwrap().len(), 1);
        let keys: Vec<_> =
            given.list_deliveries(&[], 99).await.unwrap().into_iter().map(|row| row.key).collect();
        assert_eq!(keys.iter().filter(|key| key.starts_with('i')).count(), 1, "{keys:?}");
        assert_eq!(keys.iter().filter(|key| key.starts_with("late")).count(), 1, "{keys:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_never_see_a_locked_database() {
    for_each_store(async |given| {
        let written = at_once(&given, |number, store| async move {
            let now: Instant = at(0);
            for round in 0..20 {
                store.enqueue(&[message(&format!("{number}/{round}"), "m")], now).await?;
                store.register_job(&format!("job{number}"), &round.to_string(), None, now).await?;
                store.retire_jobs_except(&[], now).await?;
            }
            Ok(())
        })
        .await;
        assert_eq!(written.len(), WORKERS);
        assert_eq!(given.list_deliveries(&[], 1000).await.unwrap().len(), WORKERS * 20);
    })
    .await;
}
