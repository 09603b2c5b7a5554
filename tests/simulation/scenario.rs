//! One seed from its first step to the last message.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{Offset as _, TimeDelta};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use svodka::clock::{Clock, Instant};
use svodka::schedule::{CatchUp, Job, ReportKind, Schedule};
use svodka::store::Store;
use svodka::store::outbox::Policy;

use super::checks::{self, End, Seen, at_end};
use super::probe::Probe;
use super::snapshot::{Raw, Snapshot, Table};
use super::telegram::MOST_SKEW_MS;
use super::worker::{Driven, Task, Worker, Wrote, lane};
use super::world::World;

/// How many steps faults go on for.
const STEPS: usize = 45;
/// Leases in seconds, as the runner and the sender take them.
const RUN_LEASE_SECS: i64 = svodka::schedule::runner::LEASE_SECS;
const SEND_LEASE_SECS: i64 = 90;

/// The slots of each job that must be decided on.
pub type Slots = BTreeMap<String, BTreeSet<Instant>>;

/// What came of one seed.
#[derive(Debug, Default)]
pub struct Report {
    pub step_count: usize,
    pub fault_count: usize,
    pub death_count: usize,
    pub struck: BTreeMap<String, usize>,
    pub end: End,
    /// Messages standing in the readers' chats.
    pub read_count: usize,
    /// Every chat as it is read: the texts in their order.
    pub chats: BTreeMap<String, Vec<String>>,
    /// Everything that happened, and what stands in the database after it.
    pub trace: String,
    pub failure: Option<String>,
}

/// What came of all of them.
#[derive(Debug, Default)]
pub struct Totals {
    pub seeds: usize,
    steps: usize,
    faults: usize,
    deaths: usize,
    slots: usize,
    succeeded: usize,
    repeats: usize,
    dead: usize,
    read: usize,
    pub struck: BTreeMap<String, usize>,
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
        self.read += report.read_count;
        for (place, count) in report.struck {
            *self.struck.entry(place).or_default() += count;
        }
        self.failures.extend(report.failure);
    }

    pub fn summary(&self) -> String {
        format!(
            "{} seeds, {} steps, {} faults, {} deaths of workers, {} slots, {} reports, {} messages read, {} marked \
             repeats, {} dead messages, struck at {} places",
            self.seeds,
            self.steps,
            self.faults,
            self.deaths,
            self.slots,
            self.succeeded,
            self.read,
            self.repeats,
            self.dead,
            self.struck.len(),
        )
    }

    /// What happened how often, by kind.
    pub fn kinds(&self) -> BTreeMap<&str, usize> {
        let mut kinds = BTreeMap::new();
        for (place, count) in &self.struck {
            let is_place = place.starts_with("dies: ") || place.starts_with("fails: ");
            let kind = if is_place { place.split(':').next().unwrap() } else { place.as_str() };
            *kinds.entry(kind).or_default() += count;
        }
        kinds
    }

    /// A simulation in which nothing goes wrong proves nothing: every kind of disturbance has to have happened, and often
    /// enough to have met every other.
    pub fn assert_struck(&self) {
        let kinds = self.kinds();
        for kind in KINDS {
            let count = kinds.get(kind).copied().unwrap_or(0);
            assert!(count >= self.seeds / 200, "«{kind}» happened {count} times: {}", self.summary());
        }
        let unknown: Vec<_> = kinds.keys().filter(|kind| !KINDS.contains(kind)).collect();
        assert!(unknown.is_empty(), "kinds that the list of kinds does not name: {unknown:?}");
        let often =
            [self.faults / 2, self.deaths, self.succeeded / 2, self.read / 2, self.repeats * 8, self.dead];
        assert!(often.iter().all(|count| *count > self.seeds / 2), "too quiet: {}", self.summary());
        // Before and after every commit that counts, somebody died and the database failed.
        for call in ["SUCCEED", "FAIL", "RETRY", "TAKE", "SENT", "UNKNOWN", "DEAD", "ADVANCE", "MARK_MISSED"]
        {
            for how in ["dies", "fails"] {
                for side in ["before", "after"] {
                    let place = format!("at {side} the commit of {call}");
                    let is_struck =
                        self.struck.keys().any(|key| key.starts_with(how) && key.ends_with(&place));
                    assert!(is_struck, "nothing {how} {place}");
                }
            }
        }
    }
}

/// Every kind of disturbance.
const KINDS: &[&str] = &[
    "attempt: Failed",
    "attempt: FailedForGood",
    "attempt: TimedOut",
    "clock: leaps ahead",
    "clock: runs ahead",
    "clock: runs behind",
    "clock: set back",
    "dies",
    "fails",
    "lease: ends on Deliveries",
    "lease: ends on Runs",
    "lease: lost under way",
    "telegram: BadMarkup",
    "telegram: Kicked",
    "telegram: Late",
    "telegram: Lost, not taken",
    "telegram: Lost, taken",
    "telegram: Migrated",
    "telegram: NotConnected",
    "telegram: ServerError, not taken",
    "telegram: ServerError, taken",
    "telegram: Slow",
    "telegram: TooLong",
    "telegram: waits for the answer",
    "task: held",
    "task: suspended",
    "worker: dies",
    "worker: leaves",
    "worker: stalls",
    "worker: told to stop",
    "zone: changes",
    "zone: clocks go back",
    "zone: clocks go forward",
];

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
        catch_up_window: Duration::from_secs(rng.random_range(10..60) * 60),
        timeout: Duration::from_secs(120),
        policy: if rng.random_bool(0.8) { Policy::AtLeastOnce } else { Policy::AtMostOnce },
        corrections: None,
    };
    let names = ["daily", "weekly", "hourly"];
    names[..rng.random_range(1..=2)].iter().map(|name| job(name, rng)).collect()
}

/// A cron line in force, and until before which slot.
struct Reign {
    job: String,
    schedule: Schedule,
    from: Instant,
    until: Option<Instant>,
}

/// Everything a scenario moves.
struct Scene {
    rng: ChaCha8Rng,
    world: Arc<World>,
    store: Store,
    raw: Raw,
    jobs: Vec<Job>,
    reigns: Vec<Reign>,
    workers: Vec<Worker>,
    /// Tasks of all workers there ever were, by name and lane.
    probes: BTreeMap<(String, usize), Arc<Probe>>,
    /// Leases that came to their end, and when, in true time; one may be renewed all the same before anybody noticed.
    ended: BTreeMap<(Table, i64, i64), Instant>,
    /// Leases that nobody works under any more.
    orphans: BTreeSet<(Table, i64, i64)>,
    snapshot: Snapshot,
    seen: Seen,
    /// How often it was looked at.
    looks: u64,
    born: usize,
    step_count: usize,
    death_count: usize,
}

/// Lives through a seed.
pub async fn live(seed: u64, store: &Store, raw: &Raw) -> Report {
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
        raw: raw.clone(),
        reigns: Vec::new(),
        jobs,
        workers: Vec::new(),
        probes: BTreeMap::new(),
        ended: BTreeMap::new(),
        orphans: BTreeSet::new(),
        snapshot: Snapshot::default(),
        seen: Seen::default(),
        looks: 0,
        born: 0,
        step_count: 0,
        death_count: 0,
    };
    scene.give_birth().await;
    scene.reign_anew();
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
        let slots = scene.slots();
        end = at_end(&world, store, &scene.jobs, &slots, begin).await;
        compare_readers(&scene, &end, &slots);
        assert_eq!(scene.snapshot, raw.snapshot().await, "the simulation missed something that was written");
    }
    let offset = |at: Instant| at.with_timezone(&chrono_tz::Europe::Berlin).offset().fix().local_minus_utc();
    match offset(world.clock.now()) - offset(begin) {
        0 => {}
        1.. => world.lock().strike("zone: clocks go forward".to_owned()),
        _ => world.lock().strike("zone: clocks go back".to_owned()),
    }
    let state = world.lock();
    let readers = ["managers", "owner"].map(|name| state.chats[name].messages.len());
    let trace = format!("{}\n{:?}\n{:?}", state.log.join("\n"), scene.snapshot, state.chats);
    let failure = (!state.violations.is_empty()).then(|| {
        let tail = state.log[state.log.len().saturating_sub(60)..].join("\n");
        format!("{tail}\n\nseed {seed}: {}\n{}", state.violations.join("\n"), super::how_to_replay(seed))
    });
    Report {
        step_count: scene.step_count,
        fault_count: state.fault_count,
        death_count: scene.death_count,
        struck: state.struck.clone(),
        end,
        read_count: readers.iter().sum(),
        chats: state.chats.iter().map(|(name, chat)| (name.clone(), chat.read())).collect(),
        trace,
        failure,
    }
}

/// An undisturbed worker would have sent each slot's texts once: whatever is missing has its reason, and nothing is new.
fn compare_readers(scene: &Scene, end: &End, slots: &Slots) {
    let mut expected = BTreeSet::new();
    for job in &scene.jobs {
        for slot in &slots[&job.name] {
            if end.without.contains(&(job.name.clone(), *slot)) {
                continue;
            }
            for chat in &job.chats {
                for part in 1..=super::worker::part_count(&job.name) {
                    expected.insert(super::worker::text(&job.name, *slot, chat, part));
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
        let skew_ms =
            if self.rng.random_bool(0.6) { 0 } else { self.rng.random_range(-MOST_SKEW_MS..=MOST_SKEW_MS) };
        match skew_ms {
            0 => {}
            1.. => self.world.lock().strike("clock: runs ahead".to_owned()),
            _ => self.world.lock().strike("clock: runs behind".to_owned()),
        }
        let worker = Worker::start(&self.world, &self.store, &self.jobs, &owner, seed, skew_ms).await;
        for (lane, probe) in worker.probes.iter().enumerate() {
            self.probes.insert((owner.clone(), lane), probe.clone());
        }
        self.workers.push(worker);
        self.world.is_dirty.store(true, Ordering::Relaxed);
        self.look().await;
    }

    /// The cron lines of the jobs are in force from what the newest worker takes for now.
    fn reign_anew(&mut self) {
        let from = self.world.clock.now() + self.workers[0].probes[0].skew();
        let reigns = self.jobs.iter().map(|job| Reign {
            job: job.name.clone(),
            schedule: job.schedule.clone(),
            from,
            until: None,
        });
        self.reigns.extend(reigns);
    }

    /// All slots that were to be decided on by now.
    fn slots(&self) -> Slots {
        let now = self.world.clock.now();
        let mut slots: Slots = self.jobs.iter().map(|job| (job.name.clone(), BTreeSet::new())).collect();
        for reign in &self.reigns {
            let end = reign.until.unwrap_or(now + TimeDelta::microseconds(1));
            let own = reign.schedule.after(reign.from).take_while(|slot| *slot < end);
            slots.get_mut(&reign.job).unwrap().extend(own);
        }
        slots
    }

    /// The configuration names another zone: everybody is stopped and starts anew.
    async fn move_zone(&mut self) {
        const ZONES: [chrono_tz::Tz; 4] = [
            chrono_tz::Europe::Berlin,
            chrono_tz::Asia::Yekaterinburg,
            chrono_tz::America::St_Johns,
            chrono_tz::Australia::Lord_Howe,
        ];
        while !self.workers.is_empty() {
            self.bury(0);
        }
        self.look().await;
        let zone = ZONES[self.rng.random_range(0..ZONES.len())];
        self.world.log(format!("the zone is {zone} from now on"));
        self.world.lock().strike("zone: changes".to_owned());
        let jobs = self.snapshot.jobs.clone();
        for job in &mut self.jobs {
            let schedule = Schedule::parse(job.schedule.line(), zone).unwrap();
            if schedule.fingerprint() == job.schedule.fingerprint() {
                continue;
            }
            job.schedule = schedule;
            // What nobody decided on before the change is not made up for.
            let next = jobs.get(&job.name).and_then(|next| next.next_slot_at);
            for reign in self.reigns.iter_mut().filter(|reign| reign.job == job.name && reign.until.is_none())
            {
                reign.until = next;
            }
        }
        self.give_birth().await;
        let from = self.world.clock.now() + self.workers[0].probes[0].skew();
        for job in &self.jobs {
            if !self.reigns.iter().any(|reign| reign.job == job.name && reign.until.is_none()) {
                let (job, schedule) = (job.name.clone(), job.schedule.clone());
                self.reigns.push(Reign { job, schedule, from, until: None });
            }
        }
    }

    /// Looks at whatever changed, in the database and in the chats: what did not change is as right as it was.
    async fn look(&mut self) {
        self.look_after(self.looks).await;
    }

    /// The same, after a step that knew what there was at that look.
    async fn look_after(&mut self, began: u64) {
        self.looks += 1;
        let is_dirty = self.world.is_dirty.swap(false, Ordering::Relaxed);
        if self.raw.refresh(&mut self.snapshot, is_dirty).await {
            self.seen.step = (began, self.looks);
            checks::rows(&self.world, &self.snapshot, &self.jobs, &mut self.seen);
        }
        if std::mem::take(&mut self.world.lock().has_news) {
            checks::chats(&self.world);
        }
    }

    async fn step(&mut self) {
        self.step_count += 1;
        self.part();
        match self.rng.random_range(0..200) {
            0..60 => return self.pass().await,
            60..66 if self.workers.len() < 3 => self.give_birth().await,
            66..70 if !self.workers.is_empty() => {
                let nth = self.rng.random_range(0..self.workers.len());
                self.bury(nth);
            }
            70 => self.move_zone().await,
            74..76 if !self.workers.is_empty() => {
                let nth = self.rng.random_range(0..self.workers.len());
                self.world.lock().strike("worker: told to stop".to_owned());
                self.workers[nth].stop();
            }
            71..74 if !self.workers.is_empty() => {
                let nth = self.rng.random_range(0..self.workers.len());
                let until = self.world.true_now() + TimeDelta::seconds(self.rng.random_range(5..300));
                let worker = &mut self.workers[nth];
                worker.stalled_until = Some(until);
                self.world.lock().strike("worker: stalls".to_owned());
                self.world.log(format!("{} stalls until {until}", worker.owner));
            }
            _ if self.workers.is_empty() => self.give_birth().await,
            _ => self.act().await,
        }
    }

    fn bury(&mut self, nth: usize) {
        self.death_count += 1;
        self.world.lock().strike("worker: dies".to_owned());
        self.workers.swap_remove(nth).bury();
        self.world.is_dirty.store(true, Ordering::Relaxed);
    }

    /// Lets time pass, mostly a little.
    async fn pass(&mut self) {
        let now = self.world.clock.now();
        let next_slot = self.jobs.iter().filter_map(|job| job.schedule.next_after(now)).min();
        let rng = &mut self.rng;
        let step = match rng.random_range(0..100) {
            0..20 => TimeDelta::milliseconds(rng.random_range(100..5_000)),
            20..50 => {
                next_slot.map_or(TimeDelta::seconds(1), |at| at - now)
                    + TimeDelta::seconds(rng.random_range(0..90))
            }
            50..88 => TimeDelta::seconds(rng.random_range(5..120)),
            88..93 => TimeDelta::minutes(rng.random_range(3..30)),
            93..95 => {
                self.world.lock().strike("clock: leaps ahead".to_owned());
                TimeDelta::minutes(rng.random_range(30..120))
            }
            _ => {
                let back = TimeDelta::milliseconds(rng.random_range(10..4_000));
                self.world.log(format!("the clock is set back by {back}"));
                return self.world.set_back(back);
            }
        };
        self.world.advance(step);
        self.world.log(format!("{step} pass"));
        // A run whose lease, timeout or answer came due takes notice, and mostly so before its lease is over.
        let is_prompt = self.rng.random_bool(0.9);
        if is_prompt {
            self.notice().await;
        }
        self.end_leases().await;
        if !is_prompt {
            self.notice().await;
        }
    }

    /// Whoever was told to stop is gone when nothing holds it, or is killed.
    fn part(&mut self) {
        let now = self.world.true_now();
        for nth in (0..self.workers.len()).rev() {
            let worker = &self.workers[nth];
            let Some(by) = worker.leaves_by else { continue };
            if worker.is_idle() {
                self.world.log(format!("{} leaves", worker.owner));
                self.world.lock().strike("worker: leaves".to_owned());
                self.workers.swap_remove(nth);
            } else if now >= by {
                self.bury(nth);
            }
        }
    }

    async fn notice(&mut self) {
        for nth in (0..self.workers.len()).rev() {
            if !self.workers[nth].is_stalled() && self.workers[nth].is_busy(0) {
                self.go(nth, Task::Run, None).await;
            }
        }
    }

    /// Drives a task of a worker and draws the conclusions. `false` when the worker died of it.
    async fn go(&mut self, nth: usize, task: Task, dies_in: Option<i64>) -> bool {
        let lane = lane(task);
        let worker = &mut self.workers[nth];
        let held = worker.held[lane];
        let is_ours = held.is_none_or(|lease| self.snapshot.is_held(lease));
        let driven = worker.go(task, dies_in, self.looks).await;
        let began = worker.began[lane];
        if let (Driven::Done(Wrote::Row(table, id)), Some(lease), false) = (driven, held, is_ours)
            && (lease.0, lease.1) == (table, id)
        {
            self.world.violation(format!("{} wrote under the lost lease {lease:?}", worker.owner));
        }
        if driven == Driven::Died {
            self.bury(nth);
        }
        self.look_after(began).await;
        if driven == Driven::Died {
            return false;
        }
        let worker = &mut self.workers[nth];
        let table = [Table::Runs, Table::Deliveries];
        let own: Vec<_> = self
            .snapshot
            .leases()
            .filter(|(at, _, _, owner)| table.get(lane) == Some(at) && *owner == worker.owner)
            .map(|(at, id, token, _)| (at, id, token))
            .filter(|lease| !self.orphans.contains(lease))
            .collect();
        if driven == Driven::Parked {
            worker.held[lane] = held.or_else(|| own.last().copied());
            return true;
        }
        // The step is over, its lease is not: the answer to the claim, or the end of the attempt, got lost.
        worker.held[lane] = None;
        for lease in own {
            self.orphans.insert(lease);
        }
        true
    }

    /// Whether the task finds something to do, as far as the database tells.
    fn is_due(&self, nth: usize, task: Task) -> bool {
        let worker = &self.workers[nth];
        let now = self.world.clock.now() + worker.probes[0].skew();
        let is_past = |secs: i64| secs <= now.timestamp();
        match task {
            _ if worker.is_busy(lane(task)) => true,
            _ if worker.leaves_by.is_some() => false,
            Task::Plan => self.snapshot.jobs.values().any(|job| job.next_slot_at.is_some_and(|at| at <= now)),
            Task::Run => {
                let is_lost = |run: &super::snapshot::Run| {
                    run.state == "running" && self.has_ended((Table::Runs, run.id, run.token), &run.owner)
                };
                let is_planned =
                    |run: &super::snapshot::Run| run.state == "planned" && is_past(run.not_before_secs);
                self.snapshot.runs.values().any(|run| is_planned(run) || is_lost(run))
            }
            Task::Send => self.snapshot.deliveries.values().any(|row| {
                matches!(row.state.as_str(), "pending" | "unknown") && is_past(row.not_before_secs)
            }),
            Task::Sweep => self.is_lost_send(),
            Task::Check => true,
        }
    }

    fn is_lost_send(&self) -> bool {
        let mut sending = self.snapshot.deliveries.values().filter(|row| row.state == "sending");
        sending.any(|row| self.has_ended((Table::Deliveries, row.id, row.token), &row.owner))
    }

    async fn act(&mut self) {
        let nth = self.rng.random_range(0..self.workers.len());
        if self.workers[nth].is_stalled() {
            return;
        }
        let mut task = Task::Plan;
        for _ in 0..6 {
            task = match self.rng.random_range(0..100) {
                0..20 => Task::Plan,
                20..28 => Task::Sweep,
                28..33 => Task::Check,
                33..60 => Task::Run,
                _ => Task::Send,
            };
            if self.is_due(nth, task) {
                break;
            }
        }
        if !self.is_due(nth, task) && (self.workers[nth].leaves_by.is_some() || self.rng.random_bool(0.8)) {
            // Mostly nobody asks when there is nothing to find.
            return self.pass().await;
        }
        let dies_in = self.rng.random_bool(0.06).then(|| self.rng.random_range(0..22));
        let worker = &self.workers[nth];
        let probe = &worker.probes[lane(task)];
        if self.rng.random_bool(0.02) {
            probe.pauses_in.store(self.rng.random_range(0..20), Ordering::Relaxed);
        }
        if worker.is_busy(lane(task)) && self.rng.random_bool(0.8) {
            probe.resume();
        }
        let mut lives = self.go(nth, task, dies_in).await;
        if task == Task::Send {
            // Mostly several in a row, as the loop of the sender does.
            for _ in 0..self.rng.random_range(0..4) {
                if lives && self.is_due(nth, Task::Send) && !self.workers[nth].is_busy(1) {
                    self.world.advance(TimeDelta::milliseconds(1100));
                    lives = self.go(nth, Task::Send, None).await;
                }
            }
        }
        self.end_leases().await;
    }

    fn leased_at(&self, table: Table, owner: &str) -> Instant {
        let lane = if table == Table::Runs { 0 } else { 1 };
        *self.probes[&(owner.to_owned(), lane)].leased_at.lock().unwrap()
    }

    fn has_ended(&self, lease: (Table, i64, i64), owner: &str) -> bool {
        self.ended.get(&lease).is_some_and(|at| self.leased_at(lease.0, owner) < *at)
    }

    /// Ends the leases whose time is over, as the database's clock would.
    async fn end_leases(&mut self) {
        let now = self.world.true_now();
        let over: Vec<(Table, i64, i64, String)> = self
            .snapshot
            .leases()
            .filter(|(table, id, token, owner)| !self.has_ended((*table, *id, *token), owner))
            .filter(|(table, _, _, owner)| {
                let secs = if *table == Table::Runs { RUN_LEASE_SECS } else { SEND_LEASE_SECS };
                now - self.leased_at(*table, owner) >= TimeDelta::seconds(secs)
            })
            .map(|(table, id, token, owner)| (table, id, token, owner.to_owned()))
            .collect();
        for (table, id, token, owner) in over {
            self.world.log(format!("the lease {token} of {owner} on {table:?} {id} ends"));
            self.world.lock().strike(format!("lease: ends on {table:?}"));
            self.raw.end_lease(table, id, token).await;
            self.ended.insert((table, id, token), now);
            match table {
                Table::Runs => self.world.lock().working.retain(|_, at| *at != owner),
                // Whatever was being sent may be there or not.
                Table::Deliveries => drop(self.world.lock().ambiguous.insert(id)),
            }
        }
    }

    /// No more faults, everybody is well, time goes on: everything must come to an end.
    async fn drain(&mut self) -> bool {
        self.world.log("peace".to_owned());
        self.world.lock().has_faults = false;
        while let Some(nth) = self.workers.iter().position(|worker| worker.leaves_by.is_some()) {
            self.bury(nth);
        }
        if self.workers.is_empty() {
            self.give_birth().await;
        }
        for worker in &mut self.workers {
            worker.stalled_until = None;
            for probe in &worker.probes {
                probe.pauses_in.store(-1, Ordering::Relaxed);
                probe.skew_ms.store(0, Ordering::Relaxed);
            }
        }
        // Beyond every slot that a clock too far ahead has seen.
        self.world.advance(TimeDelta::seconds(5));
        for round in 0..600 {
            self.step_count += 1;
            for nth in 0..self.workers.len() {
                for task in [Task::Run, Task::Send, Task::Plan] {
                    if self.workers[nth].is_busy(lane(task)) {
                        self.workers[nth].probes[lane(task)].resume();
                        self.go(nth, task, None).await;
                    }
                }
            }
            for task in [Task::Plan, Task::Run, Task::Send, Task::Sweep] {
                if !self.workers[0].is_busy(lane(task)) && self.is_due(0, task) {
                    self.go(0, task, None).await;
                }
            }
            if round % 10 == 0 && !self.workers[0].is_busy(2) {
                self.go(0, Task::Check, None).await;
            }
            if !self.world.lock().violations.is_empty() {
                return true;
            }
            let runs =
                self.snapshot.runs.values().filter(|run| run.state == "planned" || run.state == "running");
            let runs = runs.map(|run| run.not_before_secs);
            let open = self.snapshot.deliveries.values();
            let open = open.filter(|row| matches!(row.state.as_str(), "pending" | "sending" | "unknown"));
            let soonest = runs.chain(open.map(|row| row.not_before_secs)).min();
            let is_idle = self.workers.iter().all(Worker::is_idle);
            let Some(soonest) = soonest else {
                if is_idle && !self.is_due(0, Task::Plan) {
                    self.go(0, Task::Check, None).await;
                    let is_told = self.store.list_untold_runs(1).await.unwrap().is_empty()
                        && self.store.list_untold_dead(1).await.unwrap().is_empty();
                    if is_told && !self.snapshot.deliveries.values().any(|row| row.state == "pending") {
                        return true;
                    }
                    // An incident is brought up to date once a minute.
                    self.world.advance(TimeDelta::seconds(if is_told { 2 } else { 30 }));
                    continue;
                }
                self.world.advance(TimeDelta::milliseconds(1100));
                continue;
            };
            // Leases of the dead run out, doubts settle, failed runs come back.
            let wait = TimeDelta::seconds((soonest - self.world.clock.now().timestamp()).clamp(0, 14));
            let is_busy_chat = wait.is_zero();
            self.world.advance(if is_busy_chat && round % 3 > 0 {
                TimeDelta::milliseconds(1100)
            } else {
                wait.max(TimeDelta::seconds(4))
            });
            self.end_leases().await;
        }
        false
    }
}
