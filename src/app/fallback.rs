//! The second way to ops, for when the first is what broke: a webhook, mail, or both.
//!
//! Used for two troubles only: Telegram cannot be reached with messages waiting, and the database is away. Each is told once when it
//! has lasted [`TELL_AFTER`], and once when it is over. Nothing of the messages that wait is sent this way: they keep their
//! place in the outbox. The state lives in this process, as that of the store's watch does.

use std::time::Duration;

use chrono::TimeDelta;
use lettre::message::Mailbox;
use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::{AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::repeat::repeat;
use crate::alert::checks::is_way_blocked;
use crate::alert::{Call, Trouble};
use crate::clock::{Instant, SharedClock};
use crate::outbound::{self, ClientOptions, Jitter};
use crate::render::RenderError;
use crate::render::notices::{Incident, Life, Speech};
use crate::settings::{ConfigError, FallbackSettings};
use crate::store::outbox::DeliveryState;
use crate::store::{Store, StoreError};

/// A trouble shorter than this is not told; with the checks every five seconds, ops know within a minute.
const TELL_AFTER: TimeDelta = TimeDelta::seconds(35);
/// Of one request or one mail.
const TIMEOUT: Duration = Duration::from_secs(20);
const TRIES: u32 = 5;
/// Deliveries looked at.
const LATEST: i64 = 100;

/// What goes out.
struct Note {
    title: String,
    text: String,
    kind: &'static str,
    is_over: bool,
}

/// A trouble under way.
struct Down {
    trouble: Trouble,
    since: Instant,
    is_told: bool,
}

/// Notices that the first way is broken.
pub struct Fallback {
    clock: SharedClock,
    speech: Speech,
    down: Option<Down>,
    /// `None` = there is no second way.
    queue: Option<mpsc::Sender<Note>>,
}

/// Sends what [`Fallback`] says.
pub struct Messenger {
    clock: SharedClock,
    jitter: Jitter,
    webhook: Option<(reqwest::Client, SecretString)>,
    mail: Option<Mail>,
    queue: mpsc::Receiver<Note>,
}

struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

/// Both halves.
///
/// # Errors
/// What only building could tell about an address; it names the key and never the address.
pub fn fallback(
    settings: &FallbackSettings,
    speech: Speech,
    clock: SharedClock,
    jitter: Jitter,
) -> Result<(Fallback, Messenger), ConfigError> {
    let webhook = match settings.webhook.clone() {
        Some(address) => {
            let client = outbound::client(&ClientOptions { timeout: TIMEOUT, ..ClientOptions::default() })
                .map_err(|error| ConfigError::one(format!("alerts.fallback.webhook: {error}")))?;
            Some((client, address))
        }
        None => None,
    };
    let mail = match &settings.mail {
        Some(mail) => {
            let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(mail.smtp_url.expose_secret());
            let transport = transport.map_err(|_| {
                ConfigError::one(
                    "alerts.fallback.smtp_url: this is not a mail server; write it as smtps://user:password@host:465, or \
                     smtp://user:password@host:587?tls=required",
                )
            })?;
            let transport = transport.timeout(Some(TIMEOUT)).build();
            Some(Mail { transport, from: mail.from.clone(), to: mail.to.clone() })
        }
        None => None,
    };
    let (sender, queue) = mpsc::channel(8);
    let is_there = webhook.is_some() || mail.is_some();
    let watch = Fallback { clock: clock.clone(), speech, down: None, queue: is_there.then_some(sender) };
    Ok((watch, Messenger { clock, jitter, webhook, mail, queue }))
}

impl Fallback {
    /// Takes in how the last look at the store went, and looks at what waits in the outbox.
    pub async fn note(&mut self, looked: &Result<(), StoreError>, store: &Store) {
        if self.queue.is_none() {
            return;
        }
        let now = self.clock.now();
        let found = match looked {
            Err(error) => Some(Trouble::StoreTrouble { reason: error.reason().to_owned() }),
            // A store that fails just now is told by the next look.
            Ok(()) => self.telegram(store).await.unwrap_or(None),
        };
        match (self.down.take(), found) {
            (None, None) => {}
            (None, Some(trouble)) => self.down = Some(Down { trouble, since: now, is_told: false }),
            (Some(down), Some(trouble)) => {
                let mut down = Down { trouble, ..down };
                if !down.is_told && now - down.since >= TELL_AFTER {
                    self.say(&down, false, None, now);
                    down.is_told = true;
                }
                self.down = Some(down);
            }
            (Some(down), None) => match self.caught_up(store, &down).await {
                Ok(Some(count)) if down.is_told => self.say(&down, true, Some(count), now),
                Ok(Some(_)) => {}
                // Nothing waits any more, but nothing was sent either: messages that expired prove nothing.
                Ok(None) | Err(_) => self.down = Some(down),
            },
        }
    }

    /// Calls those who are reached this way, because nobody answered in the ops chat.
    pub fn call(&self, call: &Call) {
        let text = call.text.plain.clone();
        let title = text.lines().next().unwrap_or_default().to_owned();
        if let Some(queue) = &self.queue {
            let _ = queue.try_send(Note { title, text, kind: call.kind, is_over: false });
        }
    }

    /// Telegram, if messages wait because the way to it is blocked.
    async fn telegram(&self, store: &Store) -> Result<Option<Trouble>, StoreError> {
        let waiting = [DeliveryState::Pending, DeliveryState::Unknown];
        let waiting = store.list_deliveries(&waiting, LATEST).await?;
        let blocked = waiting.iter().filter(|row| is_way_blocked(row)).min_by_key(|row| row.id);
        Ok(blocked.map(|row| Trouble::TelegramDown {
            reason: row.reason.clone().unwrap_or_default(),
            since: self.down.as_ref().map_or(self.clock.now(), |down| down.since),
        }))
    }

    /// How many messages were sent since the trouble began; `None` when it is not over.
    async fn caught_up(&self, store: &Store, down: &Down) -> Result<Option<usize>, StoreError> {
        let sent = store.list_deliveries(&[DeliveryState::Sent], LATEST).await?;
        let count = sent.iter().filter(|row| row.finished_at >= Some(down.since)).count();
        let is_over = count > 0 || matches!(down.trouble, Trouble::StoreTrouble { .. });
        Ok(is_over.then_some(count))
    }

    fn say(&self, down: &Down, is_over: bool, caught_up: Option<usize>, now: Instant) {
        let incident =
            Incident { id: 0, trouble: &down.trouble, opened_at: down.since, is_over, life: Life::default() };
        match self.words(&incident, caught_up, now) {
            Ok(note) => {
                if let Some(queue) = &self.queue {
                    // Eight notes waiting mean that this way is broken as well.
                    let _ = queue.try_send(note);
                }
            }
            Err(error) => {
                tracing::error!(reason = "notice_faulty", "a notice could not be written: {error}");
            }
        }
    }

    fn words(
        &self,
        incident: &Incident<'_>,
        caught_up: Option<usize>,
        now: Instant,
    ) -> Result<Note, RenderError> {
        let part = match incident.is_over {
            true => self.speech.resolved(incident, now)?,
            false => self.speech.opened(incident, now)?,
        };
        let mut text = part.plain;
        if let Some(count) = caught_up.filter(|count| *count > 0) {
            text.push_str(&format!("\n\nОтправлено с тех пор: {count}."));
        }
        let title = text.lines().next().unwrap_or_default().to_owned();
        Ok(Note { title, text, kind: incident.trouble.kind(), is_over: incident.is_over })
    }
}

impl Messenger {
    /// Sends notes until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let note = tokio::select! {
                note = self.queue.recv() => note,
                () = stop.cancelled() => None,
            };
            let Some(note) = note else { return };
            let (webhook, mail) = tokio::join!(self.post(&note), self.mail(&note));
            for (way, result) in [("webhook", webhook), ("mail", mail)] {
                if let Err(why) = result {
                    tracing::error!(reason = "ops_not_told", "ops could not be told by {way}: {why}");
                }
            }
        }
    }

    async fn post(&self, note: &Note) -> Result<(), String> {
        let Some((client, address)) = &self.webhook else { return Ok(()) };
        let state = if note.is_over { "resolved" } else { "opened" };
        let body = json!({ "text": note.text, "title": note.title, "kind": note.kind, "state": state });
        let body = body.to_string();
        repeat(&self.clock, &self.jitter, TRIES, || async {
            let request = client.post(address.expose_secret()).header("content-type", "application/json");
            match request.body(body.clone()).send().await {
                Ok(answer) if answer.status().is_success() => Ok(()),
                Ok(answer) => Err(format!("HTTP {}", answer.status().as_u16())),
                Err(error) => Err(outbound::describe(&error)),
            }
        })
        .await
    }

    async fn mail(&self, note: &Note) -> Result<(), String> {
        let Some(mail) = &self.mail else { return Ok(()) };
        let mut message = Message::builder().from(mail.from.clone()).subject(note.title.clone());
        for to in &mail.to {
            message = message.to(to.clone());
        }
        let message = message.body(note.text.clone()).map_err(|error| error.to_string())?;
        repeat(&self.clock, &self.jitter, TRIES, || async {
            match mail.transport.send(message.clone()).await {
                Ok(_) => Ok(()),
                // The text of the error may repeat what the server said, never our password.
                Err(error) if error.is_permanent() => Err("the mail server refuses the mail".to_owned()),
                Err(error) if error.is_timeout() => Err("the mail server does not answer".to_owned()),
                Err(_) => Err("the mail server cannot be used".to_owned()),
            }
        })
        .await
    }
}
