//! Sends whose outcome nobody knows: crashes, lost answers, silence. A digest is neither lost nor silently doubled.

use std::time::Duration;

use chrono::TimeDelta;
use svodka::clock::Clock;
use svodka::sandbox::telegram::{AfterCommit, BeforeCommit, Fault, Flood};
use svodka::store::outbox::{DeliveryState, NewDelivery, Policy};
use tokio_util::sync::CancellationToken;

use crate::support::delivery::{MANAGERS, OWNER, Post, key, message};
use crate::support::stores::{for_each_store, temp_store};

const ID: &str = "d-0820-k3f9";

async fn sent_under(fault: Fault, policy: Policy) -> (Vec<String>, DeliveryState, Option<String>) {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    post.say_something().await;
    post.telegram.fault(fault.on("sendMessage"));
    post.enqueue_all(&[NewDelivery { policy, ..message("managers", ID, 1, 1) }]).await;
    post.send_all().await;
    let row = post.row(&key("managers", ID, 1)).await;
    (post.new_id_lines(MANAGERS), row.state, row.reason)
}

const FIRST: &str = "№ d-0820-k3f9 (1/1)";
const AGAIN: &str = "№ d-0820-k3f9 (1/1) · повтор";

#[tokio::test]
async fn an_answer_that_is_lost_after_the_message_is_there_ends_in_that_one_message() {
    for lost in [AfterCommit::Close, AfterCommit::BadGatewayHtml, AfterCommit::NeverAnswer] {
        for policy in [Policy::AtLeastOnce, Policy::AtMostOnce] {
            let (lines, state, _) = sent_under(Fault::after(lost), policy).await;
            assert_eq!((lines.as_slice(), state), (&[FIRST.to_owned()][..], DeliveryState::Sent), "{lost:?}");
        }
    }
}

#[tokio::test]
async fn a_success_whose_body_is_spoilt_is_a_success() {
    for spoilt in [
        AfterCommit::ResetMidBody,
        AfterCommit::TruncatedJson,
        AfterCommit::Garbage,
        AfterCommit::UnknownFields,
        AfterCommit::UnknownChatType,
        AfterCommit::MessageIdZero,
    ] {
        let (lines, state, _) = sent_under(Fault::after(spoilt), Policy::AtLeastOnce).await;
        assert_eq!((lines.as_slice(), state), (&[FIRST.to_owned()][..], DeliveryState::Sent), "{spoilt:?}");
    }
}

#[tokio::test]
async fn a_send_that_broke_before_it_was_done_arrives_once_and_says_that_it_may_be_a_repeat() {
    for broken in [
        BeforeCommit::Close,
        BeforeCommit::BadGatewayHtml,
        BeforeCommit::BadGatewayJson,
        BeforeCommit::Restart,
    ] {
        let (lines, state, _) = sent_under(Fault::before(broken), Policy::AtLeastOnce).await;
        assert_eq!((lines.as_slice(), state), (&[AGAIN.to_owned()][..], DeliveryState::Sent), "{broken:?}");
    }
}

#[tokio::test]
async fn what_must_come_at_most_once_is_not_repeated_when_it_is_not_found() {
    let (lines, state, reason) = sent_under(Fault::before(BeforeCommit::Close), Policy::AtMostOnce).await;
    assert_eq!((lines, state), (Vec::new(), DeliveryState::Dead));
    assert_eq!(reason.as_deref(), Some("maybe_lost"));
}

#[tokio::test]
async fn a_repeat_that_is_proven_missing_goes_again() {
    let broken = Fault::before(BeforeCommit::Close).times(3);
    let (lines, state, _) = sent_under(broken, Policy::AtLeastOnce).await;
    assert_eq!((lines, state), (vec![AGAIN.to_owned()], DeliveryState::Sent));
}

#[tokio::test]
async fn a_repeat_that_is_lost_too_and_cannot_be_looked_for_is_not_repeated_again() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    post.telegram.fault(Fault::before(BeforeCommit::Close).on("sendMessage").times(2));
    post.enqueue("managers", ID, 1).await;
    post.send_all().await;
    let row = post.row(&key("managers", ID, 1)).await;
    assert_eq!((row.state, row.reason.as_deref()), (DeliveryState::Dead, Some("maybe_lost")));
    assert_eq!(post.new_id_lines(MANAGERS), Vec::<String>::new());
}

#[tokio::test]
async fn where_no_message_of_ours_is_known_the_first_is_not_looked_for_and_its_repeat_says_so() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    post.telegram.fault(Fault::after(AfterCommit::Close).on("sendMessage"));
    post.enqueue("managers", ID, 1).await;
    post.send_all().await;
    assert_eq!(post.id_lines(MANAGERS), [FIRST, AGAIN]);
    assert!(post.telegram.requests_to("editMessageText").is_empty());
}

#[tokio::test]
async fn the_one_repeat_is_kept_until_telegram_answers_again() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    // Half an hour of gateway errors, whatever is asked.
    post.telegram.fault(Fault::before(BeforeCommit::BadGatewayHtml).always());
    post.enqueue("managers", ID, 2).await;
    post.send_for(&post.sender, TimeDelta::minutes(30)).await;
    assert_eq!(post.row(&key("managers", ID, 1)).await.state, DeliveryState::Unknown);
    assert_eq!(
        post.telegram.requests_to("sendMessage").len(),
        1,
        "the repeat is not wasted on a dead front-end"
    );

    post.telegram.clear_faults();
    post.send_all().await;
    assert_eq!(post.id_lines(MANAGERS), ["№ d-0820-k3f9 (1/2) · повтор", "№ d-0820-k3f9 (2/2)"]);
}

#[tokio::test]
async fn a_message_that_telegram_commits_late_is_not_repeated_before_it_settled() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    post.say_something().await;
    post.telegram.fault(Fault::late_commit(60).on("sendMessage"));
    post.enqueue("managers", ID, 1).await;
    post.send_all().await;
    post.telegram.clear_faults();
    assert_eq!(post.new_id_lines(MANAGERS), [FIRST]);
}

#[tokio::test]
async fn a_worker_that_dies_while_sending_leaves_one_message() {
    for_each_store(async |given| {
        let post = Post::open(given.store.clone(), Flood::Strict).await;
        post.say_something().await;
        let said_count = post.telegram.requests_to("sendMessage").len();
        post.telegram.fault(Fault::after(AfterCommit::NeverAnswer).on("sendMessage"));
        post.enqueue("managers", ID, 2).await;
        post.enqueue("owner", "d-0820-bbbb", 1).await;
        {
            // Its lease is over as soon as it is taken, so nobody has to wait for the database's clock.
            let doomed = post.another_sender(|settings| settings.lease_secs = 0);
            let mut step = Box::pin(doomed.deliver_step());
            let reached = async {
                while post.telegram.requests_to("sendMessage").len() == said_count {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                _ = &mut step => panic!("the step ended although Telegram is silent"),
                () = reached => {}
            }
        }
        assert_eq!(post.row(&key("managers", ID, 1)).await.state, DeliveryState::Sending);
        post.send_all().await;
        post.telegram.clear_faults();

        let lines = ["№ d-0820-k3f9 (1/2)", "№ d-0820-k3f9 (2/2)"];
        assert_eq!(post.new_id_lines(MANAGERS), lines, "order is kept");
        assert_eq!(post.new_id_lines(OWNER), ["№ d-0820-bbbb (1/1)"]);
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_comes_back_after_its_lease_was_taken_writes_nothing() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    post.telegram.fault(Fault::after(AfterCommit::Close).on("sendMessage"));
    post.enqueue("managers", ID, 1).await;
    let slow = post.another_sender(|settings| settings.lease_secs = 0);
    let claimed = post.store.claim_delivery("worker-0", 0, post.clock.now()).await.unwrap().unwrap();
    let address = MANAGERS.to_string();
    post.store.note_address(&claimed.lease, &address, &address).await.unwrap();
    assert_eq!(post.sender.sweep_step().await.unwrap(), 1);
    let refused = post.store.record_sent(&claimed.lease, Some(1), post.clock.now()).await;
    assert_eq!(refused.unwrap_err().reason(), "fenced");
    post.send_for(&slow, TimeDelta::hours(1)).await;
    assert_eq!(
        post.row(&key("managers", ID, 1)).await.state,
        DeliveryState::Dead,
        "the repeat was lost as well"
    );
}

#[tokio::test]
async fn told_to_stop_a_worker_finishes_the_send_in_flight_and_claims_nothing_more() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Off).await;
    post.telegram.fault(Fault::after(AfterCommit::NeverAnswer).on("sendMessage"));
    post.enqueue("managers", ID, 2).await;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (sender, shutdown) = (post.sender.clone(), shutdown.clone());
        async move { sender.run(shutdown).await }
    });
    while post.telegram.requests_to("sendMessage").is_empty() {
        tokio::task::yield_now().await;
    }
    shutdown.cancel();
    // The clock stands still, so the drain time cannot be over: the worker ends because its send did (no answer in time).
    tokio::time::timeout(Duration::from_secs(20), running).await.unwrap().unwrap();
    let first = post.row(&key("managers", ID, 1)).await;
    assert_eq!((first.state, first.reason.as_deref()), (DeliveryState::Unknown, Some("timeout")));
    assert_eq!(post.row(&key("managers", ID, 2)).await.attempt_count, 0);
    post.telegram.clear_faults();
}

#[tokio::test]
async fn several_workers_under_random_faults_lose_nothing_keep_the_order_and_mark_every_double() {
    let mut repeat_count = 0;
    for seed in 1..=4 {
        let store = temp_store().await;
        let post = Post::open(store.clone(), Flood::Strict).await;
        for (nth, fault) in [
            Fault::after(AfterCommit::Close),
            Fault::before(BeforeCommit::Close),
            Fault::before(BeforeCommit::TooManyRequests { retry_after: 9, header: true }),
            Fault::before(BeforeCommit::BadGatewayJson),
            Fault::after(AfterCommit::TruncatedJson),
        ]
        .into_iter()
        .enumerate()
        {
            post.telegram.fault(fault.on("sendMessage").with_probability(0.08, seed * 10 + nth as u64));
        }
        for chat in ["managers", "ops", "owner"] {
            post.enqueue(chat, ID, 8).await;
        }
        let second = post.another_sender(|settings| settings.owner = "worker-2".to_owned());
        for _ in 0..400 {
            let steps = tokio::join!(post.sender.deliver_step(), second.deliver_step());
            steps.0.unwrap();
            steps.1.unwrap();
            match post.store.next_delivery_at(post.clock.now()).await.unwrap() {
                Some(next) => post.clock.set(next.max(post.clock.now() + TimeDelta::milliseconds(100))),
                None => break,
            }
        }
        for (chat, name) in [(MANAGERS, "managers"), (OWNER, "owner")] {
            let lines = post.id_lines(chat);
            let mut parts: Vec<(i64, bool)> = Vec::new();
            for line in &lines {
                let part = line.split(['(', '/']).nth(1).unwrap().parse().unwrap();
                parts.push((part, line.ends_with("повтор")));
            }
            repeat_count += parts.iter().filter(|(_, is_repeat)| *is_repeat).count();
            assert!(parts.is_sorted(), "seed {seed}: {lines:?}");
            for part in 1..=8 {
                let row = post.row(&key(name, ID, part)).await;
                let copies: Vec<bool> =
                    parts.iter().filter(|(p, _)| *p == part).map(|(_, again)| *again).collect();
                let is_lost = row.state == DeliveryState::Dead && row.reason.as_deref() == Some("maybe_lost");
                assert!(row.state == DeliveryState::Sent || is_lost, "seed {seed}: {row:?}");
                assert!(is_lost || !copies.is_empty(), "seed {seed}: part {part} is lost");
                assert!(copies.len() <= 1 || copies == [false, true], "seed {seed}: {lines:?}");
            }
        }
        post.telegram.clear_faults();
        post.assert_no_leftovers();
    }
    assert!(repeat_count > 4, "the faults struck too seldom to prove anything: {repeat_count}");
}

#[tokio::test]
async fn a_web_server_that_is_no_bot_api_swallows_nothing() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    let welcome =
        axum::Router::new().fallback(|| async { axum::response::Html("<html>Welcome to nginx!</html>") });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, welcome).await });
    post.enqueue("managers", ID, 1).await;
    post.send_for(&post.sender_to(&url), TimeDelta::minutes(30)).await;
    let row = post.row(&key("managers", ID, 1)).await;
    assert_eq!((row.state, row.reason.as_deref()), (DeliveryState::Unknown, Some("not_telegram")));
    post.send_all().await;
    assert_eq!(post.id_lines(MANAGERS), [AGAIN]);
}
