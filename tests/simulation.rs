//! A simulation of planner, runner, outbox and incidents: one seed decides when time passes, which worker does what, what
//! fails, who dies where; what must always hold is looked at after every step.
//!
//! | variable | does |
//! |---|---|
//! | `SVODKA_SIM_SEED=123` | replays one seed, with its log |
//! | `SVODKA_SIM_SEEDS=100000` | runs as many seeds as said |
//!
//! Leases follow the database's clock, which cannot be moved; when simulated time has passed their end they are ended by
//! SQL. A worker dies either at a reading of its clock (replayed exactly) or after a number of polls (where that is may
//! shift by a statement, because the database answers from a thread of its own).
//!
//! Seen to fail when a send of unknown outcome was taken for not sent (second copies without a mark), and when a repeat was
//! marked in another place. Not yet shown: that it notices a `record_sent` without its fence; `deliver_faults` holds that.

mod checks;
mod scenario;
mod telegram;
mod worker;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::postgres;
use scenario::{Totals, live};

/// Seeds of an ordinary run of the tests; about twenty seconds on two cores.
const DEFAULT_SEEDS: u64 = 60;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
#[ignore = "one seed in sixty now and then ends in a message that expired early, cause not yet known; run with --ignored"]
fn whatever_fails_and_whoever_dies_no_report_is_lost_or_silently_doubled() {
    let only = number("SVODKA_SIM_SEED");
    let (first, count) = match only {
        Some(seed) => (seed, 1),
        None => (0, number("SVODKA_SIM_SEEDS").unwrap_or(DEFAULT_SEEDS)),
    };
    let began = std::time::Instant::now();
    let (next, totals) = (AtomicU64::new(0), Mutex::new(Totals::default()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    if nth >= count || totals.lock().unwrap().failures.len() > 3 {
                        return;
                    }
                    let report = runtime().block_on(scenario::on_sqlite(first + nth, only.is_some()));
                    totals.lock().unwrap().add(report);
                }
            });
        }
    });
    let totals = totals.into_inner().unwrap();
    postgres::say(&format!("simulation: {} in {:.1} s", totals.summary(), began.elapsed().as_secs_f64()));
    assert!(totals.failures.is_empty(), "{}", totals.failures.join("\n\n"));
    if only.is_none() && count >= 100 {
        totals.assert_struck();
    }
}

#[test]
#[ignore = "one seed in sixty now and then ends in a message that expired early, cause not yet known; run with --ignored"]
fn the_same_holds_on_postgresql() {
    let Some(cluster) = postgres::cluster() else { return };
    let mut totals = Totals::default();
    for seed in 0..4 {
        let report = runtime().block_on(async {
            let database = cluster.database().await;
            let store = svodka::store::Store::connect(&database.url()).await.unwrap();
            let report = live(seed, &store, &database.url(), false).await;
            store.close().await;
            database.remove().await;
            report
        });
        totals.add(report);
    }
    postgres::say(&format!("simulation on PostgreSQL: {}", totals.summary()));
    assert!(totals.failures.is_empty(), "{}", totals.failures.join("\n\n"));
}
