//! What operators do by hand: pause, fill past days, replay, and what it must never do to the cron table.

use svodka::clock::Clock;
use svodka::jobs::diff::changes;
use svodka::jobs::replay;
use svodka::schedule::runner::RunOutcome;
use svodka::store::runs::{Origin, RunRow, RunState};

use crate::support::stores::for_each_store;
use crate::support::worker::{MANAGERS, Worker, World, at, drive};

async fn daily_runs(worker: &Worker) -> Vec<RunRow> {
    worker.app.store.list_runs(Some("daily"), 50).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_job_records_its_slots_with_the_reason_and_goes_on_when_resumed() {
    for_each_store(async |given| {
        let world = World::open(given.url()).await;
        let worker = world.worker(1).await;
        assert!(given.pause_job("daily", "Анна", "выходной", world.clock.now()).await.unwrap());
        world.clock.set(at("2026-08-20T06:00:01Z"));
        worker.work().await;
        let runs = daily_runs(&worker).await;
        assert_eq!(runs.len(), 1, "{runs:#?}");
        assert_eq!((runs[0].state, runs[0].reason.as_deref()), (RunState::Skipped, Some("paused")));
        assert_eq!(world.texts(MANAGERS), Vec::<String>::new());
        assert!(given.resume_job("daily", world.clock.now()).await.unwrap());
        world.clock.set(at("2026-08-21T06:00:01Z"));
        worker.work().await;
        let runs = daily_runs(&worker).await;
        assert_eq!(runs.len(), 2, "the skipped slot is not made up for");
        assert_eq!((runs[0].state, runs[0].slot_at), (RunState::Succeeded, at("2026-08-21T06:00:00Z")));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_falls_due_while_the_last_one_is_still_open_is_recorded_as_an_overlap() {
    for_each_store(async |given| {
        let mut world = World::open(given.url()).await;
        world.set("SVODKA__JOBS__DAILY__CRON", "*/5 * * * *");
        let worker = world.worker(1).await;
        world.clock.set(at("2026-08-20T06:00:01Z"));
        worker.app.planner.plan_step().await.unwrap();
        world.clock.set(at("2026-08-20T06:05:01Z"));
        worker.app.planner.plan_step().await.unwrap();
        let runs = daily_runs(&worker).await;
        assert_eq!((runs[0].state, runs[0].reason.as_deref()), (RunState::Skipped, Some("overlap")));
        assert_eq!((runs[1].state, runs.len()), (RunState::Planned, 2));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manual_run_of_the_same_slot_takes_nothing_from_the_cron_table() {
    for_each_store(async |given| {
        let world = World::open(given.url()).await;
        let worker = world.worker(1).await;
        let slot = at("2026-08-20T06:00:00Z");
        given.insert_manual_run("daily", slot, None, world.clock.now()).await.unwrap();
        world.clock.set(at("2026-08-20T06:00:01Z"));
        worker.work().await;
        let runs = daily_runs(&worker).await;
        let origins: Vec<_> = runs.iter().map(|run| (run.origin, run.state, run.slot_at)).collect();
        let succeeded = |origin| (origin, RunState::Succeeded, slot);
        assert_eq!(origins, [succeeded(Origin::Cron), succeeded(Origin::Manual)], "{runs:#?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_gone_from_the_configuration_plans_nothing_new_and_its_open_run_ends() {
    for_each_store(async |given| {
        let mut world = World::open(given.url()).await;
        let before = world.worker(1).await;
        world.clock.set(at("2026-08-20T06:00:01Z"));
        before.app.planner.plan_step().await.unwrap();
        world.set("SVODKA__JOBS__DAILY__ENABLED", "false");
        let after = world.worker(2).await;
        let planned = daily_runs(&after).await;
        assert_eq!((planned.len(), planned[0].state), (1, RunState::Planned));
        let outcomes = after.work().await;
        let failed = RunOutcome::Failed { run_id: planned[0].id, reason: "unknown_job".to_owned() };
        assert!(outcomes.contains(&failed), "told, not swallowed: {outcomes:?}");
        world.clock.set(at("2026-08-21T06:00:01Z"));
        after.work().await;
        assert_eq!(daily_runs(&after).await.len(), 1, "nothing new is planned");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_filled_for_the_record_keeps_its_digest_and_history_and_leaves_the_outbox_alone() {
    for_each_store(async |given| {
        let world = World::open(given.url()).await;
        let worker = world.worker(1).await;
        world.clock.set(at("2026-08-20T06:00:01Z"));
        worker.work().await;
        let sent = given.list_deliveries(&[], 50).await.unwrap().len();
        let job = worker.app.settings.jobs["daily"].clone();
        let day = "2026-08-19".parse().unwrap();
        let days = worker.app.backfill_days(&job, day, day).await.unwrap().unwrap();
        assert_eq!(days, [day]);
        let tomorrow = day.succ_opt().unwrap();
        let text = worker.app.backfill_days(&job, day, tomorrow).await.unwrap().unwrap_err();
        assert!(text.contains("is not complete"), "{text}");
        let sync = worker.app.settings.jobs["sync"].clone();
        assert!(worker.app.backfill_days(&sync, day, day).await.unwrap().is_err());

        let slot = at("2026-08-20T06:00:00Z");
        let run = drive(&world.clock, worker.app.backfill_slot(&job, slot, false)).await.unwrap();
        assert_eq!((run.state, run.origin, run.is_for_record), (RunState::Succeeded, Origin::Manual, true));
        let kept = given.find_digest(run.id).await.unwrap().unwrap();
        assert!(kept.public_id.starts_with("d-0819-"), "{}", kept.public_id);
        assert_eq!(given.list_run_deliveries(run.id).await.unwrap(), []);
        assert_eq!(given.list_deliveries(&[], 50).await.unwrap().len(), sent);
        let orders = given.list_history("daily", "team", "orders", day).await.unwrap();
        assert_eq!(orders.len(), 1, "one value per day, however often it is filled: {orders:?}");

        let run = drive(&world.clock, worker.app.backfill_slot(&job, slot, true)).await.unwrap();
        assert!(!given.list_run_deliveries(run.id).await.unwrap().is_empty(), "asked to deliver");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn weeks_are_filled_one_by_one_and_the_next_week_finds_them_in_the_history() {
    for_each_store(async |given| {
        let world = World::open(given.url()).await;
        let worker = world.worker(1).await;
        world.clock.set(at("2026-08-20T06:00:01Z"));
        worker.work().await;
        let job = worker.app.settings.jobs["weekly"].clone();
        let weeks =
            worker.app.backfill_days(&job, "2026-08-05".parse().unwrap(), "2026-08-16".parse().unwrap());
        let weeks = weeks.await.unwrap().unwrap();
        assert_eq!(weeks, ["2026-08-03".parse().unwrap(), "2026-08-10".parse().unwrap()]);
        for slot in ["2026-08-10T06:00:00Z", "2026-08-17T06:00:00Z"] {
            let run = drive(&world.clock, worker.app.backfill_slot(&job, at(slot), false)).await.unwrap();
            assert_eq!((run.state, run.is_for_record), (RunState::Succeeded, true), "{run:?}");
        }
        let kept = given.list_history("weekly", "team", "chats", weeks[0]).await.unwrap();
        assert_eq!(kept.iter().map(|row| row.period_on).collect::<Vec<_>>(), weeks);
        let text = worker.app.backfill_days(&job, weeks[1], "2026-08-17".parse().unwrap()).await.unwrap();
        assert!(text.unwrap_err().contains("2026-08-17..2026-08-23 is not complete"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_for_the_record_stays_one_when_another_worker_takes_it_over() {
    for_each_store(async |given| {
        let world = World::open(given.url()).await;
        let worker = world.worker(1).await;
        let now = world.clock.now();
        let id = given.insert_run_for_record("daily", at("2026-08-20T06:00:00Z"), now).await.unwrap();
        given.claim_run_by_id(id, "the command that died", 0, now).await.unwrap().unwrap();
        let outcome = worker.run_step().await;
        assert_eq!(outcome, RunOutcome::Succeeded { run_id: id });
        assert!(given.find_digest(id).await.unwrap().is_some());
        assert_eq!(given.list_deliveries(&[], 50).await.unwrap(), []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_gives_the_bytes_that_were_enqueued_and_refuses_what_it_cannot_read() {
    for_each_store(async |given| {
        let world = World::open(given.url()).await;
        let worker = world.worker(1).await;
        world.clock.set(at("2026-08-20T06:00:01Z"));
        worker.work().await;
        let run = &daily_runs(&worker).await[0];
        let mut stored = given.find_digest(run.id).await.unwrap().unwrap();
        let settings = &worker.app.settings;
        let parts: Vec<_> = replay::messages(&stored, settings)
            .unwrap()
            .into_iter()
            .map(|part| (part.html, part.plain))
            .collect();
        let mut rows = given.list_run_deliveries(run.id).await.unwrap();
        rows.sort_by_key(|row| row.part);
        let enqueued: Vec<_> = rows.into_iter().map(|row| (row.html, row.plain)).collect();
        assert!(!enqueued.is_empty());
        assert_eq!(parts, enqueued);

        let mut other = stored.clone();
        other.body["mood"] = "новое поле".into();
        assert_eq!(changes(&stored.body, &other.body)[0].path, "mood");
        let error = replay::messages(&other, settings).unwrap_err();
        assert!(error.reason == "snapshot_version" && error.note.contains("mood"), "{error}");
        stored.body.as_object_mut().unwrap().remove("team");
        assert_eq!(replay::messages(&stored, settings).unwrap_err().reason, "snapshot_version");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_does_not_wait_for_ever_behind_a_run_that_another_worker_holds() {
    for_each_store(async |given| {
        let mut world = World::open(given.url()).await;
        world.set("SVODKA__JOBS__DAILY__TIMEOUT", "10s");
        let worker = world.worker(1).await;
        let now = world.clock.now();
        let held = given.insert_manual_run("daily", now, None, now).await.unwrap();
        given.claim_run_by_id(held, "a worker that hangs", 600, now).await.unwrap().unwrap();
        let job = &worker.app.settings.jobs["daily"];
        let slot_at = at("2026-08-20T06:00:00Z");
        let run = drive(&world.clock, worker.app.backfill_slot(job, slot_at, false)).await.unwrap();
        assert_eq!((run.state, run.slot_at), (RunState::Planned, slot_at));
        assert_eq!(given.find_run(held).await.unwrap().unwrap().state, RunState::Running);
        let waited = world.clock.now() - now;
        assert!((130..150).contains(&waited.num_seconds()), "an attempt and two minutes: {waited}");
    })
    .await;
}
