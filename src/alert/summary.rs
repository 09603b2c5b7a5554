//! What can wait comes together: warnings once a day in the morning, and what the quiet hours held back at their end.

use chrono::TimeDelta;

use super::conduct::last_daily;
use super::trouble::Severity;
use super::{AlertError, Alerter, Detail, Open};
use crate::clock::Instant;
use crate::render::notices::Incident;
use crate::store::outbox::Action;
use crate::store::silences::Silence;

/// A summary that could not be made by then is left out; its warnings join the next one.
const SUMMARY_LIVES: TimeDelta = TimeDelta::hours(3);
/// Incidents looked through for a summary.
const MOST: i64 = 500;
/// Keys of messages that tell several incidents: those of a morning, and those after quiet hours.
const MORNING: &str = "summary:";
const WAITED: &str = "waited:";

impl Alerter {
    /// Tells the warnings of the last day, those that are over included; nothing when there are none. One message a day,
    /// named by its day, whichever worker writes it.
    pub(super) async fn tell_summary(
        &self,
        heard: &[&Open],
        silences: &[Silence],
        now: Instant,
    ) -> Result<(), AlertError> {
        let Some(ops_chat) = &self.settings.ops_chat else { return Ok(()) };
        let zone = self.settings.speech.zone;
        let Some((day, at)) = last_daily(self.settings.conduct.summary_at, zone, now) else { return Ok(()) };
        let key = format!("{MORNING}{day}/{ops_chat}");
        let is_warning =
            |incident: &Open| incident.severity() == Severity::Warn && incident.row.opened_at <= at;
        if now - at > SUMMARY_LIVES || self.store.find_delivery(&key).await?.is_some() {
            return Ok(());
        }
        let open: Vec<&Open> = heard.iter().copied().filter(|incident| is_warning(incident)).collect();
        let mut over = self.read(self.store.list_incidents(at - TimeDelta::hours(24), MOST).await?);
        over.retain(|incident| {
            let resolved_at = incident.row.resolved_at;
            // One that an earlier summary told is ticked off there.
            is_warning(incident)
                && incident.row.notice_count == 0
                && !incident.is_silenced(silences)
                && resolved_at.is_some_and(|resolved_at| resolved_at > at - TimeDelta::hours(24))
        });
        let members: Vec<&Open> = open.iter().copied().chain(over.iter()).collect();
        let Some(first) = members.first() else { return Ok(()) };
        let words: Vec<Incident<'_>> =
            members.iter().map(|incident| incident.words(incident.row.resolved_at.is_some())).collect();
        let part = self.settings.speech.summary(&words, true, now)?;
        let public_id = super::notice::public_id("sum", first);
        let notice = self.delivery(key, Action::Send, part, public_id, now);
        if open.is_empty() {
            self.store.enqueue(&[notice], now).await?;
            return Ok(());
        }
        self.told_by_one(&open, &notice, now).await
    }

    /// One message about what came while ops were to be left alone.
    pub(super) async fn tell_waited(&self, waited: &[&Open], now: Instant) -> Result<(), AlertError> {
        let Some(first) = waited.first() else { return Ok(()) };
        let words: Vec<Incident<'_>> = waited.iter().map(|incident| incident.words(false)).collect();
        let part = self.settings.speech.summary(&words, false, now)?;
        let public_id = super::notice::public_id("sum", first);
        let notice = self.delivery(format!("{WAITED}{}", first.row.id), Action::Send, part, public_id, now);
        self.told_by_one(waited, &notice, now).await
    }

    /// The text of a message about several incidents, now.
    pub(super) fn text_of_many(
        &self,
        told_in: &str,
        incidents: &[Incident<'_>],
        now: Instant,
    ) -> Result<crate::render::Part, AlertError> {
        let speech = &self.settings.speech;
        Ok(match (told_in.starts_with(MORNING), told_in.starts_with(WAITED)) {
            (true, _) => speech.summary(incidents, true, now)?,
            (_, true) => speech.summary(incidents, false, now)?,
            _ => speech.storm(incidents, now)?,
        })
    }

    /// Those whose detail can be read.
    pub(super) fn read(&self, rows: Vec<crate::store::incidents::IncidentRow>) -> Vec<Open> {
        let read = rows.into_iter().filter_map(|row| {
            let detail = serde_json::from_value::<Detail>(row.detail.clone()).ok()?;
            Some(Open { row, detail })
        });
        read.collect()
    }
}
