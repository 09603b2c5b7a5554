//! The one worker that listens, and how workers wake each other.

use std::time::Duration;

use svodka::store::StoreError;
use svodka::store::deliveries::SeenChat;

use super::{ENDED, LONG, at};
use crate::support::stores::for_each_store;

const BOT: i64 = 700_000_001;

fn chat(id: i64, title: &str) -> SeenChat {
    SeenChat {
        id,
        kind: "private".into(),
        title: title.into(),
        topic: None,
        topic_title: None,
        seen_at: at(1),
    }
}

#[tokio::test]
async fn one_worker_listens_and_its_successor_goes_on_exactly_where_it_stopped() {
    for_each_store(async |given| {
        let first = given.claim_poller(BOT, "first", LONG).await.unwrap().unwrap();
        assert_eq!((first.next_update_id, first.received_at), (None, None));
        let second = given.another().await;
        assert_eq!(second.claim_poller(BOT, "second", LONG).await.unwrap(), None);
        assert!(second.claim_poller(BOT + 1, "second", LONG).await.unwrap().is_some(), "another bot");

        given.save_updates(&first.lease, &[chat(1, "Анна"), chat(2, "Пётр")], 41, at(1)).await.unwrap();
        given.renew_poller(&first.lease, LONG).await.unwrap();
        given.release_poller(&first.lease).await.unwrap();
        let next = second.claim_poller(BOT, "second", LONG).await.unwrap().unwrap();
        assert_eq!((next.next_update_id, next.received_at), (Some(41), Some(at(1))));
        assert!(next.lease.token > first.lease.token);
        assert_eq!(given.list_seen_chats().await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_listener_that_lost_its_lease_keeps_nothing_and_takes_nothing_away() {
    for_each_store(async |given| {
        let lost = given.claim_poller(BOT, "lost", ENDED).await.unwrap().unwrap();
        let held = given.claim_poller(BOT, "held", LONG).await.unwrap().unwrap();
        let refused = given.save_updates(&lost.lease, &[chat(1, "Анна")], 99, at(1)).await;
        assert!(matches!(refused, Err(StoreError::Fenced(_))), "{refused:?}");
        assert!(matches!(given.renew_poller(&lost.lease, LONG).await, Err(StoreError::Fenced(_))));
        given.release_poller(&lost.lease).await.unwrap();
        assert!(given.list_seen_chats().await.unwrap().is_empty(), "all or nothing");

        given.renew_poller(&held.lease, LONG).await.unwrap();
        assert_eq!(given.claim_poller(BOT, "third", LONG).await.unwrap(), None);
        // What is given back is nobody's, and its former holder cannot bring it to life.
        given.release_poller(&held.lease).await.unwrap();
        assert!(matches!(given.renew_poller(&held.lease, LONG).await, Err(StoreError::Fenced(_))));
        assert!(matches!(given.save_updates(&held.lease, &[], 99, at(2)).await, Err(StoreError::Fenced(_))));
        assert_eq!(
            given.claim_poller(BOT, "third", LONG).await.unwrap().unwrap().next_update_id,
            None,
            "nothing refused was kept"
        );
    })
    .await;
}

#[tokio::test]
async fn of_many_who_claim_the_poller_at_once_one_gets_it() {
    for_each_store(async |given| {
        let mut tasks = tokio::task::JoinSet::new();
        for worker in 0..8 {
            let store = given.another().await;
            tasks.spawn(async move { store.claim_poller(BOT, &format!("w{worker}"), LONG).await.unwrap() });
        }
        let claimed: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(claimed.len(), 1, "{claimed:?}");
    })
    .await;
}

#[tokio::test]
async fn workers_on_postgres_wake_each_other_and_on_sqlite_there_is_nobody_to_wake() {
    for_each_store(async |given| {
        let heard = given.listen().await.unwrap();
        assert_eq!(heard.is_some(), given.backend() == "postgres");
        given.another().await.wake_workers().await.unwrap();
        if let Some(mut heard) = heard {
            let next = tokio::time::timeout(Duration::from_secs(20), heard.next()).await;
            next.expect("it is heard").unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_source_without_facts_fails_and_recovers() {
    for_each_store(async |given| {
        given.save_source_failure("telegram_updates", "conflict", at(1)).await.unwrap();
        given.save_source_success("telegram_updates", at(2)).await.unwrap();
        let row = given.find_source("telegram_updates").await.unwrap().unwrap();
        assert_eq!((row.last_success_at, row.failing_since, row.failure_reason), (Some(at(2)), None, None));
    })
    .await;
}
