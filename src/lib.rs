//! Svodka: digests from RetailCRM chats and orders, pushed to Telegram on a cron table.

pub mod alert;
pub mod bot;
pub mod clock;
pub mod collect;
pub mod deliver;
pub mod facts;
pub mod http;
pub mod measure;
pub mod outbound;
pub mod render;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod schedule;
pub mod settings;
pub mod store;
pub mod telemetry;
