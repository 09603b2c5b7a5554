//! Telling ops: findings become incidents, incidents become notices in the outbox.
//!
//! An incident is one message in the ops chat, edited while it lasts and when it is over; only reminders are new
//! messages. Everything is read from the store and written back to it, so any worker may do the next step and a restart
//! forgets nothing. Nothing is sent from here, and trouble with the ops chat itself is logged instead of told
//! there.

pub mod checks;
pub mod conduct;
mod deadline;
mod escalate;
mod life;
mod notice;
mod signs;
mod summary;
mod tell;
mod told;
pub mod trouble;
pub mod vitals;

use std::collections::BTreeSet;
use std::sync::Mutex;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

pub use checks::{LateRun, Snapshot, Thresholds};
pub use conduct::{Conduct, Looks};
pub use escalate::Call;
use signs::SlowSigns;
pub use trouble::{Severity, Trouble};
pub use vitals::Vitals;

use crate::clock::{Instant, SharedClock};
use crate::render::RenderError;
use crate::render::notices::{Life, Speech};
use crate::store::incidents::{IncidentChange, IncidentRow};
use crate::store::outbox::DeliveryState;
use crate::store::told::Failures;
use crate::store::{Store, StoreError};

/// How alerts behave.
#[derive(Debug, Clone)]
pub struct AlertSettings {
    /// Logical name of the ops chat; `None` = incidents stand in the store and in the log only.
    pub ops_chat: Option<String>,
    pub thresholds: Thresholds,
    /// How jobs and times are called in texts, and who reads which report.
    pub speech: Speech,
    /// Names of the jobs that read the bot's database and not the CRM.
    pub bot_jobs: BTreeSet<String>,
    /// New messages to the ops chat in five minutes; the rest is folded into one of them.
    pub most_messages: usize,
    pub conduct: Conduct,
    pub looks: Looks,
}

/// A step could not be done.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot write a notice: {0}")]
    Render(#[from] RenderError),
}

impl AlertError {
    /// Bounded reason for the log: that of the store, or `notice_faulty`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Store(error) => error.reason(),
            Self::Render(_) => "notice_faulty",
        }
    }
}

/// Watches the store and tells ops.
#[derive(Debug)]
pub struct Alerter {
    store: Store,
    clock: SharedClock,
    settings: AlertSettings,
    /// What this machine last said about itself.
    vitals: Mutex<Vitals>,
    /// Signs that are looked for once a minute, and when that was.
    slow: Mutex<Option<(Instant, SlowSigns)>>,
}

/// What is kept with an incident.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Detail {
    #[serde(flatten)]
    trouble: Trouble,
    /// Key of the message that tells it together with others; `None` when it has a message of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told_in: Option<String>,
    /// What of its life its message says.
    #[serde(default)]
    life: Life,
}

/// An open incident with its detail read.
#[derive(Debug, Clone)]
struct Open {
    row: IncidentRow,
    detail: Detail,
}

/// No incident's message is edited more often.
const EDIT_GAP: TimeDelta = TimeDelta::seconds(60);
/// News found once and not by a check stays open this long.
const NEWS_STAYS: TimeDelta = TimeDelta::hours(1);
/// Failures taken up in one round; the next one takes up the rest.
const MOST_UNTOLD: i64 = 10_000;
const FIRST_REMINDER: TimeDelta = TimeDelta::minutes(15);

impl Alerter {
    pub fn new(store: Store, clock: SharedClock, settings: AlertSettings) -> Self {
        Self { store, clock, settings, vitals: Mutex::default(), slow: Mutex::default() }
    }

    /// One round: what is wrong is opened or brought up to date, what is over is resolved, and as much is told as may be.
    /// Returns the number of open incidents.
    pub async fn check_step(&self) -> Result<usize, AlertError> {
        let now = self.clock.now();
        let open = self.open_incidents().await?;
        let snapshot = self.snapshot(&open, now).await?;
        let silences = self.store.list_silences(now).await?;
        self.follow_people(&open, now).await?;
        let known: BTreeSet<&str> = open.iter().map(|incident| incident.row.key.as_str()).collect();
        let is_new = |trouble: &Trouble| !known.contains(trouble.key().as_str());
        let is_folded = |kind: &str| open.iter().any(|incident| incident.row.key == format!("many/{kind}"));
        let each = snapshot.find(&self.settings.thresholds, now);
        let found = checks::fold(each.clone(), self.settings.thresholds.most_of_kind, is_new, is_folded);
        let told_by = |trouble: &Trouble| match trouble {
            Trouble::Many { of, .. } => {
                let folded: Vec<&Trouble> =
                    each.iter().filter(|one| one.kind() == of && is_new(one)).collect();
                snapshot.told_by_many(&folded)
            }
            one => snapshot.told_by(one),
        };
        for incident in &open {
            match found.iter().find(|trouble| trouble.key() == incident.row.key) {
                Some(trouble) => self.touch(incident, trouble, &told_by(trouble), now).await?,
                None if self.must_be_told(incident, &silences, now) || incident.may_come_back(now) => {}
                None if self.is_over(&snapshot, incident, now) => {
                    self.resolve(incident, &snapshot, now).await?
                }
                None => {}
            }
        }
        for trouble in found.iter().filter(|trouble| is_new(trouble)) {
            self.open(trouble, &told_by(trouble), now).await?;
        }
        self.tell(now).await
    }

    /// Opens an incident for a trouble that was found elsewhere, and tells it if it may be told now.
    pub async fn raise(&self, trouble: &Trouble) -> Result<(), AlertError> {
        let now = self.clock.now();
        self.open(trouble, &Failures::default(), now).await?;
        self.tell(now).await?;
        Ok(())
    }

    /// What is still broken, a line each; empty when all is well.
    pub async fn open_in_words(&self) -> Result<Vec<String>, AlertError> {
        let open = self.open_incidents().await?;
        let incidents: Vec<_> = open.iter().map(|incident| incident.words(false)).collect();
        Ok(self.settings.speech.brief(&incidents, self.clock.now()))
    }

    async fn open_incidents(&self) -> Result<Vec<Open>, AlertError> {
        let mut open = Vec::new();
        for row in self.store.list_open_incidents().await? {
            match serde_json::from_value::<Detail>(row.detail.clone()) {
                Ok(detail) => open.push(Open { row, detail }),
                // Written by another version: nobody can say when it is over, so it is closed and found anew.
                Err(error) => {
                    tracing::warn!(incident.key = %row.key, error = %error, "closing an incident that cannot be read");
                    let change = IncidentChange::Resolve { id: row.id };
                    self.store.change_incident(&change, &[], self.clock.now()).await?;
                }
            }
        }
        Ok(open)
    }

    async fn snapshot(&self, open: &[Open], now: Instant) -> Result<Snapshot, AlertError> {
        let store = &self.store;
        let mut snapshot = Snapshot {
            last_successes: store.last_successes().await?,
            sources: store.list_sources().await?,
            dead: store.list_deliveries(&[DeliveryState::Dead], 200).await?,
            untold_runs: store.list_untold_runs(MOST_UNTOLD).await?,
            untold_dead: store.list_untold_dead(MOST_UNTOLD).await?,
            waiting: store.list_deliveries(&[DeliveryState::Pending, DeliveryState::Unknown], 200).await?,
            sent: store.list_deliveries(&[DeliveryState::Sent], 50).await?,
            strains: self.strains(),
            readers: self.settings.looks.readers.clone(),
            slow: self.slow_signs(now).await?,
            ..Snapshot::default()
        };
        for job in store.list_jobs().await?.iter().filter(|job| !job.is_retired) {
            if job.paused_at.is_some() {
                snapshot.paused.insert(job.name.clone());
            }
            snapshot.runs.extend(store.list_runs(Some(&job.name), 20).await?);
        }
        for incident in open {
            if let Trouble::DeadlineMissed { run_id, is_given_up, .. } = incident.detail.trouble {
                let has_arrived = self.has_arrived(run_id).await?;
                snapshot.late_runs.insert(run_id, LateRun { has_arrived, is_given_up });
            }
        }
        Ok(snapshot)
    }

    fn is_over(&self, snapshot: &Snapshot, incident: &Open, now: Instant) -> bool {
        let trouble = &incident.detail.trouble;
        if let Trouble::Strained { host, .. } = trouble {
            return self.is_strain_over(incident, host, now);
        }
        snapshot.is_over(trouble) && (!trouble.is_news() || now - incident.row.last_seen_at >= NEWS_STAYS)
    }

    /// Opens an incident and notes which failures it tells, unless another worker did so meanwhile.
    async fn open(&self, trouble: &Trouble, failures: &Failures, now: Instant) -> Result<(), AlertError> {
        let detail =
            serde_json::to_value(Detail { trouble: trouble.clone(), told_in: None, life: Life::default() })
                .unwrap_or_default();
        // A warning is said again by the next summary.
        let is_reminded =
            !trouble.is_news() && trouble.severity() != Severity::Warn && self.may_tell(trouble);
        let remind_at = is_reminded.then(|| now + FIRST_REMINDER);
        let key = trouble.key();
        if self.reopen(trouble, failures, now).await? {
            return Ok(());
        }
        let (store, kind) = (&self.store, trouble.kind());
        let opened = match failures.is_empty() {
            true => Some(store.open_incident(&key, kind, &detail, remind_at, now, &|_| Vec::new()).await?),
            false => {
                let opened = store.open_incident_about(&key, kind, &detail, remind_at, failures, now);
                opened.await?.map(|row| (row, true))
            }
        };
        let Some((row, is_new)) = opened else { return Ok(()) };
        if is_new {
            metrics::counter!("svodka_incidents_opened_total", "kind" => trouble.kind()).increment(1);
        }
        if is_new && !self.may_tell(trouble) {
            tracing::error!(incident.id = row.id, incident.key = %key, reason = trouble.kind(), "trouble that the ops chat cannot be told: {key}");
        } else if is_new {
            tracing::warn!(incident.id = row.id, incident.key = %key, reason = trouble.kind(), "incident opened: {key}");
        }
        Ok(())
    }

    /// Brings an open incident up to date and notes which failures it tells by then.
    async fn touch(
        &self,
        incident: &Open,
        trouble: &Trouble,
        failures: &Failures,
        now: Instant,
    ) -> Result<(), AlertError> {
        let trouble = &counted_on(&incident.detail.trouble, trouble, failures);
        let is_told = incident.row.notice_count > 0;
        let is_fresh = now - incident.row.last_seen_at < EDIT_GAP;
        let is_said = incident.detail.trouble == *trouble
            || (failures.is_empty() && incident.detail.trouble.is_same_run(trouble));
        // What waits to be told is told first, or the newer failure would take its place unread.
        let is_in_the_way = !is_told && !failures.is_empty() && self.may_tell(trouble);
        let is_to_be_noted = vitals::is_to_be_noted(trouble, incident.row.last_seen_at, now)
            || (incident.is_flapping(now) && !is_fresh);
        if is_said && is_to_be_noted {
            let change = IncidentChange::Touch { id: incident.row.id, detail: incident.detail_json() };
            self.store.change_incident(&change, &[], now).await?;
        }
        if !is_said && ((is_told && is_fresh) || is_in_the_way) {
            return Ok(());
        }
        if !is_said {
            self.update(incident, trouble, now).await?;
        }
        if !failures.is_empty() {
            self.store.mark_told(failures, now).await?;
        }
        Ok(())
    }

    async fn update(&self, incident: &Open, trouble: &Trouble, now: Instant) -> Result<(), AlertError> {
        let detail = Detail { trouble: trouble.clone(), ..incident.detail.clone() };
        let incident = Open { row: incident.row.clone(), detail };
        let notices = match self.own_message(&incident) {
            Some(_) => vec![self.edited(&incident, now)?],
            None => Vec::new(),
        };
        let change = IncidentChange::Touch { id: incident.row.id, detail: incident.detail_json() };
        self.store.change_incident(&change, &notices, now).await?;
        Ok(())
    }

    async fn resolve(&self, incident: &Open, snapshot: &Snapshot, now: Instant) -> Result<(), AlertError> {
        let mut notices = Vec::new();
        // What was feared has happened, and is told as such.
        let has_come_true = matches!(incident.detail.trouble, Trouble::DeadlineAtRisk { deadline_at, .. } if now >= deadline_at);
        if !incident.detail.trouble.is_news() && !has_come_true {
            if self.own_message(incident).is_some() {
                notices.push(self.resolved(incident, self.caught_up(incident, snapshot).await?, now)?);
            } else if let Some(told_in) = &incident.detail.told_in {
                notices.extend(self.storm_edited(told_in, incident, now).await?);
            }
        }
        let change = IncidentChange::Resolve { id: incident.row.id };
        if self.store.change_incident(&change, &notices, now).await? {
            tracing::info!(incident.id = incident.row.id, incident.key = %incident.row.key, "incident resolved: {}", incident.row.key);
        }
        Ok(())
    }

    /// Whether the ops chat is there and is not itself what is broken.
    fn may_tell(&self, trouble: &Trouble) -> bool {
        let ops = self.settings.ops_chat.as_deref();
        ops.is_some() && trouble.broken_chat() != ops
    }
}

/// Findings folded into one are counted on: those told by now are not found again, and still belong to it.
fn counted_on(known: &Trouble, found: &Trouble, failures: &Failures) -> Trouble {
    match (known, found) {
        (Trouble::Many { count: told, keys, .. }, Trouble::Many { of, count, .. }) => {
            let fresh = (failures.runs.len() + failures.deliveries.len()) as u64;
            let count = if fresh > 0 { told + fresh } else { *told.max(count) };
            Trouble::Many { of: of.clone(), count, keys: keys.clone() }
        }
        _ => found.clone(),
    }
}

impl Open {
    fn detail_json(&self) -> serde_json::Value {
        serde_json::to_value(&self.detail).unwrap_or_default()
    }
}
