//! Charts and tables on their way out: the same promises as for texts.

use chrono::TimeDelta;
use svodka::clock::Clock;
use svodka::sandbox::telegram::{AfterCommit, BeforeCommit, Fault, Flood};
use svodka::store::Store;
use svodka::store::files::{FileKind, NewFile};
use svodka::store::outbox::{Action, DeliveryState, NewDelivery, Policy};

use crate::support::delivery::{MANAGERS, OPS, OWNER, Post, key, message};
use crate::support::stores::for_each_store;

const ID: &str = "w-0817-k3f9";
const FIRST: &str = "№ w-0817-k3f9 (2/2)";
const AGAIN: &str = "№ w-0817-k3f9 (2/2) · повтор";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and what follows";

async fn open(store: &Store) -> Post {
    let post = Post::open(store.clone(), Flood::Strict).await;
    post.say_something().await;
    post
}

fn file(kind: FileKind) -> NewFile {
    let name = if kind == FileKind::Photo { "ответы.png" } else { "неделя.xlsx" };
    NewFile { key: format!("run:1/{name}"), name: name.to_owned(), kind, content: PNG.to_vec() }
}

/// A text and after it a file.
fn report(chat: &str, file: &NewFile) -> [NewDelivery; 2] {
    let action = Action::SendFile { file_key: file.key.clone() };
    [message(chat, ID, 1, 2), NewDelivery { action, ..message(chat, ID, 2, 2) }]
}

async fn enqueue(post: &Post, chat: &str, file: &NewFile) {
    let (now, both) = (post.clock.now(), report(chat, file));
    assert_eq!(post.store.enqueue_files(std::slice::from_ref(file), &both, now).await.unwrap(), 2);
}

fn files_in(post: &Post, chat: i64) -> Vec<(String, bool, usize)> {
    let with_file = post.telegram.own_messages(chat).into_iter().filter_map(|one| one.attachment);
    with_file.map(|file| (file.name, file.is_photo, file.content.len())).collect()
}

#[tokio::test]
async fn a_file_comes_after_the_text_whole_with_its_name_and_in_its_topic() {
    for_each_store(async |given| {
        let post = open(&given.store).await;
        enqueue(&post, "managers", &file(FileKind::Photo)).await;
        enqueue(&post, "ops", &file(FileKind::Document)).await;
        post.send_all().await;
        assert_eq!(post.new_id_lines(MANAGERS), ["№ w-0817-k3f9 (1/2)", FIRST]);
        assert_eq!(files_in(&post, MANAGERS), [("ответы.png".to_owned(), true, PNG.len())]);
        assert_eq!(files_in(&post, OPS), [("неделя.xlsx".to_owned(), false, PNG.len())]);
        let there = post.telegram.own_messages(OPS).pop().unwrap();
        assert_eq!(there.thread_id, Some(5));
        assert!(there.html.contains("<b>Итоги</b>"), "{}", there.html);
        post.assert_no_leftovers();
    })
    .await;
}

#[tokio::test]
async fn a_file_whose_answer_got_lost_is_found_by_its_caption_and_sent_once() {
    for_each_store(async |given| {
        let post = open(&given.store).await;
        for (chat, id, kind, method) in [
            ("managers", MANAGERS, FileKind::Photo, "sendPhoto"),
            ("ops", OPS, FileKind::Document, "sendDocument"),
            ("owner", OWNER, FileKind::Photo, "sendPhoto"),
        ] {
            post.telegram.fault(Fault::after(AfterCommit::Close).on(method).in_chat(id));
            enqueue(&post, chat, &file(kind)).await;
        }
        post.send_all().await;
        for (chat, id) in [("managers", MANAGERS), ("ops", OPS), ("owner", OWNER)] {
            assert_eq!(files_in(&post, id).len(), 1, "{chat}");
            assert_eq!(post.new_id_lines(id).last().unwrap(), FIRST);
            let row = post.row(&key(chat, ID, 2)).await;
            let there = post.telegram.own_messages(id).pop().unwrap();
            assert_eq!((row.state, row.message_id), (DeliveryState::Sent, Some(there.id)));
            assert_eq!(there.edits, 0, "a look changes nothing");
        }
        assert!(!post.telegram.requests_to("editMessageCaption").is_empty());
        post.assert_no_leftovers();
    })
    .await;
}

#[tokio::test]
async fn a_file_that_did_not_arrive_goes_once_more_marked_and_a_late_first_copy_takes_the_repeat_away() {
    for_each_store(async |given| {
        let post = open(&given.store).await;
        post.telegram.fault(Fault::late_commit(240).on("sendPhoto").in_chat(MANAGERS));
        enqueue(&post, "managers", &file(FileKind::Photo)).await;
        post.live(TimeDelta::minutes(3)).await;
        assert_eq!(post.new_id_lines(MANAGERS).last().unwrap(), AGAIN);
        post.live(TimeDelta::minutes(14)).await;
        assert_eq!(post.new_id_lines(MANAGERS), ["№ w-0817-k3f9 (1/2)", FIRST]);
        assert_eq!(files_in(&post, MANAGERS).len(), 1);
        let row = post.row(&key("managers", ID, 2)).await;
        let there = post.telegram.own_messages(MANAGERS).pop().unwrap();
        assert_eq!((row.state, row.message_id), (DeliveryState::Sent, Some(there.id)));
    })
    .await;
}

#[tokio::test]
async fn a_look_for_a_file_touches_nobody_elses_message() {
    for_each_store(async |given| {
        let post = open(&given.store).await;
        // The file never arrives, and under the id it would have is what somebody else wrote.
        post.telegram.fault(Fault::before(BeforeCommit::Close).on("sendPhoto").in_chat(MANAGERS));
        enqueue(&post, "managers", &file(FileKind::Photo)).await;
        post.live(TimeDelta::seconds(30)).await;
        post.telegram.foreign_message(MANAGERS, "Пётр", "А где график?");
        post.send_all().await;
        assert_eq!(post.new_id_lines(MANAGERS), ["№ w-0817-k3f9 (1/2)", AGAIN]);
        assert_eq!(files_in(&post, MANAGERS).len(), 1);
        assert!(post.telegram.messages(MANAGERS).iter().all(|one| one.edits == 0));
        post.assert_no_leftovers();
    })
    .await;
}

#[tokio::test]
async fn a_refused_chart_is_dead_with_one_reason_and_holds_nothing_back() {
    for_each_store(async |given| {
        let post = open(&given.store).await;
        post.telegram.with_chat(MANAGERS, |chat| chat.send.photos = false);
        enqueue(&post, "managers", &file(FileKind::Photo)).await;
        let text = NewFile { content: b"no picture".to_vec(), ..file(FileKind::Photo) };
        let text = NewFile { key: "run:2/x.png".to_owned(), ..text };
        enqueue(&post, "owner", &text).await;
        post.enqueue("managers", "d-0820-next", 1).await;
        post.send_all().await;
        assert_eq!(post.new_id_lines(MANAGERS), ["№ w-0817-k3f9 (1/2)", "№ d-0820-next (1/1)"]);
        let reasons = [(key("managers", ID, 2), "no_file_rights"), (key("owner", ID, 2), "bad_photo")];
        for (key, reason) in reasons {
            let row = post.row(&key).await;
            assert_eq!((row.state, row.reason.as_deref()), (DeliveryState::Dead, Some(reason)));
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_forgotten_is_said_to_be_gone_and_nothing_is_sent_in_its_place() {
    for_each_store(async |given| {
        let post = open(&given.store).await;
        let new = file(FileKind::Document);
        post.enqueue_all(&[report("owner", &new)[1].clone()]).await;
        post.send_all().await;
        let row = post.row(&key("owner", ID, 2)).await;
        assert_eq!((row.state, row.reason.as_deref()), (DeliveryState::Dead, Some("file_gone")));
        assert!(post.new_id_lines(OWNER).is_empty());
        assert_eq!(row.policy, Policy::AtLeastOnce);
    })
    .await;
}
