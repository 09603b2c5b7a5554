//! Looks at the machine: the disk under the database, the memory we may have, our clock, what a trial write takes, and how
//! much of the CRM's limit is used. What cannot be known here is left out; nothing in here may fail a round of checks.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use secrecy::ExposeSecret;
use url::Url;

use crate::alert::Vitals;
use crate::clock::{Instant, SharedClock};
use crate::jobs::Work;
use crate::outbound::{self, ClientOptions};
use crate::settings::{DeliveryMode, Settings};
use crate::store::Store;

/// How often the machine is looked at.
const LOOK_EVERY: TimeDelta = TimeDelta::seconds(30);
/// How often another clock is asked.
const CLOCK_EVERY: TimeDelta = TimeDelta::minutes(10);
/// Trial writes of which the fastest counts: one slow write is an accident.
const WRITES: usize = 3;
/// Over so long the requests to the CRM are counted.
const LIMIT_WINDOW: TimeDelta = TimeDelta::minutes(5);

/// Measures now and then.
pub struct VitalsWatch {
    clock: SharedClock,
    store: Store,
    work: Arc<Work>,
    /// Folder of the database; `None` when it is not a file.
    folder: Option<PathBuf>,
    /// Asked for its `Date` where the database's clock is our own.
    time_server: Option<(reqwest::Client, Url)>,
    looked_at: Option<Instant>,
    clock_asked_at: Option<Instant>,
    known: Vitals,
    writes: VecDeque<TimeDelta>,
    requests: VecDeque<(Instant, u64)>,
}

impl VitalsWatch {
    pub fn new(settings: &Settings, store: Store, work: Arc<Work>, clock: SharedClock) -> Self {
        let options = ClientOptions {
            proxy: settings.telegram.proxy.clone(),
            timeout: settings.telegram.timeout,
            ..ClientOptions::default()
        };
        let is_apart = store.backend() == "sqlite" && settings.delivery == DeliveryMode::Telegram;
        let time_server = is_apart
            .then(|| {
                outbound::client(&options).ok().map(|client| (client, settings.telegram.api_url.clone()))
            })
            .flatten();
        Self {
            clock,
            store,
            work,
            folder: folder(settings.database_url.expose_secret()),
            time_server,
            looked_at: None,
            clock_asked_at: None,
            known: Vitals::default(),
            writes: VecDeque::new(),
            requests: VecDeque::new(),
        }
    }

    /// The vitals, if it is time to look again.
    pub async fn look(&mut self) -> Option<Vitals> {
        let now = self.clock.now();
        if self.looked_at.is_some_and(|at| (TimeDelta::zero()..LOOK_EVERY).contains(&(now - at))) {
            return None;
        }
        self.looked_at = Some(now);
        self.known.disk_free_ratio = self.folder.as_deref().and_then(disk_free_ratio);
        self.known.memory_used_ratio = memory_used_ratio();
        self.known.write_took = self.write_took().await.or(self.known.write_took);
        self.known.crm_limit_ratio = self.crm_limit_ratio(now);
        if self.clock_asked_at.is_none_or(|at| now - at >= CLOCK_EVERY || now < at) {
            self.clock_asked_at = Some(now);
            self.known.clock_ahead = self.clock_ahead().await;
        }
        gauge(&self.known);
        Some(self.known.clone())
    }

    async fn write_took(&mut self) -> Option<TimeDelta> {
        let begun_at = self.clock.now();
        self.store.ping().await.ok()?;
        self.writes.push_back(self.clock.now() - begun_at);
        if self.writes.len() > WRITES {
            self.writes.pop_front();
        }
        self.writes.iter().min().copied().filter(|_| self.writes.len() == WRITES)
    }

    fn crm_limit_ratio(&mut self, now: Instant) -> Option<f64> {
        let crm = self.work.crm.as_ref()?;
        let per_second = f64::from(self.work.settings.retailcrm.requests_per_second);
        self.requests.push_back((now, crm.requests_made()));
        while self.requests.len() > 2 && now - self.requests[1].0 >= LIMIT_WINDOW {
            self.requests.pop_front();
        }
        let (first_at, first) = *self.requests.front()?;
        let (_, last) = *self.requests.back()?;
        let window = now - first_at;
        let is_long = window >= LIMIT_WINDOW;
        is_long.then(|| ((last - first) as f64 / (window.as_seconds_f64() * per_second)).min(1.0))
    }

    /// How far our clock is ahead of the database's, or else of Telegram's; half the round trip is theirs.
    async fn clock_ahead(&self) -> Option<TimeDelta> {
        let asked_at = self.clock.now();
        let theirs = match &self.time_server {
            None => self.store.database_now().await.ok()?,
            Some((client, url)) => {
                let answer = client.head(url.clone()).send().await.ok()?;
                let date = answer.headers().get("date")?.to_str().ok()?;
                // Whole seconds, cut: half of one is added.
                DateTime::parse_from_rfc2822(date).ok()?.to_utc() + TimeDelta::milliseconds(500)
            }
        };
        let answered_at = self.clock.now();
        Some(asked_at + (answered_at - asked_at) / 2 - theirs)
    }
}

/// The name of this machine, shortened to what a key may hold.
pub fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String =
        name.trim().chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(40).collect();
    if name.is_empty() { "here".to_owned() } else { name }
}

fn folder(database_url: &str) -> Option<PathBuf> {
    let path = database_url.strip_prefix("sqlite:")?.trim_start_matches("//");
    let path = path.split('?').next().filter(|path| !path.is_empty() && *path != ":memory:")?;
    let parent = Path::new(path).parent()?;
    Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() })
}

fn disk_free_ratio(folder: &Path) -> Option<f64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    // What others may not use is not free for us.
    (disk.f_blocks > 0).then(|| disk.f_bavail as f64 / disk.f_blocks as f64)
}

/// Of the container's limit, or else of the machine's memory.
fn memory_used_ratio() -> Option<f64> {
    let kilobytes = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok()
    };
    let used = kilobytes(&std::fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")? * 1024.0;
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limit = limits.iter().find_map(|path| std::fs::read_to_string(path).ok()?.trim().parse::<f64>().ok());
    let total = kilobytes(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")? * 1024.0;
    let most = limit.filter(|limit| *limit > 0.0).map_or(total, |limit| limit.min(total));
    Some(used / most)
}

fn gauge(vitals: &Vitals) {
    if let Some(free) = vitals.disk_free_ratio {
        metrics::gauge!("svodka_disk_free_ratio").set(free);
    }
    if let Some(used) = vitals.memory_used_ratio {
        metrics::gauge!("svodka_memory_used_ratio").set(used);
    }
    if let Some(ahead) = vitals.clock_ahead {
        metrics::gauge!("svodka_clock_ahead_seconds").set(ahead.as_seconds_f64());
    }
    if let Some(took) = vitals.write_took {
        metrics::gauge!("svodka_store_write_seconds").set(took.as_seconds_f64());
    }
    if let Some(used) = vitals.crm_limit_ratio {
        metrics::gauge!("svodka_source_limit_used_ratio", "source" => "retailcrm").set(used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_that_of_the_database_file_and_a_server_has_one_of_its_own() {
        assert_eq!(folder("sqlite:///data/svodka.db?mode=rwc"), Some(PathBuf::from("/data")));
        assert_eq!(folder("sqlite://svodka.db"), Some(PathBuf::from(".")));
        assert_eq!(folder("sqlite::memory:"), None);
        assert_eq!(folder("postgres://host/db"), None);
    }

    #[test]
    fn this_machine_has_a_disk_a_memory_and_a_name() {
        let disk = disk_free_ratio(Path::new("/")).unwrap();
        assert!((0.0..=1.0).contains(&disk), "{disk}");
        let memory = memory_used_ratio().unwrap();
        assert!(memory > 0.0 && memory < 1.0, "{memory}");
        assert!(!host().is_empty() && host().len() <= 40);
    }
}
