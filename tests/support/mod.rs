//! What the tests share.

pub mod bot;
#[cfg(feature = "sandbox")]
pub mod bot_files;
#[cfg(feature = "sandbox")]
pub mod chat;
#[cfg(feature = "sandbox")]
pub mod delivery;
pub mod digests;
pub mod facts;
pub mod postgres;
#[cfg(feature = "sandbox")]
pub mod processes;
pub mod stores;
#[cfg(feature = "sandbox")]
pub mod time;
pub mod watcher;
#[cfg(feature = "sandbox")]
pub mod worker;
