//! A request and an answer, free of HTTP machinery.

use serde_json::Value;

use super::query::Query;

/// What was asked.
#[derive(Debug)]
pub(super) struct Request {
    pub method: String,
    pub path: String,
    pub query: Query,
    /// The decoded body of a POST.
    pub form: Query,
    /// From `X-API-KEY` or the parameter `apiKey`.
    pub api_key: Option<String>,
    pub bot_token: Option<String>,
}

/// What comes back.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
    pub retry_after: Option<u32>,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Self {
        let content_type = "application/json";
        Self { status, content_type, body: body.to_string(), retry_after: None }
    }

    pub fn html(status: u16, title: &str) -> Self {
        let body =
            format!("<html>\n<head><title>{title}</title></head>\n<body><h1>{title}</h1></body>\n</html>\n");
        Self { status, content_type: "text/html; charset=utf-8", body, retry_after: None }
    }
}
