//! `/orders`, `/orders/{id}`, `/orders/statuses`.

use serde_json::{Map, Value, json};

use super::shape::{map_or_empty_list, money, naive, parse_naive};
use super::{Context, Outcome, bad_parameter, error, paginate};
use crate::clock::Instant;
use crate::sandbox::retailcrm::answer::Answer;
use crate::sandbox::retailcrm::model::{Order, Payment};

const FILTERS: [&str; 14] = [
    "ids",
    "externalIds",
    "numbers",
    "customerId",
    "managers",
    "sites",
    "extendedStatus",
    "orderMethods",
    "createdAtFrom",
    "createdAtTo",
    "statusUpdatedAtFrom",
    "statusUpdatedAtTo",
    "fullPaidAtFrom",
    "fullPaidAtTo",
];

pub(super) fn list(context: &Context) -> Outcome {
    context.check_names(&["limit", "page"], &FILTERS)?;
    let (limit, page) = context.page()?;
    let filter = Filter::read(context)?;
    // Newest first, as is widely assumed of the real service.
    let mut found: Vec<&Order> =
        visible(context).filter(|order| filter.lets_through(context, order)).collect();
    found.sort_by_key(|order| std::cmp::Reverse((order.created_at, order.id)));
    let (orders, pagination) = paginate(found, limit, page);
    let orders: Vec<Value> = orders.into_iter().map(|order| full(context, order, false)).collect();
    Ok(json!({"success": true, "pagination": pagination, "orders": orders}))
}

pub(super) fn one(context: &Context, id: &str) -> Outcome {
    context.check_names(&["by", "site"], &[])?;
    let by_id = context.request.query.get("by") == Some("id");
    let order = visible(context).find(|order| {
        if by_id { order.id.to_string() == id } else { order.external_id.as_deref() == Some(id) }
    });
    let order = order.ok_or_else(|| error(404, "Not found"))?;
    Ok(json!({"success": true, "order": full(context, order, false)}))
}

pub(super) fn statuses(context: &Context) -> Outcome {
    context.check_names(&["ids[]", "externalIds[]"], &[])?;
    let ids: Vec<&str> = context.request.query.all("ids[]").collect();
    let external_ids: Vec<&str> = context.request.query.all("externalIds[]").collect();
    let orders: Vec<Value> = visible(context)
        .filter(|order| {
            ids.contains(&order.id.to_string().as_str())
                || order.external_id.as_deref().is_some_and(|id| external_ids.contains(&id))
        })
        .map(|order| {
            let mut body =
                json!({"id": order.id, "status": order.status, "group": group_of(context, &order.status)});
            if let Some(external_id) = &order.external_id {
                body["externalId"] = json!(external_id);
            }
            body
        })
        .collect();
    Ok(json!({"success": true, "orders": orders}))
}

/// Orders that exist by now, were not deleted and belong to a store the key may see.
fn visible<'a>(context: &'a Context) -> impl Iterator<Item = &'a Order> {
    context.model.orders().iter().filter(|order| {
        order.recorded_at <= context.now
            && order.deleted_at.is_none_or(|at| at > context.now)
            && context.sees_site(&order.site)
    })
}

fn group_of<'a>(context: &Context<'a>, status: &str) -> &'a str {
    let statuses = &context.model.settings.statuses;
    statuses.iter().find(|known| known.code == status).map_or("new", |known| known.group)
}

/// The filters of a request, parsed.
struct Filter {
    ids: Option<Vec<i64>>,
    customer_id: Option<i64>,
    managers: Option<Vec<i64>>,
    created: [Option<Instant>; 2],
    status_updated: [Option<Instant>; 2],
    full_paid: [Option<Instant>; 2],
}

impl Filter {
    fn read(context: &Context) -> Result<Self, Answer> {
        Ok(Self {
            ids: numbers(context, "ids")?,
            customer_id: context
                .request
                .query
                .filter("customerId")
                .map(|id| number("customerId", id))
                .transpose()?,
            managers: numbers(context, "managers")?,
            created: range(context, "createdAtFrom", "createdAtTo")?,
            status_updated: range(context, "statusUpdatedAtFrom", "statusUpdatedAtTo")?,
            full_paid: range(context, "fullPaidAtFrom", "fullPaidAtTo")?,
        })
    }

    fn lets_through(&self, context: &Context, order: &Order) -> bool {
        let query = &context.request.query;
        let text_in =
            |name: &str, value: &str| query.filter_list(name).is_none_or(|values| values.contains(&value));
        let status_matches = query.filter_list("extendedStatus").is_none_or(|codes| {
            codes.contains(&order.status.as_str()) || codes.contains(&group_of(context, &order.status))
        });
        self.ids.as_ref().is_none_or(|ids| ids.contains(&order.id))
            && self.customer_id.is_none_or(|id| id == order.customer_id)
            && self.managers.as_ref().is_none_or(|ids| order.manager_id.is_some_and(|id| ids.contains(&id)))
            && text_in("externalIds", order.external_id.as_deref().unwrap_or_default())
            && text_in("numbers", &order.number)
            && text_in("sites", &order.site)
            && text_in("orderMethods", &order.order_method)
            && status_matches
            && inside(Some(order.created_at), self.created)
            && inside(Some(order.status_updated_at), self.status_updated)
            && inside(order.full_paid_at, self.full_paid)
    }
}

/// Whether a moment lies between two bounds, both included; no moment lies in no bounded range.
fn inside(at: Option<Instant>, [from, to]: [Option<Instant>; 2]) -> bool {
    match at {
        // The API knows whole seconds only, so 23:59:59.7 still is 23:59:59.
        Some(at) => {
            from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to + chrono::TimeDelta::seconds(1))
        }
        None => from.is_none() && to.is_none(),
    }
}

pub(super) fn range(context: &Context, from: &str, to: &str) -> Result<[Option<Instant>; 2], Answer> {
    let zone = context.model.settings.zone;
    let bound = |name: &str, is_end: bool| match context.request.query.filter(name) {
        None => Ok(None),
        Some(text) => match parse_naive(text, zone, is_end) {
            Some(at) => Ok(Some(at)),
            None => Err(bad_parameter(&format!("filter[{name}]"), "This value is not a valid datetime.")),
        },
    };
    Ok([bound(from, false)?, bound(to, true)?])
}

pub(super) fn numbers(context: &Context, name: &str) -> Result<Option<Vec<i64>>, Answer> {
    match context.request.query.filter_list(name) {
        None if context.request.query.filter(name).is_some() => {
            Err(bad_parameter(&format!("filter[{name}]"), "This value should be a list."))
        }
        None => Ok(None),
        Some(values) => {
            values.into_iter().map(|value| number(name, value)).collect::<Result<_, _>>().map(Some)
        }
    }
}

pub(super) fn number(name: &str, text: &str) -> Result<i64, Answer> {
    text.parse().map_err(|_| bad_parameter(&format!("filter[{name}]"), "This value should be a number."))
}

/// The whole order. In the feed payments are a list and those of a new order are not there yet.
pub(super) fn full(context: &Context, order: &Order, is_creation_record: bool) -> Value {
    let zone = context.model.settings.zone;
    let items: Vec<Value> = order
        .items
        .iter()
        .map(|item| {
            json!({
                "id": item.id, "initialPrice": money(item.price_minor), "discountTotal": 0, "discounts": [],
                "prices": [{"price": money(item.price_minor), "quantity": item.quantity}],
                "createdAt": naive(order.recorded_at, zone), "quantity": item.quantity, "status": "new",
                "offer": {"id": item.id, "name": item.name, "displayName": item.name,
                          "unit": {"code": "pc", "name": "Штука", "sym": "шт"}},
                "properties": [], "purchasePrice": money(item.price_minor * 55 / 100),
            })
        })
        .collect();
    let fields = order.custom_fields.iter().map(|(code, value)| (code.clone(), json!(value)));
    let mut body = json!({
        "slug": order.id, "id": order.id, "number": order.number, "privilegeType": "none", "countryIso": "RU",
        "createdAt": naive(order.created_at, zone),
        "statusUpdatedAt": naive(order.status_updated_at, zone),
        "summ": money(order.goods_minor()), "totalSumm": money(order.total_minor()),
        "prepaySum": money(if is_creation_record { 0 } else { order.prepaid_minor() }),
        "purchaseSumm": money(order.goods_minor() * 55 / 100),
        "bonusesCreditTotal": 0, "bonusesChargeTotal": 0, "call": false, "expired": false,
        "discountManualAmount": money(order.discount_minor),
        "customer": customer(context, order), "contragent": {"contragentType": "individual"},
        "delivery": {"code": "courier", "cost": money(order.delivery_minor), "netCost": money(order.delivery_minor)},
        "site": order.site, "status": order.status, "items": items,
        "fromApi": false, "shipped": false, "customFields": map_or_empty_list(fields.collect::<Map<_, _>>()),
    });
    body["payments"] = if is_creation_record { json!([]) } else { keyed_payments(context, order) };
    if !order.order_method.is_empty() {
        body["orderMethod"] = json!(order.order_method);
    }
    if let Some(external_id) = &order.external_id {
        body["externalId"] = json!(external_id);
    }
    if let Some(manager_id) = order.manager_id {
        body["managerId"] = json!(manager_id);
    }
    if let Some(dialog_id) = order.dialog_id {
        body["dialogId"] = json!(dialog_id);
    }
    if let (Some(at), false) = (order.full_paid_at, is_creation_record) {
        body["fullPaidAt"] = json!(naive(at, zone));
    }
    if !(context.oddities.v5_sparse && order.id % 5 == 0) {
        body["currency"] = json!(context.model.settings.currency);
    }
    body
}

fn keyed_payments(context: &Context, order: &Order) -> Value {
    let payments = order.payments.iter();
    Value::Object(payments.map(|payment| (payment.id.to_string(), one_payment(context, payment))).collect())
}

fn one_payment(context: &Context, payment: &Payment) -> Value {
    let zone = if payment.is_written_in_utc { chrono_tz::UTC } else { context.model.settings.zone };
    let mut body = json!({"id": payment.id, "type": "bank-card", "amount": money(payment.amount_minor)});
    if let Some(status) = &payment.status
        && !(context.oddities.v5_sparse && status == "not-paid" && payment.id % 4 == 0)
    {
        body["status"] = json!(status);
    }
    if let Some(at) = payment.paid_at {
        body["paidAt"] = json!(naive(at, zone));
    }
    body
}

fn customer(context: &Context, order: &Order) -> Value {
    let zone = context.model.settings.zone;
    let Ok(customer) = context.model.customer(order.customer_id) else { return json!({}) };
    let mut body = json!({
        "type": "customer", "id": customer.id, "isContact": false, "site": customer.site,
        "createdAt": naive(customer.created_at, zone), "vip": false, "bad": false, "tags": [],
        "firstName": customer.first_name, "customFields": [],
    });
    if let Some(external_id) = &customer.external_id {
        body["externalId"] = json!(external_id);
    }
    if !customer.phone.is_empty() {
        body["phones"] = json!([{"number": customer.phone}]);
    }
    body
}
