//! `svodka serve`: the worker.

use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::clock::SystemClock;
use crate::outbound::Jitter;
use crate::settings::Settings;
use crate::telemetry;

/// Runs until SIGTERM or Ctrl-C, then drains.
pub async fn run() -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    settings.check_serve()?;
    telemetry::start_logging(&settings.log)?;
    let stop = CancellationToken::new();
    let app = App::start(Arc::new(settings), Arc::new(SystemClock), Jitter::from_os()).await?;
    tokio::spawn({
        let stop = stop.clone();
        async move {
            wait_for_signal().await;
            tracing::info!("told to stop: draining");
            stop.cancel();
        }
    });
    app.serve(stop).await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Returns at the first SIGTERM (what platforms send) or SIGINT (Ctrl-C).
pub(super) async fn wait_for_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
