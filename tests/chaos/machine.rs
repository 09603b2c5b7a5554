//! Programs that live and die, between stand-ins that stay.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use svodka::clock::{Clock, Instant, SystemClock};
use svodka::sandbox::telegram::{AfterCommit, Fault, SimChat};
use svodka::store::Store;
use svodka::store::outbox::DeliveryState;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::check::{Verdict, judge};
use super::ledger::{Ledger, minutes_ago};
use super::proxy::{Orders, Proxy};
use crate::support::processes::{Outside, until, until_none_is};

/// Slots that every job missed before the first program starts; all are made up for.
const MISSED_SLOTS: i64 = 3;
/// Share of commits that break the connection while it is bad.
const BAD_WIRE: f64 = 0.1;

pub struct Worker {
    child: Child,
    pub pid: u32,
    /// To its database.
    pub wire: Option<Proxy>,
}

/// How many of what was done to the programs.
#[derive(Debug, Default)]
pub struct Blows {
    pub kills: usize,
    pub stops: usize,
    pub suspensions: usize,
    /// Ended by themselves at the start, because the connection to the database broke there.
    pub own_ends: usize,
    pub sessions_ended: i64,
    pub cut_before: u64,
    pub cut_after: u64,
}

pub struct Machine {
    pub outside: Outside,
    pub store: Store,
    pub ledger: Ledger,
    pub workers: Vec<Worker>,
    pub blows: Blows,
    pub random: ChaCha8Rng,
    database_url: String,
    jobs: Vec<String>,
    chats: BTreeMap<String, i64>,
    first_slot: Instant,
    has_wires: bool,
    folder: TempDir,
}

impl Machine {
    /// `count` programs on one database, which must be migrated and empty.
    pub async fn start(database_url: &str, count: u64, seed: u64) -> Self {
        let outside = Outside::open(database_url).await;
        let store = Store::connect(database_url).await.unwrap();
        let names = 1..=4;
        let chats: BTreeMap<_, _> =
            names.clone().map(|n| (format!("reader{n}"), 5_000_000_000 + n)).collect();
        for (name, id) in &chats {
            outside.telegram.add_chat(SimChat::private(*id, name));
        }
        let jobs: Vec<_> = names.map(|n| format!("minutely{n}")).collect();
        let first_slot = minutes_ago(MISSED_SLOTS);
        let zone = chrono_tz::Europe::Moscow;
        for job in &jobs {
            store
                .register_job(job, &format!("* * * * * {zone}"), Some(first_slot), first_slot)
                .await
                .unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let mut machine = Self {
            outside,
            store,
            ledger: Ledger::open(database_url).await,
            workers: Vec::new(),
            blows: Blows::default(),
            random: ChaCha8Rng::seed_from_u64(seed),
            database_url: database_url.to_owned(),
            jobs,
            chats,
            first_slot,
            has_wires: database_url.starts_with("postgres"),
            folder,
        };
        machine.write_config();
        for n in 0..count {
            let worker = machine.spawn(n).await;
            machine.workers.push(worker);
        }
        // The promise begins when a message to a private chat is known: they share one counter, and below its first known id
        // nothing tells where to look. Killed before that, the first messages may be doubled, and the second says so.
        let (telegram, chats) = (machine.outside.telegram.clone(), machine.chats.clone());
        until("every reader has a message", || {
            chats.values().all(|chat| !telegram.own_messages(*chat).is_empty())
        })
        .await;
        until_none_is(&machine.store, DeliveryState::Sending).await;
        machine
    }

    /// Each job tells two readers.
    fn write_config(&self) {
        let mut text = String::new();
        for (name, id) in &self.chats {
            text += &format!("[chats.{name}]\nid = {id}\n");
        }
        for (n, job) in self.jobs.iter().enumerate() {
            let chats: Vec<_> = self.chats.keys().collect();
            let (one, other) = (chats[n], chats[(n + 1) % chats.len()]);
            text += &format!(
                "[jobs.{job}]\nreport = \"daily\"\ncron = \"* * * * *\"\nchats = [\"{one}\", \"{other}\"]\n\
                 catch_up = \"all\"\ncatch_up_window = \"3h\"\ntimeout = \"1m\"\n"
            );
        }
        for job in ["daily", "weekly", "monthly", "behaviour", "receipt", "backup", "reconcile", "retention"]
        {
            text += &format!("[jobs.{job}]\nenabled = false\n");
        }
        std::fs::write(self.folder.path().join("chaos.toml"), text).unwrap();
    }

    async fn spawn(&mut self, number: u64) -> Worker {
        let wire = match self.has_wires {
            true => Some(Proxy::open(&self.database_url, self.random.random::<u64>() ^ number).await),
            false => None,
        };
        let (child, pid) = self.launch(wire.as_ref());
        Worker { child, pid, wire }
    }

    fn launch(&self, wire: Option<&Proxy>) -> (Child, u32) {
        let url = wire.map_or(self.database_url.as_str(), Proxy::url);
        let mut command = self.outside.command("serve", url);
        command
            .env("SVODKA_CONFIG", self.folder.path().join("chaos.toml"))
            .env("SVODKA__TELEGRAM__LISTEN", "true")
            .env("SVODKA__TELEGRAM__TIMEOUT", "10s")
            .env("SVODKA__RETAILCRM__REQUESTS_PER_SECOND", "9")
            .env("SVODKA__LOG__LEVEL", std::env::var("SVODKA_CHAOS_LOG").unwrap_or("off".to_owned()));
        let child = command.spawn().unwrap();
        let pid = child.id().unwrap();
        (child, pid)
    }

    /// SIGKILL, the rows of the dead let go, and a new program in its place.
    pub async fn kill(&mut self, place: usize) {
        let ended = self.workers[place].child.try_wait().unwrap();
        if let Some(ended) = ended.filter(|ended| ended.signal() != Some(9)) {
            assert!(self.has_wires && !ended.success(), "it ended by itself: {ended}");
            self.blows.own_ends += 1;
        } else {
            self.workers[place].child.kill().await.unwrap();
            self.blows.kills += 1;
        }
        self.replace(place).await;
    }

    /// SIGTERM; the program ends by itself.
    pub async fn stop(&mut self, place: usize) {
        self.terminate(place).await;
        self.blows.stops += 1;
        self.replace(place).await;
    }

    async fn terminate(&mut self, place: usize) {
        let worker = &mut self.workers[place];
        if worker.child.try_wait().unwrap().is_some() {
            return;
        }
        signal("TERM", worker.pid).await;
        let ended = tokio::time::timeout(Duration::from_secs(30), worker.child.wait()).await;
        let ended = ended.expect("it drains within its ten seconds").unwrap();
        // One that has only just been started does not listen to signals yet.
        assert!(ended.success() || ended.signal() == Some(15), "it ends well: {ended}");
    }

    async fn replace(&mut self, place: usize) {
        // What the dead program had sent off is at Telegram within its time to settle; here that time is let pass at once.
        self.until_all_is_read().await;
        self.ledger.bury(self.workers[place].pid).await;
        let launched = self.launch(self.workers[place].wire.as_ref());
        (self.workers[place].child, self.workers[place].pid) = launched;
    }

    /// Until nothing that was sent to the stand-in waits in a socket to be read.
    async fn until_all_is_read(&self) {
        let port = self.outside.telegram.url().rsplit_once(':').unwrap().1.trim_end_matches('/').to_owned();
        let local = format!("0100007F:{:04X}", port.parse::<u16>().unwrap());
        for _ in 0..500 {
            let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
            let is_waiting = sockets.lines().any(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                // Number, local and remote address, state (0A listens), bytes to write and to read.
                fields.get(1) == Some(&local.as_str())
                    && fields[3] != "0A"
                    && !fields[4].ends_with(":00000000")
            });
            if !is_waiting {
                return;
            }
            wait(Duration::from_millis(10)).await;
        }
    }

    /// SIGSTOP for longer than the leases it renews last, then SIGCONT.
    pub async fn suspend(&mut self, place: usize, time: Duration) {
        let pid = self.workers[place].pid;
        signal("STOP", pid).await;
        wait(time).await;
        signal("CONT", pid).await;
        self.blows.suspensions += 1;
    }

    /// A digest asked for by hand, unless enough are on their way.
    pub async fn request(&mut self) {
        if self.ledger.open_manual().await < 4 {
            let job = self.jobs[self.random.random_range(0..self.jobs.len())].clone();
            let now = SystemClock.now();
            // Its connection may be one that was ended a moment ago.
            let _ = self.store.insert_manual_run(&job, now, None, now).await;
        }
    }

    /// One blow at a moment that hurts; returns after the program is there again.
    pub async fn strike(&mut self) {
        self.request().await;
        // Ten minutes after a repeat its first copy is looked for; here they have passed.
        self.ledger.hasten_sweeps().await;
        let place = self.random.random_range(0..self.workers.len());
        match self.random.random_range(0..20) {
            // While it sends: Telegram has the message, or will have it in a second, and nobody wrote that down.
            0..=4 => {
                let is_late = self.random.random_bool(0.3);
                let fault = match is_late {
                    true => Fault::late_commit(1),
                    false => Fault::after(AfterCommit::NeverAnswer),
                };
                let chat = 5_000_000_001 + self.random.random_range(0..4);
                self.outside.telegram.fault(fault.on("sendMessage").in_chat(chat));
                let filter = format!("state = 'sending' AND chat = 'reader{}'", chat - 5_000_000_000);
                let place =
                    self.place_of_holder("deliveries", &filter, 1500, Some(chat)).await.unwrap_or(place);
                self.workers[place].child.start_kill().unwrap();
                if is_late {
                    // Who takes over waits 75 s; the test lets that time pass only after the message came.
                    wait(Duration::from_millis(1100)).await;
                }
                self.kill(place).await;
                self.outside.telegram.clear_faults();
            }
            // While it makes a digest.
            5..=9 => {
                let place =
                    self.place_of_holder("runs", "state = 'running'", 1000, None).await.unwrap_or(place);
                self.nap(400).await;
                self.kill(place).await;
            }
            10..=15 => {
                self.nap(1200).await;
                self.kill(place).await;
            }
            16 => self.stop(place).await,
            17 => {
                let time = Duration::from_millis(self.random.random_range(4500..7000));
                self.suspend(place, time).await;
            }
            18 if self.has_wires => {
                self.blows.sessions_ended += self.ledger.terminate_sessions(3).await;
                self.nap(500).await;
            }
            _ if self.has_wires => {
                self.order(BAD_WIRE);
                self.nap(3000).await;
                self.calm();
            }
            _ => self.nap(300).await,
        }
    }

    /// Breaks connections at commits until it happened on both sides of one, while digests are made.
    pub async fn cut_both_ways(&mut self) {
        if !self.has_wires {
            return;
        }
        self.order(0.2);
        for _ in 0..600 {
            self.request().await;
            let tolls: Vec<_> = self.wires().map(Proxy::toll).collect();
            if tolls.iter().any(|toll| toll.before > 0) && tolls.iter().any(|toll| toll.after > 0) {
                break;
            }
            wait(Duration::from_millis(100)).await;
        }
        self.calm();
    }

    fn wires(&self) -> impl Iterator<Item = &Proxy> {
        self.workers.iter().filter_map(|worker| worker.wire.as_ref())
    }

    fn order(&self, share: f64) {
        self.wires().for_each(|wire| wire.order(Orders { share, hold_at: None }));
    }

    fn calm(&self) {
        self.order(0.0);
    }

    /// Waits up to so many milliseconds for a living program to hold a row in the state; with a chat, for that chat's
    /// request to reach Telegram as well.
    async fn place_of_holder(
        &mut self,
        table: &str,
        filter: &str,
        millis: u64,
        chat: Option<i64>,
    ) -> Option<usize> {
        let asked = |machine: &Self| {
            let requests = machine.outside.telegram.requests_to("sendMessage");
            requests.iter().filter(|request| request.fault.is_some() && request.chat == chat).count()
        };
        let before = asked(self);
        for _ in 0..millis / 10 {
            if (chat.is_none() || asked(self) > before)
                && let Some(pid) = self.ledger.holder(table, filter).await
                && let Some(place) = self.workers.iter().position(|worker| worker.pid == pid)
            {
                return Some(place);
            }
            wait(Duration::from_millis(10)).await;
        }
        None
    }

    async fn nap(&mut self, most_millis: u64) {
        let millis = self.random.random_range(0..=most_millis);
        wait(Duration::from_millis(millis)).await;
    }

    /// Lets everything come to its end without further blows, and judges it.
    pub async fn verdict(mut self) -> (Verdict, Blows) {
        self.calm();
        self.outside.telegram.clear_faults();
        let tolls: Vec<_> = self.wires().map(Proxy::toll).collect();
        self.blows.cut_before = tolls.iter().map(|toll| toll.before).sum();
        self.blows.cut_after = tolls.iter().map(|toll| toll.after).sum();
        for place in 0..self.workers.len() {
            self.terminate(place).await;
            self.until_all_is_read().await;
            self.ledger.bury(self.workers[place].pid).await;
        }
        let launched = self.launch(None);
        self.workers.truncate(1);
        (self.workers[0].child, self.workers[0].pid) = launched;
        let mut open = self.ledger.open_work().await;
        // Looks keep to the limits of a chat as well: a group takes fifteen a minute.
        for _ in 0..6000 {
            self.ledger.hasten().await;
            open = self.ledger.open_work().await;
            if (open.runs, open.deliveries, open.sweeps) == (0, 0, 0) {
                break;
            }
            wait(Duration::from_millis(50)).await;
        }
        assert_eq!(
            (open.runs, open.deliveries, open.sweeps),
            (0, 0, 0),
            "five minutes passed, and still open: {open:?}{}",
            self.ledger.open_rows().await
        );
        let last_slot = minutes_ago(1);
        self.terminate(0).await;
        // A fresh handle: connections of the old one may have been ended.
        let store = Store::connect(&self.database_url).await.unwrap();
        let telegram = &self.outside.telegram;
        let verdict =
            judge(&store, &mut self.ledger, telegram, &self.jobs, &self.chats, (self.first_slot, last_slot))
                .await;
        store.close().await;
        self.store.close().await;
        (verdict, self.blows)
    }
}

pub async fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().await.unwrap();
    assert!(sent.success(), "kill -{name} {pid}");
}

#[expect(clippy::disallowed_methods, reason = "another process lives by the real clock")]
pub async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}
