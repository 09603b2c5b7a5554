//! The behaviour digest on its way: the lead's text, and each manager's own.

use svodka::facts::Marks;
use svodka::jobs::analysis;
use svodka::sandbox::telegram::SimChat;

use crate::support::stores::for_each_store;
use crate::support::worker::{MANAGERS, World, at};

const OLGA: i64 = 500_001;

#[tokio::test]
async fn the_lead_reads_of_all_and_olga_only_of_her_own_conversations() {
    for_each_store(async |given| {
        let mut world = World::open(given.url()).await;
        world.telegram.add_chat(SimChat::private(OLGA, "Ольга"));
        let olga = world.crm.with_model(|model| {
            let users = model.users();
            users.iter().find(|user| user.first_name == "Ольга").map(|user| user.crm_id).unwrap()
        });
        for (name, value) in [
            ("SVODKA__CHATS__OLGA__ID", OLGA.to_string()),
            ("SVODKA__CHATS__OLGA__MANAGER", format!("crm:{olga}")),
            ("SVODKA__JOBS__BEHAVIOUR__ENABLED", "true".to_owned()),
            ("SVODKA__JOBS__BEHAVIOUR__CHATS", "managers,olga".to_owned()),
        ] {
            world.set(name, &value);
        }
        for job in ["DAILY", "WEEKLY", "MONTHLY", "QUALITY", "RECEIPT"] {
            world.set(&format!("SVODKA__JOBS__{job}__ENABLED"), "false");
        }
        let worker = world.worker(1).await;
        world.clock.set(at("2026-08-24T06:20:05Z"));
        worker.work().await;

        let lead = world.texts(MANAGERS);
        assert_eq!(lead.len(), 1, "{lead:#?}");
        assert!(lead[0].contains("Разбор диалогов за неделю 17–23"), "{}", lead[0]);
        assert!(lead[0].contains("Ольга Чабрецова") && lead[0].contains("Павел Улунов"), "{}", lead[0]);
        let own = world.texts(OLGA);
        assert_eq!(own.len(), 1, "{own:#?}");
        assert!(own[0].contains("Ольга Чабрецова: разбор диалогов"), "{}", own[0]);
        assert!(!own[0].contains("Павел") && !own[0].contains("Вера"), "somebody else's: {}", own[0]);
        // No message of a customer or manager is quoted.
        for text in lead.iter().chain(&own) {
            assert!(!text.contains("шу пуэр") && !text.contains("350 рублей"), "{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_message_is_marked_as_soon_as_it_is_read_and_an_analysis_of_everything_marks_it_alike() {
    for_each_store(async |given| {
        let world = World::open(given.url()).await;
        let worker = world.worker(1).await;
        let store = &worker.app.store;
        let all = (at("2026-08-01T00:00:00Z"), at("2026-09-01T00:00:00Z"));
        world.clock.set(at("2026-08-20T06:00:05Z"));
        worker.work().await;
        let before = store.facts_between(all.0, all.1).await.unwrap();
        assert!(!before.marks.is_empty(), "the first reading is analysed");
        let asks_price = before.marks.values().any(|marks| marks.any(Marks::HIGH_INTENT));
        assert!(asks_price, "«Сколько стоит доставка?» shows interest: {:?}", before.marks);
        assert_eq!(store.analysis_state().await.unwrap().unwrap().waiting, 0);

        // Everything anew, as after a new version, gives the same marks.
        store.set_analysis_version("another", at("2026-08-20T06:10:00Z")).await.unwrap();
        assert!(store.analysis_state().await.unwrap().unwrap().waiting > 0);
        let done = analysis::round(store, &world.clock).await.unwrap();
        assert!(done.conversations >= 4 && done.waiting == 0, "{done:?}");
        let after = store.facts_between(all.0, all.1).await.unwrap();
        assert_eq!(after.marks, before.marks);
        let idle = analysis::round(store, &world.clock).await.unwrap();
        assert_eq!(idle.conversations, 0, "nothing changed, nothing is done");
    })
    .await;
}
