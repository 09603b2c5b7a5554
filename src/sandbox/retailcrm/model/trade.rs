//! What happens to orders.

use super::{
    Actor, HistoryKind, HistoryRecord, HistoryValue, Item, Kind, Model, NewOrder, Order, Payment, PaymentRef,
    Unknown, position,
};
use crate::clock::Instant;

impl Model {
    /// Creates an order in the status `new`.
    pub fn add_order(&mut self, at: Instant, new: NewOrder, by: Actor) -> Result<i64, Unknown> {
        self.customer(new.customer_id)?;
        let (id, recorded_at) = (self.ids.next(Kind::Order), self.recorded(at));
        let items = new
            .items
            .into_iter()
            .map(|(name, price_minor, quantity)| Item {
                id: self.ids.next(Kind::Item),
                name,
                price_minor,
                quantity,
            })
            .collect();
        self.orders.push(Order {
            id,
            number: format!("{id}A"),
            external_id: new.external_id,
            site: self.main_site(),
            order_method: new.order_method,
            status: "new".to_owned(),
            status_updated_at: at,
            created_at: at,
            recorded_at,
            manager_id: new.manager_id,
            customer_id: new.customer_id,
            dialog_id: new.dialog_id,
            items,
            delivery_minor: new.delivery_minor,
            discount_minor: new.discount_minor,
            payments: Vec::new(),
            full_paid_at: None,
            custom_fields: Vec::new(),
            deleted_at: None,
            combined_to: None,
        });
        let status = HistoryValue::Code("new".to_owned());
        self.record(id, at, by, HistoryKind::Created, "status", HistoryValue::None, status);
        Ok(id)
    }

    /// Moves the order to a status.
    pub fn set_order_status(&mut self, id: i64, at: Instant, status: &str, by: Actor) -> Result<(), Unknown> {
        let order = self.order_mut(id)?;
        let old = std::mem::replace(&mut order.status, status.to_owned());
        order.status_updated_at = at;
        let (old, new) = (HistoryValue::Code(old), HistoryValue::Code(status.to_owned()));
        self.record(id, at, by, HistoryKind::Changed, "status", old, new);
        Ok(())
    }

    /// Gives the order to an employee (CRM user id) or to nobody.
    pub fn assign_order(
        &mut self,
        id: i64,
        at: Instant,
        manager_id: Option<i64>,
        by: Actor,
    ) -> Result<(), Unknown> {
        let old = std::mem::replace(&mut self.order_mut(id)?.manager_id, manager_id);
        let value = |id: Option<i64>| id.map_or(HistoryValue::None, HistoryValue::Id);
        self.record(id, at, by, HistoryKind::Changed, "manager", value(old), value(manager_id));
        Ok(())
    }

    /// Adds a payment that has not come in yet; returns its id.
    pub fn add_payment(
        &mut self,
        order_id: i64,
        at: Instant,
        amount_minor: i64,
        by: Actor,
    ) -> Result<i64, Unknown> {
        let id = self.ids.next(Kind::Payment);
        let status = Some("not-paid".to_owned());
        self.order_mut(order_id)?.payments.push(Payment {
            id,
            amount_minor,
            status,
            paid_at: None,
            is_written_in_utc: false,
        });
        let new = HistoryValue::Id(id);
        self.record(order_id, at, by, HistoryKind::Changed, "payments", HistoryValue::None, new);
        Ok(id)
    }

    /// The payment comes in; a fully paid order gets its `fullPaidAt`.
    pub fn pay(&mut self, order_id: i64, payment_id: i64, at: Instant, by: Actor) -> Result<(), Unknown> {
        let order = self.order_mut(order_id)?;
        let payment = order
            .payments
            .iter_mut()
            .find(|payment| payment.id == payment_id)
            .ok_or(Unknown { kind: "payment", id: payment_id })?;
        let old = payment.status.replace("paid".to_owned());
        payment.paid_at = Some(at);
        payment.is_written_in_utc = matches!(by, Actor::Api { .. });
        let is_full = order.prepaid_minor() >= order.total_minor();
        let old = old.map_or(HistoryValue::None, HistoryValue::Code);
        let new = HistoryValue::Code("paid".to_owned());
        self.record(order_id, at, by, HistoryKind::Changed, "payments.status", old, new);
        if let Some(record) = self.history.last_mut() {
            let status = Some("paid".to_owned());
            record.payment = Some(PaymentRef { id: payment_id, status, amount_minor: 0 });
        }
        let order = self.order_mut(order_id)?;
        if is_full && order.full_paid_at.is_none() {
            order.full_paid_at = Some(at);
            let (none, new) = (HistoryValue::None, HistoryValue::At(at));
            self.record(order_id, at, Actor::System, HistoryKind::Changed, "full_paid_at", none, new);
        }
        Ok(())
    }

    /// Pays whatever is still owed, in one payment. Nothing owed: nothing happens.
    pub fn pay_order(&mut self, order_id: i64, at: Instant, by: Actor) -> Result<(), Unknown> {
        let order = self.order(order_id)?;
        let rest = order.total_minor() - order.prepaid_minor();
        if rest > 0 {
            let payment = self.add_payment(order_id, at, rest, by)?;
            self.pay(order_id, payment, at, by)?;
        }
        Ok(())
    }

    /// Puts a further position into the order.
    pub fn add_item(
        &mut self,
        order_id: i64,
        at: Instant,
        item: (String, i64, i64),
        by: Actor,
    ) -> Result<(), Unknown> {
        let id = self.ids.next(Kind::Item);
        let (name, price_minor, quantity) = item;
        self.order_mut(order_id)?.items.push(Item { id, name, price_minor, quantity });
        let new = HistoryValue::Id(id);
        self.record(order_id, at, by, HistoryKind::Changed, "order_product", HistoryValue::None, new);
        Ok(())
    }

    /// Writes the dialog into the order, as an integration does.
    pub fn link_order(&mut self, order_id: i64, at: Instant, dialog_id: i64) -> Result<(), Unknown> {
        self.dialog(dialog_id)?;
        let old = self.order_mut(order_id)?.dialog_id.replace(dialog_id);
        let old = old.map_or(HistoryValue::None, HistoryValue::Number);
        let by = Actor::Api { is_current: false };
        let new = HistoryValue::Number(dialog_id);
        self.record(order_id, at, by, HistoryKind::Changed, "dialog_id", old, new);
        Ok(())
    }

    /// Somebody edits the creation date on the order's card.
    pub fn edit_created_at(
        &mut self,
        order_id: i64,
        at: Instant,
        created_at: Instant,
        by: Actor,
    ) -> Result<(), Unknown> {
        let old = std::mem::replace(&mut self.order_mut(order_id)?.created_at, created_at);
        let (old, new) = (HistoryValue::At(old), HistoryValue::At(created_at));
        self.record(order_id, at, by, HistoryKind::Changed, "created_at", old, new);
        Ok(())
    }

    /// Changes what the feed does not tell about (custom fields, the number, a payment's missing status).
    pub fn change_order(&mut self, id: i64, change: impl FnOnce(&mut Order)) -> Result<(), Unknown> {
        change(self.order_mut(id)?);
        Ok(())
    }

    /// Deletes the order: it leaves the lists, the feed says so.
    pub fn delete_order(&mut self, id: i64, at: Instant, by: Actor) -> Result<(), Unknown> {
        self.order_mut(id)?.deleted_at = Some(at);
        let (old, new) = (HistoryValue::Number(id), HistoryValue::None);
        self.record(id, at, by, HistoryKind::Deleted, "id", old, new);
        Ok(())
    }

    /// Merges `from` into `into`: `from` leaves the lists, its positions move over.
    pub fn merge_orders(&mut self, from: i64, into: i64, at: Instant, by: Actor) -> Result<(), Unknown> {
        self.order(into)?;
        let source = self.order_mut(from)?;
        (source.deleted_at, source.combined_to) = (Some(at), Some(into));
        let items = source.items.clone();
        let (old, new) = (HistoryValue::Number(from), HistoryValue::None);
        self.record(from, at, by, HistoryKind::Merged(into), "id", old, new);
        for item in items {
            self.add_item(into, at, (item.name, item.price_minor, item.quantity), by)?;
        }
        Ok(())
    }

    /// Adds `count` records that our key may not see but the pages count: a whole page of them comes back empty.
    pub fn add_hidden_history(&mut self, order_id: i64, at: Instant, count: usize) -> Result<(), Unknown> {
        self.order(order_id)?;
        for _ in 0..count {
            let (none, new) = (HistoryValue::None, HistoryValue::None);
            self.record(order_id, at, Actor::Rule, HistoryKind::Changed, "custom_internal", none, new);
            if let Some(record) = self.history.last_mut() {
                record.is_hidden = true;
            }
        }
        Ok(())
    }

    /// An order by id, deleted or not.
    pub fn order(&self, id: i64) -> Result<&Order, Unknown> {
        position(&self.orders, id, |order| order.id)
            .map(|index| &self.orders[index])
            .ok_or(Unknown { kind: "order", id })
    }

    fn order_mut(&mut self, id: i64) -> Result<&mut Order, Unknown> {
        position(&self.orders, id, |order| order.id)
            .map(|index| &mut self.orders[index])
            .ok_or(Unknown { kind: "order", id })
    }

    #[expect(clippy::too_many_arguments, reason = "a record of the feed has this many independent columns")]
    fn record(
        &mut self,
        order_id: i64,
        at: Instant,
        actor: Actor,
        kind: HistoryKind,
        field: &'static str,
        old: HistoryValue,
        new: HistoryValue,
    ) {
        let Ok(order) = self.order(order_id) else { return };
        let (status, manager_id) = (order.status.clone(), order.manager_id);
        let payment = match (&new, field) {
            (HistoryValue::Id(id), "payments") => {
                order.payments.iter().find(|payment| payment.id == *id).map(|payment| PaymentRef {
                    id: *id,
                    status: payment.status.clone(),
                    amount_minor: payment.amount_minor,
                })
            }
            _ => None,
        };
        let (id, at) = (self.ids.next(Kind::History), self.recorded(at));
        let is_hidden = false;
        self.history.push(HistoryRecord {
            id,
            at,
            order_id,
            actor,
            kind,
            field,
            old,
            new,
            status,
            manager_id,
            payment,
            is_hidden,
        });
    }
}
