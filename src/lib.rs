//! Svodka: digests from RetailCRM chats and orders, pushed to Telegram on a cron table.

pub mod clock;
pub mod facts;
pub mod measure;
pub mod outbound;
pub mod render;
pub mod store;
