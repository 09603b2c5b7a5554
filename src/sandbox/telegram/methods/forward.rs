//! Repeating a message elsewhere: also the gentlest way to ask whether it exists.

use serde_json::json;

use super::Done;
use super::send::{Draft, post, shown};
use crate::clock::Instant;
use crate::sandbox::telegram::args::Args;
use crate::sandbox::telegram::error::ApiError;
use crate::sandbox::telegram::message::SimMessage;
use crate::sandbox::telegram::model::Model;
use crate::sandbox::telegram::text::{self, Formatted};

pub(super) fn forward_message(model: &mut Model, args: &Args, now: Instant) -> Result<Done, ApiError> {
    let source = source(model, args, "forward")?;
    let author = source.forwarded_from.clone().unwrap_or_else(|| source.author.clone());
    let message = post(model, args, Draft { forwarded_from: Some(author), ..draft(source) }, now)?;
    Ok(shown(model, &message))
}

pub(super) fn copy_message(model: &mut Model, args: &Args, now: Instant) -> Result<Done, ApiError> {
    let source = source(model, args, "copy")?;
    let mut draft = draft(source);
    if draft.attachment.is_some() && args.has("caption") {
        draft.content = text::read(args, "caption", "caption_entities")?;
    }
    let message = post(model, args, draft, now)?;
    Ok(Done { result: json!({"message_id": message.id}), message_id: Some(message.id) })
}

fn source(model: &Model, args: &Args, verb: &str) -> Result<SimMessage, ApiError> {
    let room = model.room(args, "from_chat_id")?;
    room.chat.check_read()?;
    let id = args.integer("message_id").filter(|id| *id != 0);
    let id = id.ok_or_else(|| ApiError::bad("message identifier is not specified"))?;
    let message = room.message(id);
    let message = message.ok_or_else(|| ApiError::bad(&format!("message to {verb} not found")))?;
    if message.protected || message.service.is_some() {
        let verb = if verb == "copy" { "copied" } else { "forwarded" };
        return Err(ApiError::bad(&format!("message can't be {verb}")));
    }
    Ok(message.clone())
}

fn draft(source: SimMessage) -> Draft {
    let content = Formatted { text: source.text, entities: source.entities };
    Draft { content, attachment: source.attachment, forwarded_from: None }
}
