//! Files that go with digests, and what they may say.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::raw::RawJob;
use super::validate::Problems;
use crate::schedule::ReportKind;

/// What is sent after the text of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attach {
    /// Pictures.
    Charts,
    /// A workbook of the period.
    Xlsx,
}

/// How much of customers' words an exported file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Texts {
    /// Phones, addresses, names and the like are masked; of a customer's name the first word is left.
    Masked,
    /// As they were written.
    Full,
    /// Neither words nor names.
    None,
}

/// Exported files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportSettings {
    pub texts: Texts,
}

/// What a job attaches.
pub(super) fn attachments(name: &str, raw: &RawJob, problems: &mut Problems) -> BTreeSet<Attach> {
    for wanted in &raw.attach {
        let (takes, which) = match wanted {
            Attach::Charts => (has_charts(raw.report), "weekly, monthly, bot_weekly and bot_monthly"),
            Attach::Xlsx => (has_book(raw.report), "weekly and monthly"),
        };
        let sentence = format!("only the reports {which} have this; remove it");
        problems.require(takes, &format!("jobs.{name}.attach"), &sentence);
    }
    raw.attach.iter().copied().collect()
}

fn has_charts(report: ReportKind) -> bool {
    has_book(report) || matches!(report, ReportKind::BotWeekly | ReportKind::BotMonthly)
}

fn has_book(report: ReportKind) -> bool {
    matches!(report, ReportKind::Weekly | ReportKind::Monthly)
}
