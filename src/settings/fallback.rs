//! How to reach ops when Telegram or the database is what broke.

use lettre::message::Mailbox;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::raw::RawFallback;

/// A second way to ops; both may be set.
#[derive(Debug, Clone, Default)]
pub struct FallbackSettings {
    /// Gets a POST with JSON: `text`, `title`, `kind`, `state` (`opened`, `resolved`). Slack and Mattermost read `text`.
    pub webhook: Option<SecretString>,
    pub mail: Option<MailSettings>,
}

/// Mail to ops.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// `smtps://user:password@host:465`, or `smtp://…:587?tls=required`.
    pub smtp_url: SecretString,
    pub from: Mailbox,
    /// Never empty.
    pub to: Vec<Mailbox>,
}

/// Checks the addresses; a problem names the key, never the address of a server.
pub(super) fn fallback(raw: RawFallback, problems: &mut Vec<String>) -> FallbackSettings {
    let is_set = |secret: &SecretString| !secret.expose_secret().trim().is_empty();
    let webhook = raw.webhook.filter(is_set);
    let is_web = |address: &SecretString| {
        Url::parse(address.expose_secret()).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
    };
    if webhook.as_ref().is_some_and(|address| !is_web(address)) {
        problems.push("alerts.fallback.webhook: write the address with its scheme, https://…".to_owned());
    }
    let mut mailbox = |path: &str, text: &str| {
        let read = text.parse::<Mailbox>();
        if read.is_err() {
            problems.push(format!("{path}: `{text}` is not a mail address; write name@example.org"));
        }
        read.ok()
    };
    let mail = raw.smtp_url.filter(is_set).and_then(|smtp_url| {
        let from = mailbox("alerts.fallback.mail_from", &raw.mail_from);
        let to: Vec<_> =
            raw.mail_to.iter().filter_map(|text| mailbox("alerts.fallback.mail_to", text)).collect();
        Some(MailSettings { smtp_url, from: from?, to })
    });
    if mail.as_ref().is_some_and(|mail| mail.to.is_empty()) {
        problems.push("alerts.fallback.mail_to: name somebody who reads the mail".to_owned());
    }
    FallbackSettings { webhook, mail }
}
