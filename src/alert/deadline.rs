//! Reports that are not there by their deadline: ops learn it as an incident, readers from one polite note.

use chrono::TimeDelta;

use super::checks::is_effect;
use super::trouble::Trouble;
use super::{AlertError, Alerter};
use crate::clock::Instant;
use crate::render::notices::LateDigest;
use crate::store::outbox::{Action, DeliveryState, NewDelivery, Policy};
use crate::store::runs::{RunRow, RunState};
use crate::store::told::Failures;

/// A run that was already late when it was planned (the worker was down) gets this long to come by itself: its text says
/// that it is late, and a note right before it would only annoy.
const CATCH_UP_GRACE: TimeDelta = TimeDelta::minutes(2);
/// A note that comes later than this is no use to readers.
const NOTE_LIVES: TimeDelta = TimeDelta::minutes(30);

impl Alerter {
    /// Looks for deadlines that passed. Each is told once, whichever worker sees it. Returns how many were new.
    pub async fn deadline_step(&self) -> Result<usize, AlertError> {
        let now = self.clock.now();
        let mut missed_count = 0;
        let missed = self.store.list_missed_deadlines(now).await?;
        let sources = if missed.is_empty() { Vec::new() } else { self.store.list_sources().await? };
        for run in missed {
            let Some(deadline_at) = run.deadline_at else { continue };
            if deadline_at <= run.created_at && now - run.created_at < CATCH_UP_GRACE {
                continue;
            }
            let notes = self.late_notes(&run, now)?;
            // The incident first: marking is what is done once. A source that fails has one of its own, which hides its effects.
            if !sources.iter().any(|source| is_effect(&run, source, now)) {
                self.open_missed(&run, deadline_at, now).await?;
            }
            if self.store.mark_deadline_missed(run.id, &notes, now).await? {
                missed_count += 1;
                tracing::error!(run.id = run.id, job.name = %run.job, reason = run.reason.as_deref().unwrap_or("late"), "run {} of {} missed its deadline", run.id, run.job);
            }
        }
        if missed_count > 0 {
            self.tell(now).await?;
        }
        Ok(missed_count)
    }

    async fn open_missed(&self, run: &RunRow, deadline_at: Instant, now: Instant) -> Result<(), AlertError> {
        let trouble = Trouble::DeadlineMissed {
            job: run.job.clone(),
            run_id: run.id,
            slot_at: run.slot_at,
            deadline_at,
            reason: run.reason.clone(),
            is_given_up: run.state == RunState::Failed,
        };
        self.open(&trouble, &Failures::default(), now).await?;
        if run.state == RunState::Failed {
            self.store.mark_told(&Failures { runs: vec![run.id], ..Failures::default() }, now).await?;
        }
        Ok(())
    }

    fn late_notes(&self, run: &RunRow, now: Instant) -> Result<Vec<NewDelivery>, AlertError> {
        // A report that waits for Telegram stands before any note in the outbox.
        let chats = self.settings.speech.job_chats.get(&run.job);
        let Some(chats) = chats.filter(|_| run.state != RunState::Succeeded) else { return Ok(Vec::new()) };
        let digest = LateDigest {
            run_id: run.id,
            job: &run.job,
            is_about_bot: self.settings.bot_jobs.contains(&run.job),
            slot_at: run.slot_at,
            reason: run.reason.as_deref(),
            next_at: (run.state == RunState::Planned).then_some(run.not_before_at),
            is_given_up: run.state == RunState::Failed,
        };
        let part = self.settings.speech.late(&digest, now)?;
        let note = |chat: &String| NewDelivery {
            key: format!("late:{}/{chat}", run.id),
            run_id: None,
            chat: chat.clone(),
            part: 1,
            part_count: 1,
            action: Action::Send,
            html: part.html.clone(),
            plain: part.plain.clone(),
            public_id: format!("late-{:04}", run.id),
            policy: Policy::AtMostOnce,
            expires_at: Some(now + NOTE_LIVES),
            is_silent: true,
            keyboard: None,
        };
        Ok(chats.iter().map(note).collect())
    }

    /// Whether the run is through and everything of it was sent.
    pub(super) async fn has_arrived(&self, run_id: i64) -> Result<bool, AlertError> {
        let Some(run) = self.store.find_run(run_id).await? else { return Ok(true) };
        let deliveries = self.store.list_run_deliveries(run_id).await?;
        Ok(run.state == RunState::Succeeded && deliveries.iter().all(|row| row.state == DeliveryState::Sent))
    }
}
