//! One seed from its first step to the last message.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::TimeDelta;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sqlx::{AssertSqlSafe, Connection};
use svodka::clock::{Clock, Instant};
use svodka::schedule::{CatchUp, Job, ReportKind, Schedule};
use svodka::store::Store;
use svodka::store::outbox::{DeliveryState, Policy};
use svodka::store::runs::RunState;

use super::checks::{End, Seen, after_step, at_end};
use super::worker::{Dead, Death, Short, Worker};
use super::world::{Probe, World};

/// How many steps faults go on for.
const STEPS: usize = 100;

/// What came of one seed.
#[derive(Debug, Default)]
pub struct Report {
    pub step_count: usize,
    pub fault_count: usize,
    pub death_count: usize,
    pub end: End,
    pub failure: Option<String>,
}

/// What came of all of them.
#[derive(Debug, Default)]
pub struct Totals {
    seeds: usize,
    steps: usize,
    faults: usize,
    deaths: usize,
    slots: usize,
    succeeded: usize,
    repeats: usize,
    dead: usize,
    untold: usize,
    pub failures: Vec<String>,
}

impl Totals {
    pub fn add(&mut self, report: Report) {
        self.seeds += 1;
        self.steps += report.step_count;
        self.faults += report.fault_count;
        self.deaths += report.death_count;
        self.slots += report.end.slot_count;
        self.succeeded += report.end.succeeded_count;
        self.repeats += report.end.repeat_count;
        self.dead += report.end.dead_count;
        self.untold += report.end.untold_count;
        self.failures.extend(report.failure);
    }

    pub fn summary(&self) -> String {
        format!(
            "{} seeds, {} steps, {} faults, {} deaths of workers, {} slots, {} reports, {} marked repeats, {} dead \
             messages, {} failures hidden from ops by a success",
            self.seeds,
            self.steps,
            self.faults,
            self.deaths,
            self.slots,
            self.succeeded,
            self.repeats,
            self.dead,
            self.untold
        )
    }

    /// A simulation in which nothing goes wrong proves nothing.
    pub fn assert_struck(&self) {
        let struck = [self.faults / 5, self.deaths, self.succeeded / 2, self.repeats * 4, self.dead];
        assert!(struck.iter().all(|count| *count > self.seeds / 2), "too quiet: {}", self.summary());
    }
}

/// A fresh database in memory where the machine has such a place.
pub async fn on_sqlite(seed: u64, is_loud: bool) -> Report {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let url = format!("sqlite://{}/svodka.db", folder.path().display());
    std::fs::write(folder.path().join("svodka.db"), migrated()).unwrap();
    let store = Store::connect(&url).await.unwrap();
    let report = live(seed, &store, &url, is_loud).await;
    store.close().await;
    report
}

/// A migrated database, made once: migrating takes longer than living through a seed.
fn migrated() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("svodka.db");
        let url = format!("sqlite://{}", path.display());
        std::thread::scope(|scope| {
            let made = scope.spawn(|| {
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                    let store = Store::connect(&url).await.unwrap();
                    store.migrate().await.unwrap();
                    store.close().await;
                });
            });
            made.join().unwrap();
        });
        std::fs::read(path).unwrap()
    })
}

fn jobs(rng: &mut ChaCha8Rng) -> Vec<Job> {
    const LINES: [&str; 5] = ["*/20 * * * *", "0 * * * *", "30 2 * * *", "5,35 2-9 * * *", "*/7 * * * *"];
    let job = |name: &str, rng: &mut ChaCha8Rng| Job {
        name: name.to_owned(),
        report: ReportKind::Daily,
        schedule: Schedule::parse(LINES[rng.random_range(0..LINES.len())], chrono_tz::Europe::Berlin)
            .unwrap(),
        chats: if rng.random_bool(0.5) {
            vec!["managers".into()]
        } else {
            vec!["managers".into(), "owner".into()]
        },
        deadline: rng.random_bool(0.7).then_some(Duration::from_secs(300)),
        catch_up: [CatchUp::None, CatchUp::Latest, CatchUp::All][rng.random_range(0..3)],
        catch_up_window: Duration::from_secs(rng.random_range(10..180) * 60),
        timeout: Duration::from_secs(120),
        policy: if rng.random_bool(0.8) { Policy::AtLeastOnce } else { Policy::AtMostOnce },
        corrections: None,
    };
    let names = ["daily", "weekly", "hourly"];
    names[..rng.random_range(1..=3)].iter().map(|name| job(name, rng)).collect()
}

/// Everything a scenario moves.
struct Scene {
    rng: ChaCha8Rng,
    world: Arc<World>,
    store: Store,
    url: String,
    jobs: Vec<Job>,
    workers: Vec<Worker>,
    dead: Vec<Dead>,
    seen: Seen,
    born: usize,
    step_count: usize,
    death_count: usize,
}

/// Lives through a seed.
pub async fn live(seed: u64, store: &Store, url: &str, is_loud: bool) -> Report {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let jobs = jobs(&mut rng);
    // Two hours before the clocks change in spring, in autumn, or never.
    let days = ["2026-03-28T23:10:00Z", "2026-10-24T22:40:00Z", "2026-08-19T22:50:00Z"];
    let begin: Instant = days[rng.random_range(0..3)].parse().unwrap();
    let begin = begin + TimeDelta::seconds(rng.random_range(0..3600));
    let world = World::new(seed, begin, true);
    let mut scene = Scene {
        rng,
        world: world.clone(),
        store: store.clone(),
        url: url.to_owned(),
        jobs: jobs.clone(),
        workers: Vec::new(),
        dead: Vec::new(),
        seen: Seen::default(),
        born: 0,
        step_count: 0,
        death_count: 0,
    };
    scene.give_birth().await;
    for _ in 0..STEPS {
        scene.step().await;
        if !world.lock().violations.is_empty() {
            break;
        }
    }
    let is_drained = world.lock().violations.is_empty() && scene.drain().await;
    let mut end = End::default();
    if world.lock().violations.is_empty() {
        if !is_drained {
            world.violation("it does not come to rest".to_owned());
        }
        end = at_end(&world, store, &jobs, begin, world.clock.now()).await;
        compare_readers(&scene, &end, begin);
    }
    let state = world.lock();
    if is_loud {
        eprintln!("{}", state.log.join("\n"));
    }
    let failure = (!state.violations.is_empty()).then(|| {
        let tail = state.log[state.log.len().saturating_sub(60)..].join("\n");
        format!(
            "{tail}\n\nseed {seed}: {}\nreplay: SVODKA_SIM_SEED={seed} cargo test --test svodka simulation -- --nocapture",
            state.violations.join("\n")
        )
    });
    Report {
        step_count: scene.step_count,
        fault_count: state.fault_count,
        death_count: scene.death_count,
        end,
        failure,
    }
}

/// An undisturbed worker would have sent each slot's texts once: whatever is missing has its reason, and nothing is new.
fn compare_readers(scene: &Scene, end: &End, begin: Instant) {
    let mut expected = BTreeSet::new();
    for job in &scene.jobs {
        for slot in job.schedule.after(begin).take_while(|slot| *slot <= scene.world.clock.now()) {
            if end.without.contains(&(job.name.clone(), slot)) {
                continue;
            }
            for chat in &job.chats {
                for part in 1..=super::worker::part_count(&job.name) {
                    expected.insert(super::worker::text(&job.name, slot, chat, part));
                }
            }
        }
    }
    let mut read = BTreeSet::new();
    for name in ["managers", "owner"] {
        for message in &scene.world.lock().chats[name].messages {
            let line = message.text.lines().next().unwrap_or_default();
            let line = line.trim_start_matches("<b>").trim_end_matches("</b>").to_owned();
            if scene.jobs.iter().any(|job| line.starts_with(&format!("{} 2026", job.name))) {
                read.insert(line);
            }
        }
    }
    for line in expected.difference(&read).filter(|line| !end.dead.contains(*line)) {
        scene.world.violation(format!("readers miss «{line}»"));
    }
    for line in read.difference(&expected) {
        scene.world.violation(format!("readers got «{line}», which nobody was to write"));
    }
}

impl Scene {
    async fn give_birth(&mut self) {
        self.born += 1;
        let owner = format!("w{}", self.born);
        let seed = self.rng.random();
        self.workers.push(Worker::start(&self.world, &self.store, &self.jobs, &owner, seed).await);
    }

    async fn step(&mut self) {
        self.step_count += 1;
        match self.rng.random_range(0..100) {
            0..30 => return self.pass().await,
            30..33 if self.workers.len() < 3 => self.give_birth().await,
            33..36 if !self.workers.is_empty() => {
                let nth = self.rng.random_range(0..self.workers.len());
                self.bury(nth);
            }
            _ if self.workers.is_empty() => self.give_birth().await,
            _ => self.act().await,
        }
        after_step(&self.world, &self.store, &self.jobs, &mut self.seen).await;
    }

    fn bury(&mut self, nth: usize) {
        self.death_count += 1;
        let dead = self.workers.swap_remove(nth).bury();
        self.dead.push(dead);
    }

    /// Lets time pass, mostly a little.
    async fn pass(&mut self) {
        let now = self.world.clock.now();
        let next_slot = self.jobs.iter().filter_map(|job| job.schedule.next_after(now)).min();
        let rng = &mut self.rng;
        let step = match rng.random_range(0..100) {
            0..20 => TimeDelta::milliseconds(rng.random_range(100..5_000)),
            20..45 => {
                next_slot.map_or(TimeDelta::seconds(1), |at| at - now)
                    + TimeDelta::seconds(rng.random_range(0..90))
            }
            45..85 => TimeDelta::seconds(rng.random_range(5..180)),
            85..92 => TimeDelta::minutes(rng.random_range(3..30)),
            92..95 => TimeDelta::minutes(rng.random_range(30..200)),
            _ => {
                let back = TimeDelta::milliseconds(rng.random_range(10..4_000));
                self.world.log(format!("the clock is set back by {back}"));
                return self.world.set_back(back);
            }
        };
        self.world.advance(step);
        if step > TimeDelta::minutes(3) {
            self.world.log(format!("{step} pass"));
        }
        self.end_leases().await;
        self.let_time_work().await;
    }

    /// A task whose lease, timeout or answer came due takes notice.
    async fn let_time_work(&mut self) {
        for nth in (0..self.workers.len()).rev() {
            let worker = &mut self.workers[nth];
            if worker.is_stalled() {
                continue;
            }
            let is_running = worker.is_busy().0;
            worker.last_driven = self.world.true_now();
            if is_running && !worker.run(None).await {
                self.bury(nth);
            }
        }
    }

    async fn act(&mut self) {
        let nth = self.rng.random_range(0..self.workers.len());
        let death = match self.rng.random_range(0..100) {
            0..4 => Some(Death::Reading(self.rng.random_range(0..8))),
            4..7 => Some(Death::Polls(self.rng.random_range(1..25))),
            _ => None,
        };
        let what = self.rng.random_range(0..100);
        let worker = &mut self.workers[nth];
        if worker.is_stalled() {
            return;
        }
        if what >= 98 {
            let until = self.world.true_now() + TimeDelta::seconds(self.rng.random_range(5..300));
            worker.stalled_until = Some(until);
            return self.world.log(format!("{} stalls until {until}", worker.owner));
        }
        if what >= 96 {
            worker.suspend_soon();
        }
        let lives = match what {
            0..20 => worker.short(Short::Plan, death).await,
            20..25 => worker.short(Short::Sweep, death).await,
            25..35 => worker.short(Short::Check, death).await,
            35..55 => {
                if worker.is_busy().0 && self.rng.random_bool(0.8) {
                    worker.resume(&worker.run_probe);
                }
                worker.run(death).await
            }
            _ => {
                if worker.is_busy().1 {
                    worker.resume(&worker.send_probe);
                }
                let mut lives = worker.send(death).await;
                for _ in 0..self.rng.random_range(0..3) {
                    if lives && !worker.is_busy().1 {
                        self.world.advance(TimeDelta::milliseconds(1100));
                        lives = worker.send(None).await;
                    }
                }
                lives
            }
        };
        if !lives {
            self.bury(nth);
        }
        self.end_leases().await;
    }

    /// Ends the leases whose time is over, as the database's clock would.
    async fn end_leases(&mut self) {
        let now = self.world.true_now();
        let mut over: Vec<(String, bool, bool)> = Vec::new();
        for dead in &mut self.dead {
            let (run, send) = (
                now - dead.last_driven >= TimeDelta::seconds(15),
                now - dead.last_driven >= TimeDelta::seconds(90),
            );
            if (run, send) != dead.expired {
                over.push((dead.owner.clone(), run, send));
                dead.expired = (run, send);
            }
        }
        self.dead.retain(|dead| !dead.expired.1);
        for worker in &self.workers {
            let idle = now - worker.last_driven;
            let (run, send) = (
                idle >= TimeDelta::seconds(15),
                now - *worker.send_probe.began.lock().unwrap() >= TimeDelta::seconds(90),
            );
            let (is_running, is_sending) = worker.is_busy();
            if run && is_running || send && is_sending {
                if send && is_sending {
                    worker.note_doubt();
                }
                over.push((worker.owner.clone(), run && is_running, send && is_sending));
            }
        }
        // The store's connection first finishes what a dead task left in it.
        if !over.is_empty() {
            self.store.ping().await.unwrap();
        }
        for (owner, run, send) in over {
            self.world.log(format!("leases of {owner} end: run {run}, send {send}"));
            if run {
                self.world.lock().working.retain(|_, at| *at != owner);
                for row in self.store.list_runs(None, 5000).await.unwrap() {
                    if row.state == RunState::Running {
                        self.world.lock().troubled.insert((row.job, row.slot_at));
                    }
                }
            }
            // Whatever was being sent may be there or not.
            let lost = expire(&self.url, &owner, run, send).await;
            self.world.lock().ambiguous.extend(lost);
        }
    }

    /// No more faults, everybody is well, time goes on: everything must come to an end.
    async fn drain(&mut self) -> bool {
        self.world.log("peace".to_owned());
        self.world.lock().has_faults = false;
        if self.workers.is_empty() {
            self.give_birth().await;
        }
        for round in 0..600 {
            self.step_count += 1;
            let mut is_idle = true;
            for nth in 0..self.workers.len() {
                let worker = &mut self.workers[nth];
                worker.stalled_until = None;
                for probe in [&worker.run_probe, &worker.send_probe] {
                    quiet(probe);
                }
                let was_busy = worker.is_busy();
                if was_busy.0 {
                    worker.resume(&worker.run_probe);
                }
                if was_busy.1 {
                    worker.resume(&worker.send_probe);
                }
                worker.short(Short::Plan, None).await;
                worker.run(None).await;
                worker.send(None).await;
                if round % 4 == 0 && nth == 0 {
                    worker.short(Short::Sweep, None).await;
                    worker.short(Short::Check, None).await;
                }
                is_idle &= worker.is_busy() == (false, false);
            }
            if round % 8 == 0 {
                after_step(&self.world, &self.store, &self.jobs, &mut self.seen).await;
            }
            if !self.world.lock().violations.is_empty() {
                return true;
            }
            let now = self.world.clock.now();
            let runs = self.store.list_runs(None, 5000).await.unwrap();
            let open = [DeliveryState::Pending, DeliveryState::Sending, DeliveryState::Unknown];
            let is_open = runs.iter().any(|run| matches!(run.state, RunState::Planned | RunState::Running))
                || !self.store.list_deliveries(&open, 1).await.unwrap().is_empty();
            if is_idle && !is_open {
                after_step(&self.world, &self.store, &self.jobs, &mut self.seen).await;
                return true;
            }
            let next = self.store.next_delivery_at(now).await.unwrap().filter(|at| *at > now);
            // Leases of the dead run out, doubts settle, failed runs come back.
            let step = next.map_or(TimeDelta::seconds(20), |at| (at - now).min(TimeDelta::seconds(20)));
            self.world.advance(step.max(TimeDelta::milliseconds(50)));
            self.end_leases().await;
        }
        false
    }
}

fn quiet(probe: &Probe) {
    probe.pause_in.store(-1, std::sync::atomic::Ordering::Relaxed);
}

/// Ends the leases of a worker; returns the deliveries it was sending.
async fn expire(url: &str, owner: &str, run: bool, send: bool) -> Vec<i64> {
    let schema = if url.starts_with("sqlite") { "" } else { "svodka." };
    let mut lost = Vec::new();
    for (table, state, _) in [("runs", "running", run), ("deliveries", "sending", send)]
        .into_iter()
        .filter(|(_, _, is_over)| *is_over)
    {
        let sql = AssertSqlSafe(format!(
            "UPDATE {schema}{table} SET lease_until_ms = 1 WHERE state = '{state}' AND lease_owner = '{owner}' \
             RETURNING CAST(id AS BIGINT)"
        ));
        let ids: Vec<i64> = if schema.is_empty() {
            let mut database = sqlx::SqliteConnection::connect(url).await.unwrap();
            sqlx::query_scalar(sql).fetch_all(&mut database).await.unwrap()
        } else {
            let mut database = sqlx::PgConnection::connect(url).await.unwrap();
            sqlx::query_scalar(sql).fetch_all(&mut database).await.unwrap()
        };
        if table == "deliveries" {
            lost = ids;
        }
    }
    lost
}
