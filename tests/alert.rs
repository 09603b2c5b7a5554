//! Trouble becomes incidents, incidents become few messages in the ops chat, and those tell how it ended.

mod life;
mod signs;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use svodka::alert::{AlertSettings, Alerter, Thresholds, Trouble};
use svodka::clock::Clock;
use svodka::deliver::{ChatId, ChatTarget};
use svodka::facts::{FactBatch, SourceStep};
use svodka::render::notices::Speech;
use svodka::sandbox::telegram::{BeforeCommit, Fault, Flood, SimChat, Standing};
use svodka::store::Store;
use svodka::store::jobs::PlannedRun;
use svodka::store::outbox::{DeliveryState, NewDelivery, Policy};
use svodka::store::runs::{ClaimedRun, RunResult, RunState};

use crate::support::delivery::{MANAGERS, OPS, OWNER, Post, key, message};
use crate::support::stores::{for_each_store, temp_store};

struct Watch {
    post: Post,
    alerter: Alerter,
}

fn alerter(post: &Post, ops_chat: Option<&str>) -> Alerter {
    Alerter::new(post.store.clone(), Arc::new(post.clock.clone()), settings(ops_chat))
}

fn settings(ops_chat: Option<&str>) -> AlertSettings {
    let speech = Speech {
        zone: chrono_tz::Europe::Moscow,
        job_titles: BTreeMap::from([("daily".to_owned(), "Сводка за день".to_owned())]),
        job_chats: BTreeMap::from([("daily".to_owned(), vec!["managers".to_owned()])]),
    };
    AlertSettings {
        ops_chat: ops_chat.map(str::to_owned),
        thresholds: Thresholds::default(),
        speech,
        bot_jobs: Default::default(),
        most_messages: 3,
        conduct: Default::default(),
        looks: Default::default(),
    }
}

impl Watch {
    async fn open(store: &Store) -> Self {
        let post = Post::open(store.clone(), Flood::Strict).await;
        let alerter = alerter(&post, Some("ops"));
        Self { post, alerter }
    }

    /// With other settings, as after a restart.
    fn set(&mut self, change: impl FnOnce(&mut AlertSettings)) {
        let mut settings = settings(Some("ops"));
        change(&mut settings);
        self.alerter = Alerter::new(self.post.store.clone(), Arc::new(self.post.clock.clone()), settings);
    }

    /// Lives through `minutes`, checking twice a minute and sending what is written.
    async fn live(&self, minutes: i64) {
        for _ in 0..minutes * 2 {
            let until = self.post.clock.now() + TimeDelta::seconds(30);
            self.check().await;
            self.post.clock.set(until);
        }
        self.check().await;
    }

    async fn check(&self) {
        self.alerter.check_step().await.unwrap();
        self.post.send_for(&self.post.sender, TimeDelta::seconds(20)).await;
    }

    fn ops(&self) -> Vec<String> {
        self.post.texts(OPS)
    }

    fn last(&self) -> String {
        self.ops().pop().unwrap_or_default()
    }

    async fn incidents(&self) -> Vec<String> {
        self.post.store.list_open_incidents().await.unwrap().into_iter().map(|row| row.key).collect()
    }

    /// A run of `daily` planned for now with a deadline in five minutes, and claimed.
    async fn daily_run(&self) -> ClaimedRun {
        let (store, now) = (&self.post.store, self.post.clock.now());
        store.register_job("daily", &format!("{now}"), Some(now), now).await.unwrap();
        let run = PlannedRun { slot_at: now, deadline_at: Some(now + TimeDelta::minutes(5)), skipped: None };
        assert!(store.plan("daily", now, None, &[run], now).await.unwrap());
        store.claim_run("worker-1", 60, now).await.unwrap().unwrap()
    }

    async fn source_fails(&self, reason: &str) {
        self.post.store.save_source_failure("retailcrm_orders", reason, self.post.clock.now()).await.unwrap();
    }

    async fn source_works(&self) {
        let step =
            SourceStep { source: "retailcrm_orders".to_owned(), is_complete: true, ..SourceStep::default() };
        self.post.store.save_facts(&FactBatch::default(), &step, self.post.clock.now()).await.unwrap();
    }
}

/// Compares with `tests/snapshots/<name>.snap`: the whole text as it is read.
fn assert_text(name: &str, text: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

#[tokio::test]
async fn a_failed_run_is_told_once_said_again_and_resolved_in_the_same_message() {
    for_each_store(async |given| {
        let watch = Watch::open(&given.store).await;
        let run = watch.daily_run().await;
        let (store, clock) = (&watch.post.store, &watch.post.clock);
        store.fail_run(&run.lease, "unexpected_shape", "Поле total <пусто>.", clock.now()).await.unwrap();
        watch.live(10).await;
        assert_text("alert_run_failed", &watch.ops().join("\n=====\n"));

        watch.live(8).await;
        let ops = watch.ops();
        assert_eq!(ops.len(), 2, "one reminder after 15 minutes: {ops:?}");
        assert_text("alert_run_failed_reminder", &ops[1]);

        let again = watch.daily_run().await;
        store.finish_run(&again.lease, &RunResult::default(), clock.now()).await.unwrap();
        watch.live(2).await;
        assert_eq!(watch.ops().len(), 2, "the end is an edit");
        assert_text("alert_run_failed_resolved", &watch.ops()[0]);
        assert!(watch.incidents().await.is_empty());
        watch.live(60).await;
        assert_eq!(watch.ops().len(), 2, "what is over is not said again");
    })
    .await;
}

#[tokio::test]
async fn a_key_that_the_crm_refuses_hides_the_runs_that_failed_because_of_it() {
    let store = temp_store().await;
    let watch = Watch::open(&store).await;
    watch.source_fails("unauthorized").await;
    let run = watch.daily_run().await;
    watch.post.clock.advance(TimeDelta::seconds(5));
    let now = watch.post.clock.now();
    watch.post.store.fail_run(&run.lease, "unauthorized", "Ключ не принят.", now).await.unwrap();
    watch.live(2).await;
    assert_eq!(watch.incidents().await, ["source/retailcrm_api"]);
    assert_text("alert_source_refused", &watch.ops().join("\n=====\n"));

    watch.source_works().await;
    watch.live(2).await;
    assert!(watch.ops()[0].starts_with("✅ Устранено: CRM не пускает"), "{:?}", watch.ops());
    // The report is still missing, and with the cause gone that is told by itself.
    assert_eq!(watch.incidents().await, ["run_failed/daily"]);
}

#[tokio::test]
async fn a_source_that_stumbles_is_not_told_and_one_that_stays_down_is() {
    let store = temp_store().await;
    let watch = Watch::open(&store).await;
    watch.source_fails("timeout").await;
    watch.live(15).await;
    assert!(watch.ops().is_empty());
    watch.live(10).await;
    assert!(watch.last().starts_with("🔴 Не читаются данные: заказы"), "{}", watch.last());
    // Down, and then it turns out that the key is refused: the same message changes.
    watch.source_fails("unauthorized").await;
    watch.live(2).await;
    assert_eq!(watch.ops().len(), 1);
    assert!(watch.last().starts_with("🔴 CRM не пускает: заказы"), "{}", watch.last());
}

#[tokio::test]
async fn a_hundred_dead_deliveries_make_at_most_three_messages() {
    let store = temp_store().await;
    let mut watch = Watch::open(&store).await;
    for n in 0..100 {
        let (name, id) = (format!("seller{n:03}"), 1000 + n);
        let person = SimChat::private(id, "Продавец");
        watch.post.telegram.add_chat(person);
        watch.post.telegram.with_chat(id, |chat| chat.bot = Standing::Blocked);
        watch.post.targets.insert(name.clone(), ChatTarget { id: ChatId::Id(id), topic: None });
        watch.post.enqueue(&name, "d-0820-aaaa", 1).await;
    }
    watch.post.sender = watch.post.another_sender(|_| {});
    watch.live(6).await;
    assert!((1..=3).contains(&watch.ops().len()), "{:?}", watch.ops());
    assert!(
        watch.ops().iter().any(|text| text.starts_with("🔴 Много сразу: сообщения не доставлены (100)")),
        "{:?}",
        watch.ops()
    );
}

#[tokio::test]
async fn more_incidents_than_may_be_told_are_folded_into_one_message_that_follows_them() {
    let store = temp_store().await;
    let watch = Watch::open(&store).await;
    for n in 0..6 {
        let name = format!("source_{n}");
        watch.post.store.save_source_failure(&name, "unauthorized", watch.post.clock.now()).await.unwrap();
    }
    watch.live(3).await;
    assert_eq!(watch.ops().len(), 3, "{:?}", watch.ops());
    assert_text("alert_storm", &watch.last());

    let step = SourceStep { source: "source_4".to_owned(), is_complete: true, ..SourceStep::default() };
    watch.post.store.save_facts(&FactBatch::default(), &step, watch.post.clock.now()).await.unwrap();
    watch.live(2).await;
    assert_eq!(watch.ops().len(), 3);
    assert!(watch.last().contains("✅ CRM не пускает: source_4"), "{}", watch.last());
}

#[tokio::test]
async fn trouble_with_the_ops_chat_itself_is_not_told_there() {
    let store = temp_store().await;
    let watch = Watch::open(&store).await;
    watch.post.telegram.with_chat(OPS, |chat| chat.bot = Standing::Kicked);
    watch.post.enqueue("ops", "d-0820-aaaa", 1).await;
    watch.live(30).await;
    assert_eq!(watch.incidents().await, ["delivery_dead/ops/kicked"]);
    let rows = watch.post.store.list_deliveries(&[], 100).await.unwrap();
    assert_eq!(rows.len(), 1, "no notice about it was written");
    assert_eq!(watch.post.telegram.requests_to("sendMessage").len(), 1);
}

#[tokio::test]
async fn a_chat_that_nobody_can_write_to_is_told_with_its_fix_until_a_message_arrives() {
    let store = temp_store().await;
    let watch = Watch::open(&store).await;
    watch.post.telegram.with_chat(OWNER, |chat| chat.bot = Standing::Blocked);
    watch.post.enqueue("owner", "d-0820-aaaa", 2).await;
    watch.live(2).await;
    assert_text("alert_chat_blocked", &watch.last());
    watch.post.telegram.with_chat(OWNER, |chat| chat.bot = Standing::Member);
    watch.post.enqueue("owner", "d-0821-bbbb", 1).await;
    watch.live(2).await;
    assert!(watch.last().starts_with("✅ Устранено: Не доставлено в чат «owner»"), "{}", watch.last());
}

#[tokio::test]
async fn what_may_be_lost_and_what_lost_its_markup_is_told_once_without_a_reminder() {
    let store = temp_store().await;
    let watch = Watch::open(&store).await;
    let policy = Policy::AtMostOnce;
    let slow = BeforeCommit::BadGatewayHtml;
    watch.post.telegram.fault(Fault::before(slow).on("sendMessage").in_chat(MANAGERS));
    watch.post.enqueue_all(&[NewDelivery { policy, ..message("managers", "d-0820-aaaa", 1, 1) }]).await;
    let broken = NewDelivery { html: "<b>".to_owned(), ..message("owner", "d-0820-bbbb", 1, 1) };
    watch.post.enqueue_all(&[broken]).await;
    watch.live(40).await;
    let row = watch.post.row(&key("managers", "d-0820-aaaa", 1)).await;
    assert_eq!((row.state, row.reason.as_deref()), (DeliveryState::Dead, Some("maybe_lost")));
    assert_text("alert_news", &watch.ops().join("\n=====\n"));
    watch.live(25 * 60).await;
    assert_eq!(watch.ops().len(), 2);
    assert!(watch.incidents().await.is_empty(), "news end by themselves");
}

#[tokio::test]
async fn a_late_digest_is_told_to_ops_and_once_to_its_readers() {
    for_each_store(async |given| {
        let watch = Watch::open(&given.store).await;
        let (store, clock) = (&watch.post.store, &watch.post.clock);
        let run = watch.daily_run().await;
        let next = clock.now() + TimeDelta::minutes(12);
        store.retry_run(&run.lease, "timeout", "CRM молчит.", next, clock.now()).await.unwrap();
        clock.advance(TimeDelta::minutes(4));
        assert_eq!(watch.alerter.deadline_step().await.unwrap(), 0);
        clock.advance(TimeDelta::minutes(1));
        assert_eq!(watch.alerter.deadline_step().await.unwrap(), 1);
        assert_eq!(watch.alerter.deadline_step().await.unwrap(), 0);
        watch.live(1).await;
        assert_text("alert_late_for_readers", &watch.post.texts(MANAGERS).join("\n=====\n"));
        assert_text("alert_late_for_ops", &watch.ops().join("\n=====\n"));

        clock.set(next);
        let run = store.claim_run("worker-1", 60, clock.now()).await.unwrap().unwrap();
        let deliveries =
            vec![NewDelivery { run_id: Some(run.run.id), ..message("managers", "d-0820-aaaa", 1, 1) }];
        let result = RunResult { deliveries, ..RunResult::default() };
        store.finish_run(&run.lease, &result, clock.now()).await.unwrap();
        watch.live(2).await;
        assert_eq!(watch.post.texts(MANAGERS).len(), 2);
        assert!(watch.last().starts_with("✅ Устранено: Опаздывает: «Сводка за день»"), "{}", watch.last());
    })
    .await;
}

#[tokio::test]
async fn a_digest_that_is_late_because_of_a_source_is_told_with_the_source_alone() {
    for_each_store(async |given| {
        let watch = Watch::open(&given.store).await;
        let (store, clock) = (&watch.post.store, &watch.post.clock);
        watch.source_fails("timeout").await;
        let run = watch.daily_run().await;
        let next = clock.now() + TimeDelta::minutes(12);
        store.retry_run(&run.lease, "timeout", "CRM молчит.", next, clock.now()).await.unwrap();
        watch.live(1).await;
        assert!(watch.ops().is_empty(), "it may yet be read in time");
        clock.advance(TimeDelta::minutes(5));
        assert_eq!(watch.alerter.deadline_step().await.unwrap(), 1);
        watch.live(1).await;
        assert_eq!(watch.incidents().await, ["source/retailcrm_api"]);
        assert!(watch.last().starts_with("🔴 Не читаются данные: заказы"), "{:?}", watch.ops());
        assert_eq!(watch.post.texts(MANAGERS).len(), 1, "readers are told all the same");
    })
    .await;
}

#[tokio::test]
async fn a_revoked_token_is_one_incident_that_is_told_when_there_is_a_way_again() {
    let store = temp_store().await;
    let watch = Watch::open(&store).await;
    watch.post.telegram.fault(Fault::before(BeforeCommit::Unauthorized).always());
    watch.post.enqueue("managers", "d-0820-aaaa", 1).await;
    watch.post.enqueue("owner", "d-0820-bbbb", 1).await;
    watch.live(30).await;
    assert_eq!(watch.incidents().await, ["telegram_down"]);
    watch.post.telegram.clear_faults();
    watch.live(10).await;
    assert!(watch.incidents().await.is_empty());
    assert!(watch.ops()[0].starts_with("✅ Устранено: Telegram не узнаёт бота"), "{:?}", watch.ops());
}

#[tokio::test]
async fn without_an_ops_chat_incidents_are_kept_and_nothing_is_written() {
    let store = temp_store().await;
    let post = Post::open(store.clone(), Flood::Strict).await;
    let alerter = alerter(&post, None);
    alerter.raise(&Trouble::StoreTrouble { reason: "db_unavailable".to_owned() }).await.unwrap();
    assert_eq!(post.store.list_open_incidents().await.unwrap().len(), 1);
    assert!(post.store.list_deliveries(&[], 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_outage_of_telegram_is_one_incident_whatever_waits_and_is_told_when_it_is_over() {
    let store = temp_store().await;
    let watch = Watch::open(&store).await;
    watch.post.telegram.fault(Fault::before(BeforeCommit::BadGatewayHtml).always());
    for chat in ["managers", "owner"] {
        watch.post.enqueue(chat, "d-0820-aaaa", 1).await;
    }
    watch.live(30).await;
    assert_eq!(watch.incidents().await, ["telegram_down"]);
    watch.post.telegram.clear_faults();
    watch.live(15).await;
    assert!(watch.incidents().await.is_empty());
    assert_eq!(watch.ops().len(), 1, "{:?}", watch.ops());
    assert!(watch.last().starts_with("✅ Устранено: Нет связи с Telegram"), "{}", watch.last());
}

#[tokio::test]
async fn a_run_that_fails_for_good_by_its_deadline_is_one_incident_and_readers_learn_that_nothing_comes() {
    let store = temp_store().await;
    let watch = Watch::open(&store).await;
    let run = watch.daily_run().await;
    let clock = &watch.post.clock;
    clock.advance(TimeDelta::minutes(5));
    store.fail_run(&run.lease, "not_configured", "Нет ключей.", clock.now()).await.unwrap();
    assert_eq!(watch.alerter.deadline_step().await.unwrap(), 1);
    watch.live(2).await;
    assert_eq!(watch.incidents().await, [format!("deadline_missed/daily/{}", run.run.id)]);
    assert!(watch.post.texts(MANAGERS)[0].contains("само уже не придёт"), "{:?}", watch.post.texts(MANAGERS));
}

#[tokio::test]
async fn a_report_caught_up_after_a_stop_is_told_to_ops_once_and_readers_get_no_note() {
    let store = temp_store().await;
    let watch = Watch::open(&store).await;
    let (slot_at, clock) = (watch.post.clock.now(), &watch.post.clock);
    clock.advance(TimeDelta::hours(2));
    store.register_job("daily", "f", Some(slot_at), clock.now()).await.unwrap();
    let deadline_at = Some(slot_at + TimeDelta::minutes(5));
    let planned = PlannedRun { slot_at, deadline_at, skipped: None };
    store.plan("daily", slot_at, None, &[planned], clock.now()).await.unwrap();
    assert_eq!(watch.alerter.deadline_step().await.unwrap(), 0, "it has just been planned");
    let run = store.claim_run("worker-1", 60, clock.now()).await.unwrap().unwrap();
    store.finish_run(&run.lease, &RunResult::default(), clock.now()).await.unwrap();
    assert_eq!(store.find_run(run.run.id).await.unwrap().unwrap().state, RunState::Succeeded);
    watch.live(10).await;
    assert_eq!(watch.alerter.deadline_step().await.unwrap(), 0);
    assert!(watch.post.texts(MANAGERS).is_empty());
    assert_text("alert_caught_up", &watch.ops().join("\n=====\n"));
}

/// How the next run of `daily` ends, a second later.
async fn run_ends(watch: &Watch, failure: Option<(&str, &str)>) -> i64 {
    watch.post.clock.advance(TimeDelta::seconds(1));
    let run = watch.daily_run().await;
    let (store, now) = (&watch.post.store, watch.post.clock.now());
    match failure {
        Some((reason, note)) => store.fail_run(&run.lease, reason, note, now).await.unwrap(),
        None => store.finish_run(&run.lease, &RunResult::default(), now).await.unwrap(),
    }
    run.run.id
}

#[tokio::test]
async fn a_run_that_failed_and_was_made_good_before_anybody_looked_is_told_all_the_same_and_once() {
    for_each_store(async |given| {
        let watch = Watch::open(&given.store).await;
        let first = run_ends(&watch, Some(("timeout", "Сломалось первое."))).await;
        run_ends(&watch, Some(("timeout", "Сломалось второе."))).await;
        run_ends(&watch, None).await;
        watch.check().await;
        let told = watch.ops();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("🔴 Не получилось: «Сводка за день»"), "{}", told[0]);
        assert!(told[0].contains("Сломалось второе."), "{}", told[0]);
        assert!(told[0].contains(&format!("Не удались также запуски № {first}.")), "{}", told[0]);
        watch.live(3).await;
        assert!(watch.last().starts_with("✅ Устранено"), "{}", watch.last());
        assert!(watch.incidents().await.is_empty());
        // A restart, another worker, a day: it is never told again.
        let other = alerter(&watch.post, Some("ops"));
        other.check_step().await.unwrap();
        watch.live(60).await;
        assert_eq!(watch.ops().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_dead_delivery_is_told_even_when_the_chat_was_reached_again_before_anybody_looked() {
    for_each_store(async |given| {
        let watch = Watch::open(&given.store).await;
        watch.post.telegram.with_chat(OWNER, |chat| chat.bot = Standing::Blocked);
        watch.post.enqueue("owner", "d-0820-aaaa", 1).await;
        watch.post.send_for(&watch.post.sender, TimeDelta::seconds(20)).await;
        watch.post.telegram.with_chat(OWNER, |chat| chat.bot = Standing::Member);
        watch.post.enqueue("owner", "d-0821-bbbb", 1).await;
        watch.post.send_for(&watch.post.sender, TimeDelta::seconds(20)).await;
        assert_eq!(watch.post.texts(OWNER).len(), 1);
        watch.check().await;
        assert_eq!(watch.ops().len(), 1);
        assert!(watch.last().contains("d-0820-aaaa"), "{}", watch.last());
        watch.live(30).await;
        assert_eq!(watch.ops().len(), 1);
        assert!(watch.last().starts_with("✅ Устранено: Не доставлено в чат «owner»"), "{}", watch.last());
        // Sent by hand and dead again is news again.
        let dead = watch.post.row(&key("owner", "d-0820-aaaa", 1)).await;
        watch.post.telegram.with_chat(OWNER, |chat| chat.bot = Standing::Blocked);
        watch.post.store.retry_delivery(dead.id, "Анна", watch.post.clock.now()).await.unwrap();
        watch.live(2).await;
        assert_eq!(watch.ops().len(), 2, "{:#?}", watch.ops());
    })
    .await;
}

#[tokio::test]
async fn whatever_fails_between_the_checks_of_several_workers_is_in_a_notice_and_no_notice_comes_twice() {
    use rand::{Rng, SeedableRng};
    for seed in 0..12 {
        let store = temp_store().await;
        let watch = Watch::open(&store).await;
        let mut alerters = [alerter(&watch.post, Some("ops")), alerter(&watch.post, Some("ops"))];
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut failed = Vec::new();
        for step in 0..25 {
            match random.random_range(0..10) {
                0..3 => {
                    let note = format!("Поломка {step:02}.");
                    failed.push((run_ends(&watch, Some(("unexpected_shape", &note))).await, note));
                }
                3..6 => drop(run_ends(&watch, None).await),
                6..9 => {
                    let one = random.random_range(0..alerters.len());
                    alerters[one].check_step().await.unwrap();
                }
                // A restart.
                _ => alerters[0] = alerter(&watch.post, Some("ops")),
            }
            watch.post.clock.advance(TimeDelta::seconds(random.random_range(0..40)));
        }
        run_ends(&watch, None).await;
        watch.live(30).await;
        let rows = watch.post.store.list_deliveries(&[], 500).await.unwrap();
        for (id, note) in &failed {
            let number = format!(" {id}");
            let is_told = |text: &str| {
                let others = text.split("также запуски №").nth(1).and_then(|rest| rest.split('.').next());
                text.contains(note.as_str())
                    || others
                        .is_some_and(|list| list.split(',').any(|one| format!(" {}", one.trim()) == number))
            };
            assert!(
                rows.iter().any(|row| is_told(&row.plain)),
                "seed {seed}: run {id} was never told: {:#?}",
                rows.iter().map(|row| &row.plain).collect::<Vec<_>>()
            );
        }
        assert!(!failed.is_empty(), "seed {seed} tests nothing");
        assert!(watch.post.store.list_untold_runs(10).await.unwrap().is_empty());
        assert!(watch.incidents().await.is_empty(), "seed {seed}");
        let opened = watch.ops().len();
        assert!(opened <= failed.len(), "seed {seed}: {opened} messages about {} failures", failed.len());
        watch.live(90).await;
        assert_eq!(watch.ops().len(), opened, "seed {seed}: nothing is told again");
    }
}

#[tokio::test]
async fn a_run_of_a_job_nobody_knows_any_more_is_told_once_without_reminders() {
    let store = temp_store().await;
    let watch = Watch::open(&store).await;
    let run = watch.daily_run().await;
    watch.post.store.retire_jobs_except(&[], watch.post.clock.now()).await.unwrap();
    let note = "Задания нет в настройках.";
    watch.post.store.fail_run(&run.lease, "unknown_job", note, watch.post.clock.now()).await.unwrap();
    watch.live(90).await;
    assert_eq!(watch.ops().len(), 1, "{:?}", watch.ops());
    assert!(watch.last().contains("в программе нет такого задания"), "{}", watch.last());
    assert!(watch.incidents().await.is_empty(), "news end by themselves");
}
