//! One worker wakes the others: a run or the poller was handed back, so nobody need wait for a tick.
//!
//! Only a hint, by `NOTIFY` on PostgreSQL; whoever misses it (a pooler that shares sessions, a connection just lost) comes at
//! its next tick. On SQLite there is nobody to wake.

use sqlx::postgres::PgListener;

use super::pool::Dual;
use super::sql::{execute, queries};
use super::{Result, Store};

/// Channels belong to the database, not to a schema.
const CHANNEL: &str = "svodka";

queries! {
    WAKE = ["SELECT 1 WHERE 1 = 0", "SELECT pg_notify('svodka', '')"];
}

/// Hears when another worker, or this one, calls [`Store::wake_workers`].
pub struct Wakes(PgListener);

impl Wakes {
    /// Returns at the next call, or when the connection was lost and is there again.
    ///
    /// # Errors
    /// When the database is away; calling again connects again.
    pub async fn next(&mut self) -> Result<()> {
        self.0.try_recv().await?;
        Ok(())
    }
}

impl Store {
    /// Says to all workers that there may be something to take over.
    pub async fn wake_workers(&self) -> Result<()> {
        let mut db = self.conn().await?;
        execute!(db, WAKE)?;
        Ok(())
    }

    /// Listens, on a connection of its own; `None` on SQLite.
    pub async fn listen(&self) -> Result<Option<Wakes>> {
        let Dual::Postgres(pool) = &self.pool else { return Ok(None) };
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(Wakes(listener)))
    }
}
