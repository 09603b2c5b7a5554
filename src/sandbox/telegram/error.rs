//! How the Bot API says no.

use serde_json::{Value, json};

use crate::clock::Instant;

/// A refusal. The HTTP status equals `code`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub code: u16,
    /// The whole description, prefix included.
    pub description: String,
    /// `parameters.retry_after`, seconds.
    pub retry_after: Option<i64>,
    /// `parameters.migrate_to_chat_id`.
    pub migrate_to: Option<i64>,
    /// For 429: when the request would be let through. Telegram keeps it to itself; the server uses it to wait.
    pub ready_at: Option<Instant>,
}

impl ApiError {
    fn new(code: u16, description: String) -> Self {
        Self { code, description, retry_after: None, migrate_to: None, ready_at: None }
    }

    /// 400; `why` as Telegram writes it after the prefix.
    pub fn bad(why: &str) -> Self {
        Self::new(400, format!("Bad Request: {why}"))
    }

    pub fn forbidden(why: &str) -> Self {
        Self::new(403, format!("Forbidden: {why}"))
    }

    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized".to_owned())
    }

    /// 401 for a token that has not even the shape of one.
    pub fn malformed_token() -> Self {
        Self::new(401, "Unauthorized: invalid token specified".to_owned())
    }

    /// 404; `why` is `None` for an address that is no method at all.
    pub fn not_found(why: Option<&str>) -> Self {
        Self::new(404, why.map_or("Not Found".to_owned(), |why| format!("Not Found: {why}")))
    }

    pub fn conflict(why: &str) -> Self {
        Self::new(409, format!("Conflict: {why}"))
    }

    pub fn too_large() -> Self {
        Self::new(413, "Request Entity Too Large".to_owned())
    }

    pub fn too_many(retry_after: i64, ready_at: Instant) -> Self {
        let description = format!("Too Many Requests: retry after {retry_after}");
        let error = Self::new(429, description);
        Self { retry_after: Some(retry_after), ready_at: Some(ready_at), ..error }
    }

    pub fn migrated(to: i64) -> Self {
        let error = Self::bad("group chat was upgraded to a supergroup chat");
        Self { migrate_to: Some(to), ..error }
    }

    pub fn restart() -> Self {
        Self::new(500, "Internal Server Error: restart".to_owned())
    }

    pub fn bad_gateway() -> Self {
        Self::new(502, "Bad Gateway".to_owned())
    }

    /// The body of the answer.
    pub fn to_json(&self) -> Value {
        let mut body = json!({"ok": false, "error_code": self.code, "description": self.description});
        if let Some(secs) = self.retry_after {
            body["parameters"]["retry_after"] = json!(secs);
        }
        if let Some(chat) = self.migrate_to {
            body["parameters"]["migrate_to_chat_id"] = json!(chat);
        }
        body
    }
}
