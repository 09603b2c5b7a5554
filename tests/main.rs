//! All integration tests in one binary, so that the dependencies are linked once.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on shall stop the test and say where")]

mod migrations;
mod store_contract;
mod support;
