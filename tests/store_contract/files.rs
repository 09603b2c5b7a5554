//! Files that go out with messages.

use svodka::store::files::{FileKind, NewFile, StoredFile};
use svodka::store::outbox::{Action, NewDelivery};
use svodka::store::runs::RunResult;

use super::{LONG, at, message};
use crate::support::stores::for_each_store;

fn chart(key: &str) -> NewFile {
    let content = (0..=255).cycle().take(3_001).collect();
    NewFile { key: key.to_owned(), name: "ответы.png".to_owned(), kind: FileKind::Photo, content }
}

fn sends(file: &NewFile, key: &str, chat: &str) -> NewDelivery {
    NewDelivery { action: Action::SendFile { file_key: file.key.clone() }, ..message(key, chat) }
}

#[tokio::test]
async fn a_file_is_kept_with_its_deliveries_and_comes_back_byte_by_byte() {
    for_each_store(async |given| {
        let file = chart("run:1/a.png");
        let both = [sends(&file, "a/1", "managers"), sends(&file, "a/2", "ops")];
        assert_eq!(given.enqueue_files(std::slice::from_ref(&file), &both, at(0)).await.unwrap(), 2);
        let other = NewFile { content: vec![1], ..file.clone() };
        assert_eq!(
            given.enqueue_files(&[other], &both, at(1)).await.unwrap(),
            0,
            "known keys are left alone"
        );

        let stored = given.find_file(&file.key).await.unwrap().unwrap();
        let expected = StoredFile { name: file.name, kind: file.kind, content: file.content };
        assert_eq!(stored, expected);
        assert_eq!(given.find_file("run:1/b.png").await.unwrap(), None);

        let claimed = given.claim_delivery("w1", LONG, at(2)).await.unwrap().unwrap();
        assert_eq!(claimed.delivery.action, both[0].action);
        assert_eq!(claimed.edit_message_id, None);
    })
    .await;
}

#[tokio::test]
async fn a_finished_run_leaves_its_files_behind_with_everything_else_or_not_at_all() {
    for_each_store(async |given| {
        given.insert_manual_run("weekly", at(0), None, at(0)).await.unwrap();
        let lease = given.claim_run("w1", LONG, at(0)).await.unwrap().unwrap().lease;
        let file = chart("run:1/a.png");
        let broken = NewDelivery { run_id: Some(999), ..sends(&file, "r/1", "managers") };
        let result = |delivery| RunResult {
            deliveries: vec![delivery],
            files: vec![chart("run:1/a.png")],
            ..RunResult::default()
        };
        given.finish_run(&lease, &result(broken), at(1)).await.unwrap_err();
        assert_eq!(given.find_file(&file.key).await.unwrap(), None);
        given.finish_run(&lease, &result(sends(&file, "r/1", "managers")), at(1)).await.unwrap();
        assert!(given.find_file(&file.key).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn old_files_are_forgotten_unless_something_waits_to_send_them() {
    for_each_store(async |given| {
        let (waiting, done) = (chart("run:1/a.png"), chart("run:2/a.png"));
        let delivery = [sends(&waiting, "a/1", "managers")];
        given.enqueue_files(&[waiting.clone(), done.clone()], &delivery, at(0)).await.unwrap();
        assert_eq!(given.forget_files(at(0)).await.unwrap(), 0, "not older");
        assert_eq!(given.forget_files(at(1)).await.unwrap(), 1);
        assert!(given.find_file(&waiting.key).await.unwrap().is_some());

        let claimed = given.claim_delivery("w1", LONG, at(2)).await.unwrap().unwrap();
        given.record_sent(&claimed.lease, Some(7), at(2)).await.unwrap();
        assert_eq!(given.forget_files(at(3)).await.unwrap(), 1);
        assert_eq!(given.find_file(&waiting.key).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_file_sent_by_hand_again_is_the_same_file() {
    for_each_store(async |given| {
        let file = chart("run:1/a.png");
        let delivery = [sends(&file, "a/1", "managers")];
        given.enqueue_files(std::slice::from_ref(&file), &delivery, at(0)).await.unwrap();
        let claimed = given.claim_delivery("w1", LONG, at(0)).await.unwrap().unwrap();
        given.record_sent(&claimed.lease, Some(7), at(0)).await.unwrap();
        let before = given.find_delivery("a/1").await.unwrap().unwrap();
        given.resend_delivery(before.id, "ops", at(5)).await.unwrap();
        let again = given.claim_delivery("w1", LONG, at(5)).await.unwrap().unwrap();
        assert_eq!(again.delivery.action, delivery[0].action);
        assert!(again.delivery.is_repeat);
    })
    .await;
}

#[tokio::test]
async fn a_file_still_on_its_way_misses_no_deadline_and_a_text_does() {
    for_each_store(async |given| {
        for (job, action) in [("weekly", Some("run:1/a.png".to_owned())), ("daily", None)] {
            let run_id = given.insert_manual_run(job, at(0), Some(at(5)), at(0)).await.unwrap();
            let lease = given.claim_run("w1", LONG, at(0)).await.unwrap().unwrap().lease;
            let action = action.map_or(Action::Send, |file_key| Action::SendFile { file_key });
            let delivery = NewDelivery { run_id: Some(run_id), action, ..message(job, job) };
            let result = RunResult {
                deliveries: vec![delivery],
                files: vec![chart("run:1/a.png")],
                ..RunResult::default()
            };
            given.finish_run(&lease, &result, at(1)).await.unwrap();
        }
        let missed = given.list_missed_deadlines(at(6)).await.unwrap();
        assert_eq!(missed.iter().map(|run| run.job.as_str()).collect::<Vec<_>>(), ["daily"]);
    })
    .await;
}
