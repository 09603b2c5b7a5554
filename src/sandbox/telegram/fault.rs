//! Faults that a scenario orders: what goes wrong, with which request, and on which side of the commit.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Nothing is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeforeCommit {
    /// The connection closes without an answer.
    Close,
    /// 502 with the page of a front-end server.
    BadGatewayHtml,
    /// 502 in JSON.
    BadGatewayJson,
    /// 500 `Internal Server Error: restart`.
    Restart,
    /// 429; `header` = the answer also has `Retry-After`.
    TooManyRequests { retry_after: i64, header: bool },
    /// 401: the token was revoked.
    Unauthorized,
}

/// The method did its work; the answer is spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterCommit {
    /// The connection closes without an answer.
    Close,
    /// The connection is reset in the middle of the body.
    ResetMidBody,
    /// 200 with half of the JSON, properly ended.
    TruncatedJson,
    /// No answer until [`super::TelegramApi::clear_faults`].
    NeverAnswer,
    /// 502 with the page of a front-end server.
    BadGatewayHtml,
    /// 200 with something that is no JSON.
    Garbage,
    /// 200 with fields that no client knows yet.
    UnknownFields,
    /// 200 with a chat type that no client knows yet.
    UnknownChatType,
    /// 200 with `message_id: 0`, as for a message that Telegram scheduled itself.
    MessageIdZero,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Before(BeforeCommit),
    After(AfterCommit),
    /// The request is taken and never answered; its work is done `secs` later on the sandbox's clock.
    LateCommit {
        secs: i64,
    },
}

/// How often it goes wrong.
#[derive(Debug, Clone)]
enum Plan {
    /// The matching requests number `from` (1 = the next one) and following, `times` of them.
    Counted {
        from: u64,
        times: u64,
    },
    Chance {
        share: f64,
        random: Box<ChaCha8Rng>,
    },
}

/// An order for a fault. Without further words it hits the next request, whatever it is.
///
/// ```
/// use svodka::sandbox::telegram::{AfterCommit, Effect, Fault};
/// // The second sendMessage to the chat is committed, but the sender never learns of it.
/// let fault = Fault::new(Effect::After(AfterCommit::Close)).on("sendMessage").in_chat(-100).nth(2);
/// ```
#[derive(Debug, Clone)]
pub struct Fault {
    effect: Effect,
    method: Option<String>,
    chat: Option<i64>,
    plan: Plan,
    seen: u64,
}

impl Fault {
    pub fn new(effect: Effect) -> Self {
        Self { effect, method: None, chat: None, plan: Plan::Counted { from: 1, times: 1 }, seen: 0 }
    }

    /// The next matching request is lost before its work is done.
    pub fn before(what: BeforeCommit) -> Self {
        Self::new(Effect::Before(what))
    }

    /// The next matching request does its work, its answer is spoilt.
    pub fn after(what: AfterCommit) -> Self {
        Self::new(Effect::After(what))
    }

    /// The next matching request is not answered and does its work later.
    pub fn late_commit(secs: i64) -> Self {
        Self::new(Effect::LateCommit { secs })
    }

    /// Only this method, in any case.
    #[must_use]
    pub fn on(self, method: &str) -> Self {
        Self { method: Some(method.to_lowercase()), ..self }
    }

    /// Only requests that name this chat.
    #[must_use]
    pub fn in_chat(self, chat: i64) -> Self {
        Self { chat: Some(chat), ..self }
    }

    /// Not the next matching request but number `n` from now, 1 being the next.
    #[must_use]
    pub fn nth(self, n: u64) -> Self {
        let times = if let Plan::Counted { times, .. } = self.plan { times } else { 1 };
        Self { plan: Plan::Counted { from: n, times }, ..self }
    }

    /// So many in a row.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        let from = if let Plan::Counted { from, .. } = self.plan { from } else { 1 };
        Self { plan: Plan::Counted { from, times }, ..self }
    }

    /// Until the faults are cleared.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(u64::MAX)
    }

    /// Each matching request with probability `share`, drawn from `seed`, until the faults are cleared.
    #[must_use]
    pub fn with_probability(self, share: f64, seed: u64) -> Self {
        let random = Box::new(ChaCha8Rng::seed_from_u64(seed));
        Self { plan: Plan::Chance { share, random }, ..self }
    }

    fn matches(&self, method: &str, chat: Option<i64>) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.chat.is_none_or(|wanted| chat == Some(wanted))
    }

    /// Counts a matching request; whether it is hit.
    fn strikes(&mut self) -> bool {
        self.seen = self.seen.saturating_add(1);
        match &mut self.plan {
            Plan::Counted { from, times } => self.seen >= *from && self.seen < from.saturating_add(*times),
            Plan::Chance { share, random } => random.random::<f64>() < *share,
        }
    }

    fn is_spent(&self) -> bool {
        match self.plan {
            Plan::Counted { from, times } => self.seen >= from.saturating_add(times).saturating_sub(1),
            Plan::Chance { .. } => false,
        }
    }

    /// Ordered for certain requests that have not come.
    fn is_owed(&self) -> bool {
        matches!(self.plan, Plan::Counted { times, .. } if times < u64::MAX) && !self.is_spent()
    }
}

/// The orders that still stand.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What goes wrong with this request. Every matching order counts it; the oldest that strikes wins.
    pub fn strike(&mut self, method: &str, chat: Option<i64>) -> Option<Effect> {
        let mut effect = None;
        for fault in &mut self.0 {
            if fault.matches(method, chat) && fault.strikes() {
                effect = effect.or(Some(fault.effect));
            }
        }
        self.0.retain(|fault| !fault.is_spent());
        effect
    }

    /// Orders that never found their request.
    pub fn owed(&self) -> Vec<&Fault> {
        self.0.iter().filter(|fault| fault.is_owed()).collect()
    }
}
