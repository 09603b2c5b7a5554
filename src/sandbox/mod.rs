//! Stateful stand-ins of the outside and the synthetic company that fills them.
//!
//! `svodka demo`, `svodka sandbox` and the tests share them, so this is product code. A stand-in is a model of the
//! other side's state with HTTP as its skin, and it is stricter than the real service: what the real one might
//! tolerate by luck, it refuses. No other module uses this one, except the command line.

pub mod bot;
pub mod retailcrm;
pub mod shop;
pub mod telegram;
