//! Pings to a watcher outside: what it hears, and when.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use chrono::TimeDelta;
use svodka::app::heartbeat::{Heartbeat, heartbeat};
use svodka::clock::{Clock, ManualClock};
use svodka::outbound::Jitter;
use svodka::settings::{HeartbeatSettings, Settings};
use tokio_util::sync::CancellationToken;

use crate::support::stores::for_each_store;
use crate::support::watcher::Watcher;
use crate::support::worker::{World, at, drive};

fn start(settings: HeartbeatSettings, clock: &ManualClock) -> (Heartbeat, CancellationToken) {
    let clock: svodka::clock::SharedClock = Arc::new(clock.clone());
    let (heartbeat, pinger) = heartbeat(settings, clock, Jitter::seeded(1)).unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(pinger.run(stop.clone()));
    (heartbeat, stop)
}

#[tokio::test]
async fn healthy_rounds_are_pinged_at_their_pace_and_a_trouble_once() {
    let (watcher, clock) = (Watcher::start().await, ManualClock::new(at("2026-08-20T06:00:00Z")));
    let every = Duration::from_secs(30);
    let settings =
        HeartbeatSettings { url: Some(watcher.address("w")), every, ..HeartbeatSettings::default() };
    let (mut heartbeat, _stop) = start(settings, &clock);
    for _ in 0..13 {
        heartbeat.round(None);
        clock.advance(TimeDelta::seconds(5));
    }
    for _ in 0..3 {
        heartbeat.round(Some("db_unavailable"));
        clock.advance(TimeDelta::seconds(5));
    }
    heartbeat.round(None);
    let heard = watcher.hears(5).await;
    assert_eq!(heard, ["/w healthy", "/w healthy", "/w healthy", "/w/fail db_unavailable", "/w healthy"]);
}

#[tokio::test]
async fn a_job_is_told_when_it_starts_and_when_its_messages_have_arrived_not_before() {
    for_each_store(async |given| {
        let (watcher, mut world) = (Watcher::start().await, World::open(given.url()).await);
        world.set("SVODKA__HEARTBEAT__JOBS__DAILY", &format!("{}/daily", watcher.url));
        let (settings, worker) = (world.settings().heartbeat, world.worker(1).await);
        let (mut heartbeat, _stop) = start(settings, &world.clock);
        world.clock.advance(TimeDelta::seconds(20));
        let store = &worker.app.store;
        worker.app.planner.plan_step().await.unwrap();
        let now = world.clock.now();
        let daily = store.list_runs(Some("daily"), 1).await.unwrap().remove(0);
        let claimed = store.claim_run_by_id(daily.id, "test", 15, now).await.unwrap().unwrap();
        heartbeat.look_at_runs(store).await.unwrap();
        heartbeat.look_at_runs(store).await.unwrap();
        let stop = CancellationToken::new();
        let app = &worker.app;
        drive(&world.clock, app.runner.execute(claimed, app.work.as_ref(), &stop)).await.unwrap();
        heartbeat.look_at_runs(store).await.unwrap();
        let slot = "job daily, slot 2026-08-20 06:00:00 UTC";
        assert_eq!(watcher.hears(1).await, [format!("/daily/start {slot}, run {}", daily.id)]);

        worker.work().await;
        heartbeat.look_at_runs(store).await.unwrap();
        heartbeat.look_at_runs(store).await.unwrap();
        assert_eq!(watcher.hears(2).await[1..], [format!("/daily {slot}, run {}", daily.id)]);

        // Whoever starts a day later has nothing to say about it: pings keep their order, and the next one is of a round.
        world.clock.advance(TimeDelta::hours(20));
        world.set("SVODKA__HEARTBEAT__URL", &format!("{}/worker", watcher.url));
        let (mut other, _stop) = start(world.settings().heartbeat, &world.clock);
        other.look_at_runs(store).await.unwrap();
        other.round(None);
        assert_eq!(watcher.hears(3).await[2], "/worker healthy");
    })
    .await;
}

#[tokio::test]
async fn a_failed_run_is_told_as_failed_and_its_ping_is_repeated_until_heard() {
    for_each_store(async |given| {
        let (watcher, mut world) = (Watcher::start().await, World::open(given.url()).await);
        world.set("SVODKA__HEARTBEAT__JOBS__DAILY", &format!("{}/daily", watcher.url));
        let worker = world.worker(1).await;
        let (mut heartbeat, _stop) = start(world.settings().heartbeat, &world.clock);
        watcher.answer(StatusCode::BAD_GATEWAY);
        let (store, now) = (&worker.app.store, world.clock.now());
        let run = store.insert_manual_run("daily", now, None, now).await.unwrap();
        let claimed = store.claim_run_by_id(run, "test", 15, now).await.unwrap().unwrap();
        store.fail_run(&claimed.lease, "timeout", "no answer", now).await.unwrap();
        heartbeat.look_at_runs(store).await.unwrap();
        watcher.hears(1).await;
        watcher.answer(StatusCode::OK);
        let heard = drive(&world.clock, watcher.hears(2)).await;
        assert!(heard.iter().all(|ping| ping.starts_with("/daily/fail job daily")), "{heard:?}");
    })
    .await;
}

#[test]
fn a_wrong_address_is_refused_without_being_repeated() {
    let refused = |name: &str, value: &str| {
        let variables = [(name.to_owned(), value.to_owned())].into();
        Settings::from_environment(&variables).unwrap_err().to_string()
    };
    let text = refused("SVODKA__HEARTBEAT__URL", "hc-ping.com/s3cret");
    assert!(text.contains("heartbeat.url") && !text.contains("s3cret"), "{text}");
    let text = refused("SVODKA__HEARTBEAT__JOBS__DIALY", "https://hc-ping.com/s3cret");
    assert!(text.contains("heartbeat.jobs.dialy") && text.contains("correct the name"), "{text}");
}
