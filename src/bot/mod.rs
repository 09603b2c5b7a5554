//! Listening to Telegram updates.
