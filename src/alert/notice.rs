//! From incidents to rows of the outbox: who is told, under which key, and which earlier message is edited.

use chrono::TimeDelta;

use super::{AlertError, Alerter, Open};
use crate::clock::Instant;
use crate::render::Part;
use crate::render::notices::Incident;
use crate::store::outbox::{Action, DeliveryRow, DeliveryState, NewDelivery, Policy};

/// A notice nobody could be given for a day is no news any more.
const NOTICE_LIVES: TimeDelta = TimeDelta::hours(24);

/// New messages about incidents in the last five minutes, whoever wrote them. Edits and reports do not count.
pub(super) fn recent_count(rows: &[DeliveryRow], now: Instant) -> usize {
    let is_notice = |row: &DeliveryRow| row.key.starts_with("incident:") || row.key.starts_with("storm:");
    let since = now - TimeDelta::minutes(5);
    rows.iter().filter(|row| row.created_at > since && row.action == Action::Send && is_notice(row)).count()
}

/// Whether something already waits to be sent to the ops chat.
pub(super) fn is_backed_up(rows: &[DeliveryRow], ops_chat: Option<&str>) -> bool {
    let is_waiting = |row: &DeliveryRow| matches!(row.state, DeliveryState::Pending | DeliveryState::Unknown);
    rows.iter().any(|row| Some(row.chat.as_str()) == ops_chat && is_waiting(row))
}

impl Alerter {
    /// Key of the message an incident has for itself; `None` when it has none.
    pub(super) fn own_message(&self, incident: &Open) -> Option<String> {
        let is_own = incident.row.notice_count > 0 && incident.detail.told_in.is_none();
        is_own.then(|| opening_key(incident.row.id))
    }

    pub(super) fn opened(&self, incident: &Open, now: Instant) -> Result<NewDelivery, AlertError> {
        let part = self.settings.speech.opened(&incident.words(false), now)?;
        let is_silent = incident.detail.trouble.is_news();
        let key = opening_key(incident.row.id);
        Ok(NewDelivery {
            is_silent,
            ..self.delivery(key, Action::Send, part, public_id("inc", incident), now)
        })
    }

    pub(super) fn edited(&self, incident: &Open, now: Instant) -> Result<NewDelivery, AlertError> {
        let part = self.settings.speech.opened(&incident.words(false), now)?;
        Ok(self.edit(incident, part, now))
    }

    /// The last word; `caught_up` is one sentence about what was made up for.
    pub(super) fn resolved(
        &self,
        incident: &Open,
        caught_up: Option<String>,
        now: Instant,
    ) -> Result<NewDelivery, AlertError> {
        let mut words = incident.words(true);
        words.life.caught_up = caught_up;
        let part = self.settings.speech.resolved(&words, now)?;
        Ok(self.edit(incident, part, now))
    }

    /// One message about several incidents, the most important first.
    pub(super) fn storm(&self, incidents: &[&Open], now: Instant) -> Result<NewDelivery, AlertError> {
        let words: Vec<Incident<'_>> = incidents.iter().map(|incident| incident.words(false)).collect();
        let part = self.settings.speech.storm(&words, now)?;
        let first = incidents[0];
        let key = format!("storm:{}", first.row.id);
        Ok(self.delivery(key, Action::Send, part, public_id("sum", first), now))
    }

    /// The message about several incidents again, now that `over` is over.
    pub(super) async fn storm_edited(
        &self,
        told_in: &str,
        over: &Open,
        now: Instant,
    ) -> Result<Option<NewDelivery>, AlertError> {
        // A summary tells what was opened in the days before it.
        let since = over.row.opened_at - TimeDelta::days(8);
        let mut members = self.read(self.store.list_incidents(since, 500).await?);
        members.retain(|member| member.detail.told_in.as_deref() == Some(told_in));
        members.sort_by_key(|member| (std::cmp::Reverse(member.detail.trouble.weight()), member.row.id));
        let Some(first) = members.first() else { return Ok(None) };
        let is_over = |member: &Open| member.row.resolved_at.is_some() || member.row.id == over.row.id;
        let words: Vec<Incident<'_>> = members.iter().map(|member| member.words(is_over(member))).collect();
        let part = self.text_of_many(told_in, &words, now)?;
        let (key, action) =
            (format!("{told_in}/{}", over.row.id), Action::Edit { of_key: told_in.to_owned() });
        Ok(Some(self.delivery(key, action, part, public_id("sum", first), now)))
    }

    /// One new message about everything that is due to be said again.
    pub(super) fn reminder(
        &self,
        due: &[&Open],
        is_again: bool,
        now: Instant,
    ) -> Result<NewDelivery, AlertError> {
        let words: Vec<Incident<'_>> = due.iter().map(|incident| incident.words(false)).collect();
        let part = match is_again {
            true => self.settings.speech.again(&words, now)?,
            false => self.settings.speech.reminder(&words, now)?,
        };
        let first = due[0];
        Ok(self.delivery(next_key(first), Action::Send, part, public_id("rem", first), now))
    }

    fn edit(&self, incident: &Open, part: Part, now: Instant) -> NewDelivery {
        let action = Action::Edit { of_key: opening_key(incident.row.id) };
        self.delivery(next_key(incident), action, part, public_id("inc", incident), now)
    }

    pub(super) fn delivery(
        &self,
        key: String,
        action: Action,
        part: Part,
        public_id: String,
        now: Instant,
    ) -> NewDelivery {
        NewDelivery {
            key,
            run_id: None,
            // Only asked for where there is an ops chat.
            chat: self.settings.ops_chat.clone().unwrap_or_default(),
            part: 1,
            part_count: 1,
            action,
            html: part.html,
            plain: part.plain,
            public_id,
            policy: Policy::AtLeastOnce,
            expires_at: Some(now + NOTICE_LIVES),
            is_silent: false,
            keyboard: None,
        }
    }
}

impl Open {
    pub(super) fn words(&self, is_over: bool) -> Incident<'_> {
        Incident {
            id: self.row.id,
            trouble: &self.detail.trouble,
            opened_at: self.row.opened_at,
            is_over,
            life: self.detail.life.clone(),
        }
    }
}

fn opening_key(id: i64) -> String {
    format!("incident:{id}/1")
}

fn next_key(incident: &Open) -> String {
    format!("incident:{}/{}", incident.row.id, incident.row.notice_count + 1)
}

/// The id in the text, as [`crate::render::notices`] writes it.
pub(super) fn public_id(prefix: &str, incident: &Open) -> String {
    format!("{prefix}-{:04}", incident.row.id)
}
