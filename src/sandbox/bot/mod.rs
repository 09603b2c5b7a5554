//! The tea shop's Telegram bot: months of its business events and of its calls of a language model, as it would have
//! written them.
//!
//! The same options give the same bot, byte for byte, and a week beyond the present is planned, so that the stand-in goes on.
//! Nobody in it exists, and no message's text is in it; the odd records of real tables are.

mod days;
mod life;
mod log;
mod queries;
mod standin;
mod table;

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

pub use log::{LlmCall, PRICES};
pub use standin::{BotOptions, BotStandIn};
pub use table::{fill_postgres, fill_sqlite};

use crate::clock::Instant;

/// What bot to make.
#[derive(Debug, Clone)]
pub struct BotWorld {
    pub seed: u64,
    /// Whole local days of history before the day of `until`.
    pub days: u32,
    /// The present.
    pub until: Instant,
    /// Local days planned after the day of `until`.
    pub future_days: u32,
    pub zone: Tz,
    /// New users on a mean day at the end of the history; it began with half as many.
    pub users_per_day: f64,
}

impl BotWorld {
    /// The bot of `svodka demo`: about 1,000 users in 100 days, a week ahead.
    pub fn demo(until: Instant) -> Self {
        let zone = chrono_tz::Europe::Moscow;
        Self { seed: 7, days: 100, until, future_days: 7, zone, users_per_day: 14.0 }
    }

    fn first_day(&self) -> NaiveDate {
        self.today() - TimeDelta::days(i64::from(self.days))
    }

    fn today(&self) -> NaiveDate {
        self.until.with_timezone(&self.zone).date_naive()
    }

    fn last_day(&self) -> NaiveDate {
        self.today() + TimeDelta::days(i64::from(self.future_days))
    }
}

/// One row of `user_events`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// In order of time, from 1.
    pub id: i64,
    pub user_id: i64,
    pub event_type: &'static str,
    /// As stored: usually a JSON object; `None` = NULL.
    pub metadata: Option<String>,
    pub created_at: Instant,
}

/// Everything the bot writes in the whole stretch, the planned days included, in order of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotRecords {
    pub events: Vec<EventRow>,
    pub calls: Vec<LlmCall>,
}

/// Lets the bot live.
pub fn tea_bot(world: &BotWorld) -> BotRecords {
    let mut records = BotRecords { events: Vec::new(), calls: Vec::new() };
    let (mut day, mut user_count) = (world.first_day(), 0_i64);
    while day <= world.last_day() {
        let mut rng = chance_of(world.seed, 0, i64::from(day.to_epoch_days()));
        for _ in 0..days::arrivals(&mut rng, world, day) {
            user_count += 1;
            let arrived_at = days::moment(&mut rng, day, world.zone);
            life::live(world, user_count, arrived_at, &mut records);
        }
        day += TimeDelta::days(1);
    }
    records.events.sort_by_key(|event| (event.created_at, event.user_id));
    for (id, event) in (1..).zip(&mut records.events) {
        event.id = id;
    }
    records.calls.sort_by_key(|call| (call.at, call.user_id));
    records
}

/// A stream of chance for one thing: the same whatever else happens.
fn chance_of(seed: u64, kind: u64, number: i64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ kind);
    rng.set_stream(number as u64);
    rng
}
