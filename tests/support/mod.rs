//! What the tests share.

#[cfg(feature = "sandbox")]
pub mod delivery;
pub mod postgres;
pub mod stores;
