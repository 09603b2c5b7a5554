//! What the worker itself costs: how late a slot fires, how long one digest takes to a thousand chats, and how many runs a
//! second the bookkeeping holds on PostgreSQL with a million rows behind it.
//!
//! `cargo bench --bench worker` prints the tables of `docs/performance.md`; `-- lateness`, `-- broadcast` and
//! `-- bookkeeping` one of them. The stand-in of Telegram runs in the same process and refuses what is too fast.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../tests/support/postgres.rs"]
mod postgres;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant as Stopwatch;

use chrono::TimeDelta;
use sqlx::{Connection, Executor, PgConnection};
use svodka::alert::{AlertSettings, Alerter, Thresholds};
use svodka::app::App;
use svodka::clock::{Clock, SystemClock};
use svodka::outbound::Jitter;
use svodka::render::notices::Speech;
use svodka::sandbox::telegram::{Flood, SimChat, TelegramApi, TelegramOptions};
use svodka::settings::Settings;
use svodka::store::Store;
use svodka::store::history::HistoryRow;
use svodka::store::outbox::{Action, DeliveryState, NewDelivery, Policy};
use svodka::store::runs::{Origin, RunResult, RunState};
use tokio_util::sync::CancellationToken;

/// Jobs that all fire each minute.
const JOBS: usize = 20;
const MINUTES: i64 = 2;
const CHATS: usize = 1000;
const ROWS: i64 = 1_000_000;

#[tokio::main]
async fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let is_wanted = |name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    if is_wanted("lateness") {
        let folder = tempfile::tempdir().unwrap();
        lateness("SQLite", &format!("sqlite://{}/bench.db", folder.path().display())).await;
        if let Some(cluster) = postgres::cluster() {
            lateness("PostgreSQL", &cluster.database().await.url()).await;
        }
    }
    if is_wanted("broadcast") {
        broadcast().await;
    }
    if is_wanted("bookkeeping") {
        match postgres::cluster() {
            Some(cluster) => bookkeeping(&cluster.database().await.url()).await,
            None => println!("bookkeeping: no PostgreSQL here"),
        }
    }
}

/// A worker on `database_url` with a stand-in of Telegram; `jobs` names each job's chats.
async fn worker(database_url: &str, cron: &str, jobs: &BTreeMap<String, Vec<String>>) -> (App, TelegramApi) {
    let clock = Arc::new(SystemClock);
    let options = TelegramOptions { flood: Flood::Strict, ..TelegramOptions::default() };
    let telegram = TelegramApi::start(clock.clone(), options).await.unwrap();
    let mut variables: BTreeMap<String, String> = [
        ("DATABASE_URL", database_url.to_owned()),
        ("TELEGRAM_BOT_TOKEN", telegram.token()),
        ("TELEGRAM_OPS_CHAT_ID", "99".to_owned()),
        ("SVODKA__TELEGRAM__API_URL", telegram.url()),
        ("SVODKA__TELEGRAM__LISTEN", "false".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for job in ["DAILY", "SYNC", "RECONCILE", "RETENTION"] {
        variables.insert(format!("SVODKA__JOBS__{job}__ENABLED"), "false".to_owned());
    }
    telegram.add_chat(SimChat::private(99, "Дежурный"));
    let mut id = 1000;
    for (job, chats) in jobs {
        let prefix = format!("SVODKA__JOBS__{}", job.to_uppercase());
        variables.insert(format!("{prefix}__REPORT"), "daily".to_owned());
        variables.insert(format!("{prefix}__CRON"), cron.to_owned());
        variables.insert(format!("{prefix}__CHATS"), chats.join(","));
        for chat in chats {
            id += 1;
            variables.insert(format!("SVODKA__CHATS__{}__ID", chat.to_uppercase()), id.to_string());
            telegram.add_chat(SimChat::private(id, "Читатель"));
        }
    }
    let settings = Settings::from_environment(&variables).unwrap();
    (App::start(Arc::new(settings), clock, Jitter::seeded(1)).await.unwrap(), telegram)
}

async fn lateness(database: &str, database_url: &str) {
    let jobs = (0..JOBS).map(|n| (format!("j{n}"), vec![format!("c{n}")])).collect();
    let (app, telegram) = worker(database_url, "* * * * *", &jobs).await;
    let (store, stop) = (app.store.clone(), CancellationToken::new());
    let serving = tokio::spawn(app.serve(stop.clone()));
    SystemClock.sleep(TimeDelta::minutes(MINUTES) + TimeDelta::seconds(20)).await;
    let runs = store.list_runs(None, 1000).await.unwrap();
    let (mut claimed, mut arrived) = (Vec::new(), Vec::new());
    let journal = telegram.requests_to("sendMessage");
    for run in runs.iter().filter(|run| run.origin == Origin::Cron && run.state == RunState::Succeeded) {
        claimed.push((run.started_at.unwrap() - run.slot_at).num_microseconds().unwrap() as f64 / 1000.0);
        for row in store.list_run_deliveries(run.id).await.unwrap() {
            let is_it = |message: Option<i64>, at| message == row.message_id && at >= run.slot_at;
            let record = journal.iter().find(|one| {
                one.committed_at
                    .is_some_and(|at| is_it(one.message_id, at) && at <= row.finished_at.unwrap_or(at))
            });
            let Some(at) = record.and_then(|record| record.committed_at) else { continue };
            arrived.push((at - run.slot_at).num_microseconds().unwrap() as f64 / 1000.0);
        }
    }
    let show = |name: &str, of: &mut Vec<f64>| {
        of.sort_by(f64::total_cmp);
        let at = |share: f64| of[((of.len() - 1) as f64 * share).round() as usize];
        println!(
            "lateness, {database}: {name}: {} samples, p50 {:.0} ms, p90 {:.0} ms, p99 {:.0} ms, most {:.0} ms",
            of.len(),
            at(0.5),
            at(0.9),
            at(0.99),
            at(1.0)
        );
    };
    show("slot to claim", &mut claimed);
    show("slot to message", &mut arrived);
    stop.cancel();
    serving.await.unwrap().unwrap();
}

async fn broadcast() {
    let folder = tempfile::tempdir().unwrap();
    let chats = (0..CHATS).map(|n| format!("c{n}")).collect();
    let jobs = BTreeMap::from([("all".to_owned(), chats)]);
    let url = format!("sqlite://{}/bench.db", folder.path().display());
    let (app, telegram) = worker(&url, "0 0 1 1 *", &jobs).await;
    let now = SystemClock.now();
    let run = app.store.insert_manual_run("all", now, None, now).await.unwrap();
    app.run_claimed(run, &CancellationToken::new()).await.unwrap();
    let (sender, stop, started) = (app.sender.clone(), CancellationToken::new(), Stopwatch::now());
    let sending = tokio::spawn({
        let stop = stop.clone();
        async move { sender.run(stop).await }
    });
    let open = [DeliveryState::Pending, DeliveryState::Sending, DeliveryState::Unknown];
    while !app.store.list_deliveries(&open, 1).await.unwrap().is_empty() {
        SystemClock.sleep(TimeDelta::milliseconds(200)).await;
    }
    let secs = started.elapsed().as_secs_f64();
    stop.cancel();
    sending.await.unwrap();
    let requests = telegram.requests_to("sendMessage");
    let refused = requests.iter().filter(|request| request.status == Some(429)).count();
    let sent = app.store.list_deliveries(&[DeliveryState::Sent], 2000).await.unwrap().len();
    let floor = CHATS as f64 / 20.0;
    println!(
        "broadcast: {sent} of {CHATS} chats in {secs:.1} s, floor at 20 a second {floor:.0} s, ratio {:.2}; \
         {} requests, {refused} answered 429",
        secs / floor,
        requests.len()
    );
}

async fn bookkeeping(database_url: &str) {
    let mut database = PgConnection::connect(database_url).await.unwrap();
    let started = Stopwatch::now();
    for sql in [
        "INSERT INTO svodka.runs (job, origin, slot_at, state, not_before_at, attempt_count, lease_token, created_at,
            started_at, finished_at)
         SELECT 'job' || n % 8, 'cron', TIMESTAMPTZ '2026-01-01' - n * INTERVAL '15 s', 'succeeded', now(), 1, 1,
            now(), now(), now() FROM generate_series(1, 1000000) AS n",
        "INSERT INTO svodka.history (report, period_on, subject, measure, value, is_complete, run_id)
         SELECT 'daily', DATE '2020-01-01' + (n / 1000)::int, 'manager/crm:' || n % 100, 'measure' || n % 1000 / 100,
            n, TRUE, n FROM generate_series(1, 1000000) AS n",
        "INSERT INTO svodka.deliveries (key, run_id, chat, part, part_count, html, plain, public_id, policy, is_silent,
            state, not_before_at, attempt_count, is_plain, is_repeat, lease_token, created_at, finished_at, message_id,
            id_space)
         SELECT 'old/' || n, NULL, 'c' || n % 8, 1, 1, repeat('x', 200), '', 'd-1', 'at_least_once', FALSE, 'sent', now(),
            1, FALSE, FALSE, 1, now(), now(), n, 'c' || n % 8 FROM generate_series(1, 1000000) AS n",
        "ANALYZE",
    ] {
        database.execute(sql).await.unwrap();
    }
    println!(
        "bookkeeping: {ROWS} runs, history rows and deliveries written in {:.0} s",
        started.elapsed().as_secs_f64()
    );
    let store = Store::connect(database_url).await.unwrap();
    for workers in [1, 4] {
        let now = SystemClock.now();
        for n in 0..2000 {
            store.insert_manual_run(&format!("job{}", n % 8), now, None, now).await.unwrap();
        }
        let started = Stopwatch::now();
        let tasks: Vec<_> = (0..workers).map(|n| tokio::spawn(finish_all(store.clone(), n))).collect();
        let mut finished = 0;
        for task in tasks {
            finished += task.await.unwrap();
        }
        let secs = started.elapsed().as_secs_f64();
        println!(
            "bookkeeping: {workers} workers: {finished} runs claimed and finished, {:.0} a second",
            f64::from(finished) / secs
        );
    }
    let clock = Arc::new(SystemClock);
    let speech = Speech { zone: chrono_tz::UTC, job_titles: BTreeMap::new(), job_chats: BTreeMap::new() };
    let thresholds = Thresholds::default();
    let settings = AlertSettings {
        ops_chat: None,
        thresholds,
        speech,
        bot_jobs: Default::default(),
        most_messages: 3,
        conduct: Default::default(),
        looks: Default::default(),
    };
    let alerter = Alerter::new(store.clone(), clock, settings);
    alerter.check_step().await.unwrap();
    let started = Stopwatch::now();
    for _ in 0..10 {
        alerter.check_step().await.unwrap();
    }
    println!("bookkeeping: one round of checks {:.1} ms", started.elapsed().as_secs_f64() * 100.0);
}

/// Claims and finishes runs until none is due: each leaves a digest's ten values and one message.
async fn finish_all(store: Store, worker: usize) -> u32 {
    let (owner, mut finished) = (format!("w{worker}"), 0);
    loop {
        let now = SystemClock.now();
        let Some(claimed) = store.claim_run(&owner, 60, now).await.unwrap() else {
            // Every job with a run due may be under way elsewhere.
            let counts = store.list_runs(None, 2100).await.unwrap();
            if counts.iter().any(|run| run.state == RunState::Planned) {
                continue;
            }
            return finished;
        };
        let id = claimed.run.id;
        let history = (0..10).map(|n| HistoryRow {
            report: "daily".to_owned(),
            period_on: now.date_naive(),
            subject: format!("manager/crm:{}", id % 100),
            measure: format!("measure{n}"),
            value: Some(n as f64),
            is_complete: true,
        });
        let message = NewDelivery {
            key: format!("run:{id}/managers/1"),
            run_id: Some(id),
            chat: "managers".to_owned(),
            part: 1,
            part_count: 1,
            action: Action::Send,
            html: "x".repeat(2000),
            plain: "x".repeat(2000),
            public_id: "d-1".to_owned(),
            policy: Policy::AtLeastOnce,
            expires_at: None,
            is_silent: false,
            keyboard: None,
        };
        let result =
            RunResult { history: history.collect(), deliveries: vec![message], ..RunResult::default() };
        store.finish_run(&claimed.lease, &result, SystemClock.now()).await.unwrap();
        finished += 1;
    }
}
