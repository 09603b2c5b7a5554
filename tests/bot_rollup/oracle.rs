//! Every figure once more, slowly: from the whole list of events, each by the words of its definition.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use svodka::clock::Instant;
use svodka::facts::Money;
use svodka::facts::bot::{BotDay, BotEventKind, BotFigures, BotStep, LabelCount, Retention, SourceFigures};

/// An event by what it means; how it was written in the table is another matter.
#[derive(Debug, Clone)]
pub struct Truth {
    pub id: i64,
    pub user_id: i64,
    pub at: Instant,
    pub kind: BotEventKind,
    pub malformed: u32,
    /// Which query this is a wording of.
    pub query_group: usize,
}

/// All events that the table holds, each once.
pub struct Oracle {
    pub zone: Tz,
    pub events: Vec<Truth>,
}

impl Oracle {
    pub fn figures(&self, from_on: NaiveDate, until_on: NaiveDate, known_until_on: NaiveDate) -> BotFigures {
        let window: Vec<&Truth> = self
            .sorted()
            .into_iter()
            .filter(|event| (from_on..until_on).contains(&self.day(event)))
            .collect();
        let users = |step: BotStep| {
            let of_step = window.iter().filter(|event| BotStep::of(&event.kind) == Some(step));
            of_step.map(|event| event.user_id).filter(|id| *id != 0).collect::<BTreeSet<_>>().len() as u64
        };
        let days = from_on.iter_days().take_while(|day_on| *day_on < until_on);
        BotFigures {
            from_on,
            until_on,
            days: days.map(|day_on| self.count(day_on)).collect(),
            active_users: users(BotStep::Session),
            cart_users: users(BotStep::Cart),
            funnel_open: BotStep::ALL.map(users),
            funnel_ordered: self.funnel(&window, known_until_on),
            retention: [1, 7, 30]
                .map(|days| self.retention(from_on, until_on, known_until_on, days, None))
                .to_vec(),
            sources: self.sources(&window, from_on, until_on, known_until_on),
            scenarios: labels(window.iter().filter_map(|event| match &event.kind {
                BotEventKind::Cart { scenario, .. } => scenario.clone(),
                _ => None,
            })),
            error_types: labels(window.iter().filter_map(|event| match &event.kind {
                BotEventKind::Error { error_type } => error_type.clone(),
                _ => None,
            })),
            unknown_types: labels(window.iter().filter_map(|event| match &event.kind {
                BotEventKind::Unknown(name) => Some(name.clone()),
                _ => None,
            })),
            top_queries: queries(&window, false),
            empty_queries: queries(&window, true),
            pmf_answers: {
                let mut last = BTreeMap::new();
                for event in &window {
                    if let (BotEventKind::Survey { pmf: Some(pmf) }, true) = (&event.kind, event.user_id != 0)
                    {
                        last.insert(event.user_id, pmf.clone());
                    }
                }
                labels(last.into_values())
            },
            ..BotFigures::default()
        }
    }

    fn sorted(&self) -> Vec<&Truth> {
        let mut events: Vec<&Truth> = self.events.iter().collect();
        events.sort_by_key(|event| (event.at, event.id));
        events
    }

    fn day(&self, event: &Truth) -> NaiveDate {
        event.at.with_timezone(&self.zone).date_naive()
    }

    fn count(&self, day_on: NaiveDate) -> BotDay {
        let mut day = BotDay { day_on, ..BotDay::default() };
        let (mut with_session, mut with_cart) = (BTreeSet::new(), BTreeSet::new());
        for event in self.events.iter().filter(|event| self.day(event) == day_on) {
            day.malformed_fields += u64::from(event.malformed);
            match &event.kind {
                BotEventKind::Start { is_new_user, .. } => {
                    day.starts += 1;
                    day.new_users += u64::from(*is_new_user == Some(true));
                }
                BotEventKind::Session => {
                    day.sessions += 1;
                    with_session.insert(event.user_id);
                }
                BotEventKind::Search { had_results, .. } => {
                    day.searches += 1;
                    day.searches_empty += u64::from(*had_results == Some(false));
                }
                BotEventKind::Cart { total, is_trial, .. } => {
                    day.carts_created += 1;
                    day.carts_with_sum += u64::from(total.is_some());
                    day.gmv = day.gmv + total.unwrap_or(Money(0));
                    day.trial_carts += u64::from(*is_trial == Some(true));
                    with_cart.insert(event.user_id);
                }
                BotEventKind::CartLimit => day.cart_limits_hit += 1,
                BotEventKind::Survey { .. } => day.surveys_completed += 1,
                BotEventKind::Error { .. } => day.errors += 1,
                BotEventKind::ReferralLinked => day.referral_links += 1,
                BotEventKind::ReferralBonus => day.referral_bonuses += 1,
                BotEventKind::FeedbackBonus => day.feedback_bonuses += 1,
                BotEventKind::Unknown(_) => day.unknown_events += 1,
            }
        }
        with_session.remove(&0);
        with_cart.remove(&0);
        (day.dau, day.cart_users) = (with_session.len() as u64, with_cart.len() as u64);
        day
    }

    /// What the user of an entry did from it on, while it counts.
    fn after<'a>(&'a self, entry: &'a Truth, known_until_on: NaiveDate) -> impl Iterator<Item = &'a Truth> {
        let last_on = self.day(entry) + Days::new(13);
        self.sorted().into_iter().filter(move |event| {
            event.user_id == entry.user_id
                && (event.at, event.id) > (entry.at, entry.id)
                && self.day(event) <= last_on
                && self.day(event) < known_until_on
        })
    }

    fn funnel(&self, window: &[&Truth], known_until_on: NaiveDate) -> [u64; 6] {
        let mut entered = BTreeSet::new();
        let mut reached = [0; 6];
        for entry in window {
            let is_start = matches!(entry.kind, BotEventKind::Start { .. });
            if !is_start || entry.user_id == 0 || !entered.insert(entry.user_id) {
                continue;
            }
            // An entry that is not known yet as of the day has no step.
            if self.day(entry) >= known_until_on {
                continue;
            }
            let mut steps = 1;
            for event in self.after(entry, known_until_on) {
                if BotStep::ALL.get(steps).copied() == BotStep::of(&event.kind) && steps < 6 {
                    steps += 1;
                }
            }
            reached.iter_mut().take(steps).for_each(|count| *count += 1);
        }
        reached
    }

    /// The first start ever of each user.
    fn first_starts(&self) -> Vec<&Truth> {
        let mut seen = BTreeSet::new();
        let starts =
            self.sorted().into_iter().filter(|event| matches!(event.kind, BotEventKind::Start { .. }));
        starts.filter(|event| event.user_id != 0 && seen.insert(event.user_id)).collect()
    }

    fn retention(
        &self,
        from_on: NaiveDate,
        until_on: NaiveDate,
        known_until_on: NaiveDate,
        day_n: u32,
        by: Option<&Option<String>>,
    ) -> Retention {
        let mut retention = Retention { day_n, cohort_users: 0, retained_users: 0 };
        for first in self.first_starts() {
            let first_on = self.day(first);
            let back_on = first_on + Days::new(u64::from(day_n));
            let is_in = (from_on..until_on).contains(&first_on) && back_on < known_until_on;
            if !is_in || by.is_some_and(|by| source(first) != by) {
                continue;
            }
            retention.cohort_users += 1;
            let came_back = self.events.iter().any(|event| {
                event.user_id == first.user_id
                    && event.kind == BotEventKind::Session
                    && self.day(event) == back_on
            });
            retention.retained_users += u64::from(came_back);
        }
        retention
    }

    fn sources(
        &self,
        window: &[&Truth],
        from_on: NaiveDate,
        until_on: NaiveDate,
        known_until_on: NaiveDate,
    ) -> Vec<SourceFigures> {
        let is_start =
            |event: &&&Truth| matches!(event.kind, BotEventKind::Start { .. }) && event.user_id != 0;
        let starts: Vec<&&Truth> = window.iter().filter(is_start).collect();
        let by: BTreeSet<&Option<String>> = starts.iter().map(|event| source(event)).collect();
        let mut sources: Vec<SourceFigures> = by
            .into_iter()
            .map(|by| {
                let starts: Vec<&&Truth> =
                    starts.iter().copied().filter(|event| source(event) == by).collect();
                let users: BTreeSet<i64> = starts.iter().map(|event| event.user_id).collect();
                let with_cart = users.iter().filter(|user_id| {
                    let entry = starts.iter().find(|event| event.user_id == **user_id).unwrap();
                    self.after(entry, known_until_on)
                        .any(|event| matches!(event.kind, BotEventKind::Cart { .. }))
                });
                let is_new = |event: &&&&Truth| {
                    matches!(event.kind, BotEventKind::Start { is_new_user: Some(true), .. })
                };
                SourceFigures {
                    source: by.clone(),
                    starts: starts.len() as u64,
                    new_users: starts.iter().filter(is_new).count() as u64,
                    users: users.len() as u64,
                    cart_users: with_cart.count() as u64,
                    d1: self.retention(from_on, until_on, known_until_on, 1, Some(by)),
                }
            })
            .collect();
        sources.sort_by(|a, b| b.starts.cmp(&a.starts).then_with(|| a.source.cmp(&b.source)));
        sources
    }
}

fn source(event: &Truth) -> &Option<String> {
    match &event.kind {
        BotEventKind::Start { source, .. } => source,
        other => panic!("{other:?} is no start"),
    }
}

fn labels(values: impl Iterator<Item = String>) -> Vec<LabelCount> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    let mut list: Vec<_> = counts.into_iter().map(|(label, count)| LabelCount { label, count }).collect();
    list.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    list
}

fn queries(window: &[&Truth], only_empty: bool) -> Vec<LabelCount> {
    let mut groups: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for event in window {
        if let BotEventKind::Search { query: Some(query), had_results } = &event.kind
            && (!only_empty || *had_results == Some(false))
        {
            groups.entry(event.query_group).or_default().push(query.clone());
        }
    }
    let mut list: Vec<LabelCount> = groups
        .into_values()
        .map(|wordings| {
            let count = wordings.len() as u64;
            LabelCount { label: labels(wordings.into_iter()).remove(0).label, count }
        })
        .collect();
    list.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    list
}
