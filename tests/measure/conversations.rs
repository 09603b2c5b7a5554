use svodka::facts::{Author, DialogEvent, ManagerId, Responsible};
use svodka::measure::digest::{ChatSummary, Ratio};

use crate::support::facts::*;

const CUSTOMER: Author = Author::Customer(1);

fn team(shop: &Shop) -> ChatSummary {
    shop.digest().team.current.chats.expect("chats are covered")
}

/// `(conversations, messages they wrote)` of a manager of the digest; `None` when not listed.
fn held(shop: &Shop, id: Option<ManagerId>) -> Option<(u64, u64)> {
    let managers = shop.digest().managers;
    let chats = managers.into_iter().find(|block| block.id == id)?.numbers.current.chats?;
    Some((chats.chats, chats.outbound))
}

#[test]
fn a_burst_is_timed_from_its_first_message_and_the_first_response_is_its_first_burst() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 12:00", None);
    shop.asks(10, "2026-03-10 12:00").asks(10, "2026-03-10 12:04").replies(10, ANNA, "2026-03-10 12:05");
    shop.replies(10, ANNA, "2026-03-10 12:06");
    shop.asks(10, "2026-03-10 13:00").replies(10, ANNA, "2026-03-10 13:20").asks(10, "2026-03-10 13:21");
    let team = team(&shop);
    assert_eq!((team.chats, team.inbound, team.outbound), (1, 4, 3));
    assert_eq!(team.first_response_median_secs, Some(300.0));
    // Waits of 300 and 1200 seconds: the median lies half way, the ninth decile nine tenths of the way.
    assert_eq!((team.wait_median_secs, team.wait_p90_secs), (Some(750.0), Some(1110.0)));
    assert_eq!((team.unanswered_inbound, team.no_reply_chats, team.slow_first_reply_chats), (1, 0, 0));
    assert_eq!(team.response_ratio, Some(Ratio { part: 1, whole: 1 }));
}

#[test]
fn a_night_message_starts_the_clock_in_the_morning_and_counts_on_the_day_of_the_reply() {
    let mut shop = Shop::on("2026-03-09");
    shop.dialog(1, 10, "2026-03-09 22:50", None);
    shop.asks(10, "2026-03-09 22:50").replies(10, ANNA, "2026-03-10 10:03");
    let monday = team(&shop);
    assert_eq!((monday.chats, monday.no_reply_chats, monday.responded_chats), (1, 1, 0));
    assert_eq!(monday.first_response_median_secs, None);
    assert_eq!(monday.response_ratio, Some(Ratio { part: 0, whole: 1 }));

    let tuesday = Shop { facts: shop.facts, ..Shop::on("2026-03-10") };
    let tuesday = team(&tuesday);
    // Ten minutes before closing and three after opening: 780 s, which is slow.
    assert_eq!((tuesday.chats, tuesday.inbound, tuesday.outbound), (1, 0, 1));
    assert_eq!(tuesday.first_response_median_secs, Some(780.0));
    assert_eq!((tuesday.slow_first_reply_chats, tuesday.no_reply_chats), (1, 0));
    assert_eq!(tuesday.response_ratio, Some(Ratio { part: 1, whole: 1 }));
}

#[test]
fn exactly_the_limit_is_not_slow() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 12:00", None);
    shop.dialog(2, 20, "2026-03-10 12:00", None);
    shop.asks(10, "2026-03-10 12:00").replies(10, ANNA, "2026-03-10 12:10");
    shop.asks(20, "2026-03-10 12:00").replies(20, ANNA, "2026-03-10 12:10:01");
    assert_eq!(team(&shop).slow_first_reply_chats, 1);
}

#[test]
fn bots_integrations_notes_and_the_channel_answer_nobody() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 12:00", Some(Responsible::Bot(BOT)));
    shop.asks(10, "2026-03-10 12:00");
    shop.says(10, Author::Bot(BOT), "2026-03-10 12:01");
    shop.says(10, Author::Channel(TELEGRAM), "2026-03-10 12:02");
    shop.replies(10, ROBOT, "2026-03-10 12:03");
    shop.says(10, Author::User(ANNA), "2026-03-10 12:04").is_public = false;
    shop.event(10, DialogEvent::Assigned(Responsible::User(ROBOT)), "2026-03-10 12:05");
    let team = team(&shop);
    assert_eq!((team.chats, team.inbound, team.outbound), (1, 1, 0));
    assert_eq!((team.no_reply_chats, team.unanswered_inbound), (1, 1));
    assert_eq!(held(&shop, None), Some((1, 0)));
}

#[test]
fn a_manager_who_writes_first_is_not_a_response_and_silence_after_it_is_not_no_reply() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 12:00", None);
    shop.replies(10, ANNA, "2026-03-10 12:00").asks(10, "2026-03-10 12:30");
    let team = team(&shop);
    assert_eq!((team.responded_chats, team.no_reply_chats, team.unanswered_inbound), (0, 0, 1));
    assert_eq!(team.response_ratio, Some(Ratio { part: 0, whole: 1 }));
    assert_eq!(team.first_response_median_secs, None);
}

#[test]
fn a_day_with_replies_only_to_nobody_has_no_ratio_instead_of_zero() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 12:00", None);
    shop.replies(10, ANNA, "2026-03-10 12:00");
    let team = team(&shop);
    assert_eq!((team.chats, team.inbound_chats), (1, 0));
    assert_eq!((team.response_ratio, team.conversion), (None, None));
}

#[test]
fn at_the_same_second_the_lesser_id_came_first() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 12:00", None);
    shop.dialog(2, 20, "2026-03-10 12:00", None);
    shop.asks(10, "2026-03-10 12:00").replies(10, ANNA, "2026-03-10 12:00");
    shop.replies(20, ANNA, "2026-03-10 12:00").asks(20, "2026-03-10 12:00");
    let team = team(&shop);
    assert_eq!((team.responded_chats, team.unanswered_inbound), (1, 1));
    assert_eq!(team.first_response_median_secs, Some(0.0));
}

#[test]
fn the_first_moment_of_a_day_belongs_to_it_and_midnight_at_its_end_does_not() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 00:00", None);
    shop.dialog(2, 20, "2026-03-11 00:00", None);
    shop.asks(10, "2026-03-10 00:00").asks(20, "2026-03-11 00:00");
    let team = team(&shop);
    assert_eq!((team.chats, team.inbound), (1, 1));
}

#[test]
fn a_chat_without_dialogs_is_one_conversation() {
    let mut shop = Shop::on("2026-03-10");
    shop.chat(1, TELEGRAM);
    shop.says_in(1, None, CUSTOMER, "2026-03-10 11:00");
    shop.says_in(1, None, Author::User(BORIS), "2026-03-10 11:02");
    shop.says_in(1, None, CUSTOMER, "2026-03-10 19:00");
    let team = team(&shop);
    assert_eq!((team.chats, team.inbound, team.unanswered_inbound), (1, 2, 1));
    assert_eq!(team.first_response_median_secs, Some(120.0));
    assert_eq!(held(&shop, Some(ManagerId::Crm(2))), Some((1, 1)));
}

#[test]
fn a_message_outside_dialogs_joins_the_newest_dialog_of_its_chat() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 12:00", None);
    shop.dialog(1, 11, "2026-03-10 15:00", None);
    shop.says_in(1, None, CUSTOMER, "2026-03-10 11:00");
    shop.asks(10, "2026-03-10 12:00");
    shop.says_in(1, None, Author::User(ANNA), "2026-03-10 12:01");
    shop.asks(11, "2026-03-10 15:00");
    let team = team(&shop);
    // The one before the first dialog is a conversation of its own and has no reply; neither has dialog 11.
    assert_eq!((team.chats, team.responded_chats, team.no_reply_chats), (3, 1, 2));
}

#[test]
fn a_follow_up_gap_counts_on_the_day_on_which_it_comes_due() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-09 18:00", Some(Responsible::User(BORIS)));
    shop.dialog(2, 20, "2026-03-09 18:00", None);
    shop.dialog(3, 30, "2026-03-10 18:00", None);
    shop.asks(10, "2026-03-09 18:00");
    shop.asks(20, "2026-03-09 18:00").replies(20, ANNA, "2026-03-10 23:59");
    shop.asks(30, "2026-03-10 18:00");
    let digest = shop.digest();
    let team = digest.team.current.chats.expect("covered");
    assert_eq!((team.follow_up_gap_chats, team.chats), (1, 2));
    let boris = digest.managers.iter().find(|block| block.id == Some(ManagerId::Crm(2))).expect("listed");
    assert_eq!(boris.numbers.current.chats.as_ref().expect("covered").follow_up_gap_chats, 1);
    let previous = digest.team.previous.chats.expect("covered");
    assert_eq!((previous.follow_up_gap_chats, previous.chats), (0, 2));
}

#[test]
fn a_handed_over_dialog_is_its_holders_and_each_reply_its_authors() {
    let mut shop = Shop::on("2026-03-10");
    // Boris took it over the next morning; on the day itself Anna had it.
    shop.dialog(1, 10, "2026-03-10 12:00", Some(Responsible::User(BORIS))).assigned_at =
        Some(msk("2026-03-11 08:00"));
    shop.event(10, DialogEvent::Assigned(Responsible::User(VERA)), "2026-03-10 12:00");
    shop.asks(10, "2026-03-10 12:00").replies(10, VERA, "2026-03-10 12:05");
    shop.event(10, DialogEvent::Assigned(Responsible::User(ANNA)), "2026-03-10 13:00");
    shop.replies(10, ANNA, "2026-03-10 13:05").replies(10, ANNA, "2026-03-10 13:06");
    shop.event(10, DialogEvent::Assigned(Responsible::User(BORIS)), "2026-03-11 08:00");
    assert_eq!(held(&shop, Some(ManagerId::Crm(1))), Some((1, 2)));
    assert_eq!(held(&shop, Some(ManagerId::Mg(VERA))), Some((0, 1)));
    assert_eq!(held(&shop, Some(ManagerId::Crm(2))), None);
    let mut shop = Shop { facts: shop.facts, ..Shop::on("2026-03-11") };
    shop.asks(10, "2026-03-11 10:00");
    assert_eq!(held(&shop, Some(ManagerId::Crm(2))), Some((1, 0)));
}

#[test]
fn without_a_responsible_person_the_author_of_the_first_reply_holds_the_conversation() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 12:00", Some(Responsible::Bot(BOT)));
    shop.asks(10, "2026-03-10 12:00").replies(10, BORIS, "2026-03-10 12:05");
    shop.replies(10, ANNA, "2026-03-10 12:06");
    assert_eq!(held(&shop, Some(ManagerId::Crm(2))), Some((1, 1)));
    shop.event(10, DialogEvent::Assigned(Responsible::User(ANNA)), "2026-03-10 13:00");
    assert_eq!(held(&shop, Some(ManagerId::Crm(1))), Some((1, 1)));
    shop.event(10, DialogEvent::Unassigned, "2026-03-10 14:00");
    assert_eq!(held(&shop, Some(ManagerId::Crm(2))), Some((1, 1)));
}

#[test]
fn the_dialogs_own_record_counts_only_from_the_moment_of_the_assignment() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 12:00", Some(Responsible::User(BORIS))).assigned_at =
        Some(msk("2026-03-10 23:59"));
    shop.asks(10, "2026-03-10 12:00");
    assert_eq!(held(&shop, Some(ManagerId::Crm(2))), Some((1, 0)));
    shop.facts.dialogs[0].assigned_at = Some(msk("2026-03-11 00:00"));
    assert_eq!(held(&shop, Some(ManagerId::Crm(2))), None);
    assert_eq!(held(&shop, None), Some((1, 0)));
}

#[test]
fn the_later_of_record_and_note_says_who_holds_a_dialog_and_at_the_same_second_the_note() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 12:00", Some(Responsible::User(BORIS)));
    shop.asks(10, "2026-03-10 12:00");
    shop.event(10, DialogEvent::Assigned(Responsible::User(ANNA)), "2026-03-10 15:00");
    for (assigned_at, holder) in [("14:59:59", 1), ("15:00:00", 1), ("15:00:01", 2)] {
        shop.facts.dialogs[0].assigned_at = Some(msk(&format!("2026-03-10 {assigned_at}")));
        assert_eq!(held(&shop, Some(ManagerId::Crm(holder))), Some((1, 0)), "{assigned_at}");
    }
    // Without a time the record is as old as the dialog.
    shop.facts.dialogs[0].assigned_at = None;
    assert_eq!(held(&shop, Some(ManagerId::Crm(1))), Some((1, 0)));
    shop.facts.messages.pop();
    assert_eq!(held(&shop, Some(ManagerId::Crm(2))), Some((1, 0)));
    shop.facts.dialogs[0].created_at = msk("2026-03-11 00:00");
    assert_eq!(held(&shop, None), Some((1, 0)));
}

#[test]
fn what_happens_after_the_day_changes_nothing_in_its_figures() {
    let mut shop = Shop::on("2026-03-10");
    shop.dialog(1, 10, "2026-03-10 12:00", None);
    shop.asks(10, "2026-03-10 12:00").replies(10, ANNA, "2026-03-10 12:05").asks(10, "2026-03-10 20:00");
    let before = shop.digest();
    shop.replies(10, BORIS, "2026-03-11 00:00").asks(10, "2026-03-11 00:01");
    shop.event(10, DialogEvent::Assigned(Responsible::User(BORIS)), "2026-03-11 00:02");
    shop.order(1, "2026-03-11 00:00", 10_000).dialog_id = Some(10);
    let after = shop.digest();
    assert_ne!(before.waiting, after.waiting);
    assert_eq!((before.team, before.headline), (after.team, after.headline));
    let numbers = |managers: Vec<svodka::measure::digest::ManagerBlock>| -> Vec<_> {
        managers.into_iter().map(|block| (block.id, block.numbers)).collect()
    };
    assert_eq!(numbers(before.managers), numbers(after.managers));
}
