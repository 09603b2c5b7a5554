//! The weekly receipt: what ops read on Monday about the week before.

use chrono::TimeDelta;
use svodka::clock::Clock;
use svodka::sandbox::telegram::{BeforeCommit, Fault, Standing};

use crate::support::stores::for_each_store;
use crate::support::worker::{MANAGERS, OPS, World, at};

#[tokio::test]
async fn the_receipt_counts_what_came_in_time_what_came_late_and_what_did_not_come() {
    for_each_store(async |given| {
        let mut world = World::open(given.url()).await;
        for job in ["SYNC", "RECONCILE", "RETENTION", "QUALITY", "WEEKLY", "MONTHLY"] {
            world.set(&format!("SVODKA__JOBS__{job}__ENABLED"), "false");
        }
        let worker = world.worker(1).await;
        // From Thursday the 20th to Sunday the 23rd, then Monday's receipt.
        for day in 20..=23 {
            world.clock.set(at(&format!("2026-08-{day}T06:00:05Z")));
            match day {
                21 => {
                    world
                        .telegram
                        .fault(Fault::before(BeforeCommit::BadGatewayHtml).in_chat(MANAGERS).always());
                    worker.work().await;
                    world.clock.set(at("2026-08-21T06:40:00Z"));
                    world.telegram.clear_faults();
                }
                22 => {
                    world.telegram.with_chat(MANAGERS, |chat| chat.bot = Standing::Kicked);
                    worker.work().await;
                    world.telegram.with_chat(MANAGERS, |chat| chat.bot = Standing::Member);
                }
                _ => {}
            }
            worker.work().await;
        }
        world.clock.set(at("2026-08-24T06:00:05Z"));
        worker.work().await;
        world.clock.set(at("2026-08-24T06:30:05Z"));
        worker.work().await;
        worker.live(world.clock.now() + TimeDelta::minutes(2), TimeDelta::seconds(20)).await;
        let texts = world.texts(OPS);
        let receipts: Vec<&String> = texts.iter().filter(|text| text.contains("Отправка сводок")).collect();
        assert_eq!(receipts.len(), 1, "{texts:#?}");
        let receipt = receipts[0].replace('\u{a0}', " ");
        println!("{receipt}");
        assert!(receipt.contains("за неделю 17–23 августа"), "{receipt}");
        let news = "Вовремя дошли 2 из 4, с опозданием — 1, не дошли — 1.";
        assert!(receipt.contains(news) && receipt.contains("svodka deliveries --state dead"), "{receipt}");
        assert!(
            receipt
                .contains("Ежедневная сводка: дошли 3 из 4, дольше всего после срока — 40 мин (21 августа)")
        );
        assert!(receipt.contains("За неделю: "), "{receipt}");
    })
    .await;
}
