//! All integration tests in one binary, so that the dependencies are linked once.

mod measure;
mod support;
