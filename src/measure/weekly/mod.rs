//! The digest of a week or a month from facts: what changed, who moved, where it is heading, and examples to look at.
//!
//! Everything is as of the end of the period; nothing in it depends on the moment of the run. Values of earlier periods
//! come from facts where these reach, else from what earlier digests left in the history.

mod digest;
mod examples;
mod movers;
mod trends;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};

pub use digest::{
    Example, Examples, Mover, MoverSide, Movers, Streak, Trend, TrendMeasure, TrendWindow, WeeklyDigest,
    WeeklyManager,
};

pub(in crate::measure) use trends::{streak, windows};

use super::baseline::weekday_mean;
use super::behaviour;
use super::chat_lists::chat_lists;
use super::daily::{DailyInputs, NOBODY, Thresholds, channels, whole};
use super::digest::{Compared, Summary};
use super::figures::{Figures, Ground};
use super::headline::{Scale, Standing};
use super::{Period, Span};
use crate::clock::Instant;

/// A value that an earlier digest of the same span left behind: of the team, over a period that was covered.
#[derive(Debug, Clone, PartialEq)]
pub struct PastValue {
    /// Metric id.
    pub measure: String,
    /// First local day of the period.
    pub period_on: NaiveDate,
    pub value: f64,
}

/// Everything the digest is made from.
#[derive(Debug, Clone)]
pub struct WeeklyInputs<'a> {
    /// Facts of [`window`], and the period: a whole week or month.
    pub base: DailyInputs<'a>,
    /// [`Span::Week`] or [`Span::Month`]. With [`Span::Day`] the periods before are days.
    pub span: Span,
    pub history: &'a [PastValue],
}

/// Periods of this span that are counted from facts, the reported one included.
fn counted_periods(span: Span) -> usize {
    match span {
        Span::Day | Span::Week => trends::PERIODS,
        // Beyond that the facts of a month weigh more than its history rows are worth.
        Span::Month => 4,
    }
}

/// Periods before the reported one that say what is usual.
fn usual_periods(span: Span) -> usize {
    match span {
        Span::Day | Span::Week => 4,
        Span::Month => 3,
    }
}

/// The reported period and those before it, newest first.
pub fn periods(span: Span, period: &Period) -> Vec<Period> {
    std::iter::successors(Some(*period), |later| Some(span.previous(later))).take(trends::PERIODS).collect()
}

/// The window of facts that the digest of `period` needs.
pub fn window(span: Span, period: &Period, thresholds: &Thresholds) -> (Instant, Instant) {
    let mut counted = periods(span, period).into_iter().take(counted_periods(span));
    let first = counted.next_back().map_or(period.from, |first| first.from);
    let link = TimeDelta::from_std(thresholds.order_link_window).unwrap_or(TimeDelta::MAX);
    (first.checked_sub_signed(link).unwrap_or(first), period.to)
}

/// Computes the digest.
pub fn weekly(inputs: &WeeklyInputs<'_>) -> WeeklyDigest {
    let (base, span) = (&inputs.base, inputs.span);
    let ground = Ground::new(base);
    let periods = periods(span, &base.period);
    let counted: Vec<Figures> =
        periods.iter().take(counted_periods(span)).map(|period| ground.figures(period)).collect();
    // There are at least four: `counted_periods` says so.
    let (current, previous) = (&counted[0], &counted[1]);
    let usual = &counted[1..=usual_periods(span)];

    let compared = |summary: &dyn Fn(&Figures) -> Summary| Compared {
        current: summary(current),
        previous: previous.whole(summary(previous)),
        weekday: weekday_mean(&whole(usual, summary)),
    };
    let team = compared(&Figures::team);
    let headline = Standing {
        figures: current,
        current: &team.current,
        previous: &team.previous,
        weekdays: &whole(usual, &Figures::team),
        thresholds: &base.thresholds,
        scale: Scale::long(base.thresholds.no_reply_ratio),
    }
    .headline();

    let focuses = if span == Span::Week { behaviour::focuses(&ground, current) } else { BTreeMap::new() };
    let mut managers: Vec<WeeklyManager> = current
        .managers
        .keys()
        .map(|&id| WeeklyManager {
            id,
            name: id.map_or_else(|| NOBODY.to_owned(), |id| base.facts.directory.name(id)),
            numbers: compared(&|figures| figures.manager(id)),
            focus: id.and_then(|id| focuses.get(&id).copied()),
        })
        .collect();
    managers.sort_by_cached_key(|one| {
        let chats = one.numbers.current.chats.as_ref().map_or(0, |chats| chats.chats);
        (one.id.is_none(), Reverse(chats), one.name.clone(), one.id)
    });

    let mut channels = channels(&ground, current, previous);
    if !previous.chats.is_complete() {
        channels.iter_mut().for_each(|block| block.previous = None);
    }

    WeeklyDigest {
        public_id: base.public_id.clone(),
        span,
        period: base.period,
        slot_at: base.slot_at,
        computed_at: base.now,
        late_secs: base.late_secs,
        slow_first_reply_secs: base.thresholds.slow_first_reply.as_secs(),
        follow_up_gap_secs: base.thresholds.follow_up_gap.as_secs(),
        chat_coverage: current.chats,
        order_coverage: current.orders,
        chats_known_until: base.chats.map(|span| span.until),
        orders_known_until: base.orders.map(|span| span.until),
        headline,
        movers: movers::movers(current, &managers),
        trends: trends::trends(&periods, &counted, inputs.history),
        examples: examples::examples(&ground, current),
        lists: chat_lists(&ground, current),
        channels,
        team,
        managers,
        currency: ground.currency,
    }
}
