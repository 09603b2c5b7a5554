//! A program that is suspended for longer than its lease, in the moment before it sends.

use std::time::Duration;

use svodka::clock::{Clock, SystemClock};
use svodka::store::Store;
use svodka::store::outbox::DeliveryState;

use super::machine::{signal, wait};
use super::proxy::{Orders, Proxy};
use crate::support::postgres;
use crate::support::processes::{Outside, until, until_none_is};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "waits for a real lease: two minutes"]
async fn suspended_before_it_sends_it_does_not_send_when_it_comes_back() {
    let Some(cluster) = postgres::cluster() else { return };
    let database = cluster.database().await;
    let (outside, store) =
        (Outside::open(&database.url()).await, Store::connect(&database.url()).await.unwrap());
    let wire = Proxy::open(&database.url(), 1).await;
    let first = outside.command("serve", wire.url()).spawn().unwrap();
    let request = async || {
        let now = SystemClock.now();
        store.insert_manual_run("daily", now, None, now).await.unwrap();
    };
    request().await;
    until("an earlier digest is there", || outside.digests().len() == 1).await;
    until_none_is(&store, DeliveryState::Sending).await;

    // It has written down where it sends to, and does not learn that it has.
    wire.order(Orders { share: 0.0, hold_at: Some("SET sent_to = $3") });
    // Statements are sent once by their text and then by a number: a fresh connection says the text.
    super::ledger::Ledger::open(&database.url()).await.terminate_sessions(100).await;
    wait(Duration::from_secs(6)).await;
    request().await;
    until("it is about to send", || wire.toll().is_holding).await;
    let pid = first.id().unwrap();
    signal("STOP", pid).await;
    wire.order(Orders::default());

    let _second = outside.serve();
    let began_at = SystemClock.now();
    while outside.digests().len() < 2 {
        assert!((SystemClock.now() - began_at).num_seconds() < 300, "nobody took it over");
        wait(Duration::from_millis(200)).await;
    }
    until_none_is(&store, DeliveryState::Sending).await;
    signal("CONT", pid).await;
    wait(Duration::from_secs(8)).await;
    let digests = outside.digests();
    assert_eq!(digests.len(), 2, "the zombie sent: {digests:#?}");
    assert!(digests[1].contains("повтор"), "nobody knew whether the first had sent it");
    drop(first);
    store.close().await;
    database.remove().await;
}
