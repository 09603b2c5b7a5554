//! What became of the slots of a week.

use svodka::store::jobs::PlannedRun;
use svodka::store::outbox::NewDelivery;
use svodka::store::runs::{RunResult, RunState};

use super::{LONG, at, message};
use crate::support::stores::for_each_store;

#[tokio::test]
async fn a_slot_is_listed_with_what_was_sent_of_it_and_manual_runs_are_not() {
    for_each_store(async |given| {
        given.register_job("daily", "0 9 * * * UTC", Some(at(0)), at(-10)).await.unwrap();
        let slot = |at| PlannedRun { slot_at: at, deadline_at: Some(at), skipped: None };
        let planned = given.plan("daily", at(0), Some(at(60)), &[slot(at(0))], at(0)).await.unwrap();
        assert!(planned, "the slot is planned");
        given.insert_manual_run("daily", at(0), None, at(9)).await.unwrap();
        let of = async |from, until| given.list_slots(at(from), at(until)).await.unwrap();
        assert_eq!((of(-5, 0).await.len(), of(1, 9).await.len()), (0, 0));
        let listed = of(0, 1).await;
        assert_eq!(listed.len(), 1, "{listed:?}");
        assert_eq!(
            (listed[0].state, listed[0].message_count, listed[0].arrived_at),
            (RunState::Planned, 0, None)
        );

        let claimed = given.claim_run("w", LONG, at(1)).await.unwrap().unwrap();
        let run_id = claimed.run.id;
        let of_run = |key, chat| NewDelivery { run_id: Some(run_id), ..message(key, chat) };
        let deliveries = vec![of_run("run:1/managers/1", "managers"), of_run("run:1/ops/1", "ops")];
        let result = RunResult { deliveries, ..RunResult::default() };
        given.finish_run(&claimed.lease, &result, at(2)).await.unwrap();
        let sending = given.claim_delivery("w", LONG, at(3)).await.unwrap().unwrap();
        given.record_sent(&sending.lease, Some(7), at(4)).await.unwrap();
        let listed = of(0, 1).await;
        assert_eq!(
            (listed[0].run_id, listed[0].job.as_str(), listed[0].state),
            (run_id, "daily", RunState::Succeeded)
        );
        assert_eq!(
            (listed[0].message_count, listed[0].sent_count, listed[0].arrived_at),
            (2, 1, Some(at(4)))
        );
        assert_eq!((listed[0].slot_at, listed[0].deadline_at), (at(0), Some(at(0))));
    })
    .await;
}
