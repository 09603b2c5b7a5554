//! The page that shows chats as Telegram would.

use std::sync::Arc;

use axum::Router;

use super::server::Server;

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
}
