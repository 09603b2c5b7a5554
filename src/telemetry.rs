//! Logs and telemetry metrics.
//!
//! A failure is logged once, where it is handled, in a sentence that reads alone and with dotted fields
//! (`job.name`, `run.id`, `run.slot`, `source.name`, `delivery.id`, `chat.name`, `reason`, `duration_ms`).
//! Message texts, names, phones and tokens are never logged. Every metric stands in [`METRICS`] and, with its meaning, in
//! `docs/telemetry.md`; a test compares both with the code.

use std::io::IsTerminal;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::settings::LogSettings;

/// How a metric is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric: its name, kind, labels and unit. A label has as many values as there are jobs, sources, kinds or reasons: words of
/// the configuration or of the program, never of the outside.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub unit: Unit,
    pub says: &'static str,
}

/// Every metric there is.
pub const METRICS: &[Metric] = &[
    counter("svodka_run_attempts_total", &["job", "outcome"], "Attempts at runs"),
    histogram("svodka_run_duration_seconds", &["job"], "What an attempt at a run took"),
    histogram("svodka_run_lateness_seconds", &["job"], "From the slot to the first attempt"),
    histogram("svodka_step_duration_seconds", &["step"], "What a step of a report took"),
    counter("svodka_slots_skipped_total", &["job", "reason"], "Slots not run"),
    gauge(
        "svodka_job_last_success_timestamp_seconds",
        &["job"],
        Unit::Seconds,
        "When a job last succeeded, Unix time",
    ),
    counter("svodka_source_requests_total", &["source", "outcome"], "Requests to a source"),
    gauge(
        "svodka_source_limit_used_ratio",
        &["source"],
        Unit::Percent,
        "Used share of the requests allowed, 0..1",
    ),
    gauge("svodka_source_age_seconds", &["source"], Unit::Seconds, "Since a source was last read through"),
    gauge(
        "svodka_source_coverage_age_seconds",
        &["source"],
        Unit::Seconds,
        "Since the moment up to which a source is known",
    ),
    gauge("svodka_source_failing", &["source"], Unit::Count, "1 while a source fails"),
    gauge("svodka_outbox_messages", &["state"], Unit::Count, "Messages on their way, up to 1000"),
    gauge(
        "svodka_outbox_age_seconds",
        &[],
        Unit::Seconds,
        "Age of the oldest message on its way; 0 when there is none",
    ),
    counter("svodka_deliveries_total", &["outcome", "reason"], "Sends, by what came of them"),
    counter("svodka_attachments_failed_total", &["reason"], "Charts and files that could not be made"),
    histogram("svodka_delivery_duration_seconds", &[], "What a send took, its recording included"),
    counter("svodka_repeats_removed_total", &[], "First copies of repeats found late and deleted"),
    gauge("svodka_incidents_open", &[], Unit::Count, "Incidents open"),
    gauge("svodka_incidents_waiting", &["state"], Unit::Count, "Open incidents, taken up by somebody or not"),
    counter("svodka_incidents_opened_total", &["kind"], "Incidents opened"),
    gauge(
        "svodka_disk_free_ratio",
        &[],
        Unit::Percent,
        "Free share of the database's disk, 0..1; SQLite only",
    ),
    gauge(
        "svodka_memory_used_ratio",
        &[],
        Unit::Percent,
        "Used share of the memory this process may have, 0..1",
    ),
    gauge("svodka_clock_ahead_seconds", &[], Unit::Seconds, "By how much our clock is ahead of the others'"),
    gauge("svodka_store_write_seconds", &[], Unit::Seconds, "The fastest of the last three trial writes"),
];

const fn counter(name: &'static str, labels: &'static [&'static str], says: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, unit: Unit::Count, says }
}

const fn gauge(
    name: &'static str,
    labels: &'static [&'static str],
    unit: Unit,
    says: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, unit, says }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], says: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, labels, unit: Unit::Seconds, says }
}

/// Edges of the histograms in seconds: from a send to a first load.
const EDGES: [f64; 14] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0];

/// Starts logging to standard error, and to daily files when asked. A second call in the same process does nothing.
///
/// Libraries speak at `warn`; `tokio_cron_scheduler` tells each tick at `info` otherwise.
///
/// # Errors
/// When the folder of the files cannot be written.
pub fn start_logging(settings: &LogSettings) -> anyhow::Result<()> {
    let is_json = settings.json.unwrap_or_else(|| !std::io::stderr().is_terminal());
    let stream = match is_json {
        true => json(std::io::stderr).boxed(),
        false => fmt::layer().with_writer(std::io::stderr).with_target(false).boxed(),
    };
    let files = match &settings.folder {
        Some(folder) => Some(json(daily_files(folder, settings.keep_files)?).boxed()),
        None => None,
    };
    // An already installed subscriber (tests) stays.
    let _ = Registry::default().with(files).with(stream).with(filter(settings)).try_init();
    Ok(())
}

fn filter(settings: &LogSettings) -> EnvFilter {
    EnvFilter::try_from_env("RUST_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,svodka={}", settings.level)))
}

/// One object a line, our fields at its top.
pub fn json<S, W>(writer: W) -> impl Layer<S> + Send + Sync
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    fmt::layer().json().flatten_event(true).with_current_span(false).with_writer(writer)
}

/// `svodka.2026-08-20.log`, a new one each UTC day; the oldest beyond `keep` go.
fn daily_files(folder: &std::path::Path, keep: usize) -> anyhow::Result<RollingFileAppender> {
    let files = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("svodka")
        .filename_suffix("log")
        .max_log_files(keep)
        .build(folder);
    files.map_err(|error| {
        anyhow::anyhow!(
            "log.folder: cannot write logs to {} ({error}); correct the path or its rights",
            folder.display()
        )
    })
}

/// Installs the recorder behind `/metrics`. `None` when one is installed already.
pub fn start_metrics() -> Option<PrometheusHandle> {
    let builder = PrometheusBuilder::new();
    let builder = builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &EDGES).ok()?;
    let handle = builder.install_recorder().ok()?;
    for metric in METRICS {
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, metric.unit, metric.says),
            Kind::Gauge => describe_gauge!(metric.name, metric.unit, metric.says),
            Kind::Histogram => describe_histogram!(metric.name, metric.unit, metric.says),
        }
    }
    Some(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_go_to_a_file_of_their_day_and_only_the_newest_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        for day in 10..19 {
            std::fs::write(folder.path().join(format!("svodka.2020-01-{day}.log")), "old").unwrap();
        }
        let files = daily_files(folder.path(), 3).unwrap();
        let subscriber = Registry::default().with(json(files));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(job.name = "daily", run.id = 7, reason = "timeout", "run 7 failed");
        });
        let mut names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| std::fs::read_to_string(path).unwrap() != "old")
            .collect();
        assert_eq!(names.len(), 1, "{names:?}");
        let line = std::fs::read_to_string(names.remove(0)).unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&line["job.name"], &line["run.id"], &line["reason"]),
            (&"daily".into(), &7.into(), &"timeout".into())
        );
        assert_eq!((&line["level"], &line["message"]), (&"WARN".into(), &"run 7 failed".into()));
        assert!(std::fs::read_dir(folder.path()).unwrap().count() <= 4);
        let error = daily_files(std::path::Path::new("/proc/nowhere"), 3).unwrap_err().to_string();
        assert!(error.contains("log.folder"), "{error}");
    }
}
