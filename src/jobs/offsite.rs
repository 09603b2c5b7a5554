//! Backups in an S3-compatible bucket: sent, fetched again and compared byte by byte, the oldest removed.
//!
//! Requests are signed for a quarter of an hour and go out by our own client. A file travels in one piece and through memory:
//! a database whose copy is larger than that wants the tools of its platform.

use std::path::Path;
use std::time::Duration;

use rusty_s3::actions::ListObjectsV2;
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use url::Url;

use super::backup::{made_at, surplus};
use crate::clock::Instant;
use crate::outbound::{self, ClientOptions};
use crate::settings::{BackupSettings, S3Settings};
use crate::store::backup::BackupError;

/// How long a signature holds.
const SIGNED_FOR: Duration = Duration::from_secs(900);
/// Of one request; a copy takes its time.
const TIMEOUT: Duration = Duration::from_secs(600);

/// A bucket for backups.
pub struct Offsite {
    client: reqwest::Client,
    bucket: Bucket,
    credentials: Credentials,
    prefix: String,
}

impl Offsite {
    /// # Errors
    /// When the address or the bucket's name cannot be used.
    pub fn new(settings: &S3Settings) -> Result<Self, BackupError> {
        let unfit = |why: String| BackupError::Unfit(format!("backup.s3: {why}"));
        let client = outbound::client(&ClientOptions { timeout: TIMEOUT, ..ClientOptions::default() })
            .map_err(|error| unfit(error.to_string()))?;
        let name = settings.bucket.clone();
        let bucket = Bucket::new(settings.endpoint.clone(), UrlStyle::Path, name, settings.region.clone())
            .map_err(|error| unfit(error.to_string()))?;
        let credentials =
            Credentials::new(settings.access_key.expose_secret(), settings.secret_key.expose_secret());
        Ok(Self { client, bucket, credentials, prefix: settings.prefix.clone() })
    }

    /// Sends the file, fetches it again and compares.
    ///
    /// # Errors
    /// [`BackupError::Offsite`] when the bucket does not answer or does not let us in; [`BackupError::Differs`] when what comes
    /// back is not what was sent.
    pub async fn keep(&self, file: &Path) -> Result<(), BackupError> {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let key = format!("{}{name}", self.prefix);
        let bytes = tokio::fs::read(file).await?;
        let sent: [u8; 32] = Sha256::digest(&bytes).into();
        let url = self.bucket.put_object(Some(&self.credentials), &key).sign(SIGNED_FOR);
        read("sent", self.client.put(url).body(bytes).send().await)?;
        let url = self.bucket.get_object(Some(&self.credentials), &key).sign(SIGNED_FOR);
        let mut answer = read("fetched again", self.client.get(url).send().await)?;
        let mut hash = Sha256::new();
        while let Some(chunk) =
            answer.chunk().await.map_err(|error| BackupError::Offsite(outbound::describe(&error)))?
        {
            hash.update(&chunk);
        }
        let fetched: [u8; 32] = hash.finalize().into();
        if fetched != sent {
            return Err(BackupError::Differs(
                "the bucket gives back other bytes than it was sent".to_owned(),
            ));
        }
        Ok(())
    }

    /// Removes backups the settings do not keep; how many. Files that are not ours are left alone.
    ///
    /// # Errors
    /// [`BackupError::Offsite`].
    pub async fn prune(&self, settings: &BackupSettings, now: Instant) -> Result<usize, BackupError> {
        let mut known = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut action = self.bucket.list_objects_v2(Some(&self.credentials));
            action.with_prefix(self.prefix.clone());
            if let Some(token) = next.take() {
                action.with_continuation_token(token);
            }
            let answer = read("listed", self.client.get(action.sign(SIGNED_FOR)).send().await)?;
            let text =
                answer.text().await.map_err(|error| BackupError::Offsite(outbound::describe(&error)))?;
            let list = ListObjectsV2::parse_response(&text)
                .map_err(|_| BackupError::Offsite("the list of the bucket cannot be read".to_owned()))?;
            for object in list.contents {
                let name = object.key.strip_prefix(&self.prefix).unwrap_or_default();
                known.extend(made_at(name).map(|at| (at, object.key.clone())));
            }
            next = list.next_continuation_token;
            if next.is_none() {
                break;
            }
        }
        let surplus = surplus(known, settings, now);
        for key in &surplus {
            let url: Url = self.bucket.delete_object(Some(&self.credentials), key).sign(SIGNED_FOR);
            read("removed", self.client.delete(url).send().await)?;
        }
        Ok(surplus.len())
    }
}

/// The answer, if it is a success. Neither the address (it is signed) nor the body is repeated.
fn read(what: &str, answer: reqwest::Result<reqwest::Response>) -> Result<reqwest::Response, BackupError> {
    match answer {
        Ok(answer) if answer.status().is_success() => Ok(answer),
        Ok(answer) => {
            Err(BackupError::Offsite(format!("it could not be {what}: HTTP {}", answer.status().as_u16())))
        }
        Err(error) => Err(BackupError::Offsite(outbound::describe(&error))),
    }
}
