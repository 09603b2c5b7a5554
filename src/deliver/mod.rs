//! Sending what stands in the outbox.
//!
//! One step claims a delivery, sends it, and records what came of it; the claim is committed before the request goes
//! out, so a worker that dies in between leaves a row that says so. The outbox is the only layer that repeats a send:
//! [`telegram`] asks once, [`outcome`] says what the answer
//! proves, [`decide`] says what follows, [`reconcile`] deals with sends whose outcome nobody knows and [`probe`] looks for
//! their messages in the chat, [`pace`] keeps Telegram's limits, and [`sender`] puts them together.
//!
//! Nothing here knows what a message is about: it gets text and a chat, and never logs the text.

pub mod decide;
pub mod doctor;
pub mod file;
pub mod outcome;
pub mod pace;
pub mod probe;
pub mod reconcile;
mod run;
pub mod sender;
pub mod telegram;
pub mod text;
mod trace;
pub mod transport;

pub use run::Tally;
pub use sender::{Outcome, Sender, SenderSettings};
pub use telegram::{ChatId, TelegramClient, TelegramConfig};
pub use transport::{Bot, ChatTarget, Transport};
