//! Listening to Telegram updates.
//!
//! For now one thing is learnt from them: which chats and topics the bot is in, so that nobody has to read ids out of
//! raw JSON. Texts are not looked at, and no update is ever logged: it holds people's words. Updates come by long
//! polling, through a loop of our own: teloxide's dispatcher gives up with a panic when Telegram is away at the start,
//! and takes a revoked token or a second poller for a hiccup, for ever and silently.

mod chats;
mod poller;
mod updates;

pub use poller::{Poller, SOURCE_UPDATES};
pub use updates::{PollError, PollerSettings, list_chats_once};
