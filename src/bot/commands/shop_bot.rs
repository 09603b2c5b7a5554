//! Figures of the shop's own bot.

use chrono::Days;

use super::Ask;
use crate::bot::args;
use crate::bot::callback::{Of, Show, View};
use crate::bot::cards::{self, Sight, plain};
use crate::bot::reply::{Failure, Reply};
use crate::jobs::{bot, report};
use crate::measure::Period;
use crate::measure::bot::BotDigest;
use crate::render::card::figures;
use crate::schedule::ReportKind;

/// Days back at most: retention of longer ones is in the monthly digest.
const MOST_DAYS: u64 = 92;

/// What `today`, `week`, `month` and a number of days name.
enum Asked {
    Report(ReportKind, chrono::NaiveDate),
    Days(Period),
}

/// `/admin_analytics [today|week|month|N]`: today by default, `N` whole days up to yesterday.
pub(super) async fn analytics(ask: &Ask<'_>) -> Result<Reply, Failure> {
    match asked(ask, "today")? {
        Asked::Report(report, day) => {
            let show = Show { report, of: Of::Day(day), view: View::Whole };
            cards::show(ask.desk, show, Sight::Everything, ask.now).await
        }
        Asked::Days(period) => {
            let digest = bot::of_days(&ask.desk.settings, &ask.desk.store, period, ask.now).await?;
            Ok(Reply { parts: bot::messages(&digest)?, keyboard: Default::default() })
        }
    }
}

/// `/admin_funnel [N]`: the last 7 days by default.
pub(super) async fn funnel(ask: &Ask<'_>) -> Result<Reply, Failure> {
    plain(&figures::funnel(&digest(ask, "7").await?))
}

/// `/sources [N]`: the last 30 days by default.
pub(super) async fn sources(ask: &Ask<'_>) -> Result<Reply, Failure> {
    plain(&figures::sources(&digest(ask, "30").await?))
}

async fn digest(ask: &Ask<'_>, usual: &str) -> Result<BotDigest, Failure> {
    match asked(ask, usual)? {
        Asked::Report(report, day) => cards::load(ask.desk, report, Of::Day(day), ask.now).await?.read(),
        Asked::Days(period) => Ok(bot::of_days(&ask.desk.settings, &ask.desk.store, period, ask.now).await?),
    }
}

fn asked(ask: &Ask<'_>, usual: &str) -> Result<Asked, Failure> {
    let (settings, today) = (&ask.desk.settings, ask.desk.today(ask.now));
    if settings.bot.url.is_none() {
        return Err(Failure::Mistake(
            "База событий бота не подключена (ключ bot.url), чисел о нём нет.".to_owned(),
        ));
    }
    let text = args::folded(if ask.args.is_empty() { usual } else { ask.args });
    let last = |kind| Asked::Report(kind, report::span(kind).before(ask.now, settings.zone).from_on);
    Ok(match text.as_str() {
        "today" | "сегодня" | "день" => Asked::Report(ReportKind::BotDaily, today),
        "week" | "неделя" => last(ReportKind::BotWeekly),
        "month" | "месяц" => last(ReportKind::BotMonthly),
        text => {
            let number = text.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
            if let Some(days) = number.filter(|days| (1..=MOST_DAYS).contains(days)) {
                // Whole days only, up to yesterday: the day that is still running would pull every mean down.
                let from_on = today.checked_sub_days(Days::new(days)).unwrap_or(today);
                Asked::Days(Period::of_days(from_on, today, settings.zone))
            } else if let Some(day) = args::day(text, today) {
                Asked::Report(ReportKind::BotDaily, day)
            } else {
                let sentence = format!(
                    "Не понял, за какое время. Можно today, week, month, день или число дней до {MOST_DAYS}."
                );
                return Err(Failure::Mistake(sentence));
            }
        }
    })
}
