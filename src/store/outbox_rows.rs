//! Rows of `deliveries` as both databases give them.

use serde_json::Value;
use sqlx::types::Json;

use super::outbox::{Action, DeliveryRow};
use super::{Result, StoreError, words};
use crate::clock::Instant;

/// Columns of a [`DeliveryRecord`].
macro_rules! delivery_columns {
    () => {
        "id, key, run_id, chat, part, part_count, edit_of_key, is_correction, file_key, html, plain, public_id, policy, expires_at, \
         is_silent, state, not_before_at, attempt_count, is_plain, is_repeat, floor_message_id, message_id, \
         lease_token, lease_until_ms, started_at, created_at, finished_at, reason, keyboard, reply_to_id"
    };
}
pub(super) use delivery_columns;

#[derive(Debug, sqlx::FromRow)]
pub(super) struct DeliveryRecord {
    pub id: i64,
    key: String,
    run_id: Option<i64>,
    pub chat: String,
    part: i64,
    part_count: i64,
    edit_of_key: Option<String>,
    is_correction: bool,
    file_key: Option<String>,
    html: String,
    plain: String,
    public_id: String,
    policy: String,
    expires_at: Option<Instant>,
    is_silent: bool,
    pub state: String,
    not_before_at: Instant,
    attempt_count: i64,
    is_plain: bool,
    is_repeat: bool,
    floor_message_id: Option<i64>,
    message_id: Option<i64>,
    pub lease_token: i64,
    pub lease_until_ms: Option<i64>,
    started_at: Option<Instant>,
    created_at: Instant,
    finished_at: Option<Instant>,
    reason: Option<String>,
    keyboard: Option<Json<Value>>,
    reply_to_id: Option<i64>,
}

impl TryFrom<DeliveryRecord> for DeliveryRow {
    type Error = StoreError;
    fn try_from(row: DeliveryRecord) -> Result<Self> {
        Ok(Self {
            id: row.id,
            policy: words::parse(&row.policy, "deliveries", "policy", row.id)?,
            state: words::parse(&row.state, "deliveries", "state", row.id)?,
            key: row.key,
            run_id: row.run_id,
            chat: row.chat,
            part: row.part,
            part_count: row.part_count,
            action: match (row.edit_of_key, row.is_correction, row.file_key, row.reply_to_id) {
                (None, _, None, None) => Action::Send,
                (None, _, Some(file_key), _) => Action::SendFile { file_key },
                (None, _, None, Some(to_message_id)) => Action::Reply { to_message_id },
                (Some(of_key), false, _, _) => Action::Edit { of_key },
                (Some(of_key), true, _, _) => Action::Correct { of_key },
            },
            html: row.html,
            plain: row.plain,
            public_id: row.public_id,
            expires_at: row.expires_at,
            is_silent: row.is_silent,
            keyboard: row.keyboard.map(|Json(keyboard)| keyboard),
            not_before_at: row.not_before_at,
            attempt_count: row.attempt_count,
            is_plain: row.is_plain,
            is_repeat: row.is_repeat,
            floor_message_id: row.floor_message_id,
            message_id: row.message_id,
            started_at: row.started_at,
            created_at: row.created_at,
            finished_at: row.finished_at,
            reason: row.reason,
        })
    }
}
