//! All integration tests in one binary, so that the dependencies are linked once.

mod guards;
mod schedule;
mod settings;
mod migrations;
#[cfg(feature = "sandbox")]
mod sandbox_telegram;
mod store_contract;
mod render;
mod support;
#[cfg(feature = "sandbox")]
mod sandbox_retailcrm;
