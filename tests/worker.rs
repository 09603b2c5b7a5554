//! The main job end to end: a slot, the CRM over HTTP, the digest in the chat; and what happens when something breaks.

use chrono::TimeDelta;
use svodka::clock::Clock;
use svodka::sandbox::retailcrm::{Fault, FaultBody, FaultKind};
use svodka::sandbox::telegram;
use svodka::schedule::runner::RunOutcome;
use svodka::store::outbox::DeliveryState;
use svodka::store::runs::{Origin, RunState};

use crate::support::stores::{for_each_store, temp_store};
use crate::support::worker::{MANAGERS, OPS, World, at, drive_while, expire_leases};
use svodka::store::StoreError;
use svodka::store::outbox::{Action, NewDelivery, Policy};

/// The text with its no-break spaces made plain, for comparing.
fn plain(text: &str) -> String {
    text.replace(['\u{a0}', '\u{202f}'], " ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_becomes_one_digest_with_the_figures_of_the_day_before() {
    for_each_store(async |given| {
        let world = World::open(given.url()).await;
        let (first, second) = (world.worker(1).await, world.worker(2).await);
        world.clock.set(at("2026-08-20T06:00:01Z"));
        first.work().await;
        second.work().await;
        first.work().await;
        let texts = world.texts(MANAGERS);
        assert_eq!(texts.len(), 1, "one digest, whoever made it: {texts:#?}");
        let text = plain(&texts[0]);
        for words in ["19 августа", "Ольга Чабрецова", "Павел Улунов", "3 500 ₽", "2 500 ₽", "№ d-0819-"]
        {
            assert!(text.contains(words), "«{words}» is missing in:\n{text}");
        }
        assert_eq!(world.texts(OPS), Vec::<String>::new(), "nothing broke, nothing is told");
        let runs = first.app.store.list_runs(Some("daily"), 10).await.unwrap();
        assert_eq!(runs.len(), 1);
        assert_eq!((runs[0].state, runs[0].origin), (RunState::Succeeded, Origin::Cron));
        assert_eq!(runs[0].slot_at, at("2026-08-20T06:00:00Z"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monday_morning_brings_the_week_once_and_keeps_it_for_trends_and_replay() {
    for_each_store(async |given| {
        let world = World::open(given.url()).await;
        let (first, second) = (world.worker(1).await, world.worker(2).await);
        world.clock.set(at("2026-08-24T06:00:01Z"));
        first.work().await;
        second.work().await;
        first.work().await;
        let weeks: Vec<_> =
            world.texts(MANAGERS).into_iter().filter(|text| text.contains("w-0817-")).collect();
        assert_eq!(weeks.len(), 1, "{weeks:#?}");
        let text = plain(&weeks[0]);
        for words in ["неделю 17–23 августа", "Павел Улунов", "3 500 ₽", "2 500 ₽", "Ольга Чабрецова"]
        {
            assert!(text.contains(words), "«{words}» is missing in:\n{text}");
        }
        let runs = first.app.store.list_runs(Some("weekly"), 10).await.unwrap();
        assert_eq!(runs.len(), 1);
        assert_eq!((runs[0].state, runs[0].slot_at), (RunState::Succeeded, at("2026-08-24T06:00:00Z")));

        let monday = "2026-08-17".parse().unwrap();
        let orders = given.list_history("weekly", "team", "orders", monday).await.unwrap();
        assert_eq!(
            orders.iter().map(|row| (row.period_on, row.value)).collect::<Vec<_>>(),
            [(monday, Some(2.0))]
        );
        assert!(orders[0].is_complete);

        let kept = given.find_digest(runs[0].id).await.unwrap().unwrap();
        assert_eq!(kept.report, "weekly");
        let again = svodka::jobs::replay::messages(&kept, &first.app.settings).unwrap();
        assert_eq!(again.len(), 1);
        let sent = given.list_run_deliveries(runs[0].id).await.unwrap();
        assert_eq!(again[0].html, sent[0].html, "a replay is what was sent");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_of_a_month_brings_the_month_and_it_goes_to_the_history_as_one() {
    let given = temp_store().await;
    let world = World::open(given.url()).await;
    let worker = world.worker(1).await;
    world.clock.set(at("2026-09-01T06:30:01Z"));
    worker.work().await;
    let months: Vec<_> = world.texts(MANAGERS).into_iter().filter(|text| text.contains("m-0801-")).collect();
    assert_eq!(months.len(), 1, "{months:#?}");
    assert!(plain(&months[0]).contains("Сводка за август 2026 года"), "{}", months[0]);
    let month = "2026-08-01".parse().unwrap();
    let revenue = worker.app.store.list_history("monthly", "team", "revenue", month).await.unwrap();
    assert_eq!(revenue.iter().map(|row| row.value).collect::<Vec<_>>(), [Some(350_000.0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_run_again_later_gives_the_same_text_but_for_who_waits_now() {
    for_each_store(async |given| {
        let world = World::open(given.url()).await;
        let worker = world.worker(1).await;
        world.clock.set(at("2026-08-20T06:00:01Z"));
        worker.work().await;
        // The world goes on: what happens later must not change what the slot speaks about.
        world.crm.with_model(|model| {
            let chat = model.chats()[0].id;
            model.customer_writes(chat, at("2026-08-20T06:10:00Z"), "А ещё улун есть?").unwrap();
            let gleb = model.chats()[3].id;
            let manager = model.users()[0].mg_id;
            model.manager_replies(gleb, at("2026-08-20T06:11:00Z"), manager, "Работаем").unwrap();
        });
        world.clock.set(at("2026-08-21T05:00:00Z"));
        let now = world.clock.now();
        let run =
            worker.app.store.insert_manual_run("daily", at("2026-08-20T06:00:00Z"), None, now).await.unwrap();
        let outcomes = worker.work().await;
        assert!(outcomes.contains(&RunOutcome::Succeeded { run_id: run }), "{outcomes:?}");
        let texts = world.texts(MANAGERS);
        assert_eq!(texts.len(), 2);
        assert_ne!(texts[0], texts[1], "the list of those who wait is of its moment");
        let steady = |text: &str| {
            let from = text.find("Ждут ответа сейчас").unwrap_or_else(|| panic!("nobody waits in:\n{text}"));
            let to = text[from..].find("\n\n").map_or(text.len(), |end| from + end);
            let of_the_moment = |line: &str| line.starts_with("Данные на") || line.contains("ждут ответа");
            let lines = text[..from].lines().chain(text[to..].lines());
            let steady: Vec<_> = lines
                .map(|line| line.split(", ждут ответа").next().unwrap_or_default())
                .filter(|line| !of_the_moment(line))
                .collect();
            assert!(steady.len() > 15, "what is compared is most of the text: {steady:#?}");
            steady.join("\n")
        };
        assert_eq!(steady(&texts[0]), steady(&texts[1]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crm_that_stays_away_ends_by_the_deadline_in_a_digest_without_numbers_and_in_one_incident() {
    for_each_store(async |given| {
        let mut world = World::open(given.url()).await;
        // A worker of the tests does one run at a time, and reading a CRM that is away takes long.
        world.set("SVODKA__JOBS__SYNC__ENABLED", "false");
        let worker = world.worker(1).await;
        world.crm.fault(Fault::on("", FaultKind::Status(503, FaultBody::Json)));
        world.clock.set(at("2026-08-20T06:00:01Z"));
        worker.live(at("2026-08-20T06:07:00Z"), TimeDelta::seconds(20)).await;
        let texts = world.texts(MANAGERS);
        assert!(texts.len() == 1 && texts[0].contains("d-0819-"), "the digest, and no note: {texts:#?}");
        let digest = &texts[0];
        assert!(digest.contains("ет данных"), "{digest}");
        assert!(!plain(digest).contains(" 0"), "an unknown number is not a zero: {digest}");
        assert!(!digest.contains('₽'), "{digest}");
        let open = given.list_open_incidents().await.unwrap();
        assert!(!open.is_empty() && open.iter().all(|row| row.kind.starts_with("source")), "{open:#?}");
        assert_eq!(world.texts(OPS).len(), open.len(), "ops know before managers ask, by the cause alone");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_told_to_ops_once_and_names_the_fix() {
    for_each_store(async |given| {
        let world = World::open(given.url()).await;
        let worker = world.worker(1).await;
        world.crm.fault(Fault::on("/api/v5", FaultKind::KeyRevoked));
        world.clock.set(at("2026-08-20T06:00:01Z"));
        worker.live(at("2026-08-20T06:04:00Z"), TimeDelta::seconds(20)).await;
        let told = world.texts(OPS);
        assert_eq!(told.len(), 1, "one message for one cause: {told:#?}");
        assert!(told[0].contains("RETAILCRM_"), "the fix is named: {}", told[0]);
        assert!(!told[0].contains(&world.crm.api_key()), "the key is not");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_anywhere_leaves_one_digest() {
    for_each_store(async |given| {
        let world = World::open(given.url()).await;
        drop(world.worker(0).await);
        world.clock.set(at("2026-08-20T06:00:01Z"));
        // Dies at a later point each time: the dead worker's lease runs out by the database's clock, which a test moves.
        for budget in [1, 3, 9, 20, 45] {
            let worker = world.worker(budget).await;
            worker.app.planner.plan_step().await.unwrap();
            let mut steps_left = budget;
            let stop = tokio_util::sync::CancellationToken::new();
            let died = drive_while(
                &world.clock,
                || {
                    steps_left -= 1;
                    steps_left > 0
                },
                worker.app.runner.run_step(worker.app.work.as_ref(), &stop),
            )
            .await;
            if died.is_none() {
                expire_leases(given.url()).await;
            }
        }
        let last = world.worker(99).await;
        last.work().await;
        expire_leases(given.url()).await;
        last.work().await;
        let texts = world.texts(MANAGERS);
        let runs = last.app.store.list_runs(None, 10).await.unwrap();
        assert_eq!(texts.len(), 1, "{texts:#?} {runs:#?}");
        let runs = last.app.store.list_runs(Some("daily"), 10).await.unwrap();
        assert_eq!(runs.iter().filter(|run| run.state == RunState::Succeeded).count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_while_sending_leaves_one_digest_that_its_successor_finds() {
    for_each_store(async |given| {
        let world = World::open(given.url()).await;
        let worker = world.worker(1).await;
        // An earlier digest: since then it is known where the chat's ids stand.
        let now = world.clock.now();
        worker.app.store.insert_manual_run("daily", now, None, now).await.unwrap();
        worker.work().await;
        let before = world.texts(MANAGERS).len();
        let last = worker.app.store.list_deliveries(&[DeliveryState::Sent], 1).await.unwrap();
        assert!(before > 0 && last[0].message_id.is_some(), "{last:?}");

        world.clock.set(at("2026-08-20T06:00:01Z"));
        worker.app.planner.plan_step().await.unwrap();
        while worker.run_step().await != RunOutcome::Idle {}
        // Telegram takes the message, and the worker dies before the answer.
        world.telegram.fault(telegram::Fault::after(telegram::AfterCommit::NeverAnswer).on("sendMessage"));
        let telegram = &world.telegram;
        let died = drive_while(
            &world.clock,
            || telegram.own_messages(MANAGERS).len() == before,
            worker.app.deliver_step(),
        )
        .await;
        assert!(died.is_none(), "the worker was cut off in the middle of the send");
        world.telegram.clear_faults();
        expire_leases(given.url()).await;
        let successor = world.worker(2).await;
        successor.live(world.clock.now() + TimeDelta::minutes(20), TimeDelta::seconds(30)).await;
        let texts = world.texts(MANAGERS);
        assert_eq!(texts.len(), before + 1, "{texts:#?}");
        assert!(texts[before].contains("d-0819-") && !texts[before].contains("повтор"), "{texts:#?}");
        let looks = world.telegram.requests_to("editMessageText").len();
        assert_eq!(looks, 1, "found at the first look");
        let left = [DeliveryState::Pending, DeliveryState::Unknown, DeliveryState::Dead];
        assert!(successor.app.store.list_deliveries(&left, 9).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_morning_digest_that_could_not_leave_does_not_come_in_the_evening_and_ops_learn_of_it() {
    for_each_store(async |given| {
        let world = World::open(given.url()).await;
        let worker = world.worker(1).await;
        let refused = telegram::Fault::before(telegram::BeforeCommit::Unauthorized);
        world.telegram.fault(refused.on("sendMessage").in_chat(MANAGERS).always());
        world.clock.set(at("2026-08-20T06:00:01Z"));
        worker.work().await;
        let waiting = worker.app.store.list_deliveries(&[DeliveryState::Pending], 9).await.unwrap();
        assert!(waiting.iter().any(|row| row.chat == "managers"), "the digest waits: {waiting:?}");
        world.clock.set(at("2026-08-20T15:00:00Z"));
        world.telegram.clear_faults();
        worker.live(at("2026-08-20T15:05:00Z"), TimeDelta::seconds(60)).await;

        assert!(!world.texts(MANAGERS).iter().any(|text| text.contains("d-0819-")));
        let dead = worker.app.store.list_deliveries(&[DeliveryState::Dead], 9).await.unwrap();
        let reasons: Vec<_> = dead.iter().filter_map(|row| row.reason.as_deref()).collect();
        assert!(reasons.contains(&"expired"), "{dead:?}");
        let open = worker.app.store.list_open_incidents().await.unwrap();
        assert!(open.iter().any(|one| one.key == "delivery_dead/managers/expired"), "{open:?}");
        assert!(world.texts(OPS).iter().any(|text| text.contains("срок отправки вышел")));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_missed_while_down_is_made_up_for_and_the_text_says_that_it_is_late() {
    for_each_store(async |given| {
        let world = World::open(given.url()).await;
        drop(world.worker(1).await);
        world.clock.set(at("2026-08-20T07:30:00Z"));
        let worker = world.worker(2).await;
        worker.work().await;
        let texts = world.texts(MANAGERS);
        assert_eq!(texts.len(), 1, "{texts:#?}");
        assert!(plain(&texts[0]).contains("1 ч 30 мин"), "the lateness is told: {}", texts[0]);
        assert!(plain(&texts[0]).contains("3 500 ₽"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_told_to_ops_past_the_outbox_once_and_its_return_too() {
    let given = temp_store().await;
    let world = World::open(given.url()).await;
    let mut watch = world.worker(1).await.app.store_watch();
    let away = || Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut));
    watch.note(&away()).await;
    world.clock.advance(TimeDelta::seconds(30));
    watch.note(&away()).await;
    assert_eq!(world.texts(OPS), Vec::<String>::new(), "a restart of the database is nobody's business");
    for _ in 0..3 {
        world.clock.advance(TimeDelta::seconds(20));
        watch.note(&away()).await;
    }
    let told = world.texts(OPS);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("Сбой базы данных") && told[0].contains("С 08:59"), "{}", told[0]);
    world.clock.advance(TimeDelta::minutes(3));
    watch.note(&Ok(())).await;
    watch.note(&Ok(())).await;
    let told = world.texts(OPS);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[1].contains("Устранено") && plain(&told[1]).contains("5 мин"), "{}", told[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_past_the_outbox_is_never_overwritten_by_a_look_for_a_lost_message() {
    let given = temp_store().await;
    let world = World::open(given.url()).await;
    let worker = world.worker(1).await;
    let notice = |key: &str| NewDelivery {
        key: key.to_owned(),
        run_id: None,
        chat: "ops".to_owned(),
        part: 1,
        part_count: 1,
        action: Action::Send,
        html: format!("Замечание {key}\n\n№ inc-test"),
        plain: format!("Замечание {key}\n\n№ inc-test"),
        public_id: "inc-test".to_owned(),
        policy: Policy::AtLeastOnce,
        expires_at: None,
        is_silent: false,
    };
    worker.app.store.enqueue(&[notice("first")], world.clock.now()).await.unwrap();
    worker.send().await;
    let mut watch = worker.app.store_watch();
    watch.note(&Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut))).await;
    world.clock.advance(TimeDelta::minutes(1));
    watch.note(&Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut))).await;
    world.telegram.fault(telegram::Fault::after(telegram::AfterCommit::Close).on("sendMessage").in_chat(OPS));
    worker.app.store.enqueue(&[notice("second")], world.clock.now()).await.unwrap();
    worker.live(world.clock.now() + TimeDelta::minutes(15), TimeDelta::seconds(30)).await;
    let messages = world.telegram.own_messages(OPS);
    assert!(messages.iter().all(|message| message.edits == 0), "{messages:#?}");
    assert!(messages[1].text.contains("Сбой базы данных"), "{messages:#?}");
    assert!(
        messages[3].text.contains("повтор"),
        "without a look the lost one comes again, marked: {messages:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_worker_does_not_fill_the_past_by_itself() {
    for_each_store(async |given| {
        let world = World::open(given.url()).await;
        world.clock.set(at("2026-08-20T06:00:30Z"));
        let worker = world.worker(1).await;
        worker.work().await;
        assert_eq!(world.texts(MANAGERS), Vec::<String>::new());
        assert!(worker.app.store.list_runs(Some("daily"), 10).await.unwrap().is_empty());
    })
    .await;
}
