//! Backups in a bucket: what is sent is what comes back, the oldest go, and no key is said.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use flate2::bufread::GzDecoder;
use svodka::jobs::backup::write;
use svodka::jobs::offsite::Offsite;
use svodka::settings::{BackupSettings, S3Settings};
use svodka::store::backup::{BackupError, check};

use crate::support::stores::for_each_store;
use crate::support::worker::at;

/// A bucket in memory that wants every request signed.
#[derive(Clone, Default)]
struct Bucket {
    objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    /// Spoils what it is given.
    is_leaky: Arc<Mutex<bool>>,
}

impl Bucket {
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/copies", axum::routing::any(list))
            .route("/copies/", axum::routing::any(list))
            .route("/copies/{*key}", axum::routing::any(object))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn names(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }
}

/// Signed by our key, for this region, and with a signature of the right shape.
fn is_signed(query: &BTreeMap<String, String>) -> bool {
    let is_ours = query
        .get("X-Amz-Credential")
        .is_some_and(|whose| whose.starts_with("our-key/") && whose.ends_with("/nowhere-1/s3/aws4_request"));
    let signature = query.get("X-Amz-Signature");
    is_ours && signature.is_some_and(|hex| hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit()))
}

async fn list(
    State(bucket): State<Bucket>,
    Query(query): Query<BTreeMap<String, String>>,
) -> (StatusCode, String) {
    if !is_signed(&query) {
        return (StatusCode::FORBIDDEN, String::new());
    }
    let prefix = query.get("prefix").cloned().unwrap_or_default();
    let after = query.get("continuation-token").cloned().unwrap_or_default();
    let names: Vec<String> =
        bucket.names().into_iter().filter(|name| name.starts_with(&prefix) && *name > after).collect();
    // Two at a time, so that a list has to be read on.
    let page: Vec<String> = names.iter().take(2).cloned().collect();
    let objects: String = page
        .iter()
        .map(|name| {
            format!(
                "<Contents><Key>{name}</Key><LastModified>2026-08-20T00:00:00.000Z</LastModified><ETag>\"0\"</ETag>\
                 <Size>1</Size><StorageClass>STANDARD</StorageClass></Contents>"
            )
        })
        .collect();
    let next = match names.len() > page.len() {
        true => format!(
            "<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>",
            page[1]
        ),
        false => "<IsTruncated>false</IsTruncated>".to_owned(),
    };
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Name>copies</Name><MaxKeys>2</MaxKeys>{next}{objects}</ListBucketResult>"
    );
    (StatusCode::OK, text)
}

async fn object(
    State(bucket): State<Bucket>,
    method: Method,
    Path(key): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    body: Bytes,
) -> (StatusCode, Vec<u8>) {
    if !is_signed(&query) {
        return (StatusCode::FORBIDDEN, Vec::new());
    }
    let mut objects = bucket.objects.lock().unwrap();
    match method.as_str() {
        "PUT" => {
            let mut bytes = body.to_vec();
            if *bucket.is_leaky.lock().unwrap() {
                bytes.pop();
            }
            objects.insert(key, bytes);
            (StatusCode::OK, Vec::new())
        }
        "GET" => match objects.get(&key) {
            Some(bytes) => (StatusCode::OK, bytes.clone()),
            None => (StatusCode::NOT_FOUND, Vec::new()),
        },
        "DELETE" => {
            objects.remove(&key);
            (StatusCode::NO_CONTENT, Vec::new())
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, Vec::new()),
    }
}

fn settings(url: &str, key: &str) -> S3Settings {
    S3Settings {
        endpoint: url.parse().unwrap(),
        bucket: "copies".to_owned(),
        region: "nowhere-1".to_owned(),
        access_key: key.to_owned().into(),
        secret_key: "our-secret-key".to_owned().into(),
        prefix: "shop/".to_owned(),
    }
}

#[tokio::test]
async fn a_copy_in_the_bucket_is_the_one_that_was_made_and_can_be_read_back() {
    for_each_store(async |given| {
        let bucket = Bucket::default();
        let offsite = Offsite::new(&settings(&bucket.start().await, "our-key")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let made = write(given.url(), folder.path(), at("2026-08-20T23:30:00Z")).await.unwrap();
        offsite.keep(&made.path).await.unwrap();
        assert_eq!(bucket.names(), ["shop/svodka-20260820t233000z.jsonl.gz"]);
        let bytes = bucket.objects.lock().unwrap().values().next().unwrap().clone();
        let mut input = std::io::BufReader::new(GzDecoder::new(bytes.as_slice()));
        assert_eq!(check(given.url(), &mut input).await.unwrap(), made.summary);

        *bucket.is_leaky.lock().unwrap() = true;
        let error = offsite.keep(&made.path).await.unwrap_err();
        assert!(matches!(error, BackupError::Differs(_)), "{error}");
    })
    .await;
}

#[tokio::test]
async fn old_copies_go_from_the_bucket_and_what_is_not_ours_stays() {
    let bucket = Bucket::default();
    let offsite = Offsite::new(&settings(&bucket.start().await, "our-key")).unwrap();
    {
        let mut objects = bucket.objects.lock().unwrap();
        for day in 10..16 {
            objects.insert(format!("shop/svodka-202608{day}t023000z.jsonl.gz"), vec![1]);
        }
        objects.insert("shop/somebody's-own.txt".replace('\'', ""), vec![1]);
        objects.insert("other/svodka-20260101t023000z.jsonl.gz".to_owned(), vec![1]);
    }
    let keep = BackupSettings {
        folder: None,
        keep_count: 1,
        keep_for: std::time::Duration::from_secs(2 * 86_400),
        s3: None,
    };
    let now = at("2026-08-15T03:00:00Z");
    assert_eq!(offsite.prune(&keep, now).await.unwrap(), 4);
    let names = bucket.names();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.contains(&"other/svodka-20260101t023000z.jsonl.gz".to_owned()), "{names:?}");
    assert!(names.contains(&"shop/somebodys-own.txt".to_owned()), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("20260812")), "{names:?}");
    assert_eq!(offsite.prune(&keep, now + TimeDelta::hours(1)).await.unwrap(), 0);
}

#[tokio::test]
async fn a_bucket_that_refuses_or_is_away_is_told_without_keys_and_addresses() {
    let bucket = Bucket::default();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("svodka-20260820t233000z.jsonl.gz");
    std::fs::write(&file, "copy").unwrap();
    let url = bucket.start().await;
    for settings in [settings(&url, "another-key"), settings("http://127.0.0.1:1", "our-key")] {
        let error = Offsite::new(&settings).unwrap().keep(&file).await.unwrap_err();
        assert_eq!(error.reason(), "backup_offsite");
        let text = format!("{error} {error:?}");
        for secret in ["our-secret-key", "another-key", "X-Amz", "http://"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    assert!(bucket.names().is_empty());
}
