//! The bot's events from its own database to figures: on both databases everything equals a slow count over the raw events.

mod database;
mod deletion;
mod oracle;
mod random;
mod rounds;
mod trouble;
mod views;
