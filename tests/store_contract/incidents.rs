//! Incidents and what is known about chats.

use serde_json::json;
use svodka::store::deliveries::{ChatState, SeenChat};
use svodka::store::incidents::{IncidentChange, IncidentRow};
use svodka::store::told::Failures;

use super::{at, message};
use crate::support::stores::for_each_store;

fn notice(row: &IncidentRow) -> Vec<svodka::store::outbox::NewDelivery> {
    vec![message(&format!("incident:{}/{}", row.id, row.notice_count), "ops")]
}

#[tokio::test]
async fn an_incident_is_opened_once_and_told_in_the_same_transaction() {
    for_each_store(async |given| {
        let detail = json!({"job": "daily", "count": 3});
        let opened =
            given.open_incident("run_failed/daily", "run_failed", &detail, Some(at(15)), at(0), &notice);
        let (row, is_new) = opened.await.unwrap();
        assert!(is_new);
        assert_eq!((row.key.as_str(), row.kind.as_str()), ("run_failed/daily", "run_failed"));
        assert_eq!((&row.detail, row.opened_at, row.last_seen_at), (&detail, at(0), at(0)));
        assert_eq!((row.resolved_at, row.remind_at), (None, Some(at(15))));
        assert_eq!((row.finding_count, row.notice_count), (1, 1));
        let key = format!("incident:{}/1", row.id);
        assert_eq!(given.find_delivery(&key).await.unwrap().unwrap().chat, "ops");

        let empty = json!({});
        let again = given.open_incident("run_failed/daily", "run_failed", &empty, None, at(1), &|_| {
            panic!("nothing is told about an incident that is open")
        });
        assert_eq!(again.await.unwrap(), (row.clone(), false));
        let silent = given.open_incident("quiet", "quiet", &empty, None, at(2), &|_| vec![]);
        let (silent, is_new) = silent.await.unwrap();
        assert!(is_new);
        assert_eq!(silent.notice_count, 0);
        assert_eq!(given.list_open_incidents().await.unwrap(), [row, silent]);
    })
    .await;
}

#[tokio::test]
async fn an_incident_is_touched_reminded_resolved_and_may_come_back() {
    for_each_store(async |given| {
        let open = async |minutes| {
            let opened = given.open_incident("k", "kind", &json!({}), None, at(minutes), &notice).await;
            opened.unwrap()
        };
        let (row, _) = open(0).await;
        let id = row.id;
        let only = async || given.list_open_incidents().await.unwrap().pop().unwrap();

        let touch = IncidentChange::Touch { id, detail: json!({"n": 2}) };
        assert!(given.change_incident(&touch, &[], at(1)).await.unwrap());
        let touched = only().await;
        assert_eq!((touched.detail, touched.last_seen_at), (json!({"n": 2}), at(1)));
        assert_eq!((touched.finding_count, touched.notice_count), (2, 1));

        let remind = IncidentChange::Remind { id, next_at: Some(at(30)) };
        assert!(given.change_incident(&remind, &[message("i/2", "ops")], at(15)).await.unwrap());
        let reminded = only().await;
        assert_eq!((reminded.remind_at, reminded.notice_count), (Some(at(30)), 2));
        assert_eq!((reminded.last_seen_at, reminded.finding_count), (at(1), 2));

        let resolve = IncidentChange::Resolve { id };
        assert!(given.change_incident(&resolve, &[message("i/3", "ops")], at(20)).await.unwrap());
        assert!(given.find_delivery("i/3").await.unwrap().is_some());
        for change in [&touch, &remind, &resolve] {
            assert!(!given.change_incident(change, &[message("i/4", "ops")], at(21)).await.unwrap());
        }
        assert!(given.find_delivery("i/4").await.unwrap().is_none(), "nothing is told about a closed one");
        assert!(given.list_open_incidents().await.unwrap().is_empty());

        let (again, is_new) = open(40).await;
        assert!(is_new && again.id != id);
        let listed = given.list_incidents(at(20), 9).await.unwrap();
        assert_eq!(listed.iter().map(|row| row.id).collect::<Vec<_>>(), [again.id, id]);
        assert_eq!((listed[1].resolved_at, listed[1].remind_at), (Some(at(20)), None));
        assert_eq!(listed[1].notice_count, 3);
        assert_eq!(given.list_incidents(at(21), 9).await.unwrap().len(), 1);
        assert_eq!(given.list_incidents(at(0), 1).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_state_of_a_chat_only_moves_forward_until_the_chat_moves() {
    for_each_store(async |given| {
        assert_eq!(given.chat_state("m").await.unwrap(), ChatState::default());
        given.hold_chat("m", at(5)).await.unwrap();
        given.hold_chat("m", at(3)).await.unwrap();
        assert_eq!(given.chat_state("m").await.unwrap().not_before_at, Some(at(5)));
        given.hold_chat("m", at(6)).await.unwrap();

        for (key, id) in [("m/1", 20), ("m/2", 10)] {
            given.enqueue(&[message(key, "m")], at(6)).await.unwrap();
            let claimed = given.claim_delivery("w", 60, at(6)).await.unwrap().unwrap();
            given.record_sent(&claimed.lease, Some(id), at(6)).await.unwrap();
        }
        let state = ChatState { migrated_to: None, not_before_at: Some(at(6)), last_message_id: Some(20) };
        assert_eq!(given.chat_state("m").await.unwrap(), state);

        given.migrate_chat("m", -100).await.unwrap();
        let moved = ChatState { migrated_to: Some(-100), last_message_id: None, ..state };
        assert_eq!(given.chat_state("m").await.unwrap(), moved, "a new chat numbers its messages anew");
        given.enqueue(&[message("m/3", "m")], at(6)).await.unwrap();
        let claimed = given.claim_delivery("w", 60, at(6)).await.unwrap().unwrap();
        given.record_sent(&claimed.lease, Some(2), at(6)).await.unwrap();
        given.migrate_chat("m", -100).await.unwrap();
        assert_eq!(given.chat_state("m").await.unwrap().last_message_id, Some(2), "told twice, moved once");
        given.migrate_chat("new", -200).await.unwrap();
        assert_eq!(given.chat_state("new").await.unwrap().migrated_to, Some(-200));
    })
    .await;
}

#[tokio::test]
async fn seen_chats_are_kept_by_topic_with_their_latest_title() {
    for_each_store(async |given| {
        let seen = |topic, title: &str, minutes| SeenChat {
            id: -100,
            kind: "supergroup".into(),
            title: title.into(),
            topic,
            topic_title: topic.map(|_| "Сводка".to_owned()),
            seen_at: at(minutes),
        };
        for chat in [seen(None, "Чай", 0), seen(Some(5), "Чай", 1), seen(None, "Чай и кофе", 2)]
        {
            given.save_seen_chat(&chat).await.unwrap();
        }
        given.save_seen_chat(&seen(None, "старое имя", 1)).await.unwrap();
        let nameless = SeenChat { topic_title: None, ..seen(Some(5), "Чай", 3) };
        given.save_seen_chat(&nameless).await.unwrap();
        let listed = given.list_seen_chats().await.unwrap();
        assert_eq!(listed, [seen(Some(5), "Чай", 3), seen(None, "Чай и кофе", 2)]);
    })
    .await;
}

#[tokio::test]
async fn a_failure_is_untold_until_one_incident_takes_it_in() {
    for_each_store(async |given| {
        let id = given.insert_manual_run("daily", at(0), None, at(0)).await.unwrap();
        let run = given.claim_run("w", 600, at(0)).await.unwrap().unwrap();
        assert_eq!(given.list_untold_runs(10).await.unwrap(), [], "it runs");
        given.fail_run(&run.lease, "timeout", "n", at(1)).await.unwrap();
        given.enqueue(&["d/1", "d/2", "d/3"].map(|key| message(key, &key[..1])), at(0)).await.unwrap();
        for reason in ["blocked", "dropped", "blocked"] {
            let claimed = given.claim_delivery("w", 600, at(1)).await.unwrap().unwrap();
            given.record_dead(&claimed.lease, reason, at(1)).await.unwrap();
        }
        let runs: Vec<_> = given.list_untold_runs(10).await.unwrap().iter().map(|run| run.id).collect();
        let dead = given.list_untold_dead(10).await.unwrap();
        let keys: Vec<_> = dead.iter().map(|row| row.key.as_str()).collect();
        assert_eq!((&runs[..], &keys[..]), (&[id][..], &["d/1", "d/3"][..]), "dropped by hand is no news");
        assert_eq!(given.list_untold_dead(1).await.unwrap().len(), 1);

        let (detail, failed) = (json!({}), Failures { runs, ..Failures::default() });
        let open = async |key: &str, failures: &Failures| {
            given.open_incident_about(key, "kind", &detail, None, failures, at(2)).await.unwrap()
        };
        let row = open("run_failed/daily", &failed).await.unwrap();
        assert_eq!((row.notice_count, row.opened_at), (0, at(2)));
        assert_eq!(given.list_untold_runs(10).await.unwrap(), []);
        assert_eq!(open("other", &failed).await, None, "told already");
        let lost = Failures { deliveries: vec![dead[0].id], ..Failures::default() };
        assert_eq!(open("run_failed/daily", &lost).await, None, "an incident with the key is open");
        assert_eq!(given.list_untold_dead(10).await.unwrap().len(), 2, "and nothing is marked");
        assert_eq!(given.list_open_incidents().await.unwrap(), [row]);
        assert_eq!(given.mark_told(&lost.clone().and(failed), at(3)).await.unwrap(), 1);
        assert_eq!(given.mark_told(&lost, at(3)).await.unwrap(), 0);
        given.retry_delivery(dead[0].id, "Анна", at(4)).await.unwrap();
        let claimed = given.claim_delivery("w", 600, at(4)).await.unwrap().unwrap();
        given.record_dead(&claimed.lease, "blocked", at(4)).await.unwrap();
        assert_eq!(given.list_untold_dead(10).await.unwrap().len(), 2, "dead again is news again");
    })
    .await;
}
