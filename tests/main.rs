//! All integration tests in one binary, so that the dependencies are linked once.

#[cfg(feature = "sandbox")]
mod alert;
#[cfg(feature = "sandbox")]
mod bot;
#[cfg(feature = "sandbox")]
mod deliver;
#[cfg(feature = "sandbox")]
mod deliver_faults;
mod migrations;
#[cfg(feature = "sandbox")]
mod sandbox_telegram;
mod store_contract;
mod support;
