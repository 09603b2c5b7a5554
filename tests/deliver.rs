//! What becomes of a delivery, row by row of the state table, against the stand-in of Telegram.

use chrono::TimeDelta;
use svodka::clock::Clock;
use svodka::deliver::{ChatId, ChatTarget, SenderSettings};
use svodka::sandbox::telegram::{BeforeCommit, EntityKind, Fault, Flood, SimChat, Standing};
use svodka::store::outbox::{Action, DeliveryState, NewDelivery};

use crate::support::delivery::{MANAGERS, OPS, OWNER, Post, key, message};
use crate::support::stores::{for_each_store, temp_store};

#[tokio::test]
async fn a_report_arrives_part_by_part_in_order_with_its_markup_and_in_its_topic() {
    for_each_store(async |given| {
        let post = Post::open(given.store.clone(), Flood::Strict).await;
        post.enqueue("managers", "d-0820-k3f9", 3).await;
        post.enqueue_all(&[NewDelivery { is_silent: true, ..message("ops", "d-0820-aaaa", 1, 1) }]).await;
        post.send_all().await;

        let lines = post.id_lines(MANAGERS);
        assert_eq!(lines, ["№ d-0820-k3f9 (1/3)", "№ d-0820-k3f9 (2/3)", "№ d-0820-k3f9 (3/3)"]);
        let sent = &post.telegram.own_messages(MANAGERS)[0];
        assert!(sent.entities.iter().any(|entity| matches!(entity.kind, EntityKind::Bold)) && !sent.silent);
        let silent = &post.telegram.own_messages(OPS)[0];
        assert_eq!((silent.thread_id, silent.silent), (Some(5), true));
        let row = post.row(&key("managers", "d-0820-k3f9", 1)).await;
        assert_eq!((row.state, row.message_id), (DeliveryState::Sent, Some(sent.id)));
        post.assert_no_leftovers();
    })
    .await;
}

#[test]
fn a_lease_outlasts_two_requests_whatever_their_timeout() {
    let lease_secs = |secs| {
        let settings = SenderSettings::new("worker-1");
        settings.with_timeout(std::time::Duration::from_secs(secs)).lease_secs
    };
    assert_eq!([10, 30, 60, 300].map(lease_secs), [90, 90, 150, 630]);
}

#[tokio::test]
async fn a_chat_that_blocked_the_bot_is_dead_at_once_and_delays_nobody() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    post.telegram.with_chat(OWNER, |chat| chat.bot = Standing::Blocked);
    post.enqueue("owner", "d-0820-aaaa", 2).await;
    post.enqueue("managers", "d-0820-bbbb", 1).await;
    let began_at = post.clock.now();
    post.send_all().await;

    for part in [1, 2] {
        let row = post.row(&key("owner", "d-0820-aaaa", part)).await;
        assert_eq!((row.state, row.reason.as_deref()), (DeliveryState::Dead, Some("blocked")));
        assert_eq!(row.attempt_count, 1);
    }
    assert_eq!(post.texts(MANAGERS).len(), 1);
    assert!(post.clock.now() - began_at < TimeDelta::seconds(5));
}

#[tokio::test]
async fn a_slowed_down_chat_waits_as_long_as_told_while_the_others_go_on() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    let slow = BeforeCommit::TooManyRequests { retry_after: 17, header: true };
    post.telegram.fault(Fault::before(slow).on("sendMessage").in_chat(MANAGERS));
    post.enqueue("managers", "d-0820-aaaa", 2).await;
    post.enqueue("owner", "d-0820-bbbb", 1).await;
    let began_at = post.clock.now();
    post.send_all().await;

    let finished = async |key: String| post.row(&key).await.finished_at.unwrap() - began_at;
    assert!(finished(key("owner", "d-0820-bbbb", 1)).await < TimeDelta::seconds(1));
    let waited = finished(key("managers", "d-0820-aaaa", 1)).await;
    assert!(waited >= TimeDelta::seconds(17) && waited < TimeDelta::seconds(21), "{waited}");
    assert_eq!(post.id_lines(MANAGERS), ["№ d-0820-aaaa (1/2)", "№ d-0820-aaaa (2/2)"]);
    post.assert_no_leftovers();
}

#[tokio::test]
async fn two_slowed_down_chats_pause_the_whole_bot() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    for chat in [MANAGERS, OPS] {
        let slow = BeforeCommit::TooManyRequests { retry_after: 30, header: false };
        post.telegram.fault(Fault::before(slow).on("sendMessage").in_chat(chat));
    }
    post.enqueue("managers", "d-0820-aaaa", 1).await;
    post.enqueue("ops", "d-0820-bbbb", 1).await;
    post.enqueue("owner", "d-0820-cccc", 1).await;
    let began_at = post.clock.now();
    post.send_all().await;
    let owner = post.row(&key("owner", "d-0820-cccc", 1)).await;
    assert!(owner.finished_at.unwrap() - began_at >= TimeDelta::seconds(30));
    post.assert_no_leftovers();
}

#[tokio::test]
async fn a_group_that_became_a_supergroup_is_followed_and_remembered() {
    let store = temp_store().await;
    let mut post = Post::open(store.clone(), Flood::Strict).await;
    let (old, new) = (-4001, -1_001_000_000_009);
    post.telegram.add_chat(SimChat::group(old, "Смена"));
    post.targets.get_mut("managers").unwrap().id = ChatId::Id(old);
    let sender = post.another_sender(|_| {});
    post.telegram.migrate(old, new);
    post.enqueue("managers", "d-0820-aaaa", 2).await;
    post.send_for(&sender, TimeDelta::hours(1)).await;

    assert_eq!(post.id_lines(new), ["№ d-0820-aaaa (1/2)", "№ d-0820-aaaa (2/2)"]);
    assert_eq!(post.store.chat_state("managers").await.unwrap().migrated_to, Some(new));
    assert_eq!(post.telegram.requests_to("sendMessage").len(), 3, "one refusal, then straight to the new id");

    // Somebody puts another chat into the config: the former one's new address is not used for it.
    post.targets.get_mut("managers").unwrap().id = ChatId::Id(OWNER);
    let sender = post.another_sender(|_| {});
    post.enqueue("managers", "d-0820-bbbb", 1).await;
    post.send_for(&sender, TimeDelta::hours(1)).await;
    assert_eq!(post.id_lines(OWNER), ["№ d-0820-bbbb (1/1)"]);
}

#[tokio::test]
async fn a_text_whose_markup_is_refused_goes_out_plain_once() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    let broken = NewDelivery { html: "<b>Итоги".to_owned(), ..message("managers", "d-0820-aaaa", 1, 1) };
    post.enqueue_all(&[broken]).await;
    post.send_all().await;
    assert_eq!(post.texts(MANAGERS), ["Итоги, часть 1\n№ d-0820-aaaa (1/1)"]);
    let row = post.row(&key("managers", "d-0820-aaaa", 1)).await;
    assert_eq!((row.state, row.is_plain, row.attempt_count), (DeliveryState::Sent, true, 2));
}

#[tokio::test]
async fn without_a_connection_a_delivery_is_tried_until_it_expires_and_arrives_when_there_is_one() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    let nowhere = post.sender_to("http://127.0.0.1:1");
    let short = Some(post.clock.now() + TimeDelta::minutes(5));
    post.enqueue_all(&[NewDelivery { expires_at: short, ..message("owner", "d-0820-aaaa", 1, 1) }]).await;
    post.enqueue("managers", "d-0820-bbbb", 1).await;
    post.send_for(&nowhere, TimeDelta::minutes(10)).await;

    let expired = post.row(&key("owner", "d-0820-aaaa", 1)).await;
    assert_eq!((expired.state, expired.reason.as_deref()), (DeliveryState::Dead, Some("expired")));
    assert!((4..30).contains(&expired.attempt_count), "{} attempts in 5 minutes", expired.attempt_count);
    let waiting = post.row(&key("managers", "d-0820-bbbb", 1)).await;
    assert_eq!((waiting.state, waiting.reason.as_deref()), (DeliveryState::Pending, Some("cannot_connect")));

    post.send_all().await;
    assert_eq!(post.id_lines(MANAGERS), ["№ d-0820-bbbb (1/1)"]);
    assert!(post.texts(OWNER).is_empty());
}

#[tokio::test]
async fn a_delivery_found_after_its_expiry_is_not_sent() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    post.enqueue("managers", "d-0820-aaaa", 1).await;
    post.clock.advance(TimeDelta::hours(9));
    post.send_all().await;
    let row = post.row(&key("managers", "d-0820-aaaa", 1)).await;
    assert_eq!((row.state, row.reason.as_deref()), (DeliveryState::Dead, Some("expired")));
    assert!(post.telegram.requests_to("sendMessage").is_empty());
}

#[tokio::test]
async fn a_revoked_token_loses_nothing() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    post.telegram.fault(Fault::before(BeforeCommit::Unauthorized).always());
    post.enqueue("managers", "d-0820-aaaa", 2).await;
    post.enqueue("owner", "d-0820-bbbb", 1).await;
    post.send_for(&post.sender, TimeDelta::minutes(30)).await;
    let row = post.row(&key("managers", "d-0820-aaaa", 1)).await;
    assert_eq!((row.state, row.reason.as_deref()), (DeliveryState::Pending, Some("unauthorized")));
    assert!(post.telegram.requests().len() < 40, "a token nobody knows is not hammered with");

    post.telegram.clear_faults();
    post.send_all().await;
    assert_eq!(post.id_lines(MANAGERS), ["№ d-0820-aaaa (1/2)", "№ d-0820-aaaa (2/2)"]);
    assert_eq!(post.id_lines(OWNER), ["№ d-0820-bbbb (1/1)"]);
}

#[tokio::test]
async fn a_chat_that_the_config_does_not_name_is_dead_with_that_reason() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    post.enqueue("nobody", "d-0820-aaaa", 1).await;
    post.send_all().await;
    let row = post.row(&key("nobody", "d-0820-aaaa", 1)).await;
    assert_eq!((row.state, row.reason.as_deref()), (DeliveryState::Dead, Some("chat_not_configured")));
}

fn edit(of: &str, key: &str, text: &str) -> NewDelivery {
    let new = message("ops", "inc-0001", 1, 1);
    let action = Action::Edit { of_key: of.to_owned() };
    NewDelivery { key: key.to_owned(), action, html: text.to_owned(), plain: text.to_owned(), ..new }
}

#[tokio::test]
async fn an_edit_changes_the_earlier_message_and_one_that_changes_nothing_is_done() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    post.enqueue("ops", "inc-0001", 1).await;
    let first = key("ops", "inc-0001", 1);
    post.enqueue_all(&[edit(&first, "e1", "Стало хуже"), edit(&first, "e2", "Стало хуже")]).await;
    post.send_all().await;
    assert_eq!(post.texts(OPS), ["Стало хуже"]);
    assert_eq!(post.row("e2").await.state, DeliveryState::Sent);
    assert_eq!(post.row("e2").await.message_id, post.row(&first).await.message_id);
}

#[tokio::test]
async fn an_edit_of_a_message_that_is_gone_or_never_arrived_is_sent_anew() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    post.enqueue_all(&[edit("never", "e1", "Первое")]).await;
    post.send_all().await;
    assert_eq!(post.texts(OPS), ["Первое"]);

    // The message is gone when another one of the same counter took its place in the config's chat.
    post.enqueue_all(&[edit("e1", "e2", "Второе")]).await;
    post.telegram.add_chat(SimChat::forum(OPS, "Дежурные", &[(5, "Сводка")]));
    post.send_all().await;
    assert_eq!(post.texts(OPS), ["Второе"]);
    assert_eq!(post.row("e2").await.state, DeliveryState::Sent);
}

#[tokio::test]
async fn telegrams_limits_are_kept_however_much_is_waiting() {
    let store = temp_store().await;
    let mut post = Post::open(store.clone(), Flood::Strict).await;
    // A second name of the same chat does not make it faster.
    let same = post.targets["managers"].clone();
    post.targets.insert("managers_too".to_owned(), same);
    let sender = post.another_sender(|_| {});
    for n in 0..14 {
        post.enqueue("managers", &format!("d-{n:04}"), 1).await;
        post.enqueue("managers_too", &format!("e-{n:04}"), 1).await;
        post.enqueue("owner", &format!("f-{n:04}"), 1).await;
    }
    post.send_for(&sender, TimeDelta::hours(1)).await;

    let sends = post.telegram.requests_to("sendMessage");
    assert_eq!(sends.len(), 42, "nothing was refused and nothing repeated");
    for chat in [MANAGERS, OWNER] {
        let at: Vec<_> =
            sends.iter().filter(|send| send.chat == Some(chat)).map(|send| send.received_at).collect();
        assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= TimeDelta::seconds(1)), "{chat}: {at:?}");
        if chat == MANAGERS {
            assert_eq!(at.len(), 28);
            let minutes: Vec<_> = at.windows(16).map(|sends| sends[15] - sends[0]).collect();
            assert!(minutes.iter().all(|span| *span >= TimeDelta::seconds(60)), "{minutes:?}");
        }
    }
    post.assert_no_leftovers();
}

#[tokio::test]
async fn all_chats_together_get_no_more_than_twenty_messages_a_second() {
    let store = temp_store().await;
    let mut post = Post::open(store.clone(), Flood::Strict).await;
    for n in 0..50 {
        let (name, id) = (format!("worker{n}"), 1000 + n);
        post.telegram.add_chat(SimChat::private(id, "Сотрудник"));
        let target = ChatTarget { id: ChatId::Id(id), topic: None };
        post.targets.insert(name.clone(), target);
        post.enqueue(&name, "d-0820-aaaa", 1).await;
    }
    let sender = post.another_sender(|_| {});
    post.send_for(&sender, TimeDelta::hours(1)).await;
    let sends = post.telegram.requests_to("sendMessage");
    assert_eq!(sends.len(), 50);
    assert!(sends.windows(21).all(|s| s[20].received_at - s[0].received_at >= TimeDelta::seconds(1)));
}
