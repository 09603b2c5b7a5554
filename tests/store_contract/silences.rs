//! Silences, and what people do with an incident.

use serde_json::json;
use svodka::store::incidents::IncidentChange;
use svodka::store::silences::Covers;
use svodka::store::told::Failures;

use super::{at, message};
use crate::support::stores::for_each_store;

#[tokio::test]
async fn a_silence_holds_until_its_end_or_until_somebody_ends_it() {
    for_each_store(async |given| {
        let kind = Covers::Kind("source_down".to_owned());
        let key = Covers::Key("run_failed/*".to_owned());
        let first = given.add_silence(&kind, "Анна", "переезд", at(60), at(0)).await.unwrap();
        let second = given.add_silence(&key, "Борис", "чиним", at(30), at(1)).await.unwrap();
        let held = given.list_silences(at(2)).await.unwrap();
        assert_eq!(held.iter().map(|one| one.id).collect::<Vec<_>>(), [first, second]);
        assert_eq!((&held[0].covers, held[0].author.as_str(), held[0].ends_at), (&kind, "Анна", at(60)));
        assert_eq!((&held[1].covers, held[1].reason.as_str(), held[1].created_at), (&key, "чиним", at(1)));
        assert_eq!(given.list_silences(at(30)).await.unwrap().len(), 1, "the end itself is free");

        assert!(given.end_silence(first, "Вера", at(10)).await.unwrap());
        assert!(!given.end_silence(first, "Вера", at(11)).await.unwrap(), "it has ended");
        assert!(!given.end_silence(99, "Вера", at(11)).await.unwrap());
        assert_eq!(given.list_silences(at(10)).await.unwrap().len(), 1);
        let ended = given.list_silences(at(0)).await.unwrap();
        assert_eq!((ended[0].ended_by.as_deref(), ended[0].ends_at), (Some("Вера"), at(10)));
    })
    .await;
}

#[tokio::test]
async fn an_incident_is_taken_up_put_off_and_passed_on_only_while_it_is_open() {
    for_each_store(async |given| {
        let nothing = json!({});
        let opened = given.open_incident("a/b", "a", &nothing, Some(at(15)), at(0), &|_| Vec::new());
        let id = opened.await.unwrap().0.id;
        let row = async || given.find_incident(id).await.unwrap().unwrap();

        assert!(given.snooze_incident(id, "Анна", at(120)).await.unwrap());
        let snoozed = row().await;
        assert_eq!((snoozed.snoozed_until_at, snoozed.remind_at), (Some(at(120)), Some(at(120))));
        assert_eq!(snoozed.snoozed_by.as_deref(), Some("Анна"));

        assert!(given.acknowledge_incident(id, "Борис", at(5)).await.unwrap());
        let taken = row().await;
        assert_eq!((taken.acknowledged_at, taken.remind_at), (Some(at(5)), None));
        assert_eq!(taken.acknowledged_by.as_deref(), Some("Борис"));

        let escalate = |step| IncidentChange::Escalate { id, step };
        let call = [message("escalation:1/0", "boss")];
        assert!(given.change_incident(&escalate(0), &call, at(6)).await.unwrap());
        assert!(!given.change_incident(&escalate(0), &call, at(6)).await.unwrap(), "each step is taken once");
        assert!(given.change_incident(&escalate(1), &[], at(7)).await.unwrap());
        assert_eq!((row().await.escalation_count, row().await.notice_count), (2, 0));
        assert_eq!(given.find_delivery("escalation:1/0").await.unwrap().unwrap().chat, "boss");

        assert!(given.change_incident(&IncidentChange::Resolve { id }, &[], at(8)).await.unwrap());
        assert!(!given.acknowledge_incident(id, "Борис", at(9)).await.unwrap());
        assert!(!given.snooze_incident(id, "Борис", at(90)).await.unwrap());
        assert_eq!(given.find_incident(id + 1).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn what_comes_back_soon_is_the_same_incident_and_nobody_has_taken_it_up() {
    for_each_store(async |given| {
        let open = async |minutes| {
            given
                .open_incident("a/b", "a", &json!({}), None, at(minutes), &|_| Vec::new())
                .await
                .unwrap()
                .0
                .id
        };
        let id = open(0).await;
        given.acknowledge_incident(id, "Борис", at(1)).await.unwrap();
        given.change_incident(&IncidentChange::Resolve { id }, &[], at(2)).await.unwrap();
        assert_eq!(given.find_resolved_incident("a/b", at(3)).await.unwrap(), None);
        assert_eq!(given.find_resolved_incident("a/b", at(2)).await.unwrap().unwrap().id, id);

        let failures = Failures::default();
        let notices = [message("incident:1/9", "ops")];
        let detail = json!({"again": true});
        let reopen = async || {
            given.reopen_incident(id, &detail, Some(at(9)), (&failures, &notices), at(4)).await.unwrap()
        };
        assert!(reopen().await);
        let row = given.find_incident(id).await.unwrap().unwrap();
        assert_eq!((row.resolved_at, row.reopened_at, row.reopened_count), (None, Some(at(4)), 1));
        assert_eq!((row.acknowledged_by, row.notice_count, row.finding_count), (None, 1, 2));
        assert_eq!((row.opened_at, row.remind_at, &row.detail), (at(0), Some(at(9)), &detail));
        assert!(given.find_delivery("incident:1/9").await.unwrap().is_some());
        assert!(!reopen().await, "it is open");

        given.change_incident(&IncidentChange::Resolve { id }, &[], at(5)).await.unwrap();
        let newer = open(6).await;
        assert!(newer != id && !reopen().await, "another one with the key is open");
        let told = Failures { runs: vec![77], ..Failures::default() };
        given.change_incident(&IncidentChange::Resolve { id: newer }, &[], at(7)).await.unwrap();
        let nothing_new = given.reopen_incident(newer, &detail, None, (&told, &[]), at(8)).await.unwrap();
        assert!(!nothing_new, "its failure is told already");
    })
    .await;
}
