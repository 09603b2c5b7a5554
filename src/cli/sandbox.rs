//! `svodka sandbox`: the stand-ins alone, for playing with a real configuration.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;

use super::serve::wait_for_signal;
use crate::clock::{SharedClock, SystemClock};
use crate::sandbox::bot::{BotOptions, BotStandIn, BotWorld};
use crate::sandbox::retailcrm::{RetailCrm, RetailCrmOptions};
use crate::sandbox::shop::{ShopOptions, tea_shop};
use crate::sandbox::telegram::{SimChat, TelegramApi, TelegramOptions};

/// The managers' chat of the sandboxed Telegram.
pub(super) const MANAGERS_CHAT: i64 = -1_001_000_000_001;
/// The ops chat of the sandboxed Telegram.
pub(super) const OPS_CHAT: i64 = -1_001_000_000_002;

/// The size of the invented shop.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ShopArgs {
    /// Managers who answer
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(3..=60))]
    pub managers: u16,
    /// Days of history
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=400))]
    pub days: u32,
    /// Another seed is another shop
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    shop: ShopArgs,
    /// Port of the CRM; the next one is Telegram's (default: any free ports)
    #[arg(long, default_value_t = 0)]
    port: u16,
}

/// The stand-ins, running.
pub(super) struct Sandbox {
    pub crm: RetailCrm,
    pub telegram: TelegramApi,
    /// Before its folder: it writes there until it is dropped.
    pub bot: BotStandIn,
    _folder: BotFolder,
}

/// The bot's files; they go with the program.
struct BotFolder(PathBuf);

impl Drop for BotFolder {
    fn drop(&mut self) {
        // A folder that is gone is what we want.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Sandbox {
    /// Starts them on loopback, on free ports; the bot in a temporary folder.
    pub async fn start(shop: &ShopArgs, clock: SharedClock) -> anyhow::Result<Self> {
        Self::start_at(shop, clock, 0).await
    }

    async fn start_at(shop: &ShopArgs, clock: SharedClock, port: u16) -> anyhow::Result<Self> {
        let options = ShopOptions {
            seed: shop.seed,
            managers: usize::from(shop.managers),
            days: shop.days,
            ..ShopOptions::demo(clock.now())
        };
        let crm_options = RetailCrmOptions { port, ..RetailCrmOptions::default() };
        let crm = RetailCrm::start(tea_shop(&options), clock.clone(), crm_options)
            .await
            .context("cannot start the CRM's stand-in; choose another --port")?;
        let telegram_port = if port == 0 { 0 } else { port + 1 };
        let telegram = TelegramApi::start(
            clock.clone(),
            TelegramOptions { port: telegram_port, ..TelegramOptions::default() },
        )
        .await
        .context("cannot start Telegram's stand-in; choose another --port")?;
        telegram.add_chat(SimChat::supergroup(MANAGERS_CHAT, "Чайная: менеджеры"));
        telegram.add_chat(SimChat::supergroup(OPS_CHAT, "Чайная: дежурные"));
        let name = format!("svodka-sandbox-{}", std::process::id());
        let folder = BotFolder(std::env::temp_dir().join(name));
        let world = BotWorld { seed: shop.seed, days: shop.days, ..BotWorld::demo(clock.now()) };
        let bot = BotStandIn::start(BotOptions { world, folder: folder.0.clone() }, clock).await?;
        Ok(Self { crm, telegram, bot, _folder: folder })
    }

    /// The variables that point Svodka at the sandbox.
    pub fn variables(&self) -> Vec<(String, String)> {
        let addresses = [
            ("RETAILCRM_URL", self.crm.crm_url()),
            ("RETAILCRM_API_KEY", self.crm.api_key()),
            ("RETAILCRM_BOT_URL", self.crm.bot_url()),
            ("RETAILCRM_BOT_TOKEN", self.crm.bot_token()),
            ("TELEGRAM_BOT_TOKEN", self.telegram.token()),
            ("TELEGRAM_CHAT_ID", MANAGERS_CHAT.to_string()),
            ("TELEGRAM_OPS_CHAT_ID", OPS_CHAT.to_string()),
            ("SVODKA__TELEGRAM__API_URL", self.telegram.url()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        addresses.into_iter().chain(self.bot.variables()).collect()
    }
}

/// Runs until Ctrl-C. The variables go to standard output, so that `eval "$(…)"` takes them.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let sandbox = Sandbox::start_at(&args.shop, Arc::new(SystemClock), args.port).await?;
    for (name, value) in sandbox.variables() {
        say!("export {name}='{value}'");
    }
    eprintln!("# The keys above work only here. Chats: {}/  Ctrl-C ends it.", sandbox.telegram.url());
    wait_for_signal().await;
    Ok(ExitCode::SUCCESS)
}
