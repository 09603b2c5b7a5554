//! Counts for the note on data quality that need texts, or rows that are no facts.

use super::sql::{fetch_all, fetch_one, queries, same};
use super::{Result, Store};
use crate::clock::Instant;

queries! {
    // Texts are compared where they are; none of them leaves the database.
    DUPLICATES = same!(
        "SELECT CAST(COALESCE(sum(copies - 1), 0) AS BIGINT), CAST(count(DISTINCT chat_id) AS BIGINT) FROM (",
        "SELECT chat_id, count(*) AS copies FROM messages ",
        "WHERE sent_at >= $1 AND sent_at < $2 AND is_public AND text IS NOT NULL AND text <> '' ",
        "AND author_kind IN ('customer', 'user') ",
        "GROUP BY chat_id, author_kind, author_id, sent_at, text HAVING count(*) > 1) AS found",
    );
    DROPPED_BETWEEN = same!(
        "SELECT source, CAST(sum(dropped_count) AS BIGINT) FROM dropped_records ",
        "WHERE dropped_at >= $1 AND dropped_at < $2 GROUP BY source",
    );
}

impl Store {
    /// Messages of `[from, until)` that are there more than once, and in how many chats: the same words of the same author
    /// in the same chat at the same moment. The first of each is not counted, messages without words never.
    pub async fn count_duplicate_messages(&self, from: Instant, until: Instant) -> Result<(u64, u64)> {
        let mut db = self.conn().await?;
        let (copies, chats) = fetch_one!((i64, i64), db, DUPLICATES, from, until)?;
        Ok((copies.unsigned_abs(), chats.unsigned_abs()))
    }

    /// Records that could not be understood when they were read in `[from, until)`, by source.
    pub async fn dropped_between(&self, from: Instant, until: Instant) -> Result<Vec<(String, u64)>> {
        let mut db = self.conn().await?;
        let rows = fetch_all!((String, i64), db, DROPPED_BETWEEN, from, until)?;
        let mut sums: Vec<_> =
            rows.into_iter().map(|(source, count)| (source, count.unsigned_abs())).collect();
        sums.sort();
        Ok(sums)
    }
}
