//! A bucket for backups.

use secrecy::SecretString;

use super::S3Settings;
use super::raw::RawS3;
use super::validate::{Problems, non_empty, web_address};

/// The bucket, when its name is set; then everything else is needed as well.
pub(super) fn bucket(raw: RawS3, problems: &mut Problems) -> Option<S3Settings> {
    let bucket = raw.bucket.filter(|name| !name.is_empty())?;
    let endpoint = raw.endpoint.filter(|address| !address.is_empty());
    problems.require(
        endpoint.is_some(),
        "backup.s3.endpoint",
        "a bucket has an address; write it as https://storage.example.org",
    );
    let endpoint = endpoint.and_then(|text| web_address(&text, "backup.s3.endpoint", problems));
    let mut key = |key: Option<SecretString>, name: &str| {
        let key = non_empty(key);
        let sentence = format!("the bucket has a key; set SVODKA__BACKUP__S3__{}", name.to_uppercase());
        problems.require(key.is_some(), &format!("backup.s3.{name}"), &sentence);
        key
    };
    let access_key = key(raw.access_key, "access_key");
    let secret_key = key(raw.secret_key, "secret_key");
    Some(S3Settings {
        endpoint: endpoint?,
        bucket,
        region: raw.region,
        access_key: access_key?,
        secret_key: secret_key?,
        prefix: raw.prefix,
    })
}
