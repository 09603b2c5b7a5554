//! Calling somebody else when nobody in the ops chat answers.
//!
//! The steps taken stand in the incident's row, so a restart calls nobody twice and forgets nobody. A trouble that the ops
//! chat cannot be told is passed on by the same steps.

use super::conduct::Way;
use super::trouble::Severity;
use super::{AlertError, Alerter, Open};
use crate::clock::Instant;
use crate::render::Part;
use crate::render::notices::Incident;
use crate::store::incidents::IncidentChange;
use crate::store::outbox::Action;

/// Somebody to be called past Telegram.
#[derive(Debug, Clone)]
pub struct Call {
    pub text: Part,
    /// Bounded kind of the first incident.
    pub kind: &'static str,
    /// Incidents and the step that this call is of each.
    steps: Vec<(i64, i64)>,
}

impl Alerter {
    /// Passes on, to chats, what pages and was taken up by nobody in time.
    pub(super) async fn escalate(&self, heard: &[&Open], now: Instant) -> Result<(), AlertError> {
        for (number, step) in self.settings.conduct.escalation.iter().enumerate() {
            let Way::Chat(chat) = &step.to else { continue };
            let due = self.due_for(heard, number, now);
            let Some(first) = due.first() else { continue };
            let words: Vec<Incident<'_>> = due.iter().map(|incident| incident.words(false)).collect();
            let part = self.settings.speech.escalated(&words, now)?;
            let times = first.row.reopened_count;
            let key = format!("escalation:{}/{times}/{number}", first.row.id);
            let public_id = super::notice::public_id("esc", first);
            let mut notice = self.delivery(key, Action::Send, part, public_id, now);
            notice.chat.clone_from(chat);
            for incident in due {
                let change = IncidentChange::Escalate { id: incident.row.id, step: number as i64 };
                self.store.change_incident(&change, std::slice::from_ref(&notice), now).await?;
                tracing::warn!(incident.id = incident.row.id, incident.key = %incident.row.key, chat.name = %chat, "nobody answered, passed on: {}", incident.row.key);
            }
        }
        Ok(())
    }

    /// Who is to be called past Telegram now; each call is to be noted with [`Alerter::called`] once it is on its way.
    pub async fn due_calls(&self) -> Result<Vec<Call>, AlertError> {
        let steps = self.settings.conduct.escalation.iter().enumerate();
        let steps: Vec<usize> = steps.filter(|(_, step)| step.to == Way::Fallback).map(|(n, _)| n).collect();
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        let open = self.open_incidents().await?;
        let silences = self.store.list_silences(now).await?;
        let heard: Vec<&Open> = open.iter().filter(|incident| !incident.is_silenced(&silences)).collect();
        let mut calls = Vec::new();
        for number in steps {
            let due = self.due_for(&heard, number, now);
            let Some(first) = due.first() else { continue };
            let words: Vec<Incident<'_>> = due.iter().map(|incident| incident.words(false)).collect();
            calls.push(Call {
                text: self.settings.speech.escalated(&words, now)?,
                kind: first.detail.trouble.kind(),
                steps: due.iter().map(|incident| (incident.row.id, number as i64)).collect(),
            });
        }
        Ok(calls)
    }

    /// Notes that the call is on its way.
    pub async fn called(&self, call: &Call) -> Result<(), AlertError> {
        for &(id, step) in &call.steps {
            let change = IncidentChange::Escalate { id, step };
            self.store.change_incident(&change, &[], self.clock.now()).await?;
        }
        Ok(())
    }

    /// Those whose next step is this one, and whose time has come.
    fn due_for<'a>(&self, heard: &[&'a Open], number: usize, now: Instant) -> Vec<&'a Open> {
        let after = self.settings.conduct.escalation[number].after;
        let due = heard.iter().copied().filter(|incident| {
            let begun_at = incident.row.reopened_at.unwrap_or(incident.row.opened_at);
            incident.severity() == Severity::Page
                && !incident.detail.trouble.is_news()
                && incident.row.escalation_count == number as i64
                && now - begun_at >= after
                && !incident.is_attended(now)
        });
        due.collect()
    }
}
