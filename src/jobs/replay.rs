//! A past digest once more, from the snapshot its run left behind.
//!
//! Nothing is computed again: the same digest through the same templates gives the same bytes that were enqueued, as long
//! as neither the templates nor `retailcrm.chat_link` changed in between.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::diff::changes;
use super::{behaviour, bot, corrections, daily, quality, receipt, weekly};
use crate::render::Part;
use crate::schedule::runner::JobError;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::runs::StoredDigest;

/// The messages of a run's digest, a correction's included.
///
/// # Errors
/// As [`messages`], or the store's.
pub async fn of_stored(
    store: &Store,
    stored: &StoredDigest,
    settings: &Settings,
) -> Result<Vec<Part>, JobError> {
    match corrections::replay(store, stored, settings).await? {
        Some(parts) => Ok(parts),
        None => messages(stored, settings),
    }
}

/// The messages of a stored digest.
///
/// # Errors
/// `snapshot_version` when another version of the program wrote it and this one would lose or misread a part of it.
pub fn messages(stored: &StoredDigest, settings: &Settings) -> Result<Vec<Part>, JobError> {
    match stored.report.as_str() {
        "daily" => daily::messages(&read(stored)?, settings),
        "weekly" | "monthly" => weekly::messages(&read(stored)?, settings),
        "quality" => quality::messages_of(&read(stored)?),
        "behaviour" => behaviour::messages(&read(stored)?, settings),
        "receipt" => receipt::messages(&read(stored)?),
        "bot_daily" | "bot_weekly" | "bot_monthly" => bot::messages(&read(stored)?),
        other => Err(another_version(&format!("this version knows no report `{other}`"))),
    }
}

/// The digest of a snapshot, whole.
pub(super) fn read<D: Serialize + DeserializeOwned>(stored: &StoredDigest) -> Result<D, JobError> {
    let digest: D =
        serde_json::from_value(stored.body.clone()).map_err(|error| another_version(&error.to_string()))?;
    // A field that we drop, or read as something else, would silently change the text.
    let again = serde_json::to_value(&digest).map_err(|error| another_version(&error.to_string()))?;
    match changes(&stored.body, &again).into_iter().find(|change| change.old.is_some()) {
        Some(lost) => Err(another_version(&format!("this version does not know its field `{}`", lost.path))),
        None => Ok(digest),
    }
}

pub(super) fn another_version(why: &str) -> JobError {
    JobError {
        reason: "snapshot_version",
        note: format!(
            "the stored digest was made by another version of svodka ({why}); replay it with that version"
        ),
        is_permanent: true,
    }
}
