//! Which incidents are told now: the budget of new messages, the wait for more, quiet hours, silences, reminders.

use chrono::TimeDelta;

use super::trouble::Severity;
use super::{AlertError, Alerter, Detail, Open, notice};
use crate::clock::Instant;
use crate::store::incidents::IncidentChange;
use crate::store::outbox::DeliveryRow;
use crate::store::silences::Silence;

impl Alerter {
    /// Tells what was not told yet and says again what is due, as far as the budget of new messages goes.
    pub(super) async fn tell(&self, now: Instant) -> Result<usize, AlertError> {
        let open = self.open_incidents().await?;
        metrics::gauge!("svodka_incidents_open").set(open.len() as f64);
        let silences = self.store.list_silences(now).await?;
        let heard: Vec<&Open> = open.iter().filter(|incident| !incident.is_silenced(&silences)).collect();
        self.escalate(&heard, now).await?;
        self.tell_summary(&heard, &silences, now).await?;
        let tellable = heard.iter().filter(|incident| self.may_tell(&incident.detail.trouble));
        let (untold, told): (Vec<&Open>, Vec<&Open>) =
            tellable.partition(|incident| incident.row.notice_count == 0);
        let mut untold: Vec<&Open> =
            untold.into_iter().filter(|incident| self.is_to_be_told(incident, now)).collect();
        untold.sort_by_key(|incident| (std::cmp::Reverse(incident.detail.trouble.weight()), incident.row.id));
        let is_due = |incident: &&Open| is_due(incident, now) && !self.is_held_back(incident, now);
        let due: Vec<&Open> = told.into_iter().filter(is_due).collect();
        if untold.is_empty() && due.is_empty() {
            return Ok(open.len());
        }
        let rows = self.store.list_deliveries(&[], 200).await?;
        let mut slots = self.settings.most_messages.saturating_sub(notice::recent_count(&rows, now));
        if slots == 0 {
            return Ok(open.len());
        }
        // What the quiet hours held back comes as one.
        let (waited, untold): (Vec<&Open>, Vec<&Open>) =
            untold.into_iter().partition(|incident| self.was_held_back(incident));
        let untold = match waited.len() {
            0 | 1 => [waited, untold].concat(),
            _ => {
                self.tell_waited(&waited, now).await?;
                slots -= 1;
                untold
            }
        };
        slots = self.tell_new(&untold, slots, now).await?;
        self.remind_due(&due, &rows, slots, now).await?;
        Ok(open.len())
    }

    /// Tells new ones, each by itself or the rest together; returns what is left of the budget.
    async fn tell_new(&self, untold: &[&Open], slots: usize, now: Instant) -> Result<usize, AlertError> {
        if slots == 0 || untold.is_empty() {
            return Ok(slots);
        }
        let single = if untold.len() <= slots { untold.len() } else { slots - 1 };
        let (alone, together) = untold.split_at(single);
        for incident in alone {
            self.tell_alone(incident, now).await?;
        }
        if together.is_empty() {
            return Ok(slots - single);
        }
        self.tell_together(together, now).await?;
        Ok(slots - single - 1)
    }

    async fn remind_due(
        &self,
        due: &[&Open],
        rows: &[DeliveryRow],
        slots: usize,
        now: Instant,
    ) -> Result<(), AlertError> {
        // While earlier notices wait, one more would only tell later what is old by then.
        if slots == 0 || due.is_empty() || notice::is_backed_up(rows, self.settings.ops_chat.as_deref()) {
            return Ok(());
        }
        let (again, still): (Vec<&Open>, Vec<&Open>) = due.iter().copied().partition(|incident| {
            incident.row.reopened_at.is_some_and(|at| at >= incident.row.last_seen_at)
                && !incident.is_flapping(now)
        });
        match again.is_empty() {
            false => self.remind(&again, true, now).await,
            true => self.remind(&still, false, now).await,
        }
    }

    /// Whether an incident that was not told yet is told by a message of its own, and now.
    fn is_to_be_told(&self, incident: &Open, now: Instant) -> bool {
        let waited = now - incident.row.opened_at >= self.settings.conduct.group_wait;
        waited && incident.severity() != Severity::Warn && !self.is_held_back(incident, now)
    }

    /// Quiet hours delay whatever does not page.
    fn is_held_back(&self, incident: &Open, now: Instant) -> bool {
        let quiet = self.settings.conduct.quiet_hours;
        incident.severity() != Severity::Page
            && quiet.is_some_and(|hours| hours.hold(now, self.settings.speech.zone))
    }

    /// It came in quiet hours that are over.
    fn was_held_back(&self, incident: &Open) -> bool {
        self.is_held_back(incident, incident.row.opened_at)
    }

    /// What is over before it could be told is told first, except for what nobody needs to hear: a warning joins the next
    /// summary as over, and what came and went within the wait for more is only counted.
    pub(super) fn must_be_told(&self, incident: &Open, silences: &[Silence], now: Instant) -> bool {
        let has_passed_by = now - incident.row.opened_at < self.settings.conduct.group_wait
            && !incident.detail.trouble.tells_failures();
        incident.row.notice_count == 0
            && self.may_tell(&incident.detail.trouble)
            && incident.severity() != Severity::Warn
            && !incident.is_silenced(silences)
            && !has_passed_by
    }

    async fn tell_alone(&self, incident: &Open, now: Instant) -> Result<(), AlertError> {
        let notice = self.opened(incident, now)?;
        let change = IncidentChange::Touch { id: incident.row.id, detail: incident.detail_json() };
        self.store.change_incident(&change, &[notice], now).await?;
        self.put_off_reminder(incident, now).await
    }

    /// What is told long after it was opened (a silence, quiet hours) is not said again at once.
    async fn put_off_reminder(&self, incident: &Open, now: Instant) -> Result<(), AlertError> {
        if is_due(incident, now) {
            let change =
                IncidentChange::Remind { id: incident.row.id, next_at: Some(now + super::FIRST_REMINDER) };
            self.store.change_incident(&change, &[], now).await?;
        }
        Ok(())
    }

    /// One message for several incidents; each of them remembers which.
    async fn tell_together(&self, incidents: &[&Open], now: Instant) -> Result<(), AlertError> {
        let notice = self.storm(incidents, now)?;
        self.told_by_one(incidents, &notice, now).await
    }

    pub(super) async fn told_by_one(
        &self,
        incidents: &[&Open],
        notice: &crate::store::outbox::NewDelivery,
        now: Instant,
    ) -> Result<(), AlertError> {
        for incident in incidents {
            let detail = Detail { told_in: Some(notice.key.clone()), ..incident.detail.clone() };
            let detail = Open { row: incident.row.clone(), detail }.detail_json();
            let change = IncidentChange::Touch { id: incident.row.id, detail };
            // The same key each time: the first writes the message, the others only count it.
            self.store.change_incident(&change, std::slice::from_ref(notice), now).await?;
            self.put_off_reminder(incident, now).await?;
        }
        Ok(())
    }

    async fn remind(&self, due: &[&Open], is_again: bool, now: Instant) -> Result<(), AlertError> {
        let notice = self.reminder(due, is_again, now)?;
        for incident in due {
            let next_at = match is_again {
                true => now + super::FIRST_REMINDER,
                false => now + next_gap(now - incident.row.opened_at),
            };
            let change = IncidentChange::Remind { id: incident.row.id, next_at: Some(next_at) };
            self.store.change_incident(&change, std::slice::from_ref(&notice), now).await?;
        }
        Ok(())
    }
}

fn is_due(incident: &Open, now: Instant) -> bool {
    incident.row.remind_at.is_some_and(|at| at <= now)
}

/// Pause until the next reminder: 15 min, 30 min, 1 h, 4 h after one another, then daily.
fn next_gap(open_for: TimeDelta) -> TimeDelta {
    match open_for.num_minutes() {
        ..30 => TimeDelta::minutes(30),
        30..90 => TimeDelta::hours(1),
        90..240 => TimeDelta::hours(4),
        _ => TimeDelta::hours(24),
    }
}
