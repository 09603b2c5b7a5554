//! From the figures of a period to its measures.

use super::digest::{BotSummary, CostFigures, SourceRow, Spending};
use super::windows::RETENTION_DAYS;
use super::{BotWindow, CohortRow};
use crate::facts::Money;
use crate::facts::bot::{BotDay, BotFigures, Retention};
use crate::measure::digest::Ratio;

/// The answer of those who could not do without the bot.
const PMF_BEST: &str = "very";
/// Millionths in a minor unit.
pub const MICROS_PER_MINOR: i64 = 10_000;

/// The measures of a period known from end to end.
pub(super) fn whole(window: &BotWindow, has_cohorts: [bool; 3], has_month: bool) -> BotSummary {
    let figures = &window.figures;
    let counts = counts(figures);
    let returning = |index: usize| {
        let days = has_cohorts[index].then(|| &window.returning[index])?;
        mature(&days.retention, RETENTION_DAYS[index])
    };
    let answered: u64 = figures.pmf_answers.iter().map(|answer| answer.count).sum();
    let best = figures.pmf_answers.iter().filter(|answer| answer.label == PMF_BEST);
    BotSummary {
        dau_mean: mean_dau(&figures.days),
        stickiness: has_month.then(|| stickiness(&window.month)).flatten(),
        retention_d1: returning(0),
        retention_d7: returning(1),
        retention_d30: returning(2),
        searches_empty_ratio: Ratio::of(counts.searches_empty, counts.searches),
        carts_per_user: (counts.cart_users > 0)
            .then(|| counts.carts_created as f64 / counts.cart_users as f64),
        average_cart: average(counts.gmv, figures.days.iter().map(|day| day.carts_with_sum).sum()),
        pmf_score: Ratio::of(best.map(|answer| answer.count).sum(), answered),
        error_ratio: Ratio::of(counts.errors, counts.searches + counts.carts_created + counts.errors),
        ..counts
    }
}

/// Counts and sums alone: lower bounds of a period that is not known to its end.
pub(super) fn counts(figures: &BotFigures) -> BotSummary {
    let sum = |value: fn(&BotDay) -> u64| figures.days.iter().map(value).sum();
    BotSummary {
        days: figures.days.len() as u64,
        active_users: figures.active_users,
        new_users: sum(|day| day.new_users),
        starts: sum(|day| day.starts),
        sessions: sum(|day| day.sessions),
        searches: sum(|day| day.searches),
        searches_empty: sum(|day| day.searches_empty),
        carts_created: sum(|day| day.carts_created),
        cart_users: figures.cart_users,
        trial_carts: sum(|day| day.trial_carts),
        gmv: figures.days.iter().map(|day| day.gmv).sum(),
        cart_limits_hit: sum(|day| day.cart_limits_hit),
        surveys_completed: sum(|day| day.surveys_completed),
        referral_links: sum(|day| day.referral_links),
        referral_bonuses: sum(|day| day.referral_bonuses),
        feedback_bonuses: sum(|day| day.feedback_bonuses),
        errors: sum(|day| day.errors),
        unknown_events: sum(|day| day.unknown_events),
        malformed_fields: sum(|day| day.malformed_fields),
        funnel_open: figures.funnel_open,
        funnel_ordered: figures.funnel_ordered,
        ..BotSummary::default()
    }
}

/// Tokens of the period with their price; `active_users` only where both sources know the whole period.
pub(super) fn spending(
    figures: &BotFigures,
    cost: Option<&CostFigures>,
    active_users: Option<u64>,
) -> Spending {
    let mut models = figures.tokens.clone();
    models.sort_by(|a, b| b.billable_tokens.cmp(&a.billable_tokens).then_with(|| a.model.cmp(&b.model)));
    let per_user = |cost: &CostFigures| {
        let users = i64::try_from(active_users?).ok().filter(|&users| users > 0)?;
        cost.unpriced.is_empty().then(|| divided(cost.micros(), users))
    };
    Spending {
        tokens_used: models.iter().fold(0, |sum: u64, model| sum.saturating_add(model.billable_tokens)),
        models,
        cost: cost.cloned(),
        cost_per_user_micros: cost.and_then(per_user),
    }
}

/// The sources; conversions only of a period known from end to end.
pub(super) fn sources(figures: &BotFigures, is_whole: bool) -> Vec<SourceRow> {
    figures
        .sources
        .iter()
        .map(|source| SourceRow {
            source: source.source.clone(),
            starts: source.starts,
            new_users: source.new_users,
            cart_conversion: Ratio::of(source.cart_users, source.users).filter(|_| is_whole),
            retention_d1: Ratio::of(source.d1.retained_users, source.d1.cohort_users).filter(|_| is_whole),
        })
        .collect()
}

/// A row of the cohort table.
pub(super) fn cohort(figures: &BotFigures) -> CohortRow {
    let of = |day_n| mature(&figures.retention, day_n);
    CohortRow { from_on: figures.from_on, retention_d1: of(1), retention_d7: of(7), retention_d30: of(30) }
}

fn mature(retention: &[Retention], day_n: u32) -> Option<Ratio> {
    let found = retention.iter().find(|one| one.day_n == day_n)?;
    Ratio::of(found.retained_users, found.cohort_users)
}

fn mean_dau(days: &[BotDay]) -> Option<f64> {
    (!days.is_empty()).then(|| days.iter().map(|day| day.dau as f64).sum::<f64>() / days.len() as f64)
}

fn stickiness(month: &BotFigures) -> Option<f64> {
    let users = Some(month.active_users).filter(|&users| users > 0)?;
    Some(mean_dau(&month.days)? / users as f64)
}

fn average(sum: Money, count: u64) -> Option<Money> {
    let count = i64::try_from(count).ok().filter(|&count| count > 0)?;
    Some(Money(divided(sum.0, count)))
}

/// Rounded, halves away from zero.
fn divided(sum: i64, count: i64) -> i64 {
    let (sum, count) = (i128::from(sum), i128::from(count));
    let rounded = (sum.abs() * 2 + count) / (count * 2) * sum.signum();
    i64::try_from(rounded).unwrap_or(i64::MAX)
}
