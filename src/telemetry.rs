//! Logs and telemetry metrics.
//!
//! A failure is logged once, where it is handled, in a sentence that reads alone and with dotted fields
//! (`job.name`, `run.id`, `run.slot`, `source.name`, `delivery.id`, `chat.name`, `reason`, `duration_ms`).
//! Message texts, names, phones and tokens are never logged.

use std::io::IsTerminal;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::settings::LogSettings;

/// Starts logging to standard error. A second call in the same process does nothing.
///
/// Libraries speak at `warn`; `tokio_cron_scheduler` tells each tick at `info` otherwise.
pub fn start_logging(settings: &LogSettings) {
    let filter = EnvFilter::try_from_env("RUST_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,svodka={}", settings.level)));
    let is_json = settings.json.unwrap_or_else(|| !std::io::stderr().is_terminal());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An already installed subscriber (tests) stays.
    let _ = if is_json {
        builder.json().flatten_event(true).with_current_span(false).try_init()
    } else {
        builder.with_target(false).try_init()
    };
}

/// Installs the recorder behind `/metrics`. `None` when one is installed already.
pub fn start_metrics() -> Option<PrometheusHandle> {
    let handle = PrometheusBuilder::new().install_recorder().ok()?;
    metrics::describe_counter!("svodka_run_attempts_total", "Attempts at runs, by job and outcome");
    metrics::describe_histogram!("svodka_run_duration_seconds", "Duration of an attempt at a run, by job");
    metrics::describe_counter!("svodka_slots_skipped_total", "Slots not run, by job and reason");
    metrics::describe_counter!("svodka_source_requests_total", "Requests to a source, by outcome");
    metrics::describe_counter!("svodka_deliveries_total", "Sends, by outcome and reason");
    metrics::describe_gauge!("svodka_incidents_open", "Incidents open now");
    Some(handle)
}
