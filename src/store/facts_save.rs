//! Writing facts in bulk: one statement per few hundred rows, by natural key.
//!
//! A batch may name a fact twice (a chat changed while its pages were read) and may arrive after a newer one (an old
//! page read again). So the newest of a batch is picked first — PostgreSQL refuses to touch a row twice in one
//! statement — and the statement itself refuses to go back in time.

use std::borrow::Cow;
use std::collections::BTreeMap;

use sqlx::{Postgres, QueryBuilder, Sqlite};

use super::Result;
use super::facts_rows::{author_columns, event_columns, responsible_columns};
use super::marks::queue_conversations;
use super::pool::{Dual, Tx};
use super::sql::{execute, queries, same};
use crate::clock::{Instant, to_micros};
use crate::facts::FactBatch;

/// Rows per statement: 14 columns × 500 stays well under the 32,766 parameters that SQLite takes.
pub(super) const ROWS_PER_STATEMENT: usize = 500;

queries! {
    DELETE_ORDER = same!("UPDATE orders SET is_deleted = TRUE WHERE id = $1");
}

/// Inserts rows in groups: head of the statement, values of one row, tail of the statement.
macro_rules! upsert {
    ($tx:expr, $rows:expr, $head:expr, |$row:ident| { $($local:stmt;)* } [$($value:expr),+ $(,)?], $tail:expr) => {
        for rows in $rows.chunks(ROWS_PER_STATEMENT) {
            match &mut $tx.db {
                Dual::Sqlite(db) => {
                    let mut insert = QueryBuilder::<Sqlite>::new($head);
                    insert.push_values(rows, |mut tuple, $row| {
                        $($local)*
                        $(tuple.push_bind($value);)+
                    });
                    insert.push($tail).build().persistent(false).execute(&mut **db).await?;
                }
                Dual::Postgres(db) => {
                    let mut insert = QueryBuilder::<Postgres>::new($head);
                    insert.push_values(rows, |mut tuple, $row| {
                        $($local)*
                        $(tuple.push_bind($value);)+
                    });
                    insert.push($tail).build().persistent(false).execute(&mut **db).await?;
                }
            }
        }
    };
}

pub(super) use upsert;

/// The newest version of each fact, in the order of keys. Of equal versions the later in the batch wins.
fn newest<'a, T, K: Ord>(
    facts: &'a [T],
    key: impl Fn(&'a T) -> K,
    is_older: impl Fn(&T, &T) -> bool,
) -> Vec<&'a T> {
    let mut newest: BTreeMap<K, &T> = BTreeMap::new();
    for fact in facts {
        newest
            .entry(key(fact))
            .and_modify(|known| {
                if !is_older(fact, known) {
                    *known = fact;
                }
            })
            .or_insert(fact);
    }
    newest.into_values().collect()
}

/// For facts without a version: what was read last is true.
fn never_older<T>(_: &T, _: &T) -> bool {
    false
}

/// Text without NUL characters, which PostgreSQL cannot hold; they carry nothing.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { Cow::Borrowed(text) }
}

fn clean_opt(text: Option<&String>) -> Option<Cow<'_, str>> {
    text.map(|text| clean(text))
}

fn micros(at: Option<Instant>) -> Option<Instant> {
    at.map(to_micros)
}

/// Inserts or updates every fact of the batch.
pub(super) async fn upsert_facts(tx: &mut Tx, batch: &FactBatch, now: Instant) -> Result<()> {
    upsert_people(tx, batch).await?;
    upsert_conversations(tx, batch).await?;
    upsert_messages(tx, batch).await?;
    queue_conversations(tx, batch, now).await?;
    upsert_orders(tx, batch).await
}

async fn upsert_people(tx: &mut Tx, batch: &FactBatch) -> Result<()> {
    upsert!(
        tx,
        newest(&batch.crm_users, |user| user.id, never_older),
        "INSERT INTO crm_users (id, name, mg_user_id, is_manager, is_active) ",
        |user| {} [user.id, clean(&user.name), user.mg_user_id, user.is_manager, user.is_active],
        " ON CONFLICT (id) DO UPDATE SET name = excluded.name, mg_user_id = excluded.mg_user_id, \
         is_manager = excluded.is_manager, is_active = excluded.is_active"
    );
    upsert!(
        tx,
        newest(&batch.mg_users, |user| user.id, never_older),
        "INSERT INTO mg_users (id, external_id, name, is_active, is_technical) ",
        |user| {} [
            user.id,
            clean_opt(user.external_id.as_ref()),
            clean(&user.name),
            user.is_active,
            user.is_technical,
        ],
        " ON CONFLICT (id) DO UPDATE SET external_id = excluded.external_id, name = excluded.name, \
         is_active = excluded.is_active, is_technical = excluded.is_technical"
    );
    upsert!(
        tx,
        newest(&batch.channels, |channel| channel.id, never_older),
        "INSERT INTO channels (id, kind, name, is_active) ",
        |channel| {} [channel.id, clean(&channel.kind), clean_opt(channel.name.as_ref()), channel.is_active],
        " ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, name = excluded.name, is_active = excluded.is_active"
    );
    upsert!(
        tx,
        newest(&batch.references, |entry| (&entry.book, &entry.code), never_older),
        "INSERT INTO reference_books (book, code, name, group_code) ",
        |entry| {} [clean(&entry.book), clean(&entry.code), clean(&entry.name), clean_opt(entry.group.as_ref())],
        " ON CONFLICT (book, code) DO UPDATE SET name = excluded.name, group_code = excluded.group_code"
    );
    Ok(())
}

async fn upsert_conversations(tx: &mut Tx, batch: &FactBatch) -> Result<()> {
    upsert!(
        tx,
        newest(&batch.chats, |chat| chat.id, |new, known| new.updated_at < known.updated_at),
        "INSERT INTO chats (id, channel_id, customer_id, customer_name, created_at, updated_at) ",
        |chat| {} [
            chat.id,
            chat.channel_id,
            chat.customer_id,
            clean(&chat.customer_name),
            to_micros(chat.created_at),
            to_micros(chat.updated_at),
        ],
        " ON CONFLICT (id) DO UPDATE SET channel_id = excluded.channel_id, customer_id = excluded.customer_id, \
         customer_name = excluded.customer_name, created_at = excluded.created_at, \
         updated_at = excluded.updated_at WHERE excluded.updated_at >= chats.updated_at"
    );
    upsert!(
        tx,
        newest(&batch.dialogs, |dialog| dialog.id, |new, known| new.updated_at < known.updated_at),
        "INSERT INTO dialogs (id, chat_id, responsible_kind, responsible_id, created_at, assigned_at, closed_at, \
         updated_at) ",
        |dialog| { let (kind, id) = responsible_columns(dialog.responsible); } [
            dialog.id,
            dialog.chat_id,
            kind,
            id,
            to_micros(dialog.created_at),
            micros(dialog.assigned_at),
            micros(dialog.closed_at),
            to_micros(dialog.updated_at),
        ],
        " ON CONFLICT (id) DO UPDATE SET chat_id = excluded.chat_id, \
         responsible_kind = excluded.responsible_kind, responsible_id = excluded.responsible_id, \
         created_at = excluded.created_at, assigned_at = excluded.assigned_at, closed_at = excluded.closed_at, \
         updated_at = excluded.updated_at WHERE excluded.updated_at >= dialogs.updated_at"
    );
    Ok(())
}

async fn upsert_messages(tx: &mut Tx, batch: &FactBatch) -> Result<()> {
    // A forgotten text comes back only with a newer version of its message.
    upsert!(
        tx,
        newest(&batch.messages, |message| message.id, |new, known| new.updated_at < known.updated_at),
        "INSERT INTO messages (id, chat_id, dialog_id, sent_at, author_kind, author_id, is_public, event_kind, \
         event_to_kind, event_to_id, order_id, text, is_text_forgotten, updated_at) ",
        |message| {
            let (author_kind, author_id) = author_columns(message.author);
            let (event_kind, to_kind, to_id) = event_columns(message.event);
        } [
            message.id,
            message.chat_id,
            message.dialog_id,
            to_micros(message.sent_at),
            author_kind,
            author_id,
            message.is_public,
            event_kind,
            to_kind,
            to_id,
            message.order_id,
            clean_opt(message.text.as_ref()),
            false,
            to_micros(message.updated_at),
        ],
        " ON CONFLICT (id) DO UPDATE SET chat_id = excluded.chat_id, dialog_id = excluded.dialog_id, \
         sent_at = excluded.sent_at, author_kind = excluded.author_kind, author_id = excluded.author_id, \
         is_public = excluded.is_public, event_kind = excluded.event_kind, \
         event_to_kind = excluded.event_to_kind, event_to_id = excluded.event_to_id, \
         order_id = excluded.order_id, \
         text = CASE WHEN messages.is_text_forgotten AND excluded.updated_at = messages.updated_at THEN NULL \
         ELSE excluded.text END, \
         is_text_forgotten = (messages.is_text_forgotten AND excluded.updated_at = messages.updated_at), \
         updated_at = excluded.updated_at WHERE excluded.updated_at >= messages.updated_at"
    );
    Ok(())
}

async fn upsert_orders(tx: &mut Tx, batch: &FactBatch) -> Result<()> {
    upsert!(
        tx,
        newest(&batch.orders, |order| order.id, never_older),
        "INSERT INTO orders (id, number, status, created_at, manager_id, customer_id, dialog_id, total_minor, \
         prepaid_minor, currency, full_paid_at, is_deleted) ",
        |order| {} [
            order.id,
            clean(&order.number),
            clean(&order.status),
            to_micros(order.created_at),
            order.manager_id,
            order.customer_id,
            order.dialog_id,
            order.total.0,
            order.prepaid.0,
            clean_opt(order.currency.as_ref()),
            micros(order.full_paid_at),
            order.is_deleted,
        ],
        " ON CONFLICT (id) DO UPDATE SET number = excluded.number, status = excluded.status, \
         created_at = excluded.created_at, manager_id = excluded.manager_id, customer_id = excluded.customer_id, \
         dialog_id = excluded.dialog_id, total_minor = excluded.total_minor, \
         prepaid_minor = excluded.prepaid_minor, currency = excluded.currency, \
         full_paid_at = excluded.full_paid_at, is_deleted = excluded.is_deleted"
    );
    for id in newest(&batch.deleted_orders, |id| *id, never_older) {
        execute!(*tx, DELETE_ORDER, id)?;
    }
    upsert!(
        tx,
        newest(&batch.customer_links, |link| link.mg_customer_id, never_older),
        "INSERT INTO customer_links (mg_customer_id, crm_customer_id) ",
        |link| {} [link.mg_customer_id, link.crm_customer_id],
        " ON CONFLICT (mg_customer_id) DO UPDATE SET crm_customer_id = excluded.crm_customer_id"
    );
    Ok(())
}
