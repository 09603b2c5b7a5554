//! Reference books, settings and what the key may do.

use serde_json::{Map, Value, json};

use super::Context;
use super::shape::naive;

pub(super) fn credentials(context: &Context) -> Value {
    let mut body = json!({
        "success": true,
        "scopes": context.key.scopes,
        "credentials": ["/api/orders", "/api/orders/history"],
        "siteAccess": if context.key.sites.is_some() { "access_selective" } else { "access_full" },
    });
    if let Some(sites) = &context.key.sites {
        body["sitesAvailable"] = json!(sites);
    }
    body
}

/// A reference book by the last part of its path; `None` for one that does not exist.
pub(super) fn book(context: &Context, name: &str) -> Option<Value> {
    let settings = &context.model.settings;
    let keyed = |rows: Vec<(&str, Value)>| -> Value {
        Value::Object(rows.into_iter().map(|(code, row)| (code.to_owned(), row)).collect::<Map<_, _>>())
    };
    let (key, rows) = match name {
        "statuses" => {
            let rows = settings.statuses.iter().enumerate().map(|(index, status)| {
                let row = json!({"name": status.name, "code": status.code, "active": true,
                                 "ordering": 10 * (index + 1), "group": status.group});
                (status.code, row)
            });
            ("statuses", keyed(rows.collect()))
        }
        "status-groups" => {
            let rows = settings.status_groups.iter().enumerate().map(|(index, group)| {
                let members = settings.statuses.iter().filter(|status| status.group == group.code);
                let codes: Vec<&str> = members.map(|status| status.code).collect();
                let row = json!({"name": group.name, "code": group.code, "active": true,
                                 "ordering": 10 * (index + 1), "process": group.is_process, "statuses": codes});
                (group.code, row)
            });
            ("statusGroups", keyed(rows.collect()))
        }
        "payment-statuses" => {
            let rows = settings.payment_statuses.iter().enumerate().map(|(index, status)| {
                let row = json!({"name": status.name, "code": status.code, "active": true, "defaultForCrm": index == 0,
                                 "defaultForApi": index == 0, "paymentComplete": status.is_complete,
                                 "ordering": 10 * (index + 1), "paymentTypes": ["bank-card"]});
                (status.code, row)
            });
            ("paymentStatuses", keyed(rows.collect()))
        }
        "payment-types" => {
            let codes: Vec<&str> = settings.payment_statuses.iter().map(|status| status.code).collect();
            let row = json!({"name": "Карта", "code": "bank-card", "active": true, "defaultForCrm": true,
                             "defaultForApi": true, "deliveryTypes": ["courier"], "paymentStatuses": codes});
            ("paymentTypes", keyed(vec![("bank-card", row)]))
        }
        "order-methods" => {
            let row = |code: &str, name: &str| {
                json!({"name": name, "code": code, "active": true, "defaultForCrm": false,
                       "defaultForApi": false, "isFromPos": false})
            };
            let rows =
                [("phone", "По телефону"), ("messenger", "Мессенджер"), ("shopping-cart", "Через корзину")];
            ("orderMethods", keyed(rows.map(|(code, name)| (code, row(code, name))).to_vec()))
        }
        "sites" => {
            let rows = settings.sites.iter().enumerate().map(|(index, site)| {
                let row = json!({"id": index + 1, "name": site.name, "url": "https://shop.example", "code": site.code,
                                 "defaultForCrm": index == 0, "loadFromYml": false, "countryIso": "RU",
                                 "currency": settings.currency, "ordering": 10 * (index + 1), "isDemo": false});
                (site.code, row)
            });
            ("sites", keyed(rows.collect()))
        }
        "mg-channels" => {
            let channels =
                context.model.channels().iter().filter(|channel| channel.created_at <= context.now);
            let rows = channels.map(|channel| {
                json!({"id": channel.id - 66, "externalId": channel.id, "type": channel.kind,
                       "active": channel.is_active, "name": channel.name})
            });
            ("mgChannels", Value::Array(rows.collect()))
        }
        _ => return None,
    };
    Some(json!({"success": true, (key): rows}))
}

/// `/settings`: the one place of API v5 that speaks snake_case.
pub(super) fn settings(context: &Context) -> Value {
    let settings = &context.model.settings;
    let changed_at = naive(context.now - chrono::TimeDelta::days(400), settings.zone);
    let work_times: Vec<Value> = settings
        .work_times
        .iter()
        .map(|day| {
            let mut row = json!({"day_type": day.day, "start_time": day.start, "end_time": day.end});
            if let Some((start, end)) = &day.lunch {
                row["lunch_start_time"] = json!(start);
                row["lunch_end_time"] = json!(end);
            }
            row
        })
        .collect();
    let days_off: Vec<Value> = settings
        .non_working_days
        .iter()
        .map(|span| json!({"start_date": span.start, "end_date": span.end}))
        .collect();
    json!({"success": true, "settings": {
        "default_currency": {"value": settings.currency, "updated_at": changed_at},
        "system_language": {"value": "RU", "updated_at": changed_at},
        "timezone": {"value": settings.zone.name(), "updated_at": changed_at},
        "work_times": work_times,
        "non_working_days": days_off,
        "mg": {"order_creation": {
            "default": {"site": "main", "order_type": "eshop-individual", "order_method": "messenger"}}},
    }})
}
