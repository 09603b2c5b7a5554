//! What an operator does on the command line, with the program itself: exit codes, sentences, and what is left in the store.

use svodka::sandbox::retailcrm::{Actor, NewOrder};
use svodka::store::runs::{Origin, RunState};
use tokio::process::Command;

use crate::support::stores::{TempStore, temp_store};
use crate::support::worker::{MANAGERS, OPS, World, at};

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    /// Wrong usage: exit 2 and a sentence with these words, without a trace of the inside.
    fn is_usage(&self, words: &[&str]) {
        assert_eq!(self.code, 2, "{}{}", self.out, self.err);
        self.is_refusal(words);
    }

    /// It failed: exit 1 and a sentence with these words.
    fn is_failure(&self, words: &[&str]) {
        assert_eq!(self.code, 1, "{}{}", self.out, self.err);
        self.is_refusal(words);
    }

    fn is_refusal(&self, words: &[&str]) {
        for word in words {
            assert!(self.err.contains(word), "`{word}` is missing in: {}", self.err);
        }
        assert!(!self.err.contains("panicked") && self.out.is_empty(), "{}{}", self.out, self.err);
    }

    fn done(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }
}

async fn svodka_with(store: &TempStore, variables: &[(&str, &str)], arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_svodka"));
    command.args(arguments).env_clear().env("DATABASE_URL", store.url()).env("SVODKA__LOG__LEVEL", "error");
    let output = command.envs(variables.iter().copied()).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

async fn svodka(store: &TempStore, arguments: &[&str]) -> Said {
    svodka_with(store, &[], arguments).await
}

/// A shop whose digest of 19 August was sent, on the morning of the 20th.
async fn with_digest(store: &TempStore) -> (World, i64) {
    let world = World::open(store.url()).await;
    let worker = world.worker(1).await;
    world.clock.set(at("2026-08-20T06:00:01Z"));
    worker.work().await;
    let runs = store.list_runs(Some("daily"), 1).await.unwrap();
    (world, runs[0].id)
}

#[tokio::test]
async fn the_cron_table_shows_the_next_three_slots_of_every_job() {
    let store = temp_store().await;
    let text = svodka(&store, &["jobs"]).await.done();
    for job in ["daily", "sync", "reconcile", "retention"] {
        assert!(text.contains(job), "{text}");
    }
    let slots = text.lines().skip_while(|line| !line.starts_with("daily ")).skip(1).take(3);
    assert_eq!(slots.filter(|line| line.ends_with(" 09:00 MSK")).count(), 3, "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&svodka(&store, &["jobs", "--json"]).await.done()).unwrap();
    let daily = json.as_array().unwrap().iter().find(|job| job["job"] == "daily").unwrap();
    let next: Vec<svodka::clock::Instant> =
        daily["next"].as_array().unwrap().iter().map(|at| at.as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(next.len(), 3, "{daily}");
    assert!(next.windows(2).all(|pair| (pair[1] - pair[0]).num_hours() == 24), "{next:?}");
    assert!(next.iter().all(|at| at.time().to_string() == "06:00:00"), "09:00 in Moscow: {next:?}");
    svodka(&store, &["jobs", "daily"]).await.is_usage(&["daily"]);
}

#[tokio::test]
async fn a_job_is_paused_with_author_and_reason_and_resumed() {
    let store = temp_store().await;
    let paused = svodka(&store, &["pause", "daily", "--by", "Анна", "--reason", "ремонт"]).await.done();
    assert!(paused.contains("`daily` is paused") && paused.contains("svodka resume daily"), "{paused}");
    let rows = store.list_jobs().await.unwrap();
    let row = rows.iter().find(|row| row.name == "daily").unwrap();
    assert_eq!((row.paused_by.as_deref(), row.pause_reason.as_deref()), (Some("Анна"), Some("ремонт")));
    let table = svodka(&store, &["jobs"]).await.done();
    assert!(table.contains("Анна") && table.contains("ремонт"), "{table}");
    let resumed = svodka(&store, &["resume", "daily"]).await.done();
    assert!(resumed.contains("its next slot is") && resumed.contains("09:00 MSK"), "{resumed}");
    assert_eq!(svodka(&store, &["resume", "daily"]).await.done(), "`daily` is not paused\n");

    svodka(&store, &["pause", "daily", "--by", "Анна"]).await.is_usage(&["--reason"]);
    svodka(&store, &["pause", "daily", "--by", "", "--reason", "x"]).await.is_usage(&["--by"]);
    svodka(&store, &["pause", "weakly", "--by", "a", "--reason", "b"])
        .await
        .is_usage(&["`weakly`", "daily, "]);
    svodka(&store, &["resume", "weakly"]).await.is_usage(&["there is no job `weakly`"]);
    svodka(&store, &["resume"]).await.is_usage(&["<JOB>"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn past_days_are_filled_for_the_record_and_sent_only_when_asked() {
    let store = temp_store().await;
    let (world, _) = with_digest(&store).await;
    let day = ["--from", "2026-08-18", "--to", "2026-08-19"];
    let out = svodka(&store, &[&["backfill", "daily"], &day[..]].concat()).await.done();
    assert!(out.starts_with("1/2  2026-08-18  run ") && out.contains("\n2/2  2026-08-19  run "), "{out}");
    let runs = store.list_runs(Some("daily"), 10).await.unwrap();
    let filled: Vec<_> = runs.iter().filter(|run| run.is_for_record).collect();
    assert_eq!(filled.len(), 2);
    assert!(filled.iter().all(|run| run.state == RunState::Succeeded && run.origin == Origin::Manual));
    assert_eq!(world.texts(MANAGERS).len(), 1, "nothing was sent");
    assert_eq!(runs.iter().filter(|run| run.origin == Origin::Cron).count(), 1, "no slot was taken");

    let settings = world.settings();
    let (token, api) = (world.telegram.token(), world.telegram.url());
    let (managers, ops) = (MANAGERS.to_string(), OPS.to_string());
    assert!(settings.jobs.contains_key("daily"));
    let reach = [
        ("TELEGRAM_BOT_TOKEN", token.as_str()),
        ("TELEGRAM_CHAT_ID", &managers),
        ("TELEGRAM_OPS_CHAT_ID", &ops),
        ("SVODKA__TELEGRAM__API_URL", &api),
        ("SVODKA__JOBS__SYNC__ENABLED", "false"),
    ];
    let one = ["backfill", "daily", "--from", "2026-08-19", "--to", "2026-08-19", "--deliver"];
    let out = svodka_with(&store, &reach, &one).await.done();
    assert!(out.contains("1 of 1 messages sent"), "{out}");
    assert_eq!(world.texts(MANAGERS).len(), 2);

    svodka(&store, &one).await.is_usage(&["TELEGRAM_BOT_TOKEN"]);
    let refused = async |job: &str, from: &str, to: &str, words: &[&str]| {
        svodka(&store, &["backfill", job, "--from", from, "--to", to]).await.is_usage(words);
    };
    refused("daily", "2026-08-19", "2026-08-18", &["exchange them"]).await;
    refused("daily", "2026-08-19", "2026-08-25", &["known until"]).await;
    refused("daily", "2020-01-01", "2020-01-02", &["known from", "svodka sync --days"]).await;
    refused("daily", "2026-08-32", "2026-08-33", &["2026-08-20"]).await;
    refused("sync", "2026-08-19", "2026-08-19", &["makes no digest"]).await;
    refused("weakly", "2026-08-19", "2026-08-19", &["there is no job `weakly`"]).await;
    svodka(&store, &["backfill", "daily", "--from", "2026-08-19"]).await.is_usage(&["--to"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_digest_is_told_again_and_two_are_compared() {
    let store = temp_store().await;
    let (world, first) = with_digest(&store).await;
    let (first, sent) = (first.to_string(), world.texts(MANAGERS)[0].clone());
    let text = svodka(&store, &["replay", &first]).await.done();
    assert!(text.contains(&sent), "as people read it:\n{text}\ninstead of\n{sent}");
    let html = svodka(&store, &["replay", &first, "--format", "html"]).await.done();
    let row = &store.list_run_deliveries(first.parse().unwrap()).await.unwrap()[0];
    assert_eq!(html, format!("{}\n\n", row.html), "byte for byte");
    svodka(&store, &["replay", "999"]).await.is_failure(&["there is no run 999", "svodka runs"]);
    svodka(&store, &["replay", "first"]).await.is_usage(&["first"]);
    svodka(&store, &["replay", &first, "--format", "pdf"]).await.is_usage(&["text", "html"]);
    svodka(&store, &["replay"]).await.is_usage(&["<RUN>"]);

    assert_eq!(svodka(&store, &["diff", &first, &first]).await.done(), "");
    world.crm.with_model(|model| {
        let order = NewOrder {
            customer_id: model.orders()[0].customer_id,
            items: vec![("Улун".into(), 100_000, 1)],
            order_method: "messenger".into(),
            ..Default::default()
        };
        let by = Actor::User(model.users()[0].crm_id);
        model.add_order(at("2026-08-19T14:00:00Z"), order, by).unwrap();
    });
    world.clock.set(at("2026-08-20T06:30:00Z"));
    let (worker, now) = (world.worker(2).await, at("2026-08-20T06:30:00Z"));
    let second = store.insert_manual_run("daily", at("2026-08-20T06:00:00Z"), None, now).await.unwrap();
    worker.work().await;
    let second = second.to_string();
    let differ = svodka(&store, &["diff", &first, &second]).await;
    assert_eq!(differ.code, 1, "as diff does");
    assert!(differ.out.contains("team.current.orders.revenue: 3500.00 RUB → 4500.00 RUB"), "{}", differ.out);
    let json = svodka(&store, &["diff", &first, &second, "--json"]).await.out;
    let json: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    let revenue = json.iter().find(|change| change["path"] == "team.current.orders.revenue").unwrap();
    assert_eq!((revenue["old"].as_i64(), revenue["new"].as_i64()), (Some(350_000), Some(450_000)));
    svodka(&store, &["diff", &first, "999"]).await.is_usage(&["there is no run 999"]);
    svodka(&store, &["diff", &first]).await.is_usage(&["<NEW>"]);
    let sync = store.insert_manual_run("sync", now, None, now).await.unwrap().to_string();
    svodka(&store, &["diff", &first, &sync]).await.is_usage(&["left no digest"]);
}

#[tokio::test]
async fn deliveries_refuse_what_cannot_be_meant() {
    let store = temp_store().await;
    svodka(&store, &["deliveries", "--limit", "0"]).await.is_usage(&["--limit"]);
    svodka(&store, &["deliveries", "--state", "lost"]).await.is_usage(&["lost", "pending"]);
    svodka(&store, &["deliveries", "retry", "x", "--by", "a"]).await.is_usage(&["'x'"]);
    svodka(&store, &["deliveries", "resend", "1"]).await.is_usage(&["--by"]);
    svodka(&store, &["deliveries", "drop", "1", "--by", "Анна"])
        .await
        .is_failure(&["there is no delivery 1"]);
    assert_eq!(svodka(&store, &["deliveries", "--json"]).await.done(), "[]\n");
}

#[tokio::test]
async fn the_behaviour_digest_is_previewed_for_the_lead_and_for_one_manager() {
    let store = temp_store().await;
    let (_world, _) = with_digest(&store).await;
    let preview = async |more: &[&str]| {
        svodka(&store, &[&["preview", "behaviour", "--for", "2026-08-20"], more].concat()).await
    };
    let lead = preview(&[]).await.done();
    assert!(lead.contains("Разбор диалогов за неделю 17–23"), "{lead}");
    let id =
        lead.lines().find(|line| line.contains("Ольга Чабрецова") && line.starts_with("--manager ")).unwrap();
    let id = id.split_whitespace().nth(1).unwrap();
    let own = preview(&["--manager", "ольга"]).await.done();
    assert!(own.contains("Ольга Чабрецова: разбор диалогов") && !own.contains("Павел"), "{own}");
    assert_eq!(preview(&["--manager", id]).await.done(), own);
    preview(&["--manager", "Глеб"]).await.is_usage(&["nobody", "`Глеб`", "Павел Улунов"]);
    preview(&["--manager", "ов"]).await.is_usage(&["more than one"]);
    svodka(&store, &["preview", "daily", "--manager", "Ольга"]).await.is_usage(&["--manager belongs to"]);
}
