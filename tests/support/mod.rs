//! What the tests share.
pub mod digests;
