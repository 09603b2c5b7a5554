//! Looking for a message: what is known about its chat, the late look for a first copy, and changes by hand.

use chrono::TimeDelta;
use svodka::store::StoreError;
use svodka::store::operator::Changed;
use svodka::store::outbox::{Action, ClaimedDelivery, DeliveryState, NewDelivery};
use svodka::store::reconcile::{Doubt, SweepResult};

use super::{ENDED, LONG, at, message};
use crate::support::stores::{Given, for_each_store};

const SETTLE: TimeDelta = TimeDelta::minutes(1);

async fn claim(given: &Given, key: &str, minutes: i64) -> ClaimedDelivery {
    let claimed = given.claim_delivery("w1", LONG, at(minutes)).await.unwrap();
    let claimed = claimed.unwrap_or_else(|| panic!("{key} is not claimable"));
    assert_eq!(claimed.delivery.key, key);
    claimed
}

/// Enqueues and claims a message and notes where it goes.
async fn send(given: &Given, key: &str, chat: &str, minutes: i64) -> ClaimedDelivery {
    given.enqueue(&[message(key, chat)], at(minutes)).await.unwrap();
    let claimed = claim(given, key, minutes).await;
    let space = if chat.starts_with('p') { "account" } else { chat };
    given.note_address(&claimed.lease, chat, space).await.unwrap();
    claimed
}

async fn sent(given: &Given, key: &str, chat: &str, message_id: Option<i64>, minutes: i64) {
    let claimed = send(given, key, chat, minutes).await;
    given.record_sent(&claimed.lease, message_id, at(minutes)).await.unwrap();
}

async fn unknown(given: &Given, key: &str, chat: &str, minutes: i64) -> ClaimedDelivery {
    let claimed = send(given, key, chat, minutes).await;
    given.record_unknown(&claimed.lease, "timeout", at(minutes), at(minutes)).await.unwrap();
    claim(given, key, minutes).await
}

#[tokio::test]
async fn a_message_is_looked_for_where_it_was_sent_above_the_highest_own_id_of_that_counter() {
    for_each_store(async |given| {
        sent(&given, "m/1", "m", Some(40), 0).await;
        sent(&given, "p1/1", "p1", Some(900), 0).await;
        let claimed = unknown(&given, "m/2", "m", 20).await;
        let search = given.find_search(claimed.delivery.id, false, SETTLE).await.unwrap();
        assert_eq!((search.sent_to.as_deref(), search.floor_id), (Some("m"), Some(40)));
        assert_eq!((search.probed_id, search.own_ids, search.doubt), (None, Vec::new(), Doubt::Nothing));

        given.note_probe(&claimed.lease, 41).await.unwrap();
        let search = given.find_search(claimed.delivery.id, false, SETTLE).await.unwrap();
        assert_eq!(search.probed_id, Some(41));

        let private = unknown(&given, "p2/1", "p2", 20).await;
        sent(&given, "p1/2", "p1", Some(905), 21).await;
        let search = given.find_search(private.delivery.id, false, SETTLE).await.unwrap();
        assert_eq!(
            (search.floor_id, search.own_ids, search.ceiling_id),
            (Some(900), vec![905], None),
            "private chats share a counter"
        );
        sent(&given, "p1/3", "p1", Some(908), 22).await;
        sent(&given, "p1/4", "p1", Some(909), 23).await;
        let search = given.find_search(private.delivery.id, false, SETTLE).await.unwrap();
        assert_eq!(search.ceiling_id, Some(908), "it had settled before that one began");

        let first = unknown(&given, "n/1", "n", 20).await;
        let search = given.find_search(first.delivery.id, false, SETTLE).await.unwrap();
        assert_eq!((search.floor_id, search.doubt), (None, Doubt::Unresolved));
    })
    .await;
}

#[tokio::test]
async fn another_message_under_an_unknown_id_is_a_doubt_until_a_later_one_is_known() {
    for_each_store(async |given| {
        let doubt = async |claimed: &ClaimedDelivery| {
            given.find_search(claimed.delivery.id, false, SETTLE).await.unwrap().doubt
        };
        // Two names of one chat: `m` and `t` both go to "m".
        sent(&given, "m/1", "m", Some(40), 0).await;
        given.enqueue(&[message("t/1", "t")], at(20)).await.unwrap();
        let topic = claim(&given, "t/1", 20).await;
        given.note_address(&topic.lease, "m", "m").await.unwrap();
        let claimed = unknown(&given, "m/2", "m", 20).await;
        assert_eq!(doubt(&claimed).await, Doubt::InFlight);
        given.record_sent(&topic.lease, None, at(20)).await.unwrap();
        assert_eq!(doubt(&claimed).await, Doubt::Unresolved, "sent, but nobody knows its id");
        given.record_dead(&claimed.lease, "maybe_lost", at(21)).await.unwrap();

        sent(&given, "m/3", "m", Some(44), 30).await;
        let soon = unknown(&given, "m/4", "m", 31).await;
        assert_eq!(doubt(&soon).await, Doubt::Unresolved, "they may have come after m/3");
        given.record_sent(&soon.lease, Some(45), at(31)).await.unwrap();
        sent(&given, "m/5", "m", Some(46), 60).await;
        let later = unknown(&given, "m/6", "m", 61).await;
        assert_eq!(doubt(&later).await, Doubt::Nothing, "all of them are below m/5 by now");
    })
    .await;
}

#[tokio::test]
async fn the_lost_copy_of_a_repeat_is_no_doubt_above_the_repeat_and_a_late_look_waits_for_a_look() {
    for_each_store(async |given| {
        sent(&given, "m/1", "m", Some(40), 0).await;
        let claimed = unknown(&given, "m/2", "m", 20).await;
        given.record_retry(&claimed.lease, "unknown_outcome", at(20), false, true, at(20)).await.unwrap();
        let repeat = claim(&given, "m/2", 20).await;
        given.note_address(&repeat.lease, "m", "m").await.unwrap();
        given.record_sent(&repeat.lease, Some(42), at(20)).await.unwrap();

        let next = unknown(&given, "m/3", "m", 21).await;
        let search = given.find_search(next.delivery.id, false, SETTLE).await.unwrap();
        assert_eq!((search.floor_id, search.doubt), (Some(42), Doubt::Nothing));
        let late = given.find_search(repeat.delivery.id, true, SETTLE).await.unwrap();
        assert_eq!((late.floor_id, late.doubt), (Some(40), Doubt::InFlight), "m/3 may lie above m/2");
        given.record_retry(&next.lease, "unknown_outcome", at(22), false, true, at(22)).await.unwrap();
        let late = given.find_search(repeat.delivery.id, true, SETTLE).await.unwrap();
        assert_eq!(late.doubt, Doubt::Unresolved, "so may a copy of m/3 that nobody found");
    })
    .await;
}

#[tokio::test]
async fn a_repeat_is_looked_behind_once_later_and_its_chat_waits_meanwhile() {
    for_each_store(async |given| {
        sent(&given, "m/1", "m", Some(40), 0).await;
        let claimed = unknown(&given, "m/2", "m", 20).await;
        given.record_retry(&claimed.lease, "unknown_outcome", at(20), false, true, at(20)).await.unwrap();
        let repeat = claim(&given, "m/2", 20).await;
        given.note_address(&repeat.lease, "m", "m").await.unwrap();
        given.record_sent(&repeat.lease, Some(42), at(20)).await.unwrap();

        assert_eq!(given.claim_sweep("w1", LONG, at(29)).await.unwrap(), None, "not yet");
        let lost = given.claim_sweep("dead", ENDED, at(30)).await.unwrap().unwrap();
        assert_eq!((lost.failure_count, lost.is_edited), (0, false));
        let swept = given.claim_sweep("w1", LONG, at(30)).await.unwrap().unwrap();
        assert_eq!(swept.delivery.state, DeliveryState::Sent);
        let refused = given.record_sweep(&lost.lease, SweepResult::GivenUp, at(30)).await;
        assert!(matches!(refused, Err(StoreError::Fenced(_))));
        assert_eq!(given.claim_sweep("w1", LONG, at(30)).await.unwrap(), None, "one worker looks");
        given.enqueue(&[message("m/3", "m")], at(30)).await.unwrap();
        assert_eq!(given.claim_delivery("w1", LONG, at(30)).await.unwrap(), None, "the chat waits");
        let search = given.find_search(swept.delivery.id, true, SETTLE).await.unwrap();
        assert_eq!((search.floor_id, search.own_ids, search.doubt), (Some(40), vec![42], Doubt::Nothing));

        let again = SweepResult::Again { at: at(31), is_failure: true };
        given.record_sweep(&swept.lease, again, at(30)).await.unwrap();
        let other = claim(&given, "m/3", 30).await;
        assert_eq!(given.claim_sweep("w1", LONG, at(31)).await.unwrap(), None, "the chat is in use");
        given.record_dead(&other.lease, "blocked", at(31)).await.unwrap();
        let edit = Action::Edit { of_key: "m/2".to_owned() };
        given.enqueue(&[NewDelivery { action: edit, ..message("e/1", "e") }], at(31)).await.unwrap();
        let swept = given.claim_sweep("w1", LONG, at(31)).await.unwrap().unwrap();
        assert_eq!((swept.failure_count, swept.is_edited), (1, true));
        let settled = SweepResult::Settled { message_id: Some(41) };
        given.record_sweep(&swept.lease, settled, at(31)).await.unwrap();
        let row = given.find_delivery("m/2").await.unwrap().unwrap();
        assert_eq!((row.state, row.message_id), (DeliveryState::Sent, Some(41)));
        assert_eq!(given.claim_sweep("w1", LONG, at(99)).await.unwrap(), None, "once");
        assert!(given.sends_since(at(30)).await.unwrap().len() >= 4, "looks count for the limits");
    })
    .await;
}

#[tokio::test]
async fn a_person_may_change_what_the_state_allows_and_leaves_a_name() {
    for_each_store(async |given| {
        let refused = |state| Changed::Refused { state };
        let new = NewDelivery { expires_at: Some(at(60)), ..message("m/1", "m") };
        given.enqueue(&[new], at(0)).await.unwrap();
        let id = given.find_delivery("m/1").await.unwrap().unwrap().id;
        assert_eq!(given.retry_delivery(id, "Анна", at(1)).await.unwrap(), refused(DeliveryState::Pending));
        assert_eq!(given.resend_delivery(id, "Анна", at(1)).await.unwrap(), refused(DeliveryState::Pending));
        assert_eq!(given.drop_delivery(99, "Анна", at(1)).await.unwrap(), Changed::NotFound);
        assert_eq!(given.drop_delivery(id, "Анна", at(1)).await.unwrap(), Changed::Done { id });
        let row = given.find_delivery("m/1").await.unwrap().unwrap();
        assert_eq!((row.state, row.reason.as_deref()), (DeliveryState::Dead, Some("dropped")));
        assert_eq!(given.drop_delivery(id, "Анна", at(2)).await.unwrap(), refused(DeliveryState::Dead));

        assert_eq!(given.retry_delivery(id, "Борис", at(90)).await.unwrap(), Changed::Done { id });
        let claimed = claim(&given, "m/1", 90).await;
        assert_eq!(claimed.delivery.expires_at, Some(at(150)), "an hour again");
        assert!(!claimed.delivery.is_repeat, "nothing of it is in the chat");
        assert_eq!(given.drop_delivery(id, "Анна", at(90)).await.unwrap(), refused(DeliveryState::Sending));
        given.record_sent(&claimed.lease, Some(5), at(90)).await.unwrap();
        assert_eq!(given.retry_delivery(id, "Анна", at(91)).await.unwrap(), refused(DeliveryState::Sent));

        let Changed::Done { id: second } = given.resend_delivery(id, "Вера", at(91)).await.unwrap()
        else {
            panic!("a sent one may be sent again")
        };
        assert_ne!(second, id);
        let again = given.claim_delivery("w1", LONG, at(91)).await.unwrap().unwrap();
        assert!(again.delivery.is_repeat && again.delivery.id == second);
        assert_eq!(again.delivery.html, row.html);
        let first = given.find_delivery("m/1").await.unwrap().unwrap();
        assert_eq!((first.state, first.message_id), (DeliveryState::Sent, Some(5)));
        let changes = given.list_delivery_changes(id).await.unwrap();
        let told: Vec<_> = changes.iter().map(|one| (one.change.as_str(), one.changed_by.as_str())).collect();
        assert_eq!(told, [("drop", "Анна"), ("retry", "Борис"), ("resend", "Вера")]);
        assert_eq!(changes[0].changed_at, at(1));
    })
    .await;
}

#[tokio::test]
async fn what_may_be_in_the_chat_already_is_retried_as_a_repeat() {
    for_each_store(async |given| {
        sent(&given, "m/1", "m", Some(40), 0).await;
        let lost = unknown(&given, "m/2", "m", 20).await;
        given.record_unknown(&lost.lease, "timeout", at(21), at(20)).await.unwrap();
        let id = lost.delivery.id;
        assert_eq!(given.drop_delivery(id, "Анна", at(20)).await.unwrap(), Changed::Done { id });
        assert_eq!(given.retry_delivery(id, "Анна", at(20)).await.unwrap(), Changed::Done { id });
        let repeat = claim(&given, "m/2", 20).await;
        assert!(repeat.delivery.is_repeat);
        given.note_address(&repeat.lease, "m", "m").await.unwrap();
        given.record_sent(&repeat.lease, Some(42), at(20)).await.unwrap();
        let due = at(20) + TimeDelta::minutes(10);
        let swept = given.claim_sweep("w1", LONG, due).await.unwrap();
        assert_eq!(swept.map(|swept| swept.delivery.id), Some(id), "and its first copy is looked for");
    })
    .await;
}
