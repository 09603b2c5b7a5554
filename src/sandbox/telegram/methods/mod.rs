//! Methods of the Bot API. Each checks in the order of the real server and changes the model only when nothing is left
//! to refuse.

mod edit;
mod forward;
mod info;
mod send;

pub(super) use self::info::bot_member;

use serde_json::Value;

use super::args::Args;
use super::error::ApiError;
use super::model::Model;
use crate::clock::Instant;

/// What a method did.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// `result` of the answer.
    pub result: Value,
    /// The message it created, changed or deleted.
    pub message_id: Option<i64>,
}

impl Done {
    fn quiet(result: Value) -> Self {
        Self { result, message_id: None }
    }
}

type Run = fn(&mut Model, &Args, Instant) -> Result<Done, ApiError>;

/// A method that the sandbox knows.
#[derive(Debug, Clone, Copy)]
pub struct Method {
    /// Telegram's spelling.
    pub name: &'static str,
    run: Run,
}

/// `getUpdates` waits, so it is served apart; here it only has its name.
pub const GET_UPDATES: &str = "getUpdates";

const METHODS: [Method; 22] = [
    Method { name: "answerCallbackQuery", run: info::answer_callback_query },
    Method { name: "copyMessage", run: forward::copy_message },
    Method { name: "deleteMessage", run: edit::delete_message },
    Method { name: "deleteMessages", run: edit::delete_messages },
    Method { name: "deleteMyCommands", run: info::delete_my_commands },
    Method { name: "deleteWebhook", run: info::delete_webhook },
    Method { name: "editMessageCaption", run: edit::edit_message_caption },
    Method { name: "editMessageReplyMarkup", run: edit::edit_message_reply_markup },
    Method { name: "editMessageText", run: edit::edit_message_text },
    Method { name: "forwardMessage", run: forward::forward_message },
    Method { name: "getChat", run: info::get_chat },
    Method { name: "getChatMember", run: info::get_chat_member },
    Method { name: "getMe", run: info::get_me },
    Method { name: "getMyCommands", run: info::get_my_commands },
    Method { name: GET_UPDATES, run: |_, _, _| Ok(Done::quiet(Value::Array(Vec::new()))) },
    Method { name: "getWebhookInfo", run: info::get_webhook_info },
    Method { name: "pinChatMessage", run: edit::pin_chat_message },
    Method { name: "sendChatAction", run: info::send_chat_action },
    Method { name: "sendDocument", run: send::send_document },
    Method { name: "sendMessage", run: send::send_message },
    Method { name: "sendPhoto", run: send::send_photo },
    Method { name: "setMyCommands", run: info::set_my_commands },
];

/// Arguments that the Bot API documents for [`METHODS`], looked at here or not.
const ARGUMENTS: [&str; 46] = [
    "action",
    "allow_paid_broadcast",
    "allow_sending_without_reply",
    "allowed_updates",
    "business_connection_id",
    "cache_time",
    "callback_query_id",
    "caption",
    "caption_entities",
    "chat_id",
    "commands",
    "direct_messages_topic_id",
    "disable_content_type_detection",
    "disable_notification",
    "disable_web_page_preview",
    "document",
    "drop_pending_updates",
    "entities",
    "from_chat_id",
    "has_spoiler",
    "inline_message_id",
    "language_code",
    "limit",
    "link_preview_options",
    "message_effect_id",
    "message_id",
    "message_ids",
    "message_thread_id",
    "method",
    "offset",
    "parse_mode",
    "photo",
    "protect_content",
    "reply_markup",
    "reply_parameters",
    "reply_to_message_id",
    "scope",
    "show_alert",
    "show_caption_above_media",
    "suggested_post_parameters",
    "text",
    "thumbnail",
    "timeout",
    "url",
    "user_id",
    "video_start_timestamp",
];

/// Arguments that no method of the sandbox has.
pub fn unknown_arguments(args: &Args) -> Vec<String> {
    args.names().filter(|name| !ARGUMENTS.contains(name)).map(str::to_owned).collect()
}

impl Method {
    /// Finds a method; letters of any case.
    pub fn find(name: &str) -> Option<Self> {
        METHODS.iter().find(|method| method.name.eq_ignore_ascii_case(name)).copied()
    }

    /// Does the work, at the moment `now`.
    ///
    /// # Errors
    /// The refusal; nothing has changed then.
    pub fn run(&self, model: &mut Model, args: &Args, now: Instant) -> Result<Done, ApiError> {
        (self.run)(model, args, now)
    }
}
