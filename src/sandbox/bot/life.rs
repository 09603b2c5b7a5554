//! One user's life with the bot: comes, looks around, fills carts, meets the limit, answers the survey, stays away.

use chrono::{NaiveDate, TimeDelta};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::log::call;
use super::queries::QUERIES;
use super::{BotRecords, BotWorld, EventRow, chance_of, days};
use crate::clock::Instant;
use crate::sandbox::shop::chance::{between, chance, hesitation, unit, weighted};

/// Where users come from, with their share and how well they stay.
const SOURCES: &[(Option<&str>, f64, f64)] = &[
    (Some("instagram_bio"), 0.36, 0.85),
    (Some("qr_shop"), 0.18, 1.25),
    (Some("direct"), 0.17, 1.0),
    (Some("referral"), 0.13, 1.35),
    (Some("telegram_ads"), 0.11, 0.55),
    (None, 0.05, 0.9),
];
const SCENARIOS: &[(&str, f64)] =
    &[("gift", 0.30), ("for_myself", 0.34), ("beginner_set", 0.16), ("by_mood", 0.12), ("office", 0.08)];
const PMF: &[(&str, f64)] = &[("very", 0.41), ("somewhat", 0.39), ("not", 0.20)];
const FEATURES: &[(&str, f64)] = &[("cart", 0.45), ("search", 0.30), ("brewing_advice", 0.25)];
const ERRORS: &[(&str, &str, f64)] = &[
    ("llm_timeout", "no answer in 30 s", 0.55),
    ("catalog_unavailable", "catalog answered 502", 0.20),
    ("telegram_api", "Too Many Requests: retry after 3", 0.15),
    ("parse_error", "answer is not the expected JSON", 0.10),
];
/// Carts that a user gets for nothing.
const CART_LIMIT: i64 = 3;

/// The user in the making.
struct User<'a> {
    world: &'a BotWorld,
    rng: ChaCha8Rng,
    records: &'a mut BotRecords,
    id: i64,
    arrived_at: Instant,
    arrived_on: NaiveDate,
    /// The next thing happens not before.
    now: Instant,
    carts: i64,
    cart_limit: i64,
    has_met_limit: bool,
    has_answered: bool,
    last_session_on: Option<NaiveDate>,
}

/// Telegram's id of the user with this number: never one of a real person's range in use.
fn telegram_id(number: i64) -> i64 {
    9_000_000_000 + number * 37
}

/// Lives one user's life up to the last planned day.
pub(super) fn live(world: &BotWorld, number: i64, arrived_at: Instant, records: &mut BotRecords) {
    let mut rng = chance_of(world.seed, 1, number);
    let weights: Vec<f64> = SOURCES.iter().map(|(_, share, _)| *share).collect();
    let (source, _, staying) = SOURCES[weighted(&mut rng, &weights)];
    // Some try it and never come back; a few live in it.
    let habit = staying * unit(&mut rng).powf(1.3) * 1.9;
    let arrived_on = arrived_at.with_timezone(&world.zone).date_naive();
    let mut user = User {
        world,
        rng,
        records,
        id: telegram_id(number),
        arrived_at,
        arrived_on,
        now: arrived_at,
        carts: 0,
        cart_limit: CART_LIMIT,
        has_met_limit: false,
        has_answered: false,
        last_session_on: None,
    };
    user.start(source, number);
    let mut day = arrived_on;
    while day <= world.last_day() {
        let age = (day - arrived_on).num_days();
        let wish = if age == 0 { 0.93 } else { habit * 0.42 * (age as f64).powf(-0.55) * days::load(day) };
        if chance(&mut user.rng, wish.min(0.9)) {
            let at = days::moment(&mut user.rng, day, world.zone);
            user.now = if age == 0 { user.now } else { user.now.max(at) };
            let mut sessions_today = 1;
            user.session(day, sessions_today);
            while sessions_today < 4 && chance(&mut user.rng, 0.22) {
                user.pause(5_400.0);
                sessions_today += 1;
                user.session(day, sessions_today);
            }
        }
        day += TimeDelta::days(1);
    }
}

impl User<'_> {
    fn start(&mut self, source: Option<&str>, number: i64) {
        let referrer = (source == Some("referral") && number > 3)
            .then(|| telegram_id(between(&mut self.rng, 1, number)));
        self.event("bot_start", json!({"source": source, "referrer_id": referrer, "is_new_user": true}));
        if let Some(referrer) = referrer {
            self.pause(2.0);
            self.event("referral_linked", json!({"referrer_id": referrer}));
            if chance(&mut self.rng, 0.5) {
                let now = self.now;
                self.event_of(
                    referrer,
                    now,
                    "referral_bonus_granted",
                    Some(json!({"referred_id": self.id, "bonus_carts": 1}).to_string()),
                );
            }
        }
        // A second tap on «Старт», and people who come by two links.
        if chance(&mut self.rng, 0.05) {
            self.pause(4.0);
            let is_new_user = chance(&mut self.rng, 0.1);
            self.event(
                "bot_start",
                json!({"source": source, "referrer_id": null, "is_new_user": is_new_user}),
            );
        }
    }

    fn session(&mut self, day: NaiveDate, sessions_today: i64) {
        self.pause(6.0);
        let since = self.last_session_on.map(|last| (day - last).num_days());
        let metadata = json!({
            "day_number": (day - self.arrived_on).num_days() + 1,
            "sessions_today": sessions_today,
            "days_since_last_session": since,
        });
        if chance(&mut self.rng, 0.002) {
            let now = self.now;
            self.event_of(self.id, now, "session_start", None);
        } else {
            self.event("session_start", metadata);
        }
        self.last_session_on = Some(day);
        let mut messages = 0;
        for _ in 0..weighted(&mut self.rng, &[0.16, 0.30, 0.28, 0.16, 0.10]) {
            messages += self.talk();
            self.search();
        }
        if messages > 0 && chance(&mut self.rng, 0.30) {
            messages += self.talk();
            self.cart(messages);
        }
        if chance(&mut self.rng, 0.003) {
            self.event("promo_shown", json!({"promo": "spring_teas"}));
        }
        self.survey();
    }

    /// A few messages, each with its calls of the model; returns how many.
    fn talk(&mut self) -> i64 {
        let messages = between(&mut self.rng, 1, 4);
        for turn in 0..messages {
            self.pause(25.0);
            let made = call(&mut self.rng, self.id, self.now, turn);
            self.records.calls.push(made);
            if chance(&mut self.rng, 0.018) {
                self.error(turn > 0);
            }
        }
        messages
    }

    fn search(&mut self) {
        self.pause(20.0);
        let weights: Vec<f64> = QUERIES.iter().map(|(_, weight, _)| *weight).collect();
        let (query, _, found) = QUERIES[weighted(&mut self.rng, &weights)];
        self.event(
            "product_search",
            json!({"query": query, "results_count": found, "had_results": found > 0}),
        );
    }

    fn cart(&mut self, messages: i64) {
        self.pause(40.0);
        if self.carts >= self.cart_limit {
            let days = (self.now - self.arrived_at).num_days();
            self.event("cart_limit_reached", json!({"carts_used": self.carts, "cart_limit": self.cart_limit, "days_since_registration": days, "tier": "free"}));
            self.has_met_limit = true;
            return;
        }
        self.carts += 1;
        let items = between(&mut self.rng, 1, 7);
        let total = items * between(&mut self.rng, 260, 940);
        // Goods sold by weight have kopecks, and a few old versions of the bot wrote the sum as text or not at all.
        let total = match unit(&mut self.rng) {
            odd if odd < 0.004 => json!("много"),
            odd if odd < 0.008 => Value::Null,
            odd if odd < 0.15 => json!(total as f64 + 0.5),
            _ => json!(total),
        };
        let scenario = self.of(SCENARIOS);
        let trial = (self.now - self.arrived_at).num_days() < 7;
        let affiliate = chance(&mut self.rng, 0.2).then_some("tea_friends");
        let metadata = json!({
            "cart_number": self.carts,
            "items_count": items,
            "total_sum": total,
            "scenario": scenario,
            "messages_in_session": messages,
            "affiliate_tag": affiliate,
            "trial_active": trial,
        });
        match unit(&mut self.rng) {
            // Cut off by a column that was once too short.
            odd if odd < 0.002 => {
                let cut: String = metadata.to_string().chars().take(40).collect();
                self.event_of(self.id, self.now, "cart_created", Some(cut));
            }
            odd if odd < 0.004 => self.event("cart_created", json!([metadata])),
            _ => self.event("cart_created", metadata),
        }
    }

    fn survey(&mut self) {
        let is_asked = !self.has_answered && self.has_met_limit;
        if !is_asked || !chance(&mut self.rng, 0.45) {
            return;
        }
        self.has_answered = true;
        self.pause(60.0);
        let (pmf, feature) = (self.of(PMF), self.of(FEATURES));
        let days = (self.now - self.arrived_at).num_days();
        self.event("survey_completed", json!({"pmf": pmf, "useful_feature": feature, "feedback": null, "carts_before_survey": self.carts, "days_since_registration": days}));
        if chance(&mut self.rng, 0.6) {
            self.pause(3.0);
            self.event("feedback_bonus_granted", json!({"bonus_carts": 2}));
            self.cart_limit += 2;
        }
    }

    fn error(&mut self, had_history: bool) {
        self.pause(30.0);
        let weights: Vec<f64> = ERRORS.iter().map(|(.., weight)| *weight).collect();
        let (kind, message, _) = ERRORS[weighted(&mut self.rng, &weights)];
        self.event(
            "bot_error",
            json!({"error_type": kind, "error_message": message, "had_history": had_history}),
        );
    }

    fn of(&mut self, words: &[(&'static str, f64)]) -> &'static str {
        let weights: Vec<f64> = words.iter().map(|(_, weight)| *weight).collect();
        words[weighted(&mut self.rng, &weights)].0
    }

    fn pause(&mut self, median: f64) {
        let millis = hesitation(&mut self.rng, median) * 1_000 + between(&mut self.rng, 0, 1_000);
        self.now += TimeDelta::milliseconds(millis);
    }

    fn event(&mut self, event_type: &'static str, metadata: Value) {
        self.event_of(self.id, self.now, event_type, Some(metadata.to_string()));
    }

    fn event_of(&mut self, user_id: i64, at: Instant, event_type: &'static str, metadata: Option<String>) {
        // What would happen after the planned days is not planned.
        if at.with_timezone(&self.world.zone).date_naive() <= self.world.last_day() {
            self.records.events.push(EventRow { id: 0, user_id, event_type, metadata, created_at: at });
        }
    }
}
