//! What is asked about the program, and what changes it.

use svodka::bot::SOURCE_UPDATES;
use svodka::clock::Clock;
use svodka::sandbox::telegram::{SimChat, Standing};
use svodka::schedule::runner::RunOutcome;
use svodka::store::outbox::DeliveryState;

use crate::support::chat::{ADMIN, OLGA, Talk, plain, poller};
use crate::support::stores::{for_each_store, temp_store};
use crate::support::worker::{MANAGERS, OPS, at};

fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "«{word}» is missing in:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_duty_sees_sources_fires_and_incidents() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[]).await;
    let status = talk.answer(OPS, "/status").await;
    has(
        &status,
        &[
            "Открытые неполадки\nнет",
            "🟢 чаты: известны до",
            "Ближайшие отчёты",
            "Ежедневная сводка",
            "база sqlite",
        ],
    );
    has(&talk.answer(OPS, "/jobs").await, &["daily · Ежедневная сводка\nследующий раз", "sync"]);
    has(&talk.answer(OPS, "/deliveries").await, &["Сообщений ещё не было"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_paused_resumed_and_run_and_each_change_is_written_down() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[]).await;
    has(&talk.answer(OPS, "/pause dai магазин закрыт").await, &["Задание daily на паузе", "/resume daily"]);
    let row =
        talk.worker.app.store.list_jobs().await.unwrap().into_iter().find(|row| row.name == "daily").unwrap();
    let anna = talk.world.telegram.person_id("Анна");
    assert_eq!(row.paused_by, Some(format!("Анна (Telegram {anna})")));
    assert_eq!(row.pause_reason.as_deref(), Some("магазин закрыт"));
    has(&talk.answer(OPS, "/pause daily").await, &["уже на паузе", "магазин закрыт"]);
    has(&talk.answer(OPS, "/jobs").await, &["⏸ на паузе"]);
    has(&talk.answer(OPS, "/resume daily").await, &["продолжает работу", "09:00"]);
    has(&talk.answer(OPS, "/resume daily").await, &["и так не на паузе"]);
    has(&talk.answer(OPS, "/run daily вчера").await, &["Запуск №", "Ежедневная сводка", "managers"]);
    for wrong in ["/run", "/run xyz", "/run daily завтра", "/run sync вчера", "/pause", "/resume b"]
    {
        let said = talk.answer(OPS, wrong).await;
        has(&said, &["Пример: /"]);
    }
    let changes: Vec<_> =
        talk.audit().await.into_iter().map(|(command, outcome, _)| (command, outcome)).collect();
    assert_eq!(changes, ["pause", "resume", "run"].map(|name| (name.to_owned(), "done".to_owned())));
    let outcomes = talk.worker.work().await;
    assert!(outcomes.iter().any(|outcome| matches!(outcome, RunOutcome::Succeeded { .. })));
    assert!(plain(&talk.world.texts(MANAGERS)[0]).contains("среду, 19 августа"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_changes_from_a_group_what_their_own_role_lets_them_and_no_other() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[]).await;
    let irina = talk.world.telegram.person_id("Ирина");
    let variable = format!("SVODKA__ACCESS__USERS__{irina}");
    drop(talk);
    let other = temp_store().await;
    talk = Talk::open(other.url(), &[(&variable, "ops")]).await;
    assert_eq!(talk.world.telegram.person_id("Ирина"), irina);
    let refused = talk.ask_as(MANAGERS, "Пётр", "/pause daily").await;
    has(&refused[0].text, &["только дежурные"]);
    let done = talk.ask_as(MANAGERS, "Ирина", "/pause daily").await;
    has(&done[0].text, &["на паузе"]);
    let shown = talk.ask_as(MANAGERS, "Ирина", "/status").await;
    has(&shown[0].text, &["только дежурным"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_chooses_what_it_reads_within_its_role() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[]).await;
    has(&talk.answer(ADMIN, "/subscribe").await, &["▫️ daily", "▫️ weekly", "/subscribe"]);
    has(&talk.answer(ADMIN, "/subscribe dai").await, &["Ежедневная сводка (daily) будет приходить сюда"]);
    has(&talk.answer(ADMIN, "/subscribe daily").await, &["и так приходит"]);
    has(&talk.answer(MANAGERS, "/unsubscribe daily").await, &["больше не будет"]);
    has(&talk.answer(MANAGERS, "/subscribe quality").await, &["Такого отчёта для этого чата нет", "Пример"]);
    has(&talk.answer(OLGA, "/subscribe").await, &["нет отчётов"]);
    talk.world.clock.set(at("2026-08-21T06:00:01Z"));
    talk.worker.work().await;
    let digests = |chat| talk.world.texts(chat).into_iter().filter(|text| text.contains("№ d-0820-")).count();
    assert_eq!((digests(ADMIN), digests(MANAGERS)), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_never_answer_twice_whoever_dies_when() {
    for_each_store(async |given| {
        let mut talk = Talk::open(given.url(), &[]).await;
        let other = talk.world.worker(2).await;
        let second = poller(&talk.world, &other, "second").await;
        assert!(second.claim_step().await.unwrap().is_none(), "one listens");
        // The first dies after it confirmed and answered, before Telegram heard of it.
        talk.world.telegram.foreign_message(ADMIN, "Ирина", "/id");
        talk.poller.poll_step(&mut talk.claimed).await.unwrap();
        given.release_poller(&talk.claimed.lease).await.unwrap();
        let mut claimed = second.claim_step().await.unwrap().unwrap();
        talk.world.telegram.foreign_message(ADMIN, "Ирина", "/help");
        second.poll_step(&mut claimed).await.unwrap();
        // The dead one wakes up.
        assert!(talk.poller.poll_step(&mut talk.claimed).await.is_err());
        talk.worker.send().await;
        other.send().await;
        let said = talk.world.texts(ADMIN);
        assert_eq!(said.len(), 2, "{said:#?}");
        assert!(said[0].contains("Номера для настроек") && said[1].contains("Что я умею"), "{said:#?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_delivered_is_no_incident_and_one_that_is_late_is_not_sent() {
    let given = temp_store().await;
    let mut talk = Talk::open(given.url(), &[]).await;
    talk.world.telegram.foreign_message(ADMIN, "Ирина", "/id");
    talk.world.telegram.with_chat(ADMIN, |chat| chat.bot = Standing::Blocked);
    talk.listen().await;
    talk.worker.check().await;
    talk.worker.send().await;
    assert_eq!(talk.world.texts(OPS), Vec::<String>::new());
    talk.world.telegram.add_chat(SimChat::private(ADMIN, "Ирина"));
    talk.world.telegram.foreign_message(ADMIN, "Ирина", "/id");
    talk.poller.poll_step(&mut talk.claimed).await.unwrap();
    talk.world.clock.advance(chrono::TimeDelta::minutes(10));
    talk.worker.send().await;
    assert_eq!(talk.world.texts(ADMIN), Vec::<String>::new());
    let dead = given.list_deliveries(&[DeliveryState::Dead], 10).await.unwrap();
    assert_eq!(dead.len(), 2);
    assert!(
        talk.world.clock.now() > at("2026-08-20T06:00:00Z")
            && given.find_source(SOURCE_UPDATES).await.unwrap().is_none()
    );
}
