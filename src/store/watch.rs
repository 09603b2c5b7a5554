//! A hand on every boundary of the store: where a worker may die, wait, or be told that something failed.
//!
//! The simulation stands here, so that its crashes fall on commits and not on moments of the machine. Without a watch, which
//! is always so outside of tests, nothing is asked. A watch decides nothing about data: it can only break off or fail.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::Result;

/// Where a call of the store stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// A statement of an open transaction was run; `name` is that of its SQL.
    Ran { name: &'static str },
    /// A statement without a transaction was run: an error from here is a lost answer.
    Stands { name: &'static str },
    /// Before a commit: an error from here means that nothing is committed.
    Commit,
    /// After a commit: an error from here is a lost answer.
    Committed,
}

/// Whoever stands at the boundaries.
#[async_trait]
pub trait Watch: fmt::Debug + Send + Sync {
    /// Before a connection is taken. May wait.
    async fn before(&self) -> Result<(), sqlx::Error>;
    /// At a point; the connection is held, so this cannot wait.
    fn at(&self, point: Point) -> Result<(), sqlx::Error>;
}

/// The watch of a store, mostly none.
#[derive(Debug, Clone, Default)]
pub(super) struct Watched(pub(super) Option<Arc<dyn Watch>>);

impl Watched {
    pub(super) async fn before(&self) -> Result<()> {
        match &self.0 {
            Some(watch) => Ok(watch.before().await?),
            None => Ok(()),
        }
    }

    pub(super) fn at(&self, point: Point) -> Result<()> {
        match &self.0 {
            Some(watch) => Ok(watch.at(point)?),
            None => Ok(()),
        }
    }
}
