//! Records and answers the stand-in is too well-behaved to give, from a scripted server.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use chrono::TimeDelta;
use serde_json::{Value, json};
use svodka::clock::ManualClock;
use svodka::collect::CollectError;
use svodka::collect::retailcrm::{RetailCrm, RetailCrmConfig, SyncMode};
use svodka::facts::Money;
use svodka::outbound::Jitter;

use super::shop::start;
use super::sink::MemorySink;
use crate::support::time::drive;

type Script = Arc<dyn Fn(&str, &str) -> (u16, String) + Send + Sync>;

/// A client of a server that answers `(path, query)` as the script says.
async fn reader(
    script: impl Fn(&str, &str) -> (u16, String) + Send + Sync + 'static,
) -> (RetailCrm, ManualClock) {
    async fn answer(State(script): State<Script>, uri: Uri) -> (StatusCode, String) {
        let (status, body) = script(uri.path(), uri.query().unwrap_or_default());
        (StatusCode::from_u16(status).unwrap(), body)
    }
    let script: Script = Arc::new(script);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/bot/v1/", listener.local_addr().unwrap());
    tokio::spawn(
        async move { axum::serve(listener, Router::new().fallback(answer).with_state(script)).await },
    );
    let clock = ManualClock::new(start());
    let config = RetailCrmConfig {
        crm_url: url.replace("/api/bot/v1/", "/api/v5").parse().unwrap(),
        bot_url: Some(url.parse().unwrap()),
        bot_token: Some("token".into()),
        zone: Some(chrono_tz::Europe::Moscow),
        ..RetailCrmConfig::new(url.parse().unwrap(), "key".into())
    };
    (RetailCrm::new(config, Arc::new(clock.clone()), Jitter::seeded(1)).unwrap(), clock)
}

fn ok(body: Value) -> (u16, String) {
    (200, body.to_string())
}

/// API v5 with these orders in a list or a map, and nothing else.
fn with_orders(orders: Value) -> impl Fn(&str, &str) -> (u16, String) {
    move |path, _| match path {
        "/api/v5/orders" => ok(json!({"success": true, "orders": orders,
            "pagination": {"limit": 100, "totalCount": 5, "currentPage": 1, "totalPageCount": 1}})),
        "/api/v5/orders/history" => ok(json!({"success": true, "history": []})),
        "/api/v5/customers" => ok(json!({"success": true, "customers": []})),
        _ => (404, "{}".to_owned()),
    }
}

#[tokio::test]
async fn a_bad_order_is_dropped_by_itself_and_counted_by_reason() {
    let good = json!({"id": "11", "number": 77, "createdAt": "2026-03-01 10:00:00", "status": "something-new",
        "totalSumm": "0.29", "managerId": null, "customer": [], "payments": [], "customFields": []});
    let orders = json!([
        {"number": "no id"},
        {"id": 12, "createdAt": "когда-то"},
        {"id": 13, "createdAt": "2026-03-01 10:00:00", "totalSumm": {}},
        {"id": 14, "createdAt": ""},
        "not even an object",
        good,
    ]);
    let (reader, clock) = reader(with_orders(orders)).await;
    let sink = MemorySink::default();
    let summary = drive(&clock, reader.sync_orders(&sink, SyncMode::Increment)).await.unwrap();
    let kept = sink.kept().orders;
    assert_eq!(kept.keys().collect::<Vec<_>>(), [&11]);
    assert_eq!((kept[&11].total, kept[&11].number.as_str()), (Money(29), "77"));
    let expected = [("order_bad_money", 1), ("order_bad_time", 2), ("order_without_id", 2)];
    assert_eq!(summary.dropped, expected.map(|(reason, count)| (reason.to_owned(), count)).into());
    let told: u64 = sink.steps().iter().flat_map(|(step, _)| step.dropped.values()).sum();
    assert_eq!(told, 5, "each is told to the sink once");
    assert!(sink.state_of("retailcrm_orders").coverage.is_some(), "bad records do not hold up coverage");
}

#[tokio::test]
async fn a_list_may_come_as_a_map() {
    let order = json!({"id": 11, "createdAt": "2026-03-01 10:00:00", "status": "new"});
    let (reader, clock) = reader(with_orders(json!({"11": order}))).await;
    let sink = MemorySink::default();
    drive(&clock, reader.sync_orders(&sink, SyncMode::Increment)).await.unwrap();
    assert_eq!(sink.kept().orders.len(), 1);
}

#[tokio::test]
async fn a_bad_message_is_counted_once_although_every_round_meets_it_again() {
    let at = "2026-03-02T11:59:30Z";
    let messages = json!([
        {"id": 1, "chat_id": 5, "time": "вчера", "updated_at": at, "from": {"id": 1, "type": "customer"}},
        {"id": 2, "chat_id": 5, "time": at, "updated_at": at, "from": {"id": 1, "type": "alien"}},
        {"id": 3, "chat_id": 5, "time": at, "updated_at": at, "from": {"id": 1, "type": "customer"},
         "type": "hologram", "content": "&lt;3", "scope": "public"},
    ]);
    let (reader, clock) = reader(move |path, _| match path {
        "/api/bot/v1/messages" => ok(messages.clone()),
        _ => ok(json!([])),
    })
    .await;
    let sink = MemorySink::default();
    for _ in 0..3 {
        drive(&clock, reader.sync_chats(&sink, SyncMode::Increment)).await.unwrap();
        clock.advance(TimeDelta::minutes(15));
    }
    let mut dropped: Vec<_> = sink.steps().into_iter().flat_map(|(step, _)| step.dropped).collect();
    dropped.sort();
    assert_eq!(dropped, [("message_bad_time".to_owned(), 1), ("message_unknown_author".to_owned(), 1)]);
    assert_eq!(sink.kept().messages[&3].text.as_deref(), Some("<3"));
    let handed: usize = sink.steps().iter().map(|(_, count)| count).sum();
    assert_eq!(handed, 1, "an unchanged message is handed over once");
}

#[tokio::test]
async fn a_wrong_address_is_told_as_such() {
    let sink = MemorySink::default();
    for (status, body, reason, words) in [
        (404, "<!DOCTYPE html><html>", "not_found", "no RetailCRM account"),
        (
            405,
            r#"{"success":false,"errorMsg":"Account does not exist."}"#,
            "not_found",
            "no RetailCRM account",
        ),
        (302, "", "not_found", "final https:// address"),
        (400, r#"{"success":false,"errorMsg":"Errors","errors":{"limit":"Анна"}}"#, "bad_request", "limit"),
    ] {
        let (reader, clock) = reader(move |_, _| (status, body.to_owned())).await;
        let error: CollectError =
            drive(&clock, reader.sync_orders(&sink, SyncMode::Increment)).await.unwrap_err();
        assert_eq!((error.reason, error.is_permanent), (reason, true), "{error}");
        assert!(error.message.contains(words) && !error.message.contains("Анна"), "{error}");
        assert_eq!(reader.requests_made(), 1, "{error}");
    }
}

#[tokio::test]
async fn a_server_that_ignores_the_bounds_is_refused_instead_of_asked_for_ever() {
    let messages: Vec<Value> = (1..=1000)
        .map(|id| json!({"id": id, "chat_id": 5, "time": "2026-03-02T11:00:00Z", "updated_at": "2026-03-02T11:00:00Z"}))
        .collect();
    let messages = json!(messages).to_string();
    let (reader, clock) = reader(move |_, _| (200, messages.clone())).await;
    let error =
        drive(&clock, reader.sync_chats(&MemorySink::default(), SyncMode::Increment)).await.unwrap_err();
    assert_eq!(error.reason, "unexpected_shape", "{error}");
    assert!(reader.requests_made() < 60, "{}", reader.requests_made());
}

#[tokio::test]
async fn orders_with_odd_pages_of_history_are_followed_to_the_end() {
    // The feed of a key that may not see most records: pages of nothing, then one that counts.
    let (reader, clock) = reader(|path, query| {
        let record = |id: i64| json!({"id": id, "createdAt": "2026-03-02 14:00:00", "order": {"id": 11}});
        let page = |records: Vec<Value>, count: u64| {
            ok(json!({"success": true, "history": records,
                "pagination": {"limit": 100, "totalCount": 300, "currentPage": 1, "totalPageCount": count}}))
        };
        let has = |text: &str| query.split('&').any(|part| part == text);
        match path {
            "/api/v5/orders/history" if has("page=1") => page(vec![], 3),
            "/api/v5/orders/history" if has("page=2") => page(vec![], 3),
            "/api/v5/orders/history" if has("page=3") => page(vec![record(900)], 3),
            "/api/v5/orders/history" => page(vec![], 1),
            _ if query.contains("createdAtFrom") => ok(json!({"success": true, "orders": []})),
            "/api/v5/orders" => ok(json!({"success": true, "orders": [
                {"id": 11, "createdAt": "2025-03-01 10:00:00", "status": "new"}]})),
            _ => ok(json!({"success": true, "customers": []})),
        }
    })
    .await;
    let sink = MemorySink::default();
    drive(&clock, reader.sync_orders(&sink, SyncMode::Increment)).await.unwrap();
    assert_eq!(sink.kept().orders.len(), 1);
    let after_first = reader.requests_made();
    drive(&clock, reader.sync_orders(&sink, SyncMode::Increment)).await.unwrap();
    assert_eq!(reader.requests_made() - after_first, 1, "the place in the feed is known now");
}
