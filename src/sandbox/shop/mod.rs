//! A synthetic tea shop: months of conversations and orders that look like a small Russian business.
//!
//! The same options give the same shop, byte for byte. The shop goes on after `until`: what lies ahead is planned in
//! the model and happens when the stand-in's clock gets there. Nobody in it exists; phones are of the invented range
//! +7 900 0xx-xx-xx.

pub(in crate::sandbox) mod calendar;
pub(in crate::sandbox) mod chance;
mod days;
mod goods;
mod people;
mod sales;
mod scripts;
mod talk;

use chrono::TimeDelta;
use chrono_tz::Tz;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::clock::Instant;
use crate::sandbox::retailcrm::{Model, Slot};

/// What shop to make.
#[derive(Debug, Clone)]
pub struct ShopOptions {
    pub seed: u64,
    /// How many managers answer customers, 3 to 60; other numbers are moved to the nearest bound.
    pub managers: usize,
    /// Whole local days of history before the day of `until`.
    pub days: u32,
    /// The present: everything up to here has happened.
    pub until: Instant,
    /// Local days planned after the day of `until`.
    pub future_days: u32,
    pub zone: Tz,
    /// New chats on a mean day; returning customers come on top.
    pub chats_per_day: f64,
    /// Conversations with returning customers per new chat.
    pub returning_ratio: f64,
}

impl ShopOptions {
    /// The shop of `svodka demo`: 5 managers, about 1,000 chats in 100 days, a week ahead.
    pub fn demo(until: Instant) -> Self {
        Self {
            seed: 7,
            managers: 5,
            days: 100,
            until,
            future_days: 7,
            zone: chrono_tz::Europe::Moscow,
            chats_per_day: 10.0,
            returning_ratio: 0.4,
        }
    }

    /// The shop of the benchmark: 40 managers, over 3,260 chats and 60,000 messages in 100 days.
    pub fn large(until: Instant) -> Self {
        Self { managers: 40, chats_per_day: 33.5, returning_ratio: 0.65, ..Self::demo(until) }
    }
}

/// Makes the shop and lets it live up to `until`.
pub fn tea_shop(options: &ShopOptions) -> Model {
    let mut builder = Builder::found(options);
    let today = options.until.with_timezone(&options.zone).date_naive();
    let mut day = today - TimeDelta::days(i64::from(options.days));
    let end = today + TimeDelta::days(i64::from(options.future_days));
    while day <= end {
        builder.live_through(day);
        day += TimeDelta::days(1);
    }
    builder.leave_unanswered(today - TimeDelta::days(1));
    builder.keep_waiting(options.until);
    builder.model.advance(options.until);
    builder.model
}

/// A channel with its share of the customers.
#[derive(Debug, Clone)]
struct ShopChannel {
    id: i64,
    kind: String,
    weight: f64,
    has_greeting: bool,
}

/// A chat that exists or is planned.
#[derive(Debug, Clone, Copy)]
struct Thread {
    slot: Slot,
    /// Index in [`Builder::channels`].
    channel: usize,
    /// Index in [`Builder::managers`]: who talked to this customer last.
    manager: usize,
    /// No other conversation may begin before.
    busy_until: Instant,
}

/// The shop in the making.
struct Builder {
    rng: ChaCha8Rng,
    model: Model,
    zone: Tz,
    chats_per_day: f64,
    returning_ratio: f64,
    founded_at: Instant,
    managers: Vec<people::Manager>,
    channels: Vec<ShopChannel>,
    bot: i64,
    scripts: Vec<scripts::Script>,
    threads: Vec<Thread>,
    callers: Vec<sales::Caller>,
}

impl Builder {
    fn found(options: &ShopOptions) -> Self {
        let founded_at = options.until - TimeDelta::days(i64::from(options.days) + 300);
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        let mut model = Model::new(options.zone);
        let mut managers = Vec::new();
        for index in 0..options.managers.clamp(3, 60) {
            let (first_name, last_name) = people::manager_name(index);
            let hired_at = founded_at + TimeDelta::microseconds(chance::between(&mut rng, 0, 86_400_000_000));
            let user = model.add_user(hired_at, first_name, &last_name);
            let habit = people::habit(&mut rng, index);
            managers.push(people::Manager { crm_id: user.crm_id, mg_id: user.mg_id, first_name, habit });
        }
        // One colleague whom only the chats' `external_id` ties to the CRM, one who left, one integration.
        let change = |model: &mut Model, crm_id, change: fn(&mut crate::sandbox::retailcrm::User)| {
            // The ids come from the lines above and below, so nobody can be missing.
            let _ = model.change_user(crm_id, founded_at + TimeDelta::days(200), change);
        };
        change(&mut model, managers[2].crm_id, |user| user.crm_names_mg = false);
        let left = model.add_user(founded_at, "Виктор", "Кружкин");
        change(&mut model, left.crm_id, |user| user.is_active = false);
        let integration = model.add_user(founded_at, "Интеграция", "");
        change(&mut model, integration.crm_id, |user| {
            (user.is_technical, user.external_id) = (true, String::new());
        });
        let bot = model.add_bot(founded_at, "Приветливый чайник");
        let channels = [
            ("whatsapp", "WhatsApp +7 900 000-00-10", 0.42, true),
            ("telegram", "@pugovitsa_tea", 0.30, true),
            ("instagram", "pugovitsa.tea", 0.26, false),
            ("tenchat", "Пуговица в TenChat", 0.02, false),
        ]
        .map(|(kind, name, weight, has_greeting)| {
            let id = model.add_channel(founded_at, kind, name);
            ShopChannel { id, kind: kind.to_owned(), weight, has_greeting }
        });
        Self {
            rng,
            model,
            zone: options.zone,
            chats_per_day: options.chats_per_day,
            returning_ratio: options.returning_ratio,
            founded_at,
            managers,
            channels: channels.to_vec(),
            bot,
            scripts: scripts::all(),
            threads: Vec::new(),
            callers: Vec::new(),
        }
    }
}
