//! Real programs, killed, suspended, told to stop and cut off from their database at the worst moments.
//!
//! One program on SQLite, three on one PostgreSQL. In the end the tables and the chats are compared, never our logs: every
//! slot has one run, every digest stands in its chats exactly once. `SVODKA_CHAOS_KILLS=500` kills that often on
//! each database (a few by default), `SVODKA_CHAOS_SEED` chooses other moments, `SVODKA_CHAOS_LOG=warn` lets the programs
//! speak. A seed fixes what is done, not what the machine makes of it.

mod check;
mod disk;
mod failover;
mod ledger;
mod machine;
mod proxy;
mod zombie;

use machine::Machine;

use crate::support::postgres::{self, say};
use crate::support::stores::temp_store;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |value| value.parse().unwrap())
}

async fn batter(name: &str, database_url: &str, programs: u64) {
    let kills = usize::try_from(number("SVODKA_CHAOS_KILLS", 4)).unwrap();
    let seed = number("SVODKA_CHAOS_SEED", 1);
    let mut machine = Machine::start(database_url, programs, seed).await;
    while machine.blows.kills < kills {
        machine.strike().await;
    }
    machine.cut_both_ways().await;
    let (verdict, blows) = machine.verdict().await;
    say(&format!("chaos on {name}, seed {seed}: {blows:?}\n{verdict:#?}"));
    assert!(verdict.is_clean(), "seed {seed}: not clean, see above");
    let is_cut = blows.cut_before > 0 && blows.cut_after > 0;
    assert!(is_cut || !database_url.starts_with("postgres"), "no commit was cut: {blows:?}");
    assert!(verdict.slots >= 12 && verdict.messages > 0, "there was nothing to lose: {verdict:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_on_sqlite_it_loses_nothing_and_doubles_nothing() {
    let store = temp_store().await;
    batter("SQLite", store.url(), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_on_postgres_three_of_them_lose_nothing_and_double_nothing() {
    let Some(cluster) = postgres::cluster() else { return };
    let database = cluster.database().await;
    batter("PostgreSQL", &database.url(), 3).await;
    database.remove().await;
}
