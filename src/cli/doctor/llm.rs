//! Whether the sources of token usage can be read. Nothing is said of those that are not configured.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::clock::{Clock, SystemClock};
use crate::collect::llm_usage::cursor::Cursor;
use crate::collect::llm_usage::files::Round;
use crate::collect::llm_usage::langfuse::{Langfuse, LangfuseConfig};
use crate::settings::llm::{LangfuseSettings, LlmSettings};

/// What was seen at each source, or what to fix.
pub(super) async fn check(settings: &LlmSettings) -> Vec<(&'static str, Result<String, String>)> {
    let mut findings = Vec::new();
    if let Some(path) = &settings.path {
        findings.push(("token usage: logs", logs(path.clone()).await));
    }
    if settings.push_token.is_some() {
        let says = "POST /v1/llm-usage takes calls from whoever knows the token";
        findings.push(("token usage: push", Ok(says.to_owned())));
    }
    if let Some(project) = &settings.langfuse {
        findings.push(("token usage: langfuse", langfuse(project).await));
    }
    if !findings.is_empty() && settings.prices.is_empty() {
        let says = "none is set in [llm.prices]: digests tell tokens, but not what they cost";
        findings.push(("token prices", Ok(says.to_owned())));
    }
    findings
}

async fn logs(path: PathBuf) -> Result<String, String> {
    let now = SystemClock.now();
    let shown = path.display().to_string();
    // Listing also opens each file, which tells whether it may be read.
    let planned = tokio::task::spawn_blocking(move || Round::plan(&path, Cursor::default(), now, now)).await;
    let round = planned.map_err(|error| error.to_string())?.map_err(|error| error.message)?;
    match round.cursor().files.len() {
        0 => Err(format!("there is no log in {shown} yet; check llm.path (LLM_LOG_PATH)")),
        1 => Ok(format!("{shown} can be read, one file")),
        count => Ok(format!("{shown} can be read, {count} files")),
    }
}

async fn langfuse(project: &LangfuseSettings) -> Result<String, String> {
    let config = LangfuseConfig {
        url: project.url.clone(),
        public_key: project.public_key.clone(),
        secret_key: project.secret_key.clone(),
    };
    let reader = Langfuse::new(config, Arc::new(SystemClock)).map_err(|error| error.to_string())?;
    let today = SystemClock.now().date_naive();
    let days = reader.daily(today - TimeDelta::days(1), today + TimeDelta::days(1)).await;
    days.map(|_| "answers and takes the keys".to_owned()).map_err(|error| error.message)
}
