//! Keyboards under messages.

use serde_json::{Value, json};

use super::args::Args;
use super::error::ApiError;

/// `callback_data` in bytes: one Cyrillic letter takes two.
const DATA_LIMIT_BYTES: usize = 64;
/// The whole markup in bytes.
const MARKUP_LIMIT_BYTES: usize = 10 * 1024;
/// Buttons of one keyboard.
const BUTTON_LIMIT: usize = 100;

/// Reads `reply_markup`. `None` for no keyboard, an empty one, or one that Telegram does not store with the message.
///
/// # Errors
/// 400 for JSON that is no keyboard, before anything about the chat is looked at.
pub fn read(args: &Args) -> Result<Option<Value>, ApiError> {
    let Some(raw) = args.get("reply_markup").filter(|raw| !raw.is_empty()) else { return Ok(None) };
    let broken = || ApiError::bad("can't parse reply keyboard markup JSON object");
    let markup: Value = serde_json::from_str(raw).map_err(|_| broken())?;
    if !markup.is_object() {
        return Err(ApiError::bad("object expected as reply markup"));
    }
    let Some(rows) = markup.get("inline_keyboard") else { return Ok(None) };
    let rows = rows.as_array().ok_or_else(broken)?;
    for row in rows {
        for button in row.as_array().ok_or_else(broken)? {
            check_shape(button)?;
        }
    }
    let rows: Vec<&Value> =
        rows.iter().filter(|row| row.as_array().is_some_and(|row| !row.is_empty())).collect();
    Ok((!rows.is_empty()).then(|| json!({"inline_keyboard": rows})))
}

fn check_shape(button: &Value) -> Result<(), ApiError> {
    let wrong = |why: &str| Err(ApiError::bad(&format!("can't parse inline keyboard button: {why}")));
    let Some(button) = button.as_object() else {
        return wrong("InlineKeyboardButton must be an Object");
    };
    let text = button.get("text").and_then(Value::as_str).unwrap_or_default();
    if text.trim().is_empty() {
        return wrong("Can't find field \"text\"");
    }
    if button.len() < 2 {
        return Err(ApiError::bad("text buttons are unallowed in the inline keyboard"));
    }
    Ok(())
}

/// What Telegram's core refuses in a keyboard that the server let through.
///
/// # Errors
/// 400 `BUTTON_DATA_INVALID`, `BUTTON_URL_INVALID`, `reply markup is too long`.
pub fn check(keyboard: Option<&Value>) -> Result<(), ApiError> {
    let Some(keyboard) = keyboard else { return Ok(()) };
    let rows = keyboard["inline_keyboard"].as_array().into_iter().flatten();
    let mut count = 0;
    for button in rows.filter_map(Value::as_array).flatten() {
        count += 1;
        if let Some(data) = button.get("callback_data").and_then(Value::as_str)
            && !(1..=DATA_LIMIT_BYTES).contains(&data.len())
        {
            return Err(ApiError::bad("BUTTON_DATA_INVALID"));
        }
        if let Some(url) = button.get("url").and_then(Value::as_str)
            && super::html::checked_link(url).is_none()
        {
            return Err(ApiError::bad("BUTTON_URL_INVALID"));
        }
    }
    if count > BUTTON_LIMIT || keyboard.to_string().len() > MARKUP_LIMIT_BYTES {
        return Err(ApiError::bad("reply markup is too long"));
    }
    Ok(())
}
