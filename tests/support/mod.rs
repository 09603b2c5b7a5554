//! What the tests share.

pub mod postgres;
pub mod stores;
pub mod digests;
