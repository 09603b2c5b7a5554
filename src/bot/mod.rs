//! Listening to Telegram, and answering.
//!
//! ```text
//!  update ─► poller ─► asked ─► access ─► commands ─► cards ─► reply ─► outbox
//!            lease      what     who       table       digest     buttons
//!                        └───────► press ◄─ callback ──┘
//! ```
//!
//! One worker listens, confirms updates and hands them to the [`Desk`]. Everything is answered from the store, so the CRM
//! may be away. No update is ever logged: it holds people's words. Updates come by long
//! polling, through a loop of our own: teloxide's dispatcher gives up with a panic when Telegram is away at the start,
//! and takes a revoked token or a second poller for a hiccup, for ever and silently.

mod access;
mod args;
mod asked;
pub mod callback;
pub mod cards;
mod chats;
mod commands;
mod desk;
mod flood;
mod menu;
mod poller;
mod press;
mod reply;
mod updates;

pub use desk::{Desk, DeskParts};
pub use poller::{Poller, SOURCE_UPDATES};
pub use updates::{PollError, PollerSettings, list_chats_once};
