//! The real program as a process, between stand-ins that keep on running.

use std::sync::Arc;
use std::time::Duration;

use svodka::clock::{Clock, SystemClock};
use svodka::sandbox::retailcrm::{RateLimit, RetailCrm, RetailCrmOptions};
use svodka::sandbox::shop::{ShopOptions, tea_shop};
use svodka::sandbox::telegram::{SimChat, TelegramApi, TelegramOptions};
use svodka::store::Store;
use svodka::store::outbox::DeliveryState;
use tokio::process::{Child, Command};

use super::worker::{MANAGERS, OPS};

pub struct Outside {
    pub crm: RetailCrm,
    pub telegram: TelegramApi,
    database_url: String,
}

impl Outside {
    pub async fn open(database_url: &str) -> Self {
        let clock = Arc::new(SystemClock);
        let shop = ShopOptions { days: 12, chats_per_day: 3.0, ..ShopOptions::demo(clock.now()) };
        // Killed programs forget what they asked, so several lives together may ask too fast.
        let options = RetailCrmOptions { rate_limit: RateLimit::off(), ..RetailCrmOptions::default() };
        let crm = RetailCrm::start(tea_shop(&shop), clock.clone(), options).await.unwrap();
        let telegram = TelegramApi::start(clock, TelegramOptions::default()).await.unwrap();
        telegram.add_chat(SimChat::supergroup(MANAGERS, "Менеджеры"));
        telegram.add_chat(SimChat::supergroup(OPS, "Дежурные"));
        Self { crm, telegram, database_url: database_url.to_owned() }
    }

    /// The program itself; it dies with the returned handle.
    pub fn serve(&self) -> Child {
        self.command("serve", &self.database_url).spawn().unwrap()
    }

    /// The program on this database, set up for these stand-ins.
    pub fn command(&self, subcommand: &str, database_url: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_svodka"));
        command
            .arg(subcommand)
            .env_clear()
            .env("DATABASE_URL", database_url)
            .env("RETAILCRM_URL", self.crm.crm_url())
            .env("RETAILCRM_API_KEY", self.crm.api_key())
            .env("RETAILCRM_BOT_URL", self.crm.bot_url())
            .env("RETAILCRM_BOT_TOKEN", self.crm.bot_token())
            .env("TELEGRAM_BOT_TOKEN", self.telegram.token())
            .env("TELEGRAM_CHAT_ID", MANAGERS.to_string())
            .env("TELEGRAM_OPS_CHAT_ID", OPS.to_string())
            .env("SVODKA__TELEGRAM__API_URL", self.telegram.url())
            .env("SVODKA__TELEGRAM__LISTEN", "false")
            .env("SVODKA__JOBS__SYNC__ENABLED", "false")
            .env("SVODKA__RETAILCRM__FIRST_LOAD_DAYS", "20")
            .env("SVODKA__LOG__LEVEL", "error")
            .kill_on_drop(true);
        command
    }

    pub fn digests(&self) -> Vec<String> {
        let messages = self.telegram.own_messages(MANAGERS).into_iter().map(|message| message.text);
        messages.filter(|text| text.contains("Сводка за")).collect()
    }
}

/// Looks until it is so; a minute without it fails the test.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1200 {
        if is_so() {
            return;
        }
        breathe().await;
    }
    panic!("a minute passed, and still not: {what}");
}

/// Waits until no delivery is in this state.
pub async fn until_none_is(store: &Store, state: DeliveryState) {
    for _ in 0..1200 {
        if store.list_deliveries(&[state], 1).await.unwrap().is_empty() {
            return;
        }
        breathe().await;
    }
    panic!("a minute passed, and a delivery is still {}", state.as_str());
}

#[expect(clippy::disallowed_methods, reason = "another process lives by the real clock")]
pub async fn breathe() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}
