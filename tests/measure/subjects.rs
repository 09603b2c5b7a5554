use svodka::facts::{Author, ManagerId};
use svodka::measure::history_rows;

use crate::support::facts::*;

fn shop() -> Shop {
    let mut shop = Shop::on("2026-03-10");
    shop.chat(3, WHATSAPP);
    for (dialog, user) in [(1, BORIS), (2, VERA), (3, BORIS)] {
        shop.dialog(dialog, dialog, "2026-03-10 12:00", None);
        shop.asks(dialog, "2026-03-10 12:00").replies(dialog, user, "2026-03-10 12:05");
    }
    shop.dialog(4, 4, "2026-03-10 12:00", None);
    shop.asks(4, "2026-03-10 12:00");
    // A chat of which nothing but its id is known.
    shop.says_in(99, Some(990), Author::Customer(1), "2026-03-10 12:00");
    shop.order(1, "2026-03-10 12:00", 50_000).manager_id = Some(1);
    shop.order(2, "2026-03-10 12:00", 50_000).manager_id = Some(77);
    shop.order(3, "2026-03-10 12:00", 50_000);
    shop
}

#[test]
fn managers_stand_by_conversations_then_name_and_nobody_last() {
    let digest = shop().digest();
    let order: Vec<_> = digest.managers.iter().map(|block| (block.id, block.name.as_str())).collect();
    let crm = |id| Some(ManagerId::Crm(id));
    assert_eq!(
        order,
        [
            (crm(2), "Борис"),
            (Some(ManagerId::Mg(VERA)), "Вера"),
            (crm(1), "Анна"),
            (crm(77), "Сотрудник crm:77"),
            (None, "Не назначен"),
        ]
    );
    let nobody = digest.managers.last().expect("listed");
    assert_eq!(nobody.numbers.current.chats.as_ref().expect("covered").chats, 2);
    assert_eq!(nobody.numbers.current.orders.as_ref().expect("covered").orders, 1);
    let boris = &digest.managers[0].numbers;
    assert_eq!(boris.previous.chats.as_ref().expect("covered").chats, 0);
}

#[test]
fn channels_stand_by_conversations_and_an_unknown_one_has_no_kind() {
    let digest = shop().digest();
    let channels: Vec<_> = digest
        .channels
        .iter()
        .map(|block| (block.id, block.kind.as_str(), block.current.as_ref().expect("covered").chats))
        .collect();
    assert_eq!(channels, [(Some(TELEGRAM), "telegram", 3), (None, "", 1), (Some(WHATSAPP), "whatsapp", 1)]);
}

#[test]
fn history_has_every_measure_of_every_subject_once() {
    let shop = shop();
    let rows = history_rows(&shop.digest());
    let value = |subject: &str, measure: &str| {
        let mut found = rows.iter().filter(|row| row.0 == subject && row.1 == measure);
        let row = found.next().unwrap_or_else(|| panic!("{subject} {measure} is missing"));
        assert!(found.next().is_none(), "{subject} {measure} stands twice");
        (row.2, row.3)
    };
    assert_eq!(value("team", "chats"), (Some(5.0), true));
    assert_eq!(value("team", "response_ratio"), (Some(0.6), true));
    assert_eq!(value("team", "revenue"), (Some(150_000.0), true));
    assert_eq!(value("team", "time_to_order_median_secs"), (None, true));
    assert_eq!(value("manager/crm:2", "first_response_median_secs"), (Some(300.0), true));
    assert_eq!(value("manager/none", "no_reply_chats"), (Some(2.0), true));
    assert_eq!(value("channel/1", "inbound"), (Some(3.0), true));
    assert_eq!(value("channel/none", "no_reply_chats"), (Some(1.0), true));
    // 26 measures of the team and five managers, 17 of three channels.
    assert_eq!(rows.len(), 6 * 26 + 3 * 17);
}

#[test]
fn history_says_which_values_are_of_a_day_known_in_part() {
    let mut shop = shop();
    shop.orders.as_mut().expect("set").until = msk("2026-03-10 12:00:01");
    let rows = history_rows(&shop.digest());
    let team = |measure: &str| {
        let row = rows.iter().find(|row| row.0 == "team" && row.1 == measure).expect("a row");
        (row.2, row.3)
    };
    assert_eq!(team("chats"), (Some(5.0), true));
    assert_eq!(team("orders"), (Some(3.0), false));
    assert_eq!((team("average_order"), team("conversion")), ((None, false), (None, false)));
    shop.orders = None;
    let rows = history_rows(&shop.digest());
    let orders = rows.iter().find(|row| row.0 == "team" && row.1 == "orders").expect("a row");
    assert_eq!((orders.2, orders.3), (None, false));
}
