//! All integration tests in one binary, so that the dependencies are linked once.

#[cfg(feature = "sandbox")]
mod sandbox_retailcrm;
mod support;
