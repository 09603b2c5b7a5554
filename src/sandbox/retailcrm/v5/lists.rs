//! `/users` and `/customers`.

use serde_json::{Value, json};

use super::orders::{number, numbers, range};
use super::shape::naive;
use super::{Context, Outcome, bad_parameter, error, paginate};
use crate::sandbox::retailcrm::answer::Answer;
use crate::sandbox::retailcrm::model::{Customer, User};

pub(super) fn users(context: &Context) -> Outcome {
    context.check_names(&["limit", "page"], &["active", "isManager", "isAdmin", "email"])?;
    let (limit, page) = context.page()?;
    let active = flag(context, "active")?;
    let is_manager = flag(context, "isManager")?;
    let is_admin = flag(context, "isAdmin")?;
    let email = context.request.query.filter("email");
    let found: Vec<&User> = context
        .model
        .users()
        .iter()
        .filter(|user| user.created_at <= context.now && !user.is_technical)
        .filter(|user| {
            active.is_none_or(|wanted| user.is_active == wanted)
                && is_manager.is_none_or(|wanted| user.is_manager == wanted)
                && is_admin.is_none_or(|wanted| user.is_manager != wanted)
                && email.is_none_or(|email| email_of(user) == email)
        })
        .collect();
    let (users, pagination) = paginate(found, limit, page);
    let users: Vec<Value> = users.into_iter().map(|user| show_user(context, user)).collect();
    Ok(json!({"success": true, "pagination": pagination, "users": users}))
}

pub(super) fn user(context: &Context, id: &str) -> Outcome {
    context.check_names(&[], &[])?;
    let user = context.model.users().iter().find(|user| !user.is_technical && user.crm_id.to_string() == id);
    let user = user.ok_or_else(|| error(404, "Not found"))?;
    Ok(json!({"success": true, "user": show_user(context, user)}))
}

fn flag(context: &Context, name: &str) -> Result<Option<bool>, Answer> {
    match context.request.query.filter(name) {
        None => Ok(None),
        Some("1") => Ok(Some(true)),
        Some("0") => Ok(Some(false)),
        Some(_) => Err(bad_parameter(&format!("filter[{name}]"), "This value should be 0 or 1.")),
    }
}

fn email_of(user: &User) -> String {
    format!("user{}@example.test", user.crm_id)
}

fn show_user(context: &Context, user: &User) -> Value {
    let mut body = json!({
        "id": user.crm_id, "createdAt": naive(user.created_at, context.model.settings.zone),
        "active": user.is_active, "email": email_of(user), "firstName": user.first_name,
        "status": "free", "online": user.is_active, "isAdmin": !user.is_manager, "isManager": user.is_manager,
        "groups": [{"id": 25, "name": "Менеджеры", "code": "manager"}],
    });
    if !user.last_name.is_empty() {
        body["lastName"] = json!(user.last_name);
    }
    if user.crm_names_mg {
        body["mgUserId"] = json!(user.mg_id);
    }
    body
}

pub(super) fn customers(context: &Context) -> Outcome {
    let filters =
        ["ids", "externalIds", "name", "email", "managers", "sites", "dateFrom", "dateTo", "mgCustomerId"];
    context.check_names(&["limit", "page"], &filters)?;
    let (limit, page) = context.page()?;
    let query = &context.request.query;
    let ids = numbers(context, "ids")?;
    let managers = numbers(context, "managers")?;
    let mg_id = query.filter("mgCustomerId").map(|id| number("mgCustomerId", id)).transpose()?;
    let [from, to] = range(context, "dateFrom", "dateTo")?;
    let mut found: Vec<&Customer> = visible(context)
        .filter(|customer| {
            ids.as_ref().is_none_or(|ids| ids.contains(&customer.id))
                && managers
                    .as_ref()
                    .is_none_or(|ids| customer.manager_id.is_some_and(|id| ids.contains(&id)))
                && mg_id.is_none_or(|id| customer.mg_customer_ids.contains(&id))
                && from.is_none_or(|from| customer.created_at >= from)
                && to.is_none_or(|to| customer.created_at < to + chrono::TimeDelta::seconds(1))
                && query.filter_list("externalIds").is_none_or(|ids| {
                    customer.external_id.as_deref().is_some_and(|id| ids.contains(&id))
                })
                && query.filter_list("sites").is_none_or(|sites| sites.contains(&customer.site.as_str()))
                && query.filter("name").is_none_or(|name| {
                    customer.first_name.contains(name)
                        || customer.last_name.contains(name)
                        || customer.phone.contains(name)
                })
                // Nobody here has an e-mail address.
                && query.filter("email").is_none()
        })
        .collect();
    found.reverse();
    let (customers, pagination) = paginate(found, limit, page);
    let customers: Vec<Value> =
        customers.into_iter().map(|customer| show_customer(context, customer)).collect();
    Ok(json!({"success": true, "pagination": pagination, "customers": customers}))
}

pub(super) fn customer(context: &Context, id: &str) -> Outcome {
    context.check_names(&["by", "site"], &[])?;
    let by_id = context.request.query.get("by") == Some("id");
    let customer = visible(context).find(|customer| {
        if by_id { customer.id.to_string() == id } else { customer.external_id.as_deref() == Some(id) }
    });
    let customer = customer.ok_or_else(|| error(404, "Not found"))?;
    Ok(json!({"success": true, "customer": show_customer(context, customer)}))
}

fn visible<'a>(context: &'a Context) -> impl Iterator<Item = &'a Customer> {
    let customers = context.model.customers().iter();
    customers.filter(|customer| customer.created_at <= context.now && context.sees_site(&customer.site))
}

fn show_customer(context: &Context, customer: &Customer) -> Value {
    let zone = context.model.settings.zone;
    let own = context
        .model
        .orders()
        .iter()
        .filter(|order| order.customer_id == customer.id && order.deleted_at.is_none());
    let (orders_count, total_minor) =
        own.fold((0_i64, 0_i64), |(count, sum), order| (count + 1, sum + order.total_minor()));
    let mut body = json!({
        "type": "customer", "id": customer.id, "isContact": false, "site": customer.site,
        "createdAt": naive(customer.created_at, zone), "vip": false, "bad": false, "tags": [],
        "contragent": {"contragentType": "individual"}, "firstName": customer.first_name,
        "marginSumm": 0, "totalSumm": super::shape::money(total_minor), "ordersCount": orders_count,
        "averageSumm": super::shape::money(if orders_count > 0 { total_minor / orders_count } else { 0 }),
        "segments": [], "customerSubscriptions": [], "customFields": [],
        "mgCustomers": identities(context, customer),
    });
    if let Some(external_id) = &customer.external_id {
        body["externalId"] = json!(external_id);
    }
    if let Some(manager_id) = customer.manager_id {
        body["managerId"] = json!(manager_id);
    }
    if !customer.last_name.is_empty() {
        body["lastName"] = json!(customer.last_name);
    }
    if !customer.phone.is_empty() {
        body["phones"] = json!([{"number": customer.phone}]);
    }
    body
}

/// Who the customer is in the chats. The plain `id`s are the CRM's own and mean nothing to the Bot API.
fn identities(context: &Context, customer: &Customer) -> Vec<Value> {
    let mut shown = Vec::new();
    for mg_id in &customer.mg_customer_ids {
        let Ok(person) = context.model.mg_customer(*mg_id) else { continue };
        let channels = context.model.channels();
        let Some(channel) = channels.iter().find(|channel| channel.id == person.channel_id) else { continue };
        shown.push(json!({
            "id": 100_000 - mg_id, "externalId": mg_id,
            "mgChannel": {"id": channel.id - 66, "externalId": channel.id, "type": channel.kind,
                          "active": channel.is_active, "name": channel.name, "allowedSendByPhone": false},
        }));
    }
    shown
}
