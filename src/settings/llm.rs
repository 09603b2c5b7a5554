//! `[llm]`: where token usage is read from, and what tokens cost.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use chrono::NaiveDate;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use url::Url;

use super::validate::{Problems, non_empty, web_address};
use crate::measure::llm_cost::{Price, Prices, Rate};

/// A shorter token can be guessed.
const TOKEN_LEN: usize = 16;

/// Token usage.
#[derive(Debug, Clone)]
pub struct LlmSettings {
    /// A log file or a folder of them.
    pub path: Option<PathBuf>,
    /// No push without it.
    pub push_token: Option<SecretString>,
    pub keep_calls: Duration,
    pub langfuse: Option<LangfuseSettings>,
    pub prices: Prices,
}

/// A Langfuse project.
#[derive(Debug, Clone)]
pub struct LangfuseSettings {
    pub url: Url,
    pub public_key: String,
    pub secret_key: SecretString,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLlm {
    pub path: Option<PathBuf>,
    pub push_token: Option<SecretString>,
    #[serde(with = "humantime_serde")]
    pub keep_calls: Duration,
    pub langfuse: RawLangfuse,
    #[serde(default)]
    pub prices: BTreeMap<String, RawPrices>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLangfuse {
    pub url: Option<String>,
    pub public_key: Option<String>,
    pub secret_key: Option<SecretString>,
}

/// One price, or one per stretch of time.
#[derive(Debug)]
pub(super) struct RawPrices(Vec<RawPrice>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPrice {
    from_on: Option<NaiveDate>,
    billable: Option<Decimal>,
    prompt: Option<Decimal>,
    completion: Option<Decimal>,
    precached: Option<Decimal>,
    currency: Option<String>,
}

/// A number as written, for exact reading.
#[derive(Debug)]
struct Decimal(String);

pub(super) fn validate(raw: RawLlm, problems: &mut Problems) -> LlmSettings {
    let push_token = non_empty(raw.push_token);
    problems.require(
        push_token.as_ref().is_none_or(|token| token.expose_secret().len() >= TOKEN_LEN),
        "llm.push_token",
        "a token this short can be guessed; write 16 characters or more (openssl rand -hex 16)",
    );
    problems.require(
        raw.keep_calls >= Duration::from_secs(24 * 3600),
        "llm.keep_calls",
        "a repeat is known only while the call is kept; write 1day or more",
    );
    let mut prices = Prices::default();
    for (model, RawPrices(entries)) in raw.prices {
        let path = format!("llm.prices.{model}");
        let mut days: Vec<_> = entries.iter().map(|entry| entry.from_on).collect();
        days.sort();
        problems.require(
            days.windows(2).all(|pair| pair[0] != pair[1]),
            &path,
            "two prices begin on the same day; give each its own from_on",
        );
        let known = entries.into_iter().filter_map(|entry| price(&path, entry, problems)).collect();
        prices.set(&model, known);
    }
    LlmSettings {
        path: raw.path.filter(|path| !path.as_os_str().is_empty()),
        push_token,
        keep_calls: raw.keep_calls,
        langfuse: langfuse(raw.langfuse, problems),
        prices,
    }
}

fn langfuse(raw: RawLangfuse, problems: &mut Problems) -> Option<LangfuseSettings> {
    let text = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    match (text(raw.url), text(raw.public_key), non_empty(raw.secret_key)) {
        (None, None, None) => None,
        (Some(url), Some(public_key), Some(secret_key)) => {
            let url = web_address(&url, "llm.langfuse.url", problems)?;
            Some(LangfuseSettings { url, public_key, secret_key })
        }
        _ => {
            let sentence = "the address and both keys go together; set LANGFUSE_HOST, LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY";
            problems.require(false, "llm.langfuse", sentence);
            None
        }
    }
}

fn price(path: &str, raw: RawPrice, problems: &mut Problems) -> Option<Price> {
    let mut read = |key: &str, value: &Option<Decimal>| {
        value.as_ref().and_then(|Decimal(text)| problems.check(&format!("{path}.{key}"), micros(text)))
    };
    let (billable, prompt) = (read("billable", &raw.billable), read("prompt", &raw.prompt));
    let (completion, precached) = (read("completion", &raw.completion), read("precached", &raw.precached));
    let rate = match (&raw.billable, &raw.prompt, &raw.completion) {
        (Some(_), None, None) if raw.precached.is_none() => Rate::Billable(billable?),
        (None, Some(_), Some(_)) => {
            let prompt = prompt?;
            Rate::ByKind { prompt, completion: completion?, precached: precached.unwrap_or(prompt) }
        }
        _ => {
            problems.require(false, path, "write either `billable`, or `prompt` and `completion`");
            return None;
        }
    };
    let currency = raw.currency.unwrap_or_else(|| "RUB".to_owned()).to_uppercase();
    problems.require(
        currency.len() == 3 && currency.bytes().all(|sign| sign.is_ascii_uppercase()),
        &format!("{path}.currency"),
        "write the three letters of the currency, such as RUB",
    );
    Some(Price { from_on: raw.from_on, rate, currency })
}

/// A decimal number in millionths, exactly.
fn micros(text: &str) -> Result<u64, &'static str> {
    const FIX: &str = "write a price per million tokens such as 650 or \"0.15\", with at most six decimals";
    let text = text.trim().replace(',', ".");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let is_digits = |part: &str| part.bytes().all(|sign| sign.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) || fraction.len() > 6 {
        return Err(FIX);
    }
    let digits = format!("{whole}{fraction:0<6}");
    // Above this a price is a slip, and sums of it could leave their range.
    digits.parse().ok().filter(|micros| *micros <= 1_000_000_000_000_000).ok_or(FIX)
}

impl<'de> Deserialize<'de> for RawPrices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = RawPrices;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a price, or a list of prices")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawPrices, A::Error> {
                Ok(RawPrices(vec![RawPrice::deserialize(MapAccessDeserializer::new(map))?]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<RawPrices, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(list)).map(RawPrices)
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Decimal;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a price per million tokens such as 650 or \"0.15\"")
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Decimal, E> {
                Ok(Decimal(number.to_string()))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Decimal, E> {
                Ok(Decimal(number.to_string()))
            }
            // The shortest text of a number is the one that was written.
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Decimal, E> {
                Ok(Decimal(number.to_string()))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
                Ok(Decimal(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_read_exactly_or_refused() {
        for (text, expected) in [
            ("650", Some(650_000_000)),
            ("0.15", Some(150_000)),
            ("0,1", Some(100_000)),
            ("0.000001", Some(1)),
            ("0.0000001", None),
            ("-1", None),
            ("", None),
            (".5", None),
            ("1e9", None),
            ("9999999999999", None),
        ] {
            assert_eq!(micros(text).ok(), expected, "{text}");
        }
    }
}
