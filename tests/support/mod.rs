//! What the tests share.

pub mod digests;
pub mod postgres;
pub mod stores;
