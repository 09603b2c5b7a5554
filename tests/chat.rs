//! Talking with the bot: what each command answers, to whom, and what each button shows.

mod buttons;
mod commands;
mod operate;
mod roles;
mod route;
