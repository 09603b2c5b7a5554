//! A whole worker between both stand-ins, taking its steps by hand on a manual clock.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use svodka::app::App;
use svodka::clock::{Clock, Instant, ManualClock};
use svodka::outbound::Jitter;
use svodka::sandbox::retailcrm::{
    Actor, Model, NewBuyer, NewMgCustomer, NewOrder, RateLimit, RetailCrm, RetailCrmOptions,
};
use svodka::sandbox::telegram::{SimChat, TelegramApi, TelegramOptions};
use svodka::schedule::runner::RunOutcome;
use svodka::settings::Settings;
use tokio_util::sync::CancellationToken;

pub const MANAGERS: i64 = -1_001_000_000_001;
pub const OPS: i64 = -1_001_000_000_002;

pub fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

/// Runs `future` to its end while time passes, fifty milliseconds for each of real waiting. A worker always has somebody
/// asleep (its lease, its timeout), so time cannot wait for the network here; it must only not run away.
pub async fn drive<F: Future>(clock: &ManualClock, future: F) -> F::Output {
    drive_while(clock, || true, future).await.expect("a drive without a stop runs to the end")
}

/// The same, but drops the future, as a crash would, as soon as `goes_on` says no. `None` then.
pub async fn drive_while<F: Future>(
    clock: &ManualClock,
    mut goes_on: impl FnMut() -> bool,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    while goes_on() {
        if let Ok(output) = tokio::time::timeout(Duration::from_millis(1), &mut future).await {
            return Some(output);
        }
        clock.advance(TimeDelta::milliseconds(50));
    }
    None
}

/// The outside world of a test: a shop, a Telegram, and the time.
pub struct World {
    pub clock: ManualClock,
    pub crm: RetailCrm,
    pub telegram: TelegramApi,
    database_url: String,
    changes: Vec<(String, String)>,
}

impl World {
    /// A shop with two managers and five conversations on 19 August 2026; it is the 20th, 08:59:50 in Moscow.
    pub async fn open(database_url: &str) -> Self {
        let clock = ManualClock::new(at("2026-08-20T05:59:50Z"));
        let options = RetailCrmOptions { rate_limit: RateLimit::off(), ..RetailCrmOptions::default() };
        let crm = RetailCrm::start(shop(), Arc::new(clock.clone()), options).await.unwrap();
        let telegram = TelegramApi::start(Arc::new(clock.clone()), TelegramOptions::default()).await.unwrap();
        telegram.add_chat(SimChat::supergroup(MANAGERS, "Менеджеры"));
        telegram.add_chat(SimChat::supergroup(OPS, "Дежурные"));
        Self { clock, crm, telegram, database_url: database_url.to_owned(), changes: Vec::new() }
    }

    /// Changes the configuration of workers started from now on.
    pub fn set(&mut self, variable: &str, value: &str) {
        self.changes.push((variable.to_owned(), value.to_owned()));
    }

    pub fn settings(&self) -> Settings {
        let mut variables: BTreeMap<String, String> = [
            ("DATABASE_URL", self.database_url.clone()),
            ("RETAILCRM_URL", self.crm.crm_url()),
            ("RETAILCRM_API_KEY", self.crm.api_key()),
            ("RETAILCRM_BOT_URL", self.crm.bot_url()),
            ("RETAILCRM_BOT_TOKEN", self.crm.bot_token()),
            ("TELEGRAM_BOT_TOKEN", self.telegram.token()),
            ("TELEGRAM_CHAT_ID", MANAGERS.to_string()),
            ("TELEGRAM_OPS_CHAT_ID", OPS.to_string()),
            ("SVODKA__TELEGRAM__API_URL", self.telegram.url()),
            // The tests take single steps.
            ("SVODKA__ALERTS__GROUP_WAIT", "0s".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        variables.extend(self.changes.iter().cloned());
        Settings::from_environment(&variables).unwrap()
    }

    /// A worker of this world; several may live at a time.
    pub async fn worker(&self, seed: u64) -> Worker {
        let clock = Arc::new(self.clock.clone());
        let app = App::start(Arc::new(self.settings()), clock, Jitter::seeded(seed)).await.unwrap();
        app.planner.register().await.unwrap();
        Worker { app, clock: self.clock.clone() }
    }

    /// Texts standing in a chat now; captions of files are none.
    pub fn texts(&self, chat: i64) -> Vec<String> {
        let messages = self.telegram.own_messages(chat).into_iter();
        messages.filter(|message| message.attachment.is_none()).map(|message| message.text).collect()
    }
}

/// A worker whose steps a test takes.
pub struct Worker {
    pub app: App,
    clock: ManualClock,
}

impl Worker {
    /// Plans, runs and sends until nothing is due any more; returns how the runs ended.
    pub async fn work(&self) -> Vec<RunOutcome> {
        let mut outcomes = Vec::new();
        self.app.planner.plan_step().await.unwrap();
        loop {
            let outcome = self.run_step().await;
            if outcome == RunOutcome::Idle {
                break;
            }
            outcomes.push(outcome);
        }
        self.check().await;
        self.send().await;
        outcomes
    }

    /// One run, if one is due.
    pub async fn run_step(&self) -> RunOutcome {
        let stop = CancellationToken::new();
        drive(&self.clock, self.app.runner.run_step(self.app.work.as_ref(), &stop)).await.unwrap()
    }

    /// One look for trouble.
    pub async fn check(&self) {
        self.app.alerts.deadline_step().await.unwrap();
        self.app.alerts.check_step().await.unwrap();
    }

    /// Sends what may go now or within the next seconds, and finds what a dead worker left behind.
    pub async fn send(&self) {
        self.app.sender.sweep_step().await.unwrap();
        loop {
            let is_sent = drive(&self.clock, self.app.deliver_step()).await.unwrap();
            if is_sent {
                continue;
            }
            let now = self.clock.now();
            match self.app.store.next_delivery_at(now).await.unwrap() {
                Some(at) if at <= now + TimeDelta::seconds(5) => {
                    self.clock.set(at.max(now + TimeDelta::milliseconds(200)));
                }
                _ => return,
            }
        }
    }

    /// Lets time pass, working every `step`.
    pub async fn live(&self, until: Instant, step: TimeDelta) {
        while self.clock.now() < until {
            self.clock.advance(step);
            self.work().await;
        }
    }
}

/// Two managers; on 19 August: three conversations answered, one not, one without need of an answer; two orders, one paid.
fn shop() -> Model {
    let mut model = Model::new(chrono_tz::Europe::Moscow);
    let olga = model.add_user(at("2026-01-10T09:00:00Z"), "Ольга", "Чабрецова");
    let pavel = model.add_user(at("2026-01-10T09:00:00Z"), "Павел", "Улунов");
    let channel = model.add_channel(at("2026-01-10T09:00:00Z"), "whatsapp", "WhatsApp магазина");
    let mut chat = |name: &str, when: &str| {
        let customer = NewMgCustomer { first_name: name.to_owned(), ..Default::default() };
        model.add_chat(at(when), channel, customer).unwrap()
    };
    let anna = chat("Анна", "2026-08-19T08:00:00Z");
    let boris = chat("Борис <&>", "2026-08-19T09:00:00Z");
    let vera = chat("Вера", "2026-08-19T10:00:00Z");
    let gleb = chat("Глеб", "2026-08-19T15:00:00Z");
    model.customer_writes(anna, at("2026-08-19T08:00:00Z"), "Здравствуйте, есть шу пуэр?").unwrap();
    model.manager_replies(anna, at("2026-08-19T08:02:00Z"), olga.mg_id, "Да, есть").unwrap();
    model.customer_writes(boris, at("2026-08-19T09:00:00Z"), "Сколько стоит доставка?").unwrap();
    model.manager_replies(boris, at("2026-08-19T09:04:00Z"), olga.mg_id, "350 рублей").unwrap();
    model.customer_writes(vera, at("2026-08-19T10:00:00Z"), "Хочу заказать улун").unwrap();
    model.manager_replies(vera, at("2026-08-19T10:30:00Z"), pavel.mg_id, "Оформляю").unwrap();
    model.customer_writes(gleb, at("2026-08-19T15:00:00Z"), "Вы работаете?").unwrap();
    let buyer = model.add_customer(
        at("2026-08-19T10:00:00Z"),
        NewBuyer { first_name: "Вера".into(), ..Default::default() },
    );
    let dialog_id = model.last_dialog(vera).map(|dialog| dialog.id);
    let order = |dialog_id, price| NewOrder {
        customer_id: buyer,
        manager_id: Some(pavel.crm_id),
        dialog_id,
        items: vec![("Улун".into(), price, 1)],
        order_method: "messenger".into(),
        ..Default::default()
    };
    let by = Actor::User(pavel.crm_id);
    let paid = model.add_order(at("2026-08-19T11:00:00Z"), order(dialog_id, 250_000), by).unwrap();
    model.pay_order(paid, at("2026-08-19T12:00:00Z"), by).unwrap();
    model.add_order(at("2026-08-19T13:00:00Z"), order(None, 100_000), by).unwrap();
    model
}

/// Lets every lease run out, and the time a doubtful send is left to settle: the clocks that these follow (the database's,
/// another process's) cannot be moved, so the moments in the rows are.
pub async fn expire_leases(database_url: &str) {
    use sqlx::Connection;
    const SQLITE: [&str; 2] = [
        "UPDATE runs SET lease_until_ms = 1 WHERE state = 'running'",
        "UPDATE deliveries SET lease_until_ms = 1, started_at = '2020-01-01T00:00:00+00:00' WHERE state = 'sending'",
    ];
    const POSTGRES: [&str; 2] = [
        "UPDATE svodka.runs SET lease_until_ms = 1 WHERE state = 'running'",
        "UPDATE svodka.deliveries SET lease_until_ms = 1, started_at = '2020-01-01T00:00:00Z' WHERE state = 'sending'",
    ];
    if database_url.starts_with("sqlite") {
        let mut database = sqlx::SqliteConnection::connect(database_url).await.unwrap();
        for sql in SQLITE {
            sqlx::query(sql).execute(&mut database).await.unwrap();
        }
    } else {
        let mut database = sqlx::PgConnection::connect(database_url).await.unwrap();
        for sql in POSTGRES {
            sqlx::query(sql).execute(&mut database).await.unwrap();
        }
    }
}
