//! Records of API v5.

use chrono_tz::Tz;
use serde_json::Value;

use super::{Decoded, entries, flag, full_name, id, local_moment, money, text};
use crate::clock::Instant;
use crate::facts::{CrmUser, CustomerLink, Money, Order, Reference};

/// Where a list stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Pages {
    pub total_count: u64,
    /// At least 1.
    pub page_count: u64,
}

/// The pagination of a list; `None` where the answer has none.
pub(in super::super) fn pages(answer: &Value) -> Option<Pages> {
    let number = |name: &str| id(&answer["pagination"][name]).and_then(|number| u64::try_from(number).ok());
    let page_count = number("totalPageCount")?.max(1);
    Some(Pages { total_count: number("totalCount").unwrap_or(0), page_count })
}

pub(in super::super) fn user(value: &Value) -> Decoded<CrmUser> {
    let id = id(&value["id"]).ok_or("user_without_id")?;
    Ok(CrmUser {
        id,
        name: full_name(&value["firstName"], &value["lastName"])
            .unwrap_or_else(|| format!("Пользователь {id}")),
        mg_user_id: super::id(&value["mgUserId"]),
        is_manager: flag(&value["isManager"]).unwrap_or(false),
        is_active: flag(&value["active"]).unwrap_or(true),
    })
}

/// An entry of a book whose answer is keyed by code (or a plain list).
pub(in super::super) fn reference(book: &str, key: Option<&str>, value: &Value) -> Decoded<Reference> {
    let code = text(&value["code"]).or_else(|| key.map(str::to_owned)).ok_or("reference_without_code")?;
    let name = text(&value["name"]).unwrap_or_else(|| code.clone());
    Ok(Reference { book: book.to_owned(), code, name, group: text(&value["group"]) })
}

/// An order. A sum that is there and cannot be read costs the order: a wrong revenue is worse than a missing one.
pub(in super::super) fn order(value: &Value, zone: Tz) -> Decoded<Order> {
    let order_id = id(&value["id"]).ok_or("order_without_id")?;
    let created_at = local_moment(&value["createdAt"], zone).ok_or("order_bad_time")?;
    let full_paid_at = match text(&value["fullPaidAt"]) {
        Some(_) => Some(local_moment(&value["fullPaidAt"], zone).ok_or("order_bad_time")?),
        None => None,
    };
    let total = amount(&value["totalSumm"])?.or(amount(&value["summ"])?).unwrap_or_default();
    let prepaid = amount(&value["prepaySum"])?.unwrap_or_else(|| paid_amount(&value["payments"]));
    // The chats know people; behind a company's order that is the contact.
    let is_company = value["customer"]["type"] == "customer_corporate";
    let contact_id = is_company.then(|| id(&value["contact"]["id"])).flatten();
    Ok(Order {
        id: order_id,
        number: text(&value["number"]).unwrap_or_else(|| order_id.to_string()),
        status: text(&value["status"]).unwrap_or_default(),
        created_at,
        manager_id: id(&value["managerId"]),
        customer_id: contact_id.or_else(|| id(&value["customer"]["id"])),
        dialog_id: id(&value["dialogId"]),
        total,
        prepaid,
        currency: text(&value["currency"]),
        full_paid_at,
        is_deleted: false,
    })
}

/// `None` when absent.
fn amount(value: &Value) -> Decoded<Option<Money>> {
    if value.is_null() { Ok(None) } else { money(value).map(Some).ok_or("order_bad_money") }
}

/// What the payments say is paid, where the order has no sum of its own. A keyed object or a list.
fn paid_amount(payments: &Value) -> Money {
    let is_paid = |payment: &Value| payment["status"] == "paid" || text(&payment["paidAt"]).is_some();
    let paid = entries(payments).into_iter().filter(|(_, payment)| is_paid(payment));
    paid.filter_map(|(_, payment)| money(&payment["amount"])).sum()
}

/// A record of the orders' change feed, as far as it matters: which order changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Change {
    /// Grows; has gaps.
    pub id: i64,
    pub order_id: i64,
    /// The order is gone, or gone into another one.
    pub is_removal: bool,
    /// The order that took this one in.
    pub combined_to: Option<i64>,
}

pub(in super::super) fn change(value: &Value) -> Decoded<Change> {
    let combined_to = id(&value["combinedTo"]["id"]);
    Ok(Change {
        id: id(&value["id"]).ok_or("history_without_id")?,
        order_id: id(&value["order"]["id"]).ok_or("history_without_order")?,
        is_removal: flag(&value["deleted"]).unwrap_or(false) || combined_to.is_some(),
        combined_to,
    })
}

/// The chat identities of a customer; none for most.
pub(in super::super) fn customer_links(value: &Value) -> Decoded<Vec<CustomerLink>> {
    let crm_customer_id = id(&value["id"]).ok_or("customer_without_id")?;
    let links =
        entries(&value["mgCustomers"]).into_iter().filter_map(|(_, identity)| id(&identity["externalId"]));
    Ok(links.map(|mg_customer_id| CustomerLink { mg_customer_id, crm_customer_id }).collect())
}

/// The server's idea of now, where the answer tells it.
pub(in super::super) fn generated_at(answer: &Value, zone: Tz) -> Option<Instant> {
    local_moment(&answer["generatedAt"], zone)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MOSCOW: Tz = Tz::Europe__Moscow;

    #[test]
    fn an_order_reads_the_same_from_either_shape_of_payments_and_either_kind_of_id() {
        let order_of = |payments: Value| {
            order(
                &json!({"id": "10241", "number": "10241A", "createdAt": "2026-03-02 11:20:05", "status": "neu",
                        "totalSumm": 5550.5, "customer": {"id": 4924}, "payments": payments, "customFields": []}),
                MOSCOW,
            )
        };
        let payment = json!({"id": 4326, "status": "paid", "amount": "2000"});
        let keyed = order_of(json!({"4326": payment})).unwrap();
        assert_eq!(keyed, order_of(json!([payment])).unwrap());
        assert_eq!((keyed.total, keyed.prepaid), (Money(555_050), Money(200_000)));
        assert_eq!((keyed.manager_id, keyed.full_paid_at, keyed.currency), (None, None, None));
        assert_eq!(keyed.created_at.to_rfc3339(), "2026-03-02T08:20:05+00:00");
        assert_eq!(order_of(json!([])).unwrap().prepaid, Money(0));
    }

    #[test]
    fn an_order_that_cannot_be_used_says_why() {
        let good = json!({"id": 1, "createdAt": "2026-03-02 11:20:05", "status": "new"});
        assert!(order(&good, MOSCOW).is_ok());
        for (field, value, reason) in [
            ("id", json!(null), "order_without_id"),
            ("createdAt", json!(""), "order_bad_time"),
            ("fullPaidAt", json!("когда-то"), "order_bad_time"),
            ("totalSumm", json!("много"), "order_bad_money"),
            ("prepaySum", json!({}), "order_bad_money"),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            assert_eq!(order(&bad, MOSCOW), Err(reason), "{field}");
        }
    }

    #[test]
    fn the_person_behind_a_company_order_is_its_contact() {
        let value = json!({"id": 1, "createdAt": "2026-03-02 11:20:05",
            "customer": {"type": "customer_corporate", "id": 7}, "contact": {"id": 8}});
        assert_eq!(order(&value, MOSCOW).unwrap().customer_id, Some(8));
    }

    #[test]
    fn a_merged_order_is_a_removal_and_names_its_successor() {
        let value = json!({"id": 5, "order": {"id": 10}, "combinedTo": {"id": "11"}});
        assert_eq!(
            change(&value),
            Ok(Change { id: 5, order_id: 10, is_removal: true, combined_to: Some(11) })
        );
        assert_eq!(change(&json!({"id": 5})), Err("history_without_order"));
    }

    #[test]
    fn a_customer_has_as_many_links_as_identities() {
        let value = json!({"id": 4924, "mgCustomers": [{"id": 1, "externalId": 519}, {"id": 2}, {"externalId": "520"}]});
        let link = |mg_customer_id| CustomerLink { mg_customer_id, crm_customer_id: 4924 };
        assert_eq!(customer_links(&value), Ok(vec![link(519), link(520)]));
        assert_eq!(customer_links(&json!({"id": 1, "mgCustomers": []})), Ok(vec![]));
    }
}
