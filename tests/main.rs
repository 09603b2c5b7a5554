//! All integration tests in one binary, so that the dependencies are linked once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(feature = "sandbox")]
mod alert;
#[cfg(feature = "sandbox")]
mod backup;
#[cfg(feature = "sandbox")]
mod behaviour;
#[cfg(feature = "sandbox")]
mod bot;
mod bot_rollup;
#[cfg(feature = "sandbox")]
mod bot_worker;
mod chaos;
mod chart;
#[cfg(feature = "sandbox")]
mod chat;
#[cfg(feature = "sandbox")]
mod collect;
#[cfg(feature = "sandbox")]
mod corrections;
#[cfg(feature = "sandbox")]
mod deliver;
#[cfg(feature = "sandbox")]
mod deliver_cli;
#[cfg(feature = "sandbox")]
mod deliver_faults;
#[cfg(feature = "sandbox")]
mod deliver_files;
#[cfg(feature = "sandbox")]
mod deliver_reconcile;
mod dependencies;
#[cfg(feature = "sandbox")]
mod export;
#[cfg(feature = "sandbox")]
mod fallback;
#[cfg(feature = "sandbox")]
mod fuzz;
mod guards;
#[cfg(feature = "sandbox")]
mod heartbeat;
#[cfg(feature = "sandbox")]
mod incidents_cli;
#[cfg(feature = "sandbox")]
mod killed;
mod llm_usage;
mod measure;
mod migrations;
#[cfg(feature = "sandbox")]
mod offsite;
#[cfg(feature = "sandbox")]
mod operate_cli;
#[cfg(feature = "sandbox")]
mod ops;
#[cfg(feature = "sandbox")]
mod privacy;
#[cfg(feature = "sandbox")]
mod quality;
#[cfg(feature = "sandbox")]
mod receipt;
#[cfg(feature = "sandbox")]
mod refine;
mod render;
#[cfg(feature = "sandbox")]
mod sandbox_bot;
#[cfg(feature = "sandbox")]
mod sandbox_retailcrm;
#[cfg(feature = "sandbox")]
mod sandbox_telegram;
mod schedule;
mod schedule_zones;
#[cfg(feature = "sandbox")]
mod secrets;
mod settings;
mod simulation;
mod store_contract;
#[cfg(feature = "sandbox")]
mod storm;
mod support;
mod telemetry;
mod text;
#[cfg(feature = "sandbox")]
mod worker;
#[cfg(feature = "sandbox")]
mod year;
