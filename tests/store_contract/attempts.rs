//! Attempts are rows: one per claim, with who, when, and what became of it.

use sqlx::{Connection, Executor, PgConnection, SqliteConnection};

use super::{ENDED, LONG, at, message};
use crate::support::stores::{Given, for_each_store};

/// Owner, outcome and reason of every attempt, in the order of claims, and whether it has an end.
type Attempt = (String, Option<String>, Option<String>, bool);

async fn attempts(given: &Given, table: &str) -> Vec<Attempt> {
    let sql = format!(
        "SELECT owner, outcome, reason, finished_at IS NOT NULL FROM {table} ORDER BY started_at, lease_token"
    );
    let sql = sqlx::AssertSqlSafe(sql);
    if given.backend() == "sqlite" {
        let mut connection = SqliteConnection::connect(given.url()).await.unwrap();
        sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap()
    } else {
        let mut connection = PgConnection::connect(given.url()).await.unwrap();
        connection.execute("SET search_path = svodka").await.unwrap();
        sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap()
    }
}

fn attempt(owner: &str, outcome: &str, reason: Option<&str>) -> Attempt {
    (owner.to_owned(), Some(outcome.to_owned()), reason.map(str::to_owned), true)
}

#[tokio::test]
async fn every_attempt_at_a_run_is_kept() {
    for_each_store(async |given| {
        given.insert_manual_run("daily", at(0), None, at(0)).await.unwrap();
        let lease = given.claim_run("a", LONG, at(1)).await.unwrap().unwrap().lease;
        given.retry_run(&lease, "timeout", "", at(2), at(2)).await.unwrap();
        given.claim_run("dead", ENDED, at(3)).await.unwrap().unwrap();
        let lease = given.claim_run("b", LONG, at(4)).await.unwrap().unwrap().lease;
        given.release_run(&lease, at(5)).await.unwrap();
        let lease = given.claim_run("c", LONG, at(6)).await.unwrap().unwrap().lease;
        let running = attempts(&given, "run_attempts").await.pop().unwrap();
        assert_eq!(running, ("c".to_owned(), None, None, false));
        given.finish_run(&lease, &Default::default(), at(7)).await.unwrap();
        let expected = [
            attempt("a", "failed", Some("timeout")),
            attempt("dead", "lost", Some("worker_lost")),
            attempt("b", "released", None),
            attempt("c", "succeeded", None),
        ];
        assert_eq!(attempts(&given, "run_attempts").await, expected);
    })
    .await;
}

#[tokio::test]
async fn every_attempt_at_a_delivery_is_kept() {
    for_each_store(async |given| {
        given.enqueue(&[message("m", "m")], at(0)).await.unwrap();
        let claim = async |owner: &str, secs, minutes| {
            given.claim_delivery(owner, secs, at(minutes)).await.unwrap().unwrap().lease
        };
        let lease = claim("a", LONG, 1).await;
        given.record_retry(&lease, "throttled", at(2), false, false, at(1)).await.unwrap();
        claim("dead", ENDED, 2).await;
        given.sweep_lost_sends(0, at(3)).await.unwrap();
        let lease = claim("b", LONG, 4).await;
        given.record_unknown(&lease, "reset", at(5), at(4)).await.unwrap();
        let lease = claim("c", LONG, 5).await;
        given.record_sent(&lease, None, at(6)).await.unwrap();
        let expected = [
            attempt("a", "retry", Some("throttled")),
            attempt("dead", "lost", Some("worker_lost")),
            attempt("b", "unknown", Some("reset")),
            attempt("c", "sent", None),
        ];
        assert_eq!(attempts(&given, "delivery_attempts").await, expected);
    })
    .await;
}
