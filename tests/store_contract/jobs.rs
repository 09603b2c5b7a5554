//! The cron table as rows.

use svodka::store::jobs::PlannedRun;
use svodka::store::runs::{Origin, RunState};

use super::at;
use crate::support::stores::for_each_store;

fn planned(minutes: i64) -> PlannedRun {
    PlannedRun { slot_at: at(minutes), deadline_at: Some(at(minutes + 5)), skipped: None }
}

#[tokio::test]
async fn a_job_keeps_its_next_slot_until_its_cron_line_changes() {
    for_each_store(async |given| {
        let new = given.register_job("daily", "0 9", Some(at(0)), at(-9)).await.unwrap();
        assert_eq!((new.fingerprint.as_str(), new.next_slot_at, new.is_retired), ("0 9", Some(at(0)), false));
        assert_eq!((new.paused_at, new.paused_by, new.pause_reason), (None, None, None));

        let again = given.register_job("daily", "0 9", Some(at(60)), at(1)).await.unwrap();
        assert_eq!(again.next_slot_at, Some(at(0)), "a restart forgets nothing that is due");
        let changed = given.register_job("daily", "0 10", Some(at(60)), at(1)).await.unwrap();
        assert_eq!((changed.fingerprint.as_str(), changed.next_slot_at), ("0 10", Some(at(60))));
        let never = given.register_job("once", "never", None, at(1)).await.unwrap();
        assert_eq!(never.next_slot_at, None);
        assert_eq!(given.list_jobs().await.unwrap(), [changed, never]);
    })
    .await;
}

#[tokio::test]
async fn jobs_are_listed_in_the_same_order_everywhere_and_retire_once() {
    for_each_store(async |given| {
        for name in ["b", "Z", "a_b", "ab", "я"] {
            given.register_job(name, "f", None, at(0)).await.unwrap();
        }
        let names: Vec<_> = given.list_jobs().await.unwrap().into_iter().map(|job| job.name).collect();
        assert_eq!(names, ["Z", "a_b", "ab", "b", "я"]);

        let kept = ["ab".to_owned(), "я".to_owned()];
        assert_eq!(given.retire_jobs_except(&kept, at(1)).await.unwrap(), ["Z", "a_b", "b"]);
        assert!(given.retire_jobs_except(&kept, at(2)).await.unwrap().is_empty());
        let retired = given.list_jobs().await.unwrap().into_iter().filter(|job| job.is_retired).count();
        assert_eq!(retired, 3);
        assert!(!given.register_job("b", "f", None, at(3)).await.unwrap().is_retired);
    })
    .await;
}

#[tokio::test]
async fn an_occurrence_is_planned_by_whoever_moves_the_slot_first() {
    for_each_store(async |given| {
        given.register_job("daily", "f", Some(at(0)), at(-9)).await.unwrap();
        let skipped = PlannedRun { skipped: Some("missed".into()), deadline_at: None, ..planned(-60) };
        let runs = [skipped, planned(0)];
        assert!(given.plan("daily", at(0), Some(at(60)), &runs, at(1)).await.unwrap());
        assert!(!given.plan("daily", at(0), Some(at(60)), &[planned(30)], at(1)).await.unwrap());
        assert!(!given.plan("nobody", at(0), None, &[planned(30)], at(1)).await.unwrap());

        let rows = given.list_runs(Some("daily"), 10).await.unwrap();
        assert_eq!(rows.len(), 2, "the loser wrote nothing");
        let (run, skip) = (&rows[0], &rows[1]);
        assert_eq!((run.state, run.origin, run.slot_at), (RunState::Planned, Origin::Cron, at(0)));
        assert_eq!((run.deadline_at, run.not_before_at, run.created_at), (Some(at(5)), at(0), at(1)));
        assert_eq!((skip.state, skip.reason.as_deref()), (RunState::Skipped, Some("missed")));
        assert_eq!(skip.finished_at, Some(at(1)));

        // A slot planned before (the cron line was changed there and back) stays as it is.
        assert!(given.plan("daily", at(60), None, &[planned(0), planned(60)], at(61)).await.unwrap());
        let rows = given.list_runs(None, 10).await.unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows.iter().find(|row| row.slot_at == at(0)).unwrap(), run);
        assert_eq!(given.list_jobs().await.unwrap()[0].next_slot_at, None);
    })
    .await;
}

#[tokio::test]
async fn a_pause_keeps_its_first_author() {
    for_each_store(async |given| {
        given.register_job("daily", "f", None, at(0)).await.unwrap();
        assert!(given.pause_job("daily", "Анна", "ремонт", at(1)).await.unwrap());
        assert!(given.pause_job("daily", "Борис", "отпуск", at(2)).await.unwrap());
        assert!(!given.pause_job("nobody", "Анна", "ремонт", at(1)).await.unwrap());
        let job = given.list_jobs().await.unwrap().remove(0);
        assert_eq!(job.paused_at, Some(at(1)));
        assert_eq!((job.paused_by.as_deref(), job.pause_reason.as_deref()), (Some("Анна"), Some("ремонт")));

        assert!(given.resume_job("daily", at(3)).await.unwrap());
        assert!(!given.resume_job("nobody", at(3)).await.unwrap());
        let job = given.list_jobs().await.unwrap().remove(0);
        assert_eq!((job.paused_at, job.paused_by, job.pause_reason), (None, None, None));
    })
    .await;
}
