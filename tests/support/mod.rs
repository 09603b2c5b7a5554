//! What the tests share.

pub mod time;
