//! The outbox: claimed in order, one in flight per chat, every outcome recorded under its lease.

use chrono::TimeDelta;
use svodka::store::StoreError;
use svodka::store::outbox::{Action, ClaimedDelivery, DeliveryState, NewDelivery, Policy};

use super::{ENDED, LONG, at, message};
use crate::support::stores::{Given, for_each_store};

async fn claim(given: &Given, minutes: i64) -> Option<ClaimedDelivery> {
    given.claim_delivery("w1", LONG, at(minutes)).await.unwrap()
}

/// Claims what must be claimable and is the delivery with this key.
async fn claim_key(given: &Given, key: &str, minutes: i64) -> ClaimedDelivery {
    let claimed = claim(given, minutes).await.unwrap_or_else(|| panic!("{key} is not claimable"));
    assert_eq!(claimed.delivery.key, key);
    claimed
}

async fn state(given: &Given, key: &str) -> DeliveryState {
    given.find_delivery(key).await.unwrap().unwrap().state
}

#[tokio::test]
async fn a_delivery_is_kept_as_given_and_a_known_key_is_left_alone() {
    for_each_store(async |given| {
        let run_id = given.insert_manual_run("daily", at(0), None, at(0)).await.unwrap();
        let full = NewDelivery {
            run_id: Some(run_id),
            part: 2,
            part_count: 3,
            action: Action::Edit { of_key: "incident:7/1".into() },
            policy: Policy::AtMostOnce,
            expires_at: Some(at(60)),
            is_silent: true,
            keyboard: Some(
                serde_json::json!({ "inline_keyboard": [[{ "text": "Менеджеры", "callback_data": "x" }]] }),
            ),
            ..message("run:1/managers/2", "managers")
        };
        assert_eq!(given.enqueue(&[full.clone(), message("b", "ops")], at(1)).await.unwrap(), 2);
        let changed = NewDelivery { html: "другое".into(), ..full.clone() };
        assert_eq!(given.enqueue(&[changed, message("c", "ops")], at(2)).await.unwrap(), 1);

        let row = given.find_delivery("run:1/managers/2").await.unwrap().unwrap();
        let stored = NewDelivery {
            key: row.key,
            run_id: row.run_id,
            chat: row.chat,
            part: row.part,
            part_count: row.part_count,
            action: row.action,
            html: row.html,
            plain: row.plain,
            public_id: row.public_id,
            policy: row.policy,
            expires_at: row.expires_at,
            is_silent: row.is_silent,
            keyboard: row.keyboard,
        };
        assert_eq!(stored, full);
        assert_eq!((row.state, row.attempt_count, row.not_before_at), (DeliveryState::Pending, 0, at(1)));
        assert_eq!((row.created_at, row.started_at, row.finished_at), (at(1), None, None));
        assert_eq!((row.is_plain, row.is_repeat, row.reason), (false, false, None));
        assert_eq!((row.message_id, row.floor_message_id), (None, None));
        assert_eq!(given.find_delivery("nobody").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn parts_go_in_order_with_one_in_flight_per_chat() {
    for_each_store(async |given| {
        let keys = ["m/1", "m/2", "o/1"].map(|key| message(key, &key[..1]));
        given.enqueue(&keys, at(0)).await.unwrap();
        let first = claim_key(&given, "m/1", 0).await;
        assert_eq!((first.delivery.attempt_count, first.delivery.started_at), (1, Some(at(0))));
        assert!(!first.was_unknown);
        let other = claim_key(&given, "o/1", 0).await;
        assert_eq!(claim(&given, 0).await, None, "m/2 waits for m/1");

        given.record_sent(&first.lease, Some(41), at(1)).await.unwrap();
        let row = given.find_delivery("m/1").await.unwrap().unwrap();
        assert_eq!(
            (row.state, row.message_id, row.finished_at),
            (DeliveryState::Sent, Some(41), Some(at(1)))
        );
        assert_eq!(given.chat_state("m").await.unwrap().last_message_id, Some(41));

        let second = claim_key(&given, "m/2", 1).await;
        assert_eq!(second.delivery.floor_message_id, Some(41), "a probe starts after what was there before");
        given.record_sent(&second.lease, None, at(1)).await.unwrap();
        assert_eq!(given.chat_state("m").await.unwrap().last_message_id, Some(41));
        given.record_sent(&other.lease, Some(7), at(1)).await.unwrap();
        assert_eq!(claim(&given, 9).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_retry_waits_and_holds_its_chat_but_no_other() {
    for_each_store(async |given| {
        given.enqueue(&["m/1", "m/2", "o/1"].map(|key| message(key, &key[..1])), at(0)).await.unwrap();
        let first = claim_key(&given, "m/1", 0).await;
        given.record_retry(&first.lease, "throttled", at(5), true, false, at(0)).await.unwrap();
        claim_key(&given, "o/1", 4).await;
        assert_eq!(claim(&given, 4).await, None);
        let again = claim_key(&given, "m/1", 5).await;
        assert_eq!((again.delivery.is_plain, again.delivery.is_repeat), (true, false));
        assert_eq!(again.delivery.reason.as_deref(), Some("throttled"));
        assert_eq!((again.delivery.attempt_count, again.delivery.started_at), (2, Some(at(5))));
        assert!(!again.was_unknown);

        given.record_retry(&again.lease, "lost", at(6), false, true, at(5)).await.unwrap();
        let third = claim_key(&given, "m/1", 6).await;
        assert!(third.delivery.is_plain && third.delivery.is_repeat, "neither mark is taken back");
    })
    .await;
}

#[tokio::test]
async fn a_dead_part_does_not_hold_the_later_ones() {
    for_each_store(async |given| {
        given.enqueue(&["m/1", "m/2"].map(|key| message(key, "m")), at(0)).await.unwrap();
        let first = claim_key(&given, "m/1", 0).await;
        given.record_dead(&first.lease, "forbidden", at(1)).await.unwrap();
        let row = given.find_delivery("m/1").await.unwrap().unwrap();
        assert_eq!((row.state, row.finished_at), (DeliveryState::Dead, Some(at(1))));
        assert_eq!(row.reason.as_deref(), Some("forbidden"));
        claim_key(&given, "m/2", 1).await;
    })
    .await;
}

#[tokio::test]
async fn an_unknown_outcome_is_reconciled_later_and_holds_its_chat_until_then() {
    for_each_store(async |given| {
        given.enqueue(&["m/1", "m/2", "m/3"].map(|key| message(key, "m")), at(0)).await.unwrap();
        let zero = claim_key(&given, "m/1", 0).await;
        given.record_sent(&zero.lease, Some(10), at(0)).await.unwrap();
        let first = claim_key(&given, "m/2", 1).await;
        given.record_unknown(&first.lease, "timeout", at(3), at(1)).await.unwrap();
        assert_eq!(state(&given, "m/2").await, DeliveryState::Unknown);
        assert_eq!(claim(&given, 2).await, None, "neither the unknown one nor those after it");

        let again = claim_key(&given, "m/2", 3).await;
        assert!(again.was_unknown);
        assert_eq!(again.delivery.attempt_count, 2);
        let probe = (again.delivery.started_at, again.delivery.floor_message_id);
        assert_eq!(probe, (Some(at(1)), Some(10)), "of the send in question, not of the probe");
        given.record_retry(&again.lease, "not_found", at(3), false, true, at(3)).await.unwrap();
        let repeat = claim_key(&given, "m/2", 4).await;
        assert!(!repeat.was_unknown && repeat.delivery.is_repeat);
        assert_eq!(repeat.delivery.started_at, Some(at(4)));
        given.record_sent(&repeat.lease, Some(11), at(4)).await.unwrap();
        claim_key(&given, "m/3", 4).await;
    })
    .await;
}

async fn is_refused_everywhere(given: &Given, claimed: &ClaimedDelivery) -> bool {
    let before = given.find_delivery(&claimed.delivery.key).await.unwrap();
    let lease = &claimed.lease;
    let outcomes = [
        given.record_sent(lease, Some(5), at(1)).await,
        given.record_retry(lease, "throttled", at(2), false, false, at(1)).await,
        given.record_dead(lease, "forbidden", at(1)).await,
        given.record_unknown(lease, "timeout", at(2), at(1)).await,
    ];
    let is_unchanged = given.find_delivery(&claimed.delivery.key).await.unwrap() == before;
    is_unchanged && outcomes.into_iter().all(|outcome| matches!(outcome, Err(StoreError::Fenced(_))))
}

#[tokio::test]
async fn a_send_whose_worker_died_becomes_unknown_and_the_dead_worker_is_fenced() {
    for_each_store(async |given| {
        given.enqueue(&["m/1", "m/2", "o/1"].map(|key| message(key, &key[..1])), at(0)).await.unwrap();
        let dead = given.claim_delivery("dead", ENDED, at(0)).await.unwrap().unwrap();
        given.note_address(&dead.lease, "m", "m").await.unwrap();
        let live = claim_key(&given, "o/1", 0).await;
        assert_eq!(claim(&given, 0).await, None, "a lost send is not sent again");
        assert_eq!(given.sweep_lost_sends(120, at(1)).await.unwrap(), 1);
        assert_eq!(given.sweep_lost_sends(120, at(1)).await.unwrap(), 0);
        let row = given.find_delivery("m/1").await.unwrap().unwrap();
        assert_eq!((row.state, row.reason.as_deref()), (DeliveryState::Unknown, Some("worker_lost")));
        assert_eq!(row.not_before_at, at(0) + TimeDelta::seconds(120));

        assert!(is_refused_everywhere(&given, &dead).await);
        assert_eq!(state(&given, "m/1").await, DeliveryState::Unknown);
        assert_eq!(given.chat_state("m").await.unwrap().last_message_id, None);
        given.record_sent(&live.lease, Some(6), at(1)).await.unwrap();
        let again = claim_key(&given, "m/1", 2).await;
        assert!(again.was_unknown && again.lease.token > dead.lease.token);
        assert!(is_refused_everywhere(&given, &dead).await, "it is being sent, but by another");
        given.record_sent(&again.lease, Some(5), at(2)).await.unwrap();
        assert!(is_refused_everywhere(&given, &again).await, "it is over");
    })
    .await;
}

#[tokio::test]
async fn a_claim_whose_worker_died_before_it_noted_the_address_was_no_send() {
    for_each_store(async |given| {
        given.enqueue(&[message("m/1", "m")], at(0)).await.unwrap();
        let dead = given.claim_delivery("dead", ENDED, at(0)).await.unwrap().unwrap();
        assert_eq!(given.sweep_lost_sends(120, at(1)).await.unwrap(), 1);
        assert!(is_refused_everywhere(&given, &dead).await);
        let late = given.note_address(&dead.lease, "m", "m").await;
        assert!(matches!(late, Err(StoreError::Fenced(_))), "{late:?}");
        let again = claim_key(&given, "m/1", 1).await;
        assert!(!again.was_unknown && !again.delivery.is_repeat);
        assert!(given.note_address(&dead.lease, "m", "m").await.is_err(), "it is another's now");
    })
    .await;
}

#[tokio::test]
async fn nothing_goes_to_a_held_chat() {
    for_each_store(async |given| {
        given.enqueue(&["m/1", "o/1"].map(|key| message(key, &key[..1])), at(0)).await.unwrap();
        given.hold_chat("m", at(5)).await.unwrap();
        claim_key(&given, "o/1", 1).await;
        assert_eq!(claim(&given, 4).await, None);
        claim_key(&given, "m/1", 5).await;
    })
    .await;
}

#[tokio::test]
async fn an_expired_delivery_is_still_claimed_so_that_somebody_buries_it() {
    for_each_store(async |given| {
        given
            .enqueue(&[NewDelivery { expires_at: Some(at(1)), ..message("m/1", "m") }], at(0))
            .await
            .unwrap();
        let claimed = claim_key(&given, "m/1", 60).await;
        assert_eq!(claimed.delivery.expires_at, Some(at(1)));
        given.record_dead(&claimed.lease, "expired", at(60)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_edit_names_the_message_that_the_edited_delivery_became() {
    for_each_store(async |given| {
        let edit = |key: &str, of: &str| NewDelivery {
            action: Action::Edit { of_key: of.to_owned() },
            ..message(key, "ops")
        };
        let all = [message("i/1", "ops"), edit("i/2", "i/1"), edit("i/3", "nobody"), message("i/4", "ops")];
        given
            .enqueue(
                &[all, [edit("i/5", "i/4"), message("z", "z"), message("z2", "z"), message("z3", "z")]]
                    .concat(),
                at(0),
            )
            .await
            .unwrap();
        let first = claim_key(&given, "i/1", 0).await;
        assert_eq!(first.edit_message_id, None);
        given.record_sent(&first.lease, Some(50), at(0)).await.unwrap();
        let second = claim_key(&given, "i/2", 0).await;
        assert_eq!(second.edit_message_id, Some(50));
        given.record_sent(&second.lease, Some(50), at(0)).await.unwrap();
        let third = claim_key(&given, "i/3", 0).await;
        assert_eq!(third.edit_message_id, None, "never arrived: send anew");
        given.record_sent(&third.lease, Some(51), at(0)).await.unwrap();
        let fourth = claim_key(&given, "i/4", 0).await;
        given.record_dead(&fourth.lease, "forbidden", at(0)).await.unwrap();
        assert_eq!(claim_key(&given, "i/5", 0).await.edit_message_id, None);
    })
    .await;
}

#[tokio::test]
async fn the_next_moment_of_an_outbox_is_that_of_its_earliest_head() {
    for_each_store(async |given| {
        let next = async |minutes| given.next_delivery_at(at(minutes)).await.unwrap();
        assert_eq!(next(0).await, None);
        given.enqueue(&["m/1", "m/2", "o/1"].map(|key| message(key, &key[..1])), at(0)).await.unwrap();
        assert_eq!(next(3).await, Some(at(3)), "due already");

        let first = claim_key(&given, "m/1", 0).await;
        given.record_retry(&first.lease, "throttled", at(9), false, false, at(0)).await.unwrap();
        given.hold_chat("o", at(7)).await.unwrap();
        assert_eq!(next(3).await, Some(at(7)), "m/2 is due but behind m/1");
        given.hold_chat("m", at(4)).await.unwrap();
        let other = claim_key(&given, "o/1", 7).await;
        assert_eq!(next(7).await, Some(at(9)));
        given.record_unknown(&other.lease, "timeout", at(8), at(7)).await.unwrap();
        assert_eq!(next(7).await, Some(at(8)));
        let other = claim_key(&given, "o/1", 8).await;
        given.record_sent(&other.lease, None, at(8)).await.unwrap();

        let lost = given.claim_delivery("dead", ENDED, at(9)).await.unwrap().unwrap();
        assert_eq!(lost.delivery.key, "m/1");
        assert_eq!(next(9).await, Some(at(9)), "its loss can be noticed now");
        given.sweep_lost_sends(0, at(9)).await.unwrap();
        let again = claim_key(&given, "m/1", 9).await;
        let noticed = next(9).await.unwrap();
        assert!(noticed > at(9) && noticed <= at(9) + TimeDelta::seconds(LONG), "at the end of its lease");
        given.record_sent(&again.lease, None, at(9)).await.unwrap();
        let last = claim_key(&given, "m/2", 9).await;
        given.record_sent(&last.lease, None, at(9)).await.unwrap();
        assert_eq!(next(9).await, None);
    })
    .await;
}

#[tokio::test]
async fn deliveries_are_listed_by_state_and_by_run() {
    for_each_store(async |given| {
        let run = given.insert_manual_run("daily", at(0), None, at(0)).await.unwrap();
        let part =
            |key: &str, chat: &str, part| NewDelivery { run_id: Some(run), part, ..message(key, chat) };
        let all = [part("b2", "b", 2), part("b1", "b", 1), part("Z1", "Z", 1), message("x", "b")];
        given.enqueue(&all, at(0)).await.unwrap();
        let keys = |rows: Vec<svodka::store::outbox::DeliveryRow>| {
            rows.into_iter().map(|row| row.key).collect::<Vec<_>>()
        };
        assert_eq!(keys(given.list_run_deliveries(run).await.unwrap()), ["Z1", "b1", "b2"]);
        assert_eq!(keys(given.list_deliveries(&[], 3).await.unwrap()), ["x", "Z1", "b1"]);

        let dead = claim_key(&given, "b2", 0).await;
        given.record_dead(&dead.lease, "forbidden", at(0)).await.unwrap();
        let unknown = claim_key(&given, "b1", 0).await;
        given.record_unknown(&unknown.lease, "timeout", at(9), at(0)).await.unwrap();
        let sent = claim_key(&given, "Z1", 0).await;
        assert_eq!(keys(given.list_deliveries(&[DeliveryState::Sending], 9).await.unwrap()), ["Z1"]);
        given.record_sent(&sent.lease, None, at(0)).await.unwrap();
        let listed = given.list_deliveries(&[DeliveryState::Dead, DeliveryState::Unknown], 9).await.unwrap();
        assert_eq!(keys(listed), ["b1", "b2"]);
        assert_eq!(keys(given.list_deliveries(&[DeliveryState::Sent], 9).await.unwrap()), ["Z1"]);
        assert_eq!(keys(given.list_deliveries(&[DeliveryState::Pending], 9).await.unwrap()), ["x"]);
    })
    .await;
}

#[tokio::test]
async fn every_claim_counts_for_the_rate_limits_whatever_became_of_it() {
    for_each_store(async |given| {
        given.enqueue(&["m/1", "o/1"].map(|key| message(key, &key[..1])), at(0)).await.unwrap();
        let first = claim_key(&given, "m/1", 0).await;
        given.record_unknown(&first.lease, "timeout", at(2), at(0)).await.unwrap();
        let other = given.claim_delivery("dead", ENDED, at(1)).await.unwrap().unwrap();
        assert_eq!(other.delivery.key, "o/1");
        claim_key(&given, "m/1", 2).await;
        let expected = [("m", 0), ("o", 1), ("m", 2)].map(|(chat, minutes)| (chat.to_owned(), at(minutes)));
        assert_eq!(given.sends_since(at(0)).await.unwrap(), expected);
        assert_eq!(given.sends_since(at(1)).await.unwrap(), expected[1..]);
        assert_eq!(given.sends_since(at(3)).await.unwrap(), []);
    })
    .await;
}
