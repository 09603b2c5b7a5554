//! What happens to an incident besides its trouble, and when ops are left alone.

use chrono::{NaiveTime, TimeDelta};
use svodka::alert::conduct::{EscalationStep, QuietHours, Way};
use svodka::alert::{Trouble, Vitals};
use svodka::clock::Clock;
use svodka::deliver::{ChatId, ChatTarget};
use svodka::sandbox::telegram::{BeforeCommit, Fault, SimChat, Standing};
use svodka::store::silences::Covers;

use super::{Watch, alerter, assert_text};
use crate::support::delivery::{OPS, OWNER};
use crate::support::stores::{for_each_store, temp_store};

fn time(hour: u32, minute: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
}

/// Number of the only open incident.
async fn only(watch: &Watch) -> i64 {
    let open = watch.post.store.list_open_incidents().await.unwrap();
    assert_eq!(open.len(), 1, "{open:?}");
    open[0].id
}

#[tokio::test]
async fn what_comes_back_soon_is_said_aloud_once_and_what_comes_and_goes_is_not_said_each_time() {
    for_each_store(async |given| {
        let watch = Watch::open(&given.store).await;
        watch.source_fails("unauthorized").await;
        watch.live(2).await;
        assert_eq!(watch.ops().len(), 1);
        watch.source_works().await;
        watch.live(2).await;
        assert!(watch.incidents().await.is_empty());

        watch.source_fails("unauthorized").await;
        watch.live(2).await;
        let id = only(&watch).await;
        let ops = watch.ops();
        assert_eq!(ops.len(), 2, "{ops:#?}");
        assert!(
            ops[0].starts_with("🔴 CRM не пускает") && ops[0].contains("Вернулось, уже 1-й раз."),
            "{}",
            ops[0]
        );
        assert_text("alert_again", &ops[1]);

        // From now on it comes and goes every six minutes for an hour.
        for _ in 0..5 {
            watch.source_works().await;
            watch.live(3).await;
            watch.source_fails("unauthorized").await;
            watch.live(3).await;
        }
        assert_eq!(only(&watch).await, id, "it is the same incident all the time");
        assert!(watch.ops().len() <= 3, "{:#?}", watch.ops());
        watch.source_works().await;
        watch.live(8).await;
        assert_eq!(watch.incidents().await.len(), 1, "eight minutes of quiet are not believed");
        watch.live(5).await;
        assert!(watch.incidents().await.is_empty());
        assert!(watch.ops()[0].starts_with("✅ Устранено"), "{}", watch.ops()[0]);
    })
    .await;
}

#[tokio::test]
async fn who_takes_an_incident_up_stands_in_its_message_and_nothing_is_said_again() {
    for_each_store(async |given| {
        let watch = Watch::open(&given.store).await;
        watch.source_fails("unauthorized").await;
        watch.live(1).await;
        let id = only(&watch).await;
        assert!(given.acknowledge_incident(id, "Анна <b>", watch.post.clock.now()).await.unwrap());
        watch.live(1).await;
        assert!(watch.last().contains("Взялся: Анна <b>."), "{}", watch.last());
        watch.live(300).await;
        assert_eq!(watch.ops().len(), 1, "{:?}", watch.ops());
        watch.source_works().await;
        watch.live(1).await;
        assert!(watch.last().starts_with("✅ Устранено"), "{}", watch.last());
    })
    .await;
}

#[tokio::test]
async fn what_is_put_off_is_said_again_when_its_time_has_come() {
    let store = temp_store().await;
    let watch = Watch::open(&store).await;
    watch.source_fails("unauthorized").await;
    watch.live(1).await;
    let until = watch.post.clock.now() + TimeDelta::hours(3);
    assert!(store.snooze_incident(only(&watch).await, "Анна", until).await.unwrap());
    watch.live(170).await;
    assert_eq!(watch.ops().len(), 1);
    assert!(watch.last().contains("Отложено до 12:01."), "{}", watch.last());
    watch.live(15).await;
    assert_eq!(watch.ops().len(), 2);
    assert!(watch.last().starts_with("⏰ Всё ещё не починено"), "{}", watch.last());
}

#[tokio::test]
async fn what_is_silenced_is_kept_and_told_only_if_it_outlasts_the_silence() {
    for_each_store(async |given| {
        let watch = Watch::open(&given.store).await;
        let now = watch.post.clock.now();
        let key = Covers::Key("source/*".to_owned());
        given.add_silence(&key, "Анна", "переезд CRM", now + TimeDelta::hours(1), now).await.unwrap();
        watch.source_fails("unauthorized").await;
        watch.live(5).await;
        assert_eq!(watch.incidents().await, ["source/retailcrm_api"]);
        watch.source_works().await;
        watch.live(2).await;
        assert!(watch.incidents().await.is_empty(), "it ends unheard");
        watch.source_fails("unauthorized").await;
        watch.live(50).await;
        assert_eq!(watch.ops(), Vec::<String>::new());
        watch.live(5).await;
        assert_eq!(watch.ops().len(), 1, "the silence is over and the trouble is not: {:?}", watch.ops());
    })
    .await;
}

#[tokio::test]
async fn quiet_hours_delay_news_and_let_pages_through() {
    let store = temp_store().await;
    let mut watch = Watch::open(&store).await;
    watch.set(|settings| {
        settings.conduct.quiet_hours = Some(QuietHours { from: time(8, 0), until: time(10, 0) });
    });
    let now = watch.post.clock.now();
    for run_id in [1, 2] {
        let news = Trouble::CaughtUp { job: "daily".to_owned(), run_id, slot_at: now, lateness_secs: 4000 };
        watch.alerter.raise(&news).await.unwrap();
    }
    watch.live(20).await;
    assert_eq!(watch.ops(), Vec::<String>::new());
    watch.source_fails("unauthorized").await;
    watch.live(1).await;
    assert_eq!(watch.ops().len(), 1, "a page does not wait");
    watch.source_works().await;
    watch.live(45).await;
    assert_eq!(watch.ops().len(), 2, "what waited comes as one: {:#?}", watch.ops());
    assert!(watch.last().starts_with("🟡 Пока было тихо"), "{}", watch.last());
    assert_eq!(watch.last().matches("Вышло с опозданием").count(), 2, "{}", watch.last());
}

#[tokio::test]
async fn what_comes_and_goes_within_the_wait_for_more_is_only_counted() {
    let store = temp_store().await;
    let mut watch = Watch::open(&store).await;
    watch.set(|settings| {
        settings.conduct.group_wait = TimeDelta::seconds(10);
        settings.looks.host = "m1".to_owned();
    });
    // A disk that is nearly full pages.
    let full = Vitals { disk_free_ratio: Some(0.02), ..Vitals::default() };
    watch.alerter.note_vitals(full.clone());
    watch.alerter.check_step().await.unwrap();
    assert_eq!(watch.incidents().await, ["disk_low/m1"]);
    watch.post.clock.advance(TimeDelta::seconds(5));
    watch.alerter.note_vitals(Vitals::default());
    watch.live(1).await;
    assert!(watch.incidents().await.is_empty() && watch.ops().is_empty(), "{:?}", watch.ops());

    watch.alerter.note_vitals(full);
    watch.check().await;
    assert!(watch.ops().is_empty());
    watch.live(1).await;
    assert!(watch.last().starts_with("🔴 Кончается место на диске"), "{}", watch.last());
}

#[tokio::test]
async fn a_page_that_nobody_takes_up_is_passed_on_step_by_step_and_a_restart_forgets_no_step() {
    for_each_store(async |given| {
        let mut watch = Watch::open(&given.store).await;
        watch.post.telegram.add_chat(SimChat::private(78, "Директор"));
        watch.post.targets.insert("boss".to_owned(), ChatTarget { id: ChatId::Id(78), topic: None });
        watch.post.sender = watch.post.another_sender(|_| {});
        let steps = |settings: &mut svodka::alert::AlertSettings| {
            settings.conduct.escalation = [(10, "owner"), (25, "boss")]
                .map(|(minutes, chat)| EscalationStep {
                    after: TimeDelta::minutes(minutes),
                    to: Way::Chat(chat.to_owned()),
                })
                .to_vec();
        };
        watch.set(steps);
        watch.source_fails("unauthorized").await;
        watch.live(9).await;
        assert!(watch.post.texts(OWNER).is_empty());
        watch.live(2).await;
        assert_text("alert_escalated", &watch.post.texts(OWNER).join("\n=====\n"));
        watch.set(steps);
        watch.live(10).await;
        assert_eq!(watch.post.texts(OWNER).len(), 1, "each step is taken once");
        assert!(watch.post.texts(78).is_empty());
        watch.live(6).await;
        assert_eq!(watch.post.texts(78).len(), 1);
        watch.source_works().await;
        watch.live(40).await;

        // The next one is taken up in time.
        watch.source_fails("unauthorized").await;
        watch.live(2).await;
        let now = watch.post.clock.now();
        assert!(given.acknowledge_incident(only(&watch).await, "Анна", now).await.unwrap());
        watch.live(60).await;
        assert_eq!((watch.post.texts(OWNER).len(), watch.post.texts(78).len()), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn trouble_with_the_ops_chat_itself_is_passed_on_and_a_call_past_telegram_is_made_once() {
    let store = temp_store().await;
    let mut watch = Watch::open(&store).await;
    watch.set(|settings| {
        settings.conduct.escalation = vec![
            EscalationStep { after: TimeDelta::minutes(5), to: Way::Chat("owner".to_owned()) },
            EscalationStep { after: TimeDelta::minutes(10), to: Way::Fallback },
        ];
    });
    watch.post.telegram.with_chat(OPS, |chat| chat.bot = Standing::Kicked);
    watch.post.enqueue("ops", "d-0820-aaaa", 1).await;
    watch.live(8).await;
    let told = watch.post.texts(OWNER);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("Не доставлено в чат «ops»"), "{}", told[0]);
    assert!(watch.alerter.due_calls().await.unwrap().is_empty());
    watch.live(4).await;
    let calls = watch.alerter.due_calls().await.unwrap();
    assert_eq!(calls.len(), 1);
    assert!(calls[0].text.plain.contains("Не доставлено в чат «ops»") && calls[0].kind == "delivery_dead");
    watch.alerter.called(&calls[0]).await.unwrap();
    assert!(watch.alerter.due_calls().await.unwrap().is_empty());
}

#[tokio::test]
async fn warnings_wait_for_the_morning_come_together_and_are_ticked_off_there() {
    for_each_store(async |given| {
        let mut watch = Watch::open(&given.store).await;
        let morning = |settings: &mut svodka::alert::AlertSettings| {
            settings.conduct.summary_at = time(9, 30);
            settings.looks.host = "m1".to_owned();
        };
        watch.set(morning);
        let strained = |memory: Option<f64>, write: Option<i64>| Vitals {
            memory_used_ratio: memory,
            write_took: write.map(TimeDelta::milliseconds),
            ..Vitals::default()
        };
        watch.alerter.note_vitals(strained(Some(0.95), Some(1500)));
        watch.live(10).await;
        // One is over before the morning; it is told as over.
        watch.alerter.note_vitals(strained(Some(0.95), None));
        watch.live(15).await;
        assert_eq!(watch.ops(), Vec::<String>::new());
        watch.live(10).await;
        assert_text("alert_summary", &watch.ops().join("\n=====\n"));
        // A restart writes no second one.
        watch.set(morning);
        watch.alerter.note_vitals(strained(Some(0.95), None));
        watch.live(60).await;
        assert_eq!(watch.ops().len(), 1, "no reminder for a warning: {:?}", watch.ops());
        watch.alerter.note_vitals(Vitals::default());
        watch.live(2).await;
        assert!(watch.last().contains("✅ Кончается память"), "{}", watch.last());
        // The next morning there is nothing to say.
        watch.live(24 * 60).await;
        assert_eq!(watch.ops().len(), 1, "{:?}", watch.ops());
    })
    .await;
}

#[tokio::test]
async fn the_last_word_says_what_was_made_up_for() {
    let store = temp_store().await;
    let watch = Watch::open(&store).await;
    watch.post.telegram.fault(Fault::before(BeforeCommit::BadGatewayHtml).always());
    for n in 0..3 {
        watch.post.enqueue("managers", &format!("d-0820-aaa{n}"), 1).await;
    }
    watch.live(30).await;
    watch.post.telegram.clear_faults();
    watch.live(20).await;
    let first = &watch.ops()[0];
    assert!(first.starts_with("✅ Устранено: Нет связи с Telegram"), "{first}");
    assert!(first.contains("Отправлено по порядку: "), "{first}");

    let other = alerter(&watch.post, Some("ops"));
    watch.source_fails("unauthorized").await;
    other.check_step().await.unwrap();
    let now = watch.post.clock.now();
    let step = svodka::facts::SourceStep {
        source: "retailcrm_orders".to_owned(),
        is_complete: true,
        coverage: Some(svodka::facts::CoverageSpan { from: now - TimeDelta::days(3), until: now }),
        ..Default::default()
    };
    store.save_facts(&Default::default(), &step, now).await.unwrap();
    watch.live(2).await;
    assert!(watch.last().contains("Догружено, данные известны до "), "{}", watch.last());
}
