//! One line of a log into one call of a model, or into the reason why not.

use chrono::{DateTime, NaiveDateTime, TimeDelta};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::clock::{Instant, to_micros};
use crate::facts::llm::LlmUsage;

/// The word by which a record says what it is.
const WORD: &str = "llm_usage";
/// Longer names of models and users are cut: they are labels, not texts.
const LABEL_CAP: usize = 120;
/// No call has more tokens; a bigger number is a mistake and would spoil the sums.
const TOKENS_CAP: u64 = 1_000_000_000;
/// A clock that is this far ahead of ours is wrong.
const AHEAD: TimeDelta = TimeDelta::hours(24);
/// Nothing was logged before 2015; an earlier time is a mistake of units.
const EARLIEST_SECS: i64 = 1_420_070_400;

/// What a line turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    Usage(LlmUsage),
    /// Another record, or no record at all: the log is not ours alone.
    Other,
    /// Says that it is `llm_usage` and cannot be used: `bad_time`, `no_tokens`.
    Unusable(&'static str),
}

/// Reads a line. `key` becomes the record's key, unless the record names itself by an id.
///
/// Only records whose `type`, `event`, `message`, `msg` or `name` is `llm_usage` count. Tokens may lie in `usage`, names
/// may end in `_tokens`; a time without a zone is UTC, a number is seconds, milliseconds or microseconds by its size.
pub fn parse_line(line: &[u8], key: &str, now: Instant) -> Line {
    let line = line.trim_ascii();
    // Most lines of a shared log are not ours: found out without parsing them.
    if line.first() != Some(&b'{') || !line.windows(WORD.len()).any(|window| window == WORD.as_bytes()) {
        return Line::Other;
    }
    match serde_json::from_slice(line) {
        Ok(Value::Object(record)) => parse_record(&record, key, now),
        _ => Line::Other,
    }
}

/// As [`parse_line`], of a record already decoded.
pub(super) fn parse_record(record: &Map<String, Value>, key: &str, now: Instant) -> Line {
    let says = |name: &str| record.get(name).and_then(Value::as_str).map(str::trim) == Some(WORD);
    if !["type", "event", "event_type", "message", "msg", "name"].iter().any(|name| says(name)) {
        return Line::Other;
    }
    let fields = Fields(record);
    let now_or_before = |at: &Instant| at.timestamp() >= EARLIEST_SECS && *at <= now + AHEAD;
    let Some(used_at) = fields.time().filter(now_or_before) else { return Line::Unusable("bad_time") };
    let prompt = fields.tokens(&["prompt_tokens", "prompt", "input_tokens", "input"]);
    let completion = fields.tokens(&["completion_tokens", "completion", "output_tokens", "output"]);
    let precached = fields
        .tokens(&["precached_prompt_tokens", "precached_tokens", "precached", "cached_tokens"])
        .unwrap_or(0);
    let billable = fields.tokens(&["billable_tokens", "billable"]);
    if prompt.is_none() && completion.is_none() && billable.is_none() {
        return Line::Unusable("no_tokens");
    }
    let (prompt, completion) = (prompt.unwrap_or(0), completion.unwrap_or(0));
    let mut usage = LlmUsage {
        key: key.to_owned(),
        used_at,
        user: fields.label(&["user_id", "user", "telegram_id"]),
        model: fields.label(&["model", "model_name"]).unwrap_or_else(|| "unknown".to_owned()),
        prompt_tokens: prompt,
        completion_tokens: completion,
        precached_tokens: precached,
        billable_tokens: billable.unwrap_or_else(|| (prompt + completion).saturating_sub(precached)),
        duration_ms: fields.tokens(&["ms", "duration_ms", "latency_ms"]),
    };
    if let Some(id) = fields.label(&["id", "call_id", "request_id"]) {
        usage.key = key_by_id(&id, &usage);
    }
    Line::Usage(usage)
}

/// An id alone may stand for a request of several calls, so what the call was is part of its name.
fn key_by_id(id: &str, usage: &LlmUsage) -> String {
    let call = (
        &usage.model,
        usage.used_at.timestamp_micros(),
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.billable_tokens,
    );
    hex(&Sha256::digest(format!("{id}\n{call:?}")))
}

/// Sixteen bytes of a digest in hexadecimal: enough to tell records apart for ever.
pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// A record with lenient names.
struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn find(&self, names: &[&str]) -> Option<&Value> {
        let inner = ["usage", "fields", "extra", "data"].map(|name| self.0.get(name)?.as_object());
        let objects = || std::iter::once(self.0).chain(inner.iter().flatten().copied());
        names
            .iter()
            .find_map(|name| objects().find_map(|object| object.get(*name).filter(|value| !value.is_null())))
    }

    /// A count, also as text or as a number with a fraction of zero; nonsense is as good as absent.
    fn tokens(&self, names: &[&str]) -> Option<u64> {
        let value = self.find(names)?;
        let count = match value {
            Value::Number(number) => number.as_u64().or_else(|| {
                number
                    .as_f64()
                    .filter(|count| *count >= 0.0 && count.fract() == 0.0)
                    .map(|count| count as u64)
            }),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        count.filter(|count| *count <= TOKENS_CAP)
    }

    fn label(&self, names: &[&str]) -> Option<String> {
        let text = match self.find(names)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        let label: String = text.chars().filter(|sign| !sign.is_control()).take(LABEL_CAP).collect();
        Some(label).filter(|label| !label.is_empty())
    }

    fn time(&self) -> Option<Instant> {
        let value = self.find(&["timestamp", "ts", "time", "created_at", "at", "@timestamp"])?;
        let at = match value {
            Value::Number(number) => unix_time(number.as_f64()?),
            Value::String(text) => {
                let text = text.trim();
                let zoned = DateTime::parse_from_rfc3339(text)
                    .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z"));
                match zoned {
                    Ok(at) => Some(at.to_utc()),
                    Err(_) => naive_time(text).or_else(|| unix_time(text.parse().ok()?)),
                }
            }
            _ => None,
        };
        at.map(to_micros)
    }
}

/// Without a zone: UTC. A comma before the fraction is Python's habit.
fn naive_time(text: &str) -> Option<Instant> {
    let text = text.replace(',', ".").replacen(' ', "T", 1);
    NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f").ok().map(|at| at.and_utc())
}

/// Seconds until the year 5138, else milliseconds, else microseconds.
fn unix_time(number: f64) -> Option<Instant> {
    let micros = match number.abs() {
        seconds if seconds < 1e11 => number * 1e6,
        millis if millis < 1e14 => number * 1e3,
        _ => number,
    };
    Instant::from_timestamp_micros(micros as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        "2026-08-20T12:00:00Z".parse().unwrap()
    }

    fn usage(line: &str) -> LlmUsage {
        match parse_line(line.as_bytes(), "k", now()) {
            Line::Usage(usage) => usage,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_same_call_is_understood_under_every_usual_name() {
        let expected = LlmUsage {
            key: "k".to_owned(),
            used_at: "2026-08-20T09:00:00.5Z".parse().unwrap(),
            user: Some("77".to_owned()),
            model: "GigaChat-2-Pro".to_owned(),
            prompt_tokens: 100,
            completion_tokens: 20,
            precached_tokens: 30,
            billable_tokens: 90,
            duration_ms: Some(840),
        };
        for line in [
            r#"{"type":"llm_usage","timestamp":"2026-08-20T09:00:00.5Z","user_id":77,"model":"GigaChat-2-Pro","prompt_tokens":100,"completion_tokens":20,"precached_tokens":30,"billable_tokens":90,"ms":840}"#,
            r#"{"event":"llm_usage","ts":1787216400.5,"user":"77","model":"GigaChat-2-Pro","prompt":100,"completion":20,"precached":30,"billable":90,"ms":840}"#,
            r#"  {"message":"llm_usage","time":"2026-08-20 09:00:00,500","user":"77","model":"GigaChat-2-Pro","usage":{"prompt_tokens":"100","completion_tokens":20.0,"precached_prompt_tokens":30},"duration_ms":840}"#,
            r#"{"msg":"llm_usage","ts":1787216400500,"extra":{"user_id":77,"model":"GigaChat-2-Pro","prompt":100,"completion":20,"precached":30,"latency_ms":840}}"#,
            r#"{"name":"llm_usage","time":"2026-08-20T12:00:00.5+03:00","user":77,"model":"GigaChat-2-Pro","input_tokens":100,"output_tokens":20,"cached_tokens":30,"ms":840}"#,
        ] {
            assert_eq!(usage(line), expected, "{line}");
        }
    }

    #[test]
    fn other_records_are_left_alone_and_unusable_ones_say_why() {
        for (line, expected) in [
            ("", Line::Other),
            ("INFO started llm_usage", Line::Other),
            (r#"{"message":"webhook","ts":1}"#, Line::Other),
            (r#"{"message":"no llm_usage yet","ts":1787216400}"#, Line::Other),
            (r#"{"type":"llm_usage","ts":"#, Line::Other),
            (r#"{"type":"llm_usage","prompt":5}"#, Line::Unusable("bad_time")),
            (r#"{"type":"llm_usage","ts":"soon","prompt":5}"#, Line::Unusable("bad_time")),
            (r#"{"type":"llm_usage","ts":"2027-08-20T09:00:00Z","prompt":5}"#, Line::Unusable("bad_time")),
            (r#"{"type":"llm_usage","ts":12,"prompt":5}"#, Line::Unusable("bad_time")),
            (r#"{"type":"llm_usage","ts":1787216400}"#, Line::Unusable("no_tokens")),
            (r#"{"type":"llm_usage","ts":1787216400,"prompt":-5}"#, Line::Unusable("no_tokens")),
        ] {
            assert_eq!(parse_line(line.as_bytes(), "k", now()), expected, "{line}");
        }
    }

    #[test]
    fn an_id_names_a_record_wherever_it_stands_and_two_calls_of_one_request_stay_two() {
        let line = |id: &str, prompt: u32| {
            let line =
                format!(r#"{{"type":"llm_usage","ts":1787216400,"prompt":{prompt},"request_id":"{id}"}}"#);
            usage(&line).key
        };
        assert_eq!(line("a", 5), line("a", 5));
        assert_ne!(line("a", 5), line("a", 6));
        assert_ne!(line("a", 5), line("b", 5));
    }
}
