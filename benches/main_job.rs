//! What the main job costs: API calls and time for the first load and for an increment, and the computation of a digest.
//!
//! `cargo bench` prints the table of `docs/performance.md`. The stand-ins run in the same process and share its cores, so the
//! times are upper bounds. The reference is the CRM's own limit: calls ÷ 10 per second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use chrono::TimeDelta;
use svodka::app::App;
use svodka::clock::{Clock, SystemClock};
use svodka::jobs::daily;
use svodka::jobs::sync::{Mode, read};
use svodka::measure::Period;
use svodka::outbound::Jitter;
use svodka::sandbox::retailcrm::{RetailCrm, RetailCrmOptions};
use svodka::sandbox::shop::{ShopOptions, tea_shop};
use svodka::settings::Settings;
use svodka::store::runs::RunRow;

#[tokio::main]
async fn main() {
    let clock = Arc::new(SystemClock);
    let shop = ShopOptions::large(clock.now());
    let model = tea_shop(&shop);
    let (chats, messages, orders) = (model.chats().len(), model.messages().len(), model.orders().len());
    println!("shop: {chats} chats, {messages} messages, {orders} orders, {} days", shop.days);
    let crm = RetailCrm::start(model, clock.clone(), RetailCrmOptions::default()).await.expect("a free port");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let variables: BTreeMap<String, String> = [
        ("DATABASE_URL", format!("sqlite://{}/bench.db", folder.path().display())),
        ("RETAILCRM_URL", crm.crm_url()),
        ("RETAILCRM_API_KEY", crm.api_key()),
        ("RETAILCRM_BOT_URL", crm.bot_url()),
        ("RETAILCRM_BOT_TOKEN", crm.bot_token()),
        ("SVODKA__DELIVERY", "stdout".to_owned()),
        ("SVODKA__RETAILCRM__REQUESTS_PER_SECOND", "9".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let settings = Settings::from_environment(&variables).expect("the bench's own configuration");
    let app =
        App::start(Arc::new(settings), clock.clone(), Jitter::seeded(1)).await.expect("a fresh database");

    round("first load", &app, &crm).await;
    round("increment, nothing new", &app, &crm).await;
    crm.with_model(|model| {
        let now = clock.now();
        for index in 0..100 {
            let chat = model.chats()[index * 7].id;
            model.customer_writes(chat, now, "Есть новости?").expect("a chat of the shop");
        }
    });
    round("increment, 100 new messages", &app, &crm).await;

    let now = clock.now();
    let period = Period::day_before(now, app.settings.zone);
    let run = RunRow::unrecorded("daily", now, now);
    let (from, until) = svodka::measure::daily::window(&period, &app.settings.thresholds, now);
    let started = Instant::now();
    let facts = app.store.facts_between(from, until).await.expect("the database answers");
    println!("facts of the window ({} messages) read in {:.0} ms", facts.messages.len(), ms(started));
    let chats =
        daily::coverage(&app.store, svodka::collect::SOURCE_CHATS).await.expect("the database answers");
    let orders =
        daily::coverage(&app.store, svodka::collect::SOURCE_ORDERS).await.expect("the database answers");
    let started = Instant::now();
    let digest =
        daily::compute(&app.settings, &app.store, &run, now, &period, chats, orders).await.expect("a digest");
    let computed_ms = ms(started);
    let started = Instant::now();
    let parts = daily::messages(&digest, &app.settings).expect("messages");
    println!(
        "digest of {} managers: facts and figures {computed_ms:.0} ms, {} messages rendered in {:.1} ms",
        digest.managers.len(),
        parts.len(),
        ms(started)
    );
}

/// One reading of all sources: calls, seconds, and the ratio to calls ÷ 10.
async fn round(name: &str, app: &App, crm: &RetailCrm) {
    // The limiter's budget is full again.
    SystemClock.sleep(TimeDelta::seconds(2)).await;
    let before = crm.requests().len();
    let started = Instant::now();
    let stored = read(&app.work, Mode::Increment, None).await.expect("the stand-in answers");
    let (secs, calls) = (started.elapsed().as_secs_f64(), crm.requests().len() - before);
    let least = calls as f64 / 10.0;
    println!("{name}: {stored} facts, {calls} calls, {secs:.1} s, {:.2} × calls ÷ 10", secs / least);
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
