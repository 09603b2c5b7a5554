//! What an answer proves: whether the message is in the chat, is not, or nobody knows.
//!
//! Pure. Descriptions are matched by substring on a lower-cased copy, never whole: Telegram rewords them. Parameters come
//! first, then the code, then the words.

use super::telegram::{Answer, NoAnswer};

/// What is known after a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// It is there; without an id when the answer could not be read.
    Sent { message_id: Option<i64> },
    /// Not sent; ask again after this many seconds.
    RetryAfter { secs: i64 },
    /// Not sent; the chat has a new id.
    Migrated { to: i64 },
    /// Not sent, and the same request will never be.
    Refused { reason: &'static str },
    /// Not sent: Telegram cannot read our HTML.
    BadMarkup,
    /// An edit that would change nothing: the text is there.
    NotModified,
    /// The message to edit or to delete is not there, or is not ours to edit.
    EditGone,
    /// Not sent: the Bot API does not know us (`unauthorized`, `wrong_address`). A human has to act; the message is fine.
    Unauthorized { reason: &'static str },
    /// Not sent: no connection.
    NotSent { reason: &'static str },
    /// It may be there, or not.
    Unknown { reason: &'static str },
}

/// Classifies what came back from a send or an edit.
pub fn classify(result: &Result<Answer, NoAnswer>) -> Observed {
    match result {
        Ok(answer) => classify_answer(answer),
        Err(NoAnswer::NotSent(_)) => Observed::NotSent { reason: "cannot_connect" },
        Err(NoAnswer::TimedOut(_)) => Observed::Unknown { reason: "timeout" },
        Err(NoAnswer::Broken(_)) => Observed::Unknown { reason: "connection_broken" },
    }
}

fn classify_answer(answer: &Answer) -> Observed {
    if let Some(to) = answer.migrate_to_chat_id {
        return Observed::Migrated { to };
    }
    let code = match answer.ok {
        Some(false) => answer.error_code.unwrap_or(i64::from(answer.status)),
        _ => i64::from(answer.status),
    };
    let words = answer.description.to_lowercase();
    match code {
        // A page instead of JSON comes from a proxy in between; Telegram never writes one on success.
        200 if answer.is_web_page => Observed::Unknown { reason: "not_telegram" },
        200..=299 => Observed::Sent { message_id: answer.message_id },
        429 => Observed::RetryAfter { secs: answer.retry_after_secs.unwrap_or(5).max(1) },
        401 => Observed::Unauthorized { reason: "unauthorized" },
        // A redirect, an unknown path or method, a token an own server does not take: the address is wrong.
        300..=399 | 404 | 405 | 421 => Observed::Unauthorized { reason: "wrong_address" },
        403 => Observed::Refused { reason: refusal(&words).unwrap_or("forbidden") },
        407 => Observed::NotSent { reason: "proxy_refused" },
        408 => Observed::Unknown { reason: "timeout" },
        413 => Observed::Refused { reason: "too_long" },
        400 => classify_bad_request(&words),
        409 => Observed::NotSent { reason: "conflict" },
        500..=599 => Observed::Unknown { reason: "server_error" },
        _ => Observed::Refused { reason: "refused" },
    }
}

fn classify_bad_request(words: &str) -> Observed {
    let has = |needle: &str| words.contains(needle);
    match () {
        // The core's own 502 arrives as a 400.
        () if has("bad gateway") || has("group send failed") => Observed::Unknown { reason: "server_error" },
        () if has("can't parse entities") || has("unsupported parse_mode") => Observed::BadMarkup,
        () if has("message is not modified") => Observed::NotModified,
        () if has("message to edit not found")
            || has("message can't be edited")
            || has("message to delete not found")
            || has("no text in the message to edit")
            || has("no caption in the message to edit")
            || has("message_id_invalid") =>
        {
            Observed::EditGone
        }
        () => Observed::Refused { reason: refusal(words).unwrap_or("refused") },
    }
}

/// Bounded reason of a permanent refusal, by Telegram's words.
fn refusal(words: &str) -> Option<&'static str> {
    const TABLE: &[(&str, &str)] = &[
        ("blocked by the user", "blocked"),
        ("user is deactivated", "user_deactivated"),
        ("can't initiate conversation", "not_started"),
        ("send messages to the bot", "chat_is_bot"),
        ("send messages to bots", "chat_is_bot"),
        ("was kicked", "kicked"),
        ("not a member", "not_member"),
        ("chat was deleted", "chat_deleted"),
        ("message thread not found", "topic_gone"),
        ("topic_closed", "topic_closed"),
        ("topic_deleted", "topic_gone"),
        ("chat not found", "chat_not_found"),
        ("peer_id_invalid", "chat_not_found"),
        ("chat_id is empty", "chat_not_found"),
        ("not enough rights to send photos", "no_file_rights"),
        ("not enough rights to send documents", "no_file_rights"),
        ("not enough rights", "no_rights"),
        ("need administrator rights", "no_rights"),
        ("no write access", "no_rights"),
        ("write_forbidden", "no_rights"),
        ("chat_restricted", "no_rights"),
        ("chat_admin_required", "no_rights"),
        ("is too long", "too_long"),
        ("message_too_long", "too_long"),
        ("file must be non-empty", "bad_file"),
        ("text is empty", "empty_text"),
        ("must be non-empty", "empty_text"),
        ("takes no files", "no_files"),
        ("image_process_failed", "bad_photo"),
        ("photo_invalid_dimensions", "bad_photo"),
        ("photo_ext_invalid", "bad_photo"),
        ("file is too big", "too_long"),
        ("encoded in utf-8", "bad_text"),
        ("invalid unicode", "bad_text"),
    ];
    TABLE.iter().find(|(needle, _)| words.contains(needle)).map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(code: u16, description: &str) -> Result<Answer, NoAnswer> {
        let body = serde_json::json!({ "ok": false, "error_code": code, "description": description });
        Ok(Answer::read(code, &body.to_string()))
    }

    #[test]
    fn every_description_of_the_catalogue_has_its_reason() {
        let refused = [
            (400, "Bad Request: chat not found", "chat_not_found"),
            (400, "Bad Request: chat_id is empty", "chat_not_found"),
            (400, "Bad Request: PEER_ID_INVALID", "chat_not_found"),
            (400, "Bad Request: message is too long", "too_long"),
            (400, "Bad Request: text is too long", "too_long"),
            (400, "Bad Request: MESSAGE_TOO_LONG", "too_long"),
            (413, "Request Entity Too Large", "too_long"),
            (400, "Bad Request: message text is empty", "empty_text"),
            (400, "Bad Request: text must be non-empty", "empty_text"),
            (400, "Bad Request: strings must be encoded in UTF-8", "bad_text"),
            (400, "Bad Request: message thread not found", "topic_gone"),
            (400, "Bad Request: TOPIC_CLOSED", "topic_closed"),
            (400, "Bad Request: not enough rights to send text messages to the chat", "no_rights"),
            (400, "Bad Request: need administrator rights in the channel chat", "no_rights"),
            (400, "Bad Request: have no write access to the chat", "no_rights"),
            (400, "Bad Request: CHAT_WRITE_FORBIDDEN", "no_rights"),
            (400, "Bad Request: CHAT_RESTRICTED", "no_rights"),
            (400, "Bad Request: CHAT_ADMIN_REQUIRED", "no_rights"),
            (403, "Forbidden: bot was blocked by the user", "blocked"),
            (403, "Forbidden: user is deactivated", "user_deactivated"),
            (403, "Forbidden: bot can't initiate conversation with a user", "not_started"),
            (403, "Forbidden: the bot can't send messages to the bot", "chat_is_bot"),
            (403, "Forbidden: bot can't send messages to bots", "chat_is_bot"),
            (403, "Forbidden: bot was kicked from the group chat", "kicked"),
            (403, "Forbidden: bot was kicked from the supergroup chat", "kicked"),
            (403, "Forbidden: bot was kicked from the channel chat", "kicked"),
            (403, "Forbidden: bot is not a member of the supergroup chat", "not_member"),
            (403, "Forbidden: the group chat was deleted", "chat_deleted"),
            (403, "Forbidden: something new", "forbidden"),
            (400, "Bad Request: something new", "refused"),
            (400, "Bad Request: IMAGE_PROCESS_FAILED", "bad_photo"),
            (400, "Bad Request: PHOTO_INVALID_DIMENSIONS", "bad_photo"),
            (400, "Bad Request: file must be non-empty", "bad_file"),
            (400, "Bad Request: message caption is too long", "too_long"),
            (400, "Bad Request: not enough rights to send photos to the chat", "no_file_rights"),
        ];
        for (code, description, reason) in refused {
            assert_eq!(classify(&json(code, description)), Observed::Refused { reason }, "{description}");
        }
    }

    #[test]
    fn what_is_not_a_refusal_is_told_apart() {
        use Observed::*;
        let not_modified = "Bad Request: message is not modified: specified new message content and reply markup are \
                            exactly the same as a current content and reply markup of the message";
        let table = [
            (json(400, "Bad Request: can't parse entities: Unmatched end tag at byte offset 7"), BadMarkup),
            (json(400, "Bad Request: unsupported parse_mode"), BadMarkup),
            (json(400, not_modified), NotModified),
            (json(400, "Bad Request: message to edit not found"), EditGone),
            (json(400, "Bad Request: message can't be edited"), EditGone),
            (json(400, "Bad Request: there is no text in the message to edit"), EditGone),
            (json(400, "Bad Request: there is no caption in the message to edit"), EditGone),
            (json(400, "Bad Request: Bad Gateway"), Unknown { reason: "server_error" }),
            (json(401, "Unauthorized"), Unauthorized { reason: "unauthorized" }),
            (json(401, "Unauthorized: invalid token specified"), Unauthorized { reason: "unauthorized" }),
            (json(404, "Not Found"), Unauthorized { reason: "wrong_address" }),
            (json(404, "Not Found: method not found"), Unauthorized { reason: "wrong_address" }),
            (
                json(421, "Misdirected Request: unallowed token specified"),
                Unauthorized { reason: "wrong_address" },
            ),
            (Ok(Answer::read(302, "")), Unauthorized { reason: "wrong_address" }),
            (json(500, "Internal Server Error: restart"), Unknown { reason: "server_error" }),
            (json(500, "Internal Server Error: Request aborted"), Unknown { reason: "server_error" }),
            (json(502, "Bad Gateway"), Unknown { reason: "server_error" }),
            (
                Ok(Answer::read(502, "<html><h1>502 Bad Gateway</h1></html>")),
                Unknown { reason: "server_error" },
            ),
            (Ok(Answer::read(504, "")), Unknown { reason: "server_error" }),
            (Err(NoAnswer::NotSent(String::new())), NotSent { reason: "cannot_connect" }),
            (Err(NoAnswer::TimedOut(String::new())), Unknown { reason: "timeout" }),
            (Err(NoAnswer::Broken(String::new())), Unknown { reason: "connection_broken" }),
            (Ok(Answer::read(200, r#"{"ok":true,"result":{"message_id":5}}"#)), Sent { message_id: Some(5) }),
            (Ok(Answer::read(200, r#"{"ok":true,"result":{"message_id":0}}"#)), Sent { message_id: None }),
            (Ok(Answer::read(200, "garbage")), Sent { message_id: None }),
            (Ok(Answer::read(200, "<html>Welcome to nginx!</html>")), Unknown { reason: "not_telegram" }),
            (Ok(Answer::read(429, "")), RetryAfter { secs: 5 }),
            (
                Ok(Answer::read(
                    429,
                    r#"{"ok":false,"error_code":429,"parameters":{"retry_after":17,"new":1}}"#,
                )),
                RetryAfter { secs: 17 },
            ),
            (
                Ok(Answer::read(
                    400,
                    r#"{"ok":false,"error_code":400,"parameters":{"migrate_to_chat_id":-1001}}"#,
                )),
                Migrated { to: -1001 },
            ),
            (json(409, "Conflict: terminated by other getUpdates request"), NotSent { reason: "conflict" }),
        ];
        for (result, expected) in table {
            assert_eq!(classify(&result), expected, "{result:?}");
        }
    }
}
