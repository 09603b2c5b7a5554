//! Svodka: digests from RetailCRM chats and orders, pushed to Telegram on a cron table.
//!
//! ```text
//!  clock ──► schedule ──► runs(store) ──► jobs ──► collect ──► facts ──► measure ──► digest
//!               1            claim          │         2                    3            │
//!                                           └──── coverage, cursors ──► history ◄───────┤
//!  operator ◄── bot/http                                                                ▼
//!      ▲                                                                             render 4
//!      └── alert 6 ◄── checks(store: runs, sources, deliveries)                         │
//!                                                                                       ▼
//!  Telegram ◄── deliver 5 ◄── outbox(store) ◄──────── one transaction ──────────── messages
//! ```
//!
//! `docs/architecture.md` follows one digest along this path. Start reading at [`jobs::daily`], then
//! [`schedule::runner`], [`deliver`] and [`measure::daily`].
//!
//! # What always holds, and the test that holds it
//!
//! 1. A slot is planned at most once (`store_contract`).
//! 2. A run's results appear together or not at all (`store_contract`, `worker`).
//! 3. No network call is made while a transaction is open (`guards`: who may use whom).
//! 4. Nothing in `measure` waits, reads a clock, or fails on IO (`guards`).
//! 5. A number without full coverage is shown as partial or missing, never plain, never 0 (`render`, `worker`).
//! 6. Every failure has one bounded `reason` and one place that logs it (`worker`).
//! 7. A delivery ends as sent or dead (`maybe_lost` when nobody can know). Every failed run and every dead delivery, but
//!    those dropped by hand, is taken into one incident, once, however soon all is well again (`deliver`, `alert`).
//! 8. SQLite and PostgreSQL give the same answer to every store method (`store_contract`).
//! 9. A report's period comes from its slot, never from the present moment (`worker`).
//! 10. A correction edits what stands in the chat and keeps every version; it sends no second digest (`corrections`).
//!
//! # Who may use whom
//!
//! The test `guards` reads this table and every `crate::` path in the sources.
//!
//! | module | may use |
//! |---|---|
//! | `clock` | |
//! | `export` | clock, facts, measure, render |
//! | `facts` | clock |
//! | `outbound` | clock |
//! | `measure` | clock, facts, text |
//! | `render` | clock, facts, measure |
//! | `chart` | facts, measure, render |
//! | `collect` | clock, facts, outbound |
//! | `store` | clock, facts |
//! | `settings` | deliver, facts, measure, schedule, store |
//! | `schedule` | clock, outbound, store |
//! | `jobs` | chart, clock, collect, export, facts, measure, outbound, render, schedule, settings, store, text |
//! | `deliver` | clock, outbound, render, store |
//! | `alert` | clock, render, store |
//! | `bot` | alert, clock, collect, deliver, facts, jobs, measure, outbound, render, schedule, settings, store |
//! | `http` | clock, collect, facts, store |
//! | `telemetry` | settings |
//! | `text` | |
//! | `app` | everything but cli, sandbox |
//! | `sandbox` | clock |
//! | `cli` | everything |

pub mod alert;
pub mod app;
pub mod bot;
pub mod chart;
pub mod cli;
pub mod clock;
pub mod collect;
pub mod deliver;
pub mod export;
pub mod facts;
pub mod http;
pub mod jobs;
pub mod measure;
pub mod outbound;
pub mod render;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod schedule;
pub mod settings;
pub mod store;
pub mod telemetry;
pub mod text;
