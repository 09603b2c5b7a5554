//! The bot's digests of a day, a week and a month: from a slot to messages in the outbox.

use std::collections::BTreeMap;

use super::report::{self, Made, Patience, body, public_id};
use super::{Work, rollup};
use crate::clock::Instant;
use crate::collect::bot_events::SOURCE_BOT_EVENTS;
use crate::facts::bot::{BotFigures, LabelCount};
use crate::facts::llm::LlmDay;
use crate::measure::bot::{
    BotDigest, BotInputs, BotWindow, CostFigures, ModelCost, PeriodWindows, Window, Windows, bot_digest,
    bot_rows,
};
use crate::measure::llm_cost::llm_costs;
use crate::measure::{Period, Span};
use crate::render::Part;
use crate::render::bot::render;
use crate::render::tree::parts;
use crate::schedule::runner::{JobContext, JobError};
use crate::schedule::{Job, ReportKind};
use crate::settings::Settings;
use crate::store::Store;
use crate::store::runs::{RunResult, RunRow};

/// One attempt at a digest of the bot, with its events counted first; see [`report::conclude`]. It goes out by its deadline:
/// tokens and their cost are told whatever the events.
pub async fn run(work: &Work, job: &Job, context: &JobContext) -> Result<RunResult, JobError> {
    let refresh = Box::pin(rollup::refresh(work, context));
    report::conclude(work, job, context, &[SOURCE_BOT_EVENTS], Patience::Deadline, refresh).await
}

/// The digest of the day, week or month before the run's slot, from what is stored. Reads the store, sends nothing.
pub async fn make(
    settings: &Settings,
    store: &Store,
    report: ReportKind,
    run: &RunRow,
    now: Instant,
) -> Result<Made, JobError> {
    let digest = compute(settings, store, report, run, now).await?;
    Ok(Made {
        report,
        public_id: digest.public_id.clone(),
        period: digest.period,
        body: body(&digest)?,
        parts: messages(&digest)?,
        own_parts: BTreeMap::new(),
        history: report::history(report, &digest.period, bot_rows(&digest)),
    })
}

/// The digest in Telegram messages.
pub fn messages(digest: &BotDigest) -> Result<Vec<Part>, JobError> {
    render(digest).and_then(|report| parts(&report)).map_err(report::render_failed)
}

/// The digest of any whole days, from what is stored; compared with as many days before.
pub async fn of_days(
    settings: &Settings,
    store: &Store,
    period: Period,
    now: Instant,
) -> Result<BotDigest, JobError> {
    let run = RunRow::unrecorded("bot_days", period.to, now);
    of_period(settings, store, Span::Week, period, &run, now).await
}

async fn compute(
    settings: &Settings,
    store: &Store,
    report: ReportKind,
    run: &RunRow,
    now: Instant,
) -> Result<BotDigest, JobError> {
    let span = report::span(report);
    of_period(settings, store, span, span.before(run.slot_at, settings.zone), run, now).await
}

async fn of_period(
    settings: &Settings,
    store: &Store,
    span: Span,
    period: Period,
    run: &RunRow,
    now: Instant,
) -> Result<BotDigest, JobError> {
    let windows = Windows::of(span, &period);
    let current = window(store, settings, &windows.current).await?;
    let previous = window(store, settings, &windows.previous).await?;
    let history = of(store, windows.history).await?;
    let mut cohorts = Vec::with_capacity(windows.cohorts.len());
    for week in windows.cohorts {
        cohorts.push(of(store, week).await?);
    }
    let kind = match span {
        Span::Day => "b",
        Span::Week => "bw",
        Span::Month => "bm",
    };
    let public_id = public_id(kind, &run.job, &period);
    let (slot_at, late_secs) = (run.slot_at, report::late_secs(run, now));
    let (currency, conversion_estimate) =
        (settings.bot_digest.currency.clone(), settings.bot_digest.conversion_estimate);
    report::measured(move || {
        bot_digest(&BotInputs {
            span,
            period,
            slot_at,
            now,
            public_id,
            late_secs,
            current: &current,
            previous: &previous,
            history: &history,
            cohorts: &cohorts,
            currency,
            conversion_estimate,
        })
    })
    .await
}

async fn window(store: &Store, settings: &Settings, windows: &PeriodWindows) -> Result<BotWindow, JobError> {
    let [first, seventh, thirtieth] = windows.returning;
    let days = store.llm_days(windows.whole.from_on, windows.whole.until_on).await?;
    let mut figures = of(store, windows.whole).await?;
    figures.scenarios = titled(&figures.scenarios, &settings.bot.scenarios);
    Ok(BotWindow {
        figures,
        returning: [of(store, first).await?, of(store, seventh).await?, of(store, thirtieth).await?],
        month: of(store, windows.month).await?,
        cost: (!settings.llm.prices.is_empty()).then(|| cost(&days, settings)),
    })
}

async fn of(store: &Store, window: Window) -> Result<BotFigures, JobError> {
    Ok(store.bot_figures(window.from_on, window.until_on, window.known_until_on).await?)
}

/// Scenarios by the titles that the configuration gives them, or else by the bot's own names in quotes. Most first.
fn titled(scenarios: &[LabelCount], titles: &BTreeMap<String, String>) -> Vec<LabelCount> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for LabelCount { label, count } in scenarios {
        // Names from the environment are in small letters.
        let title = titles.get(label).or_else(|| titles.get(&label.to_lowercase()));
        *counts.entry(title.cloned().unwrap_or_else(|| format!("«{label}»"))).or_default() += count;
    }
    let mut titled: Vec<_> = counts.into_iter().map(|(label, count)| LabelCount { label, count }).collect();
    titled.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    titled
}

/// What the tokens cost. Sums of two currencies cannot be added: a model priced in another one counts as without a price.
fn cost(days: &[LlmDay], settings: &Settings) -> CostFigures {
    let costs = llm_costs(days, &settings.llm.prices);
    let currency = &settings.bot_digest.currency;
    let (own, foreign): (Vec<_>, Vec<_>) = costs.by_model.iter().partition(|((_, of), _)| of == currency);
    let models = own
        .into_iter()
        .map(|((model, _), cost)| ModelCost { model: model.clone(), micros: cost.to_micros() })
        .collect();
    let mut unpriced = costs.unpriced;
    unpriced.extend(foreign.into_iter().map(|((model, _), _)| model.clone()));
    CostFigures { currency: currency.clone(), models, unpriced: unpriced.into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_has_its_title_or_its_own_name_in_quotes_and_equal_titles_are_one() {
        let one = |label: &str, count| LabelCount { label: label.to_owned(), count };
        let titles = [("gift", "Подарок"), ("present", "Подарок")];
        let titles = titles.map(|(name, title)| (name.to_owned(), title.to_owned())).into();
        let scenarios = [one("daily_tea", 4), one("GIFT", 3), one("present", 2)];
        assert_eq!(titled(&scenarios, &titles), [one("Подарок", 5), one("«daily_tea»", 4)]);
    }
}
