//! Facts read back for `measure` and for the collector.

use super::{Result, Store};
use crate::clock::Instant;
use crate::facts::Facts;

impl Store {
    /// The facts of a window `[from, until)`, as [`Facts`] describes them; message texts are left out. Messages at or
    /// after `until` are left out, so that a report about the past does not see its future.
    pub async fn facts_between(&self, _from: Instant, _until: Instant) -> Result<Facts> {
        todo!()
    }

    /// CRM customers that own a stored order and have no chat identity linked yet, ascending, after `after_id`.
    pub async fn customers_without_link(&self, _after_id: i64, _limit: i64) -> Result<Vec<i64>> {
        todo!()
    }

    /// Deletes the texts of messages sent before `before`, at most `limit` of them; the messages stay. Returns how many.
    pub async fn forget_texts(&self, _before: Instant, _limit: i64) -> Result<u64> {
        todo!()
    }

    /// Number of stored rows by table, for `doctor` and the demo.
    pub async fn count_facts(&self) -> Result<Vec<(String, i64)>> {
        todo!()
    }
}
