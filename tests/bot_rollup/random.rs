//! Random bots: few users, times on a coarse grid around days with clock changes, and every way of writing a field.

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use svodka::clock::Instant;
use svodka::facts::Money;
use svodka::facts::bot::BotEventKind;
use svodka::measure::Period;

use super::database::Row;
use super::oracle::Truth;

/// Days that a world lasts: long enough for D30.
pub const DAYS: i64 = 36;

/// A bot's life: what it wrote, and when each row became visible.
pub struct World {
    pub zone: Tz,
    pub first_on: NaiveDate,
    /// By the moment it was committed, ascending; ids ascend with it.
    pub written: Vec<Written>,
    pub metadata_type: &'static str,
}

#[derive(Debug, Clone)]
pub struct Written {
    pub row: Row,
    pub truth: Truth,
    pub committed_at: Instant,
    /// The row stands in the table twice.
    pub is_twice: bool,
}

/// Wordings of the same query.
const QUERIES: [&[&str]; 5] = [
    &["доставка", "Доставки", "доставку", "ДОСТАВКА"],
    &["возврат", "возвраты", "Возврата"],
    &["чайник 15"],
    &["чайник 14", "Чайник 14"],
    &["mate"],
];

pub fn world(seed: u64) -> World {
    let mut rng = StdRng::seed_from_u64(seed);
    let (zone, first_on) = match seed % 4 {
        0 => (chrono_tz::Europe::Moscow, "2026-05-01"),
        1 => (chrono_tz::Europe::Berlin, "2026-03-10"),
        2 => (chrono_tz::America::New_York, "2026-10-15"),
        _ => (Tz::UTC, "2026-02-10"),
    };
    let first_on: NaiveDate = first_on.parse().unwrap();
    let begins_at = Period::day(first_on, zone).from;
    let users = rng.random_range(4..10);
    let mut written: Vec<Written> = (0..rng.random_range(500..800))
        .map(|_| {
            let steps = rng.random_range(0..DAYS * 24 * 2);
            let created_at = begins_at + TimeDelta::minutes(30 * steps);
            // Most rows are visible at once, some after a while, some after days.
            let delay = match rng.random_range(0..20) {
                0 => TimeDelta::hours(rng.random_range(1..240)),
                1 | 2 => TimeDelta::minutes(rng.random_range(1..90)),
                _ => TimeDelta::zero(),
            };
            let user_id = if rng.random_range(0..40) == 0 { 0 } else { rng.random_range(1..=users) };
            let mut event = event(&mut rng);
            event.truth.user_id = user_id;
            event.truth.at = created_at;
            event.row.user_id = Some(user_id).filter(|id| *id != 0);
            event.row.created_at = created_at;
            event.committed_at = created_at + delay;
            event.is_twice = rng.random_range(0..50) == 0;
            event
        })
        .collect();
    written.sort_by_key(|event| event.committed_at);
    for (id, event) in (1..).zip(&mut written) {
        (event.row.id, event.truth.id) = (id, id);
    }
    let metadata_type = ["JSONB", "JSON", "TEXT"][(seed % 3) as usize];
    World { zone, first_on, written, metadata_type }
}

fn event(rng: &mut StdRng) -> Written {
    let mut fields = Fields { parts: Vec::new(), malformed: 0, rng };
    let mut query_group = 0;
    let kinds = [
        "bot_start",
        "session_start",
        "product_search",
        "cart_created",
        "cart_limit_reached",
        "survey_completed",
        "bot_error",
        "referral_linked",
        "referral_bonus_granted",
        "feedback_bonus_granted",
        "something_new",
        "Bot_start",
    ];
    // The steps of the funnel come often, so that users get through it.
    let place = fields.rng.random_range(0..24_usize);
    let event_type = kinds[if place < 12 { place } else { place % 6 }];
    let kind = match event_type {
        "bot_start" => BotEventKind::Start {
            source: fields.label("source", &["ads", "friends", "Ads"]),
            is_new_user: fields.flag("is_new_user"),
        },
        "session_start" => BotEventKind::Session,
        "product_search" => {
            query_group = fields.rng.random_range(0..QUERIES.len());
            BotEventKind::Search {
                query: fields.label("query", QUERIES[query_group]),
                had_results: fields.flag("had_results"),
            }
        }
        "cart_created" => BotEventKind::Cart {
            total: fields.money("total_sum"),
            scenario: fields.label("scenario", &["gift", "daily"]),
            is_trial: fields.flag("trial_active"),
        },
        "cart_limit_reached" => BotEventKind::CartLimit,
        "survey_completed" => BotEventKind::Survey { pmf: fields.label("pmf", &["very", "somewhat", "not"]) },
        "bot_error" => BotEventKind::Error { error_type: fields.label("error_type", &["timeout", "llm"]) },
        "referral_linked" => BotEventKind::ReferralLinked,
        "referral_bonus_granted" => BotEventKind::ReferralBonus,
        "feedback_bonus_granted" => BotEventKind::FeedbackBonus,
        other => BotEventKind::Unknown(other.to_owned()),
    };
    let (kind, malformed, metadata) = fields.written(kind);
    let at = Instant::UNIX_EPOCH;
    Written {
        row: Row { id: 0, user_id: None, event_type: event_type.to_owned(), metadata, created_at: at },
        truth: Truth { id: 0, user_id: 0, at, kind, malformed, query_group },
        committed_at: at,
        is_twice: false,
    }
}

/// Metadata under way: what each field means and how it is written are decided together.
struct Fields<'a> {
    parts: Vec<String>,
    malformed: u32,
    rng: &'a mut StdRng,
}

impl Fields<'_> {
    fn label(&mut self, name: &str, values: &[&str]) -> Option<String> {
        let value = values[self.rng.random_range(0..values.len())];
        let (written, means) = match self.rng.random_range(0..12) {
            0 => return None,
            1 => ("null".to_owned(), None),
            2 => ("\"  \"".to_owned(), None),
            3 => {
                self.malformed += 1;
                ("{\"of\": []}".to_owned(), None)
            }
            4 => (format!("\" {value}\\n\""), Some(value.to_owned())),
            _ => (format!("\"{value}\""), Some(value.to_owned())),
        };
        self.parts.push(format!("\"{name}\": {written}"));
        means
    }

    fn flag(&mut self, name: &str) -> Option<bool> {
        let (written, means) = [
            ("true", Some(true)),
            ("\"true\"", Some(true)),
            ("1", Some(true)),
            ("\"1\"", Some(true)),
            ("false", Some(false)),
            ("\"False\"", Some(false)),
            ("0", Some(false)),
            ("null", None),
            ("\"maybe\"", None),
            ("7", None),
        ][self.rng.random_range(0..10)];
        self.malformed += u32::from(matches!(written, "\"maybe\"" | "7"));
        self.parts.push(format!("\"{name}\": {written}"));
        means
    }

    fn money(&mut self, name: &str) -> Option<Money> {
        let roubles = self.rng.random_range(0..50_000);
        let kopecks = self.rng.random_range(0..100);
        let exact = Some(Money(roubles * 100 + kopecks));
        let (written, means) = match self.rng.random_range(0..8) {
            0 => (format!("{roubles}"), Some(Money(roubles * 100))),
            1 => (format!("\"{roubles},{kopecks:02}\""), exact),
            2 => ("\"много\"".to_owned(), None),
            3 => (format!("-{}", roubles + 1), None),
            4 => ("null".to_owned(), None),
            _ => (format!("{roubles}.{kopecks:02}"), exact),
        };
        self.malformed += u32::from(means.is_none() && written != "null");
        self.parts.push(format!("\"{name}\": {written}"));
        means
    }

    /// The fields as the column holds them; now and then nothing of them can be read.
    fn written(self, kind: BotEventKind) -> (BotEventKind, u32, Option<String>) {
        let object = format!("{{{}, \"more\": [1, 2]}}", self.parts.join(", ")).replace("{, ", "{");
        match self.rng.random_range(0..25) {
            0 => (bare(kind), 0, None),
            1 => {
                let bare = bare(kind);
                // Only metadata that a figure needs is looked at.
                let is_needed = matches!(
                    bare,
                    BotEventKind::Start { .. }
                        | BotEventKind::Search { .. }
                        | BotEventKind::Cart { .. }
                        | BotEventKind::Survey { .. }
                        | BotEventKind::Error { .. }
                );
                (bare, u32::from(is_needed), Some("[1]".to_owned()))
            }
            2 => {
                let inside = object.replace('\\', "\\\\").replace('"', "\\\"");
                (kind, self.malformed, Some(format!("\"{inside}\"")))
            }
            _ => (kind, self.malformed, Some(object)),
        }
    }
}

/// The event without any field.
fn bare(kind: BotEventKind) -> BotEventKind {
    match kind {
        BotEventKind::Start { .. } => BotEventKind::Start { source: None, is_new_user: None },
        BotEventKind::Search { .. } => BotEventKind::Search { query: None, had_results: None },
        BotEventKind::Cart { .. } => BotEventKind::Cart { total: None, scenario: None, is_trial: None },
        BotEventKind::Survey { .. } => BotEventKind::Survey { pmf: None },
        BotEventKind::Error { .. } => BotEventKind::Error { error_type: None },
        other => other,
    }
}
