//! From the configuration to the figures.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use svodka::app::App;
use svodka::clock::{Instant, ManualClock};
use svodka::jobs::llm::{forget, refresh};
use svodka::measure::llm_cost::llm_costs;
use svodka::outbound::Jitter;
use svodka::schedule::runner::JobContext;
use svodka::settings::Settings;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

fn now() -> Instant {
    "2026-08-20T12:00:00Z".parse().unwrap()
}

fn on(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 8, day).unwrap()
}

fn settings(folder: &Path, more: &[(&str, &str)]) -> Result<Settings, String> {
    let mut variables = BTreeMap::from([
        ("DATABASE_URL".to_owned(), format!("sqlite://{}/svodka.db", folder.display())),
        ("LLM_LOG_PATH".to_owned(), folder.join("bot.log").display().to_string()),
        ("SVODKA__TIMEZONE".to_owned(), "UTC".to_owned()),
    ]);
    variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Settings::from_environment(&variables).map_err(|error| error.to_string())
}

async fn app(folder: &TempDir, more: &[(&str, &str)]) -> App {
    let settings = Arc::new(settings(folder.path(), more).unwrap());
    App::start(settings, Arc::new(ManualClock::new(now())), Jitter::seeded(1)).await.unwrap()
}

async fn context(app: &App, now: Instant) -> JobContext {
    let id = app.store.insert_manual_run("retention", now, None, now).await.unwrap();
    let run = app.store.find_run(id).await.unwrap().unwrap();
    JobContext {
        run,
        now,
        is_last_attempt: false,
        is_last_in_time: false,
        conclude_by: None,
        stop: CancellationToken::new(),
    }
}

fn lines(from: u32, count: u32) -> String {
    let line = |n: u32| {
        format!(
            "{{\"type\":\"llm_usage\",\"ts\":\"2026-08-{:02}T10:00:{:02}Z\",\"user\":{},\"model\":\"GigaChat-2\",\"prompt\":100,\"completion\":10}}\n",
            10 + n / 60,
            n % 60,
            n % 3
        )
    };
    (from..from + count).map(line).collect()
}

#[tokio::test]
async fn the_log_becomes_figures_with_coverage_and_a_cost() {
    let folder = tempfile::tempdir().unwrap();
    let prices = [("SVODKA__LLM__PRICES__GIGACHAT_2__BILLABLE", "65.5")];
    let app = app(&folder, &prices).await;
    fs::write(folder.path().join("bot.log"), lines(0, 100)).unwrap();
    assert_eq!(refresh(&app.work, now(), &CancellationToken::new()).await.unwrap(), 100);
    fs::rename(folder.path().join("bot.log"), folder.path().join("bot.log.1")).unwrap();
    fs::write(folder.path().join("bot.log"), lines(100, 20)).unwrap();
    let later = now() + TimeDelta::hours(1);
    assert_eq!(refresh(&app.work, later, &CancellationToken::new()).await.unwrap(), 20);
    assert_eq!(refresh(&app.work, later, &CancellationToken::new()).await.unwrap(), 0);

    let (models, coverage) = app.store.llm_figures(on(10), on(20)).await.unwrap();
    assert_eq!((models.len(), models[0].calls, models[0].billable_tokens), (1, 120, 120 * 110));
    let coverage = coverage.unwrap();
    assert_eq!((coverage.from, coverage.until), ("2026-08-10T10:00:00Z".parse().unwrap(), later));
    assert_eq!(app.store.count_llm_users(on(10), on(20)).await.unwrap(), 3);
    let costs = llm_costs(&app.store.llm_days(on(10), on(20)).await.unwrap(), &app.settings.llm.prices);
    assert_eq!(costs.totals["RUB"].to_micros(), 120 * 110 * 65_500_000 / 1_000_000);
    assert!(costs.is_complete());

    // Past their time the calls go, the sums stay, and a restored old log counts nothing twice.
    let after = now() + TimeDelta::days(60);
    assert_eq!(forget(&app.work, &context(&app, after).await).await.unwrap(), 120);
    fs::write(folder.path().join("bot.log.2"), format!("restored\n{}", lines(0, 100))).unwrap();
    assert_eq!(refresh(&app.work, after, &CancellationToken::new()).await.unwrap(), 0);
    assert_eq!(app.store.llm_figures(on(10), on(20)).await.unwrap().0, models);
    app.store.close().await;
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_a_failing_source_and_no_zero() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(&folder, &[("LLM_LOG_PATH", "/nonexistent/bot.log")]).await;
    let error = refresh(&app.work, now(), &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.reason, "not_found");
    let source = app.store.find_source("llm_usage").await.unwrap().unwrap();
    assert_eq!((source.failure_reason.as_deref(), source.failing_since), (Some("not_found"), Some(now())));
    assert_eq!(app.store.llm_figures(on(10), on(20)).await.unwrap(), (vec![], None));
    app.store.close().await;
}

#[test]
fn settings_that_make_no_sense_are_refused_with_their_key_and_fix() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value, expected) in [
        ("LLM_PUSH_TOKEN", "hunter2", "llm.push_token"),
        ("LANGFUSE_HOST", "https://cloud.langfuse.com", "LANGFUSE_SECRET_KEY"),
        ("SVODKA__LLM__KEEP_CALLS", "1h", "llm.keep_calls"),
        ("SVODKA__LLM__PRICES__PRO__BILLABLE", "many", "llm.prices.pro.billable"),
        ("SVODKA__LLM__PRICES__PRO__PROMPT", "5", "llm.prices.pro: write either"),
        ("SVODKA__LLM__PRICES__PRO__PRICE", "5", "unknown field"),
    ] {
        let problem = settings(folder.path(), &[(name, value)]).unwrap_err();
        assert!(problem.contains(expected), "{name}: {problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}

#[test]
fn prices_of_several_times_stand_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("svodka.toml");
    let text = r#"
        [[llm.prices."gpt-4.1"]]
        prompt = 2
        completion = 8.0
        precached = "0.5"
        currency = "usd"
        [[llm.prices."gpt-4.1"]]
        from_on = "2026-08-15"
        billable = 0.1
    "#;
    fs::write(&file, text).unwrap();
    let settings = settings(folder.path(), &[("SVODKA_CONFIG", file.to_str().unwrap())]).unwrap();
    let price = |day| settings.llm.prices.find("GPT-4.1", on(day)).unwrap().clone();
    use svodka::measure::llm_cost::Rate;
    let by_kind = Rate::ByKind { prompt: 2_000_000, completion: 8_000_000, precached: 500_000 };
    assert_eq!((price(14).rate, price(14).currency.as_str()), (by_kind, "USD"));
    assert_eq!((price(15).rate, price(15).currency.as_str()), (Rate::Billable(100_000), "RUB"));
}
