//! Facts read back for `measure` and for the collector.

use super::facts_rows::{ChannelRecord, CrmUserRecord, MgUserRecord};
use super::facts_rows::{ChatRecord, DialogRecord, LinkRecord, MessageRecord, OrderRecord};
use super::sql::{execute, fetch_all, queries, same};
use super::{Result, Store};
use crate::clock::Instant;
use crate::facts::{Directory, Facts, Marks};

/// Ids of the dialogs of the window `[$1, $2)`: those with a message in it, and those open at its end.
macro_rules! active_dialogs {
    () => {
        "SELECT dialog_id AS id FROM messages WHERE sent_at >= $1 AND sent_at < $2 AND dialog_id IS NOT NULL \
         UNION SELECT id FROM dialogs WHERE created_at < $2 AND (closed_at IS NULL OR closed_at >= $2)"
    };
}

/// The messages of a window, as [`Facts::messages`] describes them.
macro_rules! messages_of_window {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM messages WHERE dialog_id IN (",
            active_dialogs!(),
            ") AND sent_at < $2 ",
            "UNION ALL SELECT ",
            $columns,
            " FROM messages ",
            "WHERE dialog_id IS NULL AND sent_at >= $1 AND sent_at < $2",
        )
    };
}

queries! {
    CRM_USERS = same!("SELECT id, name, mg_user_id, is_manager, is_active FROM crm_users ORDER BY id");
    MG_USERS = same!("SELECT id, external_id, name, is_active, is_technical FROM mg_users ORDER BY id");
    CHANNELS = same!("SELECT id, kind, name, is_active FROM channels ORDER BY id");
    DIALOGS = same!(
        "SELECT id, chat_id, responsible_kind, responsible_id, created_at, assigned_at, closed_at, updated_at ",
        "FROM dialogs WHERE id IN (", active_dialogs!(), ") ORDER BY id",
    );
    MESSAGES = same!(
        messages_of_window!(
            "id, chat_id, dialog_id, sent_at, author_kind, author_id, is_public, event_kind, event_to_kind, \
             event_to_id, order_id, updated_at"
        ),
        " ORDER BY sent_at, id",
    );
    CHATS = same!(
        "SELECT id, channel_id, customer_id, customer_name, created_at, updated_at FROM chats WHERE id IN (",
        "SELECT chat_id FROM dialogs WHERE id IN (", active_dialogs!(), ") ",
        "UNION SELECT chat_id FROM (", messages_of_window!("chat_id"), ") AS found) ORDER BY id",
    );
    MARKS = same!(
        "SELECT message_id, marks FROM message_marks WHERE message_id IN (SELECT id FROM (",
        messages_of_window!("id"),
        ") AS found)",
    );
    ORDERS = same!(
        "SELECT id, number, status, created_at, manager_id, customer_id, dialog_id, total_minor, prepaid_minor, ",
        "currency, full_paid_at, is_deleted FROM orders ",
        "WHERE created_at >= $1 AND created_at < $2 AND NOT is_deleted ORDER BY created_at, id",
    );
    // The links of those who ordered: others lead from no conversation to no order.
    LINKS = same!(
        "SELECT mg_customer_id, crm_customer_id FROM customer_links WHERE crm_customer_id IN (",
        "SELECT customer_id FROM orders WHERE created_at >= $1 AND created_at < $2 AND NOT is_deleted) ",
        "ORDER BY mg_customer_id",
    );
    CUSTOMERS_WITHOUT_LINK = same!(
        "SELECT DISTINCT customer_id FROM orders WHERE customer_id > $1 AND NOT EXISTS ",
        "(SELECT 1 FROM customer_links WHERE customer_links.crm_customer_id = orders.customer_id) ",
        "ORDER BY customer_id LIMIT $2",
    );
    FORGET_TEXTS = same!(
        "UPDATE messages SET text = NULL, is_text_forgotten = TRUE WHERE id IN (SELECT id FROM messages ",
        "WHERE sent_at < $1 AND text IS NOT NULL ORDER BY sent_at LIMIT $2)",
    );
    COUNT = same!(
        "SELECT 'crm_users', CAST(count(*) AS BIGINT) FROM crm_users ",
        "UNION ALL SELECT 'mg_users', count(*) FROM mg_users ",
        "UNION ALL SELECT 'channels', count(*) FROM channels ",
        "UNION ALL SELECT 'chats', count(*) FROM chats ",
        "UNION ALL SELECT 'dialogs', count(*) FROM dialogs ",
        "UNION ALL SELECT 'messages', count(*) FROM messages ",
        "UNION ALL SELECT 'orders', count(*) FROM orders ",
        "UNION ALL SELECT 'customer_links', count(*) FROM customer_links ",
        "UNION ALL SELECT 'reference_books', count(*) FROM reference_books",
    );
}

impl Store {
    /// Everybody who may answer customers or own orders.
    pub async fn directory(&self) -> Result<Directory> {
        let mut db = self.conn().await?;
        let crm_users = into_facts(fetch_all!(CrmUserRecord, db, CRM_USERS)?)?;
        let mg_users = into_facts(fetch_all!(MgUserRecord, db, MG_USERS)?)?;
        Ok(Directory::new(&crm_users, &mg_users))
    }

    /// The facts of a window `[from, until)`, as [`Facts`] describes them; message texts are left out. Messages at or
    /// after `until` are left out, so that a report about the past does not see its future.
    pub async fn facts_between(&self, from: Instant, until: Instant) -> Result<Facts> {
        // One snapshot: a batch that arrives meanwhile is seen wholly or not at all.
        let mut tx = self.begin_snapshot().await?;
        let crm_users = into_facts(fetch_all!(CrmUserRecord, tx, CRM_USERS)?)?;
        let mg_users = into_facts(fetch_all!(MgUserRecord, tx, MG_USERS)?)?;
        let facts = Facts {
            directory: Directory::new(&crm_users, &mg_users),
            channels: into_facts(fetch_all!(ChannelRecord, tx, CHANNELS)?)?,
            chats: into_facts(fetch_all!(ChatRecord, tx, CHATS, from, until)?)?,
            dialogs: into_facts(fetch_all!(DialogRecord, tx, DIALOGS, from, until)?)?,
            messages: into_facts(fetch_all!(MessageRecord, tx, MESSAGES, from, until)?)?,
            orders: into_facts(fetch_all!(OrderRecord, tx, ORDERS, from, until)?)?,
            customer_links: into_facts(fetch_all!(LinkRecord, tx, LINKS, from, until)?)?,
            marks: fetch_all!((i64, i64), tx, MARKS, from, until)?
                .into_iter()
                .map(|(id, marks)| (id, Marks(marks as u32)))
                .collect(),
        };
        tx.commit().await?;
        Ok(facts)
    }

    /// CRM customers that own a stored order and have no chat identity linked yet, ascending, after `after_id`.
    pub async fn customers_without_link(&self, after_id: i64, limit: i64) -> Result<Vec<i64>> {
        let mut db = self.conn().await?;
        let rows = fetch_all!((i64,), db, CUSTOMERS_WITHOUT_LINK, after_id, limit)?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// Deletes the texts of messages sent before `before`, at most `limit` of them; the messages stay. Returns how many.
    ///
    /// A forgotten message is marked: reading the same version of it again brings no text back, only a newer version
    /// (edited since) does, until the next call.
    pub async fn forget_texts(&self, before: Instant, limit: i64) -> Result<u64> {
        let mut db = self.conn().await?;
        execute!(db, FORGET_TEXTS, before, limit)
    }

    /// Number of stored rows by table, for `doctor` and the demo.
    pub async fn count_facts(&self) -> Result<Vec<(String, i64)>> {
        let mut db = self.conn().await?;
        fetch_all!((String, i64), db, COUNT)
    }
}

fn into_facts<R, F: TryFrom<R>>(rows: Vec<R>) -> Result<Vec<F>, F::Error> {
    rows.into_iter().map(F::try_from).collect()
}
