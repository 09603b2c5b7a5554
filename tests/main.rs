//! All integration tests in one binary, so that the dependencies are linked once.

mod guards;
#[cfg(feature = "sandbox")]
mod deliver;
#[cfg(feature = "sandbox")]
mod deliver_faults;
mod migrations;
mod render;
#[cfg(feature = "sandbox")]
mod sandbox_retailcrm;
#[cfg(feature = "sandbox")]
mod sandbox_telegram;
mod schedule;
mod settings;
mod store_contract;
mod support;
#[cfg(feature = "sandbox")]
mod worker;
#[cfg(feature = "sandbox")]
mod collect;
#[cfg(feature = "sandbox")]
mod sandbox_retailcrm;
mod measure;
#[cfg(feature = "sandbox")]
mod sandbox_retailcrm;
mod support;
