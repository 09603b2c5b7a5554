//! What goes wrong outside, and what comes of it.

use std::time::Duration;

use chrono::TimeDelta;
use svodka::sandbox::retailcrm::{Fault, FaultBody, FaultKind, Oddities, RateLimit, Throttle};

use super::shop::{Desk, model, reader};
use crate::support::time::drive;

#[tokio::test]
async fn passing_faults_of_every_kind_are_waited_out_and_nothing_is_lost() {
    for kind in [
        FaultKind::Status(503, FaultBody::Json),
        FaultKind::Status(503, FaultBody::Empty),
        FaultKind::Status(429, FaultBody::Html),
        FaultKind::Status(502, FaultBody::Html),
        FaultKind::Status(500, FaultBody::Empty),
        FaultKind::ResetMidBody,
        FaultKind::TruncatedJson,
        FaultKind::NotJson,
        FaultKind::EmptyBody,
        FaultKind::Hang,
    ] {
        let adjust = |config: &mut svodka::collect::retailcrm::RetailCrmConfig| {
            config.http.timeout = Duration::from_millis(400);
        };
        let desk = Desk::open_with(model(20), Oddities::default(), RateLimit::default(), adjust).await;
        for path in ["/api/v5/users", "/api/v5/orders", "/api/bot/v1/messages", "/api/bot/v1/chats"] {
            desk.crm.fault(Fault::on(path, kind).times(2));
        }
        desk.sync().await.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        desk.assert_complete(&format!("{kind:?}"));
    }
}

#[tokio::test]
async fn a_fault_that_stays_ends_the_round_with_its_reason_and_the_next_round_goes_on() {
    for (kind, reason, requests) in [
        (FaultKind::Status(503, FaultBody::Json), "throttled", 6),
        (FaultKind::Status(502, FaultBody::Html), "server_error", 6),
        (FaultKind::NotJson, "not_json", 3),
        (FaultKind::TruncatedJson, "not_json", 3),
        (FaultKind::ResetMidBody, "unreachable", 6),
        (FaultKind::UnexpectedShape, "unexpected_shape", 1),
    ] {
        let desk = Desk::open(model(20)).await;
        desk.crm.fault(Fault::on("/api/bot/v1/messages", kind));
        let error = desk.sync().await.unwrap_err();
        assert_eq!((error.reason, error.is_permanent), (reason, false), "{kind:?}: {error}");
        assert_eq!(desk.crm.count_of("/api/bot/v1/messages"), requests, "{kind:?}");
        assert_eq!(error.source_name, "retailcrm_chats");
        assert!(desk.sink.state_of("retailcrm_chats").coverage.is_none(), "{kind:?}");
        desk.crm.clear_faults();
        desk.sync().await.unwrap();
        desk.assert_complete(&format!("{kind:?}"));
    }
}

#[tokio::test]
async fn a_hung_server_is_a_timeout_and_a_dead_one_is_unreachable() {
    let adjust = |config: &mut svodka::collect::retailcrm::RetailCrmConfig| {
        (config.http.timeout, config.max_attempts) = (Duration::from_millis(200), 2);
    };
    let desk = Desk::open_with(model(1), Oddities::default(), RateLimit::default(), adjust).await;
    desk.crm.fault(Fault::on("", FaultKind::Hang));
    let error = desk.sync().await.unwrap_err();
    assert_eq!((error.reason, error.is_permanent), ("timeout", false));
    desk.crm.shutdown().await;
    let error = desk.sync().await.unwrap_err();
    assert_eq!((error.reason, error.is_permanent), ("unreachable", false));
    assert!(error.message.contains("RETAILCRM_URL") && !error.message.contains("sandbox-api-key"), "{error}");
}

#[tokio::test]
async fn a_wrong_key_is_permanent_is_asked_once_and_names_its_variable() {
    for (is_bot, variable) in [(false, "RETAILCRM_API_KEY"), (true, "RETAILCRM_BOT_TOKEN")] {
        for wrong_token_status in [401, 403] {
            let oddities = Oddities { wrong_token_status, ..Oddities::default() };
            let mut desk = Desk::open_with(model(3), oddities, RateLimit::default(), |_| {}).await;
            desk.reader = reader(&desk.crm, &desk.clock, |config| {
                if is_bot {
                    config.bot_token = Some("wrong-secret".into());
                } else {
                    config.api_key = "wrong-secret".into();
                }
            });
            let error = desk.sync().await.unwrap_err();
            assert_eq!((error.reason, error.is_permanent), ("unauthorized", true), "{error}");
            assert!(error.message.contains(variable) && !error.message.contains("wrong-secret"), "{error}");
            assert!(!format!("{:?}", desk.reader).contains("wrong-secret"), "not in a debug print either");
            let refused = desk.crm.requests().iter().filter(|request| request.status != Some(200)).count();
            assert_eq!(refused, 1, "a wrong key is not tried again");
        }
    }
}

#[tokio::test]
async fn a_missing_scope_is_permanent_and_named() {
    let mut model = model(3);
    model.api_keys[0].scopes.retain(|scope| scope != "order_read");
    let desk = Desk::open(model).await;
    let error = desk.sync().await.unwrap_err();
    assert_eq!((error.reason, error.is_permanent), ("forbidden", true), "{error}");
    assert!(error.message.contains("order_read"), "{error}");
}

#[tokio::test]
async fn without_chat_credentials_people_and_orders_are_read_and_chats_say_what_is_missing() {
    let mut desk = Desk::open(model(6)).await;
    desk.reader = reader(&desk.crm, &desk.clock, |config| config.bot_token = None);
    let error = desk.sync().await.unwrap_err();
    assert!(error.is_permanent && error.message.contains("RETAILCRM_BOT_TOKEN"), "{error}");
    let kept = desk.sink.kept();
    assert!(!kept.crm_users.is_empty() && !kept.orders.is_empty() && kept.mg_users.is_empty());
}

#[tokio::test]
async fn a_server_that_throttles_all_the_same_is_obeyed_for_as_long_as_it_says() {
    for throttle in [Throttle::Status503, Throttle::Status429] {
        // Half of what the client keeps to: every second request is refused.
        let limit = RateLimit { per_second: Some(4), throttle, retry_after: Some(3) };
        let desk = Desk::open_with(model(20), Oddities::default(), limit, |_| {}).await;
        desk.sync().await.unwrap();
        desk.assert_complete(&format!("{throttle:?}"));
        let requests = desk.crm.requests();
        let refused: Vec<usize> =
            (0..requests.len()).filter(|index| requests[*index].status != Some(200)).collect();
        assert!(!refused.is_empty(), "{throttle:?}: nothing was refused");
        for index in refused {
            let pause = requests[index + 1].at - requests[index].at;
            assert!(pause >= TimeDelta::seconds(3), "{throttle:?}: only {pause} after a refusal");
        }
    }
}

#[tokio::test]
async fn the_probe_finds_nothing_wrong_with_a_good_account_and_names_what_is_wrong_with_a_bad_one() {
    let desk = Desk::open(model(3)).await;
    let results = drive(&desk.clock, desk.reader.probe()).await;
    assert!(results.len() >= 12, "{results:?}");
    for result in &results {
        assert!(result.is_ok, "{result:?}");
    }

    let mut bad = model(3);
    bad.api_keys[0].scopes.retain(|scope| scope != "customer_read");
    let mut desk = Desk::open(bad).await;
    desk.reader = reader(&desk.crm, &desk.clock, |config| {
        config.bot_token = Some("wrong-secret".into());
        config.zone = Some(chrono_tz::Asia::Vladivostok);
    });
    let results = drive(&desk.clock, desk.reader.probe()).await;
    let wrong: Vec<(&str, &str)> =
        results.iter().filter(|result| !result.is_ok).map(|result| (result.name, &*result.message)).collect();
    let message =
        |name: &str| wrong.iter().find(|(wrong, _)| *wrong == name).map_or("", |(_, message)| message);
    assert!(message("API key").contains("customer_read"), "{wrong:?}");
    assert!(message("customers").contains("customer_read"), "{wrong:?}");
    assert!(message("order history and clock").contains("retailcrm.timezone"), "{wrong:?}");
    assert!(message("chat token").contains("RETAILCRM_BOT_TOKEN"), "{wrong:?}");
    assert_eq!(wrong.len(), 4, "one sentence for a token that opens nothing: {wrong:?}");
}
