//! All integration tests in one binary, so that the dependencies are linked once.

mod support;
#[cfg(feature = "sandbox")]
mod sandbox_retailcrm;
