//! Health and metrics for the platform. Nothing about customers or figures is served here.
//!
//! | path | says |
//! |---|---|
//! | `/health/live` | 200 while the worker's loop turns; a platform may restart on anything else |
//! | `/health/ready` | 200 when the store answers and the worker is not draining; else 503 with the reason |
//! | `/metrics` | Prometheus text |
//! | `/v1/llm-usage` | takes calls of language models, see [`llm_usage`]; only when a token is set |

pub mod llm_usage;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use chrono::TimeDelta;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::SharedClock;
use crate::store::Store;

/// A loop silent for longer than this is stuck: it sweeps every 15 s.
const LIVE_WITHIN: TimeDelta = TimeDelta::seconds(90);

/// What the worker says about itself. Clones share the state.
#[derive(Debug, Clone, Default)]
pub struct Health {
    last_turn_ms: Arc<AtomicI64>,
    is_draining: Arc<AtomicBool>,
}

impl Health {
    /// The worker's loop went round.
    pub fn turned(&self, clock: &SharedClock) {
        self.last_turn_ms.store(clock.now().timestamp_millis(), Ordering::Relaxed);
    }

    /// How long the loop has been silent, once that is too long.
    fn silence(&self, clock: &SharedClock) -> Option<TimeDelta> {
        let last_turn_ms = self.last_turn_ms.load(Ordering::Relaxed);
        let silence = TimeDelta::milliseconds(clock.now().timestamp_millis() - last_turn_ms);
        (silence > LIVE_WITHIN).then_some(silence)
    }

    /// Whether the worker's loop turned lately.
    pub fn is_live(&self, clock: &SharedClock) -> bool {
        self.silence(clock).is_none()
    }

    /// The worker was told to stop.
    pub fn draining(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }
}

/// What the handlers need.
#[derive(Clone)]
struct Parts {
    health: Health,
    store: Store,
    clock: SharedClock,
    metrics: Option<PrometheusHandle>,
}

/// The routes.
pub fn router(health: Health, store: Store, clock: SharedClock, metrics: Option<PrometheusHandle>) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(render_metrics))
        .with_state(Parts { health, store, clock, metrics })
}

/// Binds the listener; the error names the address and the fix.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        anyhow::anyhow!(
            "cannot listen on {address} ({error}); set PORT to a free port, or unset it for no listener"
        )
    })
}

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn live(State(parts): State<Parts>) -> impl IntoResponse {
    match parts.health.silence(&parts.clock) {
        None => (StatusCode::OK, "live\n".to_owned()),
        Some(silence) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the worker's loop has been silent for {} s\n", silence.num_seconds()),
        ),
    }
}

async fn ready(State(parts): State<Parts>) -> impl IntoResponse {
    if parts.health.is_draining.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    match parts.store.ping().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("store: {}\n", error.reason())),
    }
}

async fn render_metrics(State(parts): State<Parts>) -> impl IntoResponse {
    match &parts.metrics {
        Some(handle) => {
            (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render())
        }
        None => (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain")], "no recorder\n".to_owned()),
    }
}
