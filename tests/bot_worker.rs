//! The bot's digests end to end: a slot, the bot's own database, the message in the chat; and what is said when that
//! database is away, slow or of another shape.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, TimeDelta};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use svodka::clock::Clock;
use svodka::sandbox::bot::{EventRow, PRICES, fill_postgres};
use svodka::store::Store;
use svodka::store::runs::RunState;

use crate::support::bot_files::BotFiles;
use crate::support::postgres;
use crate::support::stores::{for_each_store, temp_store};
use crate::support::worker::{MANAGERS, OPS, Worker, World, at};

fn on(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// The text with its no-break spaces made plain, for comparing.
fn plain(text: &str) -> String {
    text.replace(['\u{a0}', '\u{202f}'], " ")
}

/// The only message with this in its number.
fn only(world: &World, number: &str) -> String {
    let texts: Vec<_> = world.texts(MANAGERS).into_iter().filter(|text| text.contains(number)).collect();
    assert_eq!(texts.len(), 1, "one message {number}: {texts:#?}");
    plain(&texts[0])
}

/// What a line says after its name and before its comparison.
fn said<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let line = line.unwrap_or_else(|| panic!("no line «{name}» in:\n{text}"));
    line.split(" (").next().unwrap().split(" — ").next().unwrap()
}

/// `1 380`.
fn thousands(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{} {:03}", thousands(number / 1_000), number % 1_000),
    }
}

/// A sum in kopecks as the digests write it: from a thousand roubles on without them.
fn roubles(minor: u64) -> String {
    if minor.is_multiple_of(100) || minor >= 100_000 {
        format!("{} ₽", thousands((minor + 50) / 100))
    } else {
        format!("{},{:02} ₽", thousands(minor / 100), minor % 100)
    }
}

/// A count over the raw events that shares nothing with the program's.
struct Counted {
    new_users: usize,
    /// Users of each day, summed up.
    user_days: usize,
    users: BTreeMap<&'static str, BTreeSet<i64>>,
    events: BTreeMap<&'static str, u64>,
    gmv_minor: u64,
}

fn count(events: &[&EventRow]) -> Counted {
    let field = |event: &EventRow, name: &str| {
        let metadata: Value =
            serde_json::from_str(event.metadata.as_deref().unwrap_or("")).unwrap_or_default();
        metadata.get(name).cloned().unwrap_or_default()
    };
    let mut counted =
        Counted { new_users: 0, user_days: 0, users: BTreeMap::new(), events: BTreeMap::new(), gmv_minor: 0 };
    let mut daily = BTreeSet::new();
    for event in events {
        *counted.events.entry(event.event_type).or_default() += 1;
        counted.users.entry(event.event_type).or_default().insert(event.user_id);
        match event.event_type {
            "session_start" => {
                let day_on = event.created_at.with_timezone(&chrono_tz::Europe::Moscow).date_naive();
                daily.insert((day_on, event.user_id));
            }
            "bot_start" => counted.new_users += usize::from(field(event, "is_new_user") == Value::Bool(true)),
            "cart_created" => {
                let sum = match field(event, "total_sum") {
                    Value::Number(sum) => sum.as_f64(),
                    Value::String(sum) => sum.replace(',', ".").replace(' ', "").parse().ok(),
                    _ => None,
                };
                counted.gmv_minor += (sum.unwrap_or(0.0) * 100.0).round() as u64;
            }
            _ => {}
        }
    }
    counted.user_days = daily.len();
    counted
}

/// Every figure of the digest's main blocks that a count over the events can give.
fn assert_counted(text: &str, bot: &BotFiles, from_on: NaiveDate, days: i64) {
    let counted = count(&bot.events(from_on, days));
    let of = |kind: &str| counted.events.get(kind).copied().unwrap_or_default();
    assert!(of("cart_created") > 2 && of("bot_error") > 0 && counted.user_days > 10, "too little to compare");
    assert_eq!(said(text, "Новых"), thousands(counted.new_users as u64), "{text}");
    if days == 1 {
        assert_eq!(said(text, "DAU"), thousands(counted.user_days as u64), "{text}");
    } else {
        let mean = counted.user_days as f64 / days as f64;
        assert_eq!(said(text, "DAU (средний)"), format!("{mean:.0}"), "{text}");
        let people = counted.users["session_start"].len() as u64;
        assert_eq!(said(text, "Разных людей за неделю"), thousands(people), "{text}");
    }
    assert_eq!(said(text, "Создано"), thousands(of("cart_created")), "{text}");
    assert!(text.contains(&format!("GMV (оценка): {}", roubles(counted.gmv_minor))), "{text}");
    assert_eq!(said(text, "Всего"), thousands(of("bot_error")), "{text}");
    assert_eq!(said(text, "Запросов"), thousands(of("product_search")), "{text}");
    for (name, from, to) in [
        ("/start → сообщение", "bot_start", "session_start"),
        ("сообщение → поиск", "session_start", "product_search"),
        ("поиск → корзина", "product_search", "cart_created"),
    ] {
        let (from, to) = (counted.users[from].len(), counted.users[to].len());
        let expected = if to <= from { format!("{to} из {from}") } else { format!("{from} и {to} ") };
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.contains(&expected), "«{expected}» in «{line}»\n{text}");
    }

    let mut tokens: BTreeMap<&str, u64> = BTreeMap::new();
    for call in bot.calls(from_on, days) {
        *tokens.entry(call.model).or_default() += call.billable_tokens() as u64;
    }
    assert_eq!(tokens.len(), PRICES.len(), "every model was asked something");
    assert_eq!(said(text, "Токенов"), thousands(tokens.values().sum()), "{text}");
    let price =
        |model: &str| PRICES.iter().find(|(name, _)| *name == model).unwrap().1.parse::<u64>().unwrap();
    let micros: u64 = tokens.iter().map(|(model, tokens)| tokens * price(model)).sum();
    assert_eq!(said(text, "Стоимость API"), roubles((micros + 5_000) / 10_000), "{text}");
}

/// A world with a bot of which everything until then is written.
async fn with_bot(given_url: &str) -> (World, BotFiles) {
    let mut world = World::open(given_url).await;
    let mut bot = BotFiles::beside(&mut world);
    bot.grow(world.clock.now()).await;
    (world, bot)
}

/// Sets the clock, lets the bot write until then, and works.
async fn go_on(world: &World, bot: &mut BotFiles, workers: &[&Worker], moment: &str) {
    world.clock.set(at(moment));
    bot.grow(world.clock.now()).await;
    for worker in workers {
        worker.work().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_morning_brings_one_digest_of_the_bot_with_the_figures_of_a_slow_count() {
    for_each_store(async |given| {
        let (mut world, mut bot) = with_bot(given.url()).await;
        BotFiles::set_prices(&mut world, None);
        let (first, second) = (world.worker(1).await, world.worker(2).await);
        // Tokens are read by the hourly round, the events once more before the digest.
        go_on(&world, &mut bot, &[&first], "2026-08-21T05:10:01Z").await;
        go_on(&world, &mut bot, &[&first, &second, &first], "2026-08-21T06:05:01Z").await;
        let text = only(&world, "b-0820-");
        assert!(text.contains("Аналитика за четверг, 20 августа"), "{text}");
        assert_counted(&text, &bot, on("2026-08-20"), 1);
        assert_eq!(world.texts(OPS), Vec::<String>::new(), "nothing broke, nothing is told");

        let runs = given.list_runs(Some("bot_daily"), 10).await.unwrap();
        let done: Vec<_> = runs.iter().filter(|run| run.slot_at == at("2026-08-21T06:05:00Z")).collect();
        assert_eq!(done.len(), 1, "{runs:#?}");
        let kept = given.find_digest(done[0].id).await.unwrap().unwrap();
        let again = svodka::jobs::replay::messages(&kept, &first.app.settings).unwrap();
        let sent = given.list_run_deliveries(done[0].id).await.unwrap();
        assert_eq!(again.len(), sent.len());
        for (again, sent) in again.iter().zip(&sent) {
            assert_eq!((&again.html, &again.plain), (&sent.html, &sent.plain), "a replay is what was sent");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monday_brings_the_bots_week_with_the_figures_of_a_slow_count() {
    let given = temp_store().await;
    let (mut world, mut bot) = with_bot(given.url()).await;
    BotFiles::set_prices(&mut world, None);
    let worker = world.worker(1).await;
    go_on(&world, &mut bot, &[&worker], "2026-08-24T05:10:01Z").await;
    go_on(&world, &mut bot, &[&worker], "2026-08-24T06:10:01Z").await;
    let text = only(&world, "bw-0817-");
    assert!(text.contains("Аналитика за 7 дней (17.08 – 23.08)"), "{text}");
    assert_counted(&text, &bot, on("2026-08-17"), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_without_a_price_is_named_and_the_cost_is_a_lower_bound() {
    let given = temp_store().await;
    let (mut world, mut bot) = with_bot(given.url()).await;
    let (unpriced, priced) = (PRICES[1].0, PRICES[0]);
    BotFiles::set_prices(&mut world, Some(unpriced));
    let worker = world.worker(1).await;
    go_on(&world, &mut bot, &[&worker], "2026-08-21T05:10:01Z").await;
    go_on(&world, &mut bot, &[&worker], "2026-08-21T06:05:01Z").await;
    let text = only(&world, "b-0820-");
    let calls = bot.calls(on("2026-08-20"), 1);
    let known: i64 =
        calls.iter().filter(|call| call.model == priced.0).map(|call| call.billable_tokens()).sum();
    let micros = known as u64 * priced.1.parse::<u64>().unwrap();
    let expected = format!("Стоимость API: не меньше {}", roubles((micros + 5_000) / 10_000));
    assert!(text.contains(&expected), "«{expected}» in:\n{text}");
    assert!(text.contains(&format!("нет цены для {unpriced}")), "{text}");
    assert!(!text.contains("На пользователя: 0"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_late_is_folded_into_its_day_and_the_sent_digest_stays() {
    for_each_store(async |given| {
        let (world, mut bot) = with_bot(given.url()).await;
        let worker = world.worker(1).await;
        go_on(&world, &mut bot, &[&worker], "2026-08-21T06:10:01Z").await;
        let day_on = on("2026-08-18");
        let figures = async || {
            let figures = given.bot_figures(day_on, on("2026-08-19"), on("2026-08-21")).await.unwrap();
            (figures.days[0].clone(), figures.active_users)
        };
        let (before, users) = figures().await;
        assert_eq!(before.sessions, count(&bot.events(day_on, 1)).events["session_start"]);
        let texts = world.texts(MANAGERS);

        let newest_id = bot.records.events.last().unwrap().id;
        let late = EventRow {
            id: newest_id + 1,
            user_id: 900_000_001,
            event_type: "session_start",
            metadata: Some("{}".to_owned()),
            created_at: at("2026-08-18T12:00:00Z"),
        };
        bot.insert(&[late]).await;
        world.clock.set(at("2026-08-21T07:10:01Z"));
        worker.work().await;
        let (after, users_after) = figures().await;
        assert_eq!((after.sessions, after.dau), (before.sessions + 1, before.dau + 1));
        assert_eq!(users_after, users + 1);
        assert_eq!(world.texts(MANAGERS), texts, "a digest that was sent stays as it was");
    })
    .await;
}

/// A digest that could not be counted: it says so in every block and holds no number that could be read as one.
fn assert_no_data(text: &str) {
    for block in ["Пользователи", "Корзины", "Воронка", "Ошибки"] {
        let place = text.find(block).unwrap_or_else(|| panic!("no block «{block}» in:\n{text}"));
        let line = text[place..].lines().nth(1).unwrap();
        assert_eq!(line, "Нет данных", "{block} in:\n{text}");
    }
    assert!(!text.contains(": 0") && !text.contains(" 0 ") && !text.contains('₽'), "{text}");
    assert!(!text.contains("никто не пользовался"), "unknown is not quiet: {text}");
}

/// Lives through a morning whose slot cannot be counted; then `mend` makes the database good again.
async fn live_through(store: &Store, mut world: World, mend: impl AsyncFnOnce()) {
    world.set("SVODKA__BOT__TIMEOUT", "500ms");
    let worker = world.worker(1).await;
    world.clock.set(at("2026-08-20T06:05:01Z"));
    worker.live(at("2026-08-20T06:10:00Z"), TimeDelta::seconds(60)).await;
    assert_no_data(&only(&world, "b-0819-"));
    let runs = store.list_runs(Some("bot_daily"), 10).await.unwrap();
    assert_eq!(runs[0].state, RunState::Succeeded, "it ends with what there is: {runs:#?}");
    assert!(runs[0].reason.is_some(), "and says what it lacks: {runs:#?}");
    let finished_at = runs[0].finished_at.unwrap();
    assert!(finished_at < at("2026-08-20T06:15:00Z"), "by its deadline, not hours later: {finished_at}");

    let about_bot = |text: &&String| text.contains("события бота");
    let is_alone = |when: &str| {
        let notes: Vec<_> = world.texts(MANAGERS).into_iter().filter(|text| text.contains("late-")).collect();
        assert!(notes.is_empty(), "{when}: the digest is the note: {notes:#?}");
        // The note on the data's quality is a report of its own.
        let told: Vec<_> = world.texts(OPS).into_iter().filter(|text| text.contains("№ inc-")).collect();
        assert!(told.len() == 1 && about_bot(&&told[0]), "{when}: one incident: {told:#?}");
    };
    is_alone("at the deadline");
    worker.live(at("2026-08-20T06:50:00Z"), TimeDelta::seconds(120)).await;
    only(&world, "b-0819-");
    is_alone("long after");
    let kinds: BTreeSet<_> =
        store.list_open_incidents().await.unwrap().into_iter().map(|row| row.kind).collect();
    assert!(kinds.iter().all(|kind| kind.starts_with("source")), "no effect beside its cause: {kinds:?}");
    let is_open = async || {
        let open = store.list_open_incidents().await.unwrap();
        open.iter().any(|row| row.kind.starts_with("source"))
    };
    assert!(is_open().await);

    mend().await;
    world.clock.set(at("2026-08-20T07:10:01Z"));
    // An attempt may fail on a busy machine; the next ones follow within minutes.
    worker.live(at("2026-08-20T07:16:00Z"), TimeDelta::seconds(60)).await;
    let source = store.find_source("bot_events").await.unwrap();
    assert!(!is_open().await, "it is over when the database answers again: {source:#?}");
    let told = world.texts(OPS);
    let over: Vec<_> = told.iter().filter(|text| text.contains("№ inc-") && about_bot(text)).collect();
    assert!(over.len() == 1 && over[0].contains("Устранено"), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bots_file_that_is_not_there_is_no_data_and_one_incident_until_it_is_back() {
    for_each_store(async |given| {
        let (world, bot) = with_bot(given.url()).await;
        let away = bot.path().with_extension("away");
        std::fs::rename(bot.path(), &away).unwrap();
        live_through(&given.store, world, async || std::fs::rename(&away, bot.path()).unwrap()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_lost_a_column_is_no_data_and_one_incident_until_it_has_it_again() {
    let given = temp_store().await;
    let (world, bot) = with_bot(given.url()).await;
    let execute = async |sql: &'static str| {
        let mut connection = bot.connect().await;
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    };
    execute("ALTER TABLE user_events RENAME COLUMN metadata TO payload").await;
    live_through(&given, world, async || {
        execute("ALTER TABLE user_events RENAME COLUMN payload TO metadata").await;
    })
    .await;
}

/// The bot's events in a PostgreSQL database of their own, and the address.
async fn in_postgres(world: &mut World, bot: &BotFiles, url: &str) -> PgConnection {
    world.set("BOT_EVENTS_URL", url);
    let mut owner = PgConnection::connect(url).await.unwrap();
    fill_postgres(&mut owner, &bot.records.events[..2_000]).await.unwrap();
    owner
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bots_postgres_that_gives_no_answer_in_time_is_no_data_and_one_incident() {
    let Some(cluster) = postgres::cluster() else { return };
    let given = temp_store().await;
    let (mut world, bot) = with_bot(given.url()).await;
    let database = cluster.empty_database().await;
    let mut owner = in_postgres(&mut world, &bot, &database.url()).await;
    let mut tx = owner.begin().await.unwrap();
    sqlx::query("LOCK TABLE user_events IN ACCESS EXCLUSIVE MODE").execute(&mut *tx).await.unwrap();
    live_through(&given, world, async || tx.rollback().await.unwrap()).await;
    owner.close().await.unwrap();
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bots_postgres_that_is_away_is_no_data_and_one_incident() {
    let Some(cluster) = postgres::cluster() else { return };
    let given = cluster.database().await;
    let (mut world, bot) = with_bot(&given.url()).await;
    let store = Store::connect(&given.url()).await.unwrap();
    let (database, other) = (cluster.empty_database().await, cluster.empty_database().await);
    let mut owner = in_postgres(&mut world, &bot, &database.url()).await;
    let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut owner).await.unwrap();
    owner.close().await.unwrap();
    let mut admin = PgConnection::connect(&other.url()).await.unwrap();
    let rename =
        |from: &str, to: &str| AssertSqlSafe(format!("ALTER DATABASE \"{from}\" RENAME TO \"{to}\""));
    let away = format!("{name}_away");
    sqlx::query(rename(&name, &away)).execute(&mut admin).await.unwrap();
    live_through(&store, world, async || {
        sqlx::query(rename(&away, &name)).execute(&mut admin).await.unwrap();
    })
    .await;
    admin.close().await.unwrap();
    store.close().await;
    for database in [given, database, other] {
        database.remove().await;
    }
}
