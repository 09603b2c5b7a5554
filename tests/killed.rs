//! The real program, killed with SIGKILL where it hurts, between stand-ins that keep on running.

use std::time::Duration;

use svodka::clock::{Clock, SystemClock};
use svodka::sandbox::retailcrm::{Fault, FaultKind};
use svodka::sandbox::telegram;
use svodka::store::Store;
use svodka::store::outbox::DeliveryState;
use svodka::store::runs::RunState;
use tokio::process::Command;

use crate::support::processes::{Outside, until, until_none_is};
use crate::support::stores::for_each_store;
use crate::support::worker::expire_leases;

/// A request for yesterday's digest, found by the next program that starts.
async fn request_digest(store: &Store) -> i64 {
    let now = SystemClock.now();
    store.insert_manual_run("daily", now, None, now).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_reads_the_crm_the_next_one_makes_the_digest_once() {
    for_each_store(async |given| {
        let outside = Outside::open(given.url()).await;
        let run_id = request_digest(&given.store).await;
        outside.crm.fault(Fault::on("/api/bot/v1/messages", FaultKind::Hang));
        let mut first = outside.serve();
        let crm = &outside.crm;
        until("the program waits for messages", || {
            crm.requests().iter().any(|request| request.path.contains("/messages"))
        })
        .await;
        first.kill().await.unwrap();
        outside.crm.clear_faults();
        expire_leases(given.url()).await;
        let second = outside.serve();
        until("the digest is in the chat", || !outside.digests().is_empty()).await;
        let run = given.store.find_run(run_id).await.unwrap().unwrap();
        assert_eq!((run.state, run.attempt_count), (RunState::Succeeded, 2));
        drop(second);
        assert_eq!(outside.digests().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_sends_the_next_one_finds_the_message_and_sends_no_other() {
    for_each_store(async |given| {
        let outside = Outside::open(given.url()).await;
        // An earlier digest: since then it is known where the chat's ids stand.
        request_digest(&given.store).await;
        let mut first = outside.serve();
        until("the earlier digest is there", || outside.digests().len() == 1).await;
        until_none_is(&given.store, DeliveryState::Sending).await;
        outside.telegram.fault(telegram::Fault::after(telegram::AfterCommit::NeverAnswer).on("sendMessage"));
        request_digest(&given.store).await;
        until("Telegram has taken the message", || outside.digests().len() == 2).await;
        first.kill().await.unwrap();
        outside.telegram.clear_faults();
        expire_leases(given.url()).await;
        let _second = outside.serve();
        until("the message is looked for", || !outside.telegram.requests_to("editMessageText").is_empty())
            .await;
        until_none_is(&given.store, DeliveryState::Sending).await;
        until_none_is(&given.store, DeliveryState::Unknown).await;
        let texts = outside.digests();
        assert_eq!(texts.len(), 2, "{texts:#?}");
        assert!(texts.iter().all(|text| !text.contains("повтор")), "{texts:#?}");
        let sent = given.store.list_deliveries(&[DeliveryState::Sent], 9).await.unwrap();
        assert_eq!(sent.iter().filter(|row| row.chat == "managers").count(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_it_drains_and_leaves_nothing_leased() {
    for_each_store(async |given| {
        let outside = Outside::open(given.url()).await;
        let run_id = request_digest(&given.store).await;
        outside.crm.fault(Fault::on("/api/bot/v1/messages", FaultKind::Hang));
        let mut program = outside.serve();
        let crm = &outside.crm;
        until("the program waits for messages", || {
            crm.requests().iter().any(|request| request.path.contains("/messages"))
        })
        .await;
        let pid = program.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        let ended = tokio::time::timeout(Duration::from_secs(20), program.wait()).await;
        assert!(ended.expect("it drains within its ten seconds").unwrap().success());
        let run = given.store.find_run(run_id).await.unwrap().unwrap();
        assert_eq!(run.state, RunState::Planned, "handed back: the next worker need not wait for the lease");
    })
    .await;
}
