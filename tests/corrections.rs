//! A digest that late data made untrue is edited where it stands; what was said first is kept.

use chrono::TimeDelta;
use svodka::app::telegram_config;
use svodka::clock::Clock;
use svodka::deliver::{ChatId, TelegramClient};
use svodka::jobs::diff::changes;
use svodka::jobs::replay;
use svodka::sandbox::retailcrm::{Actor, NewOrder};
use svodka::sandbox::telegram::{AfterCommit, Fault};
use svodka::store::outbox::{Action, DeliveryRow, DeliveryState};
use svodka::store::runs::{Origin, RunRow, RunState};

use crate::support::stores::{for_each_store, temp_store};
use crate::support::worker::{MANAGERS, OPS, Worker, World, at, drive_while, expire_leases};

/// The digest of 19 August stands in the chat, sent on the 20th at 09:00 in Moscow.
async fn told(database_url: &str, corrections: &str) -> (World, Worker) {
    let mut world = World::open(database_url).await;
    world.set("SVODKA__JOBS__DAILY__CORRECTIONS", corrections);
    let worker = world.worker(1).await;
    world.clock.set(at("2026-08-20T06:00:01Z"));
    worker.work().await;
    assert_eq!(world.texts(MANAGERS).len(), 1);
    (world, worker)
}

/// An order of 19 August that the CRM learns of only now.
fn late_order(world: &World, price: i64) {
    world.crm.with_model(|model| {
        let first = model.orders()[0].clone();
        let by = Actor::User(model.users()[0].crm_id);
        let order = NewOrder {
            customer_id: first.customer_id,
            manager_id: Some(model.users()[0].crm_id),
            items: vec![("Шу пуэр".into(), price, 1)],
            order_method: "messenger".into(),
            ..Default::default()
        };
        model.add_order(at("2026-08-19T14:00:00Z"), order, by).unwrap();
    });
}

async fn corrections(worker: &Worker) -> Vec<RunRow> {
    let runs = worker.app.store.list_runs(Some("daily"), 50).await.unwrap();
    runs.into_iter().filter(|run| run.origin == Origin::Correction).collect()
}

async fn edits(worker: &Worker) -> Vec<DeliveryRow> {
    let mut rows = worker.app.store.list_deliveries(&[], 100).await.unwrap();
    rows.retain(|row| matches!(row.action, Action::Correct { .. }));
    rows.reverse();
    rows
}

fn plain(text: &str) -> String {
    text.replace(['\u{a0}', '\u{202f}'], " ")
}

fn waiting(text: &str) -> &str {
    let from = text.find("Ждут ответа сейчас").unwrap();
    text[from..].split("\n\n").next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn late_data_edit_the_digest_in_place_and_say_when_and_what() {
    for_each_store(async |given| {
        let (world, worker) = told(given.url(), "edit").await;
        let before = world.texts(MANAGERS)[0].clone();
        assert!(plain(&before).contains("На сумму: 3 500 ₽"), "{before}");
        late_order(&world, 120_000);
        // Somebody who waited was answered meanwhile: the digest spoke of its own moment.
        world.crm.with_model(|model| {
            let (gleb, manager) = (model.chats()[3].id, model.users()[0].mg_id);
            model.manager_replies(gleb, at("2026-08-20T06:05:00Z"), manager, "Работаем").unwrap();
        });
        world.clock.set(at("2026-08-20T06:15:01Z"));
        worker.work().await;
        let texts = world.texts(MANAGERS);
        assert_eq!(texts.len(), 1, "an edit, no second message: {texts:#?}");
        let after = plain(&texts[0]);
        assert!(after.contains("На сумму: 4 700 ₽"), "{after}");
        assert!(after.contains("Исправлено 20 августа в 09:15: данные дополнены."), "{after}");
        assert_eq!(waiting(&after), waiting(&plain(&before)));
        assert_eq!(world.texts(OPS), Vec::<String>::new(), "nothing broke");

        let found = corrections(&worker).await;
        let [correction] = &found[..] else { panic!("{found:#?}") };
        assert_eq!(correction.state, RunState::Succeeded);
        let edited = edits(&worker).await;
        assert_eq!((edited.len(), edited[0].state), (1, DeliveryState::Sent));
        assert!(plain(&edited[0].html).contains("На сумму: <u>4 700 ₽"), "{}", edited[0].html);

        // Both versions are kept, and each can be told again.
        let first = given.find_digest(correction.corrects_run_id.unwrap()).await.unwrap().unwrap();
        let second = given.find_digest(correction.id).await.unwrap().unwrap();
        let paths: Vec<_> = changes(&first.body, &second.body).into_iter().map(|one| one.path).collect();
        assert!(paths.iter().any(|path| path == "team.current.orders.revenue"), "{paths:?}");
        let settings = &worker.app.settings;
        let replayed = replay::of_stored(&given.store, &second, settings).await.unwrap();
        assert_eq!(replayed[0].html, edited[0].html);
        let original = replay::of_stored(&given.store, &first, settings).await.unwrap();
        assert!(plain(&original[0].html).contains("На сумму: 3 500 ₽"));
        let history = given.list_history("daily", "team", "revenue", first.period_from.date_naive()).await;
        assert_eq!(history.unwrap()[0].value, Some(470_000.0), "trends go on with the corrected value");

        // What is told stays told: nothing new, nothing happens.
        world.clock.set(at("2026-08-20T06:30:01Z"));
        worker.work().await;
        assert_eq!(corrections(&worker).await.len(), 1);
        // A second surprise edits the same message again, against what was told first.
        late_order(&world, 30_000);
        world.clock.set(at("2026-08-20T06:45:01Z"));
        worker.work().await;
        let texts = world.texts(MANAGERS);
        assert_eq!((texts.len(), corrections(&worker).await.len()), (1, 2));
        assert!(plain(&texts[0]).contains("На сумму: 5 000 ₽"), "{}", texts[0]);
        assert_eq!(texts[0].matches("Исправлено").count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_wish_and_after_its_window_a_digest_stays_as_it_was_sent() {
    let store = temp_store().await;
    let (world, worker) = told(store.url(), "none").await;
    let before = world.texts(MANAGERS);
    late_order(&world, 120_000);
    world.clock.set(at("2026-08-20T06:15:01Z"));
    worker.work().await;
    assert_eq!((world.texts(MANAGERS), corrections(&worker).await), (before, vec![]));

    let store = temp_store().await;
    let mut world = World::open(store.url()).await;
    world.set("SVODKA__JOBS__DAILY__CORRECTIONS", "edit");
    world.set("SVODKA__JOBS__DAILY__CORRECTIONS_WINDOW", "1h");
    let worker = world.worker(1).await;
    world.clock.set(at("2026-08-20T06:00:01Z"));
    worker.work().await;
    let before = world.texts(MANAGERS);
    late_order(&world, 120_000);
    world.clock.set(at("2026-08-20T07:15:01Z"));
    worker.work().await;
    assert_eq!((world.texts(MANAGERS), corrections(&worker).await), (before, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_deleted_is_not_sent_anew_and_ops_hear_of_it_once() {
    for_each_store(async |given| {
        let (world, worker) = told(given.url(), "edit").await;
        let client = TelegramClient::new(telegram_config(&worker.app.settings).unwrap()).unwrap();
        let message = &world.telegram.own_messages(MANAGERS)[0];
        let deleted = client.delete_message(&ChatId::Id(MANAGERS), message.id).await.unwrap();
        assert_eq!(deleted.status, 200);
        late_order(&world, 120_000);
        world.clock.set(at("2026-08-20T06:15:01Z"));
        worker.live(at("2026-08-20T06:20:00Z"), TimeDelta::seconds(30)).await;
        assert_eq!(world.texts(MANAGERS), Vec::<String>::new(), "nothing is sent in its place");
        let edited = edits(&worker).await;
        assert_eq!((edited.len(), edited[0].state), (1, DeliveryState::Dead));
        assert_eq!(edited[0].reason.as_deref(), Some("message_gone"));
        let ops = world.texts(OPS);
        assert_eq!(ops.len(), 1, "{ops:#?}");
        assert!(ops[0].contains("исправлять нечего"), "{}", ops[0]);
        // Later data find nothing to correct, and nobody is told again.
        late_order(&world, 30_000);
        worker.live(at("2026-08-20T07:50:00Z"), TimeDelta::minutes(5)).await;
        assert_eq!((edits(&worker).await.len(), corrections(&worker).await.len()), (1, 1));
        assert_eq!(world.texts(OPS).len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_whose_answer_is_lost_or_whose_worker_dies_ends_once_and_leaves_one_message() {
    for_each_store(async |given| {
        let (world, worker) = told(given.url(), "edit").await;
        let other = world.worker(2).await;
        late_order(&world, 120_000);
        world.telegram.fault(Fault::after(AfterCommit::Close).on("editMessageText").times(2));
        world.clock.set(at("2026-08-20T06:15:01Z"));
        worker.app.planner.plan_step().await.unwrap();
        while worker.run_step().await != svodka::schedule::runner::RunOutcome::Idle {}
        assert_eq!(edits(&worker).await.len(), 1);
        // Dies while it sends.
        drive_while(&world.clock, || world.telegram.requests_to("editMessageText").is_empty(), async {
            worker.app.deliver_step().await
        })
        .await;
        expire_leases(given.url()).await;
        other.live(world.clock.now() + TimeDelta::minutes(10), TimeDelta::seconds(30)).await;
        let edited = edits(&other).await;
        assert_eq!((edited.len(), edited[0].state), (1, DeliveryState::Sent), "{edited:#?}");
        let texts = world.texts(MANAGERS);
        assert_eq!(texts.len(), 1);
        assert!(
            plain(&texts[0]).contains("На сумму: 4 700 ₽") && !texts[0].contains("повтор"),
            "{}",
            texts[0]
        );
        assert_eq!(corrections(&other).await.len(), 1, "two workers, one correction");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_takes_no_slot_and_ends_no_incident_of_a_later_day() {
    let store = temp_store().await;
    let (world, worker) = told(store.url(), "edit").await;
    late_order(&world, 120_000);
    world.clock.set(at("2026-08-20T06:15:01Z"));
    worker.work().await;
    let runs = worker.app.store.list_runs(Some("daily"), 10).await.unwrap();
    let slots: Vec<_> = runs.iter().map(|run| (run.origin, run.slot_at)).collect();
    let slot = at("2026-08-20T06:00:00Z");
    assert_eq!(slots, [(Origin::Correction, slot), (Origin::Cron, slot)]);
    let successes = worker.app.store.last_successes().await.unwrap();
    let daily = successes.iter().find(|run| run.job == "daily").unwrap();
    assert_eq!(daily.origin, Origin::Cron, "a correction is no sign that the job works");
    // The next slot comes as ever.
    world.clock.set(at("2026-08-21T06:00:01Z"));
    worker.work().await;
    assert_eq!(world.texts(MANAGERS).len(), 2);
}
