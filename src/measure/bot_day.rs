//! One local day of the bot, folded event by event: the day's events are never in memory together.
//!
//! Both databases of the bot come through here, so that what is unknown, malformed or said twice counts alike on both.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use crate::clock::Instant;
use crate::facts::bot::{BotDay, BotEvent, BotEventKind, BotStep};
use crate::facts::bot_days::{BotRollup, DayEntry, DayLabel, DayQuery, LabelKind, Path, Steps, UserDay};
use crate::text::token::{TokenKind, fold, tokens};

/// A day under way.
#[derive(Debug, Default)]
pub struct DayFold {
    day: BotDay,
    users: HashMap<i64, UserFold>,
    labels: BTreeMap<(LabelKind, String), u64>,
    /// Searches and empty searches by wording.
    queries: HashMap<String, (u64, u64)>,
    last: Option<(Instant, i64)>,
}

#[derive(Debug, Default)]
struct UserFold {
    steps: Steps,
    path: Path,
    /// By source, in the order of their first starts.
    entries: Vec<DayEntry>,
    pmf: Option<String>,
}

impl DayFold {
    pub fn new(day_on: NaiveDate) -> Self {
        Self { day: BotDay { day_on, ..BotDay::default() }, ..Self::default() }
    }

    /// Counts the next event; events come ordered by `(created_at, id)`. One that repeats the place of the one before it is
    /// the same event read twice and counts once.
    pub fn add(&mut self, event: BotEvent) {
        let place = (event.created_at, event.id);
        if self.last == Some(place) {
            return;
        }
        self.last = Some(place);
        self.day.malformed_fields += u64::from(event.malformed);
        if event.user_id != 0 {
            self.users.entry(event.user_id).or_default().add(event.user_id, &event.kind);
        }
        self.count(event.kind);
    }

    fn count(&mut self, kind: BotEventKind) {
        let day = &mut self.day;
        match kind {
            BotEventKind::Start { is_new_user, .. } => {
                day.starts += 1;
                day.new_users += u64::from(is_new_user == Some(true));
            }
            BotEventKind::Session => day.sessions += 1,
            BotEventKind::Search { query, had_results } => {
                let is_empty = had_results == Some(false);
                day.searches += 1;
                day.searches_empty += u64::from(is_empty);
                if let Some(query) = query {
                    let (searches, empty) = self.queries.entry(query).or_default();
                    *searches += 1;
                    *empty += u64::from(is_empty);
                }
            }
            BotEventKind::Cart { total, scenario, is_trial } => {
                day.carts_created += 1;
                day.trial_carts += u64::from(is_trial == Some(true));
                if let Some(total) = total {
                    day.carts_with_sum += 1;
                    day.gmv = day.gmv + total;
                }
                self.label(LabelKind::Scenario, scenario);
            }
            BotEventKind::CartLimit => day.cart_limits_hit += 1,
            BotEventKind::Survey { .. } => day.surveys_completed += 1,
            BotEventKind::Error { error_type } => {
                day.errors += 1;
                self.label(LabelKind::ErrorType, error_type);
            }
            BotEventKind::ReferralLinked => day.referral_links += 1,
            BotEventKind::ReferralBonus => day.referral_bonuses += 1,
            BotEventKind::FeedbackBonus => day.feedback_bonuses += 1,
            BotEventKind::Unknown(name) => {
                day.unknown_events += 1;
                self.label(LabelKind::UnknownType, Some(name));
            }
        }
    }

    fn label(&mut self, kind: LabelKind, label: Option<String>) {
        if let Some(label) = label {
            *self.labels.entry((kind, label)).or_default() += 1;
        }
    }

    /// The day in rows, in a stable order.
    pub fn finish(mut self) -> BotRollup {
        let mut users: Vec<_> = self.users.into_iter().collect();
        users.sort_unstable_by_key(|(user_id, _)| *user_id);
        let with = |step: BotStep| users.iter().filter(|(_, user)| user.steps.has(step)).count() as u64;
        self.day.dau = with(BotStep::Session);
        self.day.cart_users = with(BotStep::Cart);
        let mut rollup = BotRollup { day: self.day, ..BotRollup::default() };
        for (user_id, user) in users {
            if user.steps != Steps::default() {
                rollup.users.push(UserDay { user_id, steps: user.steps, path: user.path });
            }
            rollup.entries.extend(user.entries);
            rollup.surveys.extend(user.pmf.map(|pmf| (user_id, pmf)));
        }
        rollup.labels =
            self.labels.into_iter().map(|((kind, label), count)| DayLabel { kind, label, count }).collect();
        rollup.queries = self
            .queries
            .into_iter()
            .map(|(query, (searches, empty))| DayQuery { key: query_key(&query), query, searches, empty })
            .collect();
        rollup.queries.sort_unstable_by(|a, b| (&a.key, &a.query).cmp(&(&b.key, &b.query)));
        rollup
    }
}

impl UserFold {
    fn add(&mut self, user_id: i64, kind: &BotEventKind) {
        if let Some(step) = BotStep::of(kind) {
            self.steps.add(step);
            self.path.then(step);
        }
        match kind {
            BotEventKind::Start { source, is_new_user } => {
                let place = self.entries.iter().position(|entry| entry.source == *source);
                let place = place.unwrap_or_else(|| {
                    self.entries.push(DayEntry {
                        user_id,
                        source: source.clone(),
                        starts: 0,
                        new_users: 0,
                        is_first: self.entries.is_empty(),
                        is_carted: false,
                    });
                    self.entries.len() - 1
                });
                self.entries[place].starts += 1;
                self.entries[place].new_users += u64::from(*is_new_user == Some(true));
            }
            BotEventKind::Cart { .. } => self.entries.iter_mut().for_each(|entry| entry.is_carted = true),
            BotEventKind::Survey { pmf: Some(pmf) } => self.pmf = Some(pmf.clone()),
            _ => {}
        }
    }
}

/// What the wordings of one query have in common: the stems of its words and its numbers. A query of signs alone stands
/// for itself.
pub fn query_key(query: &str) -> String {
    let words: Vec<String> = tokens(query)
        .into_iter()
        .filter_map(|token| match token.kind {
            TokenKind::Word => Some(token.stem),
            TokenKind::Number => Some(token.folded),
            TokenKind::Mark => None,
        })
        .collect();
    if words.is_empty() { fold(query) } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_and_capitals_of_a_query_are_one_and_numbers_are_not() {
        assert_eq!(query_key("Зелёный чай!"), query_key("зеленого чая"));
        assert_ne!(query_key("айфон 14"), query_key("айфон 15"));
        assert_eq!(query_key("🎁"), "🎁");
    }
}
