//! The desk: whoever asks is looked up, answered or refused, and the answer goes through the outbox.
//!
//! Updates are confirmed before they are answered, under the poller's lease, and an answer's key in the outbox is the
//! update's id: no worker answers twice. An answer lost in a crash is asked for again by whoever misses it. Through the
//! outbox, because a message sent past it would lie where a lost digest is looked for, and the look would overwrite it.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{NaiveDate, TimeDelta};
use serde_json::Value;
use teloxide::types::Update;
use tokio::sync::{Notify, OnceCell};

use super::access::Caller;
use super::asked::{Asked, PlaceKind, What, asked};
use super::callback::ButtonKey;
use super::commands;
use super::flood::{Flood, Verdict};
use super::press;
use super::reply::{Failure, Reply};
use crate::alert::Alerter;
use crate::clock::{Instant, SharedClock};
use crate::deliver::{ChatId, Sender, TelegramClient};
use crate::settings::{Need, Settings};
use crate::store::audit::AuditRow;
use crate::store::outbox::{ANSWER_KEY, Action, NewDelivery, Policy};
use crate::store::{Store, StoreError};

/// An answer that comes later than this is of no use.
const ANSWER_LIVES: TimeDelta = TimeDelta::minutes(5);
/// Whoever waits longer is shown that work is going on.
const PATIENCE: TimeDelta = TimeDelta::milliseconds(700);

/// Everything answering needs.
pub struct Desk {
    pub settings: Arc<Settings>,
    pub store: Store,
    pub clock: SharedClock,
    pub sender: Arc<Sender>,
    pub client: TelegramClient,
    pub alerts: Arc<Alerter>,
    /// Tells the planner that a run was requested.
    pub wake_runs: Arc<Notify>,
    pub key: ButtonKey,
    /// The number at the head of the token.
    pub bot_id: i64,
    username: OnceCell<String>,
    flood: Mutex<Flood>,
}

/// What a desk is made of.
pub struct DeskParts {
    pub settings: Arc<Settings>,
    pub store: Store,
    pub clock: SharedClock,
    pub sender: Arc<Sender>,
    pub client: TelegramClient,
    pub alerts: Arc<Alerter>,
    pub wake_runs: Arc<Notify>,
    pub key: ButtonKey,
    pub bot_id: i64,
}

impl Desk {
    pub fn new(parts: DeskParts) -> Self {
        let DeskParts { settings, store, clock, sender, client, alerts, wake_runs, key, bot_id } = parts;
        let flood = Mutex::new(Flood::new(settings.access.per_minute));
        let username = OnceCell::new();
        Self { settings, store, clock, sender, client, alerts, wake_runs, key, bot_id, username, flood }
    }

    /// The local day it is.
    pub fn today(&self, now: Instant) -> NaiveDate {
        now.with_timezone(&self.settings.zone).date_naive()
    }

    /// Answers what the update asks, if it asks anything.
    pub async fn handle(&self, update: &Update) {
        let Some(asked) = asked(update) else { return };
        if let Err(error) = self.answer(&asked).await {
            let reason = error.reason();
            tracing::warn!(
                reason,
                update.id = asked.update_id,
                "a question in a chat could not be answered: {error}"
            );
        }
    }

    async fn answer(&self, asked: &Asked) -> Result<(), StoreError> {
        let caller = self.caller(asked).await?;
        match &asked.what {
            What::Press { callback_id, data } => press::answer(self, asked, &caller, callback_id, data).await,
            What::Words if caller.is_known() && self.may_ask(asked, &caller).await? => {
                let hint = "Я понимаю команды. Наберите /help, чтобы увидеть, какие есть.";
                self.reply(asked, &caller, words(hint)).await
            }
            What::Words => Ok(()),
            What::Command { name, args, to } => {
                if let Some(to) = to
                    && !self.is_me(to).await
                {
                    return Ok(());
                }
                let Some(command) = commands::find(name) else {
                    // In a group it may be another bot's.
                    let is_ours = asked.place.kind == PlaceKind::Private || to.is_some();
                    if !is_ours || !caller.is_known() || !self.may_ask(asked, &caller).await? {
                        return Ok(());
                    }
                    return self.reply(asked, &caller, words(&commands::unknown(name, &caller))).await;
                };
                if !self.may_ask(asked, &caller).await? {
                    return Ok(());
                }
                let Some(reach) = caller.reach(command.need) else {
                    return self.refuse(asked, &caller, command.name, command.need).await;
                };
                let ask = commands::Ask {
                    desk: self,
                    asked,
                    caller: &caller,
                    command: command.name,
                    args,
                    reach,
                    now: self.clock.now(),
                };
                let typing = async {
                    let (chat, topic) = (ChatId::Id(asked.place.id), asked.place.topic);
                    // Only a courtesy.
                    let _ = self.client.send_typing(&chat, topic).await;
                };
                let reply = self.with_progress(commands::run(command, &ask), typing).await;
                let reply = self.explained(asked, command, reply);
                self.reply(asked, &caller, reply).await
            }
        }
    }

    /// The result, or a sentence about why there is none; what is nobody's mistake is logged here.
    fn explained(&self, asked: &Asked, command: &commands::Command, result: Result<Reply, Failure>) -> Reply {
        match result {
            Ok(reply) => reply,
            Err(Failure::Mistake(sentence)) => words(&format!("{sentence}\nПример: {}", command.example)),
            Err(failure) => {
                self.log_failure(asked, command.name, &failure);
                words(SORRY)
            }
        }
    }

    pub(super) fn log_failure(&self, asked: &Asked, command: &str, failure: &Failure) {
        let reason = failure.reason();
        tracing::error!(reason, update.id = asked.update_id, "/{command} failed: {failure}");
    }

    /// Looks whoever asks up, with where the chats of the configuration moved to.
    async fn caller(&self, asked: &Asked) -> Result<Caller, StoreError> {
        let mut moved = Vec::new();
        for target in self.settings.chats.values() {
            if let ChatId::Id(id) = target.id
                && id < 0
                && let Some(to) = self.store.chat_state(&format!("id:{id}")).await?.migrated_to
            {
                moved.push((id, to));
            }
        }
        let moved_to = |id| moved.iter().find(|(from, _)| *from == id).map(|(_, to)| *to);
        Ok(Caller::of(asked, &self.settings, moved_to))
    }

    /// Whether the question is answered at all; who asks too often is told so once.
    pub(super) async fn may_ask(&self, asked: &Asked, caller: &Caller) -> Result<bool, StoreError> {
        let who = asked.user.unwrap_or(asked.place.id);
        let verdict = self.flood.lock().unwrap_or_else(PoisonError::into_inner).ask(who, self.clock.now());
        if verdict == Verdict::Warn {
            tracing::warn!(reason = "flood", chat.id = asked.place.id, "somebody asks too often");
            if caller.is_known() {
                self.reply(asked, caller, words("Слишком много вопросов подряд. Отвечу снова через минуту."))
                    .await?;
            }
        }
        Ok(verdict == Verdict::Answer)
    }

    async fn refuse(
        &self,
        asked: &Asked,
        caller: &Caller,
        command: &str,
        need: Need,
    ) -> Result<(), StoreError> {
        if !caller.is_known() {
            return self.audit(asked, command, None, Some("stranger")).await;
        }
        self.audit(asked, command, None, Some("role")).await?;
        self.reply(asked, caller, words(refusal(need))).await
    }

    /// Writes down a refusal (with its reason) or a change.
    pub(super) async fn audit(
        &self,
        asked: &Asked,
        command: &str,
        subject: Option<&str>,
        refused: Option<&str>,
    ) -> Result<(), StoreError> {
        let outcome = if refused.is_some() { "refused" } else { "done" };
        tracing::info!(
            chat.id = asked.place.id,
            user.id = asked.user,
            update.id = asked.update_id,
            command,
            subject,
            reason = refused,
            "/{command} {outcome}"
        );
        let row = AuditRow {
            asked_at: self.clock.now(),
            update_id: asked.update_id,
            chat_id: asked.place.id,
            user_id: asked.user,
            command: command.to_owned(),
            subject: subject.map(str::to_owned),
            outcome: outcome.to_owned(),
            reason: refused.map(str::to_owned),
        };
        self.store.save_audit(&row).await
    }

    /// Enqueues the answer as new messages; in a group they point at the question.
    pub(super) async fn reply(&self, asked: &Asked, caller: &Caller, reply: Reply) -> Result<(), StoreError> {
        let first = match asked.place.kind {
            PlaceKind::Group => Action::Reply { to_message_id: asked.message_id },
            PlaceKind::Private | PlaceKind::Channel => Action::Send,
        };
        let count = reply.parts.len();
        let deliveries: Vec<_> = (1..)
            .zip(&reply.parts)
            .map(|(number, part)| NewDelivery {
                part: number as i64,
                part_count: count as i64,
                action: if number == 1 { first.clone() } else { Action::Send },
                html: part.html.clone(),
                plain: part.plain.clone(),
                keyboard: self.keyboard(&reply).filter(|_| number == count),
                is_silent: number > 1,
                ..self.delivery(asked, caller, number)
            })
            .collect();
        self.enqueue(&deliveries).await
    }

    /// Enqueues the answer in the place of an earlier one, when it is one message.
    pub(super) async fn replace(
        &self,
        asked: &Asked,
        caller: &Caller,
        key: String,
        reply: Reply,
    ) -> Result<(), StoreError> {
        let [part] = reply.parts.as_slice() else { return self.reply(asked, caller, reply).await };
        let keyboard = self.keyboard(&reply).unwrap_or_else(|| serde_json::json!({ "inline_keyboard": [] }));
        let edit = NewDelivery {
            action: Action::Correct { of_key: key },
            html: part.html.clone(),
            plain: part.plain.clone(),
            keyboard: Some(keyboard),
            ..self.delivery(asked, caller, 1)
        };
        self.enqueue(&[edit]).await
    }

    fn keyboard(&self, reply: &Reply) -> Option<Value> {
        reply.keyboard.to_json(&self.key, self.today(self.clock.now()))
    }

    fn delivery(&self, asked: &Asked, caller: &Caller, part: usize) -> NewDelivery {
        NewDelivery {
            key: format!("{ANSWER_KEY}{}/{}/{part}", self.bot_id, asked.update_id),
            run_id: None,
            chat: caller.chat.clone(),
            part: 1,
            part_count: 1,
            action: Action::Send,
            html: String::new(),
            plain: String::new(),
            public_id: String::new(),
            policy: Policy::AtMostOnce,
            expires_at: Some(self.clock.now() + ANSWER_LIVES),
            is_silent: false,
            keyboard: None,
        }
    }

    async fn enqueue(&self, deliveries: &[NewDelivery]) -> Result<(), StoreError> {
        self.store.enqueue(deliveries, self.clock.now()).await?;
        self.sender.wake();
        Ok(())
    }

    /// Runs `work`; when it takes longer than people wait without a sign, `progress` is shown meanwhile.
    pub(super) async fn with_progress<T>(&self, work: impl Future<Output = T>, progress: impl Future) -> T {
        let mut work = std::pin::pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = self.clock.sleep(PATIENCE) => {}
        }
        let (done, _) = tokio::join!(work, progress);
        done
    }

    /// Whether a name after `@` is this bot's. Unknown as long as Telegram has not said; then it is not.
    async fn is_me(&self, name: &str) -> bool {
        let ask = async || {
            let me = self.client.get_me().await.map_err(drop)?;
            me.result["username"].as_str().map(str::to_lowercase).ok_or(())
        };
        self.username.get_or_try_init(ask).await.is_ok_and(|own| own == name)
    }
}

/// What stands where an answer should.
pub(super) const SORRY: &str = "Не получилось ответить: ошибка на моей стороне, дежурные увидят её в журнале. Попробуйте ещё раз чуть позже.";

/// A sentence or two as an answer. Lines of its own stay lines.
pub(super) fn words(text: &str) -> Reply {
    let tree = crate::render::tree::Tree { nodes: vec![crate::render::tree::Node::Text(text.to_owned())] };
    let part = crate::render::Part { html: tree.html(), plain: tree.plain() };
    Reply { parts: vec![part], keyboard: super::reply::Keyboard::default() }
}

/// Why not, and what to do about it.
pub(super) fn refusal(need: Need) -> &'static str {
    match need {
        Need::Operate => "Об этом я рассказываю только дежурным и администраторам: в их чате или в личке.",
        Need::Change => "Это могут только дежурные и администраторы.",
        Need::Subscribe => "Подписки здесь меняет руководитель или администратор.",
        _ => "Этих данных я здесь не показываю. Если они вам нужны, попросите администратора дать вам роль.",
    }
}
