//! A disk that is full while a digest is being made.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use svodka::clock::{Clock, SystemClock};
use svodka::sandbox::retailcrm::{Fault, FaultKind};
use svodka::store::Store;
use svodka::store::runs::RunState;
use tempfile::TempDir;

use super::ledger::Ledger;
use super::machine::wait;
use crate::support::postgres::say;
use crate::support::processes::{Outside, until};

/// A small disk of its own; goes when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` where this user may not mount one.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "svodka-test"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }

    /// Not a byte is left.
    fn fill(&self) {
        let mut file = File::create(self.ballast()).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
        while file.write_all(&[1]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> std::path::PathBuf {
        self.path().join("ballast")
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_costs_time_and_no_digest() {
    let Some(disk) = SmallDisk::mount() else {
        say("FULL DISK NOT TESTED: this user may not mount a small one");
        return;
    };
    let url = format!("sqlite://{}/svodka.db", disk.path().display());
    let store = Store::connect(&url).await.unwrap();
    store.migrate().await.unwrap();
    let outside = Outside::open(&url).await;
    let now = SystemClock.now();
    let run_id = store.insert_manual_run("daily", now, None, now).await.unwrap();
    outside.crm.fault(Fault::on("/api/bot/v1/messages", FaultKind::Hang));
    let mut first = outside.serve();
    let crm = outside.crm.clone();
    until("the program waits for messages", || {
        crm.requests().iter().any(|request| request.path.contains("/messages"))
    })
    .await;
    disk.fill();
    outside.crm.clear_faults();
    // The round ends in a write.
    wait(Duration::from_secs(3)).await;
    assert_eq!(store.ping().await.unwrap_err().reason(), "disk_full");
    assert!(outside.digests().is_empty(), "what cannot be written down is not sent");

    // Killed on top of it, and another one starts on the full disk.
    let pid = first.id().unwrap();
    first.kill().await.unwrap();
    let mut second = outside.serve();
    wait(Duration::from_millis(500)).await;
    disk.free();
    Ledger::open(&url).await.bury(pid).await;
    if second.try_wait().unwrap().is_some() {
        // On a full disk it may refuse to start; the platform starts it again.
        second = outside.serve();
    }
    until("the digest is in the chat", || !outside.digests().is_empty()).await;
    let run = store.find_run(run_id).await.unwrap().unwrap();
    assert_eq!(run.state, RunState::Succeeded);
    drop(second);
    assert_eq!(outside.digests().len(), 1);
    store.close().await;
}
