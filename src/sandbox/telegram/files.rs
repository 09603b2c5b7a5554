//! Files that were sent, as the preview page shows them, and what Telegram asks of a picture.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::error::ApiError;
use super::server::Server;

/// Width and height of a photo together.
const MOST_PIXELS: u32 = 10_000;
/// The longer side of a photo over the shorter one.
const MOST_RATIO: u32 = 20;

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new().route("/file/{id}", get(file))
}

async fn file(State(server): State<Arc<Server>>, Path(id): Path<String>) -> Response {
    let state = server.state();
    let Some(file) = state.model.files.get(&id) else {
        return (StatusCode::NOT_FOUND, "Такого файла в песочнице нет").into_response();
    };
    let name = format!(
        "{}; filename*=UTF-8''{}",
        if file.is_photo { "inline" } else { "attachment" },
        encoded(&file.name)
    );
    let headers = [(header::CONTENT_TYPE, file.mime.clone()), (header::CONTENT_DISPOSITION, name)];
    (headers, file.content.clone()).into_response()
}

fn encoded(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Width and height of a PNG; `None` when the head is not all there, or of another kind of picture.
pub(super) fn png_size(content: &[u8]) -> Option<(u32, u32)> {
    let side = |at: usize| Some(u32::from_be_bytes(content.get(at..at + 4)?.try_into().ok()?));
    (content.starts_with(b"\x89PNG\r\n\x1a\n") && content.get(12..16)? == b"IHDR")
        .then(|| Some((side(16)?, side(20)?)))
        .flatten()
}

/// # Errors
/// 400 `PHOTO_INVALID_DIMENSIONS`.
pub(super) fn check_photo_size(content: &[u8]) -> Result<(), ApiError> {
    let Some((width, height)) = png_size(content) else { return Ok(()) };
    let (long, short) = (width.max(height), width.min(height));
    let is_fine = width.saturating_add(height) <= MOST_PIXELS && long <= short.saturating_mul(MOST_RATIO);
    if is_fine { Ok(()) } else { Err(ApiError::bad("PHOTO_INVALID_DIMENSIONS")) }
}
