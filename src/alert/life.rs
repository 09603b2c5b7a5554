//! What happens to an incident besides its trouble: it comes back, somebody takes it up or puts it off, nobody wants to
//! hear of it, and at its end there is something that was made up for.

use chrono::TimeDelta;

use super::checks::Snapshot;
use super::trouble::{Severity, Trouble};
use super::{AlertError, Alerter, Detail, Open};
use crate::clock::Instant;
use crate::render::notices::Life;
use crate::store::incidents::IncidentChange;
use crate::store::outbox::DeliveryState;
use crate::store::silences::Silence;
use crate::store::told::Failures;

/// What comes back sooner than this is the same incident.
const SAME_WITHIN: TimeDelta = TimeDelta::minutes(30);
/// What has come back this often within [`FLAP_WINDOW`] comes and goes.
const FLAPPING: i64 = 2;
const FLAP_WINDOW: TimeDelta = TimeDelta::hours(1);
/// What comes and goes is over only when it has stayed away so long.
const FLAP_QUIET: TimeDelta = TimeDelta::minutes(10);
/// What comes and goes is said aloud this often.
const FLAP_EVERY: TimeDelta = TimeDelta::hours(1);

impl Open {
    pub(super) fn severity(&self) -> Severity {
        self.detail.trouble.severity()
    }

    /// It comes and goes: single comings and goings are not told any more.
    pub(super) fn is_flapping(&self, now: Instant) -> bool {
        self.row.reopened_count >= FLAPPING
            && self.row.reopened_at.is_some_and(|at| now - at.max(self.row.last_seen_at) < FLAP_WINDOW)
    }

    /// It has not stayed away long enough to believe it.
    pub(super) fn may_come_back(&self, now: Instant) -> bool {
        let seen_at = self.row.reopened_at.map_or(self.row.last_seen_at, |at| at.max(self.row.last_seen_at));
        self.is_flapping(now) && now - seen_at < FLAP_QUIET
    }

    /// Somebody deals with it, or does not want to hear of it now.
    pub(super) fn is_attended(&self, now: Instant) -> bool {
        self.row.acknowledged_at.is_some() || self.row.snoozed_until_at.is_some_and(|until| until > now)
    }

    pub(super) fn is_silenced(&self, silences: &[Silence]) -> bool {
        silences.iter().any(|silence| silence.covers.holds(&self.row))
    }
}

impl Alerter {
    /// Opens the incident again that was over a short while ago; `false` when there is none to open again.
    pub(super) async fn reopen(
        &self,
        trouble: &Trouble,
        failures: &Failures,
        now: Instant,
    ) -> Result<bool, AlertError> {
        if trouble.is_news() || trouble.severity() == Severity::Warn {
            return Ok(false);
        }
        let Some(row) = self.store.find_resolved_incident(&trouble.key(), now - SAME_WITHIN).await? else {
            return Ok(false);
        };
        let Ok(before) = serde_json::from_value::<Detail>(row.detail.clone()) else { return Ok(false) };
        // Without a message of its own there is nothing that could change.
        if row.notice_count == 0 || before.told_in.is_some() {
            return Ok(false);
        }
        let life = Life { reopened_count: row.reopened_count + 1, ..Life::default() };
        let detail = Detail { trouble: trouble.clone(), told_in: None, life };
        let again = Open { row: crate::store::incidents::IncidentRow { resolved_at: None, ..row }, detail };
        let notices = match self.may_tell(trouble) {
            true => vec![self.edited(&again, now)?],
            false => Vec::new(),
        };
        // The first time it is said aloud at once: an edit makes no sound.
        let remind_at = match again.detail.life.reopened_count < FLAPPING {
            true => now,
            false => now + FLAP_EVERY,
        };
        let reopened = self
            .store
            .reopen_incident(again.row.id, &again.detail_json(), Some(remind_at), (failures, &notices), now)
            .await?;
        if reopened {
            tracing::warn!(incident.id = again.row.id, incident.key = %again.row.key, reason = trouble.kind(), "incident opened again: {}", again.row.key);
        }
        Ok(reopened)
    }

    /// Lets the messages say who has taken their incidents up, and until when they are put off.
    pub(super) async fn follow_people(&self, open: &[Open], now: Instant) -> Result<(), AlertError> {
        for incident in open {
            let row = &incident.row;
            let life = Life {
                acknowledged_by: row.acknowledged_by.clone(),
                snoozed_until: row.snoozed_until_at,
                ..incident.detail.life.clone()
            };
            if life == incident.detail.life {
                continue;
            }
            let detail = Detail { life, ..incident.detail.clone() };
            let incident = Open { row: incident.row.clone(), detail };
            let notices = match self.own_message(&incident) {
                Some(_) => vec![self.edited(&incident, now)?],
                None => Vec::new(),
            };
            let change = IncidentChange::Touch { id: incident.row.id, detail: incident.detail_json() };
            self.store.change_incident(&change, &notices, now).await?;
        }
        Ok(())
    }

    /// One sentence about what was made up for since the trouble began; `None` when there is nothing to say.
    pub(super) async fn caught_up(
        &self,
        incident: &Open,
        snapshot: &Snapshot,
    ) -> Result<Option<String>, AlertError> {
        let speech = &self.settings.speech;
        let since = incident.row.opened_at;
        let run_of = |job: &str| snapshot.last_successes.iter().find(|run| run.job == job);
        Ok(match &incident.detail.trouble {
            Trouble::TelegramDown { since, .. } => speech.sent_since(self.sent_since(None, *since).await?),
            Trouble::DeliveryStuck { chat, since, .. } => {
                speech.sent_since(self.sent_since(Some(chat), *since).await?)
            }
            Trouble::SourceDown { sources, .. } | Trouble::SourceRefused { sources, .. } => {
                let read = snapshot.sources.iter().filter(|row| sources.contains(&row.name));
                let until = read.filter_map(|row| row.coverage.as_ref().map(|span| span.until)).min();
                until.map(|until| speech.read_until(until, self.clock.now()))
            }
            Trouble::RunFailed { job, .. } => run_of(job)
                .filter(|run| run.finished_at >= Some(since))
                .map(|run| speech.came_out(run.slot_at, run.finished_at.unwrap_or(since), self.clock.now())),
            Trouble::DeadlineMissed { run_id, slot_at, .. } => snapshot
                .last_successes
                .iter()
                .find(|run| run.id == *run_id)
                .map(|run| speech.came_out(*slot_at, run.finished_at.unwrap_or(since), self.clock.now())),
            _ => None,
        })
    }

    async fn sent_since(&self, chat: Option<&str>, since: Instant) -> Result<u64, AlertError> {
        let sent = self.store.list_deliveries(&[DeliveryState::Sent], 1000).await?;
        let caught_up = sent.iter().filter(|row| {
            let is_of_chat = chat.is_none_or(|chat| row.chat == chat);
            is_of_chat && row.created_at >= since
        });
        Ok(caught_up.count() as u64)
    }
}
