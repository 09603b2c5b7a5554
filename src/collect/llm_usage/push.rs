//! The body of a push: JSON lines, or one JSON array.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::UsageBatch;
use super::record::{Line, hex, parse_line};
use crate::clock::Instant;

/// Reads a body. Returns the batch and how many lines were other records.
///
/// Equal lines of one body are different calls; a body sent again has the same keys.
pub fn parse_push(body: &[u8], now: Instant) -> (UsageBatch, u64) {
    let mut batch = UsageBatch::default();
    let (mut other_count, mut seen) = (0, BTreeMap::<[u8; 32], u32>::new());
    for line in lines(body) {
        let digest: [u8; 32] = Sha256::digest(&line).into();
        let place = seen.entry(digest).or_default();
        *place += 1;
        let key = hex(&Sha256::new()
            .chain_update("push")
            .chain_update(digest)
            .chain_update(place.to_be_bytes())
            .finalize());
        match parse_line(&line, &key, now) {
            Line::Usage(usage) => batch.records.push(usage),
            Line::Other => other_count += 1,
            Line::Unusable(reason) => batch.drop_one(reason),
        }
    }
    (batch, other_count)
}

fn lines(body: &[u8]) -> Vec<Vec<u8>> {
    if body.trim_ascii().first() == Some(&b'[')
        && let Ok(records) = serde_json::from_slice::<Vec<Value>>(body)
    {
        return records.iter().map(|record| record.to_string().into_bytes()).collect();
    }
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lines_of_a_body_are_two_calls_and_the_body_sent_again_has_the_same_keys() {
        let now = "2026-08-20T12:00:00Z".parse().unwrap();
        let line = r#"{"type":"llm_usage","ts":1787216400,"prompt":5}"#;
        let body = format!("{line}\n\n{line}\n{{\"type\":\"other\"}}\n{{\"type\":\"llm_usage\"}}");
        let (batch, other_count) = parse_push(body.as_bytes(), now);
        assert_eq!((batch.records.len(), other_count), (2, 1));
        assert_eq!(batch.dropped, BTreeMap::from([("bad_time".to_owned(), 1)]));
        assert_ne!(batch.records[0].key, batch.records[1].key);
        assert_eq!(parse_push(body.as_bytes(), now).0, batch);
        let array = parse_push(format!("[{line},{line}]").as_bytes(), now);
        assert_eq!((array.0.records.len(), array.1), (2, 0));
    }
}
