//! What chats ask and choose.

use svodka::store::audit::AuditRow;
use svodka::store::subscriptions::Subscription;

use super::at;
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
