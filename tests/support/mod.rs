//! What the tests share.

pub mod digests;
#[cfg(feature = "sandbox")]
pub mod delivery;
pub mod postgres;
pub mod stores;
pub mod time;
#[cfg(feature = "sandbox")]
pub mod worker;
pub mod time;
pub mod facts;
