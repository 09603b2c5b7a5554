//! Listening to updates: what is learnt from them, and what happens when Telegram does not give them.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use svodka::bot::{Poller, PollerSettings, SOURCE_UPDATES, list_chats_once};
use svodka::clock::{Clock, SharedClock};
use svodka::outbound::{ClientOptions, Jitter};
use svodka::sandbox::telegram::{BeforeCommit, Fault, Flood, SimChat, Standing};
use tokio_util::sync::CancellationToken;

use crate::support::delivery::{MANAGERS, OPS, OWNER, Post};
use crate::support::stores::temp_store;

fn settings(post: &Post, token: &str) -> PollerSettings {
    PollerSettings {
        api_url: post.telegram.url().parse().unwrap(),
        token: SecretString::from(token.to_owned()),
        http: ClientOptions::default(),
        poll_secs: 0,
    }
}

fn poller(post: &Post, token: &str) -> Poller {
    poller_named(post, token, "worker")
}

fn poller_named(post: &Post, token: &str, owner: &str) -> Poller {
    let (clock, wake): (SharedClock, _) = (Arc::new(post.clock.clone()), Arc::default());
    Poller::new(&settings(post, token), owner, post.store.clone(), clock, Jitter::seeded(3), wake).unwrap()
}

#[tokio::test]
async fn every_chat_and_topic_that_shows_up_is_remembered_under_its_latest_title() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Off).await;
    post.telegram.foreign_message(MANAGERS, "Анна", "привет");
    post.telegram.foreign_message_in(OPS, Some(5), "Пётр", "на связи");
    post.telegram.foreign_message(OWNER, "Ольга", "/start");
    post.telegram.add_chat(SimChat::channel(-1_001_000_000_007, "Новости"));
    post.telegram.with_chat(-1_001_000_000_007, |chat| chat.bot = Standing::Kicked);
    let poller = poller(&post, &post.telegram.token());
    let mut claimed = poller.claim_step().await.unwrap().unwrap();
    poller.poll_step(&mut claimed).await.unwrap();
    let offset = claimed.next_update_id;

    let mut seen = post.store.list_seen_chats().await.unwrap();
    seen.sort_by_key(|chat| chat.id);
    let shown: Vec<_> =
        seen.iter().map(|chat| (chat.id, chat.kind.as_str(), chat.title.as_str(), chat.topic)).collect();
    assert_eq!(
        shown,
        [
            (-1_001_000_000_007, "channel", "Новости", None),
            (OPS, "supergroup", "Дежурные", Some(5)),
            (MANAGERS, "supergroup", "Руководство", None),
            (OWNER, "private", "Ольга", None),
        ]
    );

    post.telegram.with_chat(MANAGERS, |chat| chat.title = "Дирекция".to_owned());
    post.telegram.foreign_message(MANAGERS, "Анна", "переименовала");
    poller.poll_step(&mut claimed).await.unwrap();
    assert!(claimed.next_update_id > offset, "what was kept is not asked for again");
    let seen = post.store.list_seen_chats().await.unwrap();
    assert!(seen.iter().any(|chat| chat.id == MANAGERS && chat.title == "Дирекция"));
}

#[tokio::test]
async fn chats_can_be_listed_once_and_whoever_listens_next_still_gets_the_updates() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Off).await;
    post.telegram.foreign_message(MANAGERS, "Анна", "раз");
    post.telegram.foreign_message(MANAGERS, "Анна", "два");
    let clock: SharedClock = Arc::new(post.clock.clone());
    for _ in 0..2 {
        let chats = list_chats_once(&settings(&post, &post.telegram.token()), &clock).await.unwrap();
        assert_eq!(chats.iter().map(|chat| chat.id).collect::<Vec<_>>(), [MANAGERS]);
    }
}

#[tokio::test]
async fn a_wrong_token_and_a_webhook_are_told_apart_and_named() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Off).await;
    let wrong = poller(&post, "700000009:another-token");
    let mut claimed = wrong.claim_step().await.unwrap().unwrap();
    let wrong = wrong.poll_step(&mut claimed).await.unwrap_err();
    assert_eq!(wrong.reason(), "unauthorized");
    post.telegram.set_webhook(Some("https://example.org/hook"));
    let poller = poller(&post, &post.telegram.token());
    let mut claimed = poller.claim_step().await.unwrap().unwrap();
    assert_eq!(poller.poll_step(&mut claimed).await.unwrap_err().reason(), "conflict");
    post.telegram.set_webhook(None);
    let slow = BeforeCommit::TooManyRequests { retry_after: 9, header: true };
    post.telegram.fault(Fault::before(slow).on("getUpdates"));
    assert_eq!(poller.poll_step(&mut claimed).await.unwrap_err().reason(), "rate_limited");
}

#[tokio::test]
async fn the_poller_survives_telegram_being_away_at_the_start_and_stops_when_told() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Off).await;
    post.telegram.fault(Fault::before(BeforeCommit::Close).on("getUpdates"));
    post.telegram.foreign_message(MANAGERS, "Анна", "привет");
    let (poller, shutdown) = (poller(&post, &post.telegram.token()), CancellationToken::new());
    let running = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { poller.run(shutdown).await }
    });
    let seen = async {
        while post.store.list_seen_chats().await.unwrap().is_empty() {
            // Its pause after the failure is over as soon as the clock says so.
            post.clock.advance(chrono::TimeDelta::seconds(1));
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), seen).await.unwrap();
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(20), running).await.unwrap().unwrap();
    assert!(post.clock.now() > crate::support::delivery::nine_o_clock());
}

#[tokio::test]
async fn a_successor_gets_what_was_not_kept_and_nothing_that_was() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Off).await;
    let token = post.telegram.token();
    let (first, second) = (poller_named(&post, &token, "first"), poller_named(&post, &token, "second"));
    post.telegram.foreign_message(MANAGERS, "Анна", "раз");
    let mut claimed = first.claim_step().await.unwrap().unwrap();
    first.poll_step(&mut claimed).await.unwrap();
    assert_eq!(second.claim_step().await.unwrap(), None, "one listens");
    // Received and not kept: the worker is gone in between.
    post.telegram.foreign_message(OWNER, "Ольга", "два");
    post.store.release_poller(&claimed.lease).await.unwrap();

    let mut taken = second.claim_step().await.unwrap().unwrap();
    assert_eq!(taken.next_update_id, claimed.next_update_id);
    let lost = first.poll_step(&mut claimed).await.unwrap_err();
    assert_eq!(lost.reason(), "fenced", "it does not even ask");
    second.poll_step(&mut taken).await.unwrap();
    assert_eq!(post.telegram.requests_to("getUpdates").len(), 2, "one poll each");
    assert_eq!(taken.next_update_id, claimed.next_update_id.map(|id| id + 1), "one update more, not two");
    let mut seen: Vec<_> = post.store.list_seen_chats().await.unwrap().iter().map(|chat| chat.id).collect();
    seen.sort_unstable();
    assert_eq!(seen, [MANAGERS, OWNER]);
}

#[tokio::test]
async fn a_program_outside_with_the_same_token_is_a_source_that_fails_until_it_has_been_quiet() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Off).await;
    post.telegram.set_webhook(Some("https://example.org/hook"));
    let (poller, shutdown) = (poller(&post, &post.telegram.token()), CancellationToken::new());
    let running = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { poller.run(shutdown).await }
    });
    let source = async || post.store.find_source(SOURCE_UPDATES).await.unwrap();
    let is_failing = async || source().await.is_some_and(|row| row.failing_since.is_some());
    let until = async |wanted: bool| {
        while is_failing().await != wanted {
            post.clock.advance(chrono::TimeDelta::seconds(1));
            tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>()).await.unwrap_err();
        }
    };
    tokio::time::timeout(Duration::from_secs(20), until(true)).await.unwrap();
    assert_eq!(source().await.unwrap().failure_reason.as_deref(), Some("conflict"));
    let noted_at = source().await.unwrap().last_failure_at.unwrap();
    post.telegram.set_webhook(None);
    tokio::time::timeout(Duration::from_secs(20), until(false)).await.unwrap();
    assert!(
        post.clock.now() - noted_at >= chrono::TimeDelta::minutes(5),
        "not at the first poll that got through"
    );
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(20), running).await.unwrap().unwrap();
}
