//! Figures of a bot, day by day, and the digest made from them.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use chrono::{Days, NaiveDate, TimeDelta};
use chrono_tz::Tz;
use svodka::facts::bot::{BotDay, BotFigures, LabelCount, ModelTokens, Retention, SourceFigures};
use svodka::facts::{CoverageSpan, Money};
use svodka::measure::bot::{
    BotDigest, BotInputs, BotWindow, CostFigures, ModelCost, PeriodWindows, Window, Windows, bot_digest,
};
use svodka::measure::period::start_of_day;
use svodka::measure::{Period, Span};

pub fn on(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

pub fn labels(of: &[(&str, u64)]) -> Vec<LabelCount> {
    of.iter().map(|(label, count)| LabelCount { label: (*label).to_owned(), count: *count }).collect()
}

/// A bot that does about the same every day, `size` times as much.
pub struct Shop {
    pub zone: Tz,
    pub span: Span,
    /// A day of the period.
    pub day_on: NaiveDate,
    pub size: u64,
    pub events: Option<CoverageSpan>,
    pub tokens: Option<CoverageSpan>,
    pub costs: Option<CostFigures>,
    pub conversion_estimate: Option<f64>,
    /// Changes the figures of the period itself.
    pub change: fn(&mut BotFigures),
}

impl Shop {
    pub fn new(span: Span, day_on: NaiveDate) -> Self {
        let zone = chrono_tz::Europe::Moscow;
        let known = CoverageSpan {
            from: start_of_day(on(2025, 1, 1), zone),
            until: start_of_day(day_on, zone) + TimeDelta::days(60),
        };
        let costs = CostFigures {
            currency: "RUB".to_owned(),
            models: vec![ModelCost { model: "small".to_owned(), micros: 341_500_000 }],
            unpriced: Vec::new(),
        };
        Self {
            zone,
            span,
            day_on,
            size: 10,
            events: Some(known),
            tokens: Some(known),
            costs: Some(costs),
            conversion_estimate: None,
            change: |_| {},
        }
    }

    pub fn period(&self) -> Period {
        self.span.containing(self.day_on, self.zone)
    }

    pub fn digest(&self) -> BotDigest {
        let period = self.period();
        let windows = Windows::of(self.span, &period);
        let mut current = self.window(&windows.current);
        (self.change)(&mut current.figures);
        let previous = self.window(&windows.previous);
        let history = self.figures(windows.history);
        let cohorts: Vec<_> = windows.cohorts.iter().map(|week| self.figures(*week)).collect();
        let slot_at = period.to + TimeDelta::hours(9);
        bot_digest(&BotInputs {
            span: self.span,
            period,
            slot_at,
            now: slot_at,
            public_id: "b-0820-k3f9".to_owned(),
            late_secs: None,
            current: &current,
            previous: &previous,
            history: &history,
            cohorts: &cohorts,
            currency: "RUB".to_owned(),
            conversion_estimate: self.conversion_estimate,
        })
    }

    fn window(&self, windows: &PeriodWindows) -> BotWindow {
        BotWindow {
            figures: self.figures(windows.whole),
            returning: windows.returning.map(|window| self.figures(window)),
            month: self.figures(windows.month),
            cost: self.costs.clone(),
        }
    }

    fn figures(&self, window: Window) -> BotFigures {
        let days: Vec<BotDay> = window
            .from_on
            .iter_days()
            .take_while(|day| *day < window.until_on)
            .map(|day| self.day(day))
            .collect();
        let n = days.len() as u64 * self.size;
        let known = |day_n: u32| {
            let mature = (window.known_until_on - window.from_on).num_days() - i64::from(day_n);
            let cohorts = mature.clamp(0, days.len() as i64) as u64;
            let of = 3 * cohorts * self.size;
            Retention { day_n, cohort_users: of, retained_users: of / (3 + u64::from(day_n) / 5) }
        };
        let source = |name: Option<&str>, share: u64| SourceFigures {
            source: name.map(str::to_owned),
            starts: n * 4 / share,
            new_users: n * 3 / share,
            users: n * 3 / share,
            cart_users: n / share,
            d1: Retention { day_n: 1, ..known(1) },
        };
        BotFigures {
            from_on: window.from_on,
            until_on: window.until_on,
            active_users: n * 4,
            cart_users: n * 2,
            funnel_open: [n * 4, n * 3, n * 2, n, n / 5, n / 10],
            funnel_ordered: [n * 4, n * 2, n, n / 2, n / 20, 0],
            retention: vec![known(1), known(7), known(30)],
            sources: if n == 0 {
                Vec::new()
            } else {
                vec![source(Some("instagram"), 2), source(Some("vk.com"), 4), source(None, 8)]
            },
            scenarios: labels(&[("подарок", n * 2), ("для себя", n)]),
            error_types: labels(&[("llm_timeout", n / 10), ("search_failed", n / 20)]),
            top_queries: labels(&[("зелёный чай", n), ("пуэр", n / 2)]),
            empty_queries: labels(&[("матча", n / 4)]),
            pmf_answers: labels(&[("very", n / 4), ("somewhat", n / 4)]),
            tokens: vec![ModelTokens {
                model: "small".to_owned(),
                calls: n * 5,
                billable_tokens: n * 1_200,
                ..ModelTokens::default()
            }],
            events_coverage: self.events,
            tokens_coverage: self.tokens,
            unknown_types: Vec::new(),
            days,
        }
    }

    fn day(&self, day_on: NaiveDate) -> BotDay {
        let n = self.size;
        BotDay {
            day_on,
            dau: n * 3,
            starts: n * 4,
            new_users: n * 3,
            sessions: n * 5,
            searches: n * 6,
            searches_empty: n,
            carts_created: n * 3,
            carts_with_sum: n * 3,
            gmv: Money(n as i64 * 3 * 234_000),
            cart_users: n * 2,
            cart_limits_hit: n / 5,
            surveys_completed: n / 10,
            errors: n / 5,
            ..BotDay::default()
        }
    }
}

/// Known up to so many hours into the period.
pub fn until_hours(shop: &Shop, hours: i64) -> Option<CoverageSpan> {
    let period = shop.period();
    Some(CoverageSpan { from: period.from - Days::new(100), until: period.from + TimeDelta::hours(hours) })
}
