//! `POST /orders/create` and `POST /orders/{id}/edit`, for whoever plays with the sandbox by hand.
//!
//! A form whose field `order` holds JSON. Fields the stand-in does not keep are refused instead of dropped.

use serde::Deserialize;
use serde_json::{Value, json};

use super::orders::full;
use super::shape::parse_naive;
use super::{Context, error};
use crate::clock::Instant;
use crate::sandbox::retailcrm::Oddities;
use crate::sandbox::retailcrm::answer::{Answer, Request};
use crate::sandbox::retailcrm::model::{Actor, ApiKey, Model, NewOrder};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct OrderInput {
    external_id: Option<String>,
    order_method: Option<String>,
    status: Option<String>,
    manager_id: Option<i64>,
    dialog_id: Option<i64>,
    created_at: Option<String>,
    customer: Option<Reference>,
    items: Option<Vec<ItemInput>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    id: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ItemInput {
    product_name: String,
    initial_price: f64,
    quantity: i64,
}

/// What of the path names a writing method.
pub(super) enum Target<'a> {
    Create,
    Edit(&'a str),
}

impl<'a> Target<'a> {
    /// The writing method behind a path, if there is one.
    pub fn of(path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix("/api/v5/orders/")?;
        match rest.split_once('/') {
            None if rest == "create" => Some(Self::Create),
            Some((id, "edit")) => Some(Self::Edit(id)),
            _ => None,
        }
    }
}

pub(super) fn answer(
    model: &mut Model,
    now: Instant,
    oddities: &Oddities,
    request: &Request,
    key: &ApiKey,
    target: Target,
) -> Answer {
    let (status, id) = match perform(model, now, request, key, target) {
        Ok(done) => done,
        Err(refusal) => return refusal,
    };
    let context = Context { model, now, oddities, key, request };
    let Ok(order) = model.order(id) else { return error(404, "Not found") };
    let mut shown = full(&context, order, false);
    // Answers to a change list the payments, reads key them by id.
    if let Some(payments) = shown["payments"].as_object() {
        shown["payments"] = Value::Array(payments.values().cloned().collect());
    }
    Answer::json(status, &json!({"success": true, "id": id, "order": shown}))
}

fn perform(
    model: &mut Model,
    now: Instant,
    request: &Request,
    key: &ApiKey,
    target: Target,
) -> Result<(u16, i64), Answer> {
    if !key.scopes.iter().any(|scope| scope == "order_write") {
        return Err(error(403, "Access denied."));
    }
    let sees_several = key.sites.as_ref().is_some_and(|sites| sites.len() > 1);
    if sees_several && request.form.get("site").is_none() {
        return Err(error(400, "Parameter 'site' is missing"));
    }
    let text = request.form.get("order").ok_or_else(|| error(400, "Parameter 'order' is missing"))?;
    let input: OrderInput = serde_json::from_str(text).map_err(|wrong| bad_entity(&wrong.to_string()))?;
    let by = Actor::Api { is_current: false };
    let zone = model.settings.zone;
    let known_status = |code: &str| model.settings.statuses.iter().any(|status| status.code == code);
    if input.status.as_deref().is_some_and(|code| !known_status(code)) {
        return Err(not_loaded("status", "Status does not exist."));
    }
    if input.dialog_id.is_some_and(|id| model.dialog(id).is_err()) {
        return Err(not_loaded("dialogId", "Dialog does not exist."));
    }
    let created_at = match input.created_at.as_deref().map(|text| parse_naive(text, zone, false)) {
        Some(None) => return Err(not_loaded("createdAt", "This value is not a valid datetime.")),
        Some(at) => at,
        None => None,
    };
    let (status, id) = match target {
        Target::Create => (201, create(model, now, &input, by)?),
        Target::Edit(id) => {
            let by_id = request.form.get("by") == Some("id") || request.query.get("by") == Some("id");
            let order = model.orders().iter().find(|order| {
                let named =
                    if by_id { order.id.to_string() == id } else { order.external_id.as_deref() == Some(id) };
                named && order.deleted_at.is_none()
            });
            (200, order.map(|order| order.id).ok_or_else(|| error(404, "Not found"))?)
        }
    };
    let gone = |_| error(404, "Not found");
    if let Some(code) = &input.status {
        model.set_order_status(id, now, code, by).map_err(gone)?;
    }
    if let Some(manager_id) = input.manager_id {
        model.assign_order(id, now, Some(manager_id), by).map_err(gone)?;
    }
    if let Some(dialog_id) = input.dialog_id {
        model.link_order(id, now, dialog_id).map_err(gone)?;
    }
    if let Some(created_at) = created_at {
        model.edit_created_at(id, now, created_at, by).map_err(gone)?;
    }
    Ok((status, id))
}

fn create(model: &mut Model, now: Instant, input: &OrderInput, by: Actor) -> Result<i64, Answer> {
    let customer = input.customer.as_ref();
    let customer_id = customer.ok_or_else(|| not_loaded("customer", "This value should not be blank."))?.id;
    let items =
        input.items.iter().flatten().map(|item| {
            (item.product_name.clone(), (item.initial_price * 100.0).round() as i64, item.quantity)
        });
    let order = NewOrder {
        customer_id,
        order_method: input.order_method.clone().unwrap_or_default(),
        items: items.collect(),
        external_id: input.external_id.clone(),
        ..NewOrder::default()
    };
    model
        .add_order(now, order, by)
        .map_err(|_| not_loaded("customer.id", &format!("Customer with id={customer_id} not found.")))
}

fn bad_entity(why: &str) -> Answer {
    let body = json!({"success": false, "errorMsg": "Errors in the entity format", "errors": [why]});
    Answer::json(400, &body)
}

fn not_loaded(field: &str, why: &str) -> Answer {
    let body = json!({"success": false, "errorMsg": "Order is not loaded", "errors": {(field): why}});
    Answer::json(400, &body)
}
