//! What customers are and write, through every template that might show it: nothing personal but a first name comes out.

use std::fmt::Write as _;

use chrono::TimeDelta;
use svodka::facts::{
    Author, Channel, Chat, CoverageSpan, CrmUser, Dialog, FactBatch, Marks, Message, MgUser, Money, Order,
    Responsible, SourceStep,
};
use svodka::jobs::report;
use svodka::schedule::ReportKind;
use svodka::settings::Settings;
use svodka::store::runs::RunRow;

use crate::support::stores::temp_store;
use crate::support::worker::at;

/// Names and words of customers, as they come, with what must never be read of each.
const PERSONAL: [(&str, &[&str]); 12] = [
    ("Мария +7 912 345-67-89", &["912 345", "345-67"]),
    ("89123456789", &["8912345"]),
    ("Кузнецова Мария", &["Кузнецова"]),
    ("Мария Кузнецова", &["Кузнецова"]),
    ("maria.petrova@mail.example", &["maria", "petrova", "mail.example"]),
    ("@maria_petrova", &["maria_petrova"]),
    ("https://vk.example/maria", &["vk.example", "maria"]),
    ("t.me/kuznetsova", &["t.me", "kuznetsova"]),
    ("4276 3800 1234 5678", &["4276 3800", "1234 5678"]),
    ("ул. Лесная, д. 5, кв. 12", &["Лесная"]),
    ("Мария, улица Лесная 5", &["Лесная"]),
    ("+7(912)345-67-89 Пётр", &["(912)", "345-67"]),
];

/// A shop in which customer n goes by the n-th name, writes it, and hears it back from the manager in words of every stage.
fn facts() -> FactBatch {
    let start = at("2026-08-18T08:00:00Z");
    let mut batch = FactBatch {
        crm_users: vec![CrmUser {
            id: 1,
            name: "Анна".into(),
            mg_user_id: Some(11),
            is_manager: true,
            is_active: true,
        }],
        mg_users: vec![MgUser {
            id: 11,
            external_id: None,
            name: "Анна".into(),
            is_active: true,
            is_technical: false,
        }],
        channels: vec![Channel { id: 1, kind: "telegram".into(), name: None, is_active: true }],
        ..FactBatch::default()
    };
    // Twice: the first half was answered and ordered, the second still waits.
    for number in 0..2 * PERSONAL.len() as i64 {
        let (words, _) = PERSONAL[number as usize % PERSONAL.len()];
        let is_served = number < PERSONAL.len() as i64;
        let id = number + 1;
        let opened_at = start + TimeDelta::minutes(7 * number);
        batch.chats.push(Chat {
            id,
            channel_id: Some(1),
            customer_id: Some(500 + id),
            customer_name: words.to_owned(),
            created_at: opened_at,
            updated_at: opened_at,
        });
        batch.dialogs.push(Dialog {
            id,
            chat_id: id,
            responsible: Some(Responsible::User(11)),
            created_at: opened_at,
            assigned_at: Some(opened_at),
            closed_at: None,
            updated_at: opened_at,
        });
        let mut say = |place: i64, author, text: String| {
            let sent_at = opened_at + TimeDelta::minutes(place);
            batch.messages.push(Message {
                id: 100 * id + place,
                chat_id: id,
                dialog_id: Some(id),
                sent_at,
                author,
                is_public: true,
                event: None,
                order_id: None,
                text: Some(text),
                updated_at: sent_at,
            });
        };
        say(0, Author::Customer(500 + id), format!("Сколько стоит доставка? {words}"));
        if is_served {
            say(1, Author::User(11), format!("Записала вас так: {words}, всё верно?"));
            say(2, Author::User(11), "Подскажите, для кого вы выбираете чай в подарок?".to_owned());
            batch.orders.push(Order {
                id,
                number: format!("{id}A"),
                status: "new".into(),
                created_at: opened_at + TimeDelta::minutes(5),
                manager_id: Some(1),
                customer_id: None,
                dialog_id: Some(id),
                total: Money(100_000),
                prepaid: Money(0),
                currency: None,
                full_paid_at: None,
                is_deleted: false,
            });
        }
    }
    batch
}

#[tokio::test]
async fn nothing_personal_of_a_customer_but_a_first_name_comes_out_of_any_digest() {
    let store = temp_store().await;
    let until = at("2026-08-24T06:00:00Z");
    let known = Some(CoverageSpan { from: until - TimeDelta::days(200), until });
    let step = |source: &str| SourceStep {
        source: source.to_owned(),
        coverage: known,
        is_complete: true,
        ..SourceStep::default()
    };
    store.save_facts(&facts(), &step("retailcrm_chats"), until).await.unwrap();
    store.save_facts(&FactBatch::default(), &step("retailcrm_orders"), until).await.unwrap();
    // Every message is everything a message can be, so that every list and every script has candidates.
    let stale = store.stale_conversations(1_000).await.unwrap();
    let all = stale.into_iter().map(|one| {
        let marks = one.messages.iter().map(|message| (message.id, Marks(0x01FF_FFFF))).collect();
        (one, marks)
    });
    store.save_marks(&all.collect::<Vec<_>>()).await.unwrap();

    let settings = Settings::from_environment(&Default::default()).unwrap();
    let mut told = String::new();
    for (kind, slot) in [
        (ReportKind::Daily, "2026-08-19T06:00:00Z"),
        (ReportKind::Weekly, "2026-08-24T06:00:00Z"),
        (ReportKind::Monthly, "2026-09-01T06:00:00Z"),
        (ReportKind::Behaviour, "2026-08-24T06:00:00Z"),
        (ReportKind::Quality, "2026-08-19T06:00:00Z"),
    ] {
        // The daily digest lists those who wait at the moment of the run, and only while chats are known up to it.
        let run = RunRow::unrecorded(kind.as_str(), at(slot), until);
        let made = report::make(&settings, &store, kind, &run, until).await.unwrap().unwrap();
        writeln!(told, "{}\n{}", kind.as_str(), made.body).unwrap();
        for part in &made.parts {
            writeln!(told, "{}\n{}", part.html, part.plain).unwrap();
        }
        if kind == ReportKind::Behaviour {
            let digest = svodka::jobs::behaviour::compute(&settings, &store, &run, until).await.unwrap();
            assert_eq!(digest.scripts.len(), 5, "every stage has a line: {:?}", digest.scripts);
            for one in &digest.managers {
                for part in svodka::jobs::behaviour::own_text(one, &digest, &settings).unwrap() {
                    writeln!(told, "{}\n{}", part.html, part.plain).unwrap();
                }
            }
        }
    }
    assert!(told.contains("Ждут ответа") && told.contains("Мария"), "the digests speak of customers: {told}");
    assert!(told.contains("для кого вы выбираете чай"), "and quote the team: {told}");
    for (words, secrets) in PERSONAL {
        for secret in secrets {
            assert!(!told.contains(secret), "`{secret}` of `{words}` came out");
        }
    }
}
