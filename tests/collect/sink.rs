//! A sink in memory, as strict as the contract.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use svodka::collect::Sink;
use svodka::facts::{
    Channel, Chat, CrmUser, Dialog, FactBatch, Message, MgUser, Order, Reference, SourceState, SourceStep,
};

/// All facts kept, by id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kept {
    pub crm_users: BTreeMap<i64, CrmUser>,
    pub mg_users: BTreeMap<i64, MgUser>,
    pub channels: BTreeMap<i64, Channel>,
    pub chats: BTreeMap<i64, Chat>,
    pub dialogs: BTreeMap<i64, Dialog>,
    pub messages: BTreeMap<i64, Message>,
    pub orders: BTreeMap<i64, Order>,
    /// MG customer to CRM customer.
    pub links: BTreeMap<i64, i64>,
    pub references: BTreeMap<(String, String), Reference>,
}

#[derive(Debug, Default)]
struct Inner {
    kept: Kept,
    states: BTreeMap<String, SourceState>,
    steps: Vec<(SourceStep, usize)>,
    progress: Vec<(String, u64, Option<u64>)>,
    refuses: bool,
}

/// Keeps facts and cursors.
#[derive(Debug, Default)]
pub struct MemorySink(Mutex<Inner>);

impl MemorySink {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub fn kept(&self) -> Kept {
        self.inner().kept.clone()
    }

    pub fn state_of(&self, source: &str) -> SourceState {
        self.inner().states.get(source).cloned().unwrap_or_default()
    }

    /// All steps since the start, with the number of facts in each.
    pub fn steps(&self) -> Vec<(SourceStep, usize)> {
        self.inner().steps.clone()
    }

    pub fn progress_of(&self, wanted: &str) -> Vec<(u64, Option<u64>)> {
        let inner = self.inner();
        let own = inner.progress.iter().filter(|(source, ..)| source == wanted);
        own.map(|(_, done, total)| (*done, *total)).collect()
    }

    /// From now on every save fails, or none does.
    pub fn refuse(&self, refuses: bool) {
        self.inner().refuses = refuses;
    }
}

#[async_trait]
impl Sink for MemorySink {
    async fn state(&self, source: &str) -> anyhow::Result<SourceState> {
        Ok(self.state_of(source))
    }

    async fn save(&self, batch: FactBatch, step: SourceStep) -> anyhow::Result<()> {
        let mut inner = self.inner();
        anyhow::ensure!(!inner.refuses, "the disk is full");
        assert!(batch.len() <= 5000, "a step of {} facts", batch.len());
        assert_eq!(step.coverage.is_some(), step.is_complete, "coverage belongs to the last step");
        inner.steps.push((step.clone(), batch.len()));
        let kept = &mut inner.kept;
        kept.crm_users.extend(batch.crm_users.into_iter().map(|user| (user.id, user)));
        kept.mg_users.extend(batch.mg_users.into_iter().map(|user| (user.id, user)));
        kept.channels.extend(batch.channels.into_iter().map(|channel| (channel.id, channel)));
        for chat in batch.chats {
            let old = kept.chats.get(&chat.id).map(|old| old.updated_at);
            if old.is_none_or(|old| old <= chat.updated_at) {
                kept.chats.insert(chat.id, chat);
            }
        }
        for dialog in batch.dialogs {
            let old = kept.dialogs.get(&dialog.id).map(|old| old.updated_at);
            if old.is_none_or(|old| old <= dialog.updated_at) {
                kept.dialogs.insert(dialog.id, dialog);
            }
        }
        for message in batch.messages {
            let old = kept.messages.get(&message.id).map(|old| old.updated_at);
            if old.is_none_or(|old| old <= message.updated_at) {
                kept.messages.insert(message.id, message);
            }
        }
        kept.orders.extend(batch.orders.into_iter().map(|order| (order.id, order)));
        for order_id in batch.deleted_orders {
            if let Some(order) = kept.orders.get_mut(&order_id) {
                order.is_deleted = true;
            }
        }
        for link in batch.customer_links {
            kept.links.insert(link.mg_customer_id, link.crm_customer_id);
        }
        let references = batch.references.into_iter();
        kept.references.extend(references.map(|entry| ((entry.book.clone(), entry.code.clone()), entry)));
        let state = inner.states.entry(step.source).or_default();
        state.cursor = step.cursor.or(state.cursor.take());
        state.coverage = step.coverage.or(state.coverage);
        Ok(())
    }

    async fn customers_without_link(&self, after_id: i64, limit: i64) -> anyhow::Result<Vec<i64>> {
        let inner = self.inner();
        let linked: BTreeSet<i64> = inner.kept.links.values().copied().collect();
        let buyers: BTreeSet<i64> =
            inner.kept.orders.values().filter_map(|order| order.customer_id).collect();
        let unlinked = buyers.into_iter().filter(|id| *id > after_id && !linked.contains(id));
        Ok(unlinked.take(usize::try_from(limit)?).collect())
    }

    fn progress(&self, source: &str, done: u64, total: Option<u64>) {
        self.inner().progress.push((source.to_owned(), done, total));
    }
}
