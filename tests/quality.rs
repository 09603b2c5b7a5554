//! The note on data quality, from the shop to the ops chat.

use chrono::TimeDelta;
use svodka::sandbox::retailcrm::{Actor, NewBuyer, NewOrder};
use svodka::schedule::runner::RunOutcome;

use crate::support::stores::for_each_store;
use crate::support::worker::{OPS, World, at, drive};

#[tokio::test]
async fn a_day_without_findings_makes_no_message_and_a_doubtful_one_makes_one() {
    for_each_store(async |given| {
        let mut world = World::open(given.url()).await;
        for job in ["DAILY", "WEEKLY", "MONTHLY", "RECONCILE", "RETENTION", "RECEIPT"] {
            world.set(&format!("SVODKA__JOBS__{job}__ENABLED"), "false");
        }
        let worker = world.worker(1).await;
        world.clock.set(at("2026-08-20T06:00:05Z"));
        worker.work().await;
        world.clock.set(at("2026-08-20T06:10:05Z"));
        let outcomes = worker.work().await;
        assert!(matches!(outcomes[..], [RunOutcome::Succeeded { .. }]), "{outcomes:?}");
        assert_eq!(world.texts(OPS), [""; 0]);

        world.crm.with_model(|model| {
            let buyer = NewBuyer { first_name: "Глеб".into(), ..Default::default() };
            let customer_id = model.add_customer(at("2026-08-20T10:00:00Z"), buyer);
            for minute in ["00", "04"] {
                let items = vec![("Улун".into(), 250_000, 1)];
                let order =
                    NewOrder { customer_id, items, order_method: "messenger".into(), ..Default::default() };
                model.add_order(at(&format!("2026-08-20T11:{minute}:00Z")), order, Actor::System).unwrap();
            }
        });
        world.clock.set(at("2026-08-21T06:10:05Z"));
        worker.work().await;
        let texts = world.texts(OPS);
        let notes: Vec<&String> = texts.iter().filter(|text| text.contains("Качество данных")).collect();
        let [note] = notes[..] else { panic!("one note: {texts:#?}") };
        let note = note.replace('\u{a0}', " ");
        assert!(note.contains("за четверг, 20 августа") && note.contains("2 замечания"), "{note}");
        assert!(note.contains("Без менеджера 2 заказа из 2 (№ "), "{note}");
        assert!(note.contains("1 заказ похож на повтор"), "{note}");
        // Our count and the CRM's are the same, so there is nothing about that.
        assert!(!note.contains("в CRM 2"), "{note}");
    })
    .await;
}

#[tokio::test]
async fn the_crm_is_asked_for_its_own_count_of_whole_days_only() {
    for_each_store(async |given| {
        let world = World::open(given.url()).await;
        let worker = world.worker(1).await;
        let crm = worker.app.work.crm.as_ref().unwrap();
        let day = at("2026-08-18T21:00:00Z");
        let count = async |from, until| drive(&world.clock, crm.count_orders(from, until)).await.unwrap();
        assert_eq!(count(day, day + TimeDelta::days(1)).await, Some(2));
        assert_eq!(count(day - TimeDelta::days(1), day).await, Some(0));
        assert_eq!(count(day, day + TimeDelta::hours(23)).await, None);
    })
    .await;
}
