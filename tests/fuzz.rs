//! Each parser of data from outside is fed with damaged versions of what it knows: it may refuse, and nothing else.
//!
//! Seeds stand in `tests/data/fuzz`; they are changed by a seeded generator, so that a finding comes again. A short run is part
//! of every test; `SVODKA_FUZZ_SECS` makes it long, from another beginning each time.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use svodka::deliver::outcome::classify;
use svodka::deliver::telegram::Answer;
use svodka::schedule::Schedule;
use svodka::settings::Settings;

/// Inputs of a short run.
const SHORT: u64 = 1500;

/// What breaks parsers oftener than chance does.
const WORDS: [&str; 24] = [
    "null",
    "true",
    "-1",
    "0",
    "9223372036854775807",
    "-9223372036854775808",
    "1e308",
    "1e-400",
    "\"\"",
    "[]",
    "{}",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "\u{202e}",
    "é",
    "\n",
    "*/0",
    "99",
    "L",
    "#",
    "24:00-00:00",
    "\"",
    "0001-01-01T00:00:00Z",
];

struct Mutator(ChaCha8Rng);

impl Mutator {
    fn text(&mut self, seeds: &[String]) -> String {
        let random = &mut self.0;
        let mut chars: Vec<char> = seeds[random.random_range(0..seeds.len())].chars().collect();
        for _ in 0..random.random_range(1..6) {
            let at = random.random_range(0..=chars.len());
            let end = (at + random.random_range(0..12)).min(chars.len());
            match random.random_range(0..7) {
                0 => drop(chars.drain(at..end)),
                1 => {
                    let word = WORDS[random.random_range(0..WORDS.len())];
                    chars.splice(at..at, word.chars());
                }
                2 => {
                    let word = WORDS[random.random_range(0..WORDS.len())];
                    chars.splice(at..end, word.chars());
                }
                3 => {
                    let copy: Vec<char> = chars[at..end].to_vec();
                    let to = random.random_range(0..=chars.len());
                    chars.splice(to..to, copy);
                }
                4 => chars.truncate(at),
                5 if at < chars.len() => {
                    chars[at] = char::from_u32(random.random_range(0..0x2_0000)).unwrap_or('\u{fffd}');
                }
                _ => {
                    let other: Vec<char> = seeds[random.random_range(0..seeds.len())].chars().collect();
                    let from = random.random_range(0..=other.len());
                    chars.truncate(at);
                    chars.extend(&other[from..]);
                }
            }
        }
        chars.into_iter().collect()
    }
}

/// The seeds in a folder, whole files or their lines.
fn seeds(name: &str, by_line: bool) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fuzz").join(name);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let texts: Vec<String> = paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    assert!(!texts.is_empty());
    match by_line {
        true => texts.iter().flat_map(|text| text.lines().map(str::to_owned)).collect(),
        false => texts,
    }
}

/// Feeds `parse` with the seeds themselves and with damaged ones. `parse` says whether it understood; some of both must
/// come, or the fuzzer tests nothing. A panic names the input.
#[expect(clippy::disallowed_methods, reason = "a long run begins elsewhere each time and says where")]
fn fuzz(name: &str, seeds: &[String], share: u64, mut parse: impl FnMut(&str) -> bool) {
    let secs: Option<u64> = std::env::var("SVODKA_FUZZ_SECS").ok().and_then(|secs| secs.parse().ok());
    let seed: u64 = if secs.is_some() { rand::random() } else { 7 };
    let mut mutator = Mutator(ChaCha8Rng::seed_from_u64(seed));
    let begun = Instant::now();
    let (mut understood, mut tried) = (0_u64, 0_u64);
    for text in seeds {
        understood += u64::from(parse(text));
    }
    assert!(understood > 0, "{name}: no seed is understood");
    while secs.map_or(tried < SHORT / share, |secs| begun.elapsed() < Duration::from_secs(secs)) {
        let text = mutator.text(seeds);
        tried += 1;
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| parse(&text))) {
            Ok(is_understood) => understood += u64::from(is_understood),
            Err(panic) => {
                eprintln!("{name}: seed {seed}, input {tried}: keep it in tests/data/fuzz/{name}: {text:?}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(understood < tried + seeds.len() as u64, "{name}: nothing was refused");
    eprintln!("{name}: {tried} inputs, {understood} understood, begun from {seed}");
}

#[test]
fn an_answer_of_the_bot_api_is_read_however_damaged() {
    let seeds = seeds("bot_api", false);
    let mut statuses = [200, 400, 403, 429, 500, 502].into_iter().cycle();
    fuzz("bot_api", &seeds, 1, |text| {
        let status = statuses.next().unwrap_or(200);
        let answer = Answer::read(status, text);
        assert!(answer.message_id.is_none_or(|id| id > 0), "{answer:?}");
        let _ = classify(&Ok(answer.clone()));
        answer.ok.is_some()
    });
}

#[test]
fn a_damaged_cron_line_is_refused_or_has_a_next_slot_after_now() {
    let now: svodka::clock::Instant = "2026-03-28T23:30:00Z".parse().unwrap();
    fuzz("cron", &seeds("cron", true), 5, |line| match Schedule::parse(line, chrono_tz::Europe::Berlin) {
        Ok(schedule) => {
            assert!(schedule.next_after(now).is_none_or(|next| next > now), "{line}");
            true
        }
        Err(problem) => {
            assert!(!problem.is_empty());
            false
        }
    });
}

#[test]
fn a_damaged_configuration_is_refused_with_words_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("svodka.toml");
    let environment = [("SVODKA_CONFIG".to_owned(), path.display().to_string())].into();
    fuzz("config", &seeds("config", false), 5, |text| {
        fs::write(&path, text).unwrap();
        match Settings::from_environment(&environment) {
            Ok(_) => true,
            Err(error) => {
                assert!(
                    !error.problems.is_empty() && error.problems.iter().all(|problem| !problem.is_empty())
                );
                false
            }
        }
    });
}

#[test]
fn a_damaged_line_of_a_conversation_is_refused_or_labelled() {
    let lexicon = svodka::text::lexicon::Lexicon::shipped();
    fuzz("conversations", &seeds("conversations", true), 1, |line| {
        let Ok(conversation) = svodka::text::corpus::read_line(1, line) else { return false };
        for message in &conversation.messages {
            let _ = svodka::text::mask(&message.text, lexicon);
        }
        true
    });
}

#[test]
fn a_damaged_line_of_token_usage_is_used_or_left() {
    use svodka::collect::llm_usage::record::{Line, parse_line};
    let now = "2026-08-20T09:00:00Z".parse().unwrap();
    fuzz("llm_usage", &seeds("llm_usage", true), 1, |line| {
        matches!(parse_line(line.as_bytes(), "key", now), Line::Usage(_))
    });
}

/// The CRM's stand-in behind somebody who damages its answers.
#[cfg(feature = "sandbox")]
mod crm {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use axum::Router;
    use axum::body::Bytes;
    use axum::extract::State;
    use axum::http::{HeaderMap, StatusCode, Uri};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use svodka::clock::{Clock, ManualClock};
    use svodka::collect::Sink;
    use svodka::collect::retailcrm::{RetailCrm as Client, RetailCrmConfig, SyncMode};
    use svodka::facts::{FactBatch, SourceState, SourceStep};
    use svodka::outbound::{ClientOptions, Jitter};
    use svodka::sandbox::retailcrm::{RateLimit, RetailCrm, RetailCrmOptions};
    use svodka::sandbox::shop::{ShopOptions, tea_shop};

    use super::Mutator;
    use crate::support::worker::{at, drive};

    #[derive(Clone)]
    struct Spoiler {
        target: String,
        client: reqwest::Client,
        mutator: Arc<Mutex<Mutator>>,
        spoiled: Arc<Mutex<u64>>,
    }

    async fn pass(State(spoiler): State<Spoiler>, uri: Uri, headers: HeaderMap) -> (StatusCode, Bytes) {
        let mut request = spoiler.client.get(format!("{}{uri}", spoiler.target));
        for name in ["x-api-key", "x-bot-token"] {
            if let Some(value) = headers.get(name) {
                request = request.header(name, value);
            }
        }
        let answer = request.send().await.unwrap();
        let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
        let body = answer.text().await.unwrap();
        let mut mutator = spoiler.mutator.lock().unwrap();
        if mutator.0.random_range(0..3) > 0 {
            return (status, body.into());
        }
        *spoiler.spoiled.lock().unwrap() += 1;
        (status, mutator.text(&[body]).into())
    }

    /// Keeps how far it was read, so that a round ends.
    #[derive(Default)]
    struct Kept(Mutex<BTreeMap<String, SourceState>>);

    #[async_trait::async_trait]
    impl Sink for Kept {
        async fn state(&self, source: &str) -> anyhow::Result<SourceState> {
            Ok(self.0.lock().unwrap().get(source).cloned().unwrap_or_default())
        }

        async fn save(&self, _: FactBatch, step: SourceStep) -> anyhow::Result<()> {
            let mut states = self.0.lock().unwrap();
            let state = states.entry(step.source).or_default();
            state.cursor = step.cursor.or(state.cursor.take());
            state.coverage = step.coverage.or(state.coverage);
            Ok(())
        }

        async fn customers_without_link(&self, _: i64, _: i64) -> anyhow::Result<Vec<i64>> {
            Ok(Vec::new())
        }

        fn progress(&self, _: &str, _: u64, _: Option<u64>) {}
    }

    async fn spoil(target: String, seed: u64) -> (String, Arc<Mutex<u64>>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = svodka::outbound::client(&ClientOptions::default()).unwrap();
        let spoiled = Arc::new(Mutex::new(0));
        let mutator = Arc::new(Mutex::new(Mutator(ChaCha8Rng::seed_from_u64(seed))));
        let spoiler = Spoiler { target, client, mutator, spoiled: spoiled.clone() };
        let router = Router::new().fallback(pass).with_state(spoiler);
        tokio::spawn(async move { axum::serve(listener, router).await });
        (url, spoiled)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_crm_is_read_or_not_however_damaged_its_answers_are() {
        let clock = ManualClock::new(at("2026-08-20T05:59:50Z"));
        let shop = ShopOptions { days: 5, chats_per_day: 3.0, ..ShopOptions::demo(clock.now()) };
        let options = RetailCrmOptions { rate_limit: RateLimit::off(), ..RetailCrmOptions::default() };
        let crm = RetailCrm::start(tea_shop(&shop), Arc::new(clock.clone()), options).await.unwrap();
        let secs: Option<u64> = std::env::var("SVODKA_FUZZ_SECS").ok().and_then(|secs| secs.parse().ok());
        let begun = std::time::Instant::now();
        let (mut round, mut total) = (0, 0);
        while secs.map_or(round < 6, |secs| begun.elapsed() < Duration::from_secs(secs)) {
            round += 1;
            let (crm_url, of_crm) = spoil(crm.crm_url(), round).await;
            let (bot_url, of_bot) = spoil(crm.bot_url(), round + 1_000_000).await;
            let config = RetailCrmConfig {
                bot_url: Some(bot_url.parse().unwrap()),
                bot_token: Some(crm.bot_token().into()),
                first_load_days: 5,
                max_attempts: 2,
                ..RetailCrmConfig::new(crm_url.parse().unwrap(), crm.api_key().into())
            };
            let client = Client::new(config, Arc::new(clock.clone()), Jitter::seeded(round)).unwrap();
            let sink = Kept::default();
            // Refusing is right, so is reading what is whole: only a panic or an endless round is not.
            let _ = drive(&clock, client.sync_people(&sink)).await;
            let _ = drive(&clock, client.sync_chats(&sink, SyncMode::Increment)).await;
            let _ = drive(&clock, client.sync_orders(&sink, SyncMode::Increment)).await;
            let _ = drive(&clock, client.probe()).await;
            total += *of_crm.lock().unwrap() + *of_bot.lock().unwrap();
        }
        assert!(total > 10, "only {total} answers were damaged");
        eprintln!("crm: {total} damaged answers in {round} rounds");
    }
}
