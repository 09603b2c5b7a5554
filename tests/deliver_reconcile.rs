//! Messages of unknown outcome are found again in the chat, and nothing else is touched while looking.

use chrono::TimeDelta;
use svodka::deliver::{ChatId, ChatTarget};
use svodka::sandbox::telegram::{AfterCommit, BeforeCommit, Fault, Flood, SimChat, Standing};
use svodka::store::Store;
use svodka::store::outbox::{Action, DeliveryState, NewDelivery, Policy};

use crate::support::delivery::{MANAGERS, OPS, OWNER, Post, key, message};
use crate::support::stores::for_each_store;

const ID: &str = "d-0820-k3f9";
const FIRST: &str = "№ d-0820-k3f9 (1/1)";
const AGAIN: &str = "№ d-0820-k3f9 (1/1) · повтор";

/// Every chat has an earlier message.
async fn open(store: &Store) -> Post {
    let post = Post::open(store.clone(), Flood::Strict).await;
    post.say_something().await;
    post
}

fn lose_answer(post: &Post, chat: i64) {
    post.telegram.fault(Fault::after(AfterCommit::Close).on("sendMessage").in_chat(chat));
}

async fn state(post: &Post, chat: &str) -> DeliveryState {
    post.row(&key(chat, ID, 1)).await.state
}

/// Nothing that stands in the chat was changed by a look.
fn assert_untouched(post: &Post, chat: i64) {
    let edited: Vec<_> = post.telegram.messages(chat).into_iter().filter(|one| one.edits > 0).collect();
    assert!(edited.is_empty(), "{edited:#?}");
}

#[tokio::test]
async fn a_lost_answer_leaves_one_message_in_every_kind_of_chat() {
    for_each_store(async |given| {
        let post = open(&given.store).await;
        for (chat, id) in [("managers", MANAGERS), ("ops", OPS), ("owner", OWNER)] {
            lose_answer(&post, id);
            post.enqueue(chat, ID, 1).await;
        }
        post.send_all().await;
        for (chat, id) in [("managers", MANAGERS), ("ops", OPS), ("owner", OWNER)] {
            assert_eq!(post.new_id_lines(id), [FIRST], "{chat}");
            let row = post.row(&key(chat, ID, 1)).await;
            let there = post.telegram.own_messages(id).last().unwrap().id;
            assert_eq!((row.state, row.message_id), (DeliveryState::Sent, Some(there)));
            assert_untouched(&post, id);
        }
        post.live(TimeDelta::minutes(12)).await;
        assert!(post.telegram.requests_to("deleteMessage").is_empty());
        post.assert_no_leftovers();
    })
    .await;
}

#[tokio::test]
async fn a_message_is_found_behind_those_of_other_people_and_after_a_busy_hour_its_repeat_is_marked() {
    for_each_store(async |given| {
        let post = open(&given.store).await;
        post.telegram.with_chat(MANAGERS, |chat| chat.noise_before_send = 4);
        post.telegram.with_chat(OPS, |chat| chat.noise_before_send = 12);
        for (chat, id) in [("managers", MANAGERS), ("ops", OPS)] {
            lose_answer(&post, id);
            post.enqueue(chat, ID, 1).await;
        }
        post.send_all().await;
        assert_eq!(post.new_id_lines(MANAGERS), [FIRST]);
        assert_eq!(post.new_id_lines(OPS), [FIRST, AGAIN], "more ids than are looked at");
        assert_eq!(looks(&post, OPS), 10);
        for chat in [MANAGERS, OPS] {
            assert_untouched(&post, chat);
        }
        post.assert_no_leftovers();
    })
    .await;
}

fn looks(post: &Post, chat: i64) -> usize {
    post.telegram.requests_to("editMessageText").iter().filter(|one| one.chat == Some(chat)).count()
}

#[tokio::test]
async fn a_message_that_comes_after_its_repeat_makes_the_repeat_go() {
    for_each_store(async |given| {
        let post = open(&given.store).await;
        // Longer than the time to settle and ten looks together.
        post.telegram.fault(Fault::late_commit(240).on("sendMessage").in_chat(MANAGERS));
        post.enqueue("managers", ID, 1).await;
        post.live(TimeDelta::minutes(3)).await;
        assert_eq!(post.new_id_lines(MANAGERS), [AGAIN]);
        post.live(TimeDelta::minutes(2)).await;
        assert_eq!(post.new_id_lines(MANAGERS), [AGAIN, FIRST]);
        // A worker started since then knows as much: all of it stands in the rows.
        let successor = post.another_sender(|settings| settings.owner = "worker-2".to_owned());
        for _ in 0..400 {
            post.send_for(&successor, TimeDelta::zero()).await;
            post.clock.advance(TimeDelta::seconds(2));
        }
        assert_eq!(post.new_id_lines(MANAGERS), [FIRST]);
        let row = post.row(&key("managers", ID, 1)).await;
        let there = post.telegram.own_messages(MANAGERS).last().unwrap().id;
        assert_eq!((row.state, row.message_id), (DeliveryState::Sent, Some(there)));
        assert_untouched(&post, MANAGERS);
    })
    .await;
}

#[tokio::test]
async fn a_doubled_repeat_that_cannot_be_deleted_stays_and_nobody_tries_for_ever() {
    for_each_store(async |given| {
        let post = open(&given.store).await;
        post.telegram.fault(Fault::late_commit(240).on("sendMessage").in_chat(MANAGERS));
        post.telegram.fault(Fault::before(BeforeCommit::BadGatewayHtml).on("deleteMessage").always());
        post.enqueue("managers", ID, 1).await;
        post.live(TimeDelta::minutes(60)).await;
        assert_eq!(post.new_id_lines(MANAGERS), [AGAIN, FIRST]);
        assert_eq!(post.telegram.requests_to("deleteMessage").len(), 5);
        assert_eq!(state(&post, "managers").await, DeliveryState::Sent);
    })
    .await;
}

#[tokio::test]
async fn a_repeat_that_was_edited_since_is_kept_and_the_late_copy_goes() {
    for_each_store(async |given| {
        let post = open(&given.store).await;
        post.telegram.fault(Fault::late_commit(240).on("sendMessage").in_chat(OPS));
        post.enqueue("ops", ID, 1).await;
        let edit = NewDelivery {
            key: "edit".to_owned(),
            action: Action::Edit { of_key: key("ops", ID, 1) },
            html: "Исправлено\n№ d-0820-k3f9".to_owned(),
            ..message("ops", ID, 1, 1)
        };
        post.enqueue_all(&[edit]).await;
        post.live(TimeDelta::minutes(16)).await;
        let texts: Vec<_> = post.texts(OPS).into_iter().filter(|text| text.contains(ID)).collect();
        assert_eq!(texts, ["Исправлено\n№ d-0820-k3f9"]);
    })
    .await;
}

#[tokio::test]
async fn a_channel_where_the_bot_may_edit_what_others_wrote_is_not_looked_into() {
    for_each_store(async |given| {
        for (may_edit, id, expected) in
            [(true, -1_001_000_000_077, vec![FIRST, AGAIN]), (false, -1_001_000_000_078, vec![FIRST])]
        {
            let mut post = Post::open(given.another().await, Flood::Strict).await;
            let mut channel = SimChat::channel(id, "Новости");
            channel.admin.edit = may_edit;
            channel.noise_before_send = 1;
            post.telegram.add_chat(channel);
            let name = format!("channel_{may_edit}");
            let target = ChatTarget { id: ChatId::Id(id), topic: None };
            post.targets = [(name.clone(), target)].into();
            post.sender = post.another_sender(|_| {});
            let prev = NewDelivery { key: name.clone(), ..message(&name, "d-0819-prev", 1, 1) };
            post.enqueue_all(&[prev]).await;
            post.send_all().await;
            lose_answer(&post, id);
            post.enqueue(&name, ID, 1).await;
            post.send_all().await;
            assert_eq!(post.new_id_lines(id), expected, "may edit: {may_edit}");
            assert_eq!(looks(&post, id) == 0, may_edit);
            assert_untouched(&post, id);
        }
    })
    .await;
}

#[tokio::test]
async fn a_look_that_fails_is_taken_again_later() {
    for_each_store(async |given| {
        let post = open(&given.store).await;
        lose_answer(&post, MANAGERS);
        for broken in [BeforeCommit::BadGatewayHtml, BeforeCommit::Close] {
            post.telegram.fault(Fault::before(broken).on("editMessageText"));
        }
        let slow = BeforeCommit::TooManyRequests { retry_after: 20, header: true };
        post.telegram.fault(Fault::before(slow).on("editMessageText").nth(2));
        post.telegram.fault(Fault::before(BeforeCommit::BadGatewayJson).on("getChat"));
        post.enqueue("managers", ID, 2).await;
        post.send_all().await;
        assert_eq!(post.new_id_lines(MANAGERS), ["№ d-0820-k3f9 (1/2)", "№ d-0820-k3f9 (2/2)"]);
        post.assert_no_leftovers();
    })
    .await;
}

#[tokio::test]
async fn two_unknown_messages_of_one_chat_under_two_names_never_overwrite_each_other() {
    for_each_store(async |given| {
        let mut post = Post::open(given.store.clone(), Flood::Strict).await;
        let same = post.targets["managers"].clone();
        post.targets.insert("owners".to_owned(), same);
        post.sender = post.another_sender(|_| {});
        post.say_something().await;
        post.telegram.fault(Fault::after(AfterCommit::Close).on("sendMessage").in_chat(MANAGERS).times(2));
        post.enqueue("managers", ID, 1).await;
        post.enqueue("owners", "d-0820-zzzz", 1).await;
        post.send_all().await;
        post.live(TimeDelta::minutes(15)).await;
        let lines = post.new_id_lines(MANAGERS);
        for line in [FIRST, "№ d-0820-zzzz (1/1)"] {
            assert_eq!(lines.iter().filter(|one| *one == line).count(), 1, "{lines:?}");
        }
        assert_untouched(&post, MANAGERS);
    })
    .await;
}

#[tokio::test]
async fn another_digest_of_ours_is_never_overwritten() {
    for_each_store(async |given| {
        let mut post = Post::open(given.store.clone(), Flood::Strict).await;
        let same = post.targets["managers"].clone();
        post.targets.insert("owners".to_owned(), same);
        post.sender = post.another_sender(|_| {});
        post.say_something().await;
        // The other digest comes first and lies between the floor and the one that is lost.
        post.enqueue("owners", "d-0820-zzzz", 2).await;
        post.enqueue("managers", ID, 1).await;
        post.telegram.fault(Fault::late_commit(50).on("sendMessage").in_chat(MANAGERS).nth(2));
        post.send_all().await;
        post.live(TimeDelta::minutes(15)).await;
        let mut lines = post.new_id_lines(MANAGERS);
        lines.sort();
        let expected = [FIRST, "№ d-0820-zzzz (1/2)", "№ d-0820-zzzz (2/2)"];
        assert_eq!(lines, expected);
        assert_untouched(&post, MANAGERS);
    })
    .await;
}

#[tokio::test]
async fn a_message_whose_id_was_never_told_is_not_overwritten() {
    for_each_store(async |given| {
        let post = open(&given.store).await;
        post.telegram.fault(Fault::after(AfterCommit::Garbage).on("sendMessage").in_chat(MANAGERS));
        post.enqueue("managers", "d-0820-aaaa", 1).await;
        post.telegram.fault(Fault::before(BeforeCommit::Close).on("sendMessage").in_chat(MANAGERS).nth(2));
        post.enqueue("managers", ID, 1).await;
        post.send_all().await;
        assert_eq!(post.new_id_lines(MANAGERS), ["№ d-0820-aaaa (1/1)", AGAIN]);
        assert_eq!(looks(&post, MANAGERS), 0);
        assert_untouched(&post, MANAGERS);
    })
    .await;
}

#[tokio::test]
async fn a_chat_that_moved_meanwhile_gets_the_marked_repeat_in_its_new_place() {
    for_each_store(async |given| {
        let mut post = Post::open(given.store.clone(), Flood::Strict).await;
        let (old, new) = (-4001, -1_001_000_000_009);
        post.telegram.add_chat(SimChat::group(old, "Смена"));
        post.targets.get_mut("managers").unwrap().id = ChatId::Id(old);
        post.sender = post.another_sender(|_| {});
        post.say_something().await;
        lose_answer(&post, old);
        post.enqueue("managers", ID, 1).await;
        post.send_for(&post.sender, TimeDelta::seconds(30)).await;
        assert_eq!(state(&post, "managers").await, DeliveryState::Unknown);
        post.telegram.migrate(old, new);
        post.telegram.foreign_message(new, "Анна", "Всем привет");
        post.send_all().await;
        post.live(TimeDelta::minutes(15)).await;
        assert_eq!(post.id_lines(new), [AGAIN]);
        assert_untouched(&post, new);
        assert_eq!(state(&post, "managers").await, DeliveryState::Sent);
    })
    .await;
}

#[tokio::test]
async fn a_bot_thrown_out_meanwhile_ends_in_the_reason_a_human_can_act_on() {
    for_each_store(async |given| {
        let post = open(&given.store).await;
        lose_answer(&post, MANAGERS);
        post.enqueue("managers", ID, 1).await;
        post.send_for(&post.sender, TimeDelta::seconds(30)).await;
        post.telegram.with_chat(MANAGERS, |chat| chat.bot = Standing::Kicked);
        post.send_all().await;
        let row = post.row(&key("managers", ID, 1)).await;
        assert_eq!((row.state, row.reason.as_deref()), (DeliveryState::Dead, Some("kicked")));
    })
    .await;
}

#[tokio::test]
async fn at_most_once_never_makes_a_second_copy() {
    for_each_store(async |given| {
        let post = open(&given.store).await;
        let once = |id| NewDelivery { policy: Policy::AtMostOnce, ..message("managers", id, 1, 1) };
        post.telegram.fault(Fault::late_commit(240).on("sendMessage").in_chat(MANAGERS));
        post.enqueue_all(&[once(ID)]).await;
        post.live(TimeDelta::minutes(15)).await;
        let row = post.row(&key("managers", ID, 1)).await;
        assert_eq!((row.state, row.reason.as_deref()), (DeliveryState::Dead, Some("maybe_lost")));
        assert_eq!(post.new_id_lines(MANAGERS), [FIRST], "it came after all, once");
    })
    .await;
}

#[tokio::test]
async fn looks_keep_telegrams_limits() {
    for_each_store(async |given| {
        let post = open(&given.store).await;
        post.telegram.fault(Fault::before(BeforeCommit::Close).on("sendMessage").in_chat(MANAGERS));
        post.enqueue("managers", ID, 9).await;
        post.send_all().await;
        assert_eq!(post.new_id_lines(MANAGERS).len(), 9);
        let writes = ["sendMessage", "editMessageText"];
        let mut at: Vec<_> = post.telegram.requests();
        at.retain(|one| writes.contains(&one.method.as_str()) && one.chat == Some(MANAGERS));
        let at: Vec<_> = at.iter().map(|one| one.received_at).collect();
        assert!(at.len() >= 20, "ten looks and ten sends: {}", at.len());
        assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= TimeDelta::seconds(1)), "{at:?}");
        assert!(at.windows(16).all(|some| some[15] - some[0] >= TimeDelta::seconds(60)), "{at:?}");
        post.assert_no_leftovers();
    })
    .await;
}
