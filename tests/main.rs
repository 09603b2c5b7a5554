//! All integration tests in one binary, so that the dependencies are linked once.

mod migrations;
#[cfg(feature = "sandbox")]
mod sandbox_telegram;
mod store_contract;
mod support;
