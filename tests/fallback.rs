//! The second way to ops: told when the first is broken, and when it works again.

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use secrecy::SecretString;
use serde_json::Value;
use svodka::app::fallback::{Fallback, fallback};
use svodka::clock::Clock;
use svodka::outbound::Jitter;
use svodka::render::notices::Speech;
use svodka::sandbox::telegram::{BeforeCommit, Fault};
use svodka::settings::{FallbackSettings, MailSettings, Settings};
use svodka::store::StoreError;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio_util::sync::CancellationToken;

use crate::support::stores::for_each_store;
use crate::support::watcher::Watcher;
use crate::support::worker::{World, drive};

/// A mail server that takes every mail and keeps its lines.
#[derive(Clone)]
struct MailServer {
    lines: Arc<Mutex<Vec<String>>>,
    url: String,
}

impl MailServer {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let server = Self { lines: Arc::default(), url };
        let lines = server.lines.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (read, mut write) = socket.into_split();
                let mut input = BufReader::new(read).lines();
                write.write_all(b"220 ready\r\n").await.unwrap();
                let mut is_data = false;
                while let Ok(Some(line)) = input.next_line().await {
                    let answer: &[u8] = match (is_data, line.as_str()) {
                        (true, ".") => b"250 taken\r\n",
                        (true, _) => b"",
                        (false, "DATA") => b"354 go on\r\n",
                        (false, _) => b"250 ok\r\n",
                    };
                    is_data = line == "DATA" || (is_data && line != ".");
                    lines.lock().unwrap().push(line);
                    write.write_all(answer).await.unwrap();
                }
            }
        });
        server
    }

    fn count(&self, line: &str) -> usize {
        self.lines.lock().unwrap().iter().filter(|known| known.contains(line)).count()
    }
}

fn start(world: &World, settings: &FallbackSettings) -> (Fallback, CancellationToken) {
    let speech = Speech {
        zone: chrono_tz::Europe::Moscow,
        job_titles: Default::default(),
        job_chats: Default::default(),
    };
    let (fallback, messenger) =
        fallback(settings, speech, Arc::new(world.clock.clone()), Jitter::seeded(1)).unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(messenger.run(stop.clone()));
    (fallback, stop)
}

fn by_webhook(watcher: &Watcher) -> FallbackSettings {
    FallbackSettings { webhook: Some(watcher.address("ops")), mail: None }
}

fn body(heard: &str) -> Value {
    serde_json::from_str(heard.strip_prefix("/ops ").unwrap()).unwrap()
}

#[tokio::test]
async fn when_telegram_is_away_ops_hear_of_it_within_a_minute_and_once_more_when_it_is_back() {
    for_each_store(async |given| {
        let (watcher, mails) = (Watcher::start().await, MailServer::start().await);
        let world = World::open(given.url()).await;
        let worker = world.worker(1).await;
        let mail = MailSettings {
            smtp_url: mails.url.clone().into(),
            from: "svodka@example.org".parse().unwrap(),
            to: vec!["ops@example.org".parse().unwrap(), "boss@example.org".parse().unwrap()],
        };
        let settings = FallbackSettings { mail: Some(mail), ..by_webhook(&watcher) };
        let (mut fallback, _stop) = start(&world, &settings);
        world.telegram.fault(Fault::before(BeforeCommit::BadGatewayHtml).always());
        world.clock.advance(TimeDelta::seconds(20));
        worker.work().await;
        let blocked_at = world.clock.now();
        while watcher.heard().is_empty() && world.clock.now() - blocked_at < TimeDelta::seconds(60) {
            fallback.note(&Ok(()), &given.store).await;
            world.clock.advance(TimeDelta::seconds(5));
            tokio::time::timeout(std::time::Duration::from_millis(20), std::future::pending::<()>())
                .await
                .ok();
        }
        let heard = drive(&world.clock, watcher.hears(1)).await;
        let told = body(&heard[0]);
        assert_eq!((told["kind"].as_str(), told["state"].as_str()), (Some("telegram_down"), Some("opened")));
        assert!(told["text"].as_str().unwrap().contains("Нет связи с Telegram"), "{told}");

        // However long it lasts, and even if what waited has expired: no second note, and no false all-clear.
        for _ in 0..20 {
            world.clock.advance(TimeDelta::minutes(15));
            fallback.note(&Ok(()), &given.store).await;
        }
        world.telegram.clear_faults();
        let now = world.clock.now();
        let run = given.store.insert_manual_run("daily", now, None, now).await.unwrap();
        worker.work().await;
        assert!(!given.store.list_run_deliveries(run).await.unwrap().is_empty());
        fallback.note(&Ok(()), &given.store).await;
        let heard = drive(&world.clock, watcher.hears(2)).await;
        assert_eq!(heard.len(), 2, "{heard:?}");
        let told = body(&heard[1]);
        assert_eq!(told["state"], "resolved");
        let text = told["text"].as_str().unwrap();
        assert!(text.contains("Устранено") && text.contains("Отправлено с тех пор: "), "{text}");
        drive(&world.clock, async {
            while mails.count("QUIT") < 2 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!((mails.count("RCPT TO:<boss@example.org>"), mails.count("Subject: ")), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn a_short_trouble_is_nobodys_business() {
    for_each_store(async |given| {
        let watcher = Watcher::start().await;
        let world = World::open(given.url()).await;
        let (mut fallback, _stop) = start(&world, &by_webhook(&watcher));
        let away = || Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut));
        for _ in 0..5 {
            fallback.note(&away(), &given.store).await;
            world.clock.advance(TimeDelta::seconds(5));
        }
        fallback.note(&Ok(()), &given.store).await;
        // The next, longer one is the first that is heard.
        for _ in 0..12 {
            fallback.note(&away(), &given.store).await;
            world.clock.advance(TimeDelta::seconds(5));
        }
        fallback.note(&Ok(()), &given.store).await;
        let heard = drive(&world.clock, watcher.hears(2)).await;
        let told: Vec<_> = heard.iter().map(|heard| body(heard)).collect();
        assert_eq!(told.len(), 2);
        assert!(told.iter().all(|told| told["kind"] == "store_trouble"), "{told:?}");
        assert_eq!((&told[0]["state"], &told[1]["state"]), (&"opened".into(), &"resolved".into()));
    })
    .await;
}

#[test]
fn wrong_addresses_are_refused_by_their_keys_and_never_repeated() {
    let refused = |pairs: &[(&str, &str)]| {
        let variables = pairs
            .iter()
            .map(|(name, value)| (format!("SVODKA__ALERTS__FALLBACK__{name}"), (*value).to_owned()))
            .collect();
        Settings::from_environment(&variables).unwrap_err().to_string()
    };
    let text = refused(&[("WEBHOOK", "hooks.example.org/s3cret")]);
    assert!(text.contains("alerts.fallback.webhook") && !text.contains("s3cret"), "{text}");
    let text = refused(&[("SMTP_URL", "smtps://ops:s3cret@mail.example.org"), ("MAIL_TO", "nobody")]);
    assert!(text.contains("alerts.fallback.mail_to") && !text.contains("s3cret"), "{text}");
    let smtp_url: SecretString = "mail.example.org/s3cret".to_owned().into();
    let from = "svodka@example.org".parse().unwrap();
    let mail = MailSettings { smtp_url, from, to: vec!["ops@example.org".parse().unwrap()] };
    let settings = FallbackSettings { mail: Some(mail), webhook: None };
    let speech =
        Speech { zone: chrono_tz::UTC, job_titles: Default::default(), job_chats: Default::default() };
    let clock = Arc::new(svodka::clock::SystemClock);
    let error = fallback(&settings, speech, clock, Jitter::seeded(1)).err().expect("refused").to_string();
    assert!(error.contains("alerts.fallback.smtp_url") && !error.contains("s3cret"), "{error}");
}
