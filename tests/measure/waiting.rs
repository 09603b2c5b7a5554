use chrono::TimeDelta;
use svodka::facts::{Author, DialogEvent, Responsible};

use crate::support::facts::*;

fn waiting(shop: &Shop) -> Vec<i64> {
    shop.digest().waiting.expect("chats are fresh").iter().map(|entry| entry.chat_id).collect()
}

#[test]
fn those_who_wait_are_listed_oldest_first_with_their_age_in_working_time() {
    let mut shop = Shop::on("2026-03-10");
    shop.chat(2, WHATSAPP);
    shop.dialog(1, 10, "2026-03-11 08:00", None);
    shop.dialog(2, 20, "2026-03-10 22:00", Some(Responsible::User(ANNA)));
    shop.asks(10, "2026-03-11 08:00");
    shop.asks(20, "2026-03-10 22:00").asks(20, "2026-03-10 22:30");
    let digest = shop.digest();
    let list = digest.waiting.expect("fresh");
    let [first, second] = &list[..] else { panic!("two wait: {list:?}") };
    assert_eq!((first.chat_id, first.dialog_id, first.unanswered), (2, Some(20), 2));
    assert_eq!((first.since_at, first.age_secs), (msk("2026-03-10 22:00"), 3600));
    assert_eq!((first.channel_kind.as_str(), first.customer_name.as_str()), ("whatsapp", "Покупатель"));
    assert_eq!((first.manager.as_deref(), second.manager.as_deref()), (Some("Анна"), None));
    assert_eq!((second.chat_id, second.age_secs), (1, 0), "the shop has not opened yet");
    let anna = digest.managers.iter().find(|block| block.name == "Анна").expect("listed");
    assert_eq!(anna.waiting_now, 1);
}

#[test]
fn an_answer_takes_a_customer_off_the_list_and_a_bots_answer_does_not() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 12:00", None);
    shop.asks(10, "2026-03-10 12:00");
    shop.says(10, Author::Bot(BOT), "2026-03-10 12:01");
    assert_eq!(waiting(&shop), [1]);
    shop.replies(10, ANNA, "2026-03-11 08:59:59");
    assert_eq!(waiting(&shop), [0; 0]);
}

#[test]
fn a_closed_dialog_waits_for_nothing_unless_it_closes_later() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 12:00", None).closed_at = Some(msk("2026-03-11 09:00"));
    shop.dialog(2, 20, "2026-03-10 12:00", None).closed_at = Some(msk("2026-03-11 09:01"));
    shop.dialog(3, 30, "2026-03-10 12:00", None);
    for dialog in [10, 20, 30] {
        shop.asks(dialog, "2026-03-10 12:00");
    }
    shop.event(30, DialogEvent::Closed, "2026-03-10 13:00");
    assert_eq!(waiting(&shop), [2]);
}

#[test]
fn stale_chats_give_no_list_rather_than_a_wrong_one() {
    let mut shop = Shop::on("2026-03-10");
    let known = shop.chats.as_mut().expect("set");
    known.until = shop.now - TimeDelta::hours(1);
    assert_eq!(shop.digest().waiting, Some(vec![]));
    shop.chats.as_mut().expect("set").until -= TimeDelta::seconds(1);
    assert_eq!(shop.digest().waiting, None);
}
