//! The real program as a process, when everything breaks at once and when Telegram is away.

use svodka::clock::{Clock, SystemClock};
use svodka::sandbox::telegram::{BeforeCommit, Fault};
use svodka::store::Store;
use svodka::store::outbox::{DeliveryState, NewDelivery};

use crate::support::delivery::message;
use crate::support::processes::{Outside, breathe};
use crate::support::stores::for_each_store;
use crate::support::watcher::Watcher;
use crate::support::worker::{MANAGERS, OPS};

/// Looks until it is so, five minutes at most: what is waited for takes a minute of the program's own time.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..6000 {
        if is_so().await {
            return;
        }
        breathe().await;
    }
    panic!("five minutes passed, and still not: {what}");
}

/// The program with nothing to do by the cron table, whatever the hour of this test.
fn idle(outside: &Outside, url: &str) -> tokio::process::Command {
    let mut command = outside.command("serve", url);
    for job in ["DAILY", "WEEKLY", "MONTHLY", "RECONCILE", "RETENTION", "QUALITY", "RECEIPT"] {
        command.env(format!("SVODKA__JOBS__{job}__ENABLED"), "false");
    }
    command
}

async fn many_incident(store: &Store) -> Option<u64> {
    let open = store.list_open_incidents().await.unwrap();
    let many = open.iter().find(|row| row.key == "many/delivery_dead")?;
    many.detail["count"].as_u64()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_findings_make_at_most_three_messages_and_none_of_them_is_forgotten() {
    for_each_store(async |given| {
        let outside = Outside::open(given.url()).await;
        let now = SystemClock.now();
        let chats = (0..10_000).map(|n| format!("seller{n:05}"));
        let rows: Vec<NewDelivery> = chats.map(|chat| message(&chat, "d-0820-aaaa", 1, 1)).collect();
        given.enqueue(&rows, now).await.unwrap();
        given
            .execute("UPDATE deliveries SET state = 'dead', reason = 'blocked', finished_at = created_at")
            .await;
        assert_eq!(given.list_untold_dead(20_000).await.unwrap().len(), 10_000);

        let _program = idle(&outside, given.url()).spawn().unwrap();
        until("all are told", async || given.list_untold_dead(1).await.unwrap().is_empty()).await;
        until("the ops chat hears of it", async || !outside.telegram.own_messages(OPS).is_empty()).await;
        assert_eq!(many_incident(&given.store).await, Some(10_000));
        // Six more rounds of checks.
        let begun_at = SystemClock.now();
        until("time passes", async || (SystemClock.now() - begun_at).num_seconds() >= 30).await;
        let told = outside.telegram.own_messages(OPS);
        assert!((1..=3).contains(&told.len()), "{told:#?}");
        assert!(told[0].text.contains("10\u{a0}000"), "{}", told[0].text);
        let notices =
            given.list_deliveries(&[DeliveryState::Pending, DeliveryState::Sent], 50).await.unwrap();
        assert!(notices.len() <= 3, "{notices:#?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_telegram_is_away_ops_hear_of_it_another_way_and_afterwards_everything_comes_once_and_in_order()
{
    for_each_store(async |given| {
        let watcher = Watcher::start().await;
        let outside = Outside::open(given.url()).await;
        outside.telegram.fault(Fault::before(BeforeCommit::Unauthorized).always());
        let expires_at = Some(SystemClock.now() + chrono::TimeDelta::hours(8));
        let parts: Vec<NewDelivery> = (1..=3)
            .map(|part| NewDelivery { expires_at, ..message("managers", "d-0820-aaaa", part, 3) })
            .collect();
        given.enqueue(&parts, SystemClock.now()).await.unwrap();
        let mut command = idle(&outside, given.url());
        command.env("SVODKA__ALERTS__FALLBACK__WEBHOOK", format!("{}/ops", watcher.url));
        let _program = command.spawn().unwrap();
        until("somebody is told another way", async || !watcher.heard().is_empty()).await;
        let told = &watcher.heard()[0];
        assert!(told.contains("telegram_down") && told.contains("opened"), "{told}");
        assert!(outside.telegram.own_messages(MANAGERS).is_empty());

        outside.telegram.clear_faults();
        until("all is there", async || outside.telegram.own_messages(MANAGERS).len() >= 3).await;
        let texts: Vec<String> =
            outside.telegram.own_messages(MANAGERS).into_iter().map(|message| message.text).collect();
        let parts: Vec<bool> =
            texts.iter().zip(1..).map(|(text, part)| text.contains(&format!("({part}/3)"))).collect();
        assert_eq!(parts, [true, true, true], "{texts:?}");
        until("the end is told as well", async || watcher.heard().len() >= 2).await;
        assert!(watcher.heard()[1].contains("resolved"), "{:?}", watcher.heard());
        let told = outside.telegram.own_messages(OPS);
        assert!(told.len() <= 3, "no flood afterwards: {told:#?}");
    })
    .await;
}
