//! Runs: claimed under a lease, finished all or nothing.

use serde_json::json;
use svodka::store::StoreError;
use svodka::store::history::HistoryRow;
use svodka::store::jobs::PlannedRun;
use svodka::store::outbox::NewDelivery;
use svodka::store::runs::{Origin, RunResult, RunState, StoredDigest};

use super::{ENDED, LONG, at, message};
use crate::support::stores::for_each_store;

fn is_fenced<T: std::fmt::Debug>(result: Result<T, StoreError>) -> bool {
    matches!(result.unwrap_err(), StoreError::Fenced(_))
}

fn value(measure: &str, value: Option<f64>) -> HistoryRow {
    HistoryRow {
        report: "daily".into(),
        period_on: "2026-08-19".parse().unwrap(),
        subject: "manager/crm:28".into(),
        measure: measure.into(),
        value,
        is_complete: true,
    }
}

fn result() -> RunResult {
    let digest = StoredDigest {
        report: "daily".into(),
        public_id: "d-0820-k3f9".into(),
        period_from: at(-1440),
        period_to: at(0),
        body: json!({"revenue": 138_000, "ratio": 0.5, "name": "Анна", "none": null, "list": [1, 2]}),
    };
    RunResult {
        digest: Some(digest),
        history: vec![value("orders", Some(7.0)), value("response_ratio", None)],
        deliveries: vec![message("run:1/managers/1", "managers")],
        files: Vec::new(),
        note: Some("отчёт за 19 августа".into()),
        lacks: Some("unreachable"),
    }
}

#[tokio::test]
async fn a_run_is_claimed_when_due_and_finished_with_all_it_leaves_behind() {
    for_each_store(async |given| {
        let id = given.insert_manual_run("daily", at(-600), Some(at(5)), at(0)).await.unwrap();
        assert_eq!(given.claim_run("w1", LONG, at(-1)).await.unwrap(), None, "not due yet");

        let claimed = given.claim_run("w1", LONG, at(0)).await.unwrap().unwrap();
        assert_eq!((claimed.run.id, claimed.lease.id, claimed.lease.owner.as_str()), (id, id, "w1"));
        assert_eq!((claimed.run.state, claimed.run.origin), (RunState::Running, Origin::Manual));
        assert_eq!((claimed.run.attempt_count, claimed.run.started_at), (1, Some(at(0))));
        assert_eq!((claimed.run.slot_at, claimed.run.deadline_at), (at(-600), Some(at(5))));
        assert_eq!(claimed.taken_over_from, None);
        assert_eq!(given.claim_run("w2", LONG, at(0)).await.unwrap(), None, "claimed once");

        given.renew_run(&claimed.lease, LONG).await.unwrap();
        given.finish_run(&claimed.lease, &result(), at(2)).await.unwrap();
        let run = given.find_run(id).await.unwrap().unwrap();
        let ended = (run.state, run.finished_at, run.reason.as_deref());
        assert_eq!(ended, (RunState::Succeeded, Some(at(2)), Some("unreachable")));
        assert_eq!(run.note, result().note);
        assert_eq!(given.find_digest(id).await.unwrap(), result().digest);
        let from = "2026-08-19".parse().unwrap();
        let orders = given.list_history("daily", "manager/crm:28", "orders", from).await.unwrap();
        assert_eq!(orders, [value("orders", Some(7.0))]);
        let ratio = given.list_history("daily", "manager/crm:28", "response_ratio", from).await.unwrap();
        assert_eq!(ratio, [value("response_ratio", None)]);
        assert!(given.find_delivery("run:1/managers/1").await.unwrap().is_some());

        assert!(is_fenced(given.finish_run(&claimed.lease, &result(), at(3)).await));
        assert!(is_fenced(given.renew_run(&claimed.lease, LONG).await));
        assert_eq!(given.find_run(id + 1).await.unwrap(), None);
        assert_eq!(given.find_digest(id + 1).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn what_a_run_leaves_behind_appears_together_or_not_at_all() {
    for_each_store(async |given| {
        let id = given.insert_manual_run("daily", at(0), None, at(0)).await.unwrap();
        let lease = given.claim_run("w1", LONG, at(0)).await.unwrap().unwrap().lease;
        // The last thing written is refused by the database: there is no such run.
        let broken = NewDelivery { run_id: Some(id + 999), ..message("run:1/managers/2", "managers") };
        let mut result = result();
        result.deliveries.push(broken);
        let error = given.finish_run(&lease, &result, at(1)).await.unwrap_err();
        assert_eq!(error.reason(), "db_refused", "{error}");

        assert_eq!(given.find_run(id).await.unwrap().unwrap().state, RunState::Running);
        assert_eq!(given.find_digest(id).await.unwrap(), None);
        assert_eq!(given.list_deliveries(&[], 10).await.unwrap(), []);
        let from = "2026-08-01".parse().unwrap();
        assert_eq!(given.list_history("daily", "manager/crm:28", "orders", from).await.unwrap(), []);
        given.fail_run(&lease, "broken", "не вышло", at(1)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn history_keeps_the_latest_value_of_a_period_and_lists_days_in_order() {
    for_each_store(async |given| {
        let days = [("2026-08-18", 1.0), ("2026-08-17", 2.0), ("2026-08-18", 3.5)];
        for (day, number) in days {
            given.insert_manual_run("daily", at(0), None, at(0)).await.unwrap();
            let lease = given.claim_run("w1", LONG, at(0)).await.unwrap().unwrap().lease;
            let row = HistoryRow { period_on: day.parse().unwrap(), ..value("orders", Some(number)) };
            let result = RunResult { history: vec![row], ..RunResult::default() };
            given.finish_run(&lease, &result, at(0)).await.unwrap();
        }
        let list = async |from: &str| {
            let from = from.parse().unwrap();
            let rows = given.list_history("daily", "manager/crm:28", "orders", from).await.unwrap();
            rows.into_iter().map(|row| (row.period_on.to_string(), row.value)).collect::<Vec<_>>()
        };
        let (first, second) = (("2026-08-17".to_owned(), Some(2.0)), ("2026-08-18".to_owned(), Some(3.5)));
        assert_eq!(list("2026-08-01").await, [first, second.clone()]);
        assert_eq!(list("2026-08-18").await, [second]);
        assert_eq!(given.list_history("daily", "team", "orders", at(0).date_naive()).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_failed_attempt_comes_back_when_due_and_a_released_one_does_not_count() {
    for_each_store(async |given| {
        let id = given.insert_manual_run("daily", at(0), None, at(0)).await.unwrap();
        let lease = given.claim_run("w1", LONG, at(0)).await.unwrap().unwrap().lease;
        given.retry_run(&lease, "timeout", "CRM не ответила", at(3), at(1)).await.unwrap();
        let run = given.find_run(id).await.unwrap().unwrap();
        assert_eq!((run.state, run.not_before_at, run.attempt_count), (RunState::Planned, at(3), 1));
        assert_eq!((run.reason.as_deref(), run.note.as_deref()), (Some("timeout"), Some("CRM не ответила")));
        assert!(is_fenced(given.retry_run(&lease, "timeout", "", at(3), at(1)).await));
        assert_eq!(given.claim_run("w1", LONG, at(2)).await.unwrap(), None);

        let second = given.claim_run("w1", LONG, at(3)).await.unwrap().unwrap();
        assert_eq!((second.run.attempt_count, second.run.started_at), (2, Some(at(0))));
        assert!(second.lease.token > lease.token);
        given.release_run(&second.lease, at(4)).await.unwrap();
        assert!(is_fenced(given.release_run(&second.lease, at(4)).await));
        let run = given.find_run(id).await.unwrap().unwrap();
        assert_eq!((run.state, run.attempt_count, run.started_at), (RunState::Planned, 1, Some(at(0))));

        let third = given.claim_run("w2", LONG, at(4)).await.unwrap().unwrap();
        assert_eq!((third.run.attempt_count, third.taken_over_from), (2, None));
        given.fail_run(&third.lease, "unauthorized", "ключ отозван", at(5)).await.unwrap();
        assert!(is_fenced(given.fail_run(&third.lease, "unauthorized", "", at(5)).await));
        let run = given.find_run(id).await.unwrap().unwrap();
        assert_eq!((run.state, run.reason.as_deref()), (RunState::Failed, Some("unauthorized")));
        assert_eq!(given.claim_run("w2", LONG, at(9)).await.unwrap(), None, "failed is final");

        given.insert_manual_run("weekly", at(0), None, at(9)).await.unwrap();
        let only = given.claim_run("w1", LONG, at(9)).await.unwrap().unwrap();
        given.release_run(&only.lease, at(9)).await.unwrap();
        let run = given.find_run(only.run.id).await.unwrap().unwrap();
        assert_eq!((run.attempt_count, run.started_at), (0, None), "as if never begun");
    })
    .await;
}

#[tokio::test]
async fn a_dead_workers_run_is_taken_over_and_the_dead_worker_is_fenced() {
    for_each_store(async |given| {
        let id = given.insert_manual_run("daily", at(0), None, at(0)).await.unwrap();
        let dead = given.claim_run("dead", ENDED, at(0)).await.unwrap().unwrap();
        let live = given.claim_run("live", LONG, at(1)).await.unwrap().unwrap();
        assert_eq!((live.run.id, live.taken_over_from.as_deref()), (id, Some("dead")));
        assert_eq!((live.run.attempt_count, live.run.started_at), (2, Some(at(0))));

        for outcome in [
            given.renew_run(&dead.lease, LONG).await,
            given.finish_run(&dead.lease, &result(), at(2)).await,
            given.retry_run(&dead.lease, "timeout", "", at(9), at(2)).await,
            given.fail_run(&dead.lease, "timeout", "", at(2)).await,
            given.release_run(&dead.lease, at(2)).await,
        ] {
            assert!(is_fenced(outcome));
        }
        assert_eq!(given.list_deliveries(&[], 10).await.unwrap(), [], "a fenced result leaves nothing");
        given.finish_run(&live.lease, &result(), at(3)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_late_worker_that_renews_before_anybody_notices_keeps_its_run() {
    for_each_store(async |given| {
        given.insert_manual_run("daily", at(0), None, at(0)).await.unwrap();
        let late = given.claim_run("late", -60, at(0)).await.unwrap().unwrap();
        given.renew_run(&late.lease, LONG).await.unwrap();
        assert_eq!(given.claim_run("other", LONG, at(1)).await.unwrap(), None);
        given.finish_run(&late.lease, &RunResult::default(), at(2)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_lease_lasts_as_long_as_asked_by_the_databases_clock() {
    for_each_store(async |given| {
        for job in ["daily", "weekly"] {
            given.insert_manual_run(job, at(0), None, at(0)).await.unwrap();
        }
        // `now` is years away from the database's clock, and does not matter.
        let short = given.claim_run("w", -1, at(-9_000_000)).await.unwrap();
        assert_eq!(short, None);
        let short = given.claim_run("w", 1, at(9_000_000)).await.unwrap().unwrap().lease.until;
        let long = given.claim_run("w", 1 + LONG, at(9_000_000)).await.unwrap().unwrap().lease.until;
        let longer_by = (long - short).num_seconds();
        assert!((LONG..LONG + 60).contains(&longer_by), "{longer_by} s");
    })
    .await;
}

#[tokio::test]
async fn a_job_never_overlaps_itself() {
    for_each_store(async |given| {
        given.register_job("daily", "f", Some(at(0)), at(0)).await.unwrap();
        let run = PlannedRun { slot_at: at(0), deadline_at: None, skipped: None };
        given.plan("daily", at(0), None, &[run], at(0)).await.unwrap();
        let manual = given.insert_manual_run("daily", at(0), None, at(0)).await.unwrap();
        let weekly = given.insert_manual_run("weekly", at(0), None, at(1)).await.unwrap();

        let first = given.claim_run("w1", LONG, at(1)).await.unwrap().unwrap();
        assert_eq!(first.run.origin, Origin::Cron, "the one due longest");
        let second = given.claim_run("w2", LONG, at(1)).await.unwrap().unwrap();
        assert_eq!(second.run.id, weekly, "another job goes on");
        assert_eq!(given.claim_run("w3", LONG, at(1)).await.unwrap(), None);
        assert_eq!(given.claim_run_by_id(manual, "w3", LONG, at(1)).await.unwrap(), None);

        given.finish_run(&first.lease, &RunResult::default(), at(2)).await.unwrap();
        let third = given.claim_run("w3", LONG, at(2)).await.unwrap().unwrap();
        assert_eq!(third.run.id, manual);
    })
    .await;
}

#[tokio::test]
async fn one_run_is_claimed_by_its_id_even_behind_a_dead_one_of_its_job() {
    for_each_store(async |given| {
        let older = given.insert_manual_run("daily", at(0), None, at(0)).await.unwrap();
        let newer = given.insert_manual_run("daily", at(0), None, at(1)).await.unwrap();
        assert_eq!(given.claim_run_by_id(newer, "cli", LONG, at(0)).await.unwrap(), None, "not due");
        assert_eq!(given.claim_run_by_id(newer + 9, "cli", LONG, at(1)).await.unwrap(), None);

        given.claim_run_by_id(older, "dead", ENDED, at(1)).await.unwrap().unwrap();
        let claimed = given.claim_run_by_id(newer, "cli", LONG, at(1)).await.unwrap().unwrap();
        assert_eq!((claimed.run.id, claimed.taken_over_from), (newer, None));
        assert_eq!(given.find_run(older).await.unwrap().unwrap().reason.as_deref(), Some("worker_lost"));
        given.finish_run(&claimed.lease, &RunResult::default(), at(2)).await.unwrap();
        let taken_over = given.claim_run("live", LONG, at(2)).await.unwrap().unwrap();
        assert_eq!((taken_over.run.id, taken_over.taken_over_from.as_deref()), (older, Some("dead")));
    })
    .await;
}

#[tokio::test]
async fn runs_are_listed_latest_slot_first_and_the_last_success_of_each_job_is_found() {
    for_each_store(async |given| {
        for (job, slot) in [("daily", 1), ("weekly", 2), ("daily", 3), ("daily", 0)] {
            given.insert_manual_run(job, at(slot), None, at(0)).await.unwrap();
            let lease = given.claim_run("w", LONG, at(9)).await.unwrap().unwrap().lease;
            given.finish_run(&lease, &RunResult::default(), at(9)).await.unwrap();
        }
        given.insert_manual_run("daily", at(7), None, at(0)).await.unwrap();
        let slots =
            |rows: &[svodka::store::runs::RunRow]| rows.iter().map(|row| row.slot_at).collect::<Vec<_>>();
        let all = given.list_runs(None, 4).await.unwrap();
        assert_eq!(slots(&all), [at(7), at(3), at(2), at(1)]);
        let daily = given.list_runs(Some("daily"), 9).await.unwrap();
        assert_eq!(slots(&daily), [at(7), at(3), at(1), at(0)]);
        let last = given.last_successes().await.unwrap();
        assert_eq!(slots(&last), [at(3), at(2)]);
        assert_eq!((last[0].job.as_str(), last[1].job.as_str()), ("daily", "weekly"));
    })
    .await;
}

#[tokio::test]
async fn a_missed_deadline_is_found_and_told_once() {
    for_each_store(async |given| {
        let run = given.insert_manual_run("daily", at(0), Some(at(5)), at(0)).await.unwrap();
        let missed = async |minutes| {
            let rows = given.list_missed_deadlines(at(minutes)).await.unwrap();
            rows.into_iter().map(|row| row.id).collect::<Vec<i64>>()
        };
        let none: [i64; 0] = [];
        assert_eq!(missed(4).await, none);
        assert_eq!(missed(5).await, [run], "planned is not delivered");

        let lease = given.claim_run("w", LONG, at(0)).await.unwrap().unwrap().lease;
        assert_eq!(missed(5).await, [run], "running is not delivered");
        let deliveries = vec![NewDelivery { run_id: Some(run), ..message("run/1", "managers") }];
        given.finish_run(&lease, &RunResult { deliveries, ..RunResult::default() }, at(1)).await.unwrap();
        assert_eq!(missed(5).await, [run], "computed is not delivered");

        let sending = given.claim_delivery("w", LONG, at(1)).await.unwrap().unwrap();
        assert_eq!(missed(5).await, [run]);
        given.record_unknown(&sending.lease, "timeout", at(2), at(1)).await.unwrap();
        assert_eq!(missed(5).await, [run]);
        let sending = given.claim_delivery("w", LONG, at(2)).await.unwrap().unwrap();
        given.record_sent(&sending.lease, Some(1), at(2)).await.unwrap();
        assert_eq!(missed(5).await, none);

        let late = given.insert_manual_run("daily", at(0), Some(at(6)), at(0)).await.unwrap();
        let lease = given.claim_run("w", LONG, at(0)).await.unwrap().unwrap().lease;
        given.fail_run(&lease, "unauthorized", "", at(1)).await.unwrap();
        assert_eq!(missed(6).await, [late], "failed is not delivered");
        let note = [message("run:2/late", "managers")];
        assert!(given.mark_deadline_missed(late, &note, at(6)).await.unwrap());
        let other = [message("run:2/late/other", "managers")];
        assert!(!given.mark_deadline_missed(late, &other, at(7)).await.unwrap());
        assert_eq!(missed(9).await, none);
        assert_eq!(given.find_run(late).await.unwrap().unwrap().deadline_missed_at, Some(at(6)));
        assert!(given.find_delivery("run:2/late").await.unwrap().is_some());
        assert!(given.find_delivery("run:2/late/other").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_run_for_the_record_says_so_to_whoever_claims_it() {
    for_each_store(async |given| {
        let usual = given.insert_manual_run("weekly", at(0), None, at(0)).await.unwrap();
        let id = given.insert_run_for_record("daily", at(-600), at(0)).await.unwrap();
        let run = given.find_run(id).await.unwrap().unwrap();
        assert_eq!((run.state, run.origin, run.slot_at), (RunState::Planned, Origin::Manual, at(-600)));
        assert!(run.is_for_record && run.deadline_at.is_none() && run.not_before_at == at(0));
        let claimed = given.claim_run_by_id(id, "w1", LONG, at(0)).await.unwrap().unwrap();
        assert!(claimed.run.is_for_record);
        assert!(!given.find_run(usual).await.unwrap().unwrap().is_for_record);
    })
    .await;
}

#[tokio::test]
async fn a_run_is_corrected_by_one_run_at_a_time_which_is_no_success_of_the_job() {
    for_each_store(async |given| {
        let of = given.insert_manual_run("daily", at(0), None, at(0)).await.unwrap();
        let claimed = given.claim_run("w", LONG, at(1)).await.unwrap().unwrap();
        given.finish_run(&claimed.lease, &RunResult::default(), at(1)).await.unwrap();
        assert_eq!(given.insert_correction(404, at(2)).await.unwrap(), None, "of a run that is not there");
        let id = given.insert_correction(of, at(2)).await.unwrap().unwrap();
        assert_eq!(given.insert_correction(of, at(3)).await.unwrap(), None, "one is open");
        let run = given.find_run(id).await.unwrap().unwrap();
        assert_eq!((run.origin, run.state), (Origin::Correction, RunState::Planned));
        assert_eq!((run.corrects_run_id, run.slot_at, run.deadline_at), (Some(of), at(0), None));
        assert_eq!(run.job, "daily");
        let claimed = given.claim_run("w", LONG, at(4)).await.unwrap().unwrap();
        assert_eq!(claimed.run.id, id);
        assert_eq!(given.insert_correction(of, at(4)).await.unwrap(), None, "it runs");
        given.finish_run(&claimed.lease, &RunResult::default(), at(5)).await.unwrap();
        let next = given.insert_correction(of, at(6)).await.unwrap().unwrap();
        let listed: Vec<_> = given.list_corrections(of).await.unwrap().iter().map(|run| run.id).collect();
        assert_eq!(listed, [id, next]);
        assert_eq!(given.last_successes().await.unwrap()[0].id, of);
    })
    .await;
}
