//! Ending an attempt at a run. Every write here names the lease, and one that is lost is refused.

use serde_json::Value;
use sqlx::types::Json;

use super::pool::Tx;
use super::runs::RunResult;
use super::sql::{execute, queries, same};
use super::{Lease, Result, Store, files, history, outbox};
use crate::clock::Instant;

queries! {
    SUCCEED = same!(
        "UPDATE runs SET state = 'succeeded', finished_at = $3, reason = $5, note = $4, lease_owner = NULL, ",
        "lease_until_ms = NULL WHERE id = $1 AND lease_token = $2 AND state = 'running'",
    );
    RETRY = same!(
        "UPDATE runs SET state = 'planned', not_before_at = $3, reason = $4, note = $5, lease_owner = NULL, ",
        "lease_until_ms = NULL WHERE id = $1 AND lease_token = $2 AND state = 'running'",
    );
    FAIL = same!(
        "UPDATE runs SET state = 'failed', finished_at = $3, reason = $4, note = $5, lease_owner = NULL, ",
        "lease_until_ms = NULL WHERE id = $1 AND lease_token = $2 AND state = 'running'",
    );
    RELEASE = same!(
        "UPDATE runs SET state = 'planned', not_before_at = $3, attempt_count = attempt_count - 1, ",
        "started_at = CASE WHEN attempt_count = 1 THEN NULL ELSE started_at END, lease_owner = NULL, ",
        "lease_until_ms = NULL WHERE id = $1 AND lease_token = $2 AND state = 'running'",
    );
    END_ATTEMPT = same!(
        "UPDATE run_attempts SET finished_at = $3, outcome = $4, reason = $5 ",
        "WHERE run_id = $1 AND lease_token = $2",
    );
    SAVE_DIGEST = same!(
        "INSERT INTO digests (run_id, report, public_id, period_from, period_to, body) ",
        "VALUES ($1, $2, $3, $4, $5, $6)",
    );
}

impl Store {
    /// One fenced transaction: digest, history and outbox rows, state `succeeded`. All or nothing.
    pub async fn finish_run(&self, lease: &Lease, result: &RunResult, now: Instant) -> Result<()> {
        let mut tx = self.begin().await?;
        let note = result.note.as_deref();
        lease.require_one(execute!(tx, SUCCEED, lease.id, lease.token, now, note, result.lacks)?, "run")?;
        if let Some(digest) = &result.digest {
            let body: Json<&Value> = Json(&digest.body);
            execute!(
                tx,
                SAVE_DIGEST,
                lease.id,
                &digest.report,
                &digest.public_id,
                digest.period_from,
                digest.period_to,
                body
            )?;
        }
        history::insert_history(&mut tx, lease.id, &result.history).await?;
        files::insert_files(&mut tx, &result.files, now).await?;
        outbox::insert_deliveries(&mut tx, &result.deliveries, now).await?;
        end_attempt(&mut tx, lease, "succeeded", None, now).await?;
        tx.commit().await
    }

    /// Ends the attempt as failed and puts the run back to `planned`, due at `not_before_at`. Fenced.
    pub async fn retry_run(
        &self,
        lease: &Lease,
        reason: &str,
        note: &str,
        not_before_at: Instant,
        now: Instant,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        let changed = execute!(tx, RETRY, lease.id, lease.token, not_before_at, reason, note)?;
        lease.require_one(changed, "run")?;
        end_attempt(&mut tx, lease, "failed", Some(reason), now).await?;
        tx.commit().await
    }

    /// Ends the run as failed for good. Fenced.
    pub async fn fail_run(&self, lease: &Lease, reason: &str, note: &str, now: Instant) -> Result<()> {
        let mut tx = self.begin().await?;
        lease.require_one(execute!(tx, FAIL, lease.id, lease.token, now, reason, note)?, "run")?;
        end_attempt(&mut tx, lease, "failed", Some(reason), now).await?;
        tx.commit().await
    }

    /// Hands the run back untouched while draining: `planned`, due at once; the attempt does not count. Fenced.
    pub async fn release_run(&self, lease: &Lease, now: Instant) -> Result<()> {
        let mut tx = self.begin().await?;
        lease.require_one(execute!(tx, RELEASE, lease.id, lease.token, now)?, "run")?;
        end_attempt(&mut tx, lease, "released", None, now).await?;
        tx.commit().await
    }
}

async fn end_attempt(
    tx: &mut Tx,
    lease: &Lease,
    outcome: &str,
    reason: Option<&str>,
    now: Instant,
) -> Result<()> {
    execute!(*tx, END_ATTEMPT, lease.id, lease.token, now, outcome, reason)?;
    Ok(())
}
