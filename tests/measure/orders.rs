use svodka::facts::{Money, Responsible};
use svodka::measure::digest::{ChatSummary, OrderSummary, Ratio};

use crate::support::facts::*;

fn chats(shop: &Shop) -> ChatSummary {
    shop.digest().team.current.chats.expect("chats are covered")
}

fn orders(shop: &Shop) -> OrderSummary {
    shop.digest().team.current.orders.expect("orders are covered")
}

/// A shop with two answered conversations of the day: dialog 10 of customer 701, dialog 20 of customer 702.
fn two_dialogs() -> Shop {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 12:00", Some(Responsible::User(ANNA)));
    shop.dialog(2, 20, "2026-03-10 12:00", Some(Responsible::User(BORIS)));
    shop.asks(10, "2026-03-10 12:00").replies(10, ANNA, "2026-03-10 12:05");
    shop.asks(20, "2026-03-10 12:00").replies(20, BORIS, "2026-03-10 12:06");
    shop
}

const NONE_OF_TWO: Option<Ratio> = Some(Ratio { part: 0, whole: 2 });
const ONE_OF_TWO: Option<Ratio> = Some(Ratio { part: 1, whole: 2 });

#[test]
fn sums_of_the_day_are_of_the_orders_created_on_it() {
    let mut shop = Shop::on("2026-03-10");
    shop.order(1, "2026-03-10 00:00", 100_000).manager_id = Some(1);
    shop.order(2, "2026-03-10 23:59:59", 50_001).full_paid_at = Some(msk("2026-03-10 23:59:59"));
    shop.order(3, "2026-03-11 00:00", 999_900);
    shop.order(4, "2026-03-09 23:59:59", 999_900);
    shop.order(5, "2026-03-10 12:00", 999_900).is_deleted = true;
    let orders = orders(&shop);
    assert_eq!((orders.orders, orders.revenue, orders.paid_revenue), (2, Money(150_001), Money(50_001)));
    // 75000.5 kopecks, rounded away from zero.
    assert_eq!(orders.average_order, Some(Money(75_001)));
    assert_eq!((orders.paid_orders, orders.unpaid_orders), (1, 1));
}

#[test]
fn only_a_full_payment_by_the_end_of_the_day_is_paid() {
    let mut shop = Shop::on("2026-03-10");
    shop.order(1, "2026-03-10 12:00", 10_000).full_paid_at = Some(msk("2026-03-11 00:00"));
    shop.order(2, "2026-03-10 12:00", 10_000).prepaid = Money(1);
    shop.order(3, "2026-03-10 12:00", 0);
    shop.order(4, "2026-03-10 12:00", 10_000).full_paid_at = Some(msk("2026-03-10 12:00"));
    let orders = orders(&shop);
    let states = [orders.paid_orders, orders.partial_orders, orders.unpaid_orders, orders.unknown_orders];
    assert_eq!(states, [1, 1, 1, 1]);
    assert_eq!(orders.paid_revenue, Money(10_000));
}

#[test]
fn no_order_has_no_average() {
    assert_eq!(orders(&Shop::on("2026-03-10")).average_order, None);
}

#[test]
fn orders_in_another_currency_are_counted_and_stay_out_of_the_sums() {
    let mut shop = Shop::on("2026-03-10");
    for (id, currency) in [(1, Some("KZT")), (2, Some("RUB")), (3, Some("KZT")), (4, None)] {
        shop.order(id, "2026-03-10 12:00", 100).currency = currency.map(str::to_owned);
    }
    let digest = shop.digest();
    let orders = digest.team.current.orders.expect("covered");
    assert_eq!((digest.currency.as_str(), orders.orders, orders.foreign_currency_orders), ("KZT", 4, 1));
    assert_eq!((orders.revenue, orders.average_order), (Money(300), Some(Money(100))));
    assert_eq!(Shop::on("2026-03-10").digest().currency, "RUB");
}

#[test]
fn the_dialog_named_by_the_order_wins_over_all_other_evidence() {
    let mut shop = two_dialogs();
    let order = shop.order(1, "2026-03-10 13:00", 10_000);
    (order.dialog_id, order.customer_id) = (Some(20), Some(701));
    shop.says(10, svodka::facts::Author::User(ANNA), "2026-03-10 13:01").order_id = Some(1);
    let digest = shop.digest();
    assert_eq!(digest.team.current.chats.expect("covered").conversion, ONE_OF_TWO);
    let boris = digest.managers.iter().find(|block| block.name == "Борис").expect("listed");
    let boris = boris.numbers.current.chats.as_ref().expect("covered");
    assert_eq!(boris.conversion, Some(Ratio { part: 1, whole: 1 }));
    assert_eq!(boris.time_to_order_median_secs, Some(3600.0));
    shop.facts.orders[0].dialog_id = Some(999);
    assert_eq!(chats(&shop).conversion, NONE_OF_TWO, "a dialog that is not known is no reason to guess");
}

#[test]
fn an_order_shown_in_the_chat_links_unless_it_is_older_than_the_conversation() {
    let mut shop = two_dialogs();
    shop.order(1, "2026-03-10 12:30", 10_000);
    shop.says(10, svodka::facts::Author::User(ANNA), "2026-03-10 12:40").order_id = Some(1);
    assert_eq!(chats(&shop).conversion, ONE_OF_TWO);
    shop.facts.orders[0].created_at = msk("2026-03-10 11:59");
    assert_eq!(chats(&shop).conversion, NONE_OF_TWO);
}

#[test]
fn an_order_of_the_customer_links_within_thirty_days_after_the_start() {
    let mut shop = two_dialogs();
    shop.order(1, "2026-03-10 12:00", 10_000).customer_id = Some(701);
    let linked = chats(&shop);
    assert_eq!((linked.conversion, linked.time_to_order_median_secs), (ONE_OF_TWO, Some(0.0)));
    shop.facts.orders[0].created_at = msk("2026-03-10 11:59:59");
    assert_eq!(chats(&shop).conversion, NONE_OF_TWO);

    let mut late = two_dialogs();
    late.dialog(1, 5, "2026-02-08 12:00", None);
    late.facts.dialogs.retain(|dialog| dialog.id != 10);
    late.facts.messages.retain(|message| message.dialog_id != Some(10));
    late.asks(5, "2026-02-08 12:00").asks(5, "2026-03-10 12:00");
    late.order(1, "2026-03-10 12:00", 10_000).customer_id = Some(701);
    assert_eq!(chats(&late).conversion, ONE_OF_TWO, "thirty days to the second");
    late.facts.orders[0].created_at = msk("2026-03-10 12:00:01");
    assert_eq!(chats(&late).conversion, NONE_OF_TWO);
}

#[test]
fn of_a_customers_conversations_the_one_with_the_last_reply_before_the_order_wins() {
    let mut shop = two_dialogs();
    shop.facts.customer_links[1].crm_customer_id = 701;
    shop.order(1, "2026-03-10 13:00", 10_000).customer_id = Some(701);
    let with_order = |shop: &Shop, name: &str| {
        let managers = shop.digest().managers;
        let block = managers.into_iter().find(|block| block.name == name).expect("listed");
        block.numbers.current.chats.expect("covered").conversion.map(|ratio| ratio.part)
    };
    assert_eq!((with_order(&shop, "Анна"), with_order(&shop, "Борис")), (Some(0), Some(1)));
    shop.replies(10, ANNA, "2026-03-10 12:59");
    assert_eq!((with_order(&shop, "Анна"), with_order(&shop, "Борис")), (Some(1), Some(0)));
    shop.replies(20, BORIS, "2026-03-10 13:01");
    assert_eq!((with_order(&shop, "Анна"), with_order(&shop, "Борис")), (Some(1), Some(0)));
}

#[test]
fn several_orders_make_one_conversion_timed_by_the_first_and_paid_by_any() {
    let mut shop = two_dialogs();
    for (id, at) in [(2, "2026-03-10 15:00"), (1, "2026-03-10 14:00")] {
        shop.order(id, at, 10_000).dialog_id = Some(10);
    }
    let unpaid = chats(&shop);
    assert_eq!((unpaid.conversion, unpaid.paid_conversion), (ONE_OF_TWO, NONE_OF_TWO));
    assert_eq!(unpaid.time_to_order_median_secs, Some(7200.0));
    shop.facts.orders[0].full_paid_at = Some(msk("2026-03-10 16:00"));
    assert_eq!(chats(&shop).paid_conversion, ONE_OF_TWO);
}

#[test]
fn an_order_older_than_the_first_question_has_no_time_to_order() {
    let mut shop = two_dialogs();
    shop.order(1, "2026-03-10 11:00", 10_000).dialog_id = Some(10);
    let chats = chats(&shop);
    assert_eq!((chats.conversion, chats.time_to_order_median_secs), (ONE_OF_TWO, None));
}
