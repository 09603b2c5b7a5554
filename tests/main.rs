//! All integration tests in one binary, so that the dependencies are linked once.

mod guards;
mod schedule;
mod settings;
mod migrations;
mod store_contract;
#[cfg(feature = "sandbox")]
mod sandbox_telegram;
mod support;
#[cfg(feature = "sandbox")]
mod sandbox_retailcrm;
