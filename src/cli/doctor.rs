//! `svodka doctor`: looks at everything a digest needs and says what to fix.

mod llm;

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;

use crate::app::{App, telegram_config};
use crate::clock::SystemClock;
use crate::collect::bot_events::BotEvents;
use crate::deliver::telegram::TelegramClient;
use crate::outbound::Jitter;
use crate::settings::{DeliveryMode, Settings, TelegramSettings};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One thing looked at.
struct Finding {
    name: String,
    is_good: bool,
    /// What was seen, or what to fix.
    says: String,
}

/// Prints what is right and what is wrong; exit code 1 if anything is wrong. No secret is printed.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    let mut findings = Vec::new();
    let mut add = |name: &str, result: Result<String, String>| {
        let (is_good, says) = match result {
            Ok(says) => (true, says),
            Err(says) => (false, says),
        };
        findings.push(Finding { name: name.to_owned(), is_good, says });
    };
    match settings.check_serve() {
        Ok(()) => add("configuration", Ok(format!("{} jobs", settings.jobs.len()))),
        Err(error) => error.problems.iter().for_each(|problem| add("configuration", Err(problem.clone()))),
    }
    let settings = Arc::new(settings);
    match App::start(settings.clone(), Arc::new(SystemClock), Jitter::from_os()).await {
        Ok(app) => {
            add(
                "database",
                match app.store.ping().await {
                    Ok(()) => Ok(format!("{} answers, migrations are applied", app.store.backend())),
                    Err(error) => Err(error.to_string()),
                },
            );
            if let Some(crm) = &app.work.crm {
                for probe in crm.probe().await {
                    add(
                        &format!("retailcrm {}", probe.name),
                        if probe.is_ok { Ok(probe.message) } else { Err(probe.message) },
                    );
                }
            }
            if let Some(events) = &app.work.bot_events {
                add("bot events", bot_events(events).await);
            }
            for (name, result) in llm::check(&settings.llm).await {
                add(name, result);
            }
        }
        Err(error) => add("database", Err(super::chain(&error))),
    }
    if settings.delivery == DeliveryMode::Telegram
        && let Ok(config) = telegram_config(&settings)
    {
        match TelegramClient::new(config) {
            Ok(client) => {
                let asked = client.get_me().await;
                let way = route(&settings.telegram);
                add(
                    "telegram route",
                    match asked {
                        Ok(_) => Ok(way),
                        Err(error) => {
                            Err(format!("{way}: {error}; check telegram.api_url and telegram.proxy"))
                        }
                    },
                );
                for check in crate::deliver::doctor::check(&client, &settings.chats).await {
                    add(&check.name, check.result);
                }
            }
            Err(error) => add("telegram", Err(error.to_string())),
        }
    }
    print(&findings, args.json)
}

/// Where messages go and through what; a proxy's password is not told.
fn route(telegram: &TelegramSettings) -> String {
    let proxy = telegram.proxy.as_deref().map(|proxy| match proxy.rsplit_once('@') {
        Some((_, host)) => host.to_owned(),
        None => proxy.to_owned(),
    });
    match proxy {
        Some(proxy) => format!("{} through the proxy {proxy}", telegram.api_url),
        None => format!("{}, direct", telegram.api_url),
    }
}

/// Whether the bot's events can be read.
async fn bot_events(events: &BotEvents) -> Result<String, String> {
    let advice = events.check().await.map_err(|error| error.message)?;
    // Reading one event also tells whether the user may read at all.
    let oldest_at = events.oldest_at().await.map_err(|error| error.message)?;
    match (advice, oldest_at) {
        (Some(advice), _) => Err(advice.to_owned()),
        (None, Some(at)) => {
            Ok(format!("user_events can be read, the oldest event is of {}", at.format("%Y-%m-%d")))
        }
        (None, None) => Ok("user_events can be read and holds no event yet".to_owned()),
    }
}

fn print(findings: &[Finding], as_json: bool) -> anyhow::Result<ExitCode> {
    if as_json {
        let list: Vec<_> =
            findings.iter().map(|f| json!({ "name": f.name, "ok": f.is_good, "says": f.says })).collect();
        say!("{}", serde_json::to_string_pretty(&list)?);
    } else {
        for finding in findings {
            say!("{} {:<28} {}", if finding.is_good { "ok  " } else { "FIX " }, finding.name, finding.says);
        }
    }
    let is_good = findings.iter().all(|finding| finding.is_good);
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
