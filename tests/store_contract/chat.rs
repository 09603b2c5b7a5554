//! What chats ask and choose.

use svodka::facts::{CrmUser, FactBatch, SourceStep};
use svodka::store::audit::AuditRow;
use svodka::store::outbox::{Action, NewDelivery};
use svodka::store::subscriptions::Subscription;

use super::{LONG, at, message};
use crate::support::stores::for_each_store;

#[tokio::test]
async fn who_was_refused_and_who_changed_something_is_kept_latest_first() {
    for_each_store(async |given| {
        let refused = AuditRow {
            asked_at: at(1),
            update_id: 41,
            chat_id: -1_001_000_000_001,
            user_id: None,
            command: "pause".into(),
            subject: None,
            outcome: "refused".into(),
            reason: Some("role".into()),
        };
        let done = AuditRow {
            user_id: Some(77),
            subject: Some("daily".into()),
            outcome: "done".into(),
            reason: None,
            ..refused.clone()
        };
        given.save_audit(&refused).await.unwrap();
        given.save_audit(&done).await.unwrap();
        assert_eq!(given.list_audit(10).await.unwrap(), [done.clone(), refused]);
        assert_eq!(given.list_audit(1).await.unwrap(), [done]);
    })
    .await;
}

#[tokio::test]
async fn the_last_choice_of_a_chat_counts() {
    for_each_store(async |given| {
        let choice = |chat: &str, is_on| Subscription { chat: chat.into(), job: "daily".into(), is_on };
        for (one, minute) in
            [(choice("tg:77", true), 1), (choice("managers", false), 2), (choice("tg:77", false), 3)]
        {
            given.save_subscription(&one, at(minute)).await.unwrap();
        }
        let kept = given.list_subscriptions().await.unwrap();
        assert_eq!(kept, [choice("managers", false), choice("tg:77", false)]);
    })
    .await;
}

#[tokio::test]
async fn a_message_of_a_chat_is_known_by_the_send_and_not_by_a_later_edit() {
    for_each_store(async |given| {
        let edit = NewDelivery { action: Action::Edit { of_key: "a".into() }, ..message("b", "m") };
        given.enqueue(&[message("a", "m"), edit], at(0)).await.unwrap();
        for id in [41, 41] {
            let claimed = given.claim_delivery("w", LONG, at(1)).await.unwrap().unwrap();
            given.note_address(&claimed.lease, "-1001", "-1001").await.unwrap();
            given.record_sent(&claimed.lease, Some(id), at(1)).await.unwrap();
        }
        assert_eq!(given.find_sent("-1001", 41).await.unwrap().as_deref(), Some("a"));
        assert_eq!(given.find_sent("-1001", 42).await.unwrap(), None);
        assert_eq!(given.find_sent("-1002", 41).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn an_edit_without_a_keyboard_keeps_the_one_the_message_was_sent_with_and_an_answer_its_question() {
    for_each_store(async |given| {
        let keyboard = serde_json::json!({ "inline_keyboard": [[{ "text": "Да", "callback_data": "x" }]] });
        let sent = NewDelivery {
            keyboard: Some(keyboard.clone()),
            action: Action::Reply { to_message_id: 7 },
            ..message("a", "m")
        };
        let edit = NewDelivery { action: Action::Correct { of_key: "a".into() }, ..message("b", "m") };
        given.enqueue(&[sent, edit], at(0)).await.unwrap();
        let first = given.claim_delivery("w", LONG, at(1)).await.unwrap().unwrap();
        assert_eq!(first.delivery.action, Action::Reply { to_message_id: 7 });
        given.record_sent(&first.lease, Some(41), at(1)).await.unwrap();
        let second = given.claim_delivery("w", LONG, at(1)).await.unwrap().unwrap();
        assert_eq!(second.edit_message_id, Some(41));
        assert_eq!(second.delivery.keyboard, Some(keyboard));
    })
    .await;
}

#[tokio::test]
async fn everybody_of_the_crm_is_in_the_directory() {
    for_each_store(async |given| {
        assert_eq!(given.directory().await.unwrap().managers().count(), 0);
        let olga = CrmUser {
            id: 28,
            name: "Ольга".into(),
            mg_user_id: Some(305),
            is_manager: true,
            is_active: true,
        };
        let batch = FactBatch { crm_users: vec![olga], ..FactBatch::default() };
        let step = SourceStep { source: "retailcrm_people".into(), ..SourceStep::default() };
        given.save_facts(&batch, &step, at(1)).await.unwrap();
        let directory = given.directory().await.unwrap();
        assert_eq!(directory.name(directory.by_mg(305)), "Ольга");
    })
    .await;
}
