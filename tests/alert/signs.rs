//! Each check that looks for more than a failure opens its incident, says it again, and ends it.

use chrono::TimeDelta;
use svodka::alert::Vitals;
use svodka::alert::conduct::IsPriced;
use svodka::clock::Clock;
use svodka::facts::llm::LlmUsage;
use svodka::facts::{FactBatch, SourceStep};
use svodka::store::jobs::PlannedRun;
use svodka::store::runs::{RunResult, StoredDigest};

use super::Watch;
use crate::support::stores::{for_each_store, temp_store};

/// A page: told at once, again after a quarter of an hour, and ticked off when `end` was done.
async fn pages(watch: &Watch, key: &str, title: &str, end: impl AsyncFnOnce(&Watch)) {
    let before = watch.ops().len();
    watch.live(1).await;
    assert!(watch.incidents().await.contains(&key.to_owned()), "{:?}", watch.incidents().await);
    assert_eq!(watch.ops().len(), before + 1, "{:#?}", watch.ops());
    assert!(watch.last().starts_with(&format!("🔴 {title}")), "{}", watch.last());
    watch.live(18).await;
    assert_eq!(watch.ops().len(), before + 2, "{:#?}", watch.ops());
    assert!(
        watch.last().contains("⏰ Всё ещё не починено") && watch.last().contains(title),
        "{}",
        watch.last()
    );
    end(watch).await;
    watch.live(3).await;
    assert!(!watch.incidents().await.contains(&key.to_owned()), "{:?}", watch.incidents().await);
    let first = &watch.ops()[before];
    assert!(first.starts_with(&format!("✅ Устранено: {title}")), "{first}");
}

/// A warning: told in the morning summary, again the next morning, and ticked off when `end` was done.
async fn warns(
    watch: &Watch,
    key: &str,
    title: &str,
    keep: impl AsyncFn(&Watch),
    end: impl AsyncFnOnce(&Watch),
) {
    // The summary of this morning is over.
    watch.post.clock.advance(TimeDelta::hours(4));
    watch.live(1).await;
    assert_eq!(watch.incidents().await, [key]);
    assert_eq!(watch.ops(), Vec::<String>::new(), "a warning can wait");
    let (day, part) = (TimeDelta::days(1), TimeDelta::hours(1));
    for told in 1..=2 {
        let until = watch.post.clock.now() + day;
        while watch.post.clock.now() < until {
            keep(watch).await;
            watch.check().await;
            watch.post.clock.advance(part);
        }
        assert_eq!(watch.ops().len(), told, "{:#?}", watch.ops());
        assert!(watch.last().starts_with("🟡 Предупреждения за сутки"), "{}", watch.last());
        assert!(watch.last().contains(title), "{}", watch.last());
    }
    end(watch).await;
    watch.live(3).await;
    assert!(watch.incidents().await.is_empty(), "{:?}", watch.incidents().await);
    assert!(watch.last().contains(&format!("✅ {title}")), "{}", watch.last());
}

#[tokio::test]
async fn three_slots_skipped_in_a_row_are_told_until_one_runs() {
    for_each_store(async |given| {
        let watch = Watch::open(&given.store).await;
        let clock = &watch.post.clock;
        let plan = async |skipped: Option<&str>| {
            clock.advance(TimeDelta::minutes(1));
            let now = clock.now();
            given.register_job("sync", &format!("{now}"), Some(now), now).await.unwrap();
            let skipped = skipped.map(str::to_owned);
            let run = PlannedRun { slot_at: now, deadline_at: None, skipped };
            assert!(given.plan("sync", now, None, &[run], now).await.unwrap());
        };
        for _ in 0..4 {
            plan(Some("paused")).await;
        }
        plan(Some("overlap")).await;
        plan(Some("overlap")).await;
        watch.live(1).await;
        assert!(watch.incidents().await.is_empty(), "a pause is meant, and twice is no row");
        plan(Some("overlap")).await;
        pages(&watch, "slots_skipped/sync", "Не запускается: «sync»", async |_| {
            plan(None).await
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_report_that_will_be_late_by_what_such_runs_take_is_told_before_its_deadline() {
    for_each_store(async |given| {
        let watch = Watch::open(&given.store).await;
        let clock = &watch.post.clock;
        for _ in 0..5 {
            clock.advance(TimeDelta::minutes(30));
            let run = watch.daily_run().await;
            clock.advance(TimeDelta::minutes(6));
            given.finish_run(&run.lease, &RunResult::default(), clock.now()).await.unwrap();
            given.mark_deadline_missed(run.run.id, &[], clock.now()).await.unwrap();
        }
        clock.advance(TimeDelta::minutes(30));
        let run = watch.daily_run().await;
        clock.advance(TimeDelta::seconds(10));
        watch.check().await;
        assert_eq!(watch.incidents().await, [format!("deadline_at_risk/daily/{}", run.run.id)]);
        assert!(watch.last().starts_with("🔴 Может опоздать: «Сводка за день»"), "{}", watch.last());
        assert!(watch.last().contains("обычно готовится до 6\u{a0}мин"), "{}", watch.last());
        // In time after all.
        clock.advance(TimeDelta::minutes(2));
        given.finish_run(&run.lease, &RunResult::default(), clock.now()).await.unwrap();
        watch.live(1).await;
        assert!(watch.incidents().await.is_empty());
        assert!(watch.last().starts_with("✅ Устранено: Может опоздать"), "{}", watch.last());

        // Not in time: the fear gives way to the fact.
        clock.advance(TimeDelta::minutes(40));
        let run = watch.daily_run().await;
        watch.check().await;
        clock.advance(TimeDelta::minutes(5));
        watch.alerter.deadline_step().await.unwrap();
        watch.live(1).await;
        assert_eq!(watch.incidents().await, [format!("deadline_missed/daily/{}", run.run.id)]);
        assert!(watch.ops().iter().all(|text| !text.starts_with("✅") || !text.contains("Опаздывает")));
    })
    .await;
}

#[tokio::test]
async fn a_source_that_nobody_reads_through_is_told_unless_its_job_is_paused() {
    let store = temp_store().await;
    let mut watch = Watch::open(&store).await;
    watch.set(|settings| {
        settings.looks.readers = [("retailcrm_orders".to_owned(), vec!["sync".to_owned()])].into();
    });
    let now = watch.post.clock.now();
    store.register_job("sync", "f", Some(now + TimeDelta::days(9)), now).await.unwrap();
    watch.source_works().await;
    store.pause_job("sync", "Анна", "ремонт", now).await.unwrap();
    watch.post.clock.advance(TimeDelta::hours(4));
    watch.live(1).await;
    assert!(watch.incidents().await.is_empty());
    store.resume_job("sync", watch.post.clock.now()).await.unwrap();
    pages(
        &watch,
        "source_stale/retailcrm_orders",
        "Давно не читались: заказы",
        async |watch| {
            watch.source_works().await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_second_program_that_takes_the_updates_is_told_until_it_stops() {
    let store = temp_store().await;
    let watch = Watch::open(&store).await;
    store.save_source_failure("telegram_updates", "conflict", watch.post.clock.now()).await.unwrap();
    watch.live(21).await;
    assert_eq!(watch.incidents().await, ["source/telegram_updates"]);
    assert!(watch.last().starts_with("🔴 Бот не получает сообщения"), "{}", watch.last());
    watch.live(18).await;
    assert_eq!(watch.ops().len(), 2, "{:?}", watch.ops());
    let step =
        SourceStep { source: "telegram_updates".to_owned(), is_complete: true, ..SourceStep::default() };
    store.save_facts(&FactBatch::default(), &step, watch.post.clock.now()).await.unwrap();
    watch.live(2).await;
    assert!(watch.ops()[0].starts_with("✅ Устранено: Бот не получает сообщения"), "{}", watch.ops()[0]);
}

#[tokio::test]
async fn records_nobody_understands_are_a_warning_for_a_day_after_the_last_of_them() {
    let store = temp_store().await;
    let watch = Watch::open(&store).await;
    let drop_records = async |watch: &Watch, count: u64| {
        let dropped = [("no_id".to_owned(), count)].into();
        let step = SourceStep { source: "retailcrm_orders".to_owned(), dropped, ..SourceStep::default() };
        store.save_facts(&FactBatch::default(), &step, watch.post.clock.now()).await.unwrap();
    };
    drop_records(&watch, 9).await;
    watch.live(2).await;
    assert!(watch.incidents().await.is_empty(), "a few are nobody's business");
    watch.post.clock.advance(TimeDelta::hours(4));
    drop_records(&watch, 3).await;
    watch.post.clock.advance(TimeDelta::hours(-4));
    let keep = async |watch: &Watch| drop_records(watch, 1).await;
    warns(
        &watch,
        "schema_surprise/retailcrm_orders",
        "Непонятные записи: заказы",
        keep,
        async |watch| {
            watch.post.clock.advance(TimeDelta::hours(20));
        },
    )
    .await;
}

#[tokio::test]
async fn a_model_without_a_price_is_a_warning_until_it_has_one() {
    let store = temp_store().await;
    let mut watch = Watch::open(&store).await;
    let is_priced = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let asked = is_priced.clone();
    watch.set(|settings| {
        let is_priced =
            move |model: &str, _| model != "новая" || asked.load(std::sync::atomic::Ordering::Relaxed);
        settings.looks.is_priced = IsPriced(Some(std::sync::Arc::new(is_priced)));
    });
    let call = async |watch: &Watch| {
        let now = watch.post.clock.now();
        let usage = |model: &str| LlmUsage {
            key: format!("{model}{now}"),
            used_at: now,
            user: None,
            model: model.to_owned(),
            prompt_tokens: 1,
            completion_tokens: 1,
            precached_tokens: 0,
            billable_tokens: 2,
            duration_ms: None,
        };
        let step = SourceStep { source: "llm_usage".to_owned(), ..SourceStep::default() };
        let zone = chrono_tz::Europe::Moscow;
        store.save_llm_usage(&[usage("новая"), usage("старая")], zone, &step, now).await.unwrap();
    };
    call(&watch).await;
    warns(&watch, "price_unknown", "Нет цены модели", call, async |_| {
        is_priced.store(true, std::sync::atomic::Ordering::Relaxed);
    })
    .await;
}

#[tokio::test]
async fn doubtful_data_three_notes_in_a_row_are_a_warning_until_a_clean_note() {
    let store = temp_store().await;
    let mut watch = Watch::open(&store).await;
    watch.set(|settings| settings.looks.quality_jobs = vec!["quality".to_owned()]);
    let note = async |watch: &Watch, findings: serde_json::Value| {
        watch.post.clock.advance(TimeDelta::seconds(1));
        let now = watch.post.clock.now();
        store.register_job("quality", &format!("{now}"), Some(now), now).await.unwrap();
        let run = PlannedRun { slot_at: now, deadline_at: None, skipped: None };
        assert!(store.plan("quality", now, None, &[run], now).await.unwrap());
        let claimed = store.claim_run("worker-1", 60, now).await.unwrap().unwrap();
        let digest = StoredDigest {
            report: "quality".to_owned(),
            public_id: "q-0820-aaaa".to_owned(),
            period_from: now - TimeDelta::days(1),
            period_to: now,
            body: serde_json::json!({ "findings": findings }),
        };
        let result = RunResult { digest: Some(digest), ..RunResult::default() };
        store.finish_run(&claimed.lease, &result, now).await.unwrap();
    };
    let doubtful = serde_json::json!([{"finding": "order_drift"}, {"finding": "stale_source"}]);
    note(&watch, doubtful.clone()).await;
    note(&watch, doubtful.clone()).await;
    watch.live(2).await;
    assert!(watch.incidents().await.is_empty(), "the note itself tells a doubtful day");
    note(&watch, doubtful).await;
    warns(
        &watch,
        "quality_doubtful/quality",
        "Данные вызывают сомнения",
        async |_| {},
        async |watch| {
            note(watch, serde_json::json!([])).await;
        },
    )
    .await;
}

#[tokio::test]
async fn what_is_near_its_end_on_a_machine_is_a_warning_and_other_machines_say_nothing_about_it() {
    let strains: [(&str, &str, Vitals); 5] = [
        (
            "disk_low/m1",
            "Кончается место на диске",
            Vitals { disk_free_ratio: Some(0.07), ..Vitals::default() },
        ),
        ("memory_high/m1", "Кончается память", Vitals { memory_used_ratio: Some(0.97), ..Vitals::default() }),
        (
            "clock_skew/m1",
            "Часы расходятся",
            Vitals { clock_ahead: Some(TimeDelta::seconds(-7)), ..Vitals::default() },
        ),
        (
            "database_slow/m1",
            "База данных отвечает медленно",
            Vitals { write_took: Some(TimeDelta::milliseconds(2400)), ..Vitals::default() },
        ),
        (
            "crm_limit_near/m1",
            "Почти весь лимит запросов к CRM занят",
            Vitals { crm_limit_ratio: Some(1.0), ..Vitals::default() },
        ),
    ];
    for (key, title, vitals) in strains {
        let store = temp_store().await;
        let mut watch = Watch::open(&store).await;
        watch.set(|settings| settings.looks.host = "m1".to_owned());
        watch.alerter.note_vitals(vitals);
        // Another machine is well, and does not end what this one says.
        let healthy = super::alerter(&watch.post, Some("ops"));
        let keep = async |watch: &Watch| {
            watch.check().await;
            assert_eq!(healthy.check_step().await.unwrap(), 1);
        };
        warns(&watch, key, title, keep, async |watch| watch.alerter.note_vitals(Vitals::default())).await;
    }
}

#[tokio::test]
async fn a_disk_about_to_be_full_and_a_clock_a_minute_off_page_and_a_machine_that_is_gone_is_forgotten() {
    let store = temp_store().await;
    let mut watch = Watch::open(&store).await;
    watch.set(|settings| settings.looks.host = "m1".to_owned());
    let full = Vitals { disk_free_ratio: Some(0.01), ..Vitals::default() };
    watch.alerter.note_vitals(full);
    pages(&watch, "disk_low/m1", "Кончается место на диске", async |watch| {
        watch.alerter.note_vitals(Vitals::default());
    })
    .await;
    watch.post.clock.advance(TimeDelta::hours(2));
    let off = Vitals { clock_ahead: Some(TimeDelta::seconds(120)), ..Vitals::default() };
    watch.alerter.note_vitals(off);
    watch.live(1).await;
    assert!(watch.last().contains("Часы программы спешат на 2\u{a0}мин"), "{}", watch.last());
    watch.set(|settings| settings.looks.host = "m2".to_owned());
    watch.live(10).await;
    assert_eq!(watch.incidents().await, ["clock_skew/m1"]);
    watch.live(15).await;
    assert!(watch.incidents().await.is_empty());
}
