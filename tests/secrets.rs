//! No secret comes out: not in logs, errors, `doctor`, listings, panics or the settings' own words.

use std::collections::BTreeMap;
use std::process::Stdio;

use svodka::settings::Settings;
use tokio::process::Command;

use crate::support::processes::breathe;

/// Every secret of the configuration, by its variable. Addresses lead nowhere: the port 1 of this machine refuses at once.
const SECRETS: [(&str, &str); 14] = [
    ("TELEGRAM_BOT_TOKEN", "123456789:SEKRET-telegram-token-aaaaaaaaaaaaa"),
    ("RETAILCRM_API_KEY", "SEKRETcrmkey0000000000000000000"),
    ("RETAILCRM_BOT_TOKEN", "SEKRETbottoken00000000000000000"),
    ("BOT_EVENTS_URL", "postgres://reader:SEKRETbotpassword@127.0.0.1:1/bot"),
    ("LLM_PUSH_TOKEN", "SEKRETpushtoken000000"),
    ("LANGFUSE_SECRET_KEY", "SEKRETlangfusesecret"),
    ("SVODKA__ALERTS__FALLBACK__WEBHOOK", "http://127.0.0.1:1/SEKREThook"),
    ("SVODKA__ALERTS__FALLBACK__SMTP_URL", "smtp://ops:SEKRETmail@127.0.0.1:1"),
    ("SVODKA__HEARTBEAT__URL", "http://127.0.0.1:1/SEKRETbeat"),
    ("SVODKA__HEARTBEAT__JOBS__DAILY", "http://127.0.0.1:1/SEKRETdaily"),
    ("SVODKA__BOT__DELETE_URL", "postgres://owner:SEKRETdeleter@127.0.0.1:1/bot"),
    ("SVODKA__BACKUP__S3__ACCESS_KEY", "SEKRETaccess"),
    ("SVODKA__BACKUP__S3__SECRET_KEY", "SEKRETbucket"),
    ("DATABASE_URL", "postgres://svodka:SEKRETdatabase@127.0.0.1:1/svodka"),
];

const PLAIN: [(&str, &str); 11] = [
    ("SVODKA__BACKUP__S3__ENDPOINT", "http://127.0.0.1:1"),
    ("SVODKA__BACKUP__S3__BUCKET", "copies"),
    ("RETAILCRM_URL", "http://127.0.0.1:1"),
    ("RETAILCRM_BOT_URL", "http://127.0.0.1:1"),
    ("LANGFUSE_PUBLIC_KEY", "pk-lf-1"),
    ("LANGFUSE_HOST", "http://127.0.0.1:1"),
    ("SVODKA__TELEGRAM__API_URL", "http://127.0.0.1:1"),
    ("TELEGRAM_CHAT_ID", "-1001"),
    ("TELEGRAM_OPS_CHAT_ID", "-1002"),
    ("SVODKA__ALERTS__FALLBACK__MAIL_TO", "ops@example.org"),
    ("SVODKA__BOT__DELETE_AFTER", "365days"),
];

fn environment() -> BTreeMap<String, String> {
    SECRETS.iter().chain(&PLAIN).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Every secret carries this word, and the words of the program never do.
fn assert_clean(what: &str, text: &str) {
    assert!(!text.contains("SEKRET"), "{what} gives a secret away: {text}");
}

/// What the program says, on standard output and error, until it ends; or within ten seconds, for it repeats itself then.
async fn said(arguments: &[&str], environment: &BTreeMap<String, String>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("said");
    let file = std::fs::File::create(&path).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_svodka"));
    command.args(arguments).env_clear().envs(environment).env("RUST_LOG", "debug").stdin(Stdio::null());
    command.stdout(file.try_clone().unwrap()).stderr(file).kill_on_drop(true);
    let mut program = command.spawn().unwrap();
    for _ in 0..200 {
        if program.try_wait().unwrap().is_some() {
            break;
        }
        breathe().await;
    }
    let _ = program.kill().await;
    String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned()
}

#[test]
fn the_settings_show_no_secret_of_theirs() {
    let settings = Settings::from_environment(&environment()).unwrap();
    let shown = format!("{settings:?} {settings:#?}");
    assert!(shown.contains("127.0.0.1"), "the addresses without secrets are shown");
    assert_clean("Debug of the settings", &shown);
}

#[test]
fn a_configuration_that_is_refused_repeats_no_secret() {
    for (name, value) in SECRETS {
        for broken in
            [value.replace("://", ":"), format!("{value}\u{7}"), value.replace("127.0.0.1:1", "127.0.0.1:x")]
        {
            let mut environment = environment();
            environment.insert(name.to_owned(), broken);
            if let Err(error) = Settings::from_environment(&environment) {
                assert_clean(name, &error.to_string());
                assert_clean(name, &format!("{error:?}"));
            }
        }
    }
}

#[tokio::test]
async fn no_command_says_a_secret_when_nothing_can_be_reached() {
    let folder = tempfile::tempdir().unwrap();
    let away = environment();
    let mut with_file = environment();
    let url = format!("sqlite://{}/svodka.db", folder.path().display());
    with_file.insert("DATABASE_URL".to_owned(), url);
    for arguments in [&["migrate"][..], &["jobs"], &["serve"]] {
        let said = said(arguments, &away).await;
        assert!(!said.is_empty(), "{arguments:?}");
        assert_clean(&format!("{arguments:?}"), &said);
    }
    for arguments in [
        &["migrate"][..],
        &["doctor"],
        &["sync", "--days", "1"],
        &["run", "daily"],
        &["serve"],
        &["runs", "--json"],
        &["deliveries", "--json"],
        &["incidents", "--json", "--days", "1"],
    ] {
        let said = said(arguments, &with_file).await;
        assert!(!said.is_empty(), "{arguments:?}");
        assert_clean(&format!("{arguments:?}"), &said);
    }
}

#[test]
fn a_panic_about_a_secret_says_nothing() {
    let settings = Settings::from_environment(&environment()).unwrap();
    let panic = std::panic::catch_unwind(|| {
        let nothing: Option<()> = None;
        nothing.ok_or(&settings).map_err(|settings| format!("{settings:?}")).unwrap();
    });
    let words = panic.unwrap_err();
    let words = words.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(words.contains("Settings"), "the panic speaks of the settings: {words}");
    assert_clean("a panic", &words);
}
