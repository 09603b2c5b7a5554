//! `svodka deliveries`, as an operator runs it.

use chrono::{DateTime, TimeDelta};
use svodka::store::outbox::{Action, DeliveryState, NewDelivery, Policy};
use tokio::process::Command;

use crate::support::stores::{TempStore, temp_store};

struct Said {
    code: i32,
    out: String,
    err: String,
}

async fn svodka(store: &TempStore, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_svodka"));
    command.arg("deliveries").args(arguments).env_clear().env("DATABASE_URL", store.url());
    let output = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

#[tokio::test]
async fn deliveries_are_listed_without_their_texts_and_changed_by_name() {
    let store = temp_store().await;
    let now = DateTime::from_timestamp(1_755_669_600, 0).unwrap();
    let new = NewDelivery {
        key: "run:1/managers/1".to_owned(),
        run_id: None,
        chat: "managers".to_owned(),
        part: 1,
        part_count: 1,
        action: Action::Send,
        html: "<b>Выручка</b>".to_owned(),
        plain: "Выручка".to_owned(),
        public_id: "d-0820-k3f9".to_owned(),
        policy: Policy::AtLeastOnce,
        expires_at: None,
        is_silent: false,
        keyboard: None,
    };
    assert_eq!(svodka(&store, &[]).await.out, "no deliveries\n");
    store.enqueue(&[new], now).await.unwrap();
    let claimed = store.claim_delivery("w", 60, now).await.unwrap().unwrap();
    store.record_dead(&claimed.lease, "blocked", now + TimeDelta::seconds(1)).await.unwrap();
    let id = claimed.delivery.id.to_string();

    let listed = svodka(&store, &["--state", "dead"]).await;
    assert_eq!(listed.code, 0, "{}", listed.err);
    for word in ["run:1/managers/1", "managers", "dead", "blocked", "attempts 1"] {
        assert!(listed.out.contains(word), "{word}: {}", listed.out);
    }
    assert!(!listed.out.contains("Выручка"));
    assert_eq!(svodka(&store, &["--state", "sent"]).await.out, "no deliveries\n");
    assert_eq!(svodka(&store, &["--state", "lost"]).await.code, 2);

    let nameless = svodka(&store, &["retry", &id]).await;
    assert!(nameless.code == 2 && nameless.err.contains("--by"), "{}", nameless.err);
    let refused = svodka(&store, &["resend", &id, "--by", "Анна"]).await;
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("never arrived as far as is known; use `retry`"), "{}", refused.err);
    assert_eq!(svodka(&store, &["drop", "999", "--by", "Анна"]).await.code, 1);
    let retried = svodka(&store, &["retry", &id, "--by", "Анна"]).await;
    assert_eq!((retried.code, retried.out), (0, format!("delivery {id} is retried\n")));
    let row = store.find_delivery("run:1/managers/1").await.unwrap().unwrap();
    assert_eq!(row.state, DeliveryState::Pending);

    let json: serde_json::Value = serde_json::from_str(&svodka(&store, &["--json"]).await.out).unwrap();
    assert_eq!(json[0]["state"], "pending");
    assert_eq!(json[0]["changes"][0]["by"], "Анна");
    assert!(!json.to_string().contains("Выручка"));
}
