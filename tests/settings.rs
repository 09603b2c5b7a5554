//! The configuration as a contract: layers, short names, and refusals that name the key and the fix.

use std::collections::BTreeMap;
use std::io::Write;

use secrecy::ExposeSecret;
use svodka::deliver::ChatId;
use svodka::settings::{DEFAULT_TOML, DeliveryMode, Settings};

fn load(variables: &[(&str, &str)]) -> Result<Settings, String> {
    let environment: BTreeMap<_, _> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Settings::from_environment(&environment).map_err(|error| error.to_string())
}

/// The refusal of a configuration that must not be accepted.
fn refusal(variables: &[(&str, &str)]) -> String {
    load(variables).expect_err("this configuration must be refused")
}

#[test]
fn the_defaults_alone_are_a_valid_configuration() {
    let settings = load(&[]).unwrap();
    assert_eq!(settings.zone, chrono_tz::Europe::Moscow);
    assert_eq!(settings.database_url.expose_secret(), "sqlite://data/svodka.db");
    assert_eq!(
        settings.jobs.keys().collect::<Vec<_>>(),
        ["daily", "monthly", "quality", "receipt", "reconcile", "retention", "sync", "weekly"]
    );
    assert_eq!(settings.jobs["daily"].schedule.line(), "0 9 * * *");
    assert_eq!(settings.delivery, DeliveryMode::Telegram);
}

/// Keys of the default file without a comment: over the key, over the run of keys it stands in, or, for a job's key, in
/// the table above all jobs. Keys that stand commented out are keys too.
fn unexplained(file: &str) -> Vec<String> {
    let is_key = |line: &str| {
        let name = line.trim_start_matches("# ").split('=').next().unwrap_or_default().trim();
        line.contains(" = ")
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_lowercase() || "_0123456789".contains(c))
    };
    let table: Vec<&str> = file
        .lines()
        .skip_while(|line| !line.starts_with("# The cron table."))
        .take_while(|line| line.starts_with('#'))
        .filter_map(|line| line.strip_prefix("#   ")?.split_whitespace().next())
        .collect();
    let (mut section, mut is_explained, mut found) = ("", false, Vec::new());
    for line in file.lines().map(str::trim) {
        if line.is_empty() {
            is_explained = false;
        } else if let Some(name) =
            line.trim_start_matches("# ").strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
        {
            section = name;
        } else if is_key(line) {
            let key = line.trim_start_matches("# ").split(' ').next().unwrap_or_default();
            let is_told = match section.strip_prefix("jobs.") {
                Some(_) => table.contains(&key),
                // One comment may explain the keys right below it.
                None => is_explained,
            };
            if !is_told {
                found.push(format!("{section}.{key}"));
            }
        } else if line.starts_with('#') {
            is_explained = true;
        }
    }
    found
}

#[test]
fn every_key_of_the_default_file_is_explained() {
    assert_eq!(unexplained(DEFAULT_TOML), Vec::<String>::new());
    // The check sees an omission: a key without its comment, and a job's key that the table leaves out.
    let bare = DEFAULT_TOML.replace("# A source that has failed this long is an incident.\n", "\n");
    assert_eq!(unexplained(&bare), ["alerts.source_down_after"]);
    let bare = DEFAULT_TOML.replace("#   policy ", "#   mood ");
    let found = unexplained(&bare);
    assert!(!found.is_empty() && found.iter().all(|key| key.ends_with(".policy")), "{found:?}");
}

#[test]
fn short_names_long_names_and_the_file_lie_over_each_other_in_that_order() {
    let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    write!(file, "timezone = \"Asia/Omsk\"\n[chats.managers]\nid = -5\ntopic = 7\n[jobs.daily]\ncron = \"0 8 * * *\"\nreport = \"daily\"\n")
        .unwrap();
    let path = file.path().to_str().unwrap();
    let settings = load(&[
        ("SVODKA_CONFIG", path),
        ("TELEGRAM_CHAT_ID", "-100123"),
        ("TELEGRAM_OPS_CHAT_ID", "@ops_room"),
        ("TELEGRAM_BOT_TOKEN", "from-short"),
        ("SVODKA__TELEGRAM__TOKEN", "from-long"),
        ("PORT", "8080"),
        ("DATABASE_URL", ""),
    ])
    .unwrap();
    assert_eq!(settings.zone, chrono_tz::Asia::Omsk);
    assert_eq!(settings.chats["managers"].id, ChatId::Id(-100_123));
    assert_eq!(settings.chats["managers"].topic, Some(7), "the file's topic stays beside the variable's id");
    assert_eq!(settings.chats["ops"].id, ChatId::Name("@ops_room".into()));
    assert_eq!(settings.telegram.token.unwrap().expose_secret(), "from-long");
    assert_eq!(settings.http_port, Some(8080));
    assert_eq!(
        settings.database_url.expose_secret(),
        "sqlite://data/svodka.db",
        "an empty variable is not set"
    );
    assert_eq!(settings.jobs["daily"].schedule.line(), "0 8 * * *");
    assert_eq!(settings.jobs["daily"].chats, ["managers"], "keys the file leaves out keep their defaults");
}

#[test]
fn lists_and_durations_can_be_written_in_variables() {
    let settings = load(&[
        ("SVODKA__JOBS__DAILY__CHATS", "managers, owner"),
        ("SVODKA__JOBS__DAILY__DEADLINE", "7m"),
        ("SVODKA__HOLIDAYS", "2026-12-31,2027-01-01"),
        ("SVODKA__WEEKDAYS__SUNDAY", "off"),
        ("SVODKA__CHATS__OWNER__ID", "42"),
    ])
    .unwrap();
    assert_eq!(settings.jobs["daily"].chats, ["managers", "owner"]);
    assert_eq!(settings.jobs["daily"].deadline, Some(std::time::Duration::from_secs(420)));
    assert_eq!(settings.holidays.len(), 2);
    assert_eq!(settings.weekdays.get(&6), Some(&None));
}

#[test]
fn a_token_keeps_its_leading_zeros() {
    let settings = load(&[("RETAILCRM_API_KEY", "0012345")]).unwrap();
    assert_eq!(settings.retailcrm.api_key.unwrap().expose_secret(), "0012345");
}

#[test]
fn refusals_name_the_key_and_the_fix() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("SVODKA__TELEGRAM__TOKNE", "x", &["tokne", "config/default.toml"]),
        ("SVODKA__TIMEZONE", "Moscow", &["timezone", "Moscow", "Europe/Moscow"]),
        ("SVODKA__WORK_HOURS", "9-18", &["work_hours", "10:00-23:00"]),
        ("SVODKA__JOBS__DAILY__CRON", "0 25 * * *", &["jobs.daily.cron", "0 25 * * *", "0 9 * * *"]),
        ("SVODKA__JOBS__DAILY__CRON", "0 9 31 2 *", &["jobs.daily.cron", "never fires"]),
        ("SVODKA__JOBS__DAILY__REPORT", "dayly", &["dayly", "daily"]),
        ("SVODKA__JOBS__DAILY__DEADLINE", "4h", &["jobs.daily.deadline", "catch_up_window"]),
        ("SVODKA__JOBS__DAILY__CHATS", ",", &["jobs.daily.chats", "at least one chat"]),
        ("SVODKA__JOBS__DAILY__CORRECTIONS_WINDOW", "3days", &["jobs.daily.corrections_window", "48h"]),
        ("SVODKA__JOBS__SYNC__CORRECTIONS", "edit", &["jobs.sync.corrections", "none"]),
        ("SVODKA__WEEKDAYS__SUNDY", "off", &["weekdays.sundy", "sunday"]),
        ("SVODKA__TELEGRAM__TIMEOUT", "5s", &["telegram.timeout", "10s"]),
        ("SVODKA__RETAILCRM__REQUESTS_PER_SECOND", "20", &["retailcrm.requests_per_second", "1 to 9"]),
        ("SVODKA__THRESHOLDS__NO_REPLY_RATIO", "5", &["thresholds.no_reply_ratio", "0.05"]),
        ("TELEGRAM_CHAT_ID", "managers chat", &["chats.managers.id", "-1001234567890"]),
        ("RETAILCRM_URL", "shop.retailcrm.ru", &["retailcrm.url", "https://"]),
        ("DATABASE_URL", "mysql://host/db", &["database.url", "postgres://"]),
        ("SVODKA_CONFIG", "/nowhere/svodka.toml", &["SVODKA_CONFIG", "/nowhere/svodka.toml"]),
        ("PORT", "http", &["http.port"]),
    ];
    for (variable, value, words) in cases {
        let text = refusal(&[(variable, value)]);
        for word in *words {
            assert!(text.contains(word), "{variable}={value}: `{word}` is missing in: {text}");
        }
    }
}

#[test]
fn a_refusal_never_shows_a_secret() {
    let text = refusal(&[
        ("DATABASE_URL", "mysql://user:hunter2@host/db"),
        ("RETAILCRM_URL", "https://shop.retailcrm.ru/?apiKey=hunter2"),
        ("TELEGRAM_BOT_TOKEN", "hunter2"),
        ("SVODKA__TIMEZONE", "nowhere"),
    ]);
    assert!(!text.contains("hunter2"), "{text}");
    let settings =
        load(&[("TELEGRAM_BOT_TOKEN", "hunter2"), ("DATABASE_URL", "postgres://u:hunter2@h/d")]).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn all_problems_are_told_at_once() {
    let text = refusal(&[
        ("SVODKA__TIMEZONE", "nowhere"),
        ("SVODKA__JOBS__DAILY__CRON", "daily"),
        ("SVODKA__WORK_HOURS", "x"),
    ]);
    for key in ["timezone", "jobs.daily.cron", "work_hours"] {
        assert!(text.contains(key), "{key} is missing in: {text}");
    }
}

#[test]
fn serve_refuses_to_start_without_a_token_a_chat_or_a_crm_and_says_how_to_mend_it() {
    let text = load(&[]).unwrap().check_serve().unwrap_err().to_string();
    for word in [
        "TELEGRAM_BOT_TOKEN",
        "TELEGRAM_CHAT_ID",
        "TELEGRAM_OPS_CHAT_ID",
        "RETAILCRM_URL",
        "RETAILCRM_API_KEY",
        "RETAILCRM_BOT_URL",
        "RETAILCRM_BOT_TOKEN",
    ] {
        assert!(text.contains(word), "{word} is missing in: {text}");
    }
    let complete = load(&[
        ("TELEGRAM_BOT_TOKEN", "1:x"),
        ("TELEGRAM_CHAT_ID", "-1"),
        ("TELEGRAM_OPS_CHAT_ID", "-2"),
        ("RETAILCRM_URL", "https://shop.retailcrm.ru"),
        ("RETAILCRM_API_KEY", "k"),
        ("RETAILCRM_BOT_URL", "https://mg-s1.retailcrm.pro"),
        ("RETAILCRM_BOT_TOKEN", "t"),
    ]);
    complete.unwrap().check_serve().unwrap();
}

#[test]
fn a_chat_that_a_job_names_and_nobody_defines_is_refused() {
    let settings =
        load(&[("SVODKA__JOBS__DAILY__CHATS", "owners"), ("SVODKA__DELIVERY", "telegram")]).unwrap();
    let text = settings.check_serve().unwrap_err().to_string();
    assert!(text.contains("jobs.daily.chats") && text.contains("[chats.owners]"), "{text}");
}

#[test]
fn jobs_about_the_bot_are_in_the_table_only_where_there_is_a_bot() {
    let names = |variables: &[(&str, &str)]| {
        let settings = load(variables).unwrap();
        settings
            .jobs
            .into_values()
            .filter(|job| job.report.is_about_bot())
            .map(|job| job.name)
            .collect::<Vec<_>>()
    };
    assert!(names(&[]).is_empty());
    let bot = ("BOT_EVENTS_URL", "postgres://reader:secret@localhost/bot");
    assert!(names(&[bot]).contains(&"rollup".to_owned()));
    assert!(!names(&[bot]).contains(&"bot_retention".to_owned()));
    let deletion = [
        bot,
        ("SVODKA__BOT__DELETE_AFTER", "365days"),
        ("SVODKA__BOT__DELETE_URL", "postgres://owner@localhost/bot"),
    ];
    assert!(names(&deletion).contains(&"bot_retention".to_owned()));
    assert!(load(&deletion).unwrap().bot.deletion.unwrap().is_dry_run, "the first look deletes nothing");
    let asked = [("SVODKA__JOBS__ROLLUP__ENABLED", "true")];
    assert_eq!(names(&asked), ["rollup"]);
    let refused = [bot, ("SVODKA__JOBS__ROLLUP__ENABLED", "false")];
    assert!(!names(&refused).contains(&"rollup".to_owned()));
}

#[test]
fn the_bot_section_is_refused_with_the_fix_and_without_the_secret() {
    let text = refusal(&[("BOT_EVENTS_URL", "mysql://reader:secret@localhost/bot")]);
    assert!(text.contains("bot.url") && text.contains("postgres://") && !text.contains("secret"), "{text}");
    let text = refusal(&[("SVODKA__BOT__DELETE_AFTER", "30days")]);
    assert!(text.contains("bot.delete_after") && text.contains("90days"), "{text}");
    assert!(text.contains("bot.delete_url"), "{text}");
    let settings = load(&[("BOT_EVENTS_URL", "postgres://reader:secret@localhost/bot")]).unwrap();
    assert!(!format!("{:?}", settings.bot).contains("secret"));
}

#[test]
fn roles_are_refused_with_the_keys_path_and_the_fix() {
    let text = refusal(&[
        ("SVODKA__ACCESS__CHATS__NOBODY", "lead"),
        ("TELEGRAM_CHAT_ID", "-1"),
        ("SVODKA__ACCESS__CHATS__MANAGERS", "manager"),
        ("SVODKA__ACCESS__USERS__77", "boss"),
        ("SVODKA__ACCESS__USERS__ANNA", "admin"),
        ("SVODKA__ACCESS__USERS__78", "manager 28"),
        ("SVODKA__ACCESS__PER_MINUTE", "0"),
    ]);
    for words in [
        "access.chats.nobody: there is no chat `nobody`; add a section [chats.nobody]",
        "access.chats.managers: whose chat is it? write manager crm:28, or chats.managers.manager",
        "access.users.77: `boss` is no role; write viewer, manager crm:28, lead, admin or ops",
        "access.users.anna: this is no Telegram user",
        "access.users.78: `28` is not a manager id",
        "access.per_minute: write a number from 1 to 600",
    ] {
        assert!(text.contains(words), "{words} is missing in:\n{text}");
    }
}
