//! What alerts need to know of the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::alert::conduct::{EscalationStep, IsPriced, QuietHours, Way};
use crate::alert::{AlertSettings, Conduct, Looks, Thresholds};
use crate::collect::bot_events::SOURCE_BOT_EVENTS;
use crate::collect::{SOURCE_CHATS, SOURCE_ORDERS};
use crate::jobs::report::title;
use crate::render::notices::Speech;
use crate::schedule::ReportKind;
use crate::settings::Settings;

/// From the configuration.
pub(super) fn alert_settings(settings: &Settings) -> AlertSettings {
    let readers = settings.jobs.values().filter(|job| job.report.has_messages());
    let about_bot = settings.jobs.values().filter(|job| job.report.is_about_bot());
    let speech = Speech {
        zone: settings.zone,
        job_titles: settings
            .jobs
            .values()
            .map(|job| (job.name.clone(), title(job.report).to_owned()))
            .collect(),
        job_chats: readers.map(|job| (job.name.clone(), job.chats.clone())).collect(),
    };
    let source_down_after = TimeDelta::from_std(settings.source_down_after).unwrap_or(TimeDelta::MAX);
    AlertSettings {
        ops_chat: settings.chats.contains_key(&settings.ops_chat).then(|| settings.ops_chat.clone()),
        thresholds: Thresholds { source_down_after, ..Thresholds::default() },
        speech,
        bot_jobs: about_bot.map(|job| job.name.clone()).collect(),
        most_messages: 3,
        conduct: conduct(settings),
        looks: looks(settings),
    }
}

fn conduct(settings: &Settings) -> Conduct {
    let delta = |time| TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX);
    let written = &settings.conduct;
    let steps = written.escalation.iter().map(|step| EscalationStep {
        after: delta(step.after),
        to: step.chat.clone().map_or(Way::Fallback, Way::Chat),
    });
    Conduct {
        group_wait: delta(written.group_wait),
        quiet_hours: written.quiet_hours.map(|(from, until)| QuietHours { from, until }),
        summary_at: written.summary_at,
        escalation: steps.collect(),
    }
}

fn looks(settings: &Settings) -> Looks {
    let of = |report: ReportKind| -> Vec<String> {
        settings.jobs.values().filter(|job| job.report == report).map(|job| job.name.clone()).collect()
    };
    let mut readers = BTreeMap::new();
    for (source, jobs) in [
        (SOURCE_CHATS, of(ReportKind::Sync)),
        (SOURCE_ORDERS, of(ReportKind::Sync)),
        (SOURCE_BOT_EVENTS, of(ReportKind::Rollup)),
    ] {
        readers.insert(source.to_owned(), jobs);
    }
    let prices = settings.llm.prices.clone();
    Looks {
        readers,
        quality_jobs: of(ReportKind::Quality),
        is_priced: IsPriced(Some(Arc::new(move |model, on| prices.find(model, on).is_some()))),
        host: super::vitals::host(),
    }
}
