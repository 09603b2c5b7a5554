//! What a person on call says at the command line.

use std::process::Command;

use chrono::TimeDelta;
use serde_json::{Value, json};
use svodka::clock::{Clock, SystemClock};
use svodka::store::incidents::IncidentChange;

use crate::support::stores::temp_store;

#[tokio::test]
async fn an_incident_is_listed_taken_up_put_off_and_silenced_and_a_wrong_word_is_refused_with_the_fix() {
    let store = temp_store().await;
    let svodka = |arguments: &[&str]| {
        let program = Command::new(env!("CARGO_BIN_EXE_svodka"))
            .args(arguments)
            .env_clear()
            .env("DATABASE_URL", store.url())
            .output()
            .unwrap();
        let text = String::from_utf8(program.stdout).unwrap() + &String::from_utf8(program.stderr).unwrap();
        (program.status.code().unwrap(), text)
    };
    assert_eq!(svodka(&["incidents"]), (0, "nothing is broken\n".to_owned()));
    let (now, nothing) = (SystemClock.now(), json!({}));
    let open = store.open_incident("source/crm", "source_down", &nothing, None, now, &|_| Vec::new());
    let id = open.await.unwrap().0.id;
    let number = id.to_string();

    let (code, text) = svodka(&["incidents", "ack", &number, "--by", "Анна"]);
    assert!(code == 0 && text.contains("is taken up by Анна"), "{code} {text}");
    let (code, text) = svodka(&["incidents", "snooze", &number, "--for", "2h", "--by", "Борис"]);
    assert!(code == 0 && text.contains("is put off until"), "{code} {text}");
    let row = store.find_incident(id).await.unwrap().unwrap();
    assert_eq!((row.acknowledged_by.as_deref(), row.snoozed_by.as_deref()), (Some("Анна"), Some("Борис")));
    let until = row.snoozed_until_at.unwrap();
    assert!(until - now > TimeDelta::minutes(119) && until - now < TimeDelta::minutes(180), "{until}");

    let (code, text) = svodka(&[
        "silence",
        "add",
        "--key",
        "source/*",
        "--for",
        "3h",
        "--by",
        "Анна",
        "--reason",
        "переезд",
    ]);
    assert!(code == 0 && text.contains("key source/*"), "{code} {text}");
    let (_, text) = svodka(&["incidents", "--json"]);
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&list[0]["key"], &list[0]["silenced"]), (&json!("source/crm"), &json!(true)));
    let (_, text) = svodka(&["silence", "list"]);
    assert!(text.contains("by Анна: переезд"), "{text}");
    let silence = store.list_silences(now).await.unwrap()[0].id.to_string();
    assert_eq!(svodka(&["silence", "end", &silence, "--by", "Анна"]).0, 0);
    assert_eq!(svodka(&["silence", "list"]).1, "nothing is silenced\n");

    store.change_incident(&IncidentChange::Resolve { id }, &[], now).await.unwrap();
    for (arguments, code, words) in [
        (&["incidents", "ack", &number, "--by", "Анна"][..], 1, "is over"),
        (&["incidents", "ack", "99", "--by", "Анна"], 1, "there is no incident 99"),
        (&["incidents", "snooze", &number, "--for", "8d", "--by", "Анна"], 2, "up to 7d"),
        (&["incidents", "snooze", &number, "--for", "soon", "--by", "Анна"], 2, "30m, 2h or 3d"),
        (&["silence", "add", "--for", "1h", "--by", "Анна", "--reason", "x"], 2, "--kind"),
        (&["silence", "end", &silence, "--by", "Анна"], 1, "svodka silence list"),
    ] {
        let (given, text) = svodka(arguments);
        assert!(given == code && text.contains(words), "{arguments:?}: {given} {text}");
    }
    let (_, text) = svodka(&["incidents", "--days", "1"]);
    assert!(text.contains("source/crm") && text.contains("over "), "{text}");
}
