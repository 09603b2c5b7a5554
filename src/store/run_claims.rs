//! Claiming a run: how any number of workers share one table without a run done twice or a job overlapping itself.
//!
//! One short transaction in three steps:
//!
//! 1. **Put back** what dead workers held: `running` with a lease that has ended becomes `planned` again. Its
//!    `lease_owner` stays, so that the next claim knows it is a take-over; a dead worker that wakes up finds the state
//!    changed and is refused.
//! 2. **Pick** the run that has been due longest, passing over jobs that have a run under way. On PostgreSQL the row is
//!    locked and rows that others are picking are skipped; SQLite lets one writer in at a time.
//! 3. **Take** it: state, owner, end of the lease, and a token one higher than the last, which every later write must name.
//!
//! Two workers may pick two runs of one job at the same moment, each blind to the other's open transaction. The
//! unique index `runs_one_running` lets one through; the other starts over and sees the job taken.

use super::errors::is_unique_violation;
use super::runs::{ClaimedRun, RunRecord, RunRow, run_columns};
use super::sql::{execute, fetch_all, fetch_optional, per_backend, queries, same};
use super::{Lease, Result, Store, lease_end};
use crate::clock::Instant;

/// How often a claim that lost against another worker starts over before it reports that nothing is due. Each loss
/// means that somebody else has claimed, so this is not spinning.
const CLAIM_TRIES: usize = 8;

macro_rules! list_lost {
    ($now_ms:literal, $skip_locked:literal) => {
        concat!(
            "SELECT id, lease_token FROM runs WHERE state = 'running' AND lease_until_ms <= ",
            $now_ms,
            " ",
            $skip_locked
        )
    };
}

// $1 now; $2 the only run wanted, NULL for any.
macro_rules! pick {
    ($now_ms:literal, $skip_locked:literal) => {
        concat!(
            "SELECT ",
            run_columns!(),
            "
            FROM runs
            WHERE state = 'planned'
              AND not_before_at <= $1
              AND (CAST($2 AS BIGINT) IS NULL OR id = $2)
              AND NOT EXISTS (SELECT 1 FROM runs AS other WHERE other.job = runs.job AND other.state = 'running')
            ORDER BY not_before_at, id
            LIMIT 1 ",
            $skip_locked
        )
    };
}

// $1 the run picked; $2 owner; $3 length of the lease in seconds; $4 now.
macro_rules! take {
    ($now_ms:literal, $skip_locked:literal) => {
        concat!(
            "UPDATE runs
            SET state = 'running', lease_owner = $2, lease_token = lease_token + 1,
                attempt_count = attempt_count + 1, started_at = COALESCE(started_at, $4),
                lease_until_ms = $3 * 1000 + ",
            $now_ms,
            "
            WHERE id = $1 AND state = 'planned'
            RETURNING ",
            run_columns!()
        )
    };
}

// $1 run; $2 token; $3 length of the lease in seconds.
macro_rules! renew {
    ($now_ms:literal, $skip_locked:literal) => {
        concat!(
            "UPDATE runs SET lease_until_ms = $3 * 1000 + ",
            $now_ms,
            " WHERE id = $1 AND lease_token = $2 AND state = 'running'"
        )
    };
}

queries! {
    LIST_LOST = per_backend!(list_lost);
    PUT_BACK = same!(
        "UPDATE runs SET state = 'planned', not_before_at = $3, lease_until_ms = NULL, reason = 'worker_lost', ",
        "note = NULL WHERE id = $1 AND lease_token = $2 AND state = 'running'",
    );
    END_LOST_ATTEMPT = same!(
        "UPDATE run_attempts SET finished_at = $3, outcome = 'lost', reason = 'worker_lost' ",
        "WHERE run_id = $1 AND lease_token = $2",
    );
    PICK = per_backend!(pick);
    TAKE = per_backend!(take);
    BEGIN_ATTEMPT = same!(
        "INSERT INTO run_attempts (run_id, lease_token, owner, started_at) VALUES ($1, $2, $3, $4)",
    );
    RENEW = per_backend!(renew);
}

impl Store {
    /// Claims the oldest due run for `lease_secs`: `planned` with `not_before_at <= now`, or `running` with an expired
    /// lease. A job with another run under a live lease is passed over (a job never overlaps itself). Begins
    /// attempt `attempt_count + 1`. `None` when nothing is due.
    pub async fn claim_run(&self, owner: &str, lease_secs: i64, now: Instant) -> Result<Option<ClaimedRun>> {
        self.claim(None, owner, lease_secs, now).await
    }

    /// Claims exactly this run, if it is due as above; used by `svodka run`.
    pub async fn claim_run_by_id(
        &self,
        run_id: i64,
        owner: &str,
        lease_secs: i64,
        now: Instant,
    ) -> Result<Option<ClaimedRun>> {
        self.claim(Some(run_id), owner, lease_secs, now).await
    }

    /// Extends the lease; `Fenced` when it is no longer ours.
    pub async fn renew_run(&self, lease: &Lease, lease_secs: i64) -> Result<()> {
        let mut db = self.conn().await?;
        lease.require_one(execute!(db, RENEW, lease.id, lease.token, lease_secs)?, "run")
    }

    async fn claim(
        &self,
        run_id: Option<i64>,
        owner: &str,
        lease_secs: i64,
        now: Instant,
    ) -> Result<Option<ClaimedRun>> {
        for _ in 0..CLAIM_TRIES {
            match self.try_claim(run_id, owner, lease_secs, now).await {
                Err(error) if is_unique_violation(&error) => {}
                outcome => return outcome,
            }
        }
        Ok(None)
    }

    async fn try_claim(
        &self,
        run_id: Option<i64>,
        owner: &str,
        lease_secs: i64,
        now: Instant,
    ) -> Result<Option<ClaimedRun>> {
        let mut tx = self.begin().await?;
        for (id, token) in fetch_all!((i64, i64), tx, LIST_LOST)? {
            execute!(tx, PUT_BACK, id, token, now)?;
            execute!(tx, END_LOST_ATTEMPT, id, token, now)?;
        }
        let claimed = match fetch_optional!(RunRecord, tx, PICK, now, run_id)? {
            None => None,
            Some(picked) => match fetch_optional!(RunRecord, tx, TAKE, picked.id, owner, lease_secs, now)? {
                None => None,
                Some(taken) => {
                    let lease = Lease {
                        id: taken.id,
                        token: taken.lease_token,
                        owner: owner.to_owned(),
                        until: lease_end(taken.lease_until_ms, "runs", taken.id)?,
                    };
                    execute!(tx, BEGIN_ATTEMPT, lease.id, lease.token, owner, now)?;
                    let taken_over_from = picked.lease_owner;
                    Some(ClaimedRun { run: RunRow::try_from(taken)?, lease, taken_over_from })
                }
            },
        };
        tx.commit().await?;
        Ok(claimed)
    }
}
