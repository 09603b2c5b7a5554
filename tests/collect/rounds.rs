//! First loads, increments, crashes, budgets.

use chrono::TimeDelta;
use svodka::clock::Clock;
use svodka::collect::retailcrm::SyncMode;
use svodka::collect::{SOURCE_CHATS, SOURCE_ORDERS, SOURCE_PEOPLE};
use svodka::sandbox::retailcrm::{
    Actor, Author, ListOrder, Model, NewMessage, NewOrder, Oddities, RateLimit, Responsible,
};

use svodka::sandbox::shop::{ShopOptions, tea_shop};

use super::shop::{DAYS, Desk, model, start};

/// Every guess the reference leaves open about the lists of the chats.
fn worlds() -> Vec<Oddities> {
    let orders = [ListOrder::Ascending, ListOrder::Descending, ListOrder::ReversedByUntil];
    let worlds = orders.into_iter().flat_map(|mg_order| {
        [false, true].map(|ids_are_inclusive| Oddities { mg_order, ids_are_inclusive, ..Oddities::default() })
    });
    worlds.collect()
}

#[tokio::test]
async fn the_first_load_equals_the_shop_in_every_order_and_inclusivity_of_lists() {
    for oddities in worlds() {
        let context = format!("{:?} {}", oddities.mg_order, oddities.ids_are_inclusive);
        let desk = Desk::open_with(model(90), oddities, RateLimit::default(), |_| {}).await;
        desk.sync().await.unwrap();
        desk.assert_complete(&context);
        assert!(desk.expected().messages.len() > 600, "{context}: too small a shop proves nothing");
        assert!(desk.expected().links.len() > 10, "{context}");
        for (step, _) in desk.sink.steps() {
            assert!(step.dropped.is_empty(), "{context}: {:?}", step.dropped);
        }
    }
}

#[tokio::test]
async fn coverage_begins_with_the_first_load_ends_before_the_round_and_comes_with_the_last_step_only() {
    let desk = Desk::open(model(30)).await;
    let began = start();
    desk.sync().await.unwrap();
    let overlap = TimeDelta::seconds(60);
    for (source, from) in [
        (SOURCE_ORDERS, began - TimeDelta::days(DAYS.into())),
        (SOURCE_CHATS, began - TimeDelta::days(DAYS.into())),
        (SOURCE_PEOPLE, chrono::DateTime::UNIX_EPOCH),
    ] {
        let coverage = desk.sink.state_of(source).coverage.unwrap();
        // The sources are read one after the other; a later one may begin some seconds later.
        assert!((coverage.from - from).num_seconds() < 60, "{source}: {coverage:?}");
        assert!(coverage.until >= began - overlap && coverage.until < desk.clock.now() - overlap, "{source}");
        let own: Vec<_> = desk.sink.steps().into_iter().filter(|(step, _)| step.source == source).collect();
        let complete = own.iter().filter(|(step, _)| step.is_complete).count();
        assert!(complete == 1 && own.last().unwrap().0.is_complete, "{source}");
    }
    let first = desk.sink.state_of(SOURCE_CHATS).coverage.unwrap();
    desk.clock.advance(TimeDelta::hours(1));
    desk.sync().await.unwrap();
    let second = desk.sink.state_of(SOURCE_CHATS).coverage.unwrap();
    assert_eq!(second.from, first.from);
    assert!(second.until - first.until >= TimeDelta::hours(1));
}

/// An hour of a living shop: new chats and messages, edits, late arrivals, hand-overs, payments, deletions, merges.
fn live_an_hour(desk: &Desk) {
    desk.clock.advance(TimeDelta::hours(1));
    let now = desk.clock.now();
    desk.crm.with_model(|model| {
        let chats: Vec<i64> = model.chats().iter().map(|chat| chat.id).collect();
        let manager = model.users()[0].clone();
        let by = Actor::User(manager.crm_id);
        for (number, chat) in chats.iter().enumerate().take(12) {
            let dialog = model.last_dialog(*chat).unwrap().id;
            match number % 4 {
                0 => drop(model.customer_writes(*chat, now, "Ещё вопрос").unwrap()),
                1 => {
                    let edited = model
                        .messages()
                        .iter()
                        .find(|message| message.chat_id == *chat && message.content.is_some());
                    let edited = edited.unwrap().id;
                    model.edit_message(edited, now, "Исправлено").unwrap();
                }
                2 => model.assign_dialog(dialog, now, Responsible::User(manager.mg_id)).unwrap(),
                _ => model.close_dialog(dialog, now).unwrap(),
            }
        }
        // Written in the channel three days ago, known to the service only now.
        let person = model.chat(chats[13]).unwrap().customer_id;
        let late = NewMessage::text(Author::Customer(person), "Шлю ещё раз");
        model.post(chats[13], now - TimeDelta::days(3), late).unwrap();
        let orders: Vec<i64> =
            model.orders().iter().filter(|order| order.deleted_at.is_none()).map(|order| order.id).collect();
        let unpaid = model
            .orders()
            .iter()
            .find(|order| order.full_paid_at.is_none() && order.deleted_at.is_none())
            .unwrap()
            .id;
        model.pay_order(unpaid, now, by).unwrap();
        model.set_order_status(orders[1], now, "complete", by).unwrap();
        model.assign_order(orders[2], now, Some(manager.crm_id), by).unwrap();
        model.delete_order(orders[3], now, by).unwrap();
        model.merge_orders(orders[4], orders[5], now, by).unwrap();
        model.add_hidden_history(orders[0], now, 250).unwrap();
        let customer_id = model.order(orders[0]).unwrap().customer_id;
        let item = ("Улун".to_owned(), 199_900, 2);
        model.add_order(now, NewOrder { customer_id, items: vec![item], ..Default::default() }, by).unwrap();
        // Made after three pages of records that this key may not see.
        model.set_order_status(orders[0], now, "complete", by).unwrap();
    });
}

#[tokio::test]
async fn increments_see_every_change_and_read_nothing_else() {
    for oddities in worlds() {
        let context = format!("{:?} {}", oddities.mg_order, oddities.ids_are_inclusive);
        let desk = Desk::open_with(model(60), oddities, RateLimit::default(), |_| {}).await;
        desk.sync().await.unwrap();
        for hour in 1..=3 {
            live_an_hour(&desk);
            let before = desk.crm.requests().len();
            desk.sync().await.unwrap();
            desk.assert_complete(&format!("{context}, hour {hour}"));
            let requests = desk.crm.requests().len() - before;
            assert!(requests < 30, "{context}, hour {hour}: {requests} requests");
        }
        let steps_before = desk.sink.steps().len();
        desk.clock.advance(TimeDelta::hours(1));
        desk.sync().await.unwrap();
        let quiet: usize = desk.sink.steps()[steps_before..]
            .iter()
            .filter(|(step, _)| step.source != SOURCE_PEOPLE)
            .map(|(_, count)| count)
            .sum();
        assert_eq!(quiet, 0, "{context}: nothing happened, so nothing is read twice");
    }
}

#[tokio::test]
async fn a_crash_at_any_request_and_a_resume_end_in_the_same_facts() {
    let open =
        || Desk::open_with(model(18), Oddities::default(), RateLimit::off(), |config| config.batch = 20);
    let whole = {
        let desk = open().await;
        desk.sync().await.unwrap();
        desk.crm.requests().len()
    };
    assert!(whole > 24, "only {whole} requests");
    // Side by side: each waits for its own server most of the time.
    let rounds = (1..=whole).map(|cut| async move {
        let desk = open().await;
        // The last answers may come before the crash does; then there is nothing to resume.
        let is_crashed = desk.sync_until_request(&desk.sink, cut).await.is_none();
        live_an_hour(&desk);
        desk.sync().await.unwrap();
        desk.assert_complete(&format!("cut at request {cut} of {whole}"));
        is_crashed
    });
    let rounds = futures::future::join_all(rounds).await;
    let crashes = rounds.into_iter().filter(|is_crashed| *is_crashed).count();
    assert!(crashes * 10 > whole * 9, "only {crashes} of {whole} rounds were cut");
}

#[tokio::test]
async fn crashes_in_a_row_still_get_through_because_finished_steps_stay_finished() {
    let desk = Desk::open_with(model(150), Oddities::default(), RateLimit::off(), |_| {}).await;
    let mut crashes = 0;
    loop {
        let cut = desk.crm.requests().len() + 30;
        match desk.sync_until_request(&desk.sink, cut).await {
            Some(done) => break done.unwrap(),
            None => crashes += 1,
        }
        assert!(crashes < 50, "no progress between crashes");
    }
    assert!(crashes >= 2, "the rounds were too short to be cut");
    desk.assert_complete("after crashes in a row");
}

#[tokio::test]
async fn a_sink_that_fails_keeps_the_old_cursor_and_the_next_round_brings_everything() {
    let desk = Desk::open(model(30)).await;
    desk.sync().await.unwrap();
    live_an_hour(&desk);
    desk.sink.refuse(true);
    let error = desk.sync().await.unwrap_err();
    assert_eq!((error.reason, error.is_permanent), ("sink", false));
    assert!(error.message.contains("the disk is full"), "{error}");
    desk.sink.refuse(false);
    desk.sync().await.unwrap();
    desk.assert_complete("after a failed sink");
}

#[tokio::test]
async fn the_number_of_requests_grows_with_the_volume_and_not_with_the_number_of_chats() {
    let chats = 600;
    let desk = Desk::open_with(model(chats), Oddities::default(), RateLimit::default(), |config| {
        config.batch = 1000
    })
    .await;
    desk.sync().await.unwrap();
    let expected = desk.expected();
    let calls = |path: &str| desk.crm.count_of(path);
    let messages = expected.messages.len().div_ceil(1000);
    assert!(messages >= 5, "too few messages to tell");
    assert!(
        calls("/api/bot/v1/messages") <= 2 * messages + 4,
        "{} for {messages}",
        calls("/api/bot/v1/messages")
    );
    assert!(calls("/api/bot/v1/dialogs") <= 2 && calls("/api/bot/v1/chats") <= 2);
    let orders = expected.orders.len();
    assert!(calls("/api/v5/orders") <= orders.div_ceil(100) + orders.div_ceil(50) + 2);
    assert!(calls("/api/v5/customers") <= 2 * orders.div_ceil(50) + 2);
    let whole = desk.crm.requests().len();
    assert!(whole < 60 && whole * 10 < chats as usize, "{whole} requests");
    assert_eq!(desk.reader.requests_made(), whole as u64);
    let (done, total) = *desk.sink.progress_of(SOURCE_ORDERS).first().unwrap();
    assert_eq!((done, total), (100, Some(orders as u64)));
}

#[tokio::test]
async fn no_second_holds_ten_requests_to_one_api() {
    let desk = Desk::open(model(90)).await;
    for _ in 0..4 {
        desk.sync().await.unwrap();
    }
    let requests = desk.crm.requests();
    assert!(requests.iter().all(|request| request.status == Some(200)), "nothing was throttled");
    for api in ["/api/bot/v1/", "/api/"] {
        let is_bot = |path: &str| path.starts_with("/api/bot/v1/");
        let own: Vec<_> = requests.iter().filter(|request| is_bot(&request.path) == is_bot(api)).collect();
        assert!(own.len() > 15, "{api}: {}", own.len());
        for first in &own {
            let end = first.at + TimeDelta::seconds(1);
            let count = own.iter().filter(|other| other.at >= first.at && other.at < end).count();
            assert!(count < 10, "{api}: {count} requests in the second from {}", first.at);
        }
    }
    assert!(requests.iter().all(|request| !request.query.contains("Key") && request.method == "GET"));
}

#[tokio::test]
async fn a_thousand_changes_in_one_second_are_told_apart_by_id() {
    for oddities in worlds() {
        let context = format!("{:?} {}", oddities.mg_order, oddities.ids_are_inclusive);
        let mut model = model(20);
        let moment = start() - TimeDelta::hours(2);
        model.advance(moment);
        let chat = model.chats()[0].id;
        for number in 0..230 {
            model.customer_writes(chat, moment, &format!("{number}")).unwrap();
        }
        let desk = Desk::open_with(model, oddities, RateLimit::default(), |_| {}).await;
        desk.sync().await.unwrap();
        desk.assert_complete(&context);
    }
}

#[tokio::test]
async fn a_reconciliation_repairs_what_was_lost_and_extends_coverage() {
    let desk = Desk::open_with(model(30), Oddities::default(), RateLimit::default(), |config| {
        config.first_load_days = 10
    })
    .await;
    desk.sync().await.unwrap();
    let short = desk.sink.state_of(SOURCE_CHATS).coverage.unwrap();
    assert!(desk.sink.kept().messages.len() < desk.expected().messages.len());
    // A change the feed does not tell about.
    desk.crm.with_model(|model| {
        let order = model.orders()[0].id;
        model.change_order(order, |order| order.number = "777X".to_owned()).unwrap();
    });
    desk.clock.advance(TimeDelta::hours(1));
    desk.sync_into(&desk.sink, SyncMode::Reconcile { days: DAYS }).await.unwrap();
    desk.assert_complete("after the reconciliation");
    for source in [SOURCE_CHATS, SOURCE_ORDERS] {
        let long = desk.sink.state_of(source).coverage.unwrap();
        assert!(
            long.from < short.from - TimeDelta::days(19) && long.until > short.until,
            "{source}: {long:?}"
        );
    }
}

#[tokio::test]
async fn late_links_of_customers_are_found_by_the_daily_reconciliation() {
    let desk = Desk::open(model(30)).await;
    desk.sync().await.unwrap();
    desk.crm.with_model(|model| {
        // One who had none, and one who has a second messenger now.
        let person = |model: &Model, index: usize| model.mg_customers()[index].id;
        for (is_linked, index) in [(false, 1), (true, 2)] {
            let mut buyers = model.customers().iter();
            let buyer = buyers.find(|buyer| buyer.mg_customer_ids.is_empty() != is_linked).unwrap().id;
            model.link_customer(buyer, person(model, index)).unwrap();
        }
    });
    let before = desk.sink.kept().links.len();
    desk.sync_into(&desk.sink, SyncMode::Reconcile { days: DAYS }).await.unwrap();
    desk.assert_complete("after the late link");
    assert_eq!(desk.sink.kept().links.len(), before + 2);
}

#[tokio::test]
async fn orders_deleted_during_the_page_walk_do_not_hide_their_neighbours() {
    let mut model = Model::new(chrono_tz::Europe::Moscow);
    let buyer = model.add_customer(start() - TimeDelta::days(20), Default::default());
    for number in 0..450 {
        let made = start() - TimeDelta::days(20) + TimeDelta::minutes(number * 60);
        let item = ("Чай".to_owned(), 100_000 + number, 1);
        model
            .add_order(
                made,
                NewOrder { customer_id: buyer, items: vec![item], ..Default::default() },
                Actor::System,
            )
            .unwrap();
    }
    let desk = Desk::open_with(model, Oddities::default(), RateLimit::off(), |_| {}).await;
    // Cut after the second page, delete from the pages already read, go on.
    let pages = || desk.crm.count_of("/api/v5/orders");
    let reads = async { desk.reader.sync_orders(&desk.sink, SyncMode::Increment).await };
    let cut = crate::support::time::drive_while(&desk.clock, || pages() < 3, reads).await;
    assert!(cut.is_none());
    let kept = desk.sink.kept().orders.len();
    assert!((100..450).contains(&kept), "{kept}");
    desk.crm.with_model(|model| {
        let newest: Vec<i64> = model.orders().iter().rev().take(30).map(|order| order.id).collect();
        for id in newest {
            model.delete_order(id, start(), Actor::System).unwrap();
        }
    });
    desk.sync().await.unwrap();
    desk.assert_complete("after deletions during the walk");
}

#[tokio::test]
async fn the_whole_tea_shop_is_read_and_lives_on_for_a_day() {
    let options = ShopOptions { days: DAYS - 2, ..ShopOptions::demo(start()) };
    let desk = Desk::open_with(tea_shop(&options), Oddities::default(), RateLimit::default(), |config| {
        config.batch = 1000;
    })
    .await;
    desk.sync().await.unwrap();
    desk.assert_complete("the first load");
    for _ in 0..4 {
        desk.clock.advance(TimeDelta::hours(6));
        desk.sync().await.unwrap();
    }
    // Second identities of known customers come without any change of an order.
    desk.sync_into(&desk.sink, SyncMode::Reconcile { days: DAYS }).await.unwrap();
    desk.assert_complete("a day later");
    assert!(desk.expected().messages.len() > 2000);
    let whole = desk.crm.requests().len();
    assert!(whole < 120, "{whole} requests");
}
