//! From what was written to what can be used; all problems at once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use chrono_tz::Tz;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::access::Around;
use super::raw::{RawCorrections, RawJob, RawLogFormat, RawPolicy, RawSettings};
use super::{
    BackupSettings, BotDigestSettings, ConfigError, LogSettings, RetailCrmSettings, Settings,
    TelegramSettings,
};
use crate::deliver::ChatTarget;
use crate::facts::ManagerId;
use crate::measure::daily::Thresholds;
use crate::measure::worktime::WorkHours;
use crate::schedule::{CatchUp, Job, ReportKind, Schedule};
use crate::store::outbox::Policy;

/// Requests per second that the CRM lets through; at the limit itself clocks decide.
const CRM_RATE_LIMIT: u32 = 10;

/// Weekday names, from Monday, as `chrono` numbers them.
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Collects problems, so that the user sees all of them in one go.
pub(super) struct Problems(pub(super) Vec<String>);

impl Problems {
    pub(super) fn check<T, E: std::fmt::Display>(&mut self, path: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.0.push(format!("{path}: {error}"))).ok()
    }

    pub(super) fn require(&mut self, holds: bool, path: &str, sentence: &str) {
        if !holds {
            self.0.push(format!("{path}: {sentence}"));
        }
    }
}

/// Checks and converts.
pub(super) fn validate(raw: RawSettings) -> Result<Settings, ConfigError> {
    let mut problems = Problems(Vec::new());
    let zone = problems.check(
        "timezone",
        raw.timezone.parse::<Tz>().map_err(|_| {
            format!("`{}` is not a time zone; write an IANA name such as Europe/Moscow", raw.timezone)
        }),
    );
    // A stand-in lets the rest be checked; the problem above refuses the start.
    let known_zone = zone.unwrap_or(Tz::UTC);
    let work_hours = problems.check("work_hours", raw.work_hours.parse::<WorkHours>());
    let weekdays = weekdays(&raw.weekdays, &mut problems);
    let retailcrm = retailcrm(&raw, &mut problems);
    let telegram = TelegramSettings {
        token: non_empty(raw.telegram.token),
        api_url: web_address(&raw.telegram.api_url, "telegram.api_url", &mut problems)
            .unwrap_or_else(placeholder_url),
        timeout: raw.telegram.timeout,
        proxy: proxy(raw.telegram.proxy, "telegram.proxy", &mut problems),
        listen: raw.telegram.listen,
    };
    problems.require(
        raw.telegram.timeout >= Duration::from_secs(10),
        "telegram.timeout",
        "Telegram itself may hold a send for 8 s; write 10s or more, else messages come twice",
    );
    let (bot, bot_problems) = raw.bot.check();
    bot_problems.into_iter().for_each(|(path, sentence)| problems.require(false, path, sentence));
    let llm = super::llm::validate(raw.llm, &mut problems);
    let refine = super::refine::validate(raw.refine, &mut problems);
    let mut chats = BTreeMap::new();
    let mut chat_managers = BTreeMap::new();
    for (name, chat) in raw.chats {
        if let Some(text) = &chat.manager
            && let Some(id) = problems.check(&format!("chats.{name}.manager"), text.parse::<ManagerId>())
        {
            chat_managers.insert(name.clone(), id);
        }
        if let Some(id) = problems.check(&format!("chats.{name}.id"), chat.id.parse()) {
            chats.insert(name, ChatTarget { id, topic: chat.topic });
        }
    }
    let (mut jobs, mut attachments) = (BTreeMap::new(), BTreeMap::new());
    for (name, raw_job) in raw.jobs {
        // Jobs about the bot are in the table only where there is one, unless somebody says so.
        let has_subject = !raw_job.report.is_about_bot()
            || bot.url.is_some() && (raw_job.report != ReportKind::BotRetention || bot.deletion.is_some());
        if !raw_job.enabled.unwrap_or(has_subject) {
            continue;
        }
        let attached = super::exports::attachments(&name, &raw_job, &mut problems);
        if !attached.is_empty() {
            attachments.insert(name.clone(), attached);
        }
        if let Some(job) = job(&name, raw_job, known_zone, &mut problems) {
            jobs.insert(name, job);
        }
    }
    let around = Around { chats: &chats, jobs: &jobs, ops_chat: &raw.alerts.chat };
    let access = super::access::validate(raw.access, &around, &mut chat_managers, &mut problems);
    for (path, share) in [
        ("thresholds.response_ratio_drop", raw.thresholds.response_ratio_drop),
        ("thresholds.no_reply_ratio", raw.thresholds.no_reply_ratio),
        ("thresholds.spin_completeness_drop", raw.thresholds.spin_completeness_drop),
        ("thresholds.spin_stage_drop", raw.thresholds.spin_stage_drop),
        ("thresholds.spin_completeness_low", raw.thresholds.spin_completeness_low),
    ] {
        problems.require((0.0..=1.0).contains(&share), path, "write a share between 0 and 1, such as 0.05");
    }
    for (path, count) in [
        ("thresholds.questions_drop", raw.thresholds.questions_drop),
        ("thresholds.questions_low", raw.thresholds.questions_low),
    ] {
        problems.require(
            (0.0..=100.0).contains(&count),
            path,
            "write questions per conversation, such as 0.5",
        );
    }
    let fallback = super::fallback::fallback(raw.alerts.fallback, &mut problems.0);
    let written = super::alerts::Written {
        group_wait: raw.alerts.group_wait,
        quiet_hours: raw.alerts.quiet_hours,
        summary_at: raw.alerts.summary_at,
        escalation: raw.alerts.escalation,
    };
    let has_fallback = fallback.webhook.is_some() || fallback.mail.is_some();
    let conduct =
        super::alerts::conduct(written, |chat| chats.contains_key(chat), has_fallback, &mut problems.0);
    let heartbeat = super::heartbeat::heartbeat(raw.heartbeat, |job| jobs.contains_key(job), &mut problems.0);
    let backup_folder = Some(raw.backup.folder).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let s3 = super::backup::bucket(raw.backup.s3, &mut problems);
    problems.require(
        backup_folder.is_some() || s3.is_some() || !jobs.values().any(|job| job.report == ReportKind::Backup),
        "backup.folder",
        "a backup job needs a folder or a bucket; set SVODKA__BACKUP__FOLDER, or backup.s3",
    );
    problems.require(
        raw.bot_digest.conversion_estimate.is_none_or(|share| (0.0..=1.0).contains(&share)),
        "bot_digest.conversion_estimate",
        "write a share between 0 and 1, such as 0.1, or remove the key",
    );
    problems.require(
        raw.log.keep_files > 0,
        "log.keep_files",
        "write 1 or more; today's file is one of them",
    );
    let database_url = raw.database.url;
    problems.require(
        ["sqlite:", "postgres:", "postgresql:"]
            .iter()
            .any(|scheme| database_url.expose_secret().starts_with(scheme)),
        "database.url",
        "the address must begin with sqlite:// or postgres://",
    );
    if !problems.0.is_empty() {
        return Err(ConfigError { problems: problems.0 });
    }
    let (Some(zone), Some(work_hours)) = (zone, work_hours) else {
        return Err(ConfigError::one("timezone or work_hours is missing"));
    };
    Ok(Settings {
        zone,
        work_hours,
        weekdays,
        holidays: raw.holidays.into_iter().collect(),
        delivery: raw.delivery,
        database_url,
        http_host: raw.http.host,
        http_port: raw.http.port,
        retailcrm,
        bot,
        telegram,
        llm,
        refine,
        chats,
        chat_managers,
        access,
        jobs,
        attachments,
        exports: raw.exports,
        thresholds: Thresholds {
            slow_first_reply: raw.thresholds.slow_first_reply,
            follow_up_gap: raw.thresholds.follow_up_gap,
            response_ratio_drop: raw.thresholds.response_ratio_drop,
            no_reply_ratio: raw.thresholds.no_reply_ratio,
            first_response_median: raw.thresholds.first_response_median,
            order_link_window: raw.thresholds.order_link_window,
            spin_completeness_drop: raw.thresholds.spin_completeness_drop,
            spin_stage_drop: raw.thresholds.spin_stage_drop,
            questions_drop: raw.thresholds.questions_drop,
            spin_completeness_low: raw.thresholds.spin_completeness_low,
            questions_low: raw.thresholds.questions_low,
            waiting_max_age: raw.thresholds.waiting_max_age,
        },
        bot_digest: BotDigestSettings {
            currency: raw.bot_digest.currency,
            conversion_estimate: raw.bot_digest.conversion_estimate,
        },
        ops_chat: raw.alerts.chat,
        source_down_after: raw.alerts.source_down_after,
        conduct,
        fallback,
        heartbeat,
        keep_texts: raw.retention.texts,
        backup: BackupSettings {
            folder: backup_folder,
            keep_count: raw.backup.keep_count,
            keep_for: raw.backup.keep_for,
            s3,
        },
        log: LogSettings {
            json: match raw.log.format {
                RawLogFormat::Auto => None,
                RawLogFormat::Json => Some(true),
                RawLogFormat::Text => Some(false),
            },
            level: raw.log.level,
            folder: Some(raw.log.folder).filter(|folder| !folder.is_empty()).map(PathBuf::from),
            keep_files: raw.log.keep_files,
        },
    })
}

fn weekdays(raw: &BTreeMap<String, String>, problems: &mut Problems) -> BTreeMap<u8, Option<WorkHours>> {
    let mut weekdays = BTreeMap::new();
    for (name, text) in raw {
        let path = format!("weekdays.{name}");
        let Some(number) = WEEKDAYS.iter().position(|weekday| weekday == name) else {
            problems.0.push(format!("{path}: there is no such weekday; use {}", WEEKDAYS.join(", ")));
            continue;
        };
        let hours = if text == "off" { Some(None) } else { problems.check(&path, text.parse().map(Some)) };
        if let Some(hours) = hours {
            weekdays.insert(number as u8, hours);
        }
    }
    weekdays
}

fn retailcrm(raw: &RawSettings, problems: &mut Problems) -> RetailCrmSettings {
    let crm = &raw.retailcrm;
    problems.require(
        (1..CRM_RATE_LIMIT).contains(&crm.requests_per_second),
        "retailcrm.requests_per_second",
        "the CRM lets 10 through; write a number from 1 to 9",
    );
    problems.require(
        (1..=1000).contains(&crm.first_load_days),
        "retailcrm.first_load_days",
        "write a number of days from 1 to 1000",
    );
    problems.require(
        crm.chat_link.is_empty() || crm.chat_link.contains("{chat_id}"),
        "retailcrm.chat_link",
        "the link has no place for the chat; put {chat_id} into it, or leave it empty",
    );
    let mut address = |text: &Option<String>, path: &str| {
        text.as_deref().filter(|text| !text.is_empty()).and_then(|text| web_address(text, path, problems))
    };
    RetailCrmSettings {
        url: address(&crm.url, "retailcrm.url"),
        bot_url: address(&crm.bot_url, "retailcrm.bot_url"),
        api_key: non_empty(crm.api_key.clone()),
        bot_token: non_empty(crm.bot_token.clone()),
        requests_per_second: crm.requests_per_second,
        first_load_days: crm.first_load_days,
        timeout: crm.timeout,
        chat_link: Some(crm.chat_link.clone()).filter(|link| !link.is_empty()),
        proxy: proxy(crm.proxy.clone(), "retailcrm.proxy", problems),
    }
}

fn job(name: &str, raw: RawJob, zone: Tz, problems: &mut Problems) -> Option<Job> {
    let path = |key: &str| format!("jobs.{name}.{key}");
    problems.require(
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c)),
        &format!("jobs.{name}"),
        "a job's name has only a-z, 0-9, - and _",
    );
    let timeout = raw.timeout.unwrap_or(Duration::from_secs(600));
    let catch_up_window = raw.catch_up_window.unwrap_or(Duration::from_secs(3 * 3600));
    problems.require(!timeout.is_zero(), &path("timeout"), "an attempt needs time; write 10m");
    problems.require(
        raw.deadline.is_none_or(|deadline| !deadline.is_zero() && deadline <= catch_up_window),
        &path("deadline"),
        "write a deadline above zero and within catch_up_window: after that window nothing is sent any more",
    );
    if raw.report.has_messages() {
        problems.require(
            !raw.chats.is_empty(),
            &path("chats"),
            "this report has readers; name at least one chat, or set enabled = false",
        );
    }
    let corrections = corrections(&raw, &path, problems);
    let schedule = problems.check(&path("cron"), Schedule::parse(&raw.cron, zone))?;
    Some(Job {
        name: name.to_owned(),
        report: raw.report,
        schedule,
        chats: raw.chats,
        deadline: raw.deadline,
        catch_up: raw.catch_up.unwrap_or(CatchUp::Latest),
        catch_up_window,
        timeout,
        policy: match raw.policy {
            Some(RawPolicy::AtMostOnce) => Policy::AtMostOnce,
            Some(RawPolicy::AtLeastOnce) | None => Policy::AtLeastOnce,
        },
        corrections,
    })
}

/// How long a digest is corrected, if it is.
fn corrections(raw: &RawJob, path: &dyn Fn(&str) -> String, problems: &mut Problems) -> Option<Duration> {
    /// After that Telegram may refuse to edit a message.
    const LONGEST: Duration = Duration::from_secs(48 * 3600);
    let window = raw.corrections_window.unwrap_or(Duration::from_secs(24 * 3600));
    problems.require(
        !window.is_zero() && window <= LONGEST,
        &path("corrections_window"),
        "write a time up to 48h: later Telegram may refuse to edit a message",
    );
    let is_wanted = raw.corrections == Some(RawCorrections::Edit);
    problems.require(
        !is_wanted || raw.report == ReportKind::Daily,
        &path("corrections"),
        "only the daily digest can be corrected so far; write \"none\"",
    );
    is_wanted.then_some(window)
}

/// An empty secret is no secret.
pub(super) fn non_empty(secret: Option<SecretString>) -> Option<SecretString> {
    secret.filter(|secret| !secret.expose_secret().trim().is_empty())
}

pub(super) fn web_address(text: &str, path: &str, problems: &mut Problems) -> Option<Url> {
    // The text itself stays out of the message: people paste addresses with keys in them.
    let url = problems.check(
        path,
        Url::parse(text).map_err(
            |_| "this is not a web address; write it with the scheme, such as https://shop.retailcrm.ru",
        ),
    )?;
    problems.require(
        matches!(url.scheme(), "http" | "https") && url.host_str().is_some(),
        path,
        "the address must begin with https:// (or http:// for a server of your own)",
    );
    problems.require(
        url.query().is_none() && url.username().is_empty() && url.password().is_none(),
        path,
        "the address must not hold keys or parameters; secrets have variables of their own",
    );
    Some(url)
}

fn proxy(text: Option<String>, path: &str, problems: &mut Problems) -> Option<String> {
    let text = text.filter(|text| !text.is_empty())?;
    problems.require(
        ["http://", "https://", "socks5://", "socks5h://"].iter().any(|scheme| text.starts_with(scheme)),
        path,
        "write the proxy as http://host:port or socks5h://host:port",
    );
    Some(text)
}

/// Stands in for an address that was refused; never used, since a problem refuses the start.
fn placeholder_url() -> Url {
    #[expect(clippy::unwrap_used, reason = "a constant")]
    Url::parse("http://localhost").unwrap()
}
