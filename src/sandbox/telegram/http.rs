//! The skin: addresses, bodies, statuses, and the ways in which an answer gets lost.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::args::Args;
use super::error::ApiError;
use super::fault::{AfterCommit, BeforeCommit, Effect};
use super::line::Line;
use super::methods::{Done, GET_UPDATES, Method};
use super::server::{Server, Verdict};
use super::{files, poll, preview};

/// A document of 50 MB and the words around it.
const BODY_LIMIT_BYTES: usize = 52 * 1024 * 1024;
const FRONT_END_PAGE: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.18.0</center>\r\n</body>\r\n</html>\r\n";

type Outcome = Result<Done, ApiError>;

pub(super) fn router(server: Arc<Server>) -> Router {
    preview::routes().merge(files::routes()).fallback(serve).with_state(server)
}

async fn serve(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let line = parts.extensions.get::<ConnectInfo<Line>>().map(|info| info.0.clone()).unwrap_or_default();
    let Some((token, segment)) = bot_path(parts.uri.path()) else {
        return refusal(&ApiError::not_found(None));
    };
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let Ok(body) = to_bytes(body, BODY_LIMIT_BYTES).await else {
        return refusal(&ApiError::too_large());
    };
    let query = parts.uri.query().unwrap_or_default();
    let Ok(args) = Args::read(query, content_type.unwrap_or_default(), body).await else {
        let mut empty = answer(413, "text/plain", Bytes::new());
        empty.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return empty;
    };
    let name = if segment.is_empty() { args.get("method").unwrap_or_default() } else { segment };
    call(&server, &line, token, name, &args).await
}

/// Token and method of `/bot<token>/<method>`.
fn bot_path(path: &str) -> Option<(&str, &str)> {
    let (token, method) = path.strip_prefix("/bot")?.split_once('/')?;
    Some((token, method))
}

/// A request whose bytes are all there: token, method, fault, work, answer.
async fn call(server: &Server, line: &Line, token: &str, name: &str, args: &Args) -> Response {
    let method = Method::find(name);
    let spelling = method.map_or(name, |method| method.name);
    // No wait stands between here and the commit: a client that hangs up now has sent its message all the same.
    let (record, struck) = server.change(|state| state.receive(spelling, args, server.clock.now()));
    let releases = server.state().releases;
    let outcome = match (check_token(token, &server.token), method, struck) {
        (Err(error), ..) => Err(error),
        (_, None, _) => Err(ApiError::not_found(Some("method not found"))),
        (_, _, Some(Effect::Before(BeforeCommit::Close))) => return hang_up(line),
        (_, _, Some(Effect::Before(BeforeCommit::BadGatewayHtml))) => {
            return finish(server, record, answer(502, "text/html", FRONT_END_PAGE));
        }
        (_, _, Some(Effect::Before(BeforeCommit::TooManyRequests { retry_after, header }))) => {
            return finish(server, record, ordered_flood(server, record, retry_after, header));
        }
        (_, _, Some(Effect::Before(what))) => Err(match what {
            BeforeCommit::BadGatewayJson => ApiError::bad_gateway(),
            BeforeCommit::Unauthorized => ApiError::unauthorized(),
            _ => ApiError::restart(),
        }),
        (_, Some(method), Some(Effect::LateCommit { secs })) => {
            let due = server.clock.now() + TimeDelta::seconds(secs);
            server.change(|state| state.put_off(method, args.clone(), record, due));
            released(server, releases).await;
            return hang_up(line);
        }
        (_, Some(method), _) if method.name == GET_UPDATES => poll::get_updates(server, args).await,
        (_, Some(method), _) => work(server, method, args, record).await,
    };
    if let Err(error) = &outcome {
        server.change(|state| {
            if let Some(record) = state.journal.at(record) {
                record.description = Some(error.description.clone());
            }
        });
    }
    match struck {
        Some(Effect::After(AfterCommit::Close)) => hang_up(line),
        Some(Effect::After(AfterCommit::NeverAnswer)) => {
            released(server, releases).await;
            hang_up(line)
        }
        Some(Effect::After(AfterCommit::ResetMidBody)) => {
            let whole = respond(&outcome);
            line.cut_in_body(20);
            whole
        }
        Some(Effect::After(what)) => finish(server, record, spoilt(what, &outcome)),
        _ => finish(server, record, respond(&outcome)),
    }
}

fn check_token(given: &str, right: &str) -> Result<(), ApiError> {
    let shaped = given.split_once(':').is_some_and(|(id, secret)| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        id.parse::<u64>().is_ok() && !secret.is_empty() && secret.bytes().all(fits)
    });
    match (shaped, given == right) {
        (false, _) => Err(ApiError::malformed_token()),
        (true, false) => Err(ApiError::unauthorized()),
        (true, true) => Ok(()),
    }
}

/// Runs the method; waits inside the server while a flood wait is absorbed.
async fn work(server: &Server, method: Method, args: &Args, record: usize) -> Outcome {
    let mut verdict = server.change(|state| state.run(method, args, record, server.clock.now()));
    loop {
        match verdict {
            Verdict::Answered(outcome) => return outcome,
            Verdict::Later(due) => {
                server.clock.sleep_until(due).await;
                // A request that was put off stays in the books until its outcome is fetched here.
                let next = server.change(|state| state.outcome(record));
                verdict = next.unwrap_or_else(|| Verdict::Answered(Err(ApiError::restart())));
            }
        }
    }
}

/// Waits until unanswered requests are let go.
async fn released(server: &Server, seen: u64) {
    let mut changes = server.changes();
    loop {
        {
            let state = server.state();
            if state.releases > seen || state.is_closing {
                return;
            }
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// An answer that never arrives: the connection closes under it.
fn hang_up(line: &Line) -> Response {
    line.cut();
    Response::new(Body::empty())
}

fn finish(server: &Server, record: usize, response: Response) -> Response {
    server.change(|state| {
        if let Some(record) = state.journal.at(record) {
            record.status = Some(response.status().as_u16());
        }
    });
    response
}

fn ordered_flood(server: &Server, record: usize, retry_after: i64, header: bool) -> Response {
    let until = server.clock.now() + TimeDelta::seconds(retry_after);
    let error = ApiError::too_many(retry_after, until);
    server.change(|state| {
        let chat = state.journal.at(record).and_then(|record| {
            record.description = Some(error.description.clone());
            record.chat
        });
        if let Some(chat) = chat {
            state.model.flood.silence(chat, until);
        }
    });
    let mut response = refusal(&error);
    if !header {
        response.headers_mut().remove(header::RETRY_AFTER);
    }
    response
}

fn respond(outcome: &Outcome) -> Response {
    match outcome {
        Ok(done) => success(&json!({"ok": true, "result": done.result})),
        Err(error) => refusal(error),
    }
}

/// The answer of a request that did its work, spoilt. A refusal is not spoilt into a success.
fn spoilt(what: AfterCommit, outcome: &Outcome) -> Response {
    if what == AfterCommit::BadGatewayHtml {
        return answer(502, "text/html", FRONT_END_PAGE);
    }
    let Ok(done) = outcome else { return respond(outcome) };
    let mut body = json!({"ok": true, "result": done.result});
    match what {
        AfterCommit::TruncatedJson => {
            let text = body.to_string();
            let half = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            return answer(200, "application/json", text[..half].to_owned());
        }
        AfterCommit::Garbage => return answer(200, "text/plain", "<<< \u{1F4A5} >>>"),
        AfterCommit::UnknownFields => {
            body["served_by"] = json!({"rack": 7});
            put(&mut body["result"], "galaxy", json!({"name": "Andromeda"}));
        }
        AfterCommit::UnknownChatType => put(&mut body["result"]["chat"], "type", json!("galaxy")),
        AfterCommit::MessageIdZero => put(&mut body["result"], "message_id", json!(0)),
        _ => {}
    }
    success(&body)
}

/// Sets a field of an object; a result that is no object stays as it is.
fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

fn success(body: &Value) -> Response {
    answer(200, "application/json", body.to_string())
}

fn refusal(error: &ApiError) -> Response {
    let mut response = answer(error.code, "application/json", error.to_json().to_string());
    if let Some(secs) = error.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
    }
    response
}

fn answer(status: u16, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
