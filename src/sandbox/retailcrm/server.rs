//! The HTTP machinery: one handler, the same steps for every request.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, header};
use futures::stream;
use tokio::net::TcpListener;

use super::answer::{Answer, Request};
use super::faults::{self, FaultKind};
use super::journal::RequestRecord;
use super::query::{self, Query};
use super::{Shared, bot, v5};

/// Bytes of a form that are read at most.
const LONGEST_BODY: usize = 1 << 20;

/// Serves until told to stop.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut stop = shared.stop.subscribe();
    let router = Router::new().fallback(handle).with_state(shared);
    // The sender cannot be gone while handles or requests live; if it were, stopping is right.
    let stopped = async move { drop(stop.wait_for(|stop| *stop).await) };
    let served = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
    if let Err(error) = served {
        tracing::error!(reason = "sandbox_server", %error, "the RetailCRM sandbox stopped serving");
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: axum::extract::Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let raw_query = head.uri.query().unwrap_or_default();
    let (query, key_parameter) = Query::parse(raw_query);
    // A body that breaks off or is too long is as good as none: the method will miss its field.
    let body = to_bytes(body, LONGEST_BODY).await.unwrap_or_default();
    let (form, key_field) = Query::parse(&String::from_utf8_lossy(&body));
    let text = |headers: &HeaderMap, name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
    let request_query = query::without_key(raw_query);
    let request = Request {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query,
        form,
        api_key: text(&head.headers, "x-api-key").or(key_parameter).or(key_field),
        bot_token: text(&head.headers, "x-bot-token"),
    };
    let number = shared.journal.begin(RequestRecord {
        at: shared.clock.now(),
        method: request.method.clone(),
        path: request.path.clone(),
        query: request_query,
        status: None,
    });
    let fault = shared.faults.take(&request.path);
    let kind = fault.as_ref().map(|(kind, _)| *kind);
    if let Some((FaultKind::Hang, mut releases)) = fault {
        // Either outcome (released, or the stand-in is gone) ends the wait.
        let _ = releases.changed().await;
    }
    let is_bot = request.path.starts_with(bot::ROOT);
    let mut answer = answer(&shared, &request, is_bot);
    if let Some(kind) = kind {
        answer = faults::spoil(kind, answer, is_bot);
    }
    shared.journal.finish(number, answer.status);
    respond(answer, kind == Some(FaultKind::ResetMidBody))
}

fn answer(shared: &Shared, request: &Request, is_bot: bool) -> Answer {
    let now = shared.clock.now();
    let key = if is_bot { &request.bot_token } else { &request.api_key };
    if let Some(key) = key
        && let Err(refusal) = shared.limiter.admit(key, now, is_bot)
    {
        return refusal;
    }
    let mut model = shared.model();
    if is_bot {
        bot::answer(&model, now, &shared.oddities, request)
    } else {
        v5::answer(&mut model, now, &shared.oddities, request)
    }
}

fn respond(answer: Answer, breaks_off: bool) -> Response<Body> {
    let body = if breaks_off {
        let head: io::Result<Bytes> = Ok(Bytes::from(faults::half(&answer.body)));
        Body::from_stream(stream::iter([head, Err(io::ErrorKind::ConnectionReset.into())]))
    } else {
        Body::from(answer.body)
    };
    let mut response =
        Response::builder().status(answer.status).header(header::CONTENT_TYPE, answer.content_type);
    if let Some(secs) = answer.retry_after {
        response = response.header(header::RETRY_AFTER, secs);
    }
    // Fails only for a status outside 100..1000, which a fault may ask for.
    response.body(body).unwrap_or_else(|_| Response::new(Body::from("the fault's status is not a status")))
}
