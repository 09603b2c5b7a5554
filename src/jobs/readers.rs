//! Who reads a report: the chats of the configuration, and what chats chose themselves, as far as their role allows.

use crate::schedule::Job;
use crate::settings::Settings;
use crate::store::subscriptions::Subscription;
use crate::store::{Result, Store};

/// The job with the chats that read it now.
pub async fn with_readers(settings: &Settings, store: &Store, job: &Job) -> Result<Job> {
    let mut job = job.clone();
    if !job.report.has_messages() {
        return Ok(job);
    }
    let choices = store.list_subscriptions().await?;
    let chosen = choices.iter().filter(|choice| choice.job == job.name).map(|choice| choice.chat.clone());
    let mut chats: Vec<String> = job.chats.iter().cloned().chain(chosen).collect();
    let mut seen = std::collections::BTreeSet::new();
    chats.retain(|chat| seen.insert(chat.clone()) && is_reader(settings, &choices, chat, &job));
    job.chats = chats;
    Ok(job)
}

/// Whether a chat may choose a report. What the configuration sends it, it may.
pub fn may_read(settings: &Settings, chat: &str, job: &Job) -> bool {
    let by_role = settings.access.role_of(chat).is_some_and(|role| role.may_read(job.report));
    job.report.has_messages() && (by_role || job.chats.iter().any(|own| own == chat))
}

/// Whether a chat reads a report: as it chose, else as the configuration says.
pub fn is_reader(settings: &Settings, choices: &[Subscription], chat: &str, job: &Job) -> bool {
    let choice = choices.iter().find(|choice| choice.chat == chat && choice.job == job.name);
    match choice {
        Some(choice) => choice.is_on && may_read(settings, chat, job),
        None => job.chats.iter().any(|own| own == chat),
    }
}
