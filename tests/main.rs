//! All integration tests in one binary, so that the dependencies are linked once.

mod migrations;
mod store_contract;
mod support;
