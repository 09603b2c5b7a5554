//! What stands out: the first line of a digest and its warnings.
//!
//! Says nothing where a source is not wholly known or where there is too little to compare: a quiet line is better
//! than a false alarm.

use super::daily::Thresholds;
use super::digest::{Coverage, Headline, Ratio, Summary, Warning};
use super::figures::Figures;
use super::percentile::mean;
use crate::facts::Money;

/// First responses of the day below which times are compared with nothing.
const MIN_ANSWERED: usize = 5;
/// Conversations with an inbound message below which a ratio is compared with nothing, and warned about never.
const MIN_RATIO_WHOLE: u64 = 10;
/// Days with a value below which nothing is "usual".
const MIN_USUAL_DAYS: usize = 2;

/// From where on a difference is news. A day swings by itself; over a week or a month the same swing means something.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Share of conversations without any reply above which that is the news, 0..1.
    pub no_reply: f64,
    /// The first-response median against the usual one: at least so many times, and so many seconds above it.
    pub slower_factor: f64,
    pub slower_by_secs: f64,
    pub faster_factor: f64,
    /// Revenue against the usual one.
    pub revenue_down_factor: f64,
    pub revenue_up_factor: f64,
}

impl Scale {
    /// Of a day every single conversation without a reply is news.
    pub const DAY: Self = Self {
        no_reply: 0.0,
        slower_factor: 1.5,
        slower_by_secs: 120.0,
        faster_factor: 0.7,
        revenue_down_factor: 0.7,
        revenue_up_factor: 1.3,
    };

    /// A week or a month. In it somebody always slips through; the news is that it were more than the share allowed.
    pub fn long(no_reply: f64) -> Self {
        Self {
            no_reply,
            slower_factor: 1.25,
            slower_by_secs: 60.0,
            faster_factor: 0.8,
            revenue_down_factor: 0.85,
            revenue_up_factor: 1.15,
        }
    }
}

/// The period, the one before and the usual ones, of the team.
#[derive(Debug)]
pub struct Standing<'a> {
    pub figures: &'a Figures,
    pub current: &'a Summary,
    pub previous: &'a Summary,
    /// Those the period is usually like; whole ones only.
    pub weekdays: &'a [Summary],
    pub thresholds: &'a Thresholds,
    pub scale: Scale,
}

impl Standing<'_> {
    /// The first that applies, worst news first.
    pub fn headline(&self) -> Headline {
        if self.figures.chats == Coverage::Missing {
            return Headline::NoData;
        }
        self.quiet()
            .or_else(|| self.unanswered())
            .or_else(|| self.slower())
            .or_else(|| self.ratio_drop().map(|(from, to)| Headline::RatioDown { from, to }))
            .or_else(|| {
                self.revenue(|revenue, usual| revenue <= self.scale.revenue_down_factor * usual)
                    .map(|(revenue, usual)| Headline::RevenueDown { revenue, usual })
            })
            .or_else(|| self.faster())
            .or_else(|| {
                self.revenue(|revenue, usual| revenue >= self.scale.revenue_up_factor * usual)
                    .map(|(revenue, usual)| Headline::RevenueUp { revenue, usual })
            })
            .unwrap_or(Headline::Steady)
    }

    /// Every threshold that is crossed.
    pub fn warnings(&self) -> Vec<Warning> {
        let ratio_down = self.ratio_drop().map(|(from, to)| Warning::ResponseRatioDown { from, to });
        let chats = self.current.chats.as_ref().filter(|_| self.figures.chats.is_complete());
        let no_reply = chats
            .and_then(|chats| Ratio::of(chats.no_reply_chats, chats.inbound_chats))
            .filter(|ratio| ratio.whole >= MIN_RATIO_WHOLE)
            .filter(|ratio| ratio.value() > self.thresholds.no_reply_ratio)
            .map(|no_reply| Warning::NoReplyHigh { no_reply });
        let limit = self.thresholds.first_response_median;
        let slow = self.first_response().filter(|median_secs| *median_secs > limit.as_secs_f64()).map(
            |median_secs| Warning::FirstResponseSlow { median_secs, limit_secs: limit.as_secs() as i64 },
        );
        [ratio_down, no_reply, slow].into_iter().flatten().collect()
    }

    fn quiet(&self) -> Option<Headline> {
        let is_known = self.figures.chats.is_complete() && self.figures.orders.is_complete();
        let (chats, orders) = (self.current.chats.as_ref()?, self.current.orders.as_ref()?);
        (is_known && chats.chats == 0 && orders.orders == 0).then_some(Headline::Quiet)
    }

    fn unanswered(&self) -> Option<Headline> {
        let chats = self.current.chats.as_ref().filter(|_| self.figures.chats.is_complete())?;
        let (no_reply_chats, inbound_chats) = (chats.no_reply_chats, chats.inbound_chats);
        let is_news =
            Ratio::of(no_reply_chats, inbound_chats).is_some_and(|ratio| ratio.value() > self.scale.no_reply);
        is_news.then_some(Headline::Unanswered { no_reply_chats, inbound_chats })
    }

    fn slower(&self) -> Option<Headline> {
        let (median_secs, usual_secs) = (self.first_response()?, self.usual_first_response()?);
        let is_slower = median_secs >= self.scale.slower_factor * usual_secs
            && median_secs - usual_secs >= self.scale.slower_by_secs;
        is_slower.then_some(Headline::Slower { median_secs, usual_secs })
    }

    fn faster(&self) -> Option<Headline> {
        let (median_secs, usual_secs) = (self.first_response()?, self.usual_first_response()?);
        let is_faster = usual_secs > 0.0 && median_secs <= self.scale.faster_factor * usual_secs;
        is_faster.then_some(Headline::Faster { median_secs, usual_secs })
    }

    /// The day's median, when enough conversations got their first answer.
    fn first_response(&self) -> Option<f64> {
        let median_secs = self.current.chats.as_ref()?.first_response_median_secs?;
        (self.figures.team.chats.first_response_secs.len() >= MIN_ANSWERED).then_some(median_secs)
    }

    fn usual_first_response(&self) -> Option<f64> {
        usual(self.weekdays.iter().filter_map(|day| day.chats.as_ref()?.first_response_median_secs))
    }

    /// The ratio of the day before and of the day, when it fell by more than the threshold.
    fn ratio_drop(&self) -> Option<(Ratio, Ratio)> {
        let ratio = |summary: &Summary| summary.chats.as_ref()?.response_ratio;
        let (from, to) = (ratio(self.previous)?, ratio(self.current)?);
        let is_enough = from.whole >= MIN_RATIO_WHOLE && to.whole >= MIN_RATIO_WHOLE;
        let has_fallen = from.value() - to.value() > self.thresholds.response_ratio_drop;
        (is_enough && has_fallen).then_some((from, to))
    }

    /// The day's revenue and the usual one, when `stands_out` says so.
    fn revenue(&self, stands_out: impl Fn(f64, f64) -> bool) -> Option<(Money, Money)> {
        let revenue = self.current.orders.as_ref().filter(|_| self.figures.orders.is_complete())?.revenue;
        let revenues = self.weekdays.iter().filter_map(|day| Some(day.orders.as_ref()?.revenue.0 as f64));
        let usual = usual(revenues).filter(|usual| *usual > 0.0)?;
        stands_out(revenue.0 as f64, usual).then_some((revenue, Money(usual.round() as i64)))
    }
}

fn usual(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    mean(&values).filter(|_| values.len() >= MIN_USUAL_DAYS)
}
