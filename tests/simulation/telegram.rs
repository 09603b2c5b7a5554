//! Telegram in memory: chats that keep what they were sent, and every way in which a send may go wrong.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use rand::Rng;
use svodka::clock::{Clock, Instant};
use svodka::deliver::telegram::{Answer, NoAnswer, Text};
use svodka::deliver::{Bot, ChatId};
use svodka::store::Store;
use svodka::store::outbox::DeliveryState;

use super::probe::Probe;
use super::world::{Late, Message, World};

/// The clocks of workers differ by at most twice as much.
pub const MOST_SKEW_MS: i64 = 1500;

/// The Bot API as one worker reaches it.
#[derive(Debug)]
pub struct SimBot {
    pub world: Arc<World>,
    pub probe: Arc<Probe>,
    pub store: Store,
}

/// What happens to a send.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Fine,
    Slow {
        retry_after: i64,
    },
    BadMarkup,
    Kicked,
    TooLong,
    Migrated,
    NotConnected,
    /// An error of the server, with the message in the chat or not.
    ServerError {
        is_taken: bool,
    },
    /// The connection breaks, with the message in the chat or not.
    Lost {
        is_taken: bool,
    },
    /// No answer; the message comes later.
    Late {
        secs: i64,
    },
}

/// Whoever hears this cannot know whether the message is there.
fn is_doubtful(fate: Fate) -> bool {
    matches!(fate, Fate::ServerError { .. } | Fate::Lost { .. } | Fate::Late { .. })
}

impl SimBot {
    fn name(&self, chat: &ChatId) -> Option<(String, bool)> {
        let ChatId::Id(id) = chat else { return None };
        let state = self.world.lock();
        let (name, chat) = state.chats.iter().find(|(_, chat)| chat.ids.contains(id))?;
        Some((name.clone(), chat.ids.last() == Some(id)))
    }

    fn note_slow(&self, delivery_id: i64, secs: i64) {
        let until = self.world.clock.now() + TimeDelta::seconds(secs);
        self.world.lock().slowed.insert(delivery_id, until);
    }

    fn note_fate(&self, fate: Fate) {
        let kind = match fate {
            Fate::Fine => return,
            Fate::Slow { .. } => "Slow",
            Fate::BadMarkup => "BadMarkup",
            Fate::Kicked => "Kicked",
            Fate::TooLong => "TooLong",
            Fate::Migrated => "Migrated",
            Fate::NotConnected => "NotConnected",
            Fate::ServerError { is_taken: true } => "ServerError, taken",
            Fate::ServerError { is_taken: false } => "ServerError, not taken",
            Fate::Lost { is_taken: true } => "Lost, taken",
            Fate::Lost { is_taken: false } => "Lost, not taken",
            Fate::Late { .. } => "Late",
        };
        self.world.lock().strike(format!("telegram: {kind}"));
    }

    fn draw(&self, text: &Text, is_group: bool) -> Fate {
        let mut state = self.world.lock();
        if !state.chance(0.45) {
            return Fate::Fine;
        }
        state.fault_count += 1;
        let is_taken = state.rng.random_bool(0.5);
        match state.rng.random_range(0..14) {
            0 | 1 => Fate::Slow { retry_after: state.rng.random_range(1..90) },
            2 if text.is_html => Fate::BadMarkup,
            3 => Fate::Kicked,
            4 => Fate::TooLong,
            5 if is_group => Fate::Migrated,
            6 | 7 => Fate::NotConnected,
            8 | 9 => Fate::ServerError { is_taken },
            10..=12 => Fate::Lost { is_taken },
            13 => Fate::Late { secs: state.rng.random_range(1..60) },
            _ => Fate::Fine,
        }
    }
}

fn refusal(status: u16, description: &str) -> Result<Answer, NoAnswer> {
    let error_code = Some(i64::from(status));
    Ok(Answer {
        status,
        ok: Some(false),
        error_code,
        description: description.to_owned(),
        ..Answer::default()
    })
}

fn success(message_id: i64) -> Result<Answer, NoAnswer> {
    Ok(Answer { status: 200, ok: Some(true), message_id: Some(message_id), ..Answer::default() })
}

fn slow_down(until: Instant, now: Instant) -> Result<Answer, NoAnswer> {
    let secs = (until - now).num_seconds() + 1;
    let answer = refusal(429, "Too Many Requests: retry later").unwrap_or_default();
    Ok(Answer { retry_after_secs: Some(secs), ..answer })
}

#[async_trait]
impl Bot for SimBot {
    async fn send(&self, chat: &ChatId, text: &Text) -> Result<Answer, NoAnswer> {
        let Some((name, is_current)) = self.name(chat) else {
            self.world.violation(format!("a send to a chat that never was: {chat}"));
            return refusal(400, "Bad Request: chat not found");
        };
        // Asked through the store with its only connection: were a transaction open, this would wait for ever.
        let rows = self.store.list_deliveries(&[DeliveryState::Sending], 20).await.unwrap();
        let Some(row) = rows.into_iter().find(|row| row.chat == name) else {
            self.world.violation(format!("a send to {name} that nothing in the outbox stands for"));
            return refusal(400, "Bad Request: chat not found");
        };
        let held_for = self.world.true_now() - *self.probe.leased_at.lock().unwrap();
        if held_for > TimeDelta::seconds(90) {
            self.world.violation(format!("delivery {} is sent {held_for} after its claim", row.id));
        }
        let is_marked = text.body.contains("повтор");
        let own = if text.is_html { &row.html } else { &row.plain };
        if text.body.replace(" · повтор", "") != *own || is_marked != row.is_repeat {
            self.world.violation(format!("delivery {} went out as «{}»", row.id, text.body));
        }
        *self.probe.sending.lock().unwrap() = Some(row.id);
        self.probe.pass(&self.world, "the way to Telegram");
        let now = self.world.true_now();
        let (closed_until, is_known) = {
            let state = self.world.lock();
            let chat = &state.chats[&name];
            (chat.closed_until, chat.closed_unrecorded_by.is_none())
        };
        if let Some(until) = closed_until.filter(|until| *until > now) {
            // Workers whose clocks differ cannot keep to it more exactly than that.
            if is_known && until - now > TimeDelta::milliseconds(2 * MOST_SKEW_MS) {
                self.world.violation(format!("{name} is written to {} before its time", until - now));
            }
            self.note_slow(row.id, (until - now).num_seconds() + 1);
            self.world.lock().chats.get_mut(&name).unwrap().closed_unrecorded_by = Some(row.id);
            return slow_down(until, now);
        }
        if !is_current {
            let to = *self.world.lock().chats[&name].ids.last().unwrap();
            let answer = refusal(400, "Bad Request: group chat was upgraded to a supergroup chat")?;
            return Ok(Answer { migrate_to_chat_id: Some(to), ..answer });
        }
        let fate = self.draw(text, chat.is_group());
        self.note_fate(fate);
        self.world.log(format!("{} sends {} ({}) to {name}: {fate:?}", self.probe.owner, row.id, row.key));
        let message = Message { id: 0, delivery_id: row.id, text: text.body.clone(), is_marked };
        let is_taken =
            matches!(fate, Fate::Fine | Fate::ServerError { is_taken: true } | Fate::Lost { is_taken: true });
        if is_doubtful(fate) {
            self.world.lock().ambiguous.insert(row.id);
        }
        // The server may be done before the way back, or not: a worker that dies while it waits cannot know.
        let (is_early, waits) = {
            let mut state = self.world.lock();
            (state.rng.random_bool(0.5), state.chance(0.6))
        };
        let mut message_id = 0;
        if is_taken && is_early {
            message_id = self.world.lock().commit(&name, message.clone());
        }
        if is_taken && !is_early {
            // On its way: it comes by itself, whether anybody waits for the answer or not, and not after a minute.
            let due = now + TimeDelta::seconds(30);
            self.world.lock().late.push(Late { due, chat: name.clone(), message: message.clone() });
        }
        if let Fate::Late { secs } = fate {
            // Counted from the request: Telegram does not know that nobody waits any more.
            let due = now + TimeDelta::seconds(secs);
            self.world.lock().late.push(Late { due, chat: name.clone(), message: message.clone() });
        }
        if waits {
            self.world.lock().strike("telegram: waits for the answer".to_owned());
            self.probe.park().await;
        }
        self.probe.pass(&self.world, "the way back from Telegram");
        if is_taken && !is_early {
            message_id = self.world.lock().arrive(&name, row.id);
        }
        let now = self.world.true_now();
        match fate {
            Fate::Fine => success(message_id),
            Fate::Slow { retry_after } => {
                {
                    let mut state = self.world.lock();
                    let chat = state.chats.get_mut(&name).unwrap();
                    chat.closed_until = Some(now + TimeDelta::seconds(retry_after));
                    chat.closed_unrecorded_by = Some(row.id);
                }
                self.note_slow(row.id, retry_after);
                let answer = refusal(429, "Too Many Requests: retry later")?;
                Ok(Answer { retry_after_secs: Some(retry_after), ..answer })
            }
            Fate::BadMarkup => refusal(400, "Bad Request: can't parse entities"),
            Fate::Kicked => {
                self.world.lock().refused.insert(row.id);
                refusal(403, "Forbidden: bot was kicked from the supergroup chat")
            }
            Fate::TooLong => {
                self.world.lock().refused.insert(row.id);
                refusal(400, "Bad Request: message is too long")
            }
            Fate::Migrated => {
                let to = {
                    let mut state = self.world.lock();
                    let chat = state.chats.get_mut(&name).unwrap();
                    let to = chat.ids.last().unwrap() - 100;
                    chat.ids.push(to);
                    to
                };
                let answer = refusal(400, "Bad Request: group chat was upgraded to a supergroup chat")?;
                Ok(Answer { migrate_to_chat_id: Some(to), ..answer })
            }
            Fate::NotConnected => Err(NoAnswer::NotSent("simulated".to_owned())),
            Fate::ServerError { .. } => refusal(502, "Bad Gateway"),
            Fate::Lost { .. } => Err(NoAnswer::Broken("simulated".to_owned())),
            Fate::Late { .. } => Err(NoAnswer::TimedOut("simulated".to_owned())),
        }
    }

    async fn edit(&self, chat: &ChatId, message_id: i64, text: &Text) -> Result<Answer, NoAnswer> {
        let Some((name, _)) = self.name(chat) else { return refusal(400, "Bad Request: chat not found") };
        let mut state = self.world.lock();
        if state.chance(0.1) {
            return Err(NoAnswer::Broken("simulated".to_owned()));
        }
        let chat = state.chats.get_mut(&name).unwrap();
        match chat.messages.iter_mut().find(|message| message.id == message_id) {
            Some(message) if message.text == text.body => {
                refusal(400, "Bad Request: message is not modified")
            }
            Some(message) => {
                message.text.clone_from(&text.body);
                success(message_id)
            }
            None => refusal(400, "Bad Request: message to edit not found"),
        }
    }

    async fn ask(&self) -> Result<Answer, NoAnswer> {
        if self.world.lock().chance(0.2) {
            return Err(NoAnswer::NotSent("simulated".to_owned()));
        }
        success(0)
    }
}
