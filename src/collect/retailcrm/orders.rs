//! Orders: all of a window once, by pages; from then on what the change feed names, read again in bulk; and the chat
//! identities of the customers behind them.
//!
//! The place in the feed is noted before the page walk begins, so that nothing that changes meanwhile falls between
//! the two. Deleted and merged orders are known from the feed alone.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use chrono_tz::Tz;
use serde_json::Value;

use super::cursor::{self, History, Load, OrdersCursor};
use super::http::Query;
use super::round::{Round, RoundSummary, sink_failed};
use super::wire::{id, local_moment, to_local, v5};
use super::{RetailCrm, SyncMode};
use crate::collect::{CollectError, SOURCE_ORDERS, Sink};

const ORDERS: &str = "/api/v5/orders";
const HISTORY: &str = "/api/v5/orders/history";
const CUSTOMERS: &str = "/api/v5/customers";

/// The largest page API v5 gives.
const PAGE: u64 = 100;
/// Ids per request; they travel in the address, and addresses have a length.
const IDS_PER_REQUEST: usize = 50;
/// Changed orders after which they are read, before the feed is followed further.
const CHANGED_PER_STEP: usize = 500;
/// Customers to ask again in one round; with more of them, all unlinked ones are asked from the start.
const RECHECK_CAP: usize = 2000;
/// How far before its moment a place in the feed is noted by time: clocks differ, and local time may repeat an hour.
const FEED_SLACK: TimeDelta = TimeDelta::hours(2);

impl RetailCrm {
    /// Reads the orders changed since the last round; the first round reads those made in the last `first_load_days`.
    pub async fn sync_orders(&self, sink: &dyn Sink, mode: SyncMode) -> Result<RoundSummary, CollectError> {
        let began = self.clock.now();
        let zone = self.account(SOURCE_ORDERS).await?.zone;
        let state = sink.state(SOURCE_ORDERS).await.map_err(|error| sink_failed(SOURCE_ORDERS, &error))?;
        // The API's filter may look at days only; a day more on both sides costs little and is sifted here.
        let load_of = |days: u32| {
            let (from, until) = (began - TimeDelta::days(days.into()), began + TimeDelta::days(1));
            Load { from, until, page: 1, relinks: mode != SyncMode::Increment, total: None }
        };
        let mut cursor = cursor::read(SOURCE_ORDERS, state.cursor).unwrap_or_else(|| {
            let load = load_of(self.config.first_load_days);
            let history = History { since_id: None, start: to_local(began - FEED_SLACK, zone) };
            OrdersCursor {
                from: load.from,
                load: Some(load),
                history,
                links_after: 0,
                recheck: BTreeSet::new(),
            }
        });
        if let SyncMode::Reconcile { days } = mode {
            let load = load_of(days);
            cursor.from = cursor.from.min(load.from);
            cursor.links_after = 0;
            // A wider walk that broke off goes on instead.
            if cursor.load.as_ref().is_none_or(|pending| pending.from > load.from) {
                cursor.load = Some(load);
            }
        }
        let mut round = Round::new(SOURCE_ORDERS, sink, self.config.batch);
        self.load_orders(&mut round, &mut cursor, zone).await?;
        self.follow_history(&mut round, &mut cursor, zone).await?;
        self.link_customers(&mut round, &mut cursor).await?;
        let from = cursor.from;
        round.finish(cursor::write(&cursor), from, began).await
    }

    /// Walks the pages of the pending window, if there is one.
    async fn load_orders(
        &self,
        round: &mut Round<'_>,
        cursor: &mut OrdersCursor,
        zone: Tz,
    ) -> Result<(), CollectError> {
        while let Some(load) = &mut cursor.load {
            let query = vec![
                ("limit", PAGE.to_string()),
                ("page", load.page.to_string()),
                ("filter[createdAtFrom]", to_local(load.from - TimeDelta::days(1), zone)),
                ("filter[createdAtTo]", to_local(load.until, zone)),
            ];
            let answer = self.crm.get(self.asker(SOURCE_ORDERS), ORDERS, &query).await?;
            let records = self.list(SOURCE_ORDERS, ORDERS, &answer, "orders")?;
            let mut buyers = BTreeSet::new();
            for (_, record) in &records {
                let order = round.keep(v5::order(record, zone)).filter(|order| order.created_at >= load.from);
                buyers.extend(order.as_ref().and_then(|order| order.customer_id));
                round.batch.orders.extend(order);
            }
            let pages = v5::pages(&answer);
            round.tell_progress(pages.map(|pages| pages.total_count));
            let total = pages.map(|pages| pages.total_count);
            // Orders that left the list moved the later ones up, onto pages already read: step back as far.
            let gone = load.total.zip(total).map_or(0, |(before, now)| before.saturating_sub(now));
            let buyers: Vec<i64> = if load.relinks { buyers.into_iter().collect() } else { Vec::new() };
            let is_last = pages.map_or(records.len() < 100, |pages| load.page >= pages.page_count);
            load.total = total;
            if gone > 0 && load.page > 1 {
                load.page = load.page.saturating_sub(gone.div_ceil(PAGE)).max(1);
            } else if is_last {
                cursor.load = None;
            } else {
                load.page += 1;
            }
            for asked in buyers.chunks(IDS_PER_REQUEST) {
                self.read_links(round, asked).await?;
            }
            round.step(cursor::write(&*cursor)).await?;
        }
        round.flush(cursor::write(&*cursor)).await
    }

    /// Follows the change feed to its end and reads again what it names.
    async fn follow_history(
        &self,
        round: &mut Round<'_>,
        cursor: &mut OrdersCursor,
        zone: Tz,
    ) -> Result<(), CollectError> {
        // Order id to whether the last change known removed it.
        let mut changed = BTreeMap::new();
        let mut feed = Feed::of(&cursor.history);
        loop {
            let answer = self.crm.get(self.asker(SOURCE_ORDERS), HISTORY, &feed.query()).await?;
            let mut records = self.list(SOURCE_ORDERS, HISTORY, &answer, "history")?;
            // Ascending by all evidence; passing a later record first would skip the earlier ones.
            records.sort_by_key(|(_, record)| id(&record["id"]));
            for (_, record) in &records {
                feed.pass(record, zone, &mut cursor.history, round, &mut changed);
            }
            let page_count =
                v5::pages(&answer).map_or(1 + u64::from(records.len() >= 100), |pages| pages.page_count);
            let goes_on = feed.turn(&cursor.history, records.is_empty(), page_count);
            if changed.len() >= CHANGED_PER_STEP || !goes_on {
                self.read_again(round, cursor, &changed, zone).await?;
                changed.clear();
                round.flush(cursor::write(&*cursor)).await?;
            }
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// Reads the changed orders; those gone or not to be found are told as deleted.
    async fn read_again(
        &self,
        round: &mut Round<'_>,
        cursor: &mut OrdersCursor,
        changed: &BTreeMap<i64, bool>,
        zone: Tz,
    ) -> Result<(), CollectError> {
        let (removed, alive): (Vec<_>, Vec<_>) = changed.iter().partition(|(_, is_removed)| **is_removed);
        round.batch.deleted_orders.extend(removed.into_iter().map(|(order_id, _)| *order_id));
        let alive: Vec<i64> = alive.into_iter().map(|(order_id, _)| *order_id).collect();
        for asked in alive.chunks(IDS_PER_REQUEST) {
            let answer = self.crm.get(self.asker(SOURCE_ORDERS), ORDERS, &by_ids(asked)).await?;
            let mut missing: BTreeSet<i64> = asked.iter().copied().collect();
            for (_, record) in self.list(SOURCE_ORDERS, ORDERS, &answer, "orders")? {
                if let Some(order_id) = id(&record["id"]) {
                    missing.remove(&order_id);
                }
                let order = round.keep(v5::order(record, zone));
                cursor.recheck.extend(order.as_ref().and_then(|order| order.customer_id));
                round.batch.orders.extend(order);
            }
            round.batch.deleted_orders.extend(missing);
            round.tell_progress(None);
        }
        if cursor.recheck.len() > RECHECK_CAP {
            cursor.recheck.clear();
            cursor.links_after = 0;
        }
        Ok(())
    }

    /// Asks for the chat identities of customers: of those whose orders changed, and of those never asked for.
    async fn link_customers(
        &self,
        round: &mut Round<'_>,
        cursor: &mut OrdersCursor,
    ) -> Result<(), CollectError> {
        let recheck: Vec<i64> = cursor.recheck.iter().copied().collect();
        for asked in recheck.chunks(IDS_PER_REQUEST) {
            self.read_links(round, asked).await?;
        }
        cursor.recheck.clear();
        loop {
            // The sink answers from what it holds, so it must hold the links read above.
            round.flush(cursor::write(&*cursor)).await?;
            let limit = IDS_PER_REQUEST as i64;
            let asked = round.sink.customers_without_link(cursor.links_after, limit).await;
            let asked = asked.map_err(|error| sink_failed(SOURCE_ORDERS, &error))?;
            let Some(last) = asked.iter().max() else { return Ok(()) };
            self.read_links(round, &asked).await?;
            cursor.links_after = (*last).max(cursor.links_after + 1);
        }
    }

    async fn read_links(&self, round: &mut Round<'_>, customers: &[i64]) -> Result<(), CollectError> {
        let answer = self.crm.get(self.asker(SOURCE_ORDERS), CUSTOMERS, &by_ids(customers)).await?;
        for (_, record) in self.list(SOURCE_ORDERS, CUSTOMERS, &answer, "customers")? {
            let links = round.keep(v5::customer_links(record));
            round.batch.customer_links.extend(links.into_iter().flatten());
        }
        Ok(())
    }
}

fn by_ids(ids: &[i64]) -> Query {
    let mut query = vec![("limit", PAGE.to_string())];
    query.extend(ids.iter().map(|id| ("filter[ids][]", id.to_string())));
    query
}

/// How the change feed is being asked. By the last id where that gives records; by time and page where it gives an
/// empty page although more follow (records this key may not see), since `sinceId` allows no page.
#[derive(Debug)]
enum Feed {
    ById(i64),
    ByTime { start: String, page: u64 },
}

impl Feed {
    fn of(history: &History) -> Self {
        match history.since_id {
            Some(since_id) => Self::ById(since_id),
            None => Self::ByTime { start: history.start.clone(), page: 1 },
        }
    }

    fn query(&self) -> Query {
        let mut query = vec![("limit", PAGE.to_string())];
        match self {
            Self::ById(since_id) => query.push(("filter[sinceId]", since_id.to_string())),
            Self::ByTime { start, page } => {
                query.extend([("filter[startDate]", start.clone()), ("page", page.to_string())]);
            }
        }
        query
    }

    /// Takes one record in; one already passed is left out.
    fn pass(
        &self,
        record: &Value,
        zone: Tz,
        history: &mut History,
        round: &mut Round<'_>,
        changed: &mut BTreeMap<i64, bool>,
    ) {
        let record_id = id(&record["id"]);
        if record_id.is_some_and(|record_id| history.since_id.is_some_and(|passed| record_id <= passed)) {
            return;
        }
        if let Some(change) = round.keep(v5::change(record)) {
            changed.insert(change.order_id, change.is_removal);
            if let Some(successor) = change.combined_to {
                changed.entry(successor).or_insert(false);
            }
        }
        // A record that cannot be used is passed all the same, or it would hold up the feed for ever.
        history.since_id = record_id.or(history.since_id);
        if let Some(created_at) = local_moment(&record["createdAt"], zone) {
            history.start = to_local(created_at - FEED_SLACK, zone);
        }
    }

    /// Decides how to go on after an answer; `false` at the end of the feed.
    fn turn(&mut self, history: &History, is_empty: bool, page_count: u64) -> bool {
        match self {
            Self::ById(_) if page_count <= 1 => return false,
            Self::ById(_) if is_empty => *self = Self::ByTime { start: history.start.clone(), page: 1 },
            Self::ByTime { page, .. } => {
                *page += 1;
                return *page <= page_count;
            }
            Self::ById(since_id) => *since_id = history.since_id.unwrap_or(*since_id),
        }
        true
    }
}
