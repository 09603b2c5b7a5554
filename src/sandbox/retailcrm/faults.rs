//! Failures on demand.

use std::sync::Mutex;

use serde_json::json;
use tokio::sync::watch;

use super::answer::Answer;
use super::lock;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Any status with a body of this sort.
    Status(u16, FaultBody),
    /// No answer until the faults are cleared; then the true one.
    Hang,
    /// Half of the true answer, then the connection breaks.
    ResetMidBody,
    /// 200 with a page for people.
    NotJson,
    /// 200 and a well-formed HTTP answer whose JSON ends in the middle.
    TruncatedJson,
    /// 200 without a body.
    EmptyBody,
    /// 200 with an object where a list is due, or the other way round.
    UnexpectedShape,
    /// The key or token is refused as wrong.
    KeyRevoked,
}

/// The body of a [`FaultKind::Status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultBody {
    /// The API's own error format.
    Json,
    /// A page of some server in between.
    Html,
    Empty,
}

/// A failure for all requests whose path begins with a prefix.
#[derive(Debug, Clone)]
pub struct Fault {
    pub path_prefix: String,
    pub kind: FaultKind,
    /// How many matching requests it hits; `None` = until cleared.
    pub times: Option<u32>,
}

impl Fault {
    /// A failure that lasts until cleared. `""` matches every path.
    pub fn on(path_prefix: &str, kind: FaultKind) -> Self {
        Self { path_prefix: path_prefix.to_owned(), kind, times: None }
    }

    /// Limits it to the next `times` matching requests.
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }
}

/// The failures in force.
#[derive(Debug)]
pub(super) struct Faults {
    list: Mutex<Vec<Fault>>,
    /// Counts the clearings; hanging requests wait for a change.
    releases: watch::Sender<u64>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { list: Mutex::default(), releases: watch::Sender::new(0) }
    }
}

impl Faults {
    pub fn add(&self, fault: Fault) {
        lock(&self.list).push(fault);
    }

    pub fn clear(&self) {
        let mut list = lock(&self.list);
        list.clear();
        self.releases.send_modify(|count| *count += 1);
    }

    /// The failure that hits a request to `path`, used up by one, with a receiver that wakes at the next clearing.
    pub fn take(&self, path: &str) -> Option<(FaultKind, watch::Receiver<u64>)> {
        let mut list = lock(&self.list);
        let index = list.iter().position(|fault| path.starts_with(&fault.path_prefix))?;
        let kind = list[index].kind;
        if let Some(times) = &mut list[index].times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                list.remove(index);
            }
        }
        // Subscribed under the lock: a clearing cannot slip in between.
        Some((kind, self.releases.subscribe()))
    }
}

/// The answer as the failure leaves it; `ResetMidBody` and `Hang` are the server's business.
pub(super) fn spoil(kind: FaultKind, answer: Answer, is_bot: bool) -> Answer {
    match kind {
        FaultKind::Status(status, FaultBody::Html) => Answer::html(status, "Bad gateway"),
        FaultKind::Status(status, FaultBody::Empty) => {
            Answer { body: String::new(), ..Answer::html(status, "") }
        }
        FaultKind::Status(status, FaultBody::Json) if is_bot => {
            Answer::json(status, &json!({"errors": ["Something went wrong"]}))
        }
        FaultKind::Status(status, FaultBody::Json) => {
            Answer::json(status, &json!({"success": false, "errorMsg": "Something went wrong"}))
        }
        FaultKind::NotJson => Answer::html(200, "Технические работы"),
        FaultKind::TruncatedJson => Answer { body: half(&answer.body), ..answer },
        FaultKind::EmptyBody => Answer { body: String::new(), ..Answer::json(200, &json!({})) },
        FaultKind::UnexpectedShape if is_bot => Answer::json(200, &json!({"items": []})),
        FaultKind::UnexpectedShape => Answer::json(200, &json!([])),
        FaultKind::KeyRevoked if is_bot => Answer::json(403, &json!({"errors": ["access denied"]})),
        FaultKind::KeyRevoked => {
            Answer::json(403, &json!({"success": false, "errorMsg": "Wrong \"apiKey\" value."}))
        }
        FaultKind::Hang | FaultKind::ResetMidBody => answer,
    }
}

/// The first half, cut at a character.
pub(super) fn half(body: &str) -> String {
    body[..body.floor_char_boundary(body.len() / 2)].to_owned()
}
