//! What an answer means: a value, something to wait out, or something a person has to fix, with the sentence that
//! says what. Told by status and by the fixed wordings of RetailCRM; its localised texts are never looked into.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

use crate::clock::Instant;
use crate::collect::CollectError;
use crate::outbound;

/// Which of the two APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// API v5: orders, customers, users.
    Crm,
    /// MG Bot API: chats.
    Chats,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Crm => "RetailCRM",
            Self::Chats => "the chat API (MG Bot)",
        }
    }

    fn url_variable(self) -> &'static str {
        match self {
            Self::Crm => "RETAILCRM_URL",
            Self::Chats => "RETAILCRM_BOT_URL",
        }
    }

    fn key_variable(self) -> &'static str {
        match self {
            Self::Crm => "RETAILCRM_API_KEY",
            Self::Chats => "RETAILCRM_BOT_TOKEN",
        }
    }
}

/// One attempt failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub reason: &'static str,
    pub message: String,
    pub is_permanent: bool,
    /// What the server asked to wait.
    pub retry_after: Option<TimeDelta>,
}

impl Failure {
    fn passing(reason: &'static str, message: String) -> Self {
        Self { reason, message, is_permanent: false, retry_after: None }
    }

    fn permanent(reason: &'static str, message: String) -> Self {
        Self { reason, message, is_permanent: true, retry_after: None }
    }

    pub fn into_error(self, source_name: &'static str) -> CollectError {
        let Self { reason, message, is_permanent, .. } = self;
        CollectError { source_name, reason, message, is_permanent }
    }
}

/// The request did not get an answer.
pub(super) fn of_transport(side: Side, path: &str, error: &reqwest::Error) -> Failure {
    let (reason, why) =
        (if error.is_timeout() { "timeout" } else { "unreachable" }, outbound::describe(error));
    let (name, variable) = (side.name(), side.url_variable());
    Failure::passing(
        reason,
        format!("{name} gave no answer to {path} ({why}); check the network and {variable}"),
    )
}

/// The body of a successful answer broke off.
pub(super) fn of_body(side: Side, path: &str, error: &reqwest::Error) -> Failure {
    let (reason, why) = (if error.is_timeout() { "timeout" } else { "not_json" }, outbound::describe(error));
    Failure::passing(reason, format!("the answer of {} to {path} broke off ({why})", side.name()))
}

/// The body is bigger than any answer we ask for.
pub(super) fn of_size(side: Side, path: &str, cap: usize) -> Failure {
    let (name, cap) = (side.name(), cap >> 20);
    Failure::permanent("unexpected_shape", format!("{name} answered {path} with more than {cap} MiB"))
}

/// Seconds or an HTTP date; `None` when absent, unreadable or already past.
pub(super) fn retry_after(headers: &HeaderMap, now: Instant) -> Option<TimeDelta> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u32>() {
        Ok(secs) => TimeDelta::seconds(secs.into()),
        Err(_) => DateTime::parse_from_rfc2822(text).ok()?.with_timezone(&Utc) - now,
    };
    (wait > TimeDelta::zero()).then_some(wait)
}

/// Reads a whole answer.
pub(super) fn judge(
    side: Side,
    path: &str,
    status: StatusCode,
    retry_after: Option<TimeDelta>,
    body: &[u8],
) -> Result<Value, Failure> {
    let (name, code) = (side.name(), status.as_u16());
    let (url, key) = (side.url_variable(), side.key_variable());
    let json = serde_json::from_slice::<Value>(body).ok();
    let is_html = body.trim_ascii_start().starts_with(b"<");
    let told = json.as_ref().map_or("", |json| json["errorMsg"].as_str().unwrap_or_default());
    let failure = match code {
        200..=299 => match json {
            Some(json) if json["success"] == Value::Bool(false) => {
                return Err(Failure::permanent(
                    "unexpected_shape",
                    format!("{name} answered {path} with {code} and \"success\": false"),
                ));
            }
            Some(json) => return Ok(json),
            None => Failure::passing(
                "not_json",
                format!(
                    "{name} answered {path} with something that is not JSON; check {url} and any proxy in between"
                ),
            ),
        },
        300..=399 => Failure::permanent(
            "not_found",
            format!("{name} sends {path} elsewhere ({code}); write the final https:// address into {url}"),
        ),
        401 => Failure::permanent("unauthorized", format!("{name} does not accept the key; check {key}")),
        403 if side == Side::Chats || told.contains("apiKey") => {
            Failure::permanent("unauthorized", format!("{name} does not accept the key; check {key}"))
        }
        403 => Failure::permanent(
            "forbidden",
            format!(
                "the key may not read {path}; give it {} in the API key's settings ({key})",
                scope_for(path)
            ),
        ),
        404 | 405 if is_html || told.starts_with("Account does not exist") => Failure::permanent(
            "not_found",
            format!("there is no RetailCRM account at this address; check {url} (https://SHOP.retailcrm.ru)"),
        ),
        404 | 405 => {
            Failure::permanent("not_found", format!("{name} does not know {path} ({code}); check {url}"))
        }
        408 => Failure::passing("timeout", format!("{name} answered {path} with 408")),
        429 | 503 => Failure {
            retry_after,
            ..Failure::passing(
                "throttled",
                format!(
                    "{name} keeps answering {path} with {code}: too many requests for this key, or maintenance"
                ),
            )
        },
        500.. => Failure {
            retry_after,
            ..Failure::passing("server_error", format!("{name} answered {path} with {code}"))
        },
        _ => Failure::permanent(
            "bad_request",
            format!("{name} refused {path} with {code}{}", refused_fields(json.as_ref())),
        ),
    };
    Err(failure)
}

/// The names of the fields the server did not like; never their values.
fn refused_fields(json: Option<&Value>) -> String {
    let fields: Vec<&str> = json
        .and_then(|json| json["errors"].as_object())
        .map(|errors| errors.keys().take(5).map(String::as_str).collect())
        .unwrap_or_default();
    if fields.is_empty() { String::new() } else { format!(" because of {}", fields.join(", ")) }
}

/// The scope that opens a path. RetailCRM does not publish the names for users and settings.
fn scope_for(path: &str) -> &'static str {
    match path.strip_prefix("/api/v5/").unwrap_or(path).split('/').next() {
        Some("orders") => "the scope order_read and access to the store",
        Some("customers") => "the scope customer_read and access to the store",
        Some("reference") => "the scope reference_read",
        Some("users") => "the right to read users",
        Some("settings") => "the right to read settings",
        _ => "the missing right",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(side: Side, status: u16, body: &str) -> (&'static str, bool, String) {
        let status = StatusCode::from_u16(status).unwrap();
        let failure = judge(side, "/api/v5/orders", status, None, body.as_bytes()).unwrap_err();
        (failure.reason, failure.is_permanent, failure.message)
    }

    #[test]
    fn every_answer_has_its_reason_and_a_permanent_one_names_what_to_fix() {
        for (side, status, body, expected, is_permanent, fix) in [
            (
                Side::Crm,
                403,
                r#"{"success":false,"errorMsg":"Wrong \"apiKey\" value."}"#,
                "unauthorized",
                true,
                "RETAILCRM_API_KEY",
            ),
            (
                Side::Crm,
                403,
                r#"{"success":false,"errorMsg":"Access denied."}"#,
                "forbidden",
                true,
                "order_read",
            ),
            (Side::Chats, 403, r#"{"errors":["forbidden"]}"#, "unauthorized", true, "RETAILCRM_BOT_TOKEN"),
            (Side::Chats, 401, "", "unauthorized", true, "RETAILCRM_BOT_TOKEN"),
            (Side::Crm, 404, "<html>", "not_found", true, "RETAILCRM_URL"),
            (Side::Crm, 405, r#"{"errorMsg":"Account does not exist."}"#, "not_found", true, "RETAILCRM_URL"),
            (Side::Chats, 404, "{}", "not_found", true, "RETAILCRM_BOT_URL"),
            (Side::Crm, 301, "", "not_found", true, "RETAILCRM_URL"),
            (
                Side::Crm,
                400,
                r#"{"errorMsg":"x","errors":{"limit":"secret text"}}"#,
                "bad_request",
                true,
                "limit",
            ),
            (Side::Crm, 503, r#"{"success":false,"errorMsg":"Rate limit exceeded"}"#, "throttled", false, ""),
            (Side::Crm, 429, "", "throttled", false, ""),
            (Side::Crm, 502, "<html>", "server_error", false, ""),
            (Side::Crm, 200, "<html>", "not_json", false, "RETAILCRM_URL"),
            (Side::Crm, 200, r#"{"success":true,"orders":["#, "not_json", false, ""),
            (Side::Crm, 200, r#"{"success":false}"#, "unexpected_shape", true, ""),
        ] {
            let (reason, permanent, message) = reason(side, status, body);
            assert_eq!((reason, permanent), (expected, is_permanent), "{status} {body}");
            assert!(message.contains(fix), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date_and_never_points_to_the_past() {
        let now = "2026-03-02T08:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("7", Some(7)),
            ("Mon, 02 Mar 2026 08:00:30 GMT", Some(30)),
            ("Mon, 02 Mar 2026 07:00:30 GMT", None),
            ("0", None),
            ("soon", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), expected.map(TimeDelta::seconds), "{text}");
        }
    }
}
