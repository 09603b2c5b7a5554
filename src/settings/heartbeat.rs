//! Whom to tell that we are alive.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::raw::RawHeartbeat;

/// Addresses of an outside watcher in the manner of healthchecks.io. They are secrets: who has one can silence the alarm.
#[derive(Debug, Clone, Default)]
pub struct HeartbeatSettings {
    /// Pinged after healthy rounds; `None` = nobody watches.
    pub url: Option<SecretString>,
    pub every: Duration,
    /// By job: pinged when a run starts, when all of its messages have arrived, and when it failed.
    pub jobs: BTreeMap<String, SecretString>,
}

/// Checks the addresses; a problem names the key and never the address.
pub(super) fn heartbeat(
    raw: RawHeartbeat,
    is_job: impl Fn(&str) -> bool,
    problems: &mut Vec<String>,
) -> HeartbeatSettings {
    let mut check = |path: String, address: SecretString| {
        let is_fit = Url::parse(address.expose_secret()).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.host_str().is_some() && url.query().is_none()
        });
        if is_fit {
            return Some(address);
        }
        problems.push(format!(
            "{path}: this is not an address to ping; write it as the watcher shows it, such as https://hc-ping.com/…, \
             without parameters"
        ));
        None
    };
    let is_set = |address: &SecretString| !address.expose_secret().trim().is_empty();
    let url = raw.url.filter(is_set).and_then(|address| check("heartbeat.url".to_owned(), address));
    let mut jobs = BTreeMap::new();
    for (job, address) in raw.jobs.into_iter().filter(|(_, address)| is_set(address)) {
        if let Some(address) = check(format!("heartbeat.jobs.{job}"), address) {
            jobs.insert(job, address);
        }
    }
    for job in jobs.keys().filter(|job| !is_job(job)) {
        problems.push(format!("heartbeat.jobs.{job}: there is no enabled job `{job}`; correct the name"));
    }
    if raw.every < Duration::from_secs(10) {
        problems.push("heartbeat.every: write 10s or more; the checks themselves look every 5 s".to_owned());
    }
    HeartbeatSettings { url, every: raw.every, jobs }
}
