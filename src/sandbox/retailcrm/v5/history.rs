//! `/orders/history`: the change feed.

use serde_json::{Value, json};

use super::orders::{full, number, range};
use super::shape::{money, naive};
use super::{Context, Outcome, bad_parameter, paginate};
use crate::sandbox::retailcrm::model::{Actor, HistoryKind, HistoryRecord, HistoryValue};

pub(super) fn list(context: &Context) -> Outcome {
    let query = &context.request.query;
    let filters = ["sinceId", "startDate", "endDate", "orderId", "orderExternalId"];
    context.check_names(&["limit", "page"], &filters)?;
    let since_id = query.filter("sinceId").map(|id| number("sinceId", id)).transpose()?;
    if since_id.is_some() && query.get("page").is_some() {
        return Err(bad_parameter("page", "This parameter cannot be used together with filter[sinceId]."));
    }
    let (limit, page) = context.page()?;
    let [start, end] = range(context, "startDate", "endDate")?;
    let order_id = query.filter("orderId").map(|id| number("orderId", id)).transpose()?;
    let external_id = query.filter("orderExternalId");
    let found: Vec<&HistoryRecord> = context
        .model
        .history()
        .iter()
        .filter(|record| {
            record.at <= context.now
                && since_id.is_none_or(|id| record.id > id)
                && start.is_none_or(|start| record.at >= start)
                && end.is_none_or(|end| record.at < end + chrono::TimeDelta::seconds(1))
                && order_id.is_none_or(|id| record.order_id == id)
                && external_id.is_none_or(|id| {
                    let order = context.model.order(record.order_id);
                    order.is_ok_and(|order| order.external_id.as_deref() == Some(id))
                })
        })
        .collect();
    // Pages are cut before the records hidden from this key are left out, so a page may be empty in the middle.
    let (records, pagination) = paginate(found, limit, page);
    let history: Vec<Value> = records
        .into_iter()
        .filter(|record| !record.is_hidden && is_seen(context, record))
        .map(|record| show(context, record))
        .collect();
    Ok(json!({
        "success": true,
        "generatedAt": naive(context.now, context.model.settings.zone),
        "history": history,
        "pagination": pagination,
    }))
}

fn is_seen(context: &Context, record: &HistoryRecord) -> bool {
    context.model.order(record.order_id).is_ok_and(|order| context.sees_site(&order.site))
}

fn show(context: &Context, record: &HistoryRecord) -> Value {
    let zone = context.model.settings.zone;
    let value = |value: &HistoryValue| match value {
        HistoryValue::None => Value::Null,
        HistoryValue::Code(code) => json!({"code": code}),
        HistoryValue::Id(id) => json!({"id": id}),
        HistoryValue::At(at) => json!(naive(*at, zone)),
        HistoryValue::Number(number) => json!(number),
    };
    let mut body = json!({
        "id": record.id, "createdAt": naive(record.at, zone), "field": record.field,
        "oldValue": value(&record.old), "newValue": value(&record.new), "order": order(context, record),
    });
    match record.actor {
        Actor::User(id) => {
            body["source"] = json!("user");
            body["user"] = json!({"id": id});
        }
        Actor::Api { is_current } => {
            body["source"] = json!("api");
            body["apiKey"] = json!({"current": is_current});
        }
        Actor::System => body["source"] = json!("code"),
        Actor::Rule => body["source"] = json!("rule"),
    }
    match record.kind {
        HistoryKind::Created => body["created"] = json!(true),
        HistoryKind::Changed => {}
        HistoryKind::Deleted => body["deleted"] = json!(true),
        HistoryKind::Merged(into) => {
            body["deleted"] = json!(true);
            body["combinedTo"] = json!({"id": into});
        }
    }
    if let Some(payment) = &record.payment {
        let mut shown = json!({"type": "bank-card"});
        // A payment without an id happens in the real feed too.
        if !(context.oddities.v5_sparse && record.id % 10 == 0) {
            shown["id"] = json!(payment.id);
        }
        if let Some(status) = &payment.status {
            shown["status"] = json!(status);
        }
        if payment.amount_minor > 0 {
            shown["amount"] = money(payment.amount_minor);
        }
        body["payment"] = shown;
    }
    body
}

/// The order as it was right after the change: whole on creation, a few fields otherwise.
fn order(context: &Context, record: &HistoryRecord) -> Value {
    let Ok(order) = context.model.order(record.order_id) else { return json!({"id": record.order_id}) };
    let mut body = if record.kind == HistoryKind::Created {
        full(context, order, true)
    } else {
        json!({"id": order.id, "site": order.site})
    };
    body["status"] = json!(record.status);
    if let Some(external_id) = &order.external_id {
        body["externalId"] = json!(external_id);
    }
    match record.manager_id {
        Some(id) => body["managerId"] = json!(id),
        None => {
            if let Some(fields) = body.as_object_mut() {
                fields.remove("managerId");
            }
        }
    }
    body
}
